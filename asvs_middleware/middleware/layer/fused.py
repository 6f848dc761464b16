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
from ...connection.transport import own_extensions
from ..gates.verdict import Gate
from ..response.dress import Dress
from .admit import ExposedCredentialHook, answering, judge
from .carry import Watch, after_error, receiver, sender, settle


def _itself(app: ASGIApp) -> ASGIApp:
    return app


def _never(_scope: Scope, _receive: Receive) -> Told:
    """Take no request for an ordinary one."""
    return UNTOLD


class Fused:
    """One ASGI layer: every gate in order, then the app, then the headers on its response.

    Its call is a coroutine function, by which servers tell an app of ASGI 3 from one of ASGI 2.

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

    Attributes:
        app: as above.
    """

    def __init__(
        self,
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
    ) -> None:
        self.app = app
        self._first = first
        self._inside: ASGIApp | None = None
        self._means = Means(read, verifier)
        self._is_guarded = verifier is not None
        self._cleared: dict[bytes | None, int] = {}
        self._glance = _never if ordinary is None else read.glance(ordinary)
        self._look = judge(
            lifespan or app,
            means=self._means,
            gates=gates,
            proxied_glance=None if ordinary is None else read.proxied_glance(ordinary),
            cleared=self._cleared,
            answer=answering(dress, on_exposed_credential),
            inside=self._below,
        )
        self._dress = dress
        self._on_send = sender(dress, watch)
        self._on_receive = None if watch is None else receiver(watch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app; whatever way it ends, a refusal is answered and nothing is left without its headers."""
        told = self._glance(scope, receive) if scope["type"] == "http" and SCOPE_KEY not in scope else UNTOLD
        came = self._cleared.get(told[0])
        if came is not None:
            exchange = Exchange(scope, receive, send, self._means, came, told)
        else:
            found = self._look(scope, receive, send, told[0])
            if not isinstance(found, Exchange):
                return await found
            exchange, scope = found, found.scope
        scope[SCOPE_KEY] = exchange
        if self._is_guarded:  # A server that shares these between requests may not share what the app puts there.
            state = scope.get("state")
            scope["state"] = {**state} if state else {}
            if "extensions" in scope:
                scope["extensions"] = own_extensions(scope, receive)
        try:
            if self._inside is None:
                self._inside = self._first(self.app)
            await self._inside(
                scope,
                receive if self._on_receive is None else MethodType(self._on_receive, exchange),
                MethodType(self._on_send, exchange),
            )
        except Exception as error:
            if await after_error(error, exchange, self._dress):
                raise
        else:
            if exchange.happened is not None:  # A coroutine that does nothing is dear on every request.
                await settle(exchange, self._dress)
        finally:
            # Scope and exchange hold each other: left so, every request would wait for the garbage collector.
            scope.pop(SCOPE_KEY, None)

    async def _below(self, exchange: Exchange) -> None:
        """Run the app below the exchange of the layer around this one, which stays in the scope."""
        try:
            await self.app(exchange.scope, exchange.receive, MethodType(self._on_send, exchange))
        except Exception as error:
            await after_error(error, exchange, self._dress)
            raise
