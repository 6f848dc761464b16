"""What is ordinary at a glance: only what a full look would find nothing to put right in."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection import (
    Networks,
    ScopeReader,
    TrustedProxies,
    connection_reader,
    dangerously_trust_any_proxy,
)
from asvs_middleware.connection.glance import UNTOLD, Ordinary
from asvs_middleware.connection.transport import read_transport

Make = Callable[..., Any]

HOST = (b"host", b"api.example.com")
CLAIM = (b"x-forwarded-proto", b"https")
ORDINARY = Ordinary(
    methods=["GET", "POST"],
    harmless=[b"accept", b"authorization", b"x-real-ip"],
    seems_harmless=lambda name: name.startswith(b"x-"),
    fields=4,
    value_bytes=40,
)

trusting_nobody = connection_reader(Networks([]))
behind_a_proxy = connection_reader(Networks(["10.0.0.0/8"]))
glance_behind_a_proxy = behind_a_proxy.glance(ORDINARY)


@pytest.mark.parametrize(
    ("pairs", "members", "ordinary"),
    [
        pytest.param([HOST], {}, True, id="over TLS"),
        pytest.param([HOST, (b"authorization", b"Bearer a")], {}, True, id="with a token"),
        pytest.param([HOST], {"client": None}, True, id="client unknown"),
        pytest.param([HOST], {"scheme": "http"}, False, id="plaintext"),
        pytest.param([HOST], {"scheme": "HTTPS"}, False, id="a scheme no server writes"),
        pytest.param([HOST], {"client": ("10.0.0.7", 1)}, False, id="from a trusted proxy"),
        pytest.param([HOST, CLAIM], {}, False, id="with a claim"),
        pytest.param([HOST, (b"x-real-ip", b"::1")], {}, False, id="a claim nobody can call harmless"),
        pytest.param([HOST, (b"x-anything", b"1")], {}, True, id="a name that seems harmless"),
        pytest.param([HOST, (b"origin", b"null")], {}, False, id="a name some gate reads"),
        pytest.param([HOST, HOST], {}, False, id="two hosts"),
        pytest.param([], {}, False, id="no host"),
        pytest.param([HOST], {"method": "DELETE"}, False, id="another method"),
        pytest.param([HOST, *[(b"accept", b"*/*")] * 3], {}, True, id="many fields"),
        pytest.param([HOST, *[(b"accept", b"*/*")] * 4], {}, False, id="too many fields"),
        pytest.param([HOST, (b"accept", b"*" * 25)], {}, True, id="40 bytes"),
        pytest.param([HOST, (b"accept", b"*" * 26)], {}, False, id="41 bytes"),
        pytest.param([HOST], {"path": "http://evil.example/"}, False, id="absolute form"),
        pytest.param([HOST], {"path": "/api" + "http://evil.example/"}, False, id="absolute form behind a root path"),
        pytest.param([HOST], {"path": "evil.example:443"}, False, id="authority form"),
        pytest.param([HOST], {"path": ""}, False, id="no path"),
    ],
)
def test_what_is_ordinary_at_a_glance(
    a_scope: Make, receive: Any, pairs: Any, members: dict[str, Any], ordinary: bool
) -> None:
    """Only a request of which nothing has to be put right is, and a full look agrees with the glance."""
    scope = a_scope(*pairs, **{"scheme": "https", "client": ("203.0.113.9", 4711), **members})
    seen = glance_behind_a_proxy(scope, receive)
    client = None if scope["client"] is None else scope["client"][0]
    token = tuple(value for name, value in pairs if name == b"authorization")
    assert seen == ((b"api.example.com", None, client, token, None) if ordinary else UNTOLD)
    found = behind_a_proxy(scope, receive)
    if ordinary:
        assert (found.secure, found.via_proxy, found.host) == (True, False, seen[0])
        assert found.scope is scope


def test_a_proxy_with_a_zone(a_scope: Make, receive: Any) -> None:
    """The zone of an IPv6 address is the host's own business: with it or without, the proxy is a proxy."""
    read = connection_reader(Networks(["fe80::1"]))
    for client in ("fe80::1", "fe80::1%eth0"):
        scope = a_scope(HOST, scheme="https", client=(client, 4711))
        assert read.glance(ORDINARY)(scope, receive) == UNTOLD
        assert read(scope, receive).via_proxy


def test_a_policy_without_a_size(a_scope: Make, receive: Any) -> None:
    """Where the server's parser bounds the size, nobody counts."""
    unbounded = trusting_nobody.glance(Ordinary(methods=["GET"], harmless=[b"accept"], seems_harmless=lambda _: False))
    assert unbounded(a_scope(HOST, (b"accept", b"*" * 10**6), scheme="https"), receive)[0] == HOST[1]


