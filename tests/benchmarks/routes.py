"""Layers round a Starlette app with ten routes; the last one is called. Here routing costs more than any layer."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.access.caller import verified_caller
from asvs_middleware.connection import connection_reader
from asvs_middleware.middleware import dresser, fuse, host_gate, plaintext_gate
from asvs_middleware.middleware.gates.limits import ordinary
from asvs_middleware.stack import stack_of

from .harness import HOST, Section, Variant, a_scope
from .issuer import Issuer
from .layers import PROXIES, bare, peers


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
                _proven(_app(), {}, router=_READ),
                "bare",
                scope,
            ),
            *(Variant(peer.name, peer.wrap, _app(), "bare", scope) for peer in peers() if peer.nonce is None),
        ],
    )


def on_many_routes() -> Section:
    """Return apps of 10 and of 1000 routes in the layer without its guard, and in the whole layer."""
    policy = SecurityPolicy.api(
        hosts=[HOST.decode()], trusted_proxies=PROXIES, tokens=Issuer().tokens(), default="allow"
    )

    def unguarded(app: Starlette) -> ASGIApp:
        return fuse(
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


_READ = sensitive(scopes="orders:read")
_ELSEWHERE = {f"/elsewhere{'x' * number}/": _READ for number in range(5)}


def _proven(app: Starlette, marks: dict[str, Any], *, router: Any = None) -> ASGIApp:
    """Return the app with a guard that makes its proof at once, so that only what leads to it is measured."""
    if router is not None:
        router(app.router)
    policy = SecurityPolicy.api(
        hosts=[HOST.decode()], trusted_proxies=PROXIES, tokens=Issuer().tokens(), marks=marks, default="allow"
    )
    secure(app, policy)
    proof = verified_caller(None, None, _READ.mark)

    async def verify(_mark: Any, _connection: Any) -> Any:
        return proof

    stack_of(app).guard.verify = verify
    return app


def _app(mark: Any = lambda endpoint: endpoint, *, count: int = 10) -> Starlette:
    async def fresh(_request: Request) -> Response:
        return PlainTextResponse("ok")

    marked = mark(fresh)
    return Starlette(routes=[Route(f"/{number}", marked) for number in range(count)])
