"""How the marks of a path prefix, a mount, a router and a route go together, and which cannot all be meant."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from asvs_middleware import ConfigurationError, SecurityPolicy, public, secure, sensitive
from asvs_middleware.access import Cover, PrefixMarks
from asvs_middleware.access.covers import asked, contradiction
from asvs_middleware.access.prefixes import path_below
from asvs_middleware.access.routers import unlisted
from asvs_middleware.stack import stack_of

ADMIN, STAFF, OWN = sensitive(scopes="admin").mark, sensitive(scopes="staff").mark, sensitive(scopes="own").mark
OPEN = public(reason="nothing secret here").mark


def over(*places: Any) -> Any:
    return public(reason="nothing secret here", overrides=places).mark


def around(*marks: tuple[Any, Any]) -> tuple[Cover, ...]:
    return tuple(Cover(place, f"/{place}", mark) for place, mark in marks)


@pytest.mark.parametrize(
    ("own", "covers", "expected"),
    [
        pytest.param(None, (), (), id="nothing"),
        pytest.param(OWN, (), (OWN,), id="the route's own"),
        pytest.param(None, around(("prefix", ADMIN)), (ADMIN,), id="a prefix"),
        pytest.param(
            OWN,
            around(("prefix", ADMIN), ("mount", OPEN), ("router", STAFF)),
            (ADMIN, STAFF, OWN),
            id="all of them, from the outside in",
        ),
        pytest.param(OPEN, around(("router", ADMIN)), (ADMIN,), id="public without an override changes nothing"),
        pytest.param(over("router"), around(("router", ADMIN)), (), id="public over the router"),
        pytest.param(
            over("router"), around(("prefix", ADMIN), ("router", STAFF)), (ADMIN,), id="over the router alone"
        ),
        pytest.param(OWN, around(("mount", OPEN)), (OWN,), id="a public mount opens no marked route"),
    ],
)
def test_asked(own: Any, covers: Any, expected: Any) -> None:
    """Every @sensitive mark on the way is asked for, but those a public route says it overrides."""
    assert asked(own, covers) == expected


@pytest.mark.parametrize(
    ("own", "covers", "problem"),
    [
        pytest.param(None, around(("prefix", ADMIN), ("mount", STAFF)), "", id="all sensitive"),
        pytest.param(OPEN, around(("prefix", OPEN), ("mount", OPEN)), "", id="all public"),
        pytest.param(OWN, around(("prefix", OPEN)), "", id="sensitive in a public place"),
        pytest.param(over("mount"), around(("mount", ADMIN)), "", id="an override"),
        pytest.param(OPEN, around(("mount", ADMIN)), "@sensitive mount /mount, while it is @public", id="public"),
        pytest.param(
            over("mount"), around(("router", ADMIN)), 'overrides="router"', id="an override of something else"
        ),
        pytest.param(over("router"), (), "overrides a router, and none round it", id="an override of nothing"),
        pytest.param(
            over("mount", "prefix"), around(("mount", ADMIN)), "overrides a prefix, and none", id="one too many"
        ),
        pytest.param(
            None,
            around(("prefix", ADMIN), ("mount", OPEN)),
            "while the mount /mount is @public",
            id="a public mount in a sensitive prefix",
        ),
        pytest.param(
            None,
            around(("prefix", ADMIN), ("mount", over("prefix"))),
            "in the mount /mount, which overrides: only a single route can",
            id="a mount that overrides",
        ),
    ],
)
def test_contradiction(own: Any, covers: Any, problem: str) -> None:
    """A @public mark below a @sensitive one is a mistake, or it says which one it overrides."""
    found = contradiction(own, covers)
    assert problem in found
    assert bool(problem) == bool(found)


async def plain(request: Request) -> PlainTextResponse:
    return PlainTextResponse("x")


def opened(*places: Any) -> Any:
    async def login(request: Request) -> PlainTextResponse:
        return PlainTextResponse("x")

    return public(reason="people log in here", overrides=places)(login)


class Login(HTTPEndpoint):
    @public(reason="people log in here", overrides="prefix")
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("x")


class WithHead(Login):
    async def head(self, request: Request) -> PlainTextResponse: ...


@pytest.mark.parametrize(
    ("routes", "problem"),
    [
        pytest.param([Route("/in/x", opened())], "GET/HEAD /in/x .*lies in the @sensitive prefix /in/", id="public"),
        pytest.param(
            [Route("/in/{x}", opened("prefix"))], "overrides a mark for more than one path", id="a path parameter"
        ),
        pytest.param(
            [Mount("/in", app=public(reason="files for everyone", overrides="prefix")(StaticFiles(directory=".")))],
            "overrides a mark for more than one path",
            id="an app",
        ),
        pytest.param(
            [Route("/in/{name}", plain), Route("/in/x", opened("prefix"))],
            r"/in/{name} \(.*plain\) could answer too",
            id="another route before it",
        ),
        pytest.param(
            [Route("/in/x", opened("prefix")), Route("/in/{name:path}", plain)], "could answer too", id="one after it"
        ),
        pytest.param(
            [Mount("/{name}", app=StaticFiles(directory=".")), Route("/in/x", opened("prefix"))],
            r"/{name}/\* .*could answer too",
            id="an app before it",
        ),
        pytest.param(
            [Mount("/{a}", routes=[Mount("/{a}", app=plain)]), Route("/in/x/y", opened("prefix"))],
            "could answer too",
            id="mounts whose parameters have one name",
        ),
        pytest.param([Route("/in/x", WithHead)], "HEAD /in/x|in/x .*could answer too", id="HEAD of the same class"),
    ],
)
def test_what_stops_the_start(routes: Any, problem: str, idp: Any) -> None:
    """A waiver holds for one written path that nothing else could answer; all else does not start."""
    policy = SecurityPolicy.api(
        hosts=["api.example.com"], tokens=idp.tokens(), marks={"/in/": sensitive()}, default="allow"
    )
    with pytest.raises(ConfigurationError, match=problem):
        stack_of(secure(Starlette(routes=routes), policy)).check()


@pytest.mark.parametrize(
    "routes",
    [
        pytest.param([Route("/in/x", opened("prefix")), Route("/in/{n:int}", plain)], id="a route that cannot match"),
        pytest.param(
            [Route("/in/x", opened("prefix"), methods=["GET"]), Route("/in/x", plain, methods=["POST"])],
            id="another method",
        ),
        pytest.param([Route("/in/x", opened("prefix")), WebSocketRoute("/in/x", plain)], id="a WebSocket"),
        pytest.param(
            [Route("/in/x", opened("prefix")), Host("b.example", app=Router([Route("/in/x", opened("prefix"))]))],
            id="another that waives the same",
        ),
        pytest.param([Route("/in/x", Login)], id="a method of a class"),
    ],
)
@pytest.mark.anyio
async def test_what_starts(routes: Any, idp: Any, ask: Any) -> None:
    """The public route is open at its path and method, with HEAD as ever; its neighbours are not."""
    policy = SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), marks={"/in/": sensitive()})
    app = secure(Starlette(routes=routes), policy)
    for method in ("GET", "HEAD"):
        assert (await ask(app, "/in/x", method=method)).status_code == 200
    assert (await ask(app, "/in/x", method="POST")).status_code == 401
    assert (await ask(app, "/in/1")).status_code == 401


@pytest.mark.anyio
async def test_a_whole_class_that_waives(idp: Any, drive: Any) -> None:
    """A marked class waives for each of its methods, and a WebSocket for its handshake."""
    mark = public(reason="people log in here", overrides="prefix")

    @mark
    class Own(HTTPEndpoint):
        async def put(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("x")

    @mark
    async def socket(websocket: Any) -> None:
        await websocket.accept()

    policy = SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), marks={"/": sensitive()})
    app = secure(Starlette(routes=[Route("/x", Own), WebSocketRoute("/s", socket)]), policy)
    assert (await drive(app, "/x", method="PUT")).status == 200
    opening = [{"type": "websocket.connect"}]
    assert (await drive(app, "/s", type="websocket", incoming=opening)).sent[0]["type"] == "websocket.accept"
    assert (await drive(app, "/s")).status == 401


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        pytest.param({"admin/": sensitive()}, "is no path prefix", id="no slash before"),
        pytest.param({"/admin": sensitive()}, "with a slash at both ends", id="no slash behind"),
        pytest.param({"": sensitive()}, "is no path prefix", id="nothing"),
        pytest.param({5: sensitive()}, "is no path prefix", id="a number"),
        pytest.param({"/a//b/": sensitive()}, "is no path prefix", id="two slashes"),
        pytest.param({"/a/../b/": sensitive()}, "is no path prefix", id="dots"),
        pytest.param({"/{tenant}/": sensitive()}, "is no path prefix", id="a parameter"),
        pytest.param({"/a%20b/": sensitive()}, "as the app sees it, decoded", id="encoded"),
        pytest.param({"/a*/": sensitive()}, "is no path prefix", id="a star"),
        pytest.param({"/admin/": "sensitive"}, "is marked with a str", id="no mark"),
        pytest.param({"/admin/": sensitive}, "is marked with a function", id="without parentheses"),
        pytest.param({"/": public(reason="all for everyone")}, 'State default="allow" instead', id="all public"),
        pytest.param(
            {"/a/": sensitive(), "/a/b/": public(reason="all for everyone")},
            r"'/a/b/' lies in the @sensitive prefix /a/",
            id="public below sensitive",
        ),
        pytest.param(
            {"/a/": public(reason="all for everyone", overrides="prefix")}, "none round it", id="overrides nothing"
        ),
    ],
)
def test_wrong_prefixes(marks: Any, message: str) -> None:
    """A prefix that could not hold, or could mean something else than it says, stops the start-up."""
    with pytest.raises(ConfigurationError, match=message):
        PrefixMarks(marks)


def test_prefixes() -> None:
    """The innermost prefix decides which marks are round a path; a public one opens what it says it overrides."""
    marks = PrefixMarks(
        {
            "/a/": sensitive(scopes="admin"),
            "/a/b/": sensitive(scopes="staff"),
            "/a/open/": public(reason="all for everyone", overrides="prefix"),
            "/a/open/shut/": sensitive(scopes="own"),
        }
    )
    names = {path: [one.name for one in marks.covers(path)] for path in ("/a", "/a/b/c", "/a/open/x", "/b", "", "/ab")}
    assert names == {"/a": ["/a/"], "/a/b/c": ["/a/", "/a/b/"], "/a/open/x": ["/a/open/"], "/b": [], "": [], "/ab": []}
    assert [one.name for one in marks.covers("/a/open/shut")] == ["/a/open/", "/a/open/shut/"]
    assert marks
    assert not PrefixMarks({})


@pytest.mark.parametrize("everywhere", [{}, {"/": sensitive(scopes="all")}], ids=["some prefixes", "and all paths"])
@pytest.mark.parametrize(
    "path", ["", "/", "/a", "/ab", "/a/b", "/a/bc/d", "/a/x/b/", "/c/d/e", "/c/d", "/c", "//a", "x"]
)
def test_marks_are_those_of_the_covers(path: str, everywhere: Any) -> None:
    """What the request path asks by table is what the matrix says of the same path."""
    marks = PrefixMarks(
        {**everywhere, "/a/b/": sensitive(scopes="admin"), "/c/d/": sensitive(), "/c/d/e/": sensitive()}
    )
    covers = marks.covers(path)
    assert marks.marks(path) == (asked(None, covers) if covers else None)


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [
        pytest.param("/x", "", "/x", id="no root"),
        pytest.param("/api/x", "/api", "/x", id="below the root"),
        pytest.param("/api", "/api", "", id="the root itself"),
        pytest.param("/apix", "/api", "/apix", id="a name that begins the same"),
        pytest.param("/x", "/api", "/x", id="a proxy that took it off"),
    ],
)
def test_path_below(path: str, root: str, below: str) -> None:
    """As Starlette's router reads a path."""
    assert path_below(path, root) == below


