"""Which pages may open a WebSocket: v5.0.0-4.4.2."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import CrossOriginRefused
from asvs_middleware.middleware import CrossOrigin, websocket_gate

Make = Callable[..., Any]

PARTNER = "https://partner.example"
POLICY = CrossOrigin(allowed_origins=[PARTNER])
web = websocket_gate(POLICY, without_origin="refuse")
mixed = websocket_gate(POLICY, without_origin="credential")
api = websocket_gate(POLICY, without_origin="allow")

TOKEN = (b"authorization", b"Bearer x")
LEAF = {"extensions": {"tls": {"client_cert": b"DER"}}}


@pytest.mark.parametrize(
    ("origins", "passes"),
    [
        pytest.param([b"https://api.example.com"], True, id="ours"),
        pytest.param([b"https://API.example.com:443"], True, id="ours in another spelling"),
        pytest.param([PARTNER.encode()], True, id="allowed"),
        pytest.param([b"https://evil.example"], False, id="another"),
        pytest.param([b"https://www.example.com"], False, id="a sister"),
        pytest.param([b"http://api.example.com"], False, id="our page over plaintext"),
        pytest.param([b"wss://api.example.com"], False, id="the scheme of the handshake"),
        pytest.param([b"https://api.example.com:8443"], False, id="another port"),
        pytest.param([b"https://api.example.com@evil.example"], False, id="user information"),
        pytest.param([b"https://api.example.com.evil.example"], False, id="our name as a prefix"),
        pytest.param([b"null"], False, id="null"),
        pytest.param([b""], False, id="empty"),
        pytest.param([b"https://api.example.com", b"https://evil.example"], False, id="two"),
        pytest.param([b"https://api.example.com", b"https://api.example.com"], False, id="ours twice"),
        pytest.param([b"chrome-extension://abc"], False, id="an extension"),
    ],
)
@pytest.mark.parametrize("judge", [web, mixed, api], ids=["web", "mixed", "api"])
@pytest.mark.parametrize("token", [(), (TOKEN,)], ids=["no token", "token"])
def test_an_origin(a_connection: Make, judge: Any, token: Any, origins: list[bytes], passes: bool) -> None:
    """Ours and the allowed ones, in every preset; a token makes no other page welcome."""
    pairs = [(b"origin", origin) for origin in origins]
    verdict = judge(a_connection(*pairs, *token, type="websocket", scheme="wss"))
    assert (verdict is None) is passes
    if verdict is not None:
        assert isinstance(verdict, CrossOriginRefused)
        assert (verdict.status, verdict.requirement) == (403, "v5.0.0-4.4.2")
        assert verdict.facts == {"origin": b", ".join(origins).decode()}


@pytest.mark.parametrize(
    ("pairs", "members", "expected"),
    [
        pytest.param((), {}, (False, False, True), id="nothing"),
        pytest.param((TOKEN,), {}, (False, True, True), id="a token"),
        pytest.param(((b"cookie", b"session=1"),), {}, (False, False, True), id="a cookie"),
        pytest.param((), LEAF, (False, True, True), id="a client certificate"),
        pytest.param(
            (), {"extensions": {"tls": {"client_cert": 3}}}, (False, False, True), id="what is no certificate"
        ),
        pytest.param((), {"extensions": {"tls": {}}}, (False, False, True), id="TLS without one"),
    ],
)
def test_no_origin(a_connection: Make, pairs: Any, members: Any, expected: Any) -> None:
    """No browser: refused for pages, welcome with a credential beside pages, left to the marks of an API."""
    connection = a_connection(*pairs, type="websocket", scheme="wss", **members)
    verdicts = [judge(connection) for judge in (web, mixed, api)]
    assert tuple(verdict is None for verdict in verdicts) == expected
    assert all("websocket_without_origin" in verdict.reason for verdict in verdicts if verdict)


@pytest.mark.parametrize(("choice", "passes"), [("allow", True), ("refuse", False), ("credential", False)])
def test_an_operator_s_choice_wins(a_connection: Make, choice: Any, passes: bool) -> None:
    """Over the preset's own."""
    for preset in ("refuse", "allow"):
        judge = websocket_gate(CrossOrigin(websocket_without_origin=choice), without_origin=preset)  # type: ignore[arg-type]
        assert (judge(a_connection(type="websocket", scheme="wss")) is None) is passes


def test_only_handshakes(a_connection: Make) -> None:
    """An HTTP request has a gate of its own."""
    assert web(a_connection((b"origin", b"https://evil.example"), method="POST", scheme="https")) is None


def test_a_route_is_asked_last(a_connection: Make) -> None:
    """With the word WEBSOCKET for a method."""
    asked: list[Any] = []

    def allowed_here(scope: Any, method: str, origin: Any) -> bool:
        asked.append((method, origin.host))
        return bool(origin.host == "a.example")

    judge = websocket_gate(CrossOrigin(), without_origin="refuse", allowed_here=allowed_here)
    found = [
        judge(a_connection((b"origin", origin), type="websocket", scheme="wss")) is None
        for origin in (b"https://api.example.com", b"https://a.example", b"https://b.example", b"null")
    ]
    assert found == [True, True, False, False]
    assert asked == [("WEBSOCKET", "a.example"), ("WEBSOCKET", "b.example")]


@given(st.lists(st.binary(max_size=30) | st.sampled_from([b"https://api.example.com", PARTNER.encode()]), max_size=3))
def test_no_pass_the_table_does_not_allow(a_connection: Make, origins: list[bytes]) -> None:
    """Whatever Origin says, however often."""
    verdict = web(a_connection(*((b"origin", one) for one in origins), type="websocket", scheme="wss"))
    assert (verdict is None) is (origins in ([b"https://api.example.com"], [PARTNER.encode()]))
