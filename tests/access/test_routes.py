"""The walk over an app's routes, and the start-up check built on it."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from asvs_middleware import ConfigurationError, SecurityPolicy, public, secure, sensitive
from asvs_middleware.access import PrefixMarks, applications, judged, refuse_problems, walk

open_to_all = public(reason="nothing secret here")


async def plain(request: Request) -> PlainTextResponse:
    return PlainTextResponse("x")


def a_route(mark: Any = None, path: str = "/x") -> Route:
    async def endpoint(request: Request) -> PlainTextResponse: ...

    return Route(path, endpoint if mark is None else mark(endpoint))


class Mixed(HTTPEndpoint):
    @sensitive()
    async def get(self, request: Request) -> PlainTextResponse: ...

    @open_to_all
    async def options(self, request: Request) -> PlainTextResponse: ...

    async def post(self, request: Request) -> PlainTextResponse: ...


class Custom(BaseRoute):
    """A kind of route nobody has seen before."""


async def raw(scope: Any, receive: Any, send: Any) -> None: ...


def nested_fastapi() -> FastAPI:
    app, outer, inner = FastAPI(openapi_url=None), APIRouter(), APIRouter()

    @inner.post("/x")
    @sensitive()
    async def endpoint() -> None: ...

    @inner.websocket("/socket")
    @sensitive()
    async def socket(websocket: WebSocket) -> None: ...

    inner.add_route("/plain", plain)
    outer.include_router(inner, prefix="/inner")
    app.include_router(outer, prefix="/outer")
    outer.mount("/files", sensitive()(raw))
    return app


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        pytest.param(lambda: raw, [("*", "/*", None)], id="an app without routes"),
        pytest.param(lambda: open_to_all(raw), [("*", "/*", "Public")], id="a marked app without routes"),
        pytest.param(lambda: Starlette(), [], id="no routes yet"),
        pytest.param(
            lambda: Starlette(routes=[a_route(sensitive())]), [("GET HEAD", "/x", "Sensitive")], id="a function"
        ),
        pytest.param(
            lambda: Starlette(routes=[Route("/x", Mixed)]),
            [("GET", "/x", "Sensitive"), ("POST", "/x", None), ("OPTIONS", "/x", "Public")],
            id="a class whose methods differ: one line for each",
        ),
        pytest.param(
            lambda: Starlette(routes=[Route("/x", sensitive()(type("Own", (HTTPEndpoint,), {})))]),
            [("*", "/x", "Sensitive")],
            id="a marked class: one line",
        ),
        pytest.param(
            lambda: Starlette(routes=[WebSocketRoute("/x", plain)]), [("WEBSOCKET", "/x", None)], id="a WebSocket"
        ),
        pytest.param(
            lambda: Starlette(routes=[Mount("/a", routes=[Mount("/b", routes=[a_route()])])]),
            [("GET HEAD", "/a/b/x", None)],
            id="a mount in a mount",
        ),
        pytest.param(
            lambda: Starlette(routes=[Mount("/a", app=sensitive()(Router([a_route(), a_route(open_to_all, "/y")])))]),
            [("GET HEAD", "/a/x", "Sensitive"), ("GET HEAD", "/a/y", "Sensitive")],
            id="a marked mount covers what is in it, whatever that says",
        ),
        pytest.param(
            lambda: Starlette(routes=[Mount("/a", app=sensitive()(Router([Route("/x", Mixed)])))]),
            [("GET", "/a/x", "Sensitive"), ("POST", "/a/x", "Sensitive"), ("OPTIONS", "/a/x", "Sensitive")],
            id="a marked mount covers a class",
        ),
        pytest.param(lambda: Starlette(routes=[Mount("/a", app=Starlette())]), [], id="a mounted app without routes"),
        pytest.param(
            lambda: Starlette(routes=[Mount("/a", app=raw)]), [("*", "/a/*", None)], id="a mounted app nobody knows"
        ),
        pytest.param(
            lambda: Starlette(routes=[Mount("/a", app=open_to_all(StaticFiles(directory=".")))]),
            [("*", "/a/*", "Public")],
            id="marked files",
        ),
        pytest.param(
            lambda: Starlette(
                routes=[Mount("/a", app=Router([a_route(sensitive())]), middleware=[Middleware(GZipMiddleware)])]
            ),
            [("GET HEAD", "/a/x", "Sensitive")],
            id="a mount with middleware of its own",
        ),
        pytest.param(
            lambda: Starlette(routes=[Host("a.example.com", app=Router([a_route()]))]),
            [("GET HEAD", "/x", None)],
            id="a host",
        ),
        pytest.param(
            lambda: Starlette(routes=[Mount("/a", app=secure(Starlette(), SecurityPolicy.web(hosts=["a.example"])))]),
            [("*", "/a/*", "Public")],
            id="an app with a policy of its own",
        ),
        pytest.param(
            nested_fastapi,
            [
                ("POST", "/outer/inner/x", "Sensitive"),
                ("WEBSOCKET", "/outer/inner/socket", "Sensitive"),
                ("GET HEAD", "/outer/inner/plain", None),
            ],
            id="included routers",
        ),
    ],
)
def test_walk(app: Any, expected: Any) -> None:
    """Every route is found where it is served, with what guards it."""
    found = [
        (" ".join(one.methods), one.path, type(one.mark).__name__ if one.mark else None)
        for one in walk(app())
        if "/files" not in one.path  # Not every FastAPI serves a mount of an included router.
    ]
    assert found == expected


@pytest.mark.parametrize(
    ("app", "means", "message"),
    [
        pytest.param(lambda: raw, {}, r"\* /\* \(.*raw\) carries neither", id="an unmarked app"),
        pytest.param(lambda: Starlette(routes=[a_route()]), {}, "GET/HEAD /x .* carries neither", id="unmarked"),
        pytest.param(
            lambda: Starlette(routes=[Route("/x", Mixed)]), {}, "1 route.*POST /x .*Mixed.post", id="unmarked method"
        ),
        pytest.param(
            lambda: Starlette(routes=[a_route(sensitive())]), {"tokens": False}, "no tokens=Tokens", id="no tokens"
        ),
        pytest.param(
            lambda: Starlette(routes=[a_route(sensitive(client_certificate=True))]),
            {"certificates": False},
            "no client_certificates=ClientCertificates",
            id="no certificates",
        ),
        pytest.param(
            lambda: Starlette(routes=[Custom()]), {"deny_unmarked": False}, "kind nothing here can check", id="kind"
        ),
        pytest.param(
            lambda: Starlette(routes=[a_route(path=f"/{number}") for number in range(14)]),
            {},
            "14 route.*/9 .*and 4 more",
            id="many",
        ),
    ],
)
def test_check(app: Any, means: Any, message: str) -> None:
    """An app with a route nothing guards does not start; the message names it and the fix."""
    given = {"deny_unmarked": True, "tokens": True, "certificates": True, **means}
    with pytest.raises(ConfigurationError, match=message):
        refuse_problems(judged(walk(app()), prefixes=PrefixMarks({}), **given))


def test_check_passes() -> None:
    """With default=allow what is unmarked is served; what is marked needs its means all the same."""
    routes = [a_route(), a_route(open_to_all), a_route(sensitive()), a_route(sensitive(client_certificate=True))]
    given = {"deny_unmarked": False, "tokens": True, "certificates": True}
    refuse_problems(judged(walk(Starlette(routes=routes)), prefixes=PrefixMarks({}), **given))


def test_applications() -> None:
    """Every app inside is found once; one with a policy of its own sees to itself."""
    inner = Starlette()
    own = secure(Starlette(routes=[Mount("/", app=Starlette())]), SecurityPolicy.web(hosts=["a.example"]))
    app = Starlette(
        routes=[
            Mount("/a", app=inner),
            Mount("/b", app=open_to_all(inner)),
            Mount("/c", app=raw),
            Mount("/d", app=own),
            Host("a.example", app=inner),
        ]
    )
    assert list(applications(app)) == [app, inner]
    assert next(iter(applications(own))) is own
