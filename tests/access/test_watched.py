"""What a middleware inside an app does to path and scope leads nobody past a mark: every router asks again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.access.routes import applications, mounted_applications
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.middleware import RouteHeaders, headers
from asvs_middleware.stack import stack_of
from asvs_middleware.wrapped import layers, with_routes

pytestmark = pytest.mark.anyio
open_to_all = public(reason="open in this test")
MARKS = {"/a/": sensitive()}
App = Any
Build = Callable[[list[Any], list[Middleware]], App]


class Lower:
    """Paths in whatever case, as people type them; in the scope as it is, or in a copy."""

    def __init__(self, app: App, *, copying: bool) -> None:
        self.app, self.copying = app, copying

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = dict(scope) if self.copying else scope
            scope["path"] = scope["path"].lower()
        await self.app(scope, receive, send)


class Copying:
    """A middleware as many are written: it hands on a scope of its own."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(dict(scope), receive, send)


class Fallback:
    """Asks the app, and for what it has not found once more for another page."""

    def __init__(self, app: App, *, path: str, root: str = "") -> None:
        self.app, self.instead = app, {"path": path, "root_path": root}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        missing = False

        async def first(message: Any) -> None:
            nonlocal missing
            missing = missing or message.get("status") == 404
            if not missing:
                await send(message)

        await self.app(dict(scope), receive, first)
        if missing:
            await self.app({**scope, **self.instead}, receive, send)


class Hiding:
    """Keeps what it wraps where nobody looks."""

    def __init__(self, app: App) -> None:
        self.inner = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.inner(scope, receive, send)


@dataclass(frozen=True)
class Frozen:
    app: App

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Unfinished(Hiding):
    """Has an `app` that it has nothing in."""

    app = None


@public(reason="open in this test", overrides="prefix")
async def waiving(request: Request) -> PlainTextResponse:
    return PlainTextResponse("waived")


async def secret(request: Request) -> PlainTextResponse:
    return PlainTextResponse("SECRET")


def policy(idp: Any, **choices: Any) -> SecurityPolicy:
    return SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), **choices)


class Order(BaseModel):
    """What a caller sends."""

    number: int


@open_to_all
async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse("page")


def starlette(routes: list[Any], middleware: list[Middleware]) -> Starlette:
    return Starlette(routes=routes, middleware=middleware)


def fastapi(routes: list[Any], middleware: list[Middleware]) -> FastAPI:
    return FastAPI(routes=routes, middleware=middleware)


def in_a_router(routes: list[Any], middleware: list[Middleware]) -> App:
    return Router(routes, middleware=middleware)


MOUNTS: dict[str, Callable[[list[Any], list[Middleware]], Mount]] = {
    "of the mount": lambda routes, middleware: Mount("/files", routes=routes, middleware=middleware),
    "of a router": lambda routes, middleware: Mount("/files", in_a_router(routes, middleware)),
    "of a Starlette": lambda routes, middleware: Mount("/files", Starlette(routes=routes, middleware=middleware)),
    "of a FastAPI": lambda routes, middleware: Mount("/files", fastapi(routes, middleware)),
    "of a marked router": lambda routes, middleware: Mount("/files", sensitive()(in_a_router(routes, middleware))),
    "of a mount in a mount": lambda routes, middleware: Mount(
        "", routes=[Mount("/files", fastapi(routes, []), middleware=middleware)]
    ),
}


@pytest.fixture(params=["Starlette", "FastAPI"])
def build(request: pytest.FixtureRequest) -> Build:
    return fastapi if request.param == "FastAPI" else starlette


