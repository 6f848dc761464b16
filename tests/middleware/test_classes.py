"""The concerns one by one, added with `add_middleware`."""

import math
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import HeadersPolicy, HSTSPolicy
from asvs_middleware.middleware import SecurityHeadersMiddleware, TLSOnlyMiddleware

Events = Callable[[], list[dict[str, Any]]]

pytestmark = pytest.mark.anyio

ORIGIN = "https://shop.example.com"


async def page(request: Request) -> Response:
    return HTMLResponse("<p>hello")


async def data(request: Request) -> Response:
    return JSONResponse({})


async def unchanged(request: Request) -> Response:
    return Response(status_code=304)


async def teapot(request: Request) -> Response:
    raise HTTPException(418)


async def broken(request: Request) -> Response:
    raise RuntimeError("s3cret")


async def refusing(websocket: WebSocket) -> None:
    await websocket.close()


ROUTES = [
    *(Route(f"/{one.__name__}", one) for one in (page, data, unchanged, teapot, broken)),
    Mount("/inner", Starlette(routes=[Route("/data", data), Route("/broken", broken)])),
    WebSocketRoute("/refusing", refusing),
]


def an_app(*added: Middleware) -> Starlette:
    """Return an app with these middlewares, the outermost first."""
    return Starlette(routes=ROUTES, middleware=added)


async def ask(app: Any, path: str, *, method: str = "GET", scheme: str = "https", **options: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://api.example.com") as client:
        return await client.request(method, path, **options)


HEADERS = Middleware(SecurityHeadersMiddleware, preset="mixed")
CORS = Middleware(CORSMiddleware, allow_origins=[ORIGIN])


@pytest.mark.parametrize("order", [(HEADERS, CORS), (HEADERS, HEADERS)], ids=["before CORS", "twice"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/page", 200),
        ("HEAD", "/page", 200),
        ("GET", "/data", 200),
        ("GET", "/unchanged", 304),
        ("GET", "/nowhere", 404),
        ("POST", "/data", 405),
        ("GET", "/teapot", 418),
        ("GET", "/broken", 500),
        ("GET", "/data/", 307),
        ("GET", "/inner/data", 200),
        ("GET", "/inner/nowhere", 404),
        ("GET", "/inner/broken", 500),
    ],
)
async def test_every_response_has_every_header_once(order: Any, method: str, path: str, status: int) -> None:
    """Errors, redirects and mounted apps too: v5.0.0-3.4.1 to 3.4.6."""
    response = await ask(an_app(*order), path, method=method)
    assert response.status_code == status
    names = [name for name, _ in response.headers.raw]
    assert len(set(names)) == len(names)
    assert response.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert ("content-security-policy" in response.headers) is (status != 304)
    assert "s3cret" not in response.text


async def test_a_preflight_has_every_header() -> None:
    """CORSMiddleware answers it itself, inside."""
    asking = {"origin": ORIGIN, "access-control-request-method": "GET"}
    response = await ask(an_app(HEADERS, CORS), "/data", method="OPTIONS", headers=asking)
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert "content-security-policy" in response.headers


async def test_a_handshake_the_app_refused(call: Any) -> None:
    """Its 403 has every header where the server can send them."""
    found = await call(an_app(HEADERS), type="websocket", path="/refusing", extensions={"websocket.http.response": {}})
    assert found.status == 403
    assert b"strict-transport-security" in found.headers


async def test_headers_by_choice() -> None:
    """Preset, level and policy are what SecurityPolicy takes."""
    chosen = HeadersPolicy(hsts=HSTSPolicy(max_age=timedelta(days=730)))
    app = an_app(Middleware(SecurityHeadersMiddleware, preset="web", level=3, headers=chosen))
    response = await ask(app, "/data")
    assert response.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
    assert "script-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize(("proxies", "sent"), [(["127.0.0.0/8"], True), ([], False)], ids=["trusted", "untrusted"])
async def test_hsts_behind_a_proxy(proxies: list[str], sent: bool) -> None:
    """TLS that ended at a trusted proxy counts; a claim of anyone else does not."""
    app = an_app(Middleware(SecurityHeadersMiddleware, trusted_proxies=proxies))
    response = await ask(app, "/data", scheme="http", headers={"x-forwarded-proto": "https"})
    assert ("strict-transport-security" in response.headers) is sent


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        pytest.param({"preset": "wbe"}, "Did you mean 'web'", id="misspelt preset"),
        pytest.param({"trusted_proxies": ["*"]}, r"trusted_proxies may not hold '\*'", id="every proxy"),
        pytest.param({"headers": HeadersPolicy(referrer="none")}, "Referrer-Policy does not know", id="referrer"),
    ],
)
def test_headers_that_cannot_be_right_stop_the_start_up(choices: Any, message: str) -> None:
    """Nothing is sent under a policy that was misunderstood."""
    with pytest.raises(ConfigurationError, match=message):
        SecurityHeadersMiddleware(an_app(), **choices)


