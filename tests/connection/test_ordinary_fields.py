"""What is read again of an ordinary request is what the whole look reads; where it is not ordinary after all, too."""

from collections.abc import Callable
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection import (
    Connection,
    ForwardedCertificates,
    Networks,
    ScopeReader,
    Transport,
    TrustedProxies,
    connection_reader,
    dangerously_trust_any_proxy,
)
from asvs_middleware.connection.exchange import SCOPE_KEY
from asvs_middleware.connection.ordinary_fields import OrdinaryFields

Make = Callable[..., Any]

HOST, TOKEN = (b"host", b"api.example.com"), (b"authorization", b"Bearer a")
FOR, PROTO = (b"x-forwarded-for", b"203.0.113.5"), (b"x-forwarded-proto", b"https")
NAMED = (b"x-forwarded-host", b"api.example.com")
PASSED_ON = [HOST, FOR, PROTO]
fields = OrdinaryFields([b"ssl-client-cert"])

READERS = {
    "nobody trusted": connection_reader(Networks([])),
    "a proxy": connection_reader(Networks(["10.0.0.0/8"])),
    "one hop": connection_reader(TrustedProxies(["10.0.0.0/8"], hops=1)),
    "two hops": connection_reader(TrustedProxies(["10.0.0.0/8"], hops=2)),
    "Forwarded": connection_reader(TrustedProxies(["10.0.0.0/8"], fields="forwarded")),
    "any proxy": connection_reader(dangerously_trust_any_proxy(reason="only the proxy reaches it")),
    "certificates forwarded": connection_reader(
        Networks(["10.0.0.0/8"]), ForwardedCertificates("nginx", peers=["10.0.0.0/8", "192.0.2.0/24"])
    ),
    "no judge": ScopeReader(),
}


@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        pytest.param([HOST, TOKEN, (b"accept", b"*/*")], (b"api.example.com", (b"Bearer a",)), id="host and token"),
        pytest.param([TOKEN, TOKEN], (None, (b"Bearer a", b"Bearer a")), id="no host, two tokens"),
        pytest.param([HOST, HOST], None, id="two hosts"),
        pytest.param([HOST, FOR], None, id="a claim"),
        pytest.param([HOST, (b"x_real_ip", b"::1")], None, id="what looks like a claim"),
        pytest.param([HOST, (b"forwarded", b"proto=https")], None, id="a claim of the other family"),
        pytest.param([HOST, (b"ssl-client-cert", b"a")], None, id="a certificate"),
    ],
)
def test_straight_from_a_client(pairs: Any, found: Any) -> None:
    """Nobody stands in between, so there is no field that somebody in between writes."""
    assert fields.straight(pairs) == found


@pytest.mark.parametrize(
    ("pairs", "client"),
    [
        pytest.param(PASSED_ON, "203.0.113.5", id="all there is to say"),
        pytest.param([FOR, PROTO, HOST], "203.0.113.5", id="in another order"),
        pytest.param([*PASSED_ON, TOKEN], "203.0.113.5", id="with a token"),
        pytest.param([*PASSED_ON, NAMED, NAMED], "203.0.113.5", id="the same host named"),
        pytest.param([*PASSED_ON, (b"x-real-ip", b"::1")], "203.0.113.5", id="a field that does not count"),
        pytest.param([HOST, (FOR[0], b"[::1]:4711"), PROTO], "::1", id="an address with a port"),
        pytest.param([FOR, PROTO], None, id="no host"),
        pytest.param([HOST, PROTO], None, id="no client"),
        pytest.param([HOST, FOR], None, id="nothing about TLS"),
        pytest.param([HOST, FOR, (PROTO[0], b"http")], None, id="plaintext"),
        pytest.param([*PASSED_ON, PROTO], None, id="TLS twice"),
        pytest.param([HOST, *PASSED_ON], None, id="two hosts"),
        pytest.param([*PASSED_ON, FOR], None, id="two clients"),
        pytest.param([HOST, (FOR[0], b"unknown"), FOR, PROTO], None, id="a client nobody can read, and another"),
        pytest.param([HOST, (FOR[0], b"203.0.113.5, 10.0.0.1"), PROTO], None, id="a list"),
        pytest.param([*PASSED_ON, (NAMED[0], b"evil.example")], None, id="another host named"),
        pytest.param([(HOST[0], b"a,b"), FOR, PROTO, (NAMED[0], b"a,b")], None, id="several hosts named"),
        pytest.param([(HOST[0], b"a "), FOR, PROTO, (NAMED[0], b"a ")], None, id="a host with a space, named"),
        pytest.param([NAMED, *PASSED_ON], None, id="a host named before it is known"),
        pytest.param([*PASSED_ON, (b"forwarded", b"for=::1")], None, id="the other family"),
        pytest.param([*PASSED_ON, (b"x_forwarded_for", b"::1")], None, id="what looks like a claim"),
        pytest.param([*PASSED_ON, (b"ssl-client-cert", b"a")], None, id="a certificate"),
    ],
)
def test_through_one_proxy(pairs: Any, client: str | None) -> None:
    """Each of its fields once, and of one client over TLS; anything else is for the whole look."""
    found = fields.one_hop(pairs)
    assert (None if found is None else found[1]) == client
    assert found is None or (found[0], found[2]) == (b"api.example.com", (b"Bearer a",) * (TOKEN in pairs))


