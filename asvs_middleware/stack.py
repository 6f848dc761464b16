"""secure(): build the stack of a policy round an app.

A Starlette or FastAPI object gets it inside, outside its ServerErrorMiddleware, where alone a header reaches an
unhandled 500; any other ASGI callable is wrapped.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .access import (
    Guard,
    RouteEntry,
    Rule,
    applications,
    backstop,
    before_body,
    before_start,
    by_path,
    judged,
    mounted_applications,
    nothing_to_guard,
    place_documentation,
    publish,
    refuse_problems,
    waived_by,
    walk,
    watch,
)
from .access.enforce import SECURED
from .access.marks import Place
from .access.port import shut
from .certificates import ClientCertificateVerifier
from .connection import connection_reader
from .errors import ConfigurationError
from .headers import reports_of
from .middleware import Fused, Watch, announce, collecting, header_routes, peer_lock, report_collector, waivers_of
from .middleware.inbound import CrossOriginRoutes, inbound_app, inbound_dress, inbound_gates, inbound_ordinary
from .outbound import OutboundPolicy
from .outbound.revocation_lists import supplied, supplying
from .policy import SecurityPolicy
from .tokens import AccessTokenVerifier, Tokens
from .waivers import Waiver

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
        stack = Stack(app, policy)
        secured = stack.around(app, SecuredApp)
        setattr(secured, SECURED, stack)
        return secured
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


class SecuredApp(Fused):
    """Any ASGI callable with a policy round it; it has to be served in the callable's place."""

    @property
    def routes(self) -> Any:
        """The routes of the app inside; empty where it has none."""
        return getattr(self.app, "routes", [])


class Stack:
    """What carries an app: its policy, its guard, and the check at its start.

    Attributes:
        app: the app as it was given to secure().
        policy: what was chosen.
        guard: makes the proofs.
        peers: refuses whoever may not connect; None where everybody may.
        headers: what differs by route.
        revocation: fetches revocation lists and OCSP answers for it; None where nothing is revoked.
    """

    def __init__(self, app: Any, policy: SecurityPolicy, *, clock: Callable[[], float] = time.time) -> None:
        self.app = app
        self.policy = policy
        self.guard = guard_of(policy, clock=clock)
        self.revocation = supplied(self.guard.certificates, clock=clock)
        self.peers = peer_lock(policy.peers, policy.required_peer_certificate, clock=clock)
        self.headers = header_routes(policy, foreign=lambda inner: getattr(inner, SECURED, False))
        self._checked = self._announced = False
        self._partners = CrossOriginRoutes(lambda: (self.entries(), applications(self.app)))
        self._waived: dict[tuple[str, str], frozenset[Place]] = {}
        self._read = connection_reader(policy.proxies, policy.forwarded_certificates)

    def around(self, app: ASGIApp, kind: type[Fused] = Fused) -> Fused:
        """Return the layer with the app inside."""
        policy = self.policy

        def live(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            return self._live(app, scope, receive, send)

        return kind(
            app,
            first=self._checked_inside,
            read=self._read,
            dress=inbound_dress(policy, self.headers.start(self.app)),
            gates=(
                *(() if self.peers is None else (self.peers.judge,)),
                *inbound_gates(policy, partners=self._partners),
            ),
            ordinary=inbound_ordinary(policy) if self.peers is None else None,
            verifier=self.guard,
            watch=Watch(
                nothing_to_guard=nothing_to_guard(deny_unmarked=policy.deny_unmarked),
                before_body=before_body,
                before_start=before_start,
                backstop=backstop(deny_unmarked=policy.deny_unmarked, waived=self._waived),
            ),
            on_exposed_credential=policy.on_exposed_credential,
            lifespan=live,
        )

    def _checked_inside(self, app: ASGIApp) -> ASGIApp:
        """Check the app where no lifespan has, and return it with what stands round it inside the layer."""
        if not self._checked:
            self.check()
        self._announce()
        return self._inside(app)

    def _inside(self, app: ASGIApp) -> ASGIApp:
        """Return the app with what goes by the path round it, which is known once the routes were walked."""
        policy = self.policy
        app = inbound_app(policy, app)
        if policy.prefix_marks or self._waived:
            app = by_path(app, policy.prefix_marks, self._waived)
        reports = reports_of(policy.headers, level=policy.level)
        if reports is not None and reports.path is not None:
            app = collecting(app, reports.path, report_collector())
        certificates = policy.client_certificates
        return shut(app, self.guard) if certificates is not None and certificates.required else app

    def entries(self) -> list[RouteEntry]:
        """Return every route with what guards it and why it cannot be let start; an app without routes is one."""
        policy = self.policy
        reports = reports_of(policy.headers, level=policy.level)
        for app in applications(self.app):
            place_documentation(
                app, docs=policy.docs, by_certificate=policy.client_certificates is not None, reports=reports
            )
        return judged(
            walk(self.app),
            prefixes=policy.prefix_marks,
            deny_unmarked=policy.deny_unmarked,
            tokens=policy.tokens is not None,
            certificates=policy.client_certificates is not None,
        )

    def check(self) -> None:
        """Put the documentation routes in their place and refuse an app with an unguarded route.

        Raises:
            ConfigurationError: a route is unguarded, or guarded by what is not configured.
        """
        entries = self.entries()
        refuse_problems(entries)
        self._waived.update(waived_by(entries))
        self.headers.compile(self.app)
        for app, covered, places in mounted_applications(self.app):
            own = app is self.app
            publish(app, self.entries if own else None)
            rule = Rule(self.policy.prefix_marks, self._waived, covered=covered, is_own=own, places=places)
            watch(app, self.guard, rule)
        self._partners.fill()
        self._checked = True

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """Everything that is left open on purpose: by the policy, and by routes."""
        by_route = (waiver for entry in self.entries() for waiver in waivers_of(entry, self.headers, self.app))
        return tuple(dict.fromkeys((*self.policy.waivers, *by_route)))

    def _announce(self) -> None:
        """Say once, when the app comes up, what its headers and waivers mean; check() may run more than once."""
        if not self._announced:
            self._announced = True
            untold = [one for one in self.waivers if one not in self.headers.waivers]
            announce(self.policy.headers, level=self.policy.level, hosts=self.policy.served_hosts.given, waivers=untold)

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
                else:
                    self._announce()
            await send(message)

        async def receiving() -> Message:
            return {"type": "lifespan.shutdown"} if failed else await receive()

        if self.peers is not None:
            self.peers.open()
        try:
            async with supplying(self.revocation):
                await app(scope, receiving, checking)
        finally:
            if self.peers is not None:
                self.peers.close()


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
