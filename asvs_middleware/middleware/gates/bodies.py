"""How much body, and for how long: v5.0.0-15.2.2. Only where `Limits(body_bytes=, body_seconds=)` asks for it.

RFC 9110 sections 15.5.9 and 15.5.14. WebSocket messages are not counted: servers bound those (`--ws-max-size`).
Starlette's RequestBodyLimitMiddleware bounds the size too, from inside the app and without a security event.
"""

import time
from collections.abc import Callable
from typing import Any

import anyio
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...connection import Connection
from ...connection.exchange import exchange_of
from ...errors import RequestRefused
from .limits import Limits
from .verdict import Gate, Verdict


def content_length_gate(most: int) -> Gate:
    """Return the gate that refuses a body by what its Content-Length says, before any of it is read."""

    def judge(connection: Connection) -> Verdict:
        for name, value in connection.scope["headers"]:
            if name == b"content-length":
                # isdigit() of bytes is ASCII alone; int() would take signs, spaces and underscores.
                if not value.isdigit():
                    return RequestRefused(
                        "The Content-Length is no number.", code="framing_refused", requirement="v5.0.0-4.2.1"
                    )
                digits = value.lstrip(b"0")
                if len(digits) > 16 or int(digits or b"0") > most:
                    return too_large(connection.scope, most)
        return None

    return judge


def bounded_bodies(app: ASGIApp, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> ASGIApp:
    """Return the app with its `receive` watched; it stands inside the layer, which answers the refusal.

    Args:
        app: what runs inside.
        limits: at least one of `body_bytes` and `body_seconds` is given.
        clock: seconds, never going back.
    """

    def bounded(scope: Scope, receive: Receive, send: Send) -> Any:
        if scope["type"] != "http":
            return app(scope, receive, send)
        return app(scope, _Body(scope, receive, limits, clock).receive, send)

    return bounded


class _Body:
    """One request's body, as far as it has come."""

    __slots__ = ("_clock", "_complete", "_limits", "_receive", "_scope", "_size", "_waited")

    def __init__(self, scope: Scope, receive: Receive, limits: Limits, clock: Callable[[], float]) -> None:
        self._scope, self._receive, self._limits, self._clock = scope, receive, limits, clock
        self._size = 0
        self._waited = 0.0
        self._complete = False

    @property
    def transport(self) -> Any:
        """The server's transport, so that code behind finds it where it is used to."""
        return getattr(getattr(self._receive, "__self__", None), "transport", None)

    async def receive(self) -> Message:
        """Return the next message, or refuse."""
        if self._complete:
            return await self._receive()  # What comes now is the end of the connection, which nobody hurries.
        message = await self._in_time()
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
        else:
            self._complete = True
        most = self._limits.body_bytes
        if most is not None and self._size > most:
            raise self._refused(too_large(self._scope, most))
        return message

    async def _in_time(self) -> Message:
        allowed = self._limits.body_seconds
        if allowed is None:
            return await self._receive()
        began = self._clock()
        left = allowed - self._waited
        if left > 0:
            with anyio.move_on_after(left):
                message = await self._receive()
                self._waited += self._clock() - began  # The app's own pauses do not count.
                return message
        self._waited = allowed
        raise self._refused(_too_slow(self._scope, allowed))

    def _refused(self, refusal: RequestRefused) -> HTTPException:
        """Note the refusal where the layer sees it; it answers whatever the app makes of this exception."""
        exchange = exchange_of(self._scope)
        if exchange is not None and exchange.refusal is None:
            exchange.refusal = refusal
        return HTTPException(refusal.status, refusal.title)


def too_large(scope: Scope, most: int) -> RequestRefused:
    """Return the refusal of a body above the limit."""
    reason = f"The body has more than {most} bytes."
    return RequestRefused(reason, code="body_too_large", status=413, headers=_closing(scope))


def _too_slow(scope: Scope, allowed: float) -> RequestRefused:
    reason = f"The app waited more than {allowed} seconds for the body."
    return RequestRefused(reason, code="body_timeout", status=408, headers=_closing(scope))


def _closing(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The rest of the body is never read, so HTTP/1 cannot go on after it (RFC 9112 section 9.3)."""
    return [(b"connection", b"close")] if scope.get("http_version", "1.1") < "2" else []