COMMON = [[], [HOST], [HOST, TOKEN], PASSED_ON, [*PASSED_ON, TOKEN], [*PASSED_ON, NAMED]]
CLIENTS = [("203.0.113.5", 1), ("10.0.0.7", 1), ["203.0.113.5", 1], ("fe80::1%eth0", 1), None]
UNDER: list[dict[str, Any] | None] = [
    None,
    {"peername": ("203.0.113.5", 1), "sslcontext": object()},
    {"peername": ("203.0.113.5", 1)},
    {"peername": ("10.0.0.7", 1)},
    {"peername": ("10.0.0.7", 1), "sslcontext": object()},
    {"peername": ("192.0.2.7", 1), "sslcontext": object()},
    {"peername": b"/run/socket"},
    {},
]
KEPT = [None, Transport("10.0.0.7", False, None), Transport("10.0.0.7", True, None, False)]


class Cycle:
    """What a server binds `receive` to."""

    def __init__(self, facts: dict[str, Any] | None) -> None:
        self.transport = None if facts is None else SimpleNamespace(get_extra_info=facts.get)

    def receive(self) -> None:
        """Give nothing: nobody reads here."""


def is_the_same(read: Any, shown: Any, arrived: Any, under: dict[str, Any] | None, kept: Transport | None) -> bool:
    """Tell whether a request is read as the whole look reads it, and shows the scope it has by now."""
    receive: Any = Cycle(under).receive
    pairs, client = arrived
    whole = read({**shown, "headers": pairs, "client": client, "scheme": "https"}, receive, kept)
    found = read.ordinary(shown, arrived, receive, kept)
    return type(found) is Connection and found == whole._replace(scope=shown) and found.scope is shown


def a_changed_scope(a_scope: Make) -> Any:
    """Make a scope into which the app has written what it likes."""
    return a_scope((b"host", b"of-the-app.example"), scheme="ftp", client=("::1", 1), **{SCOPE_KEY: None})


@pytest.mark.parametrize("reader", READERS)
def test_nothing_is_read_in_another_way(a_scope: Make, reader: str) -> None:
    """Whatever the glance should have told, a Connection is that of the whole look at the scope as it came."""
    shown = a_changed_scope(a_scope)
    for pairs, client, under, kept in product(COMMON, CLIENTS, UNDER, KEPT):
        assert is_the_same(READERS[reader], shown, (pairs, client), under, kept), (pairs, client, under, kept)


Value = st.sampled_from([
    b"", b"api.example.com", b" api.example.com", b"a,b", b"https", b"HTTPS", b"http", b"203.0.113.5", b"10.0.0.9",
    b" 203.0.113.5", b"203.0.113.5, 10.0.0.9", b"unix", b"unknown", b"[::1]:1", b"for=203.0.113.5;proto=https",
]) | st.binary(max_size=9)  # fmt: skip
Name = st.sampled_from([
    b"host", b"authorization", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-real-ip", b"accept",
    b"x_forwarded_for", b"forwarded", b"ssl-client-cert", b"x-ssl-cert", b"client-cert",
])  # fmt: skip
Nearly = st.lists(st.tuples(Name, Value), max_size=3)
Fields = st.tuples(Nearly, st.sampled_from(COMMON), Nearly).map(lambda parts: [*parts[0], *parts[1], *parts[2]])


@pytest.mark.parametrize("reader", READERS)
@given(Fields, st.sampled_from(CLIENTS), st.tuples(st.sampled_from(UNDER), st.sampled_from(KEPT)))
def test_no_field_is_read_in_another_way(a_scope: Make, reader: str, pairs: Any, client: Any, below: Any) -> None:
    """The same for fields that are only nearly those of an ordinary request."""
    assert is_the_same(READERS[reader], a_changed_scope(a_scope), (pairs, client), *below)
