"""The one place where gates, guard and headers become an ASGI layer.

The layer is a plain function and the wrapped `send` and `receive` are functions bound to one object: no closure is
made for a request, and one coroutine frame for all concerns together (docs/explanation/performance.md).
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from types import MethodType

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import events
from ..connection import Connection, Read
from ..connection.exchange import SCOPE_KEY, Exchange, Verifier, exchange_of
from ..errors import AccessDenied, Misconfigured
from .answers import answer, deny_websocket, report
from .dress import Dress
from .verdict import Gate

Backstop = Callable[[Exchange, Message], AccessDenied | None]
BeforeBody = Callable[[Exchange], Awaitable[None] | None]
ExposedCredentialHook = Callable[[Connection], Awaitable[None] | None]

_STARTS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept", "websocket.close"})


def fuse(
    app: ASGIApp,
    *,
    read: Read,
    dress: Dress,
    gates: Sequence[Gate] = (),
    verifier: Verifier | None = None,
    before_body: BeforeBody = lambda _exchange: None,
    backstop: Backstop = lambda _exchange, _start: None,
    on_exposed_credential: ExposedCredentialHook | None = None,
) -> ASGIApp:
    """Return one ASGI layer: every gate in order, then the app, then the headers on its response.

    Args:
        app: what runs inside.
        read: makes the Connection.
        dress: puts the headers on a response start.
        gates: judged in order; the first verdict answers.
        verifier: makes the proofs that marked endpoints ask for.
        before_body: looks at the endpoint's mark when the app first reads from the client.
        backstop: looks at the endpoint's mark when the response starts; a refusal replaces the response.
        on_exposed_credential: called when a credential came over plaintext, before the refusal is sent.
    """

    def on_receive(exchange: Exchange) -> Awaitable[Message]:
        if exchange.settled:
            return exchange.receive()
        verification = before_body(exchange)
        return exchange.receive() if verification is None else _receive_after(verification, exchange)

    def on_send(exchange: Exchange, message: Message) -> Awaitable[None]:
        if message["type"] not in _STARTS or exchange.started:
            return exchange.nothing(message) if exchange.answered else exchange.send(message)
        refusal = exchange.refusal or backstop(exchange, message)
        if refusal is not None:
            exchange.refusal = refusal
            return answer(refusal, exchange, dress)
        if message["type"] == "websocket.close":
            return deny_websocket(exchange, dress)
        exchange.started = True
        return exchange.send(message if message["type"] == "websocket.accept" else dress(exchange, message))

    async def carry(exchange: Exchange) -> None:
        """Run the app; whatever way it ends, a refusal is answered and nothing is left without its headers."""
        scope = exchange.connection.scope
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

    def layer(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "lifespan":
            return app(scope, receive, send)
        if scope["type"] not in {"http", "websocket"}:
            raise Misconfigured(f"The server opened a scope of type {scope['type']!r}, which nothing here can check.")
        connection = read(scope, receive)
        exchange = Exchange(connection, receive, send, verifier)
        for judge in gates:
            verdict = judge(connection)
            if verdict is not None:
                if on_exposed_credential is not None and isinstance(verdict, AccessDenied):
                    return _tell(on_exposed_credential, verdict, exchange, dress)
                return answer(verdict, exchange, dress)
        if SCOPE_KEY in connection.scope:
            if verifier is None:  # The outer layer's guard, backstop and nonce stay the ones in force.
                scope.update(connection.scope)
                exchange.connection, exchange.outer = connection._replace(scope=scope), exchange_of(scope)
                return carry(exchange)
            # A secured app inside a secured app: each keeps its own endpoint.
            exchange.connection = connection = connection._replace(scope={**connection.scope})
        scope = connection.scope
        scope[SCOPE_KEY] = exchange
        if verifier is not None:  # A server that shares one state between requests may not share callers.
            scope["state"] = {**scope.get("state", {})}
        return carry(exchange)

    return layer


async def _settle(exchange: Exchange, dress: Dress) -> None:
    """Answer a refusal that the app kept to itself; once the app's own response has begun, report it at least."""
    if exchange.refusal is None or exchange.answered:
        return
    if exchange.started:
        report(exchange.refusal, exchange.connection)
    else:
        await answer(exchange.refusal, exchange, dress)


async def _tell(hook: ExposedCredentialHook, verdict: AccessDenied, exchange: Exchange, dress: Dress) -> None:
    """Run the operator's hook, then answer; a hook that fails changes nothing for the caller."""
    if verdict.facts.get("credential_exposed"):
        try:
            waiting = hook(exchange.connection)
            if waiting is not None:
                await waiting
        except Exception as error:  # noqa: BLE001  # Whatever it raises, the request is refused and the failure logged.
            events.emit(
                "access",
                "exposed_credential_hook_failed",
                reason=f"on_exposed_credential raised {type(error).__name__}.",
                requirement="v5.0.0-16.3.4",
                severity=logging.ERROR,
            )
    await answer(verdict, exchange, dress)


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
