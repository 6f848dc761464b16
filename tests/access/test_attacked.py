"""What attackers found once: each of these passed, and may never pass again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router

from asvs_middleware import HeadersPolicy, SecurityPolicy, TLSOnlyMiddleware, public, secure, sensitive
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.middleware import headers
from asvs_middleware.middleware.routes.route_headers import UNSET
from asvs_middleware.stack import stack_of

pytestmark = pytest.mark.anyio
open_to_all = public(reason="open in this test")


def policy(idp: Any, **choices: Any) -> SecurityPolicy:
    return SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), **choices)


async def leak(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("SECRET")(scope, receive, send)


class Copying:
    """A middleware as many are written: it hands on a scope of its own."""

    def __init__(self, app: Any, **members: Any) -> None:
        self.app, self.members = app, members

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            members = {**scope, **self.members}
            scope = {name: member for name, member in members.items() if member is not None}
        await self.app(scope, receive, send)


def with_frontend(folder: Path) -> FastAPI:
    app = FastAPI(openapi_url=None)
    if not hasattr(app, "frontend"):
        app.router.default = leak  # Older ones have none.
        return app
    (folder / "index.html").write_text("<b>SECRET</b>")
    app.frontend("/", directory=folder)
    return app


def a_404_that_answers() -> Starlette:
    async def found_nothing(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("SECRET")

    return Starlette(exception_handlers={404: found_nothing})


@pytest.mark.parametrize("kind", ["frontend", "default", "host", "404 handler"])
async def test_content_of_a_mounted_router_that_names_no_endpoint(
    idp: Any, ask: Any, tmp_path: Path, kind: str
) -> None:
    """Deny means that no route serves content nobody marked, however deep its router stands."""
    routes: dict[str, Any] = {
        "frontend": lambda: Mount("/m", with_frontend(tmp_path)),
        "default": lambda: Mount("/m", Router(default=leak)),
        "host": lambda: Host("api.example.com", Router(default=leak)),
        "404 handler": lambda: Mount("/m", a_404_that_answers()),
    }
    app = secure(Starlette(routes=[routes[kind]()]), policy(idp))
    if kind == "frontend" and hasattr(FastAPI, "frontend"):  # The walk finds it, and it is marked by nobody.
        with pytest.raises(ConfigurationError, match="carries neither @sensitive nor @public"):
            stack_of(app).check()
        return
    response = await ask(app, "/m/")
    assert response.status_code == 403
    assert "SECRET" not in response.text


@pytest.mark.parametrize("copying", [True, False], ids=["scope copied", "scope as it is"])
async def test_a_late_route_behind_a_middleware(idp: Any, ask: Any, copying: bool) -> None:
    """The backstop sees the endpoint the router found, in whatever copy of the scope it wrote it."""
    app = Starlette(middleware=[Middleware(Copying)] if copying else [])
    secure(app, policy(idp))
    assert (await ask(app, "/late")).status_code == 404

    async def late(request: Request) -> PlainTextResponse:
        return PlainTextResponse("SECRET")

    sensitive()(late)  # Marked, and the bare function registered: the decorators stood in the wrong order.
    app.router.routes.append(Route("/bare", late))
    app.router.routes.append(Route("/late", PlainTextResponse("SECRET")))
    assert (await ask(app, "/late")).status_code == 403
    assert (await ask(app, "/bare", headers=idp.bearer())).status_code == 500


@pytest.mark.parametrize("state", [{"caller": "root"}, {}, None], ids=["another caller", "empty", "none"])
async def test_the_caller_is_the_verified_one(idp: Any, ask: Any, state: dict[str, Any] | None) -> None:
    """A middleware that puts a state of its own into the scope cannot put a caller there."""

    @sensitive()
    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.state.caller.subject[0])

    app = Starlette(routes=[Route("/", endpoint)], middleware=[Middleware(Copying, state=state)])
    response = await ask(secure(app, policy(idp)), headers=idp.bearer())
    assert (response.status_code, response.text) == (200, idp.tokens().issuer)


class Stateless:
    """A middleware that leaves the layer's own scope without a state."""

    def __init__(self, app: Any, *, copying: bool, missing: bool) -> None:
        self.app, self.copying, self.missing = app, copying, missing

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            handed_on = {**scope} if self.copying else scope
            scope["state"] = handed_on["state"] = None
            if self.missing:
                for one in (scope, handed_on):
                    one.pop("state", None)
            scope = handed_on
        await self.app(scope, receive, send)


