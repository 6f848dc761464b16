"""One pass over the header fields gives one Connection; whom to believe is decided on the transport's peer."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection import Connection, Networks, connection_reader

Make = Callable[..., Any]
Events = Callable[[], list[dict[str, Any]]]

CLAIMS = (
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-for", b"203.0.113.5"),
    (b"x-forwarded-host", b"evil.example"),
    (b"x-forwarded-port", b"443"),
    (b"x-real-ip", b"203.0.113.5"),
    (b"forwarded", b"for=203.0.113.5;proto=https"),
)
HOST = (b"host", b"api.example.com")

trusting_nobody = connection_reader(Networks([]))
behind_a_proxy = connection_reader(Networks(["10.0.0.0/8"]))


def test_a_request_with_nothing_to_put_right(a_scope: Make, receive: Any) -> None:
    """The app gets the server's own scope object, and the facts are the scope's."""
    scope = a_scope(HOST, (b"authorization", b"Bearer a"), (b"accept", b"*/*"), scheme="https")
    found = trusting_nobody(scope, receive)
    assert found.scope is scope
    assert (found.secure, found.host, found.client, found.via_proxy) == (True, b"api.example.com", "10.0.0.9", False)
    assert found.authorization == (b"Bearer a",)


@pytest.mark.parametrize(
    ("pairs", "host"),
    [
        pytest.param([], None, id="none"),
        pytest.param([HOST], b"api.example.com", id="one"),
        pytest.param([HOST, (b"host", b"evil.example")], None, id="two"),
        pytest.param([HOST, HOST], None, id="the same twice"),
    ],
)
def test_there_is_one_host_or_none(a_scope: Make, receive: Any, pairs: Any, host: bytes | None) -> None:
    """RFC 9112 section 3.2: a request with two Host fields has no host."""
    assert trusting_nobody(a_scope(*pairs), receive).host == host


def test_every_authorization_value_is_kept(a_scope: Make, receive: Any) -> None:
    """Two values are two claims: the guard refuses them, so none may be lost here."""
    two = [(b"authorization", b"Bearer a"), (b"authorization", b"Basic b")]
    assert trusting_nobody(a_scope(*two), receive).authorization == (b"Bearer a", b"Basic b")


def test_repr_names_the_two_ends_alone(a_scope: Make, receive: Any) -> None:
    """v5.0.0-16.2.5: a Connection in a log or a traceback shows no token, cookie or query."""
    fields = [(b"host", b"a.example"), (b"authorization", b"Bearer s3cret"), (b"cookie", b"sid=s3cret")]
    connection = connection_reader(Networks([]))(a_scope(*fields, query_string=b"token=s3cret"), receive)
    assert connection.authorization == (b"Bearer s3cret",)
    assert repr(connection) == "Connection(peer='10.0.0.9', client='10.0.0.9', secure=False)"
    assert str(connection) == repr(connection)


def test_no_client(a_scope: Make, receive: Any) -> None:
    """A server that does not know the client leaves it unknown."""
    assert trusting_nobody(a_scope(client=None), receive).client is None


@pytest.mark.parametrize("claim", CLAIMS, ids=[name.decode() for name, _ in CLAIMS])
def test_an_untrusted_claim_is_removed(a_scope: Make, receive: Any, claim: tuple[bytes, bytes]) -> None:
    """No code behind this point can believe a field that nobody we trust has written."""
    scope = a_scope(HOST, claim, (b"accept", b"*/*"))
    found = trusting_nobody(scope, receive)
    assert found.scope["headers"] == [HOST, (b"accept", b"*/*")]
    assert (found.scope["scheme"], found.scope["client"]) == ("http", ("10.0.0.9", 4711))
    assert (found.secure, found.host, found.client) == (False, b"api.example.com", "10.0.0.9")
    assert claim in scope["headers"]  # The server's own scope stays as it was.


def test_an_untrusted_claim_is_told_once_per_peer(a_scope: Make, receive: Any, events: Events) -> None:
    """The commonest mistake behind a proxy is said with its remedy, and cannot flood the log."""
    read = connection_reader(Networks([]))
    for peer in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        read(a_scope(HOST, *CLAIMS, client=(peer, 1)), receive)
    read(a_scope(HOST, client=("192.0.2.3", 1)), receive)
    told = events()
    assert [one["peer"] for one in told] == ["192.0.2.1", "192.0.2.2"]
    assert told[0]["event"] == "proxy_header_spoofed"
    assert told[0]["requirement"] == "v5.0.0-4.1.3"
    assert "add its network to trusted_proxies" in told[0]["reason"]
    assert "evil.example" not in str(told)


def test_many_peers_cannot_fill_log_or_memory(a_scope: Make, receive: Any, events: Events) -> None:
    """After 256 peers the point is made."""
    read = connection_reader(Networks([]))
    for last in range(300):
        read(a_scope(*CLAIMS, client=(f"2001:db8::{last:x}", 1)), receive)
    assert len(events()) == 256


def test_a_trusted_proxy_is_believed(a_scope: Make, receive: Any, events: Events) -> None:
    """Scheme, client and Host of the scope are the client's own; other fields stay, and nothing is told."""
    scope = a_scope(
        HOST,
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-for", b"203.0.113.5"),
        (b"x-forwarded-host", b"shop.example.com"),
    )
    found = behind_a_proxy(scope, receive)
    assert (found.secure, found.host, found.client) == (True, b"shop.example.com", "203.0.113.5")
    assert found.via_proxy
    assert (found.scope["scheme"], found.scope["client"]) == ("https", ("203.0.113.5", 0))
    assert found.scope["headers"][0] == (b"host", b"shop.example.com")
    assert found.scope["headers"][1:] == scope["headers"][1:]
    assert scope["headers"][0] == HOST
    assert not events()


