"""What an operator is told about proxies: once, with the remedy, and in full."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from asvs_middleware.connection import Networks, Transport, TrustedProxies, connection_reader
from asvs_middleware.connection.exchange import SCOPE_KEY
from asvs_middleware.connection.notices import Notices, contradicts
from asvs_middleware.events import LONGEST_FACT

Make = Callable[..., Any]
Events = Callable[[], list[dict[str, Any]]]

HOST = (b"host", b"api.example.com")
LONGEST_PEER = "2001:0db8:1111:2222:3333:4444:5555:6666"


@pytest.mark.parametrize(
    ("tell", "event", "remedy"),
    [
        ("untrusted", "proxy_header_spoofed", "add its network to trusted_proxies"),
        ("other_family", "proxy_header_ignored", "choose TrustedProxies(..., fields=...)"),
        ("unreadable", "proxy_header_unreadable", "TrustedProxies(..., hops=...)"),
    ],
)
def test_each_thing_is_told_once_per_peer(events: Events, tell: str, event: str, remedy: str) -> None:
    """Two peers, two events; the remedy is not cut off, however long the address."""
    notices = Notices("x-forwarded")
    for peer in (LONGEST_PEER, LONGEST_PEER, None, None):
        getattr(notices, tell)(peer)
    told = events()
    assert [(one["event"], one["peer"]) for one in told] == [(event, LONGEST_PEER), (event, None)]
    assert remedy in told[0]["reason"]
    assert len(told[0]["reason"]) < LONGEST_FACT
    assert told[0]["requirement"] == "v5.0.0-4.1.3"


@pytest.mark.parametrize(
    ("client", "scheme", "peer", "secure", "contradicting"),
    [
        pytest.param(("192.0.2.1", 1), "http", "192.0.2.1", False, False, id="the same"),
        pytest.param(("192.0.2.1", 0), "http", "10.0.0.9", False, True, id="another client"),
        pytest.param(("10.0.0.9", 1), "https", "10.0.0.9", False, True, id="TLS that is none"),
        pytest.param(("10.0.0.9", 1), "http", "10.0.0.9", True, True, id="TLS that was hidden"),
        pytest.param(("10.0.0.9", 1), "wss", "10.0.0.9", True, False, id="a WebSocket over TLS"),
        pytest.param(("192.0.2.1", 0), "http", "unix", False, True, id="a client where only a socket is"),
        pytest.param(None, "http", "unix", False, False, id="a socket"),
        pytest.param(None, "http", "10.0.0.9", False, False, id="a client the server does not know"),
        pytest.param(("10.0.0.9", 1), "http", None, False, False, id="a transport that is closed"),
        pytest.param(("fe80::1%eth0", 1), "http", "fe80::1", False, False, id="a zone"),
    ],
)
def test_contradictions(client: Any, scheme: str, peer: str | None, secure: bool, contradicting: bool) -> None:
    """Only what both know is compared."""
    scope = {"client": client, "scheme": scheme}
    assert contradicts(scope, Transport(peer, secure, None)) is contradicting


def test_rewriting_is_told_once(events: Events) -> None:
    """One event, whoever the peers are, and it says how to switch the other handling off."""
    notices = Notices("x-forwarded")
    for peer in ("10.0.0.9", "10.0.0.8"):
        notices.rewritten({"client": ("192.0.2.1", 0), "scheme": "http"}, Transport(peer, False, None))
    [told] = events()
    assert (told["event"], told["peer"], told["requirement"]) == (
        "proxy_headers_rewritten",
        "10.0.0.9",
        "v5.0.0-15.3.4",
    )
    assert told["reason"].endswith("uvicorn --no-proxy-headers, or asvs serve.")


def test_our_own_layer_may_rewrite(events: Events) -> None:
    """A layer within a layer finds a scope that was put right, and says nothing."""
    scope = {"client": ("192.0.2.1", 0), "scheme": "https", SCOPE_KEY: object()}
    Notices("x-forwarded").rewritten(scope, Transport("10.0.0.9", False, None))
    assert events() == []


@pytest.mark.anyio
@pytest.mark.parametrize("trusted", [["127.0.0.1"], []], ids=["trusted by us too", "trusted by it alone"])
async def test_uvicorn_s_own_handling_is_seen(
    a_scope: Make, accepted: Make, events: Events, trusted: list[str]
) -> None:
    """Its middleware rewrites the scope for 127.0.0.1; the transport's truth and our own trust are what counts."""
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    read = connection_reader(Networks(trusted))
    found: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(read(scope, receive))

    claims = [(b"x-forwarded-for", b"203.0.113.5"), (b"x-forwarded-proto", b"https")]
    async with accepted() as receive:
        scope = a_scope(HOST, *claims, client=("127.0.0.1", 4711))
        for _ in range(2):
            await ProxyHeadersMiddleware(app, trusted_hosts="127.0.0.1")({**scope}, receive, None)
    assert (found[0].client, found[0].secure) == (("203.0.113.5", True) if trusted else ("127.0.0.1", False))
    told = [one["event"] for one in events()]
    assert told == ["proxy_headers_rewritten", *([] if trusted else ["proxy_header_spoofed"])]


