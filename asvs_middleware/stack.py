"""secure(): build the stack of a policy round an app.

A Starlette or FastAPI object gets it inside, outside its ServerErrorMiddleware, where alone a header reaches an
unhandled 500; any other ASGI callable is wrapped.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar, overload

from starlette.applications import Starlette
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .access import (
    Guard,
    RouteEntry,
    applications,
    backstop,
    before_body,
    before_start,
    check_routes,
    described,
    noted,
    place_documentation,
    walk,
)
from .access.enforce import SECURED
from .certificates import ClientCertificateVerifier
from .connection import connection_reader
from .errors import ConfigurationError
from .middleware import dresser, fuse, host_gate, plaintext_gate
from .outbound import OutboundPolicy
from .policy import SecurityPolicy
from .tokens import AccessTokenVerifier, Tokens

_StarletteApp = TypeVar("_StarletteApp", bound=Starlette)


@overload
def secure(  # type: ignore[overload-overlap]  # A Starlette app is an ASGI callable too; the first one wins.
    app: _StarletteApp, policy: SecurityPolicy
) -> _StarletteApp: ...
@overload
def secure(app: ASGIApp, policy: SecurityPolicy) -> "SecuredApp": ...
def secure(app: Any, policy: SecurityPolicy) -> Any:
    """Put the policy round the app.

    Returns the same object for Starlette and FastAPI, so `uvicorn main:app` needs no change; for any other ASGI
    callable a new one that has to be served instead. Routes may be added afterwards: they are checked when the app
    starts (lifespan), or at the first request where the server runs no lifespan.

    Raises:
        ConfigurationError: the policy is none, or the app is secured already or has answered requests.
    """
    if not isinstance(policy, SecurityPolicy):
        raise ConfigurationError(
            f"secure() got a {type(policy).__name__} as policy.",
            fix="Write secure(app, SecurityPolicy.api(hosts=[...])).",
        )
    if not callable(app):
        raise ConfigurationError(f"secure() got a {type(app).__name__} as app.", fix="Give it an ASGI app.")
    if getattr(app, SECURED, False):
        raise ConfigurationError("This app is secured already.", fix="Call secure() once, with one policy.")
    if not isinstance(app, Starlette):
        return SecuredApp(app, policy)
    if app.middleware_stack is not None:
        raise ConfigurationError(
            "secure() came after the app had built its middleware.", fix="Call it before the first request."
        )
    stack = Stack(app, policy)
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: stack.around(build())  # type: ignore[method-assign]
    setattr(app, SECURED, stack)
    return app


def stack_of(app: Any) -> "Stack":
    """Return the stack of a secured app.

    Raises:
        ConfigurationError: the app is not secured.
    """
    stack = getattr(app, SECURED, None)
    if not isinstance(stack, Stack):
        raise ConfigurationError(
            f"This {type(app).__name__} is not secured.", fix="Call secure(app, policy) where the app is made."
        )
    return stack


class SecuredApp:
    """Any ASGI callable with a policy round it."""

    def __init__(self, app: ASGIApp, policy: SecurityPolicy) -> None:
        self.app = app
        stack = Stack(app, policy)
        self._layer = stack.around(app)
        setattr(self, SECURED, stack)

    @property
    def routes(self) -> Any:
        """The routes of the app inside; empty where it has none."""
        return getattr(self.app, "routes", [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the layer."""
        await self._layer(scope, receive, send)


