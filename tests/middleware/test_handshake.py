"""A WebSocket's accept is a response too: what the policy does to the app's own fields holds for it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from asvs_middleware import HeadersPolicy, SecurityPolicy, public, secure
from asvs_middleware.headers import CookiePolicy
from asvs_middleware.middleware import SecurityHeadersMiddleware
from asvs_middleware.middleware.response.handshake import mending_handshakes

pytestmark = pytest.mark.anyio

COOKIE = (b"set-cookie", b"id=1")
MENDED = (b"set-cookie", b"id=1; Secure; HttpOnly; SameSite=Lax")
OWN = (b"x-own", b"1")


def an_app(*fields: tuple[bytes, bytes], **options: Any) -> Starlette:
    @public(reason="nothing secret here")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept(headers=fields)
        await websocket.send_text("x")
        await websocket.close()

    return Starlette(routes=[WebSocketRoute("/", endpoint)], **options)


async def accepted(drive: Any, app: Any) -> list[tuple[bytes, bytes]]:
    """Return the fields of the accept; the messages after it arrive as they were sent."""
    wire = await drive(
        app, type="websocket", incoming=[{"type": "websocket.connect"}], headers={"origin": "https://api.example.com"}
    )
    accept, text, close = wire.sent
    assert (accept["type"], text["text"], close["code"]) == ("websocket.accept", "x", 1000)
    return list(accept["headers"])


@pytest.mark.parametrize(
    ("headers", "level", "expected"),
    [
        pytest.param(HeadersPolicy(), 2, [COOKIE, (b"x-powered-by", b"PHP/5"), OWN], id="nothing asked for"),
        pytest.param(
            HeadersPolicy(cookies=CookiePolicy()), 2, [MENDED, (b"x-powered-by", b"PHP/5"), OWN], id="cookies"
        ),
        pytest.param(HeadersPolicy(), 3, [COOKIE, OWN], id="level 3 names no product, v5.0.0-13.4.6"),
        pytest.param(HeadersPolicy(cookies=CookiePolicy(), removes=["x-own"]), 2, [MENDED], id="both"),
    ],
)
async def test_an_accept(headers: HeadersPolicy, level: Any, expected: Any, drive: Any) -> None:
    """By secure() and by the middleware alone."""
    fields = [COOKIE, (b"x-powered-by", b"PHP/5"), OWN]
    policy = SecurityPolicy.web(hosts=["api.example.com"], level=level, headers=headers)
    assert await accepted(drive, secure(an_app(*fields), policy)) == expected
    alone = Middleware(SecurityHeadersMiddleware, preset="web", level=level, headers=headers)
    assert await accepted(drive, an_app(*fields, middleware=[alone])) == expected


async def test_a_weak_cookie_is_reported(drive: Any, events: Any) -> None:
    """v5.0.0-3.3.1: as it is on any other response."""
    headers = HeadersPolicy(cookies=CookiePolicy(repair=False))
    app = secure(an_app(COOKIE), SecurityPolicy.web(hosts=["api.example.com"], headers=headers))
    assert await accepted(drive, app) == [COOKIE]
    assert "Secure" in " ".join(one["reason"] for one in events() if one["event"] == "cookie_weak")


def test_without_steps() -> None:
    """The app is handed on as it is."""
    app = an_app()
    assert mending_handshakes(app, ()) is app


async def test_outside_of_a_layer(drive: Any) -> None:
    """Nothing is known of the connection, so nothing is done."""
    from asvs_middleware.middleware.response.rewrite import without

    assert await accepted(drive, mending_handshakes(an_app(OWN), [without([b"x-own"])])) == [OWN]


_FIELDS = st.lists(
    st.tuples(
        st.sampled_from([b"set-cookie", b"Set-Cookie", b"server", b"x"]) | st.binary(max_size=5), st.binary(max_size=9)
    )
)


@given(_FIELDS, st.booleans())
async def test_any_fields(drive: Any, fields: list[tuple[bytes, bytes]], as_lists: bool) -> None:
    """Whatever an app sends with its accept, it is accepted, and what names the server is gone."""
    policy = SecurityPolicy.web(
        hosts=["api.example.com"], headers=HeadersPolicy(cookies=CookiePolicy(), removes=(), charset=True)
    )

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept", "headers": [list(one) if as_lists else one for one in fields]})
        await send({"type": "websocket.send", "text": "x"})
        await send({"type": "websocket.close", "code": 1000})

    found = await accepted(drive, secure(public(reason="nothing secret here")(app), policy))
    assert b"server" not in {name.lower() for name, _ in found}
    assert [pair for pair in found if pair[0] == b"x"] == [pair for pair in fields if pair[0] == b"x"]