@pytest.mark.parametrize("copying", [True, False], ids=["scope copied", "scope as it is"])
@pytest.mark.parametrize("root", ["", "/behind"], ids=["alone", "in an app without a policy"])
@pytest.mark.parametrize("kind", MOUNTS)
async def test_a_path_written_anew_inside(  # noqa: PLR0917  # Fixtures and parameters.
    idp: Any, ask: Any, build: Build, kind: str, root: str, copying: bool
) -> None:
    """A middleware of a mount, a router or an inner app that writes the path leads nobody past a mark of a prefix."""
    lower = Middleware(Lower, copying=copying)
    app = build([MOUNTS[kind]([Route("/admin/x", secret), Route("/a", secret)], [lower])], [])
    secure(app, policy(idp, default="allow", marks={"/files/admin/": sensitive(scopes="admin")}))
    served = Starlette(routes=[Mount(root, app)]) if root else app
    for path in ("/files/admin/x", "/files/ADMIN/x"):
        assert (await ask(served, root + path)).status_code == 401
        assert (await ask(served, root + path, headers=idp.bearer("admin"))).text == "SECRET"
        assert (await ask(served, root + path, headers=idp.bearer())).status_code == 403
    assert (await ask(served, f"{root}/files/A", headers=idp.bearer())).text == "SECRET"


@pytest.mark.parametrize("build", [starlette, fastapi, in_a_router], ids=["Starlette", "FastAPI", "Router"])
@pytest.mark.parametrize(("written", "status"), [("/files/open", 200), ("/files/OPEN", 401), ("/files/B", 401)])
async def test_a_waiver_is_for_the_path_that_was_asked(
    idp: Any, ask: Any, build: Build, written: str, status: int
) -> None:
    """Behind a mount's middleware no path waives a mark any more: the route of that path asks for what is round it."""
    inner = [Route("/open", waiving), Route("/b", secret)]
    app = build([Mount("/files", routes=inner, middleware=[Middleware(Lower, copying=True)])], [])
    app = secure(app, policy(idp, marks={"/files/": sensitive()}))
    assert (await ask(app, written)).status_code == status


@pytest.mark.parametrize("build", [starlette, fastapi, in_a_router], ids=["Starlette", "FastAPI", "Router"])
@pytest.mark.parametrize("default", ["deny", "allow"])
@pytest.mark.parametrize("kind", ["middleware of the mount", "wrapped", "middleware of a router", "an app"])
@pytest.mark.parametrize(
    ("root", "path"),
    [
        pytest.param("/files", "/files/a/x", id="as the mount has it"),
        pytest.param("/files", "/a/x", id="out of the mount"),
        pytest.param("", "/a/x", id="root_path taken off too"),
        pytest.param("/zz", "/zz/a/x", id="another root_path"),
        pytest.param("/files/a", "/files/a/a/x", id="a root_path under the mark"),
        pytest.param("/files/a/open", "/files/a/open/a/x", id="a root_path that waives"),
        pytest.param("/behind/files", "/behind/files//a/x", id="two slashes"),
    ],
)
async def test_what_a_mount_makes_of_a_path(  # noqa: PLR0917  # Fixtures and parameters.
    idp: Any, ask: Any, build: Build, kind: str, root: str, path: str, default: Any
) -> None:
    """A mark of a prefix holds where the router stands, and a waiver too: before the endpoint runs."""
    ran: list[str] = []

    async def marked_by_the_path(request: Request) -> PlainTextResponse:
        ran.append(request.url.path)
        return PlainTextResponse("SECRET")

    class Elsewhere(Copying):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app({**scope, "path": path, "root_path": root}, receive, send)

    inner = [Route("/a/open", waiving), Route("/a/x", marked_by_the_path)]
    mounted = {
        "middleware of the mount": lambda: Mount("/files", routes=inner, middleware=[Middleware(Elsewhere)]),
        "wrapped": lambda: Mount("/files", Elsewhere(Router(routes=inner))),
        "middleware of a router": lambda: Mount("/files", Router(routes=inner, middleware=[Middleware(Elsewhere)])),
        "an app": lambda: Mount("/files", Elsewhere(Starlette(routes=inner))),
    }[kind]()
    app = secure(build([mounted], []), policy(idp, default=default, marks={"/files/a/": sensitive()}))
    for asked in ("/files/b", "/files/a/open", "/files/a/x"):
        assert (await ask(app, asked)).status_code == 401, asked
    assert ran == []
    assert (await ask(app, "/files/b", headers=idp.bearer())).status_code in {200, 404}