@pytest.mark.parametrize("copying", [True, False], ids=["scope copied", "scope as it is"])
@pytest.mark.parametrize("missing", [True, False], ids=["missing", "None"])
async def test_a_state_somebody_took_away(
    idp: Any, ask: Any, events: Callable[[], list[dict[str, Any]]], copying: bool, missing: bool
) -> None:
    """The guard makes one for the caller it has verified; a caller it has not gets the answer it always gets."""

    @sensitive()
    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.state.caller.subject[0])

    taking = Middleware(Stateless, copying=copying, missing=missing)
    app = secure(Starlette(routes=[Route("/", endpoint)], middleware=[taking]), policy(idp))
    for _ in range(2):
        response = await ask(app, headers=idp.bearer())
        assert (response.status_code, response.text) == (200, idp.tokens().issuer)
        assert (await ask(app)).status_code == 401
    assert [event["code"] for event in events() if "code" in event] == ["token_refused"] * 2


@pytest.mark.parametrize(
    ("chosen", "on_route"),
    [
        pytest.param(HeadersPolicy(), UNSET, id="nothing said"),
        pytest.param(HeadersPolicy(cache_control="no-cache"), UNSET, id="in the policy"),
        pytest.param(HeadersPolicy(), "no-cache", id="on the route"),
        pytest.param(HeadersPolicy(profile="oshp"), UNSET, id="by a profile"),
    ],
)
async def test_what_one_caller_may_see_is_not_shared(idp: Any, ask: Any, chosen: HeadersPolicy, on_route: Any) -> None:
    """v5.0.0-14.2.2: a word of the operator's on caching is no leave for the app's `public`, at no request."""

    @headers(referrer="no-referrer", cache_control=on_route)
    @sensitive()
    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse("SECRET", headers={"cache-control": "public, max-age=60"})

    app = secure(Starlette(routes=[Route("/", endpoint)]), policy(idp, headers=chosen))
    for _ in range(3):
        response = await ask(app, headers=idp.bearer())
        assert response.headers.get_list("cache-control") == ["private, max-age=60"]


@pytest.mark.parametrize("outermost", [False, True], ids=["inside another middleware", "outermost"])
async def test_a_scheme_somebody_wrote(ask: Any, outermost: bool) -> None:
    """Where the transport is out of reach, forwarded fields of nobody trusted make a request plaintext, never TLS."""
    app = FastAPI()

    @app.get("/secret")
    async def secret() -> str:
        return "SECRET"

    app.add_middleware(TLSOnlyMiddleware, hosts=["api.example.com"])
    if not outermost:

        @app.middleware("http")
        async def timing(request: Request, call_next: Any) -> Any:
            return await call_next(request)

    believed = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}
    assert (await ask(app, "/secret", headers=believed)).status_code == 403
    assert (await ask(app, "/secret")).status_code == 200


class Order(BaseModel):
    """What a caller sends."""

    number: int


@pytest.mark.parametrize("body", [b"{", b"{}"], ids=["no JSON", "no order"])
async def test_a_body_some_middleware_has_read(idp: Any, ask: Any, events: Any, body: bytes) -> None:
    """FastAPI may answer a replayed body before the guard's turn: a stranger gets 401 all the same, a caller 422."""
    app = FastAPI()

    @app.post("/orders")
    @sensitive()
    async def orders(order: Order) -> None:
        """Take an order."""

    @app.middleware("http")
    async def reading(request: Request, call_next: Any) -> Any:
        await request.body()
        return await call_next(request)

    secure(app, policy(idp))
    sent: dict[str, Any] = {"method": "POST", "content": body}
    json = {"content-type": "application/json"}
    assert (await ask(app, "/orders", headers=json, **sent)).status_code == 401
    assert [event["event"] for event in events() if event["event"] != "hsts_covers_subdomains"] == ["authn_login_fail"]
    assert (await ask(app, "/orders", headers={**json, **idp.bearer()}, **sent)).status_code == 422


