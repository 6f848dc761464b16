"""A mark on a router, a mount or a path prefix guards all that is in it: every kind of route, in whatever order."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from asvs_middleware import ConfigurationError, SecurityPolicy, public, secure, sensitive
from asvs_middleware.access.prefixes import climbs
from asvs_middleware.access.routers import ask_first
from asvs_middleware.stack import stack_of

pytestmark = pytest.mark.anyio
guard = sensitive(scopes="read")
LATE = hasattr(APIRouter, "handle")
"""Whether FastAPI keeps an included router as it is; before, it copied the routes."""

Ran = list[str]
Fill = Callable[[Any, Ran, Path], tuple[str, str]]
CONTENTS: dict[str, Fill] = {}
NEEDS_FASTAPI = set[str]()


class Order(BaseModel):
    amount: int


def content(fill: Fill) -> Fill:
    """Register a way to put an unmarked endpoint at /x into a router; returns the method and the type of its scope."""
    name = fill.__name__.replace("_", " ")
    CONTENTS[name] = fill
    if name.startswith("fastapi"):
        NEEDS_FASTAPI.add(name)
    return fill


def noting(ran: Ran) -> Any:
    async def endpoint(request: Request) -> PlainTextResponse:
        ran.append("body")
        return PlainTextResponse("x")

    return endpoint


@content
def function(router: Any, ran: Ran, folder: Path) -> tuple[str, str]:
    router.routes.append(Route("/x", noting(ran)))
    return "GET", "http"


@content
def sync_function(router: Any, ran: Ran, folder: Path) -> tuple[str, str]:
    def endpoint(request: Request) -> PlainTextResponse:
        ran.append("body")
        return PlainTextResponse("x")

    router.routes.append(Route("/x", endpoint))
    return "GET", "http"


@content
def head_of_a_function(router: Any, ran: Ran, folder: Path) -> tuple[str, str]:
    function(router, ran, folder)
    return "HEAD", "http"


@content
def function_that_takes_OPTIONS(router: Any, ran: Ran, folder: Path) -> tuple[str, str]:
    router.routes.append(Route("/x", noting(ran), methods=["OPTIONS"]))
    return "OPTIONS", "http"


@content
def class_endpoint(router: Any, ran: Ran, folder: Path) -> tuple[str, str]:
    class Endpoint(HTTPEndpoint):
        async def get(self, request: Request) -> PlainTextResponse:
            ran.append("body")
            return PlainTextResponse("x")

    router.routes.append(Route("/x", Endpoint))
    return "GET", "http"


@content
def background_task(router: Any, ran: Ran, folder: Path) -> tuple[str, str]:
    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse("x", background=BackgroundTask(ran.append, "body"))

    router.routes.append(Route("/x", endpoint))
    return "GET", "http"


@content
def websocket(router: Any, ran: Ran, folder: Path) -> tuple[str, str]:
    async def endpoint(websocket: WebSocket) -> None:
        ran.append("body")
        await websocket.accept()

    router.routes.append(WebSocketRoute("/x", endpoint))
    return "GET", "websocket"


@content
def mounted_app(router: Any, ran: Ran, folder: Path) -> tuple[str, str]:
    async def raw(scope: Any, receive: Any, send: Any) -> None:
        ran.append("body")
        await PlainTextResponse("x")(scope, receive, send)

    router.routes.append(Mount("/x", app=raw))
    return "GET", "http"


@content
def fastapi_function(router: Any, ran: Ran, folder: Path) -> tuple[str, str]:
    @router.post("/x", dependencies=[Depends(lambda: ran.append("dependency"))])
    async def endpoint(order: Order) -> int:
        ran.append("body")
        return order.amount

    return "POST", "http"


@content
def fastapi_sync_function_with_a_generator_dependency(router: Any, ran: Ran, folder: Path) -> tuple[str, str]:
    def session() -> Any:
        ran.append("dependency")
        yield
        ran.append("body")

    @router.get("/x", dependencies=[Depends(session)])
    def endpoint() -> str:
        return "x"

    return "GET", "http"


@content
def fastapi_stream(router: Any, ran: Ran, folder: Path) -> tuple[str, str]:
    @router.get("/x")
    async def endpoint() -> StreamingResponse:
        ran.append("body")
        return StreamingResponse(iter(["x"]))

    return "GET", "http"


@content
def fastapi_websocket(router: Any, ran: Ran, folder: Path) -> tuple[str, str]:
    @router.websocket("/x", dependencies=[Depends(lambda: ran.append("dependency"))])
    async def endpoint(websocket: WebSocket) -> None:
        ran.append("body")
        await websocket.accept()

    return "GET", "websocket"


@content
def fastapi_frontend(router: Any, ran: Ran, folder: Path) -> tuple[str, str]:
    (folder / "index.html").write_text("x")
    router.dependencies.append(Depends(lambda: ran.append("body")))
    router.frontend("/x", directory=folder)
    return "GET", "http"


if not hasattr(FastAPI, "frontend"):
    del CONTENTS["fastapi frontend"]


@dataclass
class Placed:
    """An app with something under a mark, the path of its /x, and the prefixes its policy marks."""

    app: Any
    path: str
    marks: dict[str, Any]


Put = Callable[[Callable[[Any], None]], Placed]
PLACES: dict[str, Put] = {}


def place(put: Put) -> Put:
    PLACES[put.__name__.replace("_", " ")] = put
    return put


@place
def included_router_marked_first(fill: Any) -> Placed:
    app, router = FastAPI(), guard(APIRouter(prefix=""))
    fill(router)
    app.include_router(router, prefix="/in")
    return Placed(app, "/in/x", {})


@place
def included_router_marked_last(fill: Any) -> Placed:
    app, router = FastAPI(), APIRouter()
    app.include_router(router, prefix="/in")
    fill(router)
    guard(router)
    return Placed(app, "/in/x", {})


@place
def router_included_in_a_marked_one(fill: Any) -> Placed:
    app, outer, inner = FastAPI(), guard(APIRouter()), APIRouter()
    fill(inner)
    outer.include_router(inner, prefix="/inner")
    app.include_router(outer, prefix="/outer")
    return Placed(app, "/outer/inner/x", {})


@place
def mounted_fastapi_router(fill: Any) -> Placed:
    app, router = FastAPI(), guard(APIRouter())
    fill(router)
    app.mount("/in", router)
    return Placed(app, "/in/x", {})


@place
def mounted_router(fill: Any) -> Placed:
    router = guard(Router())
    fill(router)
    return Placed(Starlette(routes=[Mount("/in", app=router)]), "/in/x", {})


@place
def hosted_router(fill: Any) -> Placed:
    router = guard(Router())
    fill(router)
    return Placed(Starlette(routes=[Host("api.example.com", app=router)]), "/x", {})


@place
def router_of_the_app(fill: Any) -> Placed:
    app = Starlette()
    fill(guard(app.router))
    return Placed(app, "/x", {})


@place
def router_that_is_the_app(fill: Any) -> Placed:
    router = guard(Router())
    fill(router)
    return Placed(router, "/x", {})


@place
def fastapi_prefix(fill: Any) -> Placed:
    app, router = FastAPI(), APIRouter()
    fill(router)
    app.include_router(router, prefix="/in")
    return Placed(app, "/in/x", {"/in/": guard})


@place
def prefix_that_is_the_path(fill: Any) -> Placed:
    app = FastAPI()
    fill(app.router)
    return Placed(app, "/x", {"/x/": guard})


@place
def prefix_of_a_mount(fill: Any) -> Placed:
    inner = Starlette()
    fill(inner)
    return Placed(Starlette(routes=[Mount("/a/b", app=inner)]), "/a/b/x", {"/a/": guard})


@place
def prefix_of_an_app_nobody_can_look_into(fill: Any) -> Placed:
    inner = Starlette()
    fill(inner)

    async def raw(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)

    return Placed(raw, "/x", {"/": guard})


@place
def prefix_a_middleware_leads_to(fill: Any) -> Placed:
    class Rewriting:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app({**scope, "path": scope["path"].replace("/out", "/in")}, receive, send)

    app, inner = Starlette(middleware=[Middleware(Rewriting)]), Starlette()
    fill(inner)
    app.mount("/in", inner)
    return Placed(app, "/out/x", {"/in/": guard})


FASTAPI_PLACES = {
    name for name in PLACES if "included" in name or "fastapi" in name or name == "prefix that is the path"
}
MARKED_APIROUTERS = {name for name in PLACES if "included" in name or name == "mounted fastapi router"}
CALLERS = {"no token": (None, 401), "the wrong scope": ("write", 403), "the right scope": ("read", 200)}
CASES = [
    pytest.param(PLACES[where], CONTENTS[what], id=f"{where}: {what}")
    for where in PLACES
    for what in CONTENTS
    if (what not in NEEDS_FASTAPI or where in FASTAPI_PLACES) and (LATE or where not in MARKED_APIROUTERS)
]
if not LATE:  # Older FastAPI leaves out the mounts of an included router.
    CASES = [case for case in CASES if case.id != "fastapi prefix: mounted app"]


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("put", "fill"), CASES)
async def test_everything_in_a_place(
    put: Put, fill: Fill, caller: str, *, idp: Any, drive: Any, tmp_path: Path
) -> None:
    """Refused: nothing in it runs, no dependency either, and nothing was read from the client."""
    ran: Ran = []
    told: list[tuple[str, str]] = []
    placed = put(lambda router: told.append(fill(router, ran, tmp_path)))
    [(method, kind)] = told
    app = secure(placed.app, SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), marks=placed.marks))
    scope, status = CALLERS[caller]
    headers = {"content-type": "application/json"} | ({} if scope is None else idp.bearer(scope))
    body = {"type": "http.request", "body": b'{"amount": 1}' if status == 200 else b'{"amount": "none"}'}
    wire = await drive(
        app,
        placed.path + "/" * (fill in {mounted_app, CONTENTS.get("fastapi frontend")}),
        type=kind,
        method=method,
        headers=headers,
        incoming=[{"type": "websocket.connect"} if kind == "websocket" else body],
        extensions={"websocket.http.response": {}},
    )
    assert wire.raised is None
    if status == 200:
        assert wire.sent[0].get("status", 200) == 200
        assert ran[-1] == "body"
    else:
        assert (wire.status, ran, wire.received) == (status, [], 0)


def admin(ran: Ran) -> FastAPI:
    """Return an app whose router for administrators has a public page, and a route with a mark of its own."""
    app, router = FastAPI(), APIRouter(prefix="/admin")

    @router.get("/login")
    @public(reason="people log in here", overrides=["router", "prefix"])
    async def login() -> str:
        return "login"

    @router.get("/who")
    @sensitive(scopes="who")
    async def who(request: Request) -> list[str]:
        ran.append("body")
        return sorted(request.state.caller.scopes)

    @router.get("/plain")
    async def plain() -> str:
        ran.append("body")
        return "plain"

    app.include_router(guard(router))
    return app


def test_a_router_whose_routes_are_copied() -> None:
    """Where a framework copies the routes of a router, its mark would be lost; what to write instead is said."""

    class Copied(Router):
        include_router = None

    for router in [Copied(), *([] if LATE else [APIRouter()])]:
        with pytest.raises(ConfigurationError, match=r'leave its mark behind.*marks={"/admin/"'):
            guard(router)


if LATE:

    @pytest.fixture
    def secured(idp: Any) -> Callable[..., FastAPI]:
        def secured(ran: Ran) -> FastAPI:
            marks = {"/admin/": sensitive(scopes="staff")}
            policy = SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), marks=marks)
            return secure(admin(ran), policy)

        return secured

    @pytest.mark.parametrize(
        ("path", "scope", "status"),
        [
            pytest.param("/admin/plain", "staff read", 200, id="prefix and router"),
            pytest.param("/admin/plain", "staff", 403, id="the prefix alone"),
            pytest.param("/admin/plain", "read", 403, id="the router alone"),
            pytest.param("/admin/who", "staff read who", 200, id="prefix, router and route"),
            pytest.param("/admin/who", "staff read", 403, id="without the route's own"),
            pytest.param("/admin/who", "who", 403, id="the route's own alone"),
            pytest.param("/admin/nothing", "other", 403, id="no route: the prefix all the same"),
            pytest.param("/admin/nothing", "staff read", 404, id="no route, for who may know"),
            pytest.param("/admin", "other", 403, id="the prefix without its slash"),
            pytest.param("/administrator", "other", 404, id="another name that begins the same"),
        ],
    )
    async def test_all_marks_are_asked_for(
        path: str, scope: str, status: int, *, secured: Any, idp: Any, ask: Any
    ) -> None:
        """The stricter wins: what is further out does not open what is further in, nor the other way round."""
        assert (await ask(secured([]), path, headers=idp.bearer(scope))).status_code == status

    @pytest.mark.parametrize("root", ["", "/api"])
    async def test_a_public_route_waives(root: str, secured: Any, drive: Any) -> None:
        """A route that says which marks it overrides is open, at its path and method, and nothing else is."""
        app = secured([])
        assert (await drive(app, f"{root}/admin/login", root_path=root)).status == 200
        for method, path in (("POST", "/login"), ("GET", "/login/"), ("GET", "/LOGIN"), ("GET", "/plain")):
            assert (await drive(app, f"{root}/admin{path}", root_path=root, method=method)).status == 401

    async def test_a_route_that_takes_the_place_of_a_waiver(secured: Any, ask: Any, events: Any) -> None:
        """What is put before the public route while the app runs does not inherit its waiver."""
        app = secured([])
        assert (await ask(app, "/admin/login")).status_code == 200
        app.router.routes.insert(0, Route("/admin/login", sensitive(scopes="other")(noting([]))))
        app.router.routes.insert(0, Route("/admin/login", noting([])))
        response = await ask(app, "/admin/login")
        assert (response.status_code, response.text.count("x")) == (500, 0)
        assert "for the sake of another endpoint" in events()[-1]["reason"]

    @pytest.mark.parametrize("path", ["/admin/plain", "/admin/who"])
    @pytest.mark.parametrize("sabotage", ["handlers", "middleware", "a middleware that reads the body"])
    async def test_an_app_against_its_guard(path: str, sabotage: str, secured: Any, idp: Any, ask: Any) -> None:
        """Neither exception handlers nor middleware turn a refusal of a router into something else."""
        ran: Ran = []
        router, app = guard(APIRouter(prefix="/admin")), FastAPI()
        if sabotage == "handlers":
            app.exception_handler(Exception)(lambda request, error: PlainTextResponse("fine"))
            app.exception_handler(401)(lambda request, error: PlainTextResponse("fine"))
        else:

            async def between(request: Request, call_next: Any) -> Any:
                if sabotage.endswith("body"):
                    await request.body()
                try:
                    return await call_next(request)
                except Exception:
                    return PlainTextResponse("fine")

            app.add_middleware(BaseHTTPMiddleware, dispatch=between)
        router.add_api_route("/plain", lambda: ran.append("body"))
        router.add_api_route("/who", sensitive(scopes="who")(lambda: ran.append("body")))
        app.include_router(router)
        secure(app, SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens()))
        assert (await ask(app, path)).status_code == 401
        assert (await ask(app, path, headers=idp.bearer("other"))).status_code == 403
        assert ran == []

    @pytest.mark.parametrize("default", ["deny", "allow"])
    async def test_added_after_the_start(default: Any, idp: Any, ask: Any, tmp_path: Path) -> None:
        """A marked router guards what is put into it later; an app mounted below a marked prefix is guarded too."""
        ran: Ran = []
        router, app = guard(APIRouter(prefix="/in")), FastAPI()
        app.include_router(router)
        marks = {"/late/": guard}
        secure(app, SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), default=default, marks=marks))
        assert (await ask(app, "/in/x")).status_code == 404
        router.add_api_route("/x", lambda: ran.append("body"))
        app.mount("/late", Starlette(routes=[Route("/x", noting(ran))]))
        for path in ("/in/x", "/late/x"):
            assert (await ask(app, path)).status_code == 401
            assert ran == []
            assert (await ask(app, path, headers=idp.bearer("read"))).status_code == 200
            assert ran.pop() == "body"

    def test_openapi_says_what_all_marks_ask_for(secured: Any) -> None:
        """Clients read of the prefix and the router as they do of the route's own mark."""
        app = secured([])
        stack_of(app).check()
        paths = app.openapi()["paths"]
        assert paths["/admin/who"]["get"]["security"] == [{"bearer": ["staff", "read", "who"]}]
        assert paths["/admin/plain"]["get"]["security"] == [{"bearer": ["staff", "read"]}]
        assert "security" not in paths["/admin/login"]["get"]