@pytest.mark.parametrize("how", ["middleware of the mount", "wrapped"])
@pytest.mark.parametrize("wrapper", [Copying, GZipMiddleware])
async def test_an_app_behind_a_wrapper(idp: Any, ask: Any, how: str, wrapper: Any) -> None:
    """What copies the scope hides nothing: documentation, the guard before the body, headers of a route, late marks."""
    sub = FastAPI()

    @sub.post("/orders")
    @sensitive()
    async def orders(order: Order) -> str:
        return "taken"

    @sub.get("/strict")
    @headers(referrer="no-referrer")
    async def strict() -> str:
        return "seen"

    wrapped = "wrapped" in how
    mount = Mount("/api", wrapper(sub)) if wrapped else Mount("/api", sub, middleware=[Middleware(wrapper)])
    app = secure(Starlette(routes=[mount]), policy(idp, default="allow", docs="off"))
    assert [(await ask(app, f"/api/{page}")).status_code for page in ("docs", "redoc", "openapi.json")] == [404] * 3
    sent: dict[str, Any] = {"method": "POST", "content": b"{", "headers": {"content-type": "application/json"}}
    assert (await ask(app, "/api/orders", **sent)).status_code == 401
    assert (await ask(app, "/api/strict")).headers["referrer-policy"] == "no-referrer"

    async def bare(request: Request) -> PlainTextResponse:
        return PlainTextResponse("SECRET")

    sensitive()(bare)
    sub.router.routes.append(Route("/bare", bare))
    response = await ask(app, "/api/bare", headers=idp.bearer())
    assert (response.status_code, "SECRET" in response.text) == (500, False)


@pytest.mark.parametrize("build", [starlette, fastapi], ids=["Starlette", "FastAPI"])
async def test_a_covered_path_that_is_left(idp: Any, ask: Any, build: Build) -> None:
    """What a public prefix covers is the path the router reads, not the one a middleware made another of."""

    class English(Copying):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                scope["path"] = scope["path"].removeprefix("/en")
            await self.app(scope, receive, send)

    app = build([Route("/x", page)], [Middleware(English)])
    secure(app, policy(idp, marks={"/en/": open_to_all}))
    stack_of(app).check()
    app.router.routes.append(Route("/late", secret))
    assert (await ask(app, "/en/x")).text == "page"
    assert [(await ask(app, path)).status_code for path in ("/late", "/en/late")] == [403, 403]


@pytest.mark.parametrize("build", [starlette, fastapi, in_a_router], ids=["Starlette", "FastAPI", "Router"])
@pytest.mark.parametrize("deep", [False, True], ids=["of the app", "of a mount"])
@pytest.mark.parametrize("root", ["", "/static"], ids=["root_path reset", "root_path left"])
async def test_an_app_that_is_asked_twice(idp: Any, ask: Any, build: Build, deep: bool, root: str) -> None:
    """A middleware that asks again for another path does not take along what covered the first one."""
    inner = Starlette()
    routes: list[Any] = [Mount("/static", open_to_all(Starlette(routes=[Route("/x", page)])))]
    again = Middleware(Fallback, path="/m/late" if deep else "/late", root="/m" if deep else root)
    if deep:
        inner = Starlette(routes=routes, middleware=[again])
        app = secure(build([Mount("/m", inner)], []), policy(idp))
    else:
        app = secure(build(routes, [again]), policy(idp))
        inner = app if isinstance(app, Starlette) else app.app
    stack_of(app).check()
    inner.routes.append(Route("/late", secret))
    before = "/m/static" if deep else "/static"
    assert (await ask(app, f"{before}/x")).text == "page"
    for path in (f"{before}/nothing", "/m/nothing" if deep else "/nothing"):
        response = await ask(app, path)
        assert (response.status_code, "SECRET" in response.text) == (403, False)


