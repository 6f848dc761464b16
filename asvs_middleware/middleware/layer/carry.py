"""Carry one request through the app: verify before the body, look again before the response, answer what is refused.

v5.0.0-16.5.3 (whatever the app makes of a refusal, it stands) and v5.0.0-16.5.4 (a last answer).
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.types import Message

from ...connection.exchange import Exchange
from ...errors import AccessDenied, Misconfigured
from ..response.dress import Dress
from .answers import answer, deny_websocket, report

Backstop = Callable[[Exchange, Message], AccessDenied | None]
BeforeBody = Callable[[Exchange], Awaitable[None] | None]
BeforeStart = Callable[[Exchange, Message], Awaitable[None] | None]
NothingToGuard = Callable[[Exchange], bool]

_STARTS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept", "websocket.close"})


class Watch(NamedTuple):
    """How the guard watches over a request; a layer without a guard has none.

    Attributes:
        nothing_to_guard: whether the endpoint asks for nothing, as most do: then the two looks below are spared.
        before_body: looks at the endpoint's mark when the app first reads from the client.
        before_start: looks at it again when the response starts; what it returns is awaited first.
        backstop: looks at the endpoint's mark when the response starts; a refusal replaces the response.
    """

    nothing_to_guard: NothingToGuard
    before_body: BeforeBody
    before_start: BeforeStart
    backstop: Backstop


def receiver(watch: Watch) -> Callable[[Exchange], Awaitable[Message]]:
    """Return the `receive` of the app, for one exchange."""
    before_body = watch.before_body

    def on_receive(exchange: Exchange) -> Awaitable[Message]:
        if exchange.settled:
            return exchange.receive()
        verification = before_body(exchange)
        return exchange.receive() if verification is None else _receive_after(verification, exchange)

    return on_receive


def sender(dress: Dress, watch: Watch | None) -> Callable[[Exchange, Message], Awaitable[None]]:
    """Return the `send` of the app, for one exchange."""
    put_on = dress.put_on
    nothing_to_guard = (lambda _exchange: True) if watch is None else watch.nothing_to_guard
    unwatched = watch is None

    def on_send(exchange: Exchange, message: Message) -> Awaitable[None]:
        if exchange.happened is None:
            if exchange.started:
                return exchange.send(message)
            if message["type"] == "http.response.start" and (unwatched or nothing_to_guard(exchange)):
                exchange.started = True
                return exchange.send(put_on(exchange, message))
        return attentive(exchange, message)

    def attentive(exchange: Exchange, message: Message) -> Awaitable[None]:
        if exchange.started or message["type"] not in _STARTS:
            return exchange.nothing(message) if exchange.answered else exchange.send(message)
        if watch is not None and exchange.refusal is None:
            verification = watch.before_start(exchange, message)
            if verification is not None:
                return start_after(verification, exchange, message)
        return start(exchange, message)

    def start(exchange: Exchange, message: Message) -> Awaitable[None]:
        refusal = exchange.refusal or (None if watch is None else watch.backstop(exchange, message))
        if refusal is not None:
            exchange.refusal = refusal
            return answer(refusal, exchange, dress, instead_of=message)
        if message["type"] == "websocket.close":
            return deny_websocket(exchange, dress)
        exchange.started = True
        if exchange.outer is not None:  # The app was given its nonces.
            exchange.nonce, exchange.style_nonce = exchange.outer.nonce, exchange.outer.style_nonce
        return exchange.send(message if message["type"] == "websocket.accept" else put_on(exchange, message))

    async def start_after(verification: Awaitable[None], exchange: Exchange, message: Message) -> None:
        try:
            await verification
        except Exception:
            if exchange.refusal is None:
                raise
        await start(exchange, message)

    return on_send


async def after_error(error: Exception, exchange: Exchange, dress: Dress) -> bool:
    """Answer what the app left unanswered when it raised; return whether the error still has to reach the server."""
    if exchange.outer is not None and exchange.outer.refusal is not None:
        return True  # The outer layer's guard refused; the outer layer answers.
    if exchange.refusal is None and not exchange.started:
        await answer(_unhandled(error), exchange, dress)
    await settle(exchange, dress)
    return exchange.refusal is None or not exchange.answered


async def settle(exchange: Exchange, dress: Dress) -> None:
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
