"""A marked endpoint runs with a proof or not at all, however it was written and wherever it hangs."""

import functools
import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import fastapi.routing
import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, WebSocket
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from asvs_middleware import SecurityPolicy, secure, sensitive

guard = sensitive(scopes="read")
STREAMS = "is_json_stream" in inspect.signature(fastapi.routing.get_request_handler).parameters


class Order(BaseModel):
    amount: int


@dataclass
class Case:
    """An app with one endpoint, and how to reach it."""

    app: Any
    path: str = "/x"
    method: str = "GET"
    type: str = "http"
    default: str = "deny"


Ran = list[str]
Build = Callable[[Ran, Path], Case]
KINDS: dict[str, Build] = {}


def kind(build: Build) -> Build:
    KINDS[build.__name__.replace("_", " ")] = build
    return build


def recorder(ran: Ran) -> Callable[[], None]:
    """A dependency that must not run for a caller who is refused."""

    def other_dependency() -> None:
        ran.append("dependency")

    return other_dependency


@kind
def starlette_function(ran: Ran, folder: Path) -> Case:
    @guard
    async def endpoint(request: Request) -> PlainTextResponse:
        ran.append("body")
        return PlainTextResponse("x")

    return Case(Starlette(routes=[Route("/x", endpoint)]))


@kind
def starlette_function_without_annotations(ran: Ran, folder: Path) -> Case:
    @guard
    async def endpoint(request):
        ran.append("body")
        return PlainTextResponse("x")

    return Case(Starlette(routes=[Route("/x", endpoint)]))


@kind
def starlette_sync_function(ran: Ran, folder: Path) -> Case:
    @guard
    def endpoint(request: Request) -> PlainTextResponse:
        ran.append("body")
        return PlainTextResponse("x")

    return Case(Starlette(routes=[Route("/x", endpoint)]))


@kind
def starlette_HEAD_request(ran: Ran, folder: Path) -> Case:
    return Case(starlette_function(ran, folder).app, method="HEAD")


@kind
def starlette_OPTIONS_of_a_route_that_takes_it(ran: Ran, folder: Path) -> Case:
    @guard
    async def endpoint(request: Request) -> PlainTextResponse:
        ran.append("body")
        return PlainTextResponse("x")

    return Case(Starlette(routes=[Route("/x", endpoint, methods=["OPTIONS"])]), method="OPTIONS")


@kind
def starlette_partial(ran: Ran, folder: Path) -> Case:
    async def named(name: str, request: Request) -> PlainTextResponse:
        ran.append("body")
        return PlainTextResponse(name)

    return Case(Starlette(routes=[Route("/x", guard(functools.partial(named, "x")), name="x")]))


@kind
def starlette_partial_of_a_marked_function(ran: Ran, folder: Path) -> Case:
    @guard
    async def named(name: str, request: Request) -> PlainTextResponse:
        ran.append("body")
        return PlainTextResponse(name)

    # The partial itself carries no mark, so it could not be served by the default.
    return Case(Starlette(routes=[Route("/x", functools.partial(named, "x"), name="x")]), default="allow")


@kind
def starlette_bound_method(ran: Ran, folder: Path) -> Case:
    class Orders:
        async def list(self, request: Request) -> PlainTextResponse:
            ran.append("body")
            return PlainTextResponse("x")

    return Case(Starlette(routes=[Route("/x", guard(Orders().list))]))


@kind
def starlette_method_marked_in_its_class(ran: Ran, folder: Path) -> Case:
    class Orders:
        @guard
        async def list(self, request: Request) -> PlainTextResponse:
            ran.append("body")
            return PlainTextResponse("x")

    return Case(Starlette(routes=[Route("/x", Orders().list)]))


@kind
def starlette_class(ran: Ran, folder: Path) -> Case:
    @guard
    class Endpoint(HTTPEndpoint):
        async def get(self, request: Request) -> PlainTextResponse:
            ran.append("body")
            return PlainTextResponse("x")

    return Case(Starlette(routes=[Route("/x", Endpoint)]))


@kind
def starlette_class_with_marked_method(ran: Ran, folder: Path) -> Case:
    class Endpoint(HTTPEndpoint):
        @guard
        async def get(self, request: Request) -> PlainTextResponse:
            ran.append("body")
            return PlainTextResponse("x")

    return Case(Starlette(routes=[Route("/x", Endpoint)]))