async def test_a_mount_in_two_apps(idp: Any, ask: Any) -> None:
    """Each app asks for its own marks at a router that is in both, however often it is checked."""
    shared = Router([Route("/x", secret)], middleware=[Middleware(Copying)])
    marked = secure(Starlette(routes=[Mount("/a", shared)]), policy(idp, marks={"/a/": sensitive()}))
    opened = secure(Starlette(routes=[Mount("/a", shared)]), policy(idp, default="allow"))
    for app in (marked, opened, marked):
        stack_of(app).check()
    once = shared.middleware_stack
    stack_of(opened).check()
    assert shared.middleware_stack is once
    assert (await ask(marked, "/a/x")).status_code == 401
    assert (await ask(opened, "/a/x")).text == "SECRET"


async def test_a_failing_check_wraps_once(idp: Any, ask: Any) -> None:
    """Where each request fails the check anew, nothing is put round the router again."""

    @headers(referrer="unsafe-url")
    @open_to_all
    async def wrong(request: Request) -> PlainTextResponse:
        return PlainTextResponse("SECRET")

    app = Starlette(routes=[Route("/y", wrong)])
    secure(app, policy(idp, marks={"/a/": sensitive()}))
    before = app.router.middleware_stack
    for _ in range(3):
        assert (await ask(app, "/y")).status_code == 500
    assert app.router.middleware_stack == before


async def test_past_the_layer(idp: Any, ask: Any) -> None:
    """Served without its layer, an app's own router gets no further than the mark of a prefix."""
    app = secure(
        Starlette(routes=[Route("/a/x", secret), Route("/b", page)]), policy(idp, default="allow", marks=MARKS)
    )
    stack_of(app).check()
    assert (await ask(app.router, "/a/x")).status_code == 500
    assert (await ask(app.router, "/b")).text == "page"


@pytest.mark.parametrize("middleware", [Hiding, Frozen, Unfinished])
def test_a_router_whose_middleware_hides_it(idp: Any, middleware: Any) -> None:
    """Where nothing can look behind a middleware of a router, the app does not start."""
    app = Starlette(routes=[Mount("/m", Router([Route("/x", page)], middleware=[Middleware(middleware)]))])
    secure(app, policy(idp, default="allow"))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=rf"Nothing can look behind .*{middleware.__name__}"):
            stack_of(app).check()


def test_a_mount_whose_middleware_hides_it(idp: Any) -> None:
    """Where routes are known to be behind a middleware of a mount, and cannot be reached, the app does not start."""
    app = Starlette(routes=[Mount("/m", routes=[Route("/x", page)], middleware=[Middleware(Hiding)])])
    secure(app, policy(idp, default="allow"))
    with pytest.raises(ConfigurationError, match=r"/m/\* .*Hiding\) lies behind .*Hiding, which keeps"):
        stack_of(app).check()


def test_what_covers_an_app() -> None:
    """A mark is round an app if it is so wherever the app is mounted, through whatever middleware."""
    once, twice, never = Starlette(), Starlette(), Starlette()
    app = Starlette(
        routes=[
            Mount("/a", open_to_all(Copying(once))),
            Mount("/b", open_to_all(twice)),
            Mount("/c", twice),
            Mount("/d", never, middleware=[Middleware(Copying)]),
            Mount("/e", Copying(open_to_all(once))),
        ]
    )
    assert mounted_applications(app) == [
        (app, False, ("",)),
        (once, True, ("/a", "/e")),
        (twice, False, ("/b", "/c")),
        (never, False, ("/d",)),
    ]
    assert list(applications(app)) == [app, once, twice, never]


