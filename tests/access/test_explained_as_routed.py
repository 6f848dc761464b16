"""explain() finds what the router finds: whatever takes a request, what it asks for, and what is sent."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.middleware import Limits, RouteHeaders, headers
from asvs_middleware.rehearsal import explain

pytestmark = pytest.mark.anyio

HOST = "api.example.com"
OPEN = public(reason="nothing secret here")
LATE = hasattr(APIRouter, "handle")
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PURGE")


class Copying:
    """A middleware that keeps what it wraps in `app`, and hands on a scope of its own."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(dict(scope), receive, send)


def a_class(method: str) -> Any:
    async def handler(self: Any, request: Request) -> Response:
        return HTMLResponse("x")

    return type("ByMethod", (HTTPEndpoint,), {method: handler})


def a_route(path: str, *marks: Any, methods: Any = ("GET",), name: str = "x") -> BaseRoute:
    async def endpoint(request: Request) -> Response:
        return HTMLResponse(name)

    for mark in marks:
        endpoint = mark(endpoint)
    return Route(path, endpoint, methods=list(methods))


@sensitive()
async def feed(websocket: WebSocket) -> None:
    await websocket.accept()


async def files(scope: Any, receive: Any, send: Any) -> None:
    await HTMLResponse("x")(scope, receive, send)


def routes(opened: Any = OPEN) -> list[BaseRoute]:
    """Return routes of which many stand in the way of others."""

    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()

    marked = sensitive()(Router([a_route("/known"), a_route("/put", methods=["PUT"])]))
    own = headers(corp="cross-origin")
    return [
        a_route("/first", opened),
        a_route("/first", sensitive(), methods=["POST"]),
        a_route("/under/before", sensitive(), methods=["PUT"]),
        Mount("/under", app=Starlette(routes=[a_route("/inside", opened), a_route("/slash/", opened)])),
        a_route("/under/after", sensitive(), own),
        a_route("/under/inside", sensitive(), methods=["POST"]),
        Mount("/marked", app=marked),
        Mount("/empty", app=sensitive()(Router())),
        Mount("/wrapped", app=Copying(Starlette(routes=[a_route("/own", sensitive()), a_route("/open", opened)]))),
        Mount("/around", app=Copying(sensitive()(Starlette(routes=[a_route("/one")])))),
        Mount("/behind", app=sensitive()(Starlette(routes=[a_route("/one")])), middleware=[Middleware(Copying)]),
        Mount("/in", app=own(Copying(Starlette(routes=[a_route("/end", opened)])))),
        Mount("/asgi", app=Copying(sensitive()(files))),
        Mount("/static", app=opened(StaticFiles(directory=Path(__file__).parent))),
        Mount("/default", app=Router([a_route("/one", opened)], default=opened(files))),
        Mount("/no-slashes", app=Router([a_route("/one/", opened)], redirect_slashes=False)),
        Mount("/{tenant}/shop", app=sensitive()(Starlette(routes=[a_route("/{number:int}")]))),
        a_route("/slash/", sensitive()),
        a_route("/no-slash", opened),
        Route("/class", opened(a_class("get"))),
        Route("/guarded", sensitive()(a_class("post"))),
        a_route("/n/{number:int}", opened),
        a_route("/{tenant}/shop/late", opened),
        WebSocketRoute("/echo", opened(echo)),
        WebSocketRoute("/feed", feed),
    ]


PATHS = [
    "/", "/nothing", "/first", "/first/", "/under", "/under/", "/under/before", "/under/inside", "/under/inside/",
    "/under/slash", "/under/after", "/under/none", "/marked/known", "/marked/put", "/marked/none", "/marked",
    "/empty/x", "/empty/", "/wrapped/own", "/wrapped/open", "/wrapped/none", "/around/one", "/around/none",
    "/behind/one", "/behind/none", "/in/end", "/in/none", "/in/end/", "/asgi/x", "/static/no-such-file",
    "/default/one", "/no-slashes/one", "/a/shop/1", "/a/shop/late", "/a/shop", "/slash", "/slash/",
    "/no-slash/", "/class", "/guarded", "/n/1", "/n/one", "/echo", "/feed", "/n/" + 5000 * "9",
]  # fmt: skip


