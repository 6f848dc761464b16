"""FastAPI's documentation pages: off, public or sensitive (v5.0.0-13.4.5), and working under a strict CSP.

The pages come from FastAPI. Here they get a mark, a nonce on each script, a policy of their own, and, where the extra
`docs` is installed, assets from this host instead of a CDN.
"""

import re
from collections.abc import Awaitable, Callable, Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from ..connection.exchange import exchange_of
from ..headers.csp import NONCE, ContentSecurityPolicy, render_around_nonce
from ..headers.reporting import Reports, reported
from .decorators import public, sensitive
from .marks import mark_of

Documentation = Literal["off", "public", "sensitive"]
Page = Callable[[Request], Awaitable[Response]]

SENDS: Final = "__asvs_sends__"
"""The attribute a page of ours keeps the fields under that it sends itself: a function of its nonce."""

_TAG: Final = re.compile(rb"<(script|style|link)(?=[\s>])", re.IGNORECASE)
_ASSETS: Final = {
    "swagger-ui-bundle.js": re.compile(rb"https://[^\"']+/swagger-ui-bundle\.js"),
    "swagger-ui.css": re.compile(rb"https://[^\"']+/swagger-ui\.css"),
    "redoc.standalone.js": re.compile(rb"https://[^\"']+/redoc\.standalone\.js"),
    "favicon.png": re.compile(rb"https://fastapi\.tiangolo\.com/img/favicon\.png"),
}
_PLAIN: Final = re.compile(r"(/[\w.~-]+)*", re.ASCII)
_FONTS: Final = re.compile(rb"<link href=\"https://fonts\.googleapis\.com[^>]*>")


def place_documentation(app: Any, *, docs: Documentation, by_certificate: bool, reports: Reports | None = None) -> None:
    """Take FastAPI's documentation routes out of an app, or put guarded ones in their place.

    Args:
        app: a FastAPI app; any other is left alone.
        docs: what to do with them.
        by_certificate: what `sensitive` asks for: a client certificate, which browsers can show, or a token.
        reports: where browsers report what the policy of a page blocked (v5.0.0-3.4.7); None for nowhere.
    """
    for index, route in reversed(list(_documentation_routes(app))):
        if docs == "off":
            del app.router.routes[index]
            continue
        mark = sensitive(client_certificate=by_certificate) if docs == "sensitive" else public(reason=_REASON)
        is_page = route.path != app.openapi_url
        redoc = route.path == app.redoc_url
        endpoint = _page(route.endpoint, f"{route.path}/assets", reports, redoc=redoc) if is_page else route.endpoint
        guarded = [Route(route.path, mark(endpoint), include_in_schema=False, name=route.name)]
        if is_page and _folder() is not None:
            guarded.append(Route(f"{route.path}/assets/{{name}}", mark(_asset_endpoint()), include_in_schema=False))
        app.router.routes[index : index + 1] = guarded


_REASON: Final = 'documentation pages opened by docs="public"'


def _documentation_routes(app: Any) -> Iterator[tuple[int, Route]]:
    names = ("openapi_url", "docs_url", "redoc_url", "swagger_ui_oauth2_redirect_url")
    paths = {getattr(app, name, None) for name in names} - {None}
    for index, route in enumerate(app.routes):
        if not isinstance(route, Route) or route.path not in paths or mark_of(route.endpoint) is not None:
            continue
        if getattr(route.endpoint, "__module__", "") == "fastapi.applications":
            yield index, route


def _page(original: Page, assets: str, reports: Reports | None, *, redoc: bool) -> Page:
    policy = _policy(redoc=redoc)
    pieces = render_around_nonce(policy if reports is None else reported(policy, reports))

    def sends(nonce: str) -> list[tuple[bytes, bytes]]:
        sent = nonce.join(pieces).encode("ascii")
        return [(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", sent)]

    async def documentation(request: Request) -> Response:
        root = str(request.scope.get("root_path", "")).rstrip("/")
        if not _PLAIN.fullmatch(root):  # It goes into the page, and below Mount("/{name}") the caller writes it.
            return Response(status_code=404)
        response = await original(request)
        exchange = exchange_of(request.scope)
        nonce = exchange.make_nonce() if exchange is not None else ""
        body = _prepared(bytes(response.body), nonce=nonce, assets=f"{root}{assets}")
        return HTMLResponse(body, headers={"content-security-policy": nonce.join(pieces)})

    setattr(documentation, SENDS, sends)
    return documentation


def _prepared(html: bytes, *, nonce: str, assets: str) -> bytes:
    html = _FONTS.sub(b"", html)
    if _folder() is not None:
        for name, address in _ASSETS.items():
            html = address.sub(f"{assets}/{name}".encode(), html)
    return _TAG.sub(rb'<\1 nonce="' + nonce.encode() + b'"', html)


def _policy(*, redoc: bool) -> ContentSecurityPolicy:
    """Return the policy of one page. ReDoc writes its own style elements, which cannot carry a nonce."""
    images = ["'self'", "data:"] + ([] if _folder() is not None else ["https://fastapi.tiangolo.com"])
    return ContentSecurityPolicy(
        {
            "default-src": ["'none'"],
            "script-src": [NONCE],
            "style-src": ["'self'", "'unsafe-inline'" if redoc else NONCE],
            "img-src": images,
            "font-src": ["'self'", "data:"],
            "connect-src": ["'self'"],
            "worker-src": ["blob:"],
            "base-uri": ["'none'"],
            "object-src": ["'none'"],
            "form-action": ["'self'"],
            "frame-ancestors": ["'none'"],
        }
    )


def _asset_endpoint() -> Callable[[Request], Awaitable[Response]]:
    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        folder = _folder()
        if name not in _ASSETS or folder is None:
            return Response(status_code=404)
        return FileResponse(folder / name)

    return asset


def _folder() -> Path | None:
    """Return where the extra `docs` keeps the assets, or None without it."""
    if find_spec("fastapi_offline") is None:
        return None
    return Path(str(files("fastapi_offline") / "static"))
