"""The one place where gates, guard and headers become an ASGI layer.

There is one coroutine frame for all concerns together. An ordinary request for a host that has passed every gate
before is not judged again (connection/glance.py, docs/explanation/performance.md).
"""

from collections.abc import Callable, Sequence
from types import MethodType

from starlette.types import ASGIApp, Receive, Scope, Send

from ...connection import Read
from ...connection.exchange import SCOPE_KEY, Exchange, Means, Verifier
from ...connection.glance import UNTOLD, Ordinary, Told
from ..gates.verdict import Gate
from ..response.dress import Dress
from .admit import ExposedCredentialHook, answering, judge
from .carry import Watch, after_error, receiver, sender, settle


def _itself(app: ASGIApp) -> ASGIApp:
    return app


def _never(_scope: Scope, _receive: Receive) -> Told:
    """Take no request for an ordinary one."""
    return UNTOLD


def fuse(
    app: ASGIApp,
    *,
    read: Read,
    dress: Dress,
    gates: Sequence[Gate] = (),
    ordinary: Ordinary | None = None,
    verifier: Verifier | None = None,
    watch: Watch | None = None,
    on_exposed_credential: ExposedCredentialHook | None = None,
    lifespan: ASGIApp | None = None,
    first: Callable[[ASGIApp], ASGIApp] = _itself,
) -> ASGIApp:
    """Return one ASGI layer: every gate in order, then the app, then the headers on its response.

    Args:
        app: what runs inside.
        read: makes the Connection.
        dress: puts the headers on a response start.
        gates: judged in order; the first verdict answers.
        ordinary: what every gate passes once it has passed the Host; None where each request is judged.
        verifier: makes the proofs that marked endpoints ask for.
        watch: sees to it that they are made.
        on_exposed_credential: called when a credential came over plaintext, before the refusal is sent.
        lifespan: gets the lifespan; the app itself unless given.
        first: asked at the first request what runs inside in the app's place; whatever it raises is answered like an
            error of the app, and it is asked again.
    """
    means = Means(read, verifier)
    cleared: dict[bytes | None, int] = {}
    look = judge(
        lifespan or app,
        means=means,
        gates=gates,
        proxied_glance=None if ordinary is None else read.proxied_glance(ordinary),
        cleared=cleared,
        answer=answering(dress, on_exposed_credential),
        inside=lambda exchange: below(exchange),  # noqa: PLW0108  # Defined further down.
    )
    glance = _never if ordinary is None else read.glance(ordinary)
    on_send = sender(dress, watch)
    on_receive = None if watch is None else receiver(watch)
    inside: ASGIApp | None = None

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app; whatever way it ends, a refusal is answered and nothing is left without its headers."""
        nonlocal inside
        host, transport = glance(scope, receive) if scope["type"] == "http" and SCOPE_KEY not in scope else UNTOLD
        came = cleared.get(host)
        if came is not None:
            exchange = Exchange(scope, receive, send, means, came)
            exchange.underneath = transport
        else:
            found = look(scope, receive, send, host)
            if not isinstance(found, Exchange):
                return await found
            exchange, scope = found, found.scope
        scope[SCOPE_KEY] = exchange
        if verifier is not None:  # A server that shares one state between requests may not share callers.
            scope["state"] = {**(scope.get("state") or {})}
        try:
            if inside is None:
                inside = first(app)
            await inside(
                scope,
                receive if on_receive is None else MethodType(on_receive, exchange),
                MethodType(on_send, exchange),
            )
        except Exception as error:
            if await after_error(error, exchange, dress):
                raise
        else:
            if exchange.happened is not None:  # A coroutine that does nothing is dear on every request.
                await settle(exchange, dress)
        finally:
            # Scope and exchange hold each other: left so, every request would wait for the garbage collector.
            scope.pop(SCOPE_KEY, None)

    async def below(exchange: Exchange) -> None:
        """Run the app below the exchange of the layer around this one, which stays in the scope."""
        try:
            await app(exchange.scope, exchange.receive, MethodType(on_send, exchange))
        except Exception as error:
            await after_error(error, exchange, dress)
            raise

    return layer
