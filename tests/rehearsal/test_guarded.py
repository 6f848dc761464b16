"""Every hole is found: one self-made bad app for each."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.rehearsal import Authorities, Rehearsal, rehearse
from asvs_middleware.rehearsal.guarded import drive
from asvs_middleware.stack import stack_of

Policy = Callable[..., SecurityPolicy]


async def bare(request: Request) -> Response:
    return PlainTextResponse("bare")


guarded = sensitive()(bare.__class__(bare.__code__, globals(), "guarded"))


@public(reason="load balancer probe")
async def probe(request: Request) -> Response:
    return PlainTextResponse("ok")


async def plain_app(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("app")(scope, receive, send)


def test_what_was_called_is_listed(stage: Rehearsal) -> None:
    """Every method of every route that is not public is called; public ones are listed with their reason."""
    result = stage.assert_guarded()
    assert result.refused == (
        ("GET", "/orders", "401"),
        ("POST", "/payments", "401"),
        ("DELETE", "/batch/rehearsal", "403"),
        ("OPTIONS", "/batch/rehearsal", "403"),
        ("PATCH", "/batch/rehearsal", "403"),
        ("PUT", "/batch/rehearsal", "403"),
        ("GET", "/machine", "403"),
        ("WEBSOCKET", "/feed", "401"),
    )
    assert result.public == (("/health", "load balancer probe"),)
    assert "WEBSOCKET /feed  401\npublic    /health  (load balancer probe)" in str(result)


def test_only_public_routes(stage: Rehearsal, api: Policy) -> None:
    """With nothing but public routes nothing is called, and the result says so instead of passing in silence."""
    result = stage.assert_guarded(secure(Starlette(routes=[Route("/", probe)]), api()))
    assert str(result) == "No route was called: every one is public.\npublic    /  (load balancer probe)"


def _without_secure(api: Policy) -> Any:
    return FastAPI()


def _without_routes(api: Policy) -> Any:
    return secure(Starlette(), api())


def _without_a_routing_table(api: Policy) -> Any:
    return secure(plain_app, api(default="allow"))


def _with_an_unmarked_plain_app(api: Policy) -> Any:
    return secure(plain_app, api())


def _with_the_mark_above_the_route(api: Policy) -> Any:
    app = FastAPI()
    sensitive()(app.get("/orders")(bare.__class__(bare.__code__, globals(), "misplaced")))
    return secure(app, api(default="allow"))


def _with_an_unmarked_route(api: Policy) -> Any:
    return secure(Starlette(routes=[Route("/", bare)]), api())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(_without_secure, "This FastAPI is not secured", id="not secured"),
        pytest.param(_without_routes, "No route was found, so nothing is shown", id="no routes"),
        pytest.param(_without_a_routing_table, r"OPTIONS +/rehearsal +200", id="no routing table"),
        pytest.param(_with_an_unmarked_plain_app, "carries neither @sensitive nor @public", id="an unmarked app"),
        pytest.param(_with_the_mark_above_the_route, "write it below", id="the mark above the route decorator"),
        pytest.param(_with_an_unmarked_route, "carries neither @sensitive nor @public", id="unmarked, default deny"),
    ],
)
def test_an_app_that_cannot_be_driven(
    stage: Rehearsal, api: Policy, make: Callable[[Policy], Any], message: str
) -> None:
    """What cannot be driven fails the test: nothing passes vacuously."""
    with pytest.raises(AssertionError, match=message):
        stage.assert_guarded(make(api))


class Colour(Convertor[str]):
    regex = "red|green"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("colour", Colour())


class Half(HTTPEndpoint):
    @sensitive()
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("")

    async def post(self, request: Request) -> Response:
        return PlainTextResponse("")


def _holes() -> FastAPI:
    """One app with a hole of each kind, under default="allow"."""
    app = FastAPI()

    @app.get("/fine/{name}")
    @sensitive(scopes="a")
    async def fine(name: int) -> None: ...

    @app.get("/fine/{name}")
    async def shadowed() -> None: ...

    @app.get("/numbers/{number:int}")
    @sensitive(scopes="a")
    async def numbered(number: int) -> None: ...

    @app.get("/numbers/{word}")
    async def worded(word: str) -> None: ...

    @app.get("/open")
    async def opened() -> None: ...

    @app.post("/validated")
    async def validated(amount: int) -> None: ...

    @app.get("/own")
    async def own() -> None:
        raise HTTPException(403)

    @app.get("/broken")
    async def broken() -> None:
        raise HTTPException(500)

    @app.get("/hidden")
    async def hidden() -> None:
        raise HTTPException(404)

    @app.get("/redirected")
    async def redirected() -> Response:
        return Response(status_code=307, headers={"location": "/login"})

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(30)

    @app.get("/{shade:colour}")
    async def coloured(shade: str) -> None: ...

    @app.websocket("/accepts")
    async def accepts(socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive()

    @app.websocket("/accepts-and-goes")
    async def accepts_and_goes(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(1000)

    @app.websocket("/accepts-and-speaks")
    async def accepts_and_speaks(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello there")

    @app.websocket("/accepts-and-refuses")
    async def accepts_and_refuses(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(1008, "who are you?")

    @app.websocket("/refuses")
    async def refuses(socket: WebSocket) -> None:
        await socket.close()

    @sensitive()
    async def marked_feed(socket: WebSocket) -> None: ...

    @app.websocket("/wrapped-feed")
    async def wrapped_feed(socket: WebSocket) -> None:
        await marked_feed(socket)

    for name, content in REFUSALS_OF_STRANGERS.items():
        app.add_route(f"/stranger/{name}", a_stranger(content), methods=["POST"])

    router = APIRouter(prefix="/included")

    @router.get("/open")
    async def included() -> None: ...

    app.include_router(router)
    app.router.routes += [
        Route("/half", Half),
        Route("/wrapped", wrapped),
        Mount("/below", routes=[Route("/open", bare), Route("/closed", guarded)]),
        Mount("/whole", plain_app),
        Mount("/marked", sensitive()(plain_app_object)),
        Host("{shade:colour}.example.com", Starlette(routes=[Route("/alike", bare)])),
        Host("{tenant}.example.com", Starlette(routes=[Route("/tenant", bare), Route("/guarded-tenant", guarded)])),
    ]
    return app


REFUSALS_OF_STRANGERS = {
    "problem": b'{"type": "about:blank", "status": 403}',
    "mention": b'{"type": "about:blank", "detail": "\\"urn:asvs-middleware:problem:"}',
    "list": b'["urn:asvs-middleware:problem:access_denied"]',
    "torn": b'{"type": "urn:asvs-middleware:problem:',
    "deep": b"[" * 4000,
    "long": b" " * 5000 + b'{"type": "urn:asvs-middleware:problem:access_denied"}',
}


def a_stranger(content: bytes) -> Any:
    """Return an endpoint that refuses as another library does."""

    async def refuse(request: Request) -> Response:
        return Response(content, 403, media_type="application/problem+json")

    return refuse


async def wrapped(request: Request) -> Response:
    """Carry no mark, and call what carries one."""
    return await guarded(request)  # type: ignore[no-any-return]


class PlainApp:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await plain_app(scope, receive, send)


plain_app_object = PlainApp()


@pytest.fixture(scope="module")
def told(authorities: Authorities, api: Policy) -> str:
    """What assert_guarded says of the app with all the holes."""
    app = secure(_holes(), api(hosts=["api.example.com", "*.example.com"], default="allow"))
    with (
        rehearse(app, authorities=authorities) as rehearsal,
        rehearsal.client(timeout=3.0) as client,
        pytest.raises(AssertionError, match="calls without credentials") as raised,
    ):
        drive(stack_of(app), client, values={})
    return str(raised.value)


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        pytest.param("GET", "/open", "200", id="unmarked under default=allow"),
        pytest.param("POST", "/validated", "422 (the input was read", id="validated before anyone was known"),
        pytest.param("GET", "/broken", "500", id="fell over"),
        pytest.param("GET", "/hidden", "404 (not reached", id="not found"),
        pytest.param("GET", "/redirected", "307", id="redirected"),
        pytest.param("GET", "/slow", "no answer (ReadTimeout)", id="no answer in time"),
        pytest.param("GET", "/{shade:colour}", "not called: give values={'shade': ...}", id="an unknown convertor"),
        pytest.param("GET", "/fine/rehearsal", "not called: /fine/{name} answers /fine/rehearsal", id="shadowed"),
        pytest.param("GET", "/numbers/rehearsal", "200", id="beside a guarded convertor"),
        pytest.param("GET", "/alike", "not called: give values={'shade'", id="an unknown convertor of a host"),
        pytest.param("WEBSOCKET", "/accepts", "accepted", id="a WebSocket that waits"),
        pytest.param("WEBSOCKET", "/accepts-and-goes", "accepted", id="a WebSocket closed as if all were well"),
        pytest.param("WEBSOCKET", "/accepts-and-speaks", "accepted", id="a WebSocket that speaks first"),
        pytest.param("GET", "/included/open", "200", id="in an included router"),
        pytest.param("POST", "/half", "200", id="one method of a class"),
        pytest.param("GET", "/below/open", "200", id="in a Mount"),
        pytest.param("DELETE", "/whole/rehearsal", "200", id="a mounted app"),
        pytest.param("GET", "/tenant", "200", id="below a Host"),
        pytest.param("GET", "/own", "403 (not by a mark)", id="refused by the endpoint"),
        pytest.param("WEBSOCKET", "/refuses", "403 (not by a mark)", id="a handshake refused by the endpoint"),
        pytest.param(
            "WEBSOCKET", "/accepts-and-refuses", "closed with 1008 (not by a mark)", id="a WebSocket closed by it"
        ),
        *[
            pytest.param("POST", f"/stranger/{name}", "403 (not by a mark)", id=f"another's refusal: {name}")
            for name in ("problem", "mention", "list", "torn", "deep", "long")
        ],
    ],
)
def test_holes(told: str, method: str, path: str, answer: str) -> None:
    """Each hole has its line in the table, with what was answered."""
    lines = [line.split(maxsplit=2) for line in told.splitlines() if line.startswith("  ")]
    assert [rest for verb, where, rest in lines if (verb, where) == (method, path) and rest.startswith(answer)]


@pytest.mark.parametrize(
    "path",
    [
        "/numbers/1",
        "/wrapped",
        "/wrapped-feed",
        "GET       /half",
        "/below/closed",
        "/marked",
        "/guarded-t",
    ],
)
def test_what_is_closed_is_not_in_the_table(told: str, path: str) -> None:
    """A marked route that refuses is no hole, nor is one that hands on to a mark: 401, 403, or a denied handshake."""
    assert path not in told


def test_the_table_is_cut(stage: Rehearsal, api: Policy) -> None:
    """A hundred holes are counted, and fifty told."""
    app = Starlette(routes=[Route(f"/{number}", bare, methods=["POST"]) for number in range(60)])
    with pytest.raises(AssertionError, match=r"60 of 60 calls (.|\n)* and 10 more"):
        stage.assert_guarded(secure(app, api(default="allow")))


def test_a_middleware_that_answers_before_the_guard(stage: Rehearsal, api: Policy) -> None:
    """A marked route is no proof: what counts is what comes back."""

    class Answers:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await (plain_app if scope["type"] == "http" else self.app)(scope, receive, send)

    app = Starlette(routes=[Route("/orders", guarded), WebSocketRoute("/feed", sensitive()(feed))])
    app.add_middleware(Answers)
    with pytest.raises(AssertionError, match=r"2 of 3 calls (.|\n)*GET +/orders +200"):
        stage.assert_guarded(secure(app, api()))


async def feed(socket: WebSocket) -> None: ...


def test_values_for_parameters(stage: Rehearsal, api: Policy) -> None:
    """A value of the caller's fills what nothing here knows."""
    app = secure(Starlette(routes=[Route("/{shade:colour}", guarded, methods=["POST"])]), api())
    assert stage.assert_guarded(app, values={"shade": "red"}).refused == (("POST", "/red", "401"),)


def test_the_served_app_may_be_named(stage: Rehearsal) -> None:
    """Naming the app that is served is the same as naming none."""
    assert stage.assert_guarded(stage.app) == stage.assert_guarded()


def test_a_server_that_is_gone(authorities: Authorities, api: Policy) -> None:
    """Without an answer nothing is shown, so it fails."""
    app = secure(Starlette(routes=[Route("/", guarded)]), api())
    with rehearse(app, authorities=authorities) as rehearsal:
        client = rehearsal.client()
    with client, pytest.raises(AssertionError, match=r"no answer \(ConnectError\)"):
        drive(stack_of(app), client, values={})
    assert isinstance(client, httpx.Client)