def starlette() -> Any:
    return Starlette(routes=routes())


def marked_starlette() -> Any:
    app = Starlette(routes=routes(opened=lambda endpoint: endpoint))  # Nothing in it is open any more.
    sensitive()(app.router)
    return app


def bare_router() -> Any:
    return Router(routes())


def wrapped_app() -> Any:
    return Copying(Starlette(routes=routes()))


def fastapi() -> Any:
    """Return the same below FastAPI, with routers that are included and one that takes a Host."""
    app = FastAPI()
    app.router.routes += routes()
    inner, outer = APIRouter(), APIRouter(prefix="/outer")
    inner.get("/one")(OPEN(lambda: "x"))
    inner.post("/late")(sensitive()(lambda: "x"))
    outer.include_router(inner, prefix="/inner")
    outer.mount("/mounted", sensitive()(Starlette(routes=[a_route("/one")])))
    app.include_router(outer, prefix="/v1")
    app.get("/v1/outer/inner/late")(OPEN(lambda: "x"))
    app.get("/v1/outer/mounted/late")(OPEN(lambda: "x"))
    guarded = APIRouter()
    guarded.get("/one")(lambda: "x")
    if LATE:
        sensitive()(guarded)
        app.include_router(guarded, prefix="/guarded-router")
    app.mount("/sub", FastAPI(routes=[a_route("/one", OPEN)]))
    return app


FURTHER = [
    "/v1/outer/inner/one", "/v1/outer/inner/one/", "/v1/outer/inner/late", "/v1/outer/inner/none",
    "/v1/outer/mounted/one", "/v1/outer/mounted/none", "/v1/outer/mounted/late", "/guarded-router/one",
    "/guarded-router/none", "/guarded-router/one/", "/sub/one", "/sub/none",
]  # fmt: skip


def comparable(fields: Any) -> list[tuple[str, str]]:
    """Return fields as they can be compared: without the length, each nonce and the order of a set put aside."""

    def value(name: str, text: str) -> str:
        # Older releases of Starlette leave HEAD out for a class.
        text = ", ".join(sorted({*text.split(", ")} - {"HEAD"})) if name == "allow" else text
        return re.sub("nonce-[^']+", "nonce-N", text)

    return sorted((name, value(name, text)) for name, text in fields if name != "content-length")


def sent(fields: Any) -> list[tuple[str, str]]:
    return comparable((name.decode(), value.decode()) for name, value in fields)


def shown(told: Any) -> list[tuple[str, str]]:
    return comparable((line.name, line.value) for line in told.headers)


async def agrees(app: Any, path: str, method: str, wire: Any, **options: Any) -> None:
    """Compare what is told with what was sent; what kind of response an endpoint makes is asked of the response."""
    told = explain(app, path, method, **options)
    assert wire.status == told.status, (path, method, told.answer)
    if told.endpoint is not None:
        kind = dict(wire.headers)[b"content-type"].decode()
        told = explain(app, path, method, content_type=kind, **options)
    assert sent(wire.headers) == shown(told), (path, method, told.answer)