TLS_ONLY = Middleware(TLSOnlyMiddleware, hosts=["api.example.com"], redirect_pages=True, https_port=8443)


async def test_over_tls_the_app_answers() -> None:
    """No header is added: that is the other class's work."""
    response = await ask(an_app(TLS_ONLY), "/data")
    assert (response.status_code, "content-security-policy" in response.headers) == (200, False)


async def test_a_page_is_redirected() -> None:
    """To the port where TLS is served, path and query kept."""
    response = await ask(an_app(TLS_ONLY), "/page?a=b", scheme="http", headers={"accept": "text/html"})
    assert (response.status_code, response.headers["location"]) == (308, "https://api.example.com:8443/page?a=b")


async def test_a_call_is_refused(events: Events) -> None:
    """And the leak of its token is an event."""
    response = await ask(an_app(TLS_ONLY), "/data", scheme="http", headers={"authorization": "Bearer s3cret"})
    assert (response.status_code, response.headers["connection"]) == (403, "close")
    [event] = events()
    assert (event["event"], event["credential_exposed"]) == ("plaintext_refused", True)
    assert "s3cret" not in f"{event}{response.text}"


async def test_pages_are_not_redirected_by_default() -> None:
    """Nobody said that the app serves any."""
    app = an_app(Middleware(TLSOnlyMiddleware, hosts=["api.example.com"]))
    assert (await ask(app, "/page", scheme="http", headers={"accept": "text/html"})).status_code == 403


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_foreign_host_is_refused(scheme: str) -> None:
    """Over TLS as well; never redirected to."""
    response = await ask(
        an_app(TLS_ONLY), "/page", scheme=scheme, headers={"host": "evil.example", "accept": "text/html"}
    )
    assert (response.status_code, "location" in response.headers) == (421, False)


async def test_behind_a_proxy_that_ends_tls() -> None:
    """Its word counts, for scheme and host; spoofed words do not."""
    app = an_app(Middleware(TLSOnlyMiddleware, hosts=["api.example.com"], trusted_proxies=["127.0.0.1"]))
    said = {"x-forwarded-proto": "https", "x-forwarded-host": "api.example.com", "host": "inner:8000"}
    assert (await ask(app, "/data", scheme="http", headers=said)).status_code == 200
    assert (await ask(an_app(TLS_ONLY), "/data", scheme="http", headers=said)).status_code == 421


@pytest.mark.parametrize("hosts", [[], ["*"], "api.example.com"])
def test_hosts_that_cannot_be_right_stop_the_start_up(hosts: Any) -> None:
    """A redirect is built from the Host: without a list there is nobody to redirect to."""
    with pytest.raises(ConfigurationError, match="hosts"):
        TLSOnlyMiddleware(an_app(), hosts=hosts)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *[
            pytest.param(
                {"level": level}, r"SecurityHeadersMiddleware\(level=.*is no ASVS level", id=f"level {level!r:.9}"
            )
            for level in (0, -1, 4, 10**400, math.nan, math.inf, True, 1.0, Decimal(2), 5.5, "3", None, b"5", [2])
        ],
        *[
            pytest.param({"headers": given}, r"SecurityHeadersMiddleware\(headers=...\) is a", id=f"headers {given!r}")
            for given in ("x", 0, HeadersPolicy)
        ],
    ],
)
def test_choices_that_cannot_be_right_stop_the_start_up(arguments: Any, message: str) -> None:
    """No level that nobody defined, which would then be held to fewer requirements or to none."""
    with pytest.raises(ConfigurationError, match=message):
        SecurityHeadersMiddleware(an_app(), **arguments)


@pytest.mark.parametrize("given", ["no", None, 0, 1])
def test_whether_pages_are_redirected_is_yes_or_no(given: Any) -> None:
    """A text that says no would count as yes."""
    with pytest.raises(ConfigurationError, match=r"TLSOnlyMiddleware\(redirect_pages=...\) is a \w+, not a bool"):
        TLSOnlyMiddleware(an_app(), hosts=["api.example.com"], redirect_pages=given)
