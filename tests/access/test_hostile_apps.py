"""An app that works against its own guard, by mistake or not: the caller is refused all the same."""

import inspect
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import anyio
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.exception_handlers import http_exception_handler
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from asvs_middleware import ConfigurationError, SecurityPolicy, public, secure, sensitive
from asvs_middleware.access.decorators import DEPENDENCY
from asvs_middleware.stack import stack_of

pytestmark = pytest.mark.anyio
open_to_all = public(reason="nothing secret here")


def policy(idp: Any, **choices: Any) -> SecurityPolicy:
    return SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), **choices)


def orders(ran: list[str], app: FastAPI | None = None) -> FastAPI:
    """Return an app with one marked endpoint."""
    app = app or FastAPI()

    @app.post("/orders")
    @sensitive(scopes="read")
    async def endpoint(amount: int = 1) -> int:
        ran.append("body")
        return amount

    return app


def swallowing_everything(app: FastAPI) -> None:
    @app.exception_handler(Exception)
    async def fine(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"fine": True})


def swallowing_http_exceptions(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def fine(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"fine": True}, headers={"www-authenticate": "None"})


def swallowing_by_status(app: FastAPI) -> None:
    @app.exception_handler(401)
    def fine(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"fine": True})


def handler_that_fails(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def broken(request: Request, error: Exception) -> JSONResponse:
        raise RuntimeError("broken")


def fastapi_own_handler(app: FastAPI) -> None:
    app.exception_handler(HTTPException)(http_exception_handler)


def middleware_that_answers(app: FastAPI) -> None:
    @app.middleware("http")
    async def always_fine(request: Request, call_next: Callable[..., Any]) -> Any:
        await call_next(request)
        return JSONResponse({"fine": True})


def middleware_that_catches(app: FastAPI) -> None:
    class Catching:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            try:
                await self.app(scope, receive, send)
            except Exception:
                await JSONResponse({"fine": True})(scope, receive, send)

    app.add_middleware(Catching)


def middleware_that_reads_the_body(app: FastAPI) -> None:
    @app.middleware("http")
    async def reading(request: Request, call_next: Callable[..., Any]) -> Any:
        await request.body()
        return await call_next(request)


def middleware_that_copies_the_scope(app: FastAPI) -> None:
    class Copying:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app({**scope, "state": {"caller": "root"}}, receive, send)

    app.add_middleware(Copying)


def middleware_that_buffers(app: FastAPI) -> None:
    class Buffering:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            kept: list[Any] = []

            async def keep(message: Any) -> None:
                kept.append(message)

            await self.app(scope, receive, keep)
            for message in kept:
                await send({**message, "status": 200} if "status" in message else message)

    app.add_middleware(Buffering)


def middleware_with_a_credential_of_its_own(app: FastAPI) -> None:
    class Adding:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope["headers"] = [*scope["headers"], (b"authorization", b"Bearer anything")]
            scope["client"], scope["method"] = ("127.0.0.1", 1), scope["method"]
            await self.app(scope, receive, send)

    app.add_middleware(Adding)


SABOTAGE = [
    swallowing_everything,
    swallowing_http_exceptions,
    swallowing_by_status,
    handler_that_fails,
    fastapi_own_handler,
    middleware_that_answers,
    middleware_that_catches,
    middleware_that_reads_the_body,
    middleware_that_copies_the_scope,
    middleware_that_buffers,
    middleware_with_a_credential_of_its_own,
]


@pytest.mark.parametrize("sabotage", SABOTAGE, ids=lambda one: one.__name__.replace("_", " "))
async def test_refused_all_the_same(sabotage: Any, idp: Any, ask: Any, events: Any) -> None:
    """Handlers, middleware and dependencies of the app change nothing for who is refused, and one event says so."""
    ran: list[str] = []
    app = orders(ran)
    sabotage(app)
    secure(app, policy(idp))
    response = await ask(app, "/orders", method="POST", content=b"{")
    assert (response.status_code, ran) == (401, [])
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["type"] == "urn:asvs-middleware:problem:token_refused"
    assert [event["code"] for event in events() if "code" in event] == ["token_refused"]


async def test_a_dependency_that_catches(idp: Any, ask: Any) -> None:
    """Whoever calls a marked function itself and swallows the refusal still cannot answer."""
    ran: list[str] = []

    @sensitive(scopes="read")
    async def lookup(request: Request) -> str:
        ran.append("body")
        return "x"

    app = FastAPI()

    async def swallowing(request: Request) -> str:
        try:
            return await lookup(request)
        except Exception:
            return "fine"

    @app.get("/x")
    @open_to_all
    async def endpoint(found: Annotated[str, Depends(swallowing)]) -> str:
        return found

    secure(app, policy(idp))
    assert (await ask(app, "/x")).status_code == 401
    assert (await ask(app, "/x", headers=idp.bearer("read"))).json() == "x"
    assert ran == ["body"]


async def test_a_refused_request_stays_refused(idp: Any, ask: Any) -> None:
    """After one refusal no other mark is looked at: what would have been enough for it changes nothing."""

    @sensitive(scopes="admin")
    async def first(request: Request) -> None: ...

    ran: list[str] = []

    @sensitive()
    async def second(request: Request) -> None:
        ran.append("body")

    @open_to_all
    async def endpoint(request: Request) -> PlainTextResponse:
        for one in (first, second):
            with suppress(HTTPException):
                await one(request)
        return PlainTextResponse("fine")

    app = secure(Starlette(routes=[Route("/x", endpoint)]), policy(idp))
    assert (await ask(app, "/x", headers=idp.bearer("read"))).status_code == 403
    assert ran == []


@pytest.mark.parametrize("looped", [True, False], ids=["async generator", "generator"])
async def test_a_generator_called_by_hand(looped: bool, idp: Any, ask: Any) -> None:
    """A generator cannot wait for a proof: without one made before, it gives nothing."""

    @sensitive()
    async def numbers(request: Request) -> AsyncIterator[bytes]:
        yield b"1"

    @sensitive()
    def more_numbers(request: Request) -> Iterator[bytes]:
        yield b"1"

    @open_to_all
    async def endpoint(request: Request) -> PlainTextResponse:
        given = [one async for one in numbers(request)] if looped else list(more_numbers(request))
        return PlainTextResponse(b"".join(given))

    app = secure(Starlette(routes=[Route("/x", endpoint)]), policy(idp))
    assert (await ask(app, "/x", headers=idp.bearer())).status_code == 500


async def test_marked_apps_without_a_layer(ask: Any, tmp_path: Path) -> None:
    """Served past the layer a public mount is open and a sensitive one is shut."""
    (tmp_path / "x").write_text("x")
    files = StaticFiles(directory=tmp_path)
    app = Starlette(routes=[Mount("/open", app=open_to_all(files)), Mount("/shut", app=sensitive()(files))])
    assert (await ask(app, "/open/x")).text == "x"
    assert (await ask(app, "/shut/x")).status_code == 500


async def test_a_public_class(idp: Any, ask: Any) -> None:
    """@public on a class opens each of its methods."""

    @open_to_all
    class Endpoint(HTTPEndpoint):
        async def get(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("x")

    app = secure(Starlette(routes=[Route("/x", Endpoint)]), policy(idp))
    assert (await ask(app, "/x")).text == "x"


async def test_dependency_overrides_cannot_remove_the_guard(idp: Any, ask: Any, events: Any) -> None:
    """With the guard's dependency replaced, the endpoint itself refuses, whoever calls."""
    ran: list[str] = []
    app = secure(orders(ran), policy(idp))
    app.dependency_overrides = {app.routes[-1].dependant.dependencies[0].call: lambda: None}
    for headers, status in (({}, 401), (idp.bearer("read"), 500)):
        assert (await ask(app, "/orders", method="POST", headers=headers)).status_code == status
    assert ran == []
    assert [event["event"] for event in events() if event["event"] != "hsts_covers_subdomains"] == ["authn_login_fail"]


async def test_forgotten_secure(ask: Any, events: Any) -> None:
    """Without secure() a marked endpoint never runs, and one event tells why."""
    ran: list[str] = []
    response = await ask(orders(ran), "/orders", method="POST", headers={"authorization": "Bearer x"})
    assert (response.status_code, ran) == (500, [])
    [event] = events()
    assert event["event"] == "sys_misconfigured"
    assert "secure(app, policy) does not carry the request" in event["reason"]
    assert "Bearer" not in str(event)


async def test_the_router_served_instead_of_the_app(idp: Any, ask: Any) -> None:
    """Whoever serves the router goes round the layer, and finds every marked endpoint shut."""
    ran: list[str] = []

    @sensitive()
    async def endpoint(request: Request) -> PlainTextResponse:
        ran.append("body")
        return PlainTextResponse("x")

    app = secure(Starlette(routes=[Route("/x", endpoint)]), policy(idp))
    assert (await ask(app.router, "/x", headers=idp.bearer())).status_code == 500
    assert ran == []


async def test_called_without_a_request(idp: Any) -> None:
    """A marked function called as a plain function knows no caller, so it refuses."""

    @sensitive()
    async def endpoint(amount: int) -> int:
        return amount

    with pytest.raises(HTTPException, match="500: Internal server error"):
        await endpoint(1)


class TestWrongOrder:
    """@sensitive above the route decorator marks a function that nobody routes to."""

    @staticmethod
    def app(ran: list[str]) -> FastAPI:
        app = FastAPI()

        @sensitive(scopes="read")
        @app.get("/x")
        async def endpoint() -> str:
            ran.append("body")
            return "x"

        return app

    async def test_start_up_names_the_fix(self, idp: Any) -> None:
        """The app does not start, and the message holds the repair."""
        app = secure(self.app([]), policy(idp))
        with pytest.raises(ConfigurationError, match=r"GET /x .* above its route decorator.*write it below"):
            stack_of(app).check()

    async def test_without_lifespan(self, idp: Any, drive: Any) -> None:
        """Where the server runs no lifespan every request is a 500 with its headers, and the server's log has why."""
        ran: list[str] = []
        app = secure(self.app(ran), policy(idp))
        for headers in ({}, idp.bearer("read")):
            wire = await drive(app, "/x", headers=headers)
            assert (wire.status, ran) == (500, [])
            assert isinstance(wire.raised, ConfigurationError)
            assert dict(wire.headers)[b"x-content-type-options"] == b"nosniff"

    async def test_added_after_start(self, idp: Any, ask: Any, events: Any) -> None:
        """Nothing can keep the bare function from running then; what it answers is thrown away."""
        app = secure(FastAPI(), policy(idp))
        await ask(app, "/")
        app.router.routes += self.app([]).router.routes[-1:]
        response = await ask(app, "/x", headers=idp.bearer("read"))
        assert response.status_code == 500
        assert '"x"' not in response.text
        assert "Write @sensitive below the route decorator" in events()[-1]["reason"]

    async def test_on_a_class(self, idp: Any) -> None:
        """A subclass that replaces dispatch() has lost the guard."""

        @sensitive()
        class Base(HTTPEndpoint): ...

        class Endpoint(Base):
            async def dispatch(self) -> None: ...

        app = secure(Starlette(routes=[Route("/x", Endpoint)]), policy(idp))
        with pytest.raises(ConfigurationError, match=r"replaces dispatch\(\).*: mark this class too"):
            stack_of(app).check()

    async def test_an_app_mounted_bare(self, idp: Any) -> None:
        """The function a mark was made from is not what enforces it."""

        async def files(s: Any, r: Any, w: Any) -> None: ...

        sensitive()(files)
        app = secure(Starlette(routes=[Mount("/x", app=files)]), policy(idp))
        with pytest.raises(ConfigurationError, match=r"\* /x/\* .*registers the bare function"):
            stack_of(app).check()


class TestAfterTheStart:
    """What is added once the app runs was seen by no start-up check."""

    @staticmethod
    async def plain(request: Request) -> PlainTextResponse:
        return PlainTextResponse("x")

    @pytest.fixture
    async def app(self, idp: Any, ask: Any) -> FastAPI:
        """A FastAPI app that has answered."""
        app = secure(FastAPI(), policy(idp))
        assert (await ask(app, "/")).status_code == 404
        return app

    async def test_unmarked_route(self, app: FastAPI, ask: Any, events: Any) -> None:
        """The default is deny for it too."""
        app.get("/x")(lambda: "x")
        response = await ask(app, "/x")
        assert (response.status_code, response.json()["type"]) == (403, "urn:asvs-middleware:problem:unmarked_endpoint")
        assert "carries neither @sensitive nor @public" in events()[-1]["reason"]

    async def test_marked_route(self, app: FastAPI, idp: Any, ask: Any) -> None:
        """A mark works as ever."""
        orders([], app)
        assert (await ask(app, "/orders", method="POST")).status_code == 401
        assert (await ask(app, "/orders", method="POST", headers=idp.bearer("read"))).json() == 1

    async def test_marked_route_of_an_included_router(self, app: FastAPI, idp: Any, ask: Any) -> None:
        """As before."""
        router, ran = APIRouter(prefix="/in"), list[str]()

        @router.get("/x")
        @sensitive()
        async def endpoint() -> str:
            ran.append("body")
            return "x"

        app.include_router(router)
        assert (await ask(app, "/in/x")).status_code == 401
        assert ran == []
        assert (await ask(app, "/in/x", headers=idp.bearer())).json() == "x"

    @pytest.mark.parametrize("where", ["/in/x", "/in/nothing"])
    async def test_mounted_app(self, app: FastAPI, where: str, ask: Any) -> None:
        """An app mounted late is denied route by route; what it has no route for stays a 404."""
        app.mount("/in", Starlette(routes=[Route("/x", self.plain)]))
        assert (await ask(app, where)).status_code == (403 if where == "/in/x" else 404)

    async def test_mounted_files(self, app: FastAPI, ask: Any, tmp_path: Path) -> None:
        """Files mounted late are denied unless they are marked."""
        (tmp_path / "x").write_text("x")
        app.mount("/in", StaticFiles(directory=tmp_path))
        app.mount("/open", open_to_all(StaticFiles(directory=tmp_path)))
        assert (await ask(app, "/in/x")).status_code == 403
        assert (await ask(app, "/open/x")).text == "x"

    async def test_mounted_object_that_pretends_to_be_a_router(self, app: FastAPI, ask: Any) -> None:
        """An attribute called `routes` makes no router of what serves content."""

        class Pretender:
            routes = ()

            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                await PlainTextResponse("x")(scope, receive, send)

        app.mount("/in", Pretender())
        assert (await ask(app, "/in/x")).status_code == 403


async def test_frontends_added_after_the_start(idp: Any, ask: Any, tmp_path: Path) -> None:
    """FastAPI's frontend() serves files past every list of routes; content without an endpoint is denied."""
    app = secure(FastAPI(), policy(idp))
    assert (await ask(app, "/")).status_code == 404
    (tmp_path / "index.html").write_text("x")
    if hasattr(app, "frontend"):
        app.frontend("/", directory=tmp_path)
    else:
        app.mount("/", StaticFiles(directory=tmp_path, html=True))
    assert (await ask(app, "/")).status_code == 403


async def test_preflight_of_a_middleware_is_no_endpoint(idp: Any, ask: Any) -> None:
    """A middleware that answers before the router is the app's own affair; the default deny is about endpoints."""
    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
    secure(app, policy(idp))
    headers = {"origin": "https://shop.example", "access-control-request-method": "GET"}
    assert (await ask(app, "/x", method="OPTIONS", headers=headers)).status_code == 200


async def test_method_without_a_route(idp: Any, ask: Any) -> None:
    """A 405 is the router's own: the endpoint did not run."""
    app = secure(orders([]), policy(idp))
    for method in ("GET", "HEAD", "OPTIONS", "TRACE"):
        assert (await ask(app, "/orders", method=method)).status_code == 405


async def test_websocket_without_a_route(idp: Any, drive: Any, events: Any) -> None:
    """A handshake for nothing is turned away by the router: no event says that an endpoint was unmarked."""
    wire = await drive(secure(Starlette(), policy(idp)), "/x", type="websocket")
    assert [one["type"] for one in wire.sent] == ["websocket.close"]
    assert [event for event in events() if "code" in event] == []


async def test_each_request_has_its_own_caller(idp: Any) -> None:
    """A server that shares one state between requests does not share callers."""
    seen: dict[str, str] = {}

    @sensitive()
    async def endpoint(request: Request) -> PlainTextResponse:
        caller = request.state.caller
        await anyio.sleep(0.01)
        seen[request.query_params["is"]] = request.state.caller.subject[1]
        assert request.state.caller is caller
        assert request.state.pool == "shared"
        return PlainTextResponse("x")

    @open_to_all
    async def nobody(request: Request) -> PlainTextResponse:
        await anyio.sleep(0.005)
        seen["nobody"] = str(getattr(request.state, "caller", None))
        return PlainTextResponse("x")

    app = secure(Starlette(routes=[Route("/x", endpoint), Route("/nobody", nobody)]), policy(idp))
    shared = {"pool": "shared"}

    async def call(path: str, subject: str) -> None:
        scope = {
            "type": "http",
            "method": "GET",
            "scheme": "https",
            "path": path,
            "query_string": f"is={subject}".encode(),
            "headers": [
                (b"host", b"api.example.com"),
                (b"authorization", f"Bearer {idp.token(sub=subject)}".encode()),
            ],
            "state": shared,
        }

        async def receive() -> Any:
            await anyio.sleep_forever()

        async def send(message: Any) -> None: ...

        await app(scope, receive, send)

    async with anyio.create_task_group() as group:
        for subject in ("ada", "eve", "bob"):
            group.start_soon(call, "/x", subject)
        group.start_soon(call, "/nobody", "ada")
    assert seen == {"ada": "ada", "eve": "eve", "bob": "bob", "nobody": "None"}
    assert shared == {"pool": "shared"}


async def test_a_secured_app_inside_a_secured_app(idp: Any, ask: Any) -> None:
    """Each asks by its own policy; the start-up check of the outer one leaves the inner one alone."""
    inner = secure(orders([]), policy(idp))
    middle = Starlette(routes=[Mount("/inner", app=inner)], middleware=[Middleware(BaseHTTPMiddleware, dispatch=_pass)])
    outer = secure(Starlette(routes=[Mount("/middle", app=middle)]), policy(idp))
    path = "/middle/inner/orders"
    assert (await ask(outer, path, method="POST")).status_code == 401
    response = await ask(outer, path, method="POST", headers=idp.bearer("read"))
    assert response.json() == 1
    assert len(response.headers.get_list("content-security-policy")) == 1


async def _pass(request: Request, call_next: Callable[..., Any]) -> Any:
    return await call_next(request)


async def test_text_annotations(idp: Any, ask: Any, tmp_path: Path) -> None:
    """`from __future__ import annotations` and names only the endpoint's module knows change nothing."""
    source = tmp_path / "texts.py"
    source.write_text(
        textwrap.dedent("""
        from __future__ import annotations
        from fastapi import FastAPI
        from pydantic import BaseModel
        from asvs_middleware import sensitive

        class Order(BaseModel):
            amount: int

        app = FastAPI()

        @app.post("/x")
        @sensitive()
        async def endpoint(order: Order, times: int = 2) -> Order:
            return Order(amount=order.amount * times)
        """)
    )
    app = {}
    exec(compile(source.read_text(), str(source), "exec", dont_inherit=True), app)
    secured = secure(app["app"], policy(idp))
    assert (await ask(secured, "/x", method="POST", json={})).status_code == 401
    response = await ask(secured, "/x", method="POST", json={"amount": 2}, headers=idp.bearer())
    assert response.json() == {"amount": 4}


async def test_annotations_that_cannot_be_evaluated() -> None:
    """An unknown name stays text: FastAPI says what is wrong with it."""

    async def endpoint(amount: "Unknown") -> None: ...  # noqa: F821

    guard, amount = inspect.signature(sensitive()(endpoint)).parameters.values()
    assert (guard.name, amount.annotation) == (DEPENDENCY, "Unknown")


@pytest.fixture
def without_fastapi(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a context in which FastAPI has not been imported yet."""

    @contextmanager
    def absent() -> Iterator[None]:
        with monkeypatch.context() as patched:
            for name in ("fastapi", "fastapi.routing"):
                patched.delitem(sys.modules, name)
            yield

    return absent


async def test_marked_before_fastapi_was_imported(without_fastapi: Any, idp: Any, ask: Any) -> None:
    """What looks like Starlette's endpoint gets no dependency then; registered with FastAPI it stops the start-up."""
    with without_fastapi():

        @sensitive()
        async def endpoint(request: Request) -> PlainTextResponse:
            return PlainTextResponse("x")

    app = secure(FastAPI(), policy(idp))
    app.add_route("/as-starlette", endpoint)
    stack_of(app).check()
    assert (await ask(app, "/as-starlette")).status_code == 401
    app.add_api_route("/x", endpoint)
    assert (await ask(app, "/x")).status_code == 401
    with pytest.raises(ConfigurationError, match=r"GET /x .*import fastapi first"):
        stack_of(app).check()


async def test_an_endpoint_only_fastapi_would_take(without_fastapi: Any) -> None:
    """Two arguments, or one that is no request: that is FastAPI's, which is imported for the guard's dependency."""
    with without_fastapi():

        @sensitive()
        async def endpoint(amount: int) -> int:
            return amount

    assert DEPENDENCY in inspect.signature(endpoint).parameters


async def test_starlette_alone(without_fastapi: Any, idp: Any, ask: Any) -> None:
    """Without FastAPI the walk finds the routes, and the guard needs nothing of it."""
    with without_fastapi():

        @sensitive()
        async def endpoint(request: Request) -> PlainTextResponse:
            return PlainTextResponse("x")

        app = secure(Starlette(routes=[Route("/x", endpoint)]), policy(idp))
        stack_of(app).check()
    assert list(inspect.signature(endpoint).parameters) == ["request"]
    assert (await ask(app, "/x")).status_code == 401
    assert (await ask(app, "/x", headers=idp.bearer())).text == "x"


def run(script: str, *options: str) -> str:
    ran = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        pytest.param("request: Request", "import fastapi first", id="as Starlette writes it: stopped at start-up"),
        pytest.param("amount: int", "guarded", id="as only FastAPI writes it: guarded"),
    ],
)
def test_a_fresh_interpreter(signature: str, expected: str) -> None:
    """Such an endpoint has the guard's dependency, or the app does not start."""
    said = run(f"""
        import sys
        from starlette.requests import Request
        from asvs_middleware import SecurityPolicy, Tokens, sensitive
        assert "fastapi" not in sys.modules

        @sensitive()
        async def endpoint({signature}) -> str: return "x"

        from fastapi import FastAPI
        from asvs_middleware.stack import secure, stack_of
        app = FastAPI()
        app.get("/x")(endpoint)
        tokens = Tokens("https://idp.example.com", audience="a")
        secure(app, SecurityPolicy.api(hosts=["api.example.com"], tokens=tokens))
        try:
            stack_of(app).check()
            print("guarded")
        except Exception as error:
            print(error)
        """)
    assert expected in said