SEGMENT = st.sampled_from(["admin", "Admin", "a", "", ".", "..", "%61dmin", "admin ", "admin/", "\\admin", "ad\0min"])


@pytest.mark.anyio
@given(path=st.lists(SEGMENT, max_size=4).map(lambda parts: "/" + "/".join(parts)), root=SEGMENT.map("/{}".format))
@example(path="/admin/admin", root="/admin")
@settings(max_examples=150)
async def test_no_path_leads_round_a_prefix(path: str, root: str, idp: Any, drive: Any) -> None:
    """However a path is spelt: the router takes it elsewhere, or a stranger is refused."""
    ran: list[str] = []

    async def secret(request: Request) -> PlainTextResponse:
        ran.append("body")
        return PlainTextResponse("x")

    routes = [Mount("/admin", routes=[Route("/{rest:path}", secret)]), Route("/{rest:path}", plain)]
    app = secure(
        Starlette(routes=routes),
        SecurityPolicy.api(
            hosts=["api.example.com"], tokens=idp.tokens(), default="allow", marks={"/admin/": sensitive()}
        ),
    )
    wire = await drive(app, path, root_path=root)
    assert ran == []
    assert wire.raised is None
    assert wire.status in {200, 307, 401}


def test_unlisted_routes_of_an_unknown_kind(idp: Any) -> None:
    """Whatever a router keeps beside its list is found; what nobody can look into stops the start-up."""

    class Odd(BaseRoute): ...

    app = Starlette(routes=[Route("/x", public(reason="nothing secret here")(plain))])
    app.router.fallback = Odd()  # type: ignore[attr-defined]
    app.router.more = [app.router.fallback, app.routes[0], 5]  # type: ignore[attr-defined]
    assert list(unlisted(app.router)) == [app.router.fallback]  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match=r"of a kind nothing here can check \(.*Odd\)"):
        stack_of(secure(app, SecurityPolicy.web(hosts=["api.example.com"]))).check()