@pytest.mark.parametrize(
    ("make", "preset"),
    [
        pytest.param(starlette, "mixed", id="starlette"),
        pytest.param(marked_starlette, "api", id="starlette with a marked router"),
        pytest.param(bare_router, "mixed", id="a router alone"),
        pytest.param(wrapped_app, "api", id="an app in a middleware"),
        pytest.param(fastapi, "mixed", id="fastapi"),
    ],
)
async def test_what_answers(make: Any, preset: Any, idp: Any, drive: Any) -> None:
    """For every path and method: refused where a token is needed, and else the status and the fields that are sent."""
    limits = Limits(methods=["GET", "HEAD", "POST", "PUT", "OPTIONS"])
    policy = SecurityPolicy(preset=preset, hosts=[HOST], tokens=idp.tokens(), default="allow", limits=limits)
    app, token = secure(make(), policy), idp.bearer()
    for path in (*PATHS, *FURTHER):
        for method in METHODS:
            told = explain(app, path, method)
            wire = await drive(app, path, method=method)
            refused = wire.status == 401
            assert refused is ("token" in told.needs), (path, method, told.needs, wire.status)
            if refused:
                wire = await drive(app, path, method=method, headers=token)
            if not path.startswith("/static/"):  # What files there are is the app's affair.
                await agrees(app, path, method, wire)


def by_handler(**marks: Any) -> Any:
    """Return a class of which each handler has a mark, or None."""

    def handler(mark: Any) -> Any:
        async def answer(self: Any, request: Request) -> Response:
            return HTMLResponse("x")

        return mark(answer) if mark else answer

    return type("ByHandler", (HTTPEndpoint,), {name: handler(mark) for name, mark in marks.items()})


@pytest.mark.parametrize("make", [Starlette, FastAPI])
@pytest.mark.parametrize("round_it", ["", "router", "mount", "prefix"])
async def test_a_405(make: Any, round_it: str, idp: Any, drive: Any) -> None:
    """Told is what the guard asks at it: of a class by its handlers, of another endpoint by the route that is named."""
    one, other = sensitive(scopes="one"), sensitive(scopes="other")
    app = make()
    app.add_route("/marked", one(by_handler(get=None)), methods=["GET"])
    app.add_route("/more", one(by_handler(get=None, put=None)), methods=["GET"])
    app.add_route("/each", by_handler(get=one, put=other), methods=["GET"])
    app.add_route("/head", by_handler(get=one, head=other))
    app.add_route("/any", one(by_handler(get=None)))
    app.router.routes += [a_route("/function", one), Route("/asgi", one(Copying(files)), methods=["GET"])]
    app.router.routes += [Route("/{any}", one(by_handler(post=None)), methods=["POST"])]
    around = sensitive(scopes="around")
    base, marks = "", {"/": around} if round_it == "prefix" else {}
    if round_it == "router" and (LATE or make is Starlette):  # An older FastAPI takes no mark on a router.
        around(app.router)
    if round_it == "mount":
        base, app = "/in", Starlette(routes=[Mount("/in", app=around(app))])
    hosts: dict[str, Any] = {"hosts": [HOST], "tokens": idp.tokens()}
    app = secure(app, SecurityPolicy.mixed(default="allow", marks=marks, **hosts))
    for path in ("/marked", "/more", "/each", "/head", "/any", "/function", "/asgi", "/x"):
        for method in ("GET", "HEAD", "PUT", "PATCH"):
            told = explain(app, base + path, method)
            scopes = set(re.findall(r"token (\w+)", told.needs))
            asked = {
                scope
                for scope in ("one", "other", "around")
                for rest in [" ".join({"one", "other", "around"} - {scope})]
                if (await drive(app, base + path, method=method, headers=idp.bearer(scope=rest))).status == 403
            }
            assert asked == scopes, (path, method, told.needs)
            wire = await drive(app, base + path, method=method, headers=idp.bearer(scope="one other around"))
            await agrees(app, base + path, method, wire)


@pytest.mark.parametrize("make", [Starlette, FastAPI])
async def test_a_waiver_for_another_route(make: Any, idp: Any, drive: Any) -> None:
    """The layer waives a mark by path and method: for what a router answers there before that route is tried, too."""
    app, waiving = make(), public(reason="nothing secret here", overrides="prefix")
    app.add_route("/class", by_handler(put=sensitive()))
    app.router.routes += [a_route("/class", waiving), a_route("/in/x", waiving, methods=["POST"])]
    app.router.routes.insert(0, Mount("/in", app=Router()))
    policy = SecurityPolicy.mixed(hosts=[HOST], tokens=idp.tokens(), marks={"/": sensitive()})
    app = secure(app, policy)
    for path in ("/class", "/in/x"):
        for method in ("GET", "POST", "PATCH"):
            told, wire = explain(app, path, method), await drive(app, path, method=method)
            assert (wire.status == 401) is ("token" in told.needs), (path, method, told.needs)
            if wire.status == 401:
                wire = await drive(app, path, method=method, headers=idp.bearer())
            await agrees(app, path, method, wire)