async def test_public_places(idp: Any, ask: Any) -> None:
    """Under deny a public router or prefix opens what carries no mark, and leaves a mark inside it in force."""
    opened = public(reason="pages for everyone")(Router([Route("/x", noting([])), Route("/y", guard(noting([])))]))
    marks = {"/free/": public(reason="pages for everyone")}
    routes = [Mount("/open", app=opened), Route("/free/x", noting([])), Route("/free/y", guard(noting([])))]
    app = secure(
        Starlette(routes=routes), SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), marks=marks)
    )
    for where in ("/open", "/free"):
        assert (await ask(app, f"{where}/x")).status_code == 200
        assert (await ask(app, f"{where}/y")).status_code == 401


async def test_proofs_of_several_marks_are_one_caller(clients: Any, showing: Any, idp: Any, ask: Any) -> None:
    """An endpoint that asks for a certificate finds the token too that its prefix asked for."""
    seen: list[Any] = []

    @sensitive(client_certificate=True)
    async def endpoint(request: Request) -> PlainTextResponse:
        seen.append(request.state.caller)
        return PlainTextResponse("x")

    policy = SecurityPolicy.api(
        hosts=["api.example.com"],
        tokens=idp.tokens(),
        client_certificates=clients.policy,
        marks={"/in/": guard, "/in/deep/": sensitive(client_certificate="spiffe://example.org/batch/")},
    )
    app = secure(Starlette(routes=[Route("/in/deep/x", endpoint)]), policy)
    server = showing(app, clients.batch)
    assert (await ask(server, "/in/deep/x", headers=idp.bearer("read"))).status_code == 200
    assert seen[0].scopes == {"read"}
    assert seen[0].certificate.identities
    assert (await ask(showing(app, clients.other), "/in/deep/x", headers=idp.bearer("read"))).status_code == 403
    assert len(seen) == 1


