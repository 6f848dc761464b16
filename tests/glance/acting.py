"""The app inside both layers: it does what the plan of each request says, and writes down what it sees.

The plan travels in the scope, so that one app serves every request of a test, several at a time.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.connection.exchange import SCOPE_KEY, exchange_of

PLAN = "test.plan"
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "QUERY", "TRACE", "get"]
PRIVATE = {SCOPE_KEY, PLAN, "app", "router", "endpoint", "route", "path_params", "starlette.exception_handlers", "tls"}

opened = public(reason="open to all of them")
guarded = sensitive(scopes="a")

Step = Callable[["Stage"], Awaitable[None]]


@dataclass
class Plan:
    """What the app does in one request.

    Attributes:
        kept: what the app keeps between requests, as a framework does that makes a message once.
        start: the response start; None sends none.
        in_front: what a middleware of the app does before routing.
        renames: that middleware hands on a copy of the scope.
        before: what the endpoint does before the response starts.
        between: what it does before the body.
        after: what it does when all was sent.
        seen: what it saw.
        nonces: what it was given.
    """

    kept: dict[str, Any]
    start: dict[str, Any] | None
    in_front: list[Step] = field(default_factory=list)
    renames: bool = False
    before: list[Step] = field(default_factory=list)
    between: list[Step] = field(default_factory=list)
    after: list[Step] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)
    nonces: list[str] = field(default_factory=list)


@dataclass
class Stage:
    """One request as the endpoint has it."""

    plan: Plan
    scope: Any
    receive: Any
    send: Any


class Acting(Response):
    """A response that follows the plan."""

    def __init__(self) -> None:
        """Begin without a status of its own: the plan names it."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await act(scope, receive, send)


async def act(scope: Any, receive: Any, send: Any) -> None:
    """Do what the plan says, step by step."""
    plan: Plan = scope[PLAN]
    plan.seen.append(what_is_seen(scope, receive))
    stage = Stage(plan, scope, receive, send)
    for step in plan.before:
        await step(stage)
    if plan.start is not None:
        await stage.send(plan.start)
    for step in plan.between:
        await step(stage)
    await stage.send({"type": "http.response.body", "body": " ".join(["x", *plan.nonces]).encode()})
    for step in plan.after:
        await step(stage)


def what_is_seen(scope: Any, receive: Any) -> dict[str, Any]:
    """Return every member of the scope but those of the frameworks, as it is now."""
    seen = {name: value for name, value in scope.items() if name not in PRIVATE}
    seen["headers"] = [tuple(pair) for pair in scope["headers"]]
    seen["state"] = sorted(scope.get("state") or ())
    seen["transport"] = getattr(getattr(receive, "__self__", None), "transport", None) is not None
    return seen


async def ask_who_calls(stage: Stage) -> None:
    """Note what the guard and an event would be told, which a layer may find out as late as this."""
    exchange = exchange_of(stage.scope)
    assert exchange is not None
    said = exchange.connection
    stage.plan.seen.append(
        [said.secure, said.host, said.client, said.via_proxy, said.authorization, said.claims_tls, said.method]
    )
    stage.plan.seen.append([said.transport, said.carries_credentials, said.opens_a_page, said.forwarded])
    stage.plan.seen.append(said.scope is exchange.scope)


@opened
async def play(request: Request) -> Response:
    return Acting()


@guarded
async def locked(request: Request) -> Response:
    return Acting()


async def unmarked(request: Request) -> Response:
    return Acting()


@opened
async def chat(websocket: WebSocket) -> None:
    websocket.scope[PLAN].seen.append(what_is_seen(websocket.scope, websocket.receive))
    await websocket.accept()
    await websocket.close()


@guarded
async def locked_chat(websocket: WebSocket) -> None:
    await websocket.accept()


@opened
async def turned_away(websocket: WebSocket) -> None:
    await websocket.close()


class InFront:
    """A middleware of the app, which comes before the router and may hand on a scope of its own."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if PLAN in scope:
            for step in scope[PLAN].in_front:
                await step(Stage(scope[PLAN], scope, receive, send))
            if scope[PLAN].renames:
                scope = {**scope}
        await self.app(scope, receive, send)


class Parsing:
    """What reads the body between the router and the endpoint, as FastAPI does: for callers who may."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope[PLAN].seen.append(await receive())
        await self.app(scope, receive, send)


class Answering(Parsing):
    """What answers in the place of an endpoint, as validation does: a caller who may not learns nothing from it."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await act(scope, receive, send)


def an_app(*, unmarked_too: bool = False, inner: SecurityPolicy | None = None) -> Starlette:
    """Return the app: open, guarded, mounted, with an app inside that has a policy of its own."""
    routes: list[Any] = [
        Route("/", play, methods=METHODS),
        Route("/locked", locked, methods=METHODS),
        Route("/parsed", locked, methods=METHODS, middleware=[Middleware(Parsing)]),
        Route("/answered", locked, methods=METHODS, middleware=[Middleware(Answering)]),
        Mount("/m", routes=[Route("/x", play, methods=METHODS)]),
        WebSocketRoute("/chat", chat),
        WebSocketRoute("/locked-chat", locked_chat),
        WebSocketRoute("/turned-away", turned_away),
    ]
    if unmarked_too:
        routes.append(Route("/unmarked", unmarked, methods=METHODS))
    if inner is not None:
        routes.append(Mount("/inner", app=secure(Starlette(routes=[Route("/x", play, methods=METHODS)]), inner)))
    app = Starlette(routes=routes)
    app.add_middleware(InFront)
    return app