@kind
def starlette_subclass_of_a_marked_class(ran: Ran, folder: Path) -> Case:
    @guard
    class Base(HTTPEndpoint): ...

    class Endpoint(Base):
        def get(self, request: Request) -> PlainTextResponse:
            ran.append("body")
            return PlainTextResponse("x")

    return Case(Starlette(routes=[Route("/x", Endpoint)]))


@kind
def starlette_mounted_app(ran: Ran, folder: Path) -> Case:
    async def endpoint(request: Request) -> PlainTextResponse:
        ran.append("body")
        return PlainTextResponse("x")

    inner = Starlette(routes=[Route("/x", endpoint)])
    return Case(Starlette(routes=[Mount("/in", app=guard(inner))]), path="/in/x")


@kind
def starlette_endpoint_in_two_mounts(ran: Ran, folder: Path) -> Case:
    inner = starlette_function(ran, folder).app
    return Case(Starlette(routes=[Mount("/a", routes=[Mount("/b", app=inner)])]), path="/a/b/x")


@kind
def starlette_host(ran: Ran, folder: Path) -> Case:
    inner = Router(starlette_function(ran, folder).app.routes)
    return Case(Starlette(routes=[Host("api.example.com", app=inner)]))


@kind
def starlette_static_files(ran: Ran, folder: Path) -> Case:
    (folder / "x").write_text("x")

    class Recording(StaticFiles):
        async def get_response(self, path: str, scope: Any) -> Any:
            ran.append("body")
            return await super().get_response(path, scope)

    return Case(Starlette(routes=[Mount("/in", app=guard(Recording(directory=folder)))]), path="/in/x")


@kind
def starlette_websocket(ran: Ran, folder: Path) -> Case:
    @guard
    async def endpoint(websocket: WebSocket) -> None:
        ran.append("body")
        await websocket.accept()

    return Case(Starlette(routes=[WebSocketRoute("/x", endpoint)]), type="websocket")


@kind
def starlette_websocket_class(ran: Ran, folder: Path) -> Case:
    @guard
    class Endpoint(WebSocketEndpoint):
        async def on_connect(self, websocket: WebSocket) -> None:
            ran.append("body")
            await websocket.accept()

    return Case(Starlette(routes=[WebSocketRoute("/x", Endpoint)]), type="websocket")


@kind
def raw_function(ran: Ran, folder: Path) -> Case:
    @guard
    async def app(scope: Any, receive: Any, send: Any) -> None:
        ran.append("body")
        await PlainTextResponse("x")(scope, receive, send)

    return Case(app)


@kind
def raw_object(ran: Ran, folder: Path) -> Case:
    class App:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            ran.append("body")
            await PlainTextResponse("x")(scope, receive, send)

    return Case(guard(App()))


@kind
def fastapi_function(ran: Ran, folder: Path) -> Case:
    other, app = recorder(ran), FastAPI()

    @app.get("/x")
    @guard
    async def endpoint(one: Annotated[None, Depends(other)]) -> str:
        ran.append("body")
        return "x"

    return Case(app)


@kind
def fastapi_sync_function(ran: Ran, folder: Path) -> Case:
    other, app = recorder(ran), FastAPI()

    @app.get("/x", dependencies=[Depends(other)])
    @guard
    def endpoint() -> str:
        ran.append("body")
        return "x"

    return Case(app)


@kind
def fastapi_with_the_request(ran: Ran, folder: Path) -> Case:
    app = FastAPI()

    @app.get("/x")
    @guard
    async def endpoint(request: Request) -> list[str]:
        ran.append("body")
        return list(request.state.caller.subject)

    return Case(app)


@kind
def fastapi_body(ran: Ran, folder: Path) -> Case:
    other, app = recorder(ran), FastAPI(dependencies=[Depends(recorder(ran))])

    @app.post("/x", dependencies=[Depends(other)])
    @guard
    async def endpoint(order: Order) -> int:
        ran.append("body")
        return order.amount

    return Case(app, method="POST")