async def test_marked_router_without_a_layer(idp: Any, ask: Any) -> None:
    """Served past the layer a sensitive router and prefix are shut, and a public router is open."""
    router = Router([Mount("/open", app=public(reason="pages for everyone")(Router([Route("/x", noting([]))])))])
    assert (await ask(router, "/open/x")).text == "x"
    assert (await ask(Mount("/in", app=guard(Router([Route("/x", noting([]))]))), "/in/x")).status_code == 500
    app = Starlette(routes=[Route("/in/x", noting([]))])
    secure(app, SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), marks={"/in/": guard}))
    stack_of(app).check()
    assert (await ask(app.router, "/in/x")).status_code == 500


async def test_lifespan_of_marked_places(idp: Any) -> None:
    """Starting and stopping an app asks nobody for a token."""
    inner = Starlette()
    guard(inner.router)
    for given in (inner, guard(Router()), guard(Starlette())):
        policy = SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), marks={"/": guard})
        app = secure(given, policy)
        stack_of(app).check()
        sent: list[str] = []
        waiting = ["lifespan.startup", "lifespan.shutdown"]

        async def receive(waiting: list[str] = waiting) -> Any:
            return {"type": waiting.pop(0)}

        async def send(message: Any, sent: list[str] = sent) -> None:
            sent.append(message["type"])

        await app({"type": "lifespan", "state": {}}, receive, send)
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_route_in_two_routers(idp: Any, drive: Any) -> None:
    """What is served past two marked routers asks for both; asked again for the same, it is wrapped once."""
    from asvs_middleware.access.covers import Cover

    calls: list[str] = []

    class Unlisted:
        async def handle(self, scope: Any, receive: Any, send: Any) -> None:
            calls.append("body")

    route = Unlisted()
    first, second = Cover("router", "/a", sensitive().mark), Cover("router", "/b", guard.mark)
    ask_first(route, [])
    assert "handle" not in vars(route)
    ask_first(route, [first])
    handle = route.handle
    ask_first(route, [first])
    ask_first(route, [second, first])
    assert route.handle is handle
    app = secure(
        public(reason="a wrapper of the test")(lambda scope, receive, send: route.handle(scope, receive, send)),
        SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens()),
    )
    assert (await drive(app, headers=idp.bearer())).status == 403
    assert calls == []
    await drive(app, headers=idp.bearer("read"))
    assert calls == ["body"]