async def test_documentation_behind_a_wrapper(idp: Any, ask: Any) -> None:
    """What `docs=` cannot reach is refused, whatever the default."""
    sub = FastAPI()

    async def hiding(scope: Any, receive: Any, send: Any) -> None:
        await sub(scope, receive, send)

    app = secure(Starlette(routes=[Mount("/sub", hiding)]), policy(idp, default="allow", docs="off"))
    for path in ("/sub/openapi.json", "/sub/docs", "/sub/redoc"):
        assert (await ask(app, path)).status_code == 403


async def test_an_endpoints_own_405(idp: Any, ask: Any) -> None:
    """Only a router's 405 passes without a mark: it says nothing but that the method is not there."""
    app = secure(Starlette(), policy(idp))
    stack_of(app).check()

    async def late(request: Request) -> PlainTextResponse:
        return PlainTextResponse("SECRET", 405)

    app.router.routes.append(Route("/late", late))
    assert (await ask(app, "/late")).status_code == 403
    # Newer Starlette (1.10) names the route it found; 1.3.1 does not, so nobody can tell, and it is refused.
    assert (await ask(app, "/late", method="POST")).status_code in {405, 403}


async def test_a_class_with_a_405_of_its_own(idp: Any, ask: Any) -> None:
    """A class-based endpoint answers 405 for a method it lacks, and not for one it has."""
    app = secure(Starlette(), policy(idp))
    stack_of(app).check()

    class Late(HTTPEndpoint):
        async def get(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("SECRET", 405)

    app.router.routes.append(Route("/late", Late))
    assert (await ask(app, "/late")).status_code == 403
    assert (await ask(app, "/late", method="PUT")).status_code == 405


def test_public_is_not_inherited(idp: Any) -> None:
    """The reason was given for one class; a subclass may do more and needs its own."""

    @open_to_all
    class Health(HTTPEndpoint):
        async def get(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("up")

    class Admin(Health):
        async def delete(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("gone")

    app = secure(Starlette(routes=[Route("/health", Health), Route("/admin", Admin)]), policy(idp))
    with pytest.raises(ConfigurationError, match=r"/admin .*Admin\) carries neither"):
        stack_of(app).check()


async def test_cors_can_read_a_refusal(idp: Any, ask: Any) -> None:
    """What CORSMiddleware put on the replaced response stays, or no page could read the challenge."""

    @sensitive()
    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse("x")

    cors = Middleware(CORSMiddleware, allow_origins=["https://shop.example"], expose_headers=["www-authenticate"])
    app = secure(Starlette(routes=[Route("/", endpoint)], middleware=[cors]), policy(idp))
    response = await ask(app, headers={"origin": "https://shop.example"})
    assert response.status_code == 401
    assert response.headers["access-control-allow-origin"] == "https://shop.example"
    assert response.headers["access-control-expose-headers"] == "www-authenticate"
    assert response.headers["vary"] == "Origin"


async def test_a_password_before_the_host(idp: Any, ask: Any, events: Any) -> None:
    """User information in a Host is not logged."""
    await ask(secure(Starlette(), policy(idp)), headers={"host": "user:s3cret@api.example.com"})
    [event] = events()
    assert event["host"] == "api.example.com"
    assert "s3cret" not in str(event)


def test_a_router_that_cannot_be_watched(idp: Any) -> None:
    """Where a router keeps its way of handling requests elsewhere, the app does not start."""
    app = secure(Starlette(), policy(idp))
    app.router.middleware_stack = None  # type: ignore[assignment]
    with pytest.raises(ConfigurationError, match="cannot be watched"):
        stack_of(app).check()