@pytest.mark.parametrize("around", ["", "prefix", "mount"])
@pytest.mark.parametrize(
    ("hosts", "status", "opened"),
    [
        pytest.param([HOST], 200, {"marks": {"/": sensitive(scopes="inner")}}, id="asks"),
        pytest.param(["other.example.com"], 421, {"default": "allow"}, id="serves another host"),
        pytest.param([HOST], 500, {}, id="refuses what is unmarked"),
    ],
)
async def test_a_policy_inside(  # noqa: PLR0917  # The columns of the table.
    around: str, hosts: Any, status: int, opened: Any, idp: Any, drive: Any
) -> None:
    """What it asks for and answers is its own affair: neither "no more than this" nor a status is told of it."""
    own = SecurityPolicy.api(hosts=hosts, tokens=idp.tokens(), **opened)
    inner: Any = secure(Starlette(routes=[a_route("/x")]), own)
    mark = sensitive(scopes="outer")
    mounted = mark(inner) if around == "mount" else inner
    marks = {"/in/": mark} if around == "prefix" else {}
    policy = SecurityPolicy.api(hosts=[HOST], tokens=idp.tokens(), marks=marks)
    app = secure(Starlette(routes=[Mount("/in", app=mounted)]), policy)
    told = explain(app, "/in/x")
    name = {"": "mount", "prefix": "prefix /in/, mount", "mount": "mount /in, mount"}[around]
    needs = "token outer + what its own policy asks for" if around else "secured by its own policy"
    assert (told.needs, told.set_by, told.problem) == (needs, name, "")
    assert (told.answer, told.status) == ("the app there, as its own policy says", None)
    assert "(status not known)" in str(told)
    assert explain(app, "/in/x", "WEBSOCKET").status is None
    assert explain(app, "/in/x", status=204).status == 204
    assert (await drive(app, "/in/x", headers=idp.bearer(scope="outer inner"))).status == status
    if around:
        assert (await drive(app, "/in/x", headers=idp.bearer(scope="inner"))).status == 403


@pytest.mark.parametrize("make", [starlette, bare_router, wrapped_app, fastapi])
@pytest.mark.parametrize(
    ("path", "status", "needs"),
    [
        pytest.param("/echo", 101, "public: nothing secret here", id="accepted"),
        pytest.param("/feed", 101, "token", id="accepted with a token"),
        pytest.param("/first", 403, "nothing", id="a path for requests alone"),
        pytest.param("/marked/none", 403, "token", id="below a mark"),
    ],
)
async def test_handshakes(  # noqa: PLR0917  # The columns of the table.
    make: Any, path: str, status: int, needs: str, idp: Any, drive: Any
) -> None:
    """Our headers are about documents, and on no handshake that is accepted; a refusal has them."""
    app = secure(make(), SecurityPolicy.mixed(hosts=[HOST], tokens=idp.tokens()))
    told = explain(app, path, "websocket")
    assert (told.needs, told.status) == (needs, status)
    offered = {"type": "websocket", "extensions": {"websocket.http.response": {}}, "subprotocols": []}
    for token in ({}, idp.bearer()):
        fields = {"origin": f"https://{HOST}", **token}
        wire = await drive(app, path, incoming=[{"type": "websocket.connect"}], headers=fields, **offered)
        first = wire.sent[0]
        if needs == "token" and not token:
            assert first["status"] == 401
        else:
            assert first.get("status", 101) == status
            assert sent(first.get("headers") or ()) == shown(told)
    if status == 101:
        assert (told.headers, told.met, told.missed) == ((), (), ())
        assert "(status 101)" in str(told)


