"""Layers round a Starlette app with ten routes; the last one is called. Here routing costs more than any layer."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.access.caller import verified_caller
from asvs_middleware.connection import connection_reader
from asvs_middleware.middleware import Fused, dresser, host_gate, plaintext_gate
from asvs_middleware.middleware.gates.limits import ordinary
from asvs_middleware.stack import stack_of

from .harness import HOST, Section, Variant, a_scope
from .issuer import Issuer
from .layers import PROXIES, ServerLike, bare, peers, proxied


def on_ten_routes() -> Section:
    """Return the app without us, with us round unmarked and marked routes, and with the peers."""
    issuer = Issuer()
    scope = a_scope(b"Bearer " + issuer.token().encode())

    def ours(name: str, app: Starlette, **choices: Any) -> Variant:
        policy = SecurityPolicy.api(hosts=[HOST.decode()], trusted_proxies=PROXIES, tokens=issuer.tokens(), **choices)
        return Variant(name, bare, secure(app, policy), "bare", scope)

    return Section(
        title="Layers on a Starlette app with 10 routes",
        variants=[
            Variant("bare", bare, _app(), "bare", scope),
            ours("ours, full, route unmarked", _app(), default="allow"),
            ours("ours, full, route @public", _app(public(reason="measured by a benchmark"))),
            ours("ours, full, route @sensitive, token verified before", _app(sensitive(scopes="orders:read"))),
            ours("ours, full, route unmarked, prefixes marked elsewhere", _app(), default="allow", marks=_ELSEWHERE),
            ours(
                "ours, full, route in a @sensitive prefix, token verified before",
                _app(),
                default="allow",
                marks={"/9/": _READ},
            ),
            Variant(
                "ours, full, route @sensitive, the proof for nothing", bare, _proven(_app(_READ), {}), "bare", scope
            ),
            Variant(
                "ours, full, route in a @sensitive prefix, the proof for nothing",
                bare,
                _proven(_app(), {"/9/": _READ}),
                "bare",
                scope,
            ),
            Variant(
                "ours, full, route in a @sensitive router, the proof for nothing",
                bare,
                _proven(_in_a_router(_app(), _READ), {}),
                "bare",
                scope,
            ),
            *(Variant(peer.name, peer.wrap, _app(), "bare", scope) for peer in peers() if peer.nonce is None),
        ],
    )


def on_the_way_to_a_proof() -> Section:
    """Return how far an unmarked route is from its endpoint, and a marked one from what verifies its caller.

    Each stops where it has come to, so that nothing of the verification, the endpoint or the response is in it. Up to
    the guard, the facts of the connection are there; up to the token, the guard has read it and the certificate. There
    is a transport to ask, as under every server.
    """
    issuer = Issuer()
    authorization = b"Bearer " + issuer.token().encode()
    straight, through = a_scope(authorization), proxied(authorization)
    unmarked, unmarked_through = "unmarked, up to the endpoint", "unmarked, up to the endpoint, through a proxy"

    policy = SecurityPolicy.api(hosts=[HOST.decode()], trusted_proxies=PROXIES, tokens=issuer.tokens(), default="allow")

    def way(name: str, app: Starlette, *, scope: Scope = straight, to: str = "") -> Variant:
        secure(app, policy)
        guard = stack_of(app).guard
        if to == "guard":
            guard.verify = _arrive  # type: ignore[method-assign]
        elif to == "token":
            guard.tokens.verify = _arrive  # type: ignore[method-assign, union-attr]
        receive = ServerLike(scope["client"], tls=scope is straight).receive
        return Variant(
            name, _as_far_as_it_goes, app, unmarked_through if scope is through else unmarked, scope, receive
        )

    return Section(
        title="What a mark costs before anything is verified",
        variants=[
            way(unmarked, _app(stops=True)),
            way("@sensitive, up to the guard", _app(_READ), to="guard"),
            way("@sensitive, up to the token", _app(_READ), to="token"),
            way(unmarked_through, _app(stops=True), scope=through),
            way("@sensitive, up to the guard, through a proxy", _app(_READ), scope=through, to="guard"),
            way("@sensitive, up to the token, through a proxy", _app(_READ), scope=through, to="token"),
        ],
    )


def on_many_routes() -> Section:
    """Return apps of 10 and of 1000 routes in the layer without its guard, and in the whole layer."""
    policy = SecurityPolicy.api(
        hosts=[HOST.decode()], trusted_proxies=PROXIES, tokens=Issuer().tokens(), default="allow"
    )

    def unguarded(app: Starlette) -> ASGIApp:
        return Fused(
            app,
            read=connection_reader(policy.proxies),
            dress=dresser("api", api=policy.api_headers, web=policy.web_headers),
            gates=[host_gate(policy.served_hosts), plaintext_gate(redirect_pages=False, https_port=443)],
            ordinary=ordinary(policy.limits),
        )

    found = []
    for count in (10, 1000):
        scope = a_scope(path=f"/{count - 1}", raw_path=b"/%d" % (count - 1))
        name = f"{count} routes, no guard"
        found += [
            Variant(name, unguarded, _app(count=count), name, scope),
            Variant(f"{count} routes, guard, unmarked", bare, secure(_app(count=count), policy), name, scope),
        ]
    return Section(title="What the guard costs an unmarked route", variants=found)


class Arrived(BaseException):
    """Ends a request where it has come to. No app takes it for an error of its own to answer."""


async def _arrive(*_given: Any) -> Any:
    raise Arrived


def _as_far_as_it_goes(app: ASGIApp) -> ASGIApp:
    async def going(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Arrived:
            return

    return going


_READ = sensitive(scopes="orders:read")
_ELSEWHERE = {f"/elsewhere{'x' * number}/": _READ for number in range(5)}


def _in_a_router(app: Starlette, mark: Any) -> Starlette:
    mark(app.router)
    return app


def _proven(app: Starlette, marks: dict[str, Any]) -> ASGIApp:
    """Return the app with a guard that makes its proof at once: all of a marked route but the verification."""
    policy = SecurityPolicy.api(
        hosts=[HOST.decode()], trusted_proxies=PROXIES, tokens=Issuer().tokens(), marks=marks, default="allow"
    )
    secure(app, policy)
    proof = verified_caller(None, None, _READ.mark)

    async def verify(_mark: Any, _connection: Any) -> Any:
        return proof

    stack_of(app).guard.verify = verify
    return app


def _app(mark: Any = lambda endpoint: endpoint, *, count: int = 10, stops: bool = False) -> Starlette:
    async def fresh(_request: Request) -> Response:
        return PlainTextResponse("ok")

    marked = _arrive if stops else mark(fresh)
    return Starlette(routes=[Route(f"/{number}", marked) for number in range(count)])
