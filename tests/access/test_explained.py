"""explain() says what the guard would ask for: at every path, what the guard then does there."""

import time
from dataclasses import replace
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.access.matrix import needs_of, set_by
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.middleware import headers
from asvs_middleware.rehearsal import explain
from asvs_middleware.stack import stack_of

pytestmark = pytest.mark.anyio


def a_route(path: str, *marks: Any, methods: Any = ("GET",)) -> BaseRoute:
    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("x")

    for mark in marks:
        endpoint = mark(endpoint)
    return Route(path, endpoint, methods=list(methods))


class ByMethod(HTTPEndpoint):
    @public(reason="everybody may read it")
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("x")

    @sensitive(scopes="write")
    async def post(self, request: Request) -> Response: ...


@sensitive(scopes="feed")
async def feed(websocket: WebSocket) -> None: ...


async def files(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("x")(scope, receive, send)


OPEN = public(reason="nothing secret here")
LATE = hasattr(APIRouter, "handle")
"""Older releases of FastAPI copy the routes of a router, so that it cannot carry a mark."""


def an_app() -> FastAPI:
    app = FastAPI()
    router = APIRouter()

    @router.get("/users")
    @sensitive(max_age=60)
    async def users() -> str:
        return "x"

    if LATE:
        sensitive(scopes="staff")(router)
    app.include_router(router, prefix="/staff")
    inner = Starlette(routes=[a_route("/list"), a_route("/{number:int}", methods=["PUT"])])
    nested = Starlette(routes=[Mount("/deep", app=sensitive(scopes="deep")(Starlette(routes=[a_route("/end")])))])
    app.router.routes += [
        a_route("/items", OPEN),
        a_route("/items", sensitive(scopes="items:write"), methods=["POST"]),
        Route("/both", ByMethod),
        a_route("/admin/login", public(reason="people log in here", overrides="prefix")),
        a_route("/admin/users"),
        a_route("/{tenant}/page", OPEN),
        a_route("/number/{number:int}", sensitive()),
        a_route("/number/{name}", OPEN),
        Mount("/shop", app=sensitive(scopes="shop")(inner)),
        Mount("/outer", app=sensitive(scopes="outer")(nested)),
        Mount("/files", app=public(reason="everybody may have them")(files)),
        WebSocketRoute("/feed", feed),
    ]
    return app


@pytest.fixture
def policy(idp: Any) -> SecurityPolicy:
    return SecurityPolicy.web(
        hosts=["api.example.com"], tokens=idp.tokens(), docs="sensitive", marks={"/admin/": sensitive(scopes="admin")}
    )


WHERE = [
    pytest.param("/items", "GET", "public: nothing secret here", "route", id="a public route"),
    pytest.param("/items", "HEAD", "public: nothing secret here", "route", id="HEAD of it"),
    pytest.param("/items", "POST", "token items:write", "route", id="another method, another endpoint"),
    pytest.param("/items", "DELETE", "nothing", "-", id="a method nobody has"),
    pytest.param("/both", "GET", "public: everybody may read it", "route", id="a method of a class"),
    pytest.param("/both", "HEAD", "public: everybody may read it", "route", id="HEAD of a class"),
    pytest.param("/both", "POST", "token write", "route", id="another method of it"),
    pytest.param("/both", "PUT", "nothing", "-", id="a method the class has not"),
    pytest.param("/admin/users", "GET", "token admin", "prefix /admin/", id="a prefix"),
    pytest.param("/admin/login", "GET", "public: people log in here", "route, over the prefix", id="over the prefix"),
    pytest.param("/admin/login", "PUT", "token admin", "prefix /admin/", id="another method there"),
    pytest.param("/admin/none", "GET", "token admin", "prefix /admin/", id="no route below a prefix"),
    pytest.param("/admin", "GET", "token admin", "prefix /admin/", id="the prefix without its slash"),
    pytest.param("/a/page", "GET", "public: nothing secret here", "route", id="a parameter"),
    pytest.param("/number/1", "GET", "token", "route", id="a convertor"),
    pytest.param("/number/one", "GET", "public: nothing secret here", "route", id="what it does not take"),
    *[
        pytest.param("/staff/users", "GET", "token staff + token, login within 60 s", by, id="router and route")
        for by in ["router /staff, route"] * LATE
    ],
    pytest.param("/shop/list", "GET", "token shop", "mount /shop", id="a mount"),
    pytest.param("/shop/1", "PUT", "token shop", "mount /shop", id="a parameter below it"),
    pytest.param("/shop/1", "GET", "token shop", "mount /shop", id="a method nobody has below it"),
    pytest.param("/shop/none", "GET", "token shop", "mount /shop", id="no route below it"),
    pytest.param("/outer/deep/end", "GET", "token outer + token deep", "mount /outer, mount /outer/deep", id="two"),
    pytest.param("/outer/deep/no", "GET", "token outer + token deep", "mount /outer, mount /outer/deep", id="in two"),
    pytest.param("/outer/none", "GET", "token outer", "mount /outer", id="below the outer one"),
    pytest.param("/files/x", "GET", "public: everybody may have them", "mount", id="an app"),
    pytest.param("/feed", "GET", "nothing", "-", id="a path for WebSockets alone"),
    pytest.param("/docs", "GET", "token", "route", id="documentation"),
    pytest.param("/nothing", "GET", "nothing", "-", id="no route"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "method", "needs", "by"), WHERE)
async def test_what_the_guard_asks(  # noqa: PLR0917  # The columns of the table.
    path: str, method: str, needs: str, by: str, policy: SecurityPolicy, ask: Any, idp: Any
) -> None:
    """In the words of `asvs routes`; and without a token the guard refuses exactly where it needs one."""
    app = secure(an_app(), policy)
    told = explain(app, path, method)
    assert (told.needs, told.set_by, told.problem) == (needs, by, "")
    assert f"Needs: {needs} (set by: {by})\n" in str(told)
    refused = (await ask(app, path, method=method)).status_code == 401
    assert refused is ("token" in needs)
    assert ("v5.0.0-14.3.2" in told.met) is refused
    scopes = " ".join(set(needs.replace(",", " ").split()) - {"+", "token"})
    let_in = await ask(app, path, method=method, headers=idp.bearer(scopes, auth_time=int(time.time())))
    assert let_in.status_code not in {401, 403}


@pytest.mark.parametrize(
    ("path", "method", "needs", "by"),
    [
        pytest.param("/admin\n", "GET", "token admin", "prefix /admin/", id="a line feed at the end"),
        pytest.param("/items\n", "GET", "public: nothing secret here", "route", id="one behind a route"),
        pytest.param("/x/../y", "GET", "token admin", "prefix /admin/", id="a path that climbs may lead anywhere"),
    ],
)
def test_paths_no_client_of_ours_sends(path: str, method: str, needs: str, by: str, policy: SecurityPolicy) -> None:
    """What the guard makes of them is shown over a socket, in rehearsal/test_odd_paths.py."""
    told = explain(secure(an_app(), policy), path, method)
    assert (told.needs, told.set_by) == (needs, by)


def test_what_runs(policy: SecurityPolicy) -> None:
    """The endpoint that has the method; without one the text says which of the two is missing."""
    app = secure(an_app(), policy)
    told = {(path, method): explain(app, path, method) for path in ("/both", "/none") for method in ("GET", "PUT")}
    assert [(one.route, one.endpoint is None) for one in told.values()] == [
        ("/both", False), ("/both", True), (None, True), (None, True),
    ]  # fmt: skip
    assert "ByMethod.get" in str(told["/both", "GET"])
    assert "PUT /both  no endpoint for this method" in str(told["/both", "PUT"])
    assert "GET /none  no route" in str(told["/none", "GET"])
    assert explain(app, "/feed").route is None  # A WebSocket's route answers no request.
    assert explain(app, "/feed", "websocket").needs == "token feed"


def test_the_words_of_the_matrix(policy: SecurityPolicy) -> None:
    """Every route that `asvs routes` lists is explained as it is listed there."""
    app = secure(an_app(), policy)
    listed = [one for one in stack_of(app).entries() if "{" not in one.path and "*" not in one.path]
    assert len(listed) > 10
    for entry in listed:
        for method in entry.methods:
            told = explain(app, entry.path, method)
            assert (told.route, told.needs, told.set_by) == (entry.path, needs_of(entry), set_by(entry))


def test_the_app_is_left_as_it_is(policy: SecurityPolicy) -> None:
    """A policy that is only tried takes no documentation page away, and changes no route."""
    app = an_app()
    before = list(app.router.routes)
    explain(app, "/docs", policy=policy)
    explain(secure(an_app(), policy), "/docs", policy=SecurityPolicy.api(hosts=["a.example"]))
    assert app.router.routes == before


def test_another_policy_for_a_wrapped_app(policy: SecurityPolicy) -> None:
    """The app is looked at, not what secure() put round it."""
    inside = sensitive(scopes="x")(files)
    told = [
        explain(secure(inside, policy), "/x"),
        explain(secure(inside, policy), "/x", policy=policy),
        explain(inside, "/x", policy=policy),
    ]
    assert {(one.route, one.needs, one.set_by) for one in told} == {("/*", "token x", "mount")}


@pytest.mark.parametrize(("method", "status"), [("POST", 415), ("OPTIONS", 204), ("GET", 405)])
async def test_the_collector_of_reports(method: str, status: int, idp: Any, ask: Any) -> None:
    """It is answered by the layer, and asks for nothing wherever it lies."""
    policy = SecurityPolicy.web(
        hosts=["api.example.com"], tokens=idp.tokens(), level=3, marks={"/": sensitive(scopes="all")}
    )
    path = "/.well-known/reports"
    app = secure(Starlette(routes=[a_route("/items")]), policy)
    told = explain(app, path, method)
    assert told == policy.explain(path, method)
    assert (told.needs, told.set_by) == ("public: browsers report here, without credentials", "route")
    assert (await ask(app, path, method=method)).status_code == status
    assert explain(app, path + "/x").needs == "token all"


@pytest.mark.parametrize(
    ("path", "needs", "by"),
    [
        ("/items", "public: nothing secret here", "policy, route"),
        ("/admin/users", "token admin", "policy, prefix /admin/"),
        ("/nothing", "", "policy"),
    ],
)
async def test_a_shut_port(  # noqa: PLR0917  # The columns of the table.
    path: str, needs: str, by: str, idp: Any, clients: Any, ask: Any
) -> None:
    """A certificate is asked for first, whatever the path is, and a public route is public to those who show one."""
    chosen = SecurityPolicy.web(
        hosts=["api.example.com"],
        tokens=idp.tokens(),
        client_certificates=replace(clients.policy, required=True),
        marks={"/admin/": sensitive(scopes="admin")},
    )
    told = explain(an_app(), path, policy=chosen)
    first = "certificate of any client, whatever the path"
    assert (told.needs, told.set_by) == (f"{first} + {needs}" if needs else first, by)
    assert (await ask(secure(an_app(), chosen), path)).status_code == 403


@pytest.mark.parametrize(
    ("route", "problem"),
    [
        pytest.param(a_route("/x"), "carries neither @sensitive nor @public", id="unmarked"),
        pytest.param(a_route("/x", sensitive()), "asks for a token, and the policy has no tokens", id="no means"),
    ],
)
def test_what_stops_the_start(route: BaseRoute, problem: str) -> None:
    """It is told where somebody looks for it, in the words of the start-up check."""
    app = secure(Starlette(routes=[route]), SecurityPolicy.api(hosts=["api.example.com"]))
    told = explain(app, "/x")
    assert problem in told.problem
    assert f"\nStops the start-up: it {told.problem}\n" in str(told)
    with pytest.raises(ConfigurationError, match=problem):
        stack_of(app).check()


async def test_the_headers_of_the_endpoint_that_answers(drive: Any, policy: SecurityPolicy) -> None:
    """One path, two methods, two endpoints: each has its own; what a mount says holds where nothing in it answers."""
    own, other = headers(corp="same-site"), headers(corp="cross-origin")
    inside = Starlette(routes=[a_route("/end", OPEN)])
    app = secure(
        Starlette(
            routes=[
                a_route("/x", OPEN, own),
                a_route("/x", OPEN, other, methods=["POST"]),
                Mount("/in", app=own(inside)),
            ]
        ),
        policy,
    )
    for path, method in (("/x", "GET"), ("/x", "POST"), ("/x", "PUT"), ("/in/end", "GET"), ("/in/none", "GET")):
        sent = dict((await drive(app, path, method=method)).headers)
        told = {line.name.encode(): line.value.encode() for line in explain(app, path, method).headers}
        assert told[b"cross-origin-resource-policy"] == sent[b"cross-origin-resource-policy"], (path, method)