@kind
def fastapi_included_routers(ran: Ran, folder: Path) -> Case:
    app, outer = FastAPI(dependencies=[Depends(recorder(ran))]), APIRouter(dependencies=[Depends(recorder(ran))])
    inner = APIRouter(prefix="/in")

    @inner.get("/x", dependencies=[Depends(recorder(ran))])
    @guard
    async def endpoint() -> str:
        ran.append("body")
        return "x"

    outer.include_router(inner, prefix="/outer", dependencies=[Depends(recorder(ran))])
    app.include_router(outer, prefix="/v1", dependencies=[Depends(recorder(ran))])
    return Case(app, path="/v1/outer/in/x")


@kind
def fastapi_mounted_app(ran: Ran, folder: Path) -> Case:
    app = FastAPI()
    app.mount("/in", fastapi_function(ran, folder).app)
    return Case(app, path="/in/x")


@kind
def fastapi_inside_a_marked_mount(ran: Ran, folder: Path) -> Case:
    inner, app = FastAPI(dependencies=[Depends(recorder(ran))]), FastAPI()

    @inner.get("/x")
    async def endpoint() -> str:
        ran.append("body")
        return "x"

    app.mount("/in", guard(inner))
    return Case(app, path="/in/x")


@kind
def fastapi_add_api_route(ran: Ran, folder: Path) -> Case:
    app = FastAPI()

    async def endpoint() -> str:
        ran.append("body")
        return "x"

    app.add_api_route("/x", guard(endpoint), methods=["PUT"])
    return Case(app, method="PUT")


@kind
def fastapi_starlette_route(ran: Ran, folder: Path) -> Case:
    app = FastAPI()

    @guard
    async def endpoint(request: Request) -> PlainTextResponse:
        ran.append("body")
        return PlainTextResponse("x")

    app.add_route("/x", endpoint)
    return Case(app)


@kind
def fastapi_partial(ran: Ran, folder: Path) -> Case:
    app = FastAPI()

    async def named(name: str, amount: int = 1) -> str:
        ran.append("body")
        return name * amount

    app.get("/x", name="x")(guard(functools.partial(named, "x")))
    return Case(app)


@kind
def fastapi_bound_method(ran: Ran, folder: Path) -> Case:
    class Orders:
        def list(self, amount: int = 1) -> str:
            ran.append("body")
            return "x" * amount

    app = FastAPI()
    app.get("/x")(guard(Orders().list))
    return Case(app)


@kind
def fastapi_generator_dependencies(ran: Ran, folder: Path) -> Case:
    def opening() -> Iterator[str]:
        ran.append("dependency")
        yield "x"

    async def swallowing() -> AsyncIterator[str]:
        ran.append("dependency")
        with suppress(BaseException):
            yield "x"

    app = FastAPI(dependencies=[Depends(swallowing)])

    @app.get("/x", dependencies=[Depends(opening)])
    @guard
    async def endpoint(one: Annotated[str, Depends(opening)], two: Annotated[str, Depends(swallowing)]) -> str:
        ran.append("body")
        return one + two

    return Case(app)


@kind
def fastapi_background_task(ran: Ran, folder: Path) -> Case:
    app = FastAPI()

    def tasks(later: BackgroundTasks) -> None:
        later.add_task(ran.append, "body")

    @app.get("/x", dependencies=[Depends(tasks)])
    @guard
    async def endpoint(later: BackgroundTasks) -> str:
        later.add_task(ran.append, "body")
        return "x"

    return Case(app)


@kind
def starlette_background_task(ran: Ran, folder: Path) -> Case:
    @guard
    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse("x", background=BackgroundTask(ran.append, "body"))

    return Case(Starlette(routes=[Route("/x", endpoint)]))


@kind
def fastapi_behind_base_http_middleware(ran: Ran, folder: Path) -> Case:
    async def answering(request: Request, call_next: Callable[..., Any]) -> Any:
        with suppress(Exception):
            return await call_next(request)
        return PlainTextResponse("fine")

    inner = fastapi_body(ran, folder)
    inner.app.add_middleware(BaseHTTPMiddleware, dispatch=answering)
    return inner


@kind
def fastapi_websocket_behind_base_http_middleware(ran: Ran, folder: Path) -> Case:
    async def passing(request: Request, call_next: Callable[..., Any]) -> Any:
        return await call_next(request)

    inner = fastapi_websocket(ran, folder)
    inner.app.add_middleware(BaseHTTPMiddleware, dispatch=passing)
    return inner


