"""What a glance told is what the whole look reads of the same request, whatever becomes of scope and transport."""

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
    TrustedProxies,
    connection_reader,
    dangerously_trust_any_proxy,
)
from asvs_middleware.connection.exchange import SCOPE_KEY
from asvs_middleware.connection.glance import UNTOLD
from asvs_middleware.middleware import Limits
from asvs_middleware.middleware.gates.limits import ordinary

Make = Callable[..., Any]

HOST, TOKEN = (b"host", b"api.example.com"), (b"authorization", b"Bearer a")
FOR, PROTO = (b"x-forwarded-for", b"203.0.113.5"), (b"x-forwarded-proto", b"https")
NAMED = (b"x-forwarded-host", b"api.example.com")
PASSED_ON = [HOST, FOR, PROTO]
ORDINARY = ordinary(Limits())

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
}
THROUGH_A_PROXY = {"a proxy", "one hop", "certificates forwarded"}
"""Where one address in one field is the client."""

COMMON = [[], [HOST], [HOST, TOKEN], [TOKEN, HOST, TOKEN], PASSED_ON, [*PASSED_ON, TOKEN], [*PASSED_ON, NAMED]]
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


class Cycle:
    """What a server binds `receive` to."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.transport = SimpleNamespace(get_extra_info=facts.get)

    def receive(self) -> None:
        """Give nothing: nobody reads here."""


async def nobody() -> Any:
    """Give nothing, and lead to no transport."""


def compared(a_scope: Make, read: Any, pairs: Any, client: Any, under: dict[str, Any] | None) -> list[str]:
    """Compare what each glance tells of a request with the whole look at it; return which ones told anything."""
    told = []
    for kind, scheme in product(("glance", "proxied_glance"), ("https", "http")):
        receive: Any = nobody if under is None else Cycle(under).receive
        glance = getattr(read, kind)(ORDINARY)
        came = a_scope(*pairs, scheme=scheme, client=client)
        seen = UNTOLD if glance is None else glance(came, receive)
        if seen is UNTOLD:
            continue
        whole = read(came, receive)
        # By now the app has written into the scope, and the client has hung up.
        shown = a_scope((b"host", b"of-the-app.example"), scheme="ftp", client=("::1", 1), **{SCOPE_KEY: None})
        if under is not None:
            receive.__self__.transport.get_extra_info = {}.get
        found = read.ordinary(shown, seen, receive)
        assert type(found) is Connection
        assert found == whole._replace(scope=shown), (kind, pairs, client, under)
        assert found.scope is shown
        told.append(kind)
    return told


@pytest.mark.parametrize("reader", READERS)
def test_nothing_is_told_in_another_way(a_scope: Make, reader: str) -> None:
    """Every common request, from every peer: what is told at all is what the whole look finds."""
    told = [
        kind
        for pairs, client, under in product(COMMON, CLIENTS, UNDER)
        for kind in compared(a_scope, READERS[reader], pairs, client, under)
    ]
    assert ("glance" in told) == (reader != "any proxy")
    assert ("proxied_glance" in told) == (reader in THROUGH_A_PROXY)


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
@given(Fields, st.sampled_from(CLIENTS), st.sampled_from(UNDER))
def test_no_field_is_told_in_another_way(a_scope: Make, reader: str, pairs: Any, client: Any, under: Any) -> None:
    """The same for fields that are only nearly those of an ordinary request."""
    compared(a_scope, READERS[reader], pairs, client, under)


@pytest.mark.parametrize("client", [("203.0.113.5", 1), None])
def test_a_layer_that_judges_nobody_keeps_what_the_scope_said(a_scope: Make, client: Any) -> None:
    """Host, client and TLS; Authorization it never looks for."""
    read = ScopeReader()
    came = a_scope(HOST, TOKEN, scheme="https", client=client)
    shown = a_scope((b"host", b"of-the-app.example"), TOKEN, TOKEN, scheme="ftp", client=("::1", 1))
    found = read.ordinary(shown, read.glance(ORDINARY)(came, nobody), nobody)
    assert (found.host, found.client, found.secure) == (HOST[1], None if client is None else client[0], True)
    assert found.authorization == read(came, nobody).authorization == ()
    assert found.scope is shown


@pytest.mark.parametrize("may", [True, False], ids=["harmless", "read by a gate"])
def test_an_authorization_that_a_gate_reads_is_for_the_whole_look(a_scope: Make, may: bool) -> None:
    """Authorization is told, and still nothing a gate would have to see passes."""
    harmless = frozenset(ORDINARY.harmless) - (frozenset() if may else {TOKEN[0]})
    only = ORDINARY.__class__(methods=ORDINARY.methods, harmless=harmless, seems_harmless=lambda _name: False)
    scope = a_scope(HOST, TOKEN, scheme="https", client=("203.0.113.5", 1))
    told = READERS["a proxy"].glance(only)(scope, nobody)
    assert told == ((HOST[1], None, "203.0.113.5", (TOKEN[1],), None) if may else UNTOLD)
