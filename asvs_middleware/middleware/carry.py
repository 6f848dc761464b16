"""Carry one request through the app: verify before the body, look again before the response, answer what is refused.

v5.0.0-16.5.3 (whatever the app makes of a refusal, it stands) and v5.0.0-16.5.4 (a last answer).
"""

from collections.abc import Awaitable, Callable, Coroutine
from types import MethodType

from starlette.types import ASGIApp, Message

from ..connection.exchange import SCOPE_KEY, Exchange
from ..errors import AccessDenied, Misconfigured
from .answers import answer, deny_websocket, report
from .dress import Dress

Backstop = Callable[[Exchange, Message], AccessDenied | None]
BeforeBody = Callable[[Exchange], Awaitable[None] | None]
BeforeStart = Callable[[Exchange, Message], Awaitable[None] | None]
Carry = Callable[[Exchange], Coroutine[None, None, None]]

_STARTS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept", "websocket.close"})


def carrier(
    app: ASGIApp, *, dress: Dress, before_body: BeforeBody, before_start: BeforeStart, backstop: Backstop
) -> Carry:
    """Return what runs the app for one exchange; `fuse` says what the arguments are."""

    def on_receive(exchange: Exchange) -> Awaitable[Message]:
        if exchange.settled:
            return exchange.receive()
        verification = before_body(exchange)
        return exchange.receive() if verification is None else _receive_after(verification, exchange)

    def on_send(exchange: Exchange, message: Message) -> Awaitable[None]:
        if exchange.started or message["type"] not in _STARTS:
            return exchange.nothing(message) if exchange.answered else exchange.send(message)
        if exchange.refusal is None and (verification := before_start(exchange, message)) is not None:
            return start_after(verification, exchange, message)
        return start(exchange, message)

    def start(exchange: Exchange, message: Message) -> Awaitable[None]:
        refusal = exchange.refusal or backstop(exchange, message)
        if refusal is not None:
            exchange.refusal = refusal
            return answer(refusal, exchange, dress, instead_of=message)
        if message["type"] == "websocket.close":
            return deny_websocket(exchange, dress)
        exchange.started = True
        if exchange.outer is not None:
            exchange.nonce = exchange.outer.nonce
        return exchange.send(message if message["type"] == "websocket.accept" else dress(exchange, message))

    async def start_after(verification: Awaitable[None], exchange: Exchange, message: Message) -> None:
        try:
            await verification
        except Exception:
            if exchange.refusal is None:
                raise
        await start(exchange, message)

    async def carry(exchange: Exchange) -> None:
        """Run the app; whatever way it ends, a refusal is answered and nothing is left without its headers."""
        scope = exchange.scope
        try:
            await app(scope, MethodType(on_receive, exchange), MethodType(on_send, exchange))
        except Exception as error:
            if exchange.outer is not None and exchange.outer.refusal is not None:
                raise  # The outer layer's guard refused; the outer layer answers.
            if exchange.refusal is None and not exchange.started:
                await answer(_unhandled(error), exchange, dress)
            await _settle(exchange, dress)
            if exchange.refusal is None or not exchange.answered:
                raise
        else:
            if exchange.refusal is not None:  # Asked here too: a coroutine that does nothing is dear on every request.
                await _settle(exchange, dress)
        finally:
            # Scope and exchange hold each other: left so, every request would wait for the garbage collector.
            if scope.get(SCOPE_KEY) is exchange:
                del scope[SCOPE_KEY]

    return carry


async def _settle(exchange: Exchange, dress: Dress) -> None:
    """Answer a refusal that the app kept to itself; once the app's own response has begun, report it at least."""
    if exchange.refusal is None or exchange.answered:
        return
    if exchange.started:
        report(exchange.refusal, exchange.connection)
    else:
        await answer(exchange.refusal, exchange, dress)


async def _receive_after(verification: Awaitable[None], exchange: Exchange) -> Message:
    await verification
    return await exchange.receive()


def _unhandled(error: Exception) -> Misconfigured:
    """v5.0.0-16.5.4: a last answer for what nothing else caught; the error itself goes on to the server's log."""
    return Misconfigured(
        f"The app raised {type(error).__name__} and answered nothing.",
        code="internal_error",
        requirement="v5.0.0-16.5.4",
    )