@pytest.mark.parametrize(
    ("pairs", "scheme", "seen"),
    [
        pytest.param([HOST, CLAIM], "https", HOST[1], id="in front"),
        pytest.param([CLAIM, HOST], "https", None, id="behind another"),
        pytest.param([], "https", None, id="no field"),
        pytest.param([HOST], "http", None, id="plaintext"),
    ],
)
def test_a_layer_that_judges_nobody(a_scope: Make, receive: Any, pairs: Any, scheme: str, seen: Any) -> None:
    """It believes the server and takes nothing off; the glance gives the host that a full look finds."""
    scope = a_scope(*pairs, scheme=scheme)
    client = None if scope["client"] is None else scope["client"][0]
    assert ScopeReader().glance(ORDINARY)(scope, receive) == (
        UNTOLD if seen is None else (seen, None, client, (), None)
    )
    found = ScopeReader()(scope, receive)
    assert (found.secure, found.host) == (scheme == "https", HOST[1] if HOST in pairs else None)
    assert found.scope is scope


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_a_glance_believes_the_transport(a_scope: Make, accepted: Make, scheme: str) -> None:
    """A scope that claims TLS on a plaintext connection is never ordinary."""
    async with accepted() as receive:
        assert trusting_nobody.glance(ORDINARY)(a_scope(HOST, scheme=scheme), receive) == UNTOLD


def test_a_server_without_a_transport(a_scope: Make, receive_over: Make) -> None:
    """Where the connection is gone nothing says that it spoke TLS, and nothing is ordinary."""
    assert trusting_nobody.glance(ORDINARY)(a_scope(HOST, scheme="https"), receive_over(None)) == UNTOLD


@pytest.mark.anyio
async def test_a_glance_at_real_tls(a_scope: Make, accepted: Make, server_tls: Any, client_tls: Make) -> None:
    """Over TLS it is ordinary, with a proxy's header fields or without them from a trusted one it is not."""
    async with accepted(server=server_tls, client=client_tls(None)) as receive:
        scope = a_scope(HOST, scheme="https")
        seen = trusting_nobody.glance(ORDINARY)(scope, receive)
        assert seen[:2] == (b"api.example.com", read_transport(scope, receive))
        assert connection_reader(Networks(["127.0.0.1"])).glance(ORDINARY)(scope, receive) == UNTOLD


@given(
    st.lists(
        st.tuples(st.sampled_from([b"host", b"forwarded", b"x-forwarded-proto", b"accept", b"origin"]), st.binary())
    ),
    st.sampled_from(["http", "https", "ws", "wss", ""]),
    st.sampled_from([None, ("10.0.0.7", 1), ("203.0.113.9", 1)]),
)
def test_a_glance_never_sees_more_than_a_full_look(
    a_scope: Make, receive: Any, pairs: Any, scheme: str, client: Any
) -> None:
    """Whatever comes in: what passes at a glance is over TLS, straight from the client, for that one host."""
    scope = a_scope(*pairs, scheme=scheme, client=client)
    host, *_ = glance_behind_a_proxy(scope, receive)
    if host is not None:
        found = behind_a_proxy(scope, receive)
        assert (found.secure, found.via_proxy, found.host, found.scope) == (True, False, host, scope)


FOR = (b"x-forwarded-for", b"198.51.100.7")
THROUGH = {"scheme": "http", "client": ("10.0.0.7", 40123)}
proxied = behind_a_proxy.proxied_glance(
    Ordinary(
        methods=["GET"],
        harmless=[b"accept"],
        seems_harmless=lambda name: name == b"x-any",
        fields=8,
        value_bytes=80,
    )
)
assert proxied is not None