def a_host_app(make: Any) -> Any:
    app = make()
    inside = Starlette(routes=[a_route("/one", sensitive()), a_route("/two", OPEN)])
    app.router.routes += [
        Host("admin.example.com", app=inside),
        Host("{name}.example.com", app=sensitive()(Starlette())),
        a_route("/two", sensitive()),
    ]
    if make is FastAPI:
        router = APIRouter()
        router.routes.append(Host("v1.example.org", app=Starlette(routes=[a_route("/one", sensitive())])))
        app.include_router(router, prefix="/v1")
    return app


class OwnRouter:
    """Routes in a way of its own, and says what its routes are."""

    def __init__(self, routes: list[BaseRoute]) -> None:
        self.routes = routes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await HTMLResponse("x")(scope, receive, send)


def test_what_nobody_can_tell(idp: Any) -> None:
    """What a router does with the rest may be its own affair; the marks on the way are known all the same."""
    own = OwnRouter([a_route("/one", OPEN)])
    default = Router([a_route("/one", OPEN)], default=files)
    for mounted in (own, default, sensitive()(OwnRouter([a_route("/one")]))):
        app = secure(
            Starlette(routes=[Mount("/in", app=mounted)]), SecurityPolicy.api(hosts=[HOST], tokens=idp.tokens())
        )
        assert explain(app, "/in/one").route == "/in/one"
        told = explain(app, "/in/none")
        assert (told.route, told.answer, told.status) == (None, "whatever the app has there", 200)
        assert told.needs == ("nothing" if mounted is own or mounted is default else "token")


@pytest.mark.parametrize("make", [Starlette, FastAPI])
@pytest.mark.parametrize("host", ["admin.example.com", "other.example.com", "example.org", "v1.example.org"])
async def test_hosts(make: Any, host: str, idp: Any, drive: Any) -> None:
    """A Host route takes all the requests for its host, and is asked in its turn."""
    policy = SecurityPolicy.mixed(hosts=["example.org", "*.example.org", "*.example.com"], tokens=idp.tokens())
    app = secure(a_host_app(make), policy)
    for path in ("/one", "/two", "/none", "/v1/one", "/v1/none"):
        told = explain(app, path, host=host)
        wire = await drive(app, path, headers={"host": host})
        assert (wire.status == 401) is ("token" in told.needs), (path, told)
        if wire.status == 401:
            wire = await drive(app, path, headers={"host": host, **idp.bearer()})
        await agrees(app, path, "GET", wire, host=host)


async def test_frontends(idp: Any, drive: Any, tmp_path: Path) -> None:
    """They take what no route takes, with or without another slash; the most specific one does."""
    if not hasattr(FastAPI, "frontend"):
        return  # An older FastAPI has none.
    (tmp_path / "index.html").write_text("x")
    app, router = FastAPI(), APIRouter()
    app.frontend("/", directory=tmp_path)
    router.frontend("/", directory=tmp_path)
    sensitive()(router)
    app.include_router(router, prefix="/area")
    app.router.routes += [a_route("/area/page", OPEN), a_route("/area/slash/", OPEN)]
    sub = FastAPI()
    sub.frontend("/pages", directory=tmp_path)
    app.mount("/sub", sensitive()(headers(corp="cross-origin")(sub)))
    app = secure(app, SecurityPolicy.web(hosts=[HOST], tokens=idp.tokens()))
    for path in ("/", "/x", "/area", "/area/", "/area/x", "/area/page", "/area/slash", "/sub/pages/", "/sub/none"):
        for method in ("GET", "POST"):
            told = explain(app, path, method)
            wire = await drive(app, path, method=method, headers={"accept": "text/html"})
            assert (wire.status == 401) is ("token" in told.needs), (path, method, wire.status, told)
            if told.status == 307:  # Other answers depend on what files there are.
                wire = await drive(app, path, method=method, headers={"accept": "text/html", **idp.bearer()})
                assert wire.status == told.status, (path, method, told.answer)
            field = next(line.value for line in told.headers if line.name == "cross-origin-resource-policy")
            assert (b"cross-origin-resource-policy", field.encode()) in wire.headers, (path, method)