def test_uvicorn_has_the_option_we_name() -> None:
    """The remedy in the event can be typed."""
    assert "--no-proxy-headers" in [name for one in uvicorn.main.params for name in one.secondary_opts]


@pytest.mark.parametrize(
    ("family", "claim"),
    [
        pytest.param("x-forwarded", (b"forwarded", b"for=198.51.100.1;proto=https"), id="Forwarded"),
        pytest.param("forwarded", (b"x-forwarded-for", b"198.51.100.1"), id="X-Forwarded-For"),
        pytest.param("forwarded", (b"x-forwarded-proto", b"https"), id="X-Forwarded-Proto"),
        pytest.param("forwarded", (b"x-real-ip", b"198.51.100.1"), id="X-Real-IP"),
        pytest.param("x-forwarded", (b"x_forwarded_proto", b"https"), id="a lookalike"),
        pytest.param("forwarded", (b"x_forwarded_proto", b"https"), id="a lookalike beside Forwarded"),
    ],
)
def test_the_other_family_is_removed_and_told(
    a_scope: Make, receive: Any, events: Events, family: Any, claim: tuple[bytes, bytes]
) -> None:
    """Exactly one family counts; what a trusted proxy lets through in the other one reaches nobody."""
    read = connection_reader(TrustedProxies(["10.0.0.0/8"], fields=family))
    for _ in range(2):
        found = read(a_scope(HOST, claim), receive)
    assert (found.client, found.secure) == ("10.0.0.9", False)
    assert found.scope["headers"] == [HOST]
    assert [one["event"] for one in events()] == ["proxy_header_ignored"]


def test_the_chosen_family_is_believed(a_scope: Make, receive: Any, events: Events) -> None:
    """Forwarded is followed like the other; the field itself stays for the app."""
    read = connection_reader(TrustedProxies(["10.0.0.0/8"], fields="forwarded"))
    field = (b"forwarded", b'for="[2001:db8::7]:4711";proto=https;host=shop.example.com')
    found = read(a_scope(HOST, field), receive)
    assert (found.client, found.secure, found.host) == ("2001:db8::7", True, b"shop.example.com")
    assert found.scope["headers"] == [(b"host", b"shop.example.com"), field]
    assert events() == []


@pytest.mark.parametrize("hops", [None, 2], ids=["broken", "too few elements"])
def test_an_unreadable_field_is_told(a_scope: Make, receive: Any, events: Events, hops: int | None) -> None:
    """Over TLS to the proxy or not: the request is plaintext from nobody, and the operator hears why."""
    read = connection_reader(TrustedProxies(["10.0.0.0/8"], fields="forwarded", hops=hops))
    field = b"for=203.0.113.5;proto=https" if hops else b"for=203.0.113.5:80;proto=https"
    found = read(a_scope(HOST, (b"forwarded", field), scheme="https"), receive)
    assert (found.client, found.secure, found.scope["scheme"]) == (None, False, "http")
    assert [one["event"] for one in events()] == ["proxy_header_unreadable"]


def test_a_scope_without_client_is_untrusted(a_scope: Make, receive: Any, events: Events) -> None:
    """Nobody knows who sent it, so nothing it claims is believed."""
    found = connection_reader(Networks(["10.0.0.0/8", "unix"]))(
        a_scope(HOST, (b"x-forwarded-proto", b"https"), client=None), receive
    )
    assert (found.secure, found.via_proxy, found.client) == (False, False, None)
    assert [one["event"] for one in events()] == ["proxy_header_spoofed"]


@pytest.mark.parametrize(
    "name",
    [
        b"x-forwarded-prefix",
        b"x-forwarded-server",
        b"x-forwarded-ssl",
        b"front-end-https",
        b"x-url-scheme",
        b"true-client-ip",
        b"cf-connecting-ip",
        b"x_forwarded_proto",
        b"x_forwarded-for",
        b"cf_connecting_ip",
    ],
)
def test_more_fields_only_a_proxy_may_write(a_scope: Make, receive: Any, name: bytes) -> None:
    """From an untrusted peer each is removed."""
    found = connection_reader(Networks([]))(a_scope(HOST, (name, b"1"), (b"accept", b"*/*")), receive)
    assert found.scope["headers"] == [HOST, (b"accept", b"*/*")]


def test_a_transport_out_of_reach_contradicts_nothing(a_scope: Make, events: Events) -> None:
    """Then the scope is all there is."""
    connection_reader(Networks([]))(a_scope(HOST, (b"forwarded", b"x")), SimpleNamespace())
    assert [one["event"] for one in events()] == ["proxy_header_spoofed"]