@pytest.mark.parametrize(
    ("pairs", "members", "seen"),
    [
        pytest.param([HOST, FOR, CLAIM], {}, (HOST[1], "198.51.100.7"), id="one proxy that ends TLS"),
        pytest.param([HOST, FOR, CLAIM], {"scheme": "https"}, (HOST[1], "198.51.100.7"), id="and speaks TLS itself"),
        pytest.param([HOST, (FOR[0], b"[2001:db8::7]:443"), CLAIM], {}, (HOST[1], "2001:db8::7"), id="IPv6 and a port"),
        pytest.param([HOST, FOR, CLAIM, (b"x-real-ip", b"1.2.3.4")], {}, (HOST[1], FOR[1].decode()), id="not read"),
        pytest.param([HOST, FOR, CLAIM, (b"x-forwarded-host", HOST[1])], {}, (HOST[1], "198.51.100.7"), id="its host"),
        pytest.param([HOST, FOR, CLAIM, (b"x-forwarded-host", b"b.example")], {}, None, id="another host"),
        pytest.param([HOST, FOR, (CLAIM[0], b"http")], {}, None, id="plaintext"),
        pytest.param([HOST, FOR, (CLAIM[0], b"HTTPS")], {}, None, id="a spelling for a closer look"),
        pytest.param([HOST, FOR, CLAIM, CLAIM], {}, None, id="two lines"),
        pytest.param([HOST, FOR, FOR, CLAIM], {}, None, id="two clients"),
        pytest.param([HOST, (FOR[0], b"1.2.3.4, 5.6.7.8"), CLAIM], {}, None, id="a list"),
        pytest.param([HOST, (FOR[0], b"unknown"), CLAIM], {}, None, id="no address"),
        pytest.param([HOST, CLAIM], {}, None, id="no client"),
        pytest.param([FOR, CLAIM], {}, None, id="no host"),
        pytest.param([HOST, HOST, FOR, CLAIM], {}, None, id="two hosts"),
        pytest.param([HOST, FOR, CLAIM, (b"forwarded", b"for=1.2.3.4")], {}, None, id="the other family"),
        pytest.param([HOST, FOR, CLAIM, (b"x_forwarded_for", b"1.2.3.4")], {}, None, id="a lookalike"),
        pytest.param([HOST, FOR, CLAIM, (b"origin", b"null")], {}, None, id="a name some gate reads"),
        pytest.param([HOST, FOR, CLAIM, (b"x-any", b"1")], {}, (HOST[1], "198.51.100.7"), id="seems harmless"),
        pytest.param([HOST, FOR, CLAIM, (b"accept", b"*" * 80)], {}, None, id="too many bytes"),
        pytest.param([HOST, FOR, CLAIM], {"client": ("203.0.113.9", 1)}, None, id="not from the proxy"),
        pytest.param([HOST, FOR, CLAIM], {"client": None}, None, id="from nobody knows where"),
        pytest.param([HOST, FOR, CLAIM], {"method": "POST"}, None, id="another method"),
        pytest.param([HOST, FOR, CLAIM], {"path": "http://evil.example/"}, None, id="absolute form"),
    ],
)
def test_what_is_ordinary_through_a_proxy(a_scope: Make, receive: Any, pairs: Any, members: Any, seen: Any) -> None:
    """One word about the client and one about TLS, each in one line; a full look agrees with the glance."""
    scope = a_scope(*pairs, **{**THROUGH, **members})
    assert proxied is not None
    told = proxied(scope, receive)
    assert (told is UNTOLD) == (seen is None)
    if seen is not None:
        found = behind_a_proxy(scope, receive)
        assert (told[0], told[2]) == seen
        assert (found.host, found.client, found.secure, found.via_proxy) == (*seen, True, True)
        assert found.scope == {**scope, "scheme": "https", "client": (seen[1], 0)}


@pytest.mark.parametrize(
    "trusted",
    [
        TrustedProxies(["10.0.0.0/8"], fields="forwarded"),
        TrustedProxies(["10.0.0.0/8"], hops=2),
        TrustedProxies([]),
        dangerously_trust_any_proxy(reason="only the proxy reaches this port"),
    ],
    ids=["Forwarded", "two hops", "nobody", "anybody"],
)
def test_proxies_that_need_a_full_look(trusted: Any) -> None:
    """Where a list, or nobody's address, decides, there is nothing for a glance."""
    assert connection_reader(trusted).proxied_glance(ORDINARY) is None
    assert ScopeReader().proxied_glance(ORDINARY) is None


Name = st.sampled_from([b"host", FOR[0], CLAIM[0], b"x-forwarded-host", b"forwarded", b"accept", b"x_forwarded_for"])
Value = (
    st.sampled_from([HOST[1], FOR[1], b"https", b"http", b"10.0.0.9", b"[::1]", b"a, b", b"", b"unix"]) | st.binary()
)


@given(st.lists(st.tuples(Name, Value), max_size=6), st.sampled_from([("10.0.0.7", 1), ("203.0.113.9", 1), None]))
def test_a_proxied_glance_never_sees_more_than_a_full_look(
    a_scope: Make, receive: Any, pairs: Any, client: Any
) -> None:
    """Whatever comes in: what passes at a glance is what a full look finds."""
    scope = a_scope(*pairs, scheme="http", client=client)
    assert proxied is not None
    seen = proxied(scope, receive)
    if seen is not UNTOLD:
        host, _, told, *_ = seen
        found = behind_a_proxy(scope, receive)
        assert (found.host, found.client, found.secure) == (host, told, True)
        assert found.scope == {**scope, "scheme": "https", "client": (told, 0)}


def test_nothing_long_is_remembered(a_scope: Make, receive: Any) -> None:
    """Addresses are looked up again and again; what a client writes in their place is dropped with the request."""
    tracemalloc.start()
    try:
        for number in range(100):
            pairs = [HOST, (FOR[0], b"%d" % number * 50_000), CLAIM]
            assert proxied is not None
            assert proxied(a_scope(*pairs, **THROUGH), receive) is UNTOLD
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()