@pytest.mark.parametrize(
    ("options", "answer", "status"),
    [
        pytest.param({"host": "evil.example"}, "refused by the layer: host_refused", 421, id="a host not served"),
        pytest.param({"host": "a@b"}, "refused by the layer: host_malformed", 400, id="no host"),
        pytest.param({"method": "TRACE"}, "refused by the layer: method_not_allowed", 405, id="an unknown method"),
        pytest.param({"scheme": "http"}, f"redirected to https://{HOST}/first", 308, id="a page over plaintext"),
        pytest.param({"scheme": "http", "method": "POST"}, "refused by the layer: tls_required", 403, id="a call"),
        pytest.param({"scheme": "http", "host": "a.example"}, "refused by the layer: host_refused", 421, id="both"),
    ],
)
async def test_what_the_layer_answers(options: Any, answer: str, status: int, idp: Any, drive: Any) -> None:
    """What a gate refuses reaches no route and no guard; the fields are those of the layer's own answer."""
    policy = SecurityPolicy.web(
        hosts=[HOST],
        tokens=idp.tokens(),
        marks={"/first/": sensitive()},
        headers_by_prefix={"/": RouteHeaders(clear_site_data=["cookies"], corp="same-site")},
    )
    app = secure(Starlette(routes=[a_route("/first")]), policy)
    told = explain(app, "/first", **options)
    assert (told.answer, told.status, told.needs, told.set_by) == (answer, status, "nothing", "-")
    assert told.headers[0].who == "layer"
    assert told == explain(
        app, "/first", status=204, content_type="text/css", sent=[("x-y", "z")], nonce=True, **options
    )
    assert told == policy.explain("/first", **options)
    members = {"method": options.get("method", "GET"), "scheme": options.get("scheme", "https")}
    fields = {"accept": "text/html", "host": options.get("host", HOST)}
    wire = await drive(app, "/first", headers=fields, **members)
    assert wire.status == status
    assert sent(wire.headers) == shown(told)


@pytest.mark.parametrize("level", [2, 3])
async def test_the_documentation(level: Any, idp: Any, drive: Any) -> None:
    """Its pages have a policy of their own, which is known, and a nonce."""
    app = secure(FastAPI(), SecurityPolicy.web(hosts=[HOST], tokens=idp.tokens(), docs="sensitive", level=level))
    for path in ("/docs", "/redoc"):
        told = explain(app, path)
        wire = await drive(app, path, headers=idp.bearer())
        assert sent(wire.headers) == shown(told)
        assert told.headers[1].who == "app"
        assert told.missed == ()


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_the_collector(method: str, idp: Any, drive: Any) -> None:
    """What it answers to a report, to a browser that asks first, and to anything else."""
    app = secure(Starlette(), SecurityPolicy.web(hosts=[HOST], tokens=idp.tokens(), level=3))
    report = {"content-type": "application/reports+json"}
    body = [{"type": "http.request", "body": b"[]"}]
    wire = await drive(app, "/.well-known/reports", method=method, headers=report, incoming=body)
    told = explain(app, "/.well-known/reports", method)
    assert (wire.status, sent(wire.headers)) == (told.status, shown(told))


async def test_a_preflight(idp: Any, drive: Any) -> None:
    """One that a middleware of the app answers never comes to a router; one without that is a method like others."""
    app = secure(Starlette(routes=[a_route("/x", OPEN)]), SecurityPolicy.mixed(hosts=[HOST], tokens=idp.tokens()))
    fields = {"origin": f"https://{HOST}", "access-control-request-method": "POST"}
    await agrees(app, "/x", "OPTIONS", await drive(app, "/x", method="OPTIONS", headers=fields))