@pytest.mark.parametrize(
    ("pairs", "members", "secure"),
    [
        pytest.param([], {"scheme": "http"}, False, id="it says nothing and speaks plaintext"),
        pytest.param([], {"scheme": "https"}, True, id="it says nothing and speaks TLS"),
        pytest.param(
            [(b"x-forwarded-proto", b"http")], {"scheme": "https"}, False, id="the client spoke plaintext to it"
        ),
        pytest.param([(b"x-forwarded-proto", b"https")], {"scheme": "http"}, True, id="it ended TLS"),
    ],
)
def test_plaintext_between_client_and_proxy_stays_plaintext(
    a_scope: Make, receive: Any, pairs: Any, members: Any, secure: bool
) -> None:
    """What the proxy says of the client counts, not how the proxy itself connects."""
    found = behind_a_proxy(a_scope(HOST, *pairs, **members), receive)
    assert found.secure is secure
    assert found.scope["scheme"] == ("https" if secure else "http")


def test_websocket_schemes(a_scope: Make, receive: Any) -> None:
    """A WebSocket handshake has ws and wss, whatever word the proxy uses."""
    scope = a_scope(HOST, (b"x-forwarded-proto", b"https"), type="websocket", scheme="ws")
    assert behind_a_proxy(scope, receive).scope["scheme"] == "wss"
    assert trusting_nobody(scope, receive).scope["scheme"] == "ws"


def test_a_proxy_cannot_make_a_host_where_there_is_none(a_scope: Make, receive: Any) -> None:
    """Two Host fields behind a proxy still are none: X-Forwarded-Host does not hide them."""
    scope = a_scope(HOST, HOST, (b"x-forwarded-host", b"shop.example.com"))
    found = behind_a_proxy(scope, receive)
    assert found.host is None
    assert (b"host", b"shop.example.com") not in found.scope["headers"]


def test_an_unreadable_client_is_unknown(a_scope: Make, receive: Any) -> None:
    """The proxy's own address does not stand in for a client that cannot be read."""
    found = behind_a_proxy(a_scope(HOST, (b"x-forwarded-for", b"garbage")), receive)
    assert found.client is None
    assert found.scope["client"] is None


@pytest.mark.anyio
async def test_a_proxy_on_a_unix_socket(a_scope: Make, accepted: Make, tmp_path: Any) -> None:
    """`unix` trusts it; without that its claims are removed and it has no address."""
    scope = a_scope(HOST, (b"x-forwarded-for", b"203.0.113.5"), client=("203.0.113.5", 0))
    async with accepted(path=tmp_path / "s") as receive:
        trusted = connection_reader(Networks(["unix"]))(scope, receive)
        foreign = trusting_nobody(scope, receive)
    assert (trusted.client, trusted.via_proxy) == ("203.0.113.5", True)
    assert (foreign.client, foreign.via_proxy) == (None, False)
    assert foreign.scope["client"] is None
    assert foreign.scope["headers"] == [HOST]


@pytest.mark.anyio
async def test_the_transport_beats_a_scope_that_was_rewritten(a_scope: Make, accepted: Make) -> None:
    """Some middleware before us believed a spoofed field: scheme and client are put right again."""
    rewritten = a_scope(HOST, (b"x-forwarded-proto", b"https"), scheme="https", client=("10.0.0.9", 0))
    async with accepted() as receive:
        found = behind_a_proxy(rewritten, receive)
    assert (found.secure, found.client, found.via_proxy) == (False, "127.0.0.1", False)
    assert (found.scope["scheme"], found.scope["client"]) == ("http", ("127.0.0.1", 0))
    assert found.scope["headers"] == [HOST]