def test_frontends_are_walked(idp: Any, tmp_path: Path) -> None:
    """FastAPI's frontend() needs a mark like any route; the mark of its router or of its path is one."""
    from fastapi import APIRouter, FastAPI

    if not hasattr(FastAPI, "frontend"):
        return
    app, outer, inner = FastAPI(openapi_url=None), APIRouter(), APIRouter(prefix="/ui")
    inner.frontend("/", directory=tmp_path)
    outer.include_router(public(reason="pages for everyone")(inner), prefix="/v1")
    app.include_router(outer)
    app.frontend("/forgotten", directory=tmp_path)
    policy = SecurityPolicy.api(hosts=["api.example.com"])
    stack = stack_of(secure(app, policy))
    assert [(one.path, bool(one.problem)) for one in stack.entries()] == [("/forgotten/*", True), ("/v1/ui/*", False)]
    with pytest.raises(ConfigurationError, match=r"GET/HEAD /forgotten/\* .*carries neither"):
        stack.check()


def test_included_hosts_keep_their_prefix() -> None:
    """FastAPI puts the prefix of an included router into its hosts, and the matrix shows it."""
    from fastapi import APIRouter, FastAPI

    if not hasattr(APIRouter, "handle"):
        return
    app, router = FastAPI(openapi_url=None), APIRouter()
    router.host("b.example", Router([Route("/x", plain)]))
    app.include_router(router, prefix="/in")
    stack = stack_of(secure(app, SecurityPolicy.web(hosts=["b.example"])))
    assert [one.path for one in stack.entries()] == ["/in/x"]


@pytest.mark.parametrize("route", [Route("/x", plain), Mount("/x", app=plain), Host("x", app=plain)])
def test_a_route_object_is_not_marked(route: Any) -> None:
    """A mark on the route object would be in nobody's way."""
    with pytest.raises(ConfigurationError, match=r"cannot be marked\. Mark the endpoint or the app"):
        sensitive()(route)


def test_a_router_is_marked_once() -> None:
    """Two marks contradict each other on a router as anywhere."""
    router = sensitive()(Router())
    with pytest.raises(ConfigurationError, match="already carries a mark"):
        public(reason="nothing secret here")(router)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        pytest.param("prefx", "Did you mean 'prefix'", id="misspelt"),
        pytest.param(["mount", "route"], "Did you mean 'router'", id="one of a list"),
        pytest.param(5, "names no place", id="a number"),
        pytest.param(b"mount", "names no place", id="bytes"),
        pytest.param("", "does not know ''", id="empty"),
    ],
)
def test_wrong_overrides(overrides: Any, message: str) -> None:
    """A waiver that names nothing would be no waiver, or one for something else."""
    with pytest.raises(ConfigurationError, match=message):
        public(reason="people log in here", overrides=overrides)
