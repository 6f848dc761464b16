"""@cross_origin: one route that other origins may send to, and no other through it."""

import functools
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, WebSocketRoute

from asvs_middleware import SecurityPolicy, secure
from asvs_middleware.access import applications, walk
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.middleware import CrossOrigin, cross_origin, dangerously_cross_origin
from asvs_middleware.middleware.gates.cross_origin_routes import CrossOriginRoutes, cross_origin_mark
from asvs_middleware.middleware.gates.origins import Origin

PARTNER, EVIL = Origin("https", "partner.example", 443), Origin("https", "evil.example", 443)
partners = cross_origin(allow=["https://partner.example"], reason="their shop posts here")


def endpoint() -> Any:
    async def plain(request: Any) -> PlainTextResponse:
        return PlainTextResponse("ok")

    return plain


def marked() -> Any:
    return partners(endpoint())


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...


def table(*routes: Any) -> CrossOriginRoutes:
    app = Starlette(routes=list(routes))
    return CrossOriginRoutes(lambda: (list(walk(app)), list(applications(app))))


def scope(path: str, root_path: str = "") -> dict[str, Any]:
    return {"path": path, "root_path": root_path}


POST = ["POST"]


@pytest.mark.parametrize(
    ("routes", "path", "allowed"),
    [
        pytest.param([Route("/pay", marked(), methods=POST)], "/pay", True, id="the marked route"),
        pytest.param([Route("/pay", marked(), methods=POST)], "/pay/", False, id="a slash behind"),
        pytest.param([Route("/pay", marked(), methods=POST)], "/PAY", False, id="capitals"),
        pytest.param([Route("/pay", marked(), methods=["PUT"])], "/pay", False, id="another method"),
        pytest.param([Route("/pay", endpoint(), methods=POST)], "/pay", False, id="no mark"),
        pytest.param([], "/pay", False, id="no routes"),
        pytest.param([Route("/{who}", marked(), methods=POST)], "/ada", True, id="a parameter"),
        pytest.param([Route("/{who}", marked(), methods=POST)], "/ada/pay", False, id="a parameter is one segment"),
        pytest.param([Route("/{n:int}", marked(), methods=POST)], "/12", True, id="a number"),
        pytest.param([Route("/{n:int}", marked(), methods=POST)], "/ada", False, id="no number"),
        pytest.param([Route("/{rest:path}", marked(), methods=POST)], "/a/b", True, id="a path"),
        pytest.param([Route("/a.b", marked(), methods=POST)], "/aXb", False, id="a dot is a dot"),
        pytest.param(
            [Route("/admin", endpoint(), methods=POST), Route("/{x}", marked(), methods=POST)],
            "/admin",
            False,
            id="an unmarked route before it",
        ),
        pytest.param(
            [Route("/admin", endpoint(), methods=POST), Route("/{x}", marked(), methods=POST)],
            "/admin\n",
            False,
            id="an unmarked route before it, as Starlette reads a line feed",
        ),
        pytest.param(
            [Route("/admin", endpoint()), Route("/{x}", marked(), methods=POST)],
            "/admin",
            True,
            id="an unmarked route of another method before it",
        ),
        pytest.param(
            [Route("/{x}", marked(), methods=POST), Route("/admin", endpoint(), methods=POST)],
            "/admin",
            True,
            id="an unmarked route behind it, never reached",
        ),
        pytest.param(
            [Mount("/v1/{x}", routes=[Route("/{x}", marked(), methods=POST)])], "/v1/a/b", True, id="below a mount"
        ),
        pytest.param(
            [Mount("/v1", asgi), Route("/{rest:path}", marked(), methods=POST)], "/v1/a", False, id="an app before it"
        ),
        pytest.param(
            [Mount("/v1", asgi), Route("/{rest:path}", marked(), methods=POST)], "/v11", True, id="an app beside it"
        ),
        pytest.param([Mount("/hook", partners(functools.partial(asgi)))], "/hook/a", True, id="a marked app"),
        pytest.param([WebSocketRoute("/pay", marked())], "/pay", False, id="a WebSocket"),
        pytest.param(
            [
                Host("admin.example.com", Starlette(routes=[Route("/pay", endpoint(), methods=POST)])),
                Route("/pay", marked(), methods=POST),
            ],
            "/pay",
            False,
            id="the same path on another host, unmarked",
        ),
        pytest.param(
            [
                Host("hook.example.com", Starlette(routes=[Route("/pay", marked(), methods=POST)])),
                Route("/pay", endpoint(), methods=POST),
            ],
            "/pay",
            False,
            id="the same path on another host, marked",
        ),
        pytest.param(
            [
                Host("hook.example.com", Starlette(routes=[Route("/pay", marked(), methods=POST)])),
                Route("/other", endpoint(), methods=POST),
            ],
            "/pay",
            True,
            id="a path of one host alone",
        ),
    ],
)
def test_which_route_is_meant(routes: list[Any], path: str, allowed: bool) -> None:
    """The first that answers, as the router finds it; where the Host decides, all of them."""
    found = table(*routes)
    assert found.allow(scope(path), "POST", PARTNER) is allowed
    assert not found.allow(scope(path), "POST", EVIL)


def test_websockets() -> None:
    """A handshake goes to WebSocket routes and to apps, never to a route that takes every method."""

    @partners
    class Page(HTTPEndpoint): ...

    assert table(WebSocketRoute("/feed", marked())).allow(scope("/feed"), "WEBSOCKET", PARTNER)
    assert table(Mount("/feed", partners(functools.partial(asgi)))).allow(scope("/feed/a"), "WEBSOCKET", PARTNER)
    both = table(Route("/feed", Page), WebSocketRoute("/feed", endpoint()))
    assert not both.allow(scope("/feed"), "WEBSOCKET", PARTNER)