class Stack:
    """What carries an app: its policy, its guard, and the check at its start.

    Attributes:
        app: the app as it was given to secure().
        policy: what was chosen.
        guard: makes the proofs.
    """

    def __init__(self, app: Any, policy: SecurityPolicy, *, clock: Callable[[], float] = time.time) -> None:
        self.app = app
        self.policy = policy
        self.guard = guard_of(policy, clock=clock)
        self._checked = False

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return the layer with the app inside."""
        policy = self.policy

        def checked(scope: Scope, receive: Receive, send: Send) -> Any:
            self.check()
            return app(scope, receive, send)

        reader = connection_reader(policy.proxies)

        def fused(inside: ASGIApp) -> ASGIApp:
            return fuse(
                inside,
                read=reader,
                dress=dresser(policy.preset, api=policy.api_headers, web=policy.web_headers),
                gates=(
                    host_gate(policy.served_hosts),
                    plaintext_gate(redirect_pages=policy.redirects_pages, https_port=policy.https_port),
                ),
                verifier=self.guard,
                before_body=before_body,
                before_start=before_start,
                backstop=backstop(deny_unmarked=policy.deny_unmarked),
                on_exposed_credential=policy.on_exposed_credential,
            )

        layer, unchecked = fused(app), fused(checked)

        def outermost(scope: Scope, receive: Receive, send: Send) -> Any:
            if scope["type"] == "lifespan":
                return self._live(app, scope, receive, send)
            return (layer if self._checked else unchecked)(scope, receive, send)

        return outermost

    def entries(self) -> list[RouteEntry]:
        """Return every route with what guards it; an app without routes is one."""
        return list(walk(self.app))

    def check(self) -> None:
        """Put the documentation routes in their place and refuse an app with an unguarded route.

        Raises:
            ConfigurationError: a route is unguarded, or guarded by what is not configured.
        """
        policy = self.policy
        for app in applications(self.app):
            place_documentation(app, docs=policy.docs, by_certificate=policy.client_certificates is not None)
        check_routes(
            self.entries(),
            deny_unmarked=policy.deny_unmarked,
            tokens=policy.tokens is not None,
            certificates=policy.client_certificates is not None,
        )
        for app in applications(self.app):
            _publish(app)
            _note(app)
        self._checked = True

    async def _live(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the lifespan; when the app says it is up, check it, and let a bad one come down again."""
        failed = False

        async def checking(message: Message) -> None:
            nonlocal failed
            if failed:
                return  # The server was told that the start failed; what the app says going down is its own affair.
            if message["type"] == "lifespan.startup.complete":
                try:
                    self.check()
                except ConfigurationError as error:
                    failed = True
                    message = {"type": "lifespan.startup.failed", "message": str(error)}
            await send(message)

        async def receiving() -> Message:
            return {"type": "lifespan.shutdown"} if failed else await receive()

        await app(scope, receiving, checking)


def guard_of(policy: SecurityPolicy, *, clock: Callable[[], float] = time.time) -> Guard:
    """Return the guard of a policy. Nothing is fetched yet."""
    return Guard(
        tokens=None if policy.tokens is None else _token_verifier(policy.tokens, clock),
        certificates=None
        if policy.client_certificates is None
        else ClientCertificateVerifier(policy.client_certificates),
        clock=clock,
    )


def _token_verifier(tokens: Tokens, clock: Callable[[], float]) -> AccessTokenVerifier:
    fetcher = tokens.outbound or OutboundPolicy.public_web()
    return AccessTokenVerifier(tokens, fetcher=fetcher, clock=clock)


def _note(app: Any) -> None:
    """Let the layer see the scope an app's router writes to.

    Raises:
        ConfigurationError: the router keeps the way it handles requests elsewhere.
    """
    router = getattr(app, "router", app)
    inner = getattr(router, "middleware_stack", None)  # Public by its name, and not documented.
    if not isinstance(router, Router) or hasattr(inner, SECURED):
        return
    if not callable(inner):
        raise ConfigurationError(
            "The routers of this Starlette cannot be watched.", fix="Use a release of Starlette this package names."
        )
    note = noted(inner)
    setattr(note, SECURED, True)
    router.middleware_stack = note  # type: ignore[assignment]  # An awaitable is all its caller wants.


def _publish(app: Any) -> None:
    """Write the marks into what FastAPI's `openapi()` returns; other apps have none."""
    original = getattr(app, "openapi", None)
    if not callable(original) or hasattr(original, SECURED):
        return

    def openapi() -> dict[str, Any]:
        return described(original(), walk(app))

    setattr(openapi, SECURED, True)
    app.openapi = openapi