SPELLINGS = [
    pytest.param("/files/private/key", id="as it is"),
    pytest.param("/files//private/key", id="two slashes"),
    pytest.param("/files///private//key", id="many slashes"),
    pytest.param("/files/./private/key", id="a dot"),
    pytest.param("/files/open/../private/key", id="two dots"),
    pytest.param("/files/open/..//./private/key", id="all of them"),
    pytest.param("/files/private/../private/key", id="out and in again"),
    pytest.param("/files/open/../private", id="the prefix without its slash"),
    pytest.param("/files\\private\\key", id="backslashes, which Windows takes for slashes"),
    pytest.param("/files/open/..\\private/key", id="one of them"),
]


@pytest.mark.parametrize("path", SPELLINGS)
@pytest.mark.parametrize("root", ["", "/api"])
async def test_another_spelling_of_a_marked_path(path: str, root: str, tmp_path: Path, idp: Any, drive: Any) -> None:
    """v5.0.0-8.2.1: an app that serves files resolves slashes and dots itself; the mark holds for what it reads.

    A longer public prefix opens none of them either.
    """
    (tmp_path / "private").mkdir()
    (tmp_path / "open").mkdir()
    (tmp_path / "private" / "key").write_text("secret")
    (tmp_path / "open" / "page").write_text("open")
    marks = {
        "/files/private/": sensitive(scopes="files"),
        "/files/open/": public(reason="files for everybody"),
        "/other/": sensitive(scopes="other"),
    }
    app = FastAPI(openapi_url=None)
    app.mount("/files", StaticFiles(directory=tmp_path))
    policy = SecurityPolicy.web(hosts=["api.example.com"], tokens=idp.tokens(), marks=marks)
    secure(app, policy)
    assert (await drive(app, root + path, root_path=root)).status == 401
    # A path that climbs may come back by the name of the folder, which nobody knows here: it asks for everything.
    assert policy.explain(path).needs == "token files" + " + token other" * climbs(path)
    assert (await drive(app, root + "/files/other/../open/page", root_path=root)).status == 401
    for let_in in ("/files/open/page", "/files/open/./page"):
        assert (await drive(app, root + let_in, root_path=root)).status == 200