@kind
def fastapi_handler_that_swallows(ran: Ran, folder: Path) -> Case:
    inner = fastapi_body(ran, folder)

    async def fine(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("fine")

    for kind_of_error in (HTTPException, RequestValidationError, Exception, 401, 403):
        inner.app.add_exception_handler(kind_of_error, fine)
    return inner


@kind
def fastapi_HEAD_and_OPTIONS(ran: Ran, folder: Path) -> Case:
    app = FastAPI()

    @app.api_route("/x", methods=["HEAD", "OPTIONS"], dependencies=[Depends(recorder(ran))])
    @guard
    async def endpoint() -> str:
        ran.append("body")
        return "x"

    return Case(app, method="OPTIONS")


@kind
def fastapi_streaming_response(ran: Ran, folder: Path) -> Case:
    app = FastAPI()

    @app.get("/x")
    @guard
    async def endpoint() -> StreamingResponse:
        ran.append("body")
        return StreamingResponse(iter(["x"]))

    return Case(app)


@kind
def fastapi_generator(ran: Ran, folder: Path) -> Case:
    app = FastAPI()

    @app.get("/x", dependencies=[Depends(recorder(ran))])
    @guard
    def endpoint():  # Without an annotation, which older FastAPI takes for the response's model.
        ran.append("body")
        yield 1

    return Case(app)


@kind
def fastapi_async_generator(ran: Ran, folder: Path) -> Case:
    app = FastAPI()

    @app.get("/x", dependencies=[Depends(recorder(ran))])
    @guard
    async def endpoint() -> AsyncIterator[int]:
        ran.append("body")
        yield 1

    return Case(app)


if not STREAMS:
    del KINDS["fastapi async generator"]


@kind
def fastapi_websocket(ran: Ran, folder: Path) -> Case:
    app = FastAPI(dependencies=[Depends(recorder(ran))])

    @app.websocket("/x")
    @guard
    async def endpoint(websocket: WebSocket, one: Annotated[None, Depends(recorder(ran))]) -> None:
        ran.append("body")
        await websocket.accept()

    return Case(app, type="websocket")


@kind
def fastapi_websocket_of_an_included_router(ran: Ran, folder: Path) -> Case:
    app, router = FastAPI(), APIRouter(dependencies=[Depends(recorder(ran))])

    @router.websocket("/x")
    @guard
    async def endpoint(websocket: WebSocket) -> None:
        ran.append("body")
        await websocket.accept()

    app.include_router(router, prefix="/in")
    return Case(app, path="/in/x", type="websocket")


CALLERS = {
    "no token": (None, 401, b"Bearer"),
    "a bad token": ("Bearer eyJhbGciOiJub25lIn0.e30.", 401, b'error="invalid_token"'),
    "another scheme": ("Basic YTpi", 401, b"Bearer"),
    "the wrong scope": ("write", 403, b'error="insufficient_scope"'),
    "the right scope": ("read", 200, b""),
}


@pytest.mark.anyio
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("build", [pytest.param(build, id=name) for name, build in KINDS.items()])
async def test_every_kind_of_endpoint(build: Build, caller: str, idp: Any, drive: Any, tmp_path: Path) -> None:
    """Refused: neither the endpoint nor another dependency runs, and nothing was read from the client."""
    ran: Ran = []
    case = build(ran, tmp_path)
    app = secure(case.app, SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), default=case.default))
    credential, status, challenge = CALLERS[caller]
    if credential in {"read", "write"}:
        credential = f"Bearer {idp.token(credential)}"
    headers = {"content-type": "application/json"} | ({} if credential is None else {"authorization": credential})
    good = status == 200
    body = {"type": "http.request", "body": json.dumps({"amount": 1 if good else "not a number"}).encode()}
    wire = await drive(
        app,
        case.path,
        type=case.type,
        method=case.method,
        headers=headers,
        incoming=[{"type": "websocket.connect"} if case.type == "websocket" else body],
        extensions={"websocket.http.response": {}},
    )
    assert wire.raised is None
    if good:
        assert wire.sent[0].get("status", "accepted") == (200 if case.type == "http" else "accepted")
        assert ran[-1] == "body"
        return
    assert (wire.status, ran, wire.received) == (status, [], 0)
    fields = dict(wire.headers)
    assert challenge in fields[b"www-authenticate"]
    assert fields[b"cache-control"] == b"no-store"
