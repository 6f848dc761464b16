"""Who gets in: every gate in order; the first one with a verdict answers."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from ... import events
from ...connection import Connection
from ...connection.exchange import SCOPE_KEY, Exchange, Means, exchange_of
from ...connection.facts import client_address
from ...connection.glance import UNTOLD, Glance
from ...errors import AccessDenied, Misconfigured
from ..gates.verdict import Gate, Redirect
from ..response.dress import Dress
from ..response.wardrobe import arrival
from .answers import answer

ExposedCredentialHook = Callable[[Connection], Awaitable[None] | None]
Answer = Callable[[AccessDenied | Redirect, Exchange], Awaitable[None]]

_MOST_CLEARED: Final = 1024


Judge = Callable[[Scope, Receive, Send, bytes | None], Exchange | Awaitable[None]]


def judge(
    lifespan: ASGIApp,
    *,
    means: Means,
    gates: Sequence[Gate],
    proxied_glance: Glance | None,
    cleared: dict[bytes | None, int],
    answer: Answer,
    inside: Callable[[Exchange], Awaitable[None]],
) -> Judge:
    """Return what looks at everything: of a request that may go on it gives the exchange, of others what to wait for.

    Args:
        lifespan: gets the lifespan.
        means: what the layer has.
        gates: judged in order; the first verdict answers.
        proxied_glance: tells the requests through a proxy of which the same holds.
        cleared: gets the Hosts of ordinary requests that passed, and the Exchange.arrival of their requests.
        answer: answers with a verdict.
        inside: runs a layer without a guard below another one, whose guard, backstop and nonce stay in force.
    """

    def look(scope: Scope, receive: Receive, send: Send, ordinary_host: bytes | None) -> Exchange | Awaitable[None]:
        if scope["type"] == "lifespan":
            return lifespan(scope, receive, send)
        if scope["type"] not in {"http", "websocket"}:
            raise Misconfigured(f"The server opened a scope of type {scope['type']!r}, which nothing here can check.")
        if proxied_glance is not None and scope["type"] == "http" and SCOPE_KEY not in scope:
            told = proxied_glance(scope, receive)
            if told is not UNTOLD:
                ordinary_host, _, client, *_ = told
                came = cleared.get(ordinary_host)
                if came is not None:
                    put_right = {**scope, "scheme": "https", "client": client_address(client, scope.get("client"))}
                    return Exchange(put_right, receive, send, means, came, told)
        connection = means.read(scope, receive)
        came = arrival(secure=connection.secure, host=connection.host)
        for gate in gates:
            verdict = gate(connection)
            if verdict is not None:
                return answer(verdict, Exchange(connection.scope, receive, send, means, came, connection))
        outer = exchange_of(connection.scope)
        if outer is not None:
            if means.verifier is None:
                scope.update(connection.scope)
                exchange = Exchange(scope, receive, send, means, came, connection._replace(scope=scope))
                exchange.outer = outer
                return inside(exchange)
            # A secured app inside a secured app: each keeps its own endpoint.
            connection = connection._replace(scope={**connection.scope})
        elif ordinary_host is not None and connection.host == ordinary_host:
            if len(cleared) >= _MOST_CLEARED:
                cleared.clear()
            cleared[ordinary_host] = came
        return Exchange(connection.scope, receive, send, means, came, connection)

    return look


def answering(dress: Dress, hook: ExposedCredentialHook | None) -> Answer:
    """Return what answers with a verdict; the hook runs first, where a credential came over plaintext."""

    def plainly(verdict: AccessDenied | Redirect, exchange: Exchange) -> Awaitable[None]:
        return answer(verdict, exchange, dress)

    async def after_the_hook(verdict: AccessDenied | Redirect, exchange: Exchange) -> None:
        if hook is not None and isinstance(verdict, AccessDenied) and verdict.facts.get("credential_exposed"):
            await _tell(hook, exchange)
        await answer(verdict, exchange, dress)

    return plainly if hook is None else after_the_hook


async def _tell(hook: ExposedCredentialHook, exchange: Exchange) -> None:
    """Run the operator's hook; one that fails changes nothing for the caller."""
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