@pytest.mark.anyio
async def test_a_scheme_that_lies_without_a_claim(a_scope: Make, accepted: Make, events: Events) -> None:
    """A scope that says https over a plaintext transport is put right; nobody spoofed, so nothing is told."""
    async with accepted() as receive:
        found = trusting_nobody(a_scope(HOST, scheme="https"), receive)
    assert (found.secure, found.scope["scheme"]) == (False, "http")
    assert not events()


@pytest.mark.anyio
async def test_tls_behind_a_scope_that_says_http(
    a_scope: Make, accepted: Make, server_tls: Any, client_tls: Make
) -> None:
    """The other way round: a client over TLS is not refused because a claim turned its scheme to http."""
    downgraded = a_scope(HOST, (b"x-forwarded-proto", b"http"), scheme="http")
    async with accepted(server=server_tls, client=client_tls(None)) as receive:
        found = trusting_nobody(downgraded, receive)
    assert (found.secure, found.scope["scheme"]) == (True, "https")


def a_connection(a_scope: Make, receive: Any, *pairs: tuple[bytes, bytes], **members: Any) -> Connection:
    return trusting_nobody(a_scope(HOST, *pairs, **members), receive)


@pytest.mark.parametrize(
    ("pairs", "members", "expected"),
    [
        pytest.param([(b"accept", b"text/html,*/*;q=0.8")], {}, True, id="a browser"),
        pytest.param([(b"accept", b"TEXT/HTML")], {}, True, id="in capitals"),
        pytest.param([(b"accept", b"image/png"), (b"accept", b"text/html")], {}, True, id="on a second line"),
        pytest.param([(b"accept", b"text/html")], {"method": "HEAD"}, True, id="HEAD"),
        pytest.param([(b"accept", b"text/html")], {"method": "POST"}, False, id="a form"),
        pytest.param([(b"accept", b"application/json")], {}, False, id="a call"),
        pytest.param([(b"accept", b"*/*")], {}, False, id="curl"),
        pytest.param([(b"content-type", b"text/html")], {}, False, id="another field"),
        pytest.param([], {}, False, id="no Accept"),
        pytest.param([(b"accept", b"text/html")], {"type": "websocket"}, False, id="a WebSocket"),
    ],
)
def test_opens_a_page(a_scope: Make, receive: Any, pairs: Any, members: Any, expected: bool) -> None:
    """Over plaintext only method and Accept tell a person's browser from a program."""
    assert a_connection(a_scope, receive, *pairs, **members).opens_a_page is expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"authorization", True),
        (b"proxy-authorization", True),
        (b"x-api-key", True),
        (b"api-key", True),
        (b"x-auth-token", True),
        (b"cookie", False),
        (b"x-request-id", False),
    ],
)
def test_carries_credentials(a_scope: Make, receive: Any, field: bytes, expected: bool) -> None:
    """Secrets of programs count; a cookie does not, or no page could be redirected."""
    assert a_connection(a_scope, receive, (field, b"x")).carries_credentials is expected


def test_method(a_scope: Make, receive: Any) -> None:
    """A WebSocket scope has no method; its handshake is a GET."""
    scope = a_scope(HOST, type="websocket", scheme="ws")
    del scope["method"]
    assert trusting_nobody(scope, receive).method == "GET"
    assert a_connection(a_scope, receive, method="DELETE").method == "DELETE"


Pair = st.tuples(st.sampled_from([name for name, _ in CLAIMS] + [b"host", b"authorization"]), st.binary(max_size=30))


@given(st.lists(Pair, max_size=8), st.sampled_from(["http", "https", "ws", "wss"]), st.booleans())
def test_any_fields_are_read(
    a_scope: Make, receive: Any, pairs: list[tuple[bytes, bytes]], scheme: str, trusted: bool
) -> None:
    """Facts and scope agree whatever was sent, and a peer that is not trusted cannot make plaintext TLS."""
    kind = "http" if scheme.startswith("http") else "websocket"
    found = (behind_a_proxy if trusted else trusting_nobody)(a_scope(*pairs, type=kind, scheme=scheme), receive)
    assert found.secure is (found.scope["scheme"] in {"https", "wss"})
    if not trusted:
        claimed = bool({name for name, _ in pairs} & {name for name, _ in CLAIMS})
        # Out of the transport's reach, somebody may have written the scheme from these very fields.
        assert found.scope["scheme"] == ({"https": "http", "wss": "ws"}.get(scheme, scheme) if claimed else scheme)
        assert not {name for name, _ in found.scope["headers"]} & {name for name, _ in CLAIMS}
