"""Layers round a Starlette app with ten routes; the last one is called. Here routing costs more than any layer."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from asvs_middleware import SecurityPolicy, public, secure, sensitive

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
            *(Variant(peer.name, peer.wrap, _app(), "bare", scope) for peer in peers() if peer.nonce is None),
        ],
    )


async def endpoint(_request: Request) -> Response:
    return PlainTextResponse("ok")


def _app(mark: Any = lambda endpoint: endpoint) -> ASGIApp:
    async def fresh(_request: Request) -> Response:
        return PlainTextResponse("ok")

    marked = mark(fresh)
    return Starlette(routes=[Route(f"/{number}", marked) for number in range(10)])
