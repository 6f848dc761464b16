"""The one place where gates, guard and headers become an ASGI layer.

The layer is a plain function, and there is one coroutine frame for all concerns together. An ordinary request for a
host that has passed every gate before is not judged again (docs/explanation/performance.md).
"""

import logging
from collections.abc import Awaitable, Callable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from .. import events
from ..connection import Connection, Read, is_public_name
from ..connection.exchange import SCOPE_KEY, Exchange, Verifier, exchange_of
from ..errors import AccessDenied, Misconfigured
from .answers import answer
from .carry import Backstop, BeforeBody, BeforeStart, carrier
from .dress import Dress
from .verdict import Gate

ExposedCredentialHook = Callable[[Connection], Awaitable[None] | None]

_MOST_CLEARED = 1024


def fuse(
    app: ASGIApp,
    *,
    read: Read,
    dress: Dress,
    gates: Sequence[Gate] = (),
    verifier: Verifier | None = None,
    before_body: BeforeBody = lambda _exchange: None,
    before_start: BeforeStart = lambda _exchange, _start: None,
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
        before_start: looks at it again when the response starts; what it returns is awaited first.
        backstop: looks at the endpoint's mark when the response starts; a refusal replaces the response.
        on_exposed_credential: called when a credential came over plaintext, before the refusal is sent.
    """
    cleared: dict[bytes, bool] = {}  # Hosts of ordinary requests that pass every gate, and whether they get HSTS.
    carry = carrier(app, dress=dress, before_body=before_body, before_start=before_start, backstop=backstop)

    def layer(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or SCOPE_KEY in scope:
            return attentive(scope, receive, send, None)
        host = read.glance(scope, receive)
        if host not in cleared:
            return attentive(scope, receive, send, host)
        exchange = Exchange(scope, receive, send, verifier, read)
        exchange.sends_hsts = cleared[host]
        return begin(exchange)

    def begin(exchange: Exchange) -> Awaitable[None]:
        scope = exchange.scope
        scope[SCOPE_KEY] = exchange
        if verifier is not None:  # A server that shares one state between requests may not share callers.
            scope["state"] = {**scope.get("state", {})}
        return carry(exchange)

    def attentive(scope: Scope, receive: Receive, send: Send, ordinary_host: bytes | None) -> Awaitable[None]:
        """Look at everything: the first request for a host, and each one that is not ordinary."""
        if scope["type"] == "lifespan":
            return app(scope, receive, send)
        if scope["type"] not in {"http", "websocket"}:
            raise Misconfigured(f"The server opened a scope of type {scope['type']!r}, which nothing here can check.")
        connection = read(scope, receive)
        for judge in gates:
            verdict = judge(connection)
            if verdict is not None:
                exchange = Exchange(connection.scope, receive, send, verifier, connection)
                if on_exposed_credential is not None and isinstance(verdict, AccessDenied):
                    return _tell(on_exposed_credential, verdict, exchange, dress)
                return answer(verdict, exchange, dress)
        outer = exchange_of(connection.scope)
        if outer is not None:
            if verifier is None:  # The outer layer's guard, backstop and nonce stay the ones in force.
                scope.update(connection.scope)
                exchange = Exchange(scope, receive, send, None, connection._replace(scope=scope))
                exchange.outer = outer
                return carry(exchange)
            # A secured app inside a secured app: each keeps its own endpoint.
            connection = connection._replace(scope={**connection.scope})
        elif ordinary_host is not None and len(cleared) < _MOST_CLEARED:
            cleared[ordinary_host] = is_public_name(ordinary_host)
        return begin(Exchange(connection.scope, receive, send, verifier, connection))

    return layer


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