@pytest.mark.parametrize(
    ("path", "root_path", "allowed"),
    [
        pytest.param("/api/pay", "/api", True, id="behind a prefix"),
        pytest.param("/pay", "/api", True, id="a server that takes it off"),
        pytest.param("/apipay", "/api", False, id="no prefix at all"),
        pytest.param("/api/pay", "", False, id="a prefix nobody named"),
        pytest.param("/api", "/api", False, id="the prefix alone"),
    ],
)
def test_root_path(path: str, root_path: str, allowed: bool) -> None:
    """The path is compared as the router compares it."""
    found = table(Route("/pay", marked(), methods=POST))
    assert found.allow(scope(path, root_path), "POST", PARTNER) is allowed


def test_routes_are_listed_once() -> None:
    """At start-up, or when first asked; nothing of it on any later request."""
    listed: list[int] = []
    app = Starlette(routes=[Route("/pay", marked(), methods=POST)])

    def routes() -> Any:
        listed.append(1)
        return list(walk(app)), list(applications(app))

    found = CrossOriginRoutes(routes)
    for _ in range(3):
        assert found.allow(scope("/pay"), "POST", PARTNER)
    assert listed == [1]


def test_everybody() -> None:
    """Any origin, and a waiver for the auditor; `null` is no origin, so it never gets here."""
    until = date(2027, 1, 1)
    opened = dangerously_cross_origin(reason="a public form without sessions", expires=until)(endpoint())
    assert table(Route("/form", opened, methods=POST)).allow(scope("/form"), "POST", EVIL)
    mark = cross_origin_mark(opened)
    assert mark is not None
    assert mark.waiver is not None
    assert not mark.allows(None, "POST")
    assert (mark.waiver.control, mark.waiver.expires) == ("@dangerously_cross_origin", until)


LOADED = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}


@pytest.mark.parametrize(
    ("path", "method", "fields", "status"),
    [
        pytest.param("/logo", "GET", {}, 200, id="an image a page of another site shows"),
        pytest.param("/logo", "HEAD", {}, 200, id="its head"),
        pytest.param("/logo", "GET", {"origin": "https://evil.example"}, 200, id="with an origin"),
        pytest.param("/logo", "GET", {"origin": "null"}, 200, id="from a sandbox"),
        pytest.param("/logo", "POST", {}, 403, id="what may change something"),
        pytest.param("/logo", "POST", {"origin": "https://evil.example"}, 403, id="the same with an origin"),
        pytest.param("/both", "GET", {}, 200, id="with partners: loaded by all"),
        pytest.param("/both", "POST", {"origin": "https://partner.example"}, 200, id="with partners: sent to by them"),
        pytest.param("/both", "POST", {"origin": "https://evil.example"}, 403, id="with partners: and by nobody else"),
        pytest.param("/pay", "GET", {}, 403, id="partners alone: no image"),
        pytest.param("/own", "GET", {}, 403, id="no mark"),
        pytest.param("/own", "GET", {"sec-fetch-mode": "navigate"}, 200, id="a link to us"),
        pytest.param("/nothing", "GET", {}, 403, id="no route"),
    ],
)
@pytest.mark.anyio
async def test_a_route_that_others_embed(path: str, method: str, fields: Any, status: int, ask: Any) -> None:
    """v5.0.0-3.5.8: under isolation one route may be loaded by every site, and no more than loaded."""
    embed = cross_origin(embed=True, reason="partners show our logo")
    both = cross_origin(allow=["https://partner.example"], embed=True, reason="partners show our form")
    marks = {"/logo": embed, "/both": both, "/pay": partners, "/own": lambda endpoint: endpoint}
    app = Starlette(routes=[Route(at, mark(endpoint()), methods=["GET", "POST"]) for at, mark in marks.items()])
    secure(app, SecurityPolicy.web(hosts=["api.example.com"], cross_origin=CrossOrigin(isolation="resources")))
    assert (await ask(app, path, method=method, headers={**LOADED, **fields})).status_code == status


def test_what_carries_a_mark() -> None:
    """Functions, classes, methods and partials keep what they are."""

    class Things:
        async def method(self, request: Any) -> None: ...

    things = Things()
    for target in (endpoint(), Things, things.method, functools.partial(endpoint())):
        assert partners(target) is target
        assert cross_origin_mark(target) is not None
    assert cross_origin_mark(endpoint()) is None


@pytest.mark.parametrize(
    ("build", "message"),
    [
        pytest.param(lambda: cross_origin(allow=[], reason="one two three"), "lets nobody in", id="nobody"),
        pytest.param(lambda: cross_origin(embed=1, reason="one two three"), "embed=1.* is no switch", id="a number"),  # type: ignore[arg-type]
        pytest.param(lambda: cross_origin(allow=["*"], reason="one two three"), "is no origin", id="everybody"),
        pytest.param(lambda: cross_origin(allow=["https://a.example"], reason="no"), "needs a reason", id="no reason"),
        pytest.param(lambda: dangerously_cross_origin(reason="no"), "needs a reason", id="no reason for everybody"),
        pytest.param(lambda: partners(len), "cannot carry @cross_origin", id="a built-in"),
        pytest.param(lambda: partners(object()), "cannot carry @cross_origin", id="an object without attributes"),
    ],
)
def test_a_mark_that_cannot_be_right(build: Callable[[], Any], message: str) -> None:
    """Refused where it is written."""
    with pytest.raises(ConfigurationError, match=message):
        build()