def test_an_app_mounted_in_itself() -> None:
    """It has one place for each mount that is not its own, and looking for them ends."""
    app = Starlette()
    inner = Starlette(routes=[Mount("/back", app)])
    app.mount("/in", inner)
    assert mounted_applications(app) == [(app, False, ("",)), (inner, False, ("/in",))]


async def test_an_app_at_two_places(idp: Any, ask: Any) -> None:
    """The root_path tells at which of them a request is; where it tells nothing, the marks of both hold."""
    bare: list[bool] = [False]

    class Bare(Copying):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            taken = {"path": "/a/x", "root_path": "/zz"} if bare[0] else {}
            await self.app({**scope, **taken}, receive, send)

    async def unmarked(request: Request) -> PlainTextResponse:
        return PlainTextResponse("x")

    twice = Router(routes=[Route("/a/x", unmarked)], middleware=[Middleware(Bare)])
    app = Starlette(routes=[Mount("/one", twice), Mount("/two", twice)])
    secure(app, policy(idp, default="allow", marks={"/two/a/": sensitive()}))
    assert [(await ask(app, f"/{place}/a/x")).status_code for place in ("one", "two")] == [200, 401]
    bare[0] = True
    assert [(await ask(app, f"/{place}/a/x")).status_code for place in ("one", "two")] == [401, 401]


def test_layers() -> None:
    """Every wrapper is found once, though one should hold itself."""
    app = Starlette()
    outer = Copying(Copying(app))
    assert list(layers(outer)) == [outer, outer.app, app]
    assert with_routes(outer) is app
    around = Copying(None)
    around.app = around
    assert list(layers(around)) == [around]
    assert with_routes(around) is around


async def test_a_router_of_another_app(idp: Any, ask: Any) -> None:
    """A router another app has watched, mounted here while the app runs, asks nothing of the other app's paths."""
    shared = Starlette(routes=[Route("/x", page), Route("/y", secret)])
    marks = {"/a/y/": sensitive()}
    stack_of(secure(Starlette(routes=[Mount("/a", shared)]), policy(idp, default="allow", marks=marks))).check()
    late = secure(Starlette(), policy(idp))
    assert (await ask(late, "/a/x")).status_code == 404
    late.router.routes.append(Mount("/a", shared))
    assert [(await ask(late, path)).status_code for path in ("/a/x", "/a/y")] == [200, 403]


async def test_an_app_with_routes_and_no_router(idp: Any, ask: Any) -> None:
    """An app of another kind that lists routes has nothing to watch; the backstop sees what it serves."""

    class Listing:
        routes = (Route("/x", page),)

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.routes[0].handle(scope, receive, send)

    app = secure(Starlette(routes=[Mount("/m", Listing())]), policy(idp, default="allow"))
    assert (await ask(app, "/m/x")).text == "page"


async def test_refusals_before_the_first_request_that_gets_in(ask: Any) -> None:
    """A refusal carries the headers of its prefix from the first request on."""
    choices = {"/embed/": RouteHeaders(referrer="no-referrer", corp="cross-origin")}
    app = Starlette(routes=[Route("/embed/x", page)])
    secure(app, SecurityPolicy.web(hosts=["api.example.com"], headers_by_prefix=choices))
    for host in ("evil.example", "api.example.com", "evil.example"):
        response = await ask(app, "/embed/x", headers={"host": host})
        assert response.status_code == (200 if host == "api.example.com" else 421)
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cross-origin-resource-policy"] == "cross-origin"


def test_a_prefix_that_misses_the_level() -> None:
    """What a prefix chooses is judged where the policy is put round the app."""
    choices = {"/a/": RouteHeaders(referrer="unsafe-url")}
    with pytest.raises(ConfigurationError, match=r"The headers of .*/a/.* cannot be sent"):
        secure(Starlette(), SecurityPolicy.web(hosts=["api.example.com"], headers_by_prefix=choices))
