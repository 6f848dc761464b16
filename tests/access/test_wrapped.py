"""Routes inside a middleware that keeps what it wraps in `app`: listed, checked, guarded and explained like others."""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.access import rendered
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.rehearsal import explain
from asvs_middleware.stack import stack_of

pytestmark = pytest.mark.anyio

OPEN = public(reason="nothing secret here")


class Copying:
    """Hands on a scope of its own; `/own` it answers itself."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].endswith("/own"):
            await PlainTextResponse("x")(scope, receive, send)
        else:
            await self.app(dict(scope), receive, send)


class Panel:
    """Keeps the app it belongs to in `app`, and wraps nothing."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("x")(scope, receive, send)


async def files(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("x")(scope, receive, send)


def a_route(path: str, *marks: Any) -> Route:
    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("x")

    for mark in marks:
        endpoint = mark(endpoint)
    return Route(path, endpoint)


def inner(*marks: Any) -> Starlette:
    return Starlette(routes=[a_route("/one", *marks)])


def policy(idp: Any, **choices: Any) -> SecurityPolicy:
    return SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), **choices)


def listed(app: Any) -> list[tuple[str, str, str]]:
    return [
        (entry.path, entry.problem, " ".join("token" for _ in entry.asks) or "public" * (entry.mark is not None))
        for entry in stack_of(app).entries()
    ]


UNMARKED = "carries neither @sensitive nor @public"


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        pytest.param(Mount("/in", app=Copying(inner())), ("/in/one", UNMARKED, ""), id="nobody marked it"),
        pytest.param(Mount("/in", app=Copying(inner(OPEN))), ("/in/one", "", "public"), id="a mark inside"),
        pytest.param(
            Mount("/in", app=Copying(Copying(inner(sensitive())))), ("/in/one", "", "token"), id="wrapped twice"
        ),
        pytest.param(Mount("/in", app=Copying(sensitive()(inner()))), ("/in/one", "", "token"), id="a mark between"),
        pytest.param(Mount("/in", app=sensitive()(Copying(inner()))), ("/in/one", "", "token"), id="a mark round it"),
        pytest.param(
            Mount("/in", app=sensitive()(Copying(sensitive()(inner())))), ("/in/one", "", "token token"), id="both"
        ),
        pytest.param(
            Mount("/in", app=sensitive()(inner()), middleware=[Middleware(Copying)]),
            ("/in/one", "", "token"),
            id="a middleware of the mount",
        ),
        pytest.param(
            Mount("/in", app=Copying(sensitive()(Router([a_route("/one")])))), ("/in/one", "", "token"), id="a router"
        ),
        pytest.param(Mount("/in", app=Copying(sensitive()(files))), ("/in/*", "", "token"), id="an app behind a mark"),
        pytest.param(Mount("/in", app=Copying(files)), ("/in/*", UNMARKED, ""), id="an app"),
    ],
)
def test_below_a_mount(mount: Mount, expected: tuple[str, str, str], idp: Any) -> None:
    """What is inside is judged as if nothing were round it; the command lists it, and explain() says the same."""
    app = secure(Starlette(routes=[mount]), policy(idp))
    assert listed(app) == [expected]
    assert f" {expected[0]} " in rendered(stack_of(app).entries(), "text")
    told = explain(app, "/in/one")
    assert (told.route, told.problem) == expected[:2]
    assert told.needs.count("token") == expected[2].count("token")
    if expected[1]:
        with pytest.raises(ConfigurationError, match=UNMARKED):
            stack_of(app).check()
    else:
        stack_of(app).check()


@pytest.mark.parametrize("make", [Starlette, FastAPI])
async def test_the_guard_holds(make: Any, idp: Any, ask: Any) -> None:
    """Of what the middleware answers itself nobody knows at the start: it carries no mark, and is refused."""
    app = make(routes=[Mount("/in", app=Copying(inner(sensitive()))), Mount("/open", app=Copying(inner(OPEN)))])
    secure(app, policy(idp))
    answers = {path: (await ask(app, path)).status_code for path in ("/in/one", "/open/one", "/in/own", "/open/own")}
    assert answers == {"/in/one": 401, "/open/one": 200, "/in/own": 403, "/open/own": 403}
    assert (await ask(app, "/in/one", headers=idp.bearer())).status_code == 200


async def test_round_the_whole_app(idp: Any, ask: Any) -> None:
    """A wrapper that secure() is given is looked through too."""
    app = secure(Copying(inner(sensitive())), policy(idp))
    assert listed(app) == [("/one", "", "token")]
    assert (await ask(app, "/one")).status_code == 401
    assert listed(secure(Copying(inner()), policy(idp))) == [("/one", UNMARKED, "")]


def test_an_app_of_its_own_policy(idp: Any) -> None:
    """Its routes are its own check's, also behind a middleware."""
    inside = secure(inner(OPEN), policy(idp))
    for mounted in (inside, Copying(inside), sensitive()(Copying(inside))):
        (entry,) = stack_of(secure(Starlette(routes=[Mount("/in", app=mounted)]), policy(idp))).entries()
        assert (entry.path, entry.problem, entry.mark is not None) == ("/in/*", "", True)
        assert len(entry.asks) == (mounted is not inside and not isinstance(mounted, Copying))


def test_what_is_in_app_may_be_something_else(idp: Any) -> None:
    """An app that keeps the one it is mounted in does not wrap it: it is an app without routes, and needs a mark."""
    app = Starlette(routes=[a_route("/one", OPEN)])
    app.mount("/panel", Panel(app))
    app.mount("/nested", Starlette(routes=[Mount("/panel", app=sensitive()(Panel(app)))]))
    secure(app, policy(idp))
    assert listed(app) == [
        ("/one", "", "public"), ("/panel/*", UNMARKED, ""), ("/nested/panel/*", "", "token"),
    ]  # fmt: skip
    assert explain(app, "/panel/x").route == "/panel/*"


async def test_no_cdn_keeps_what_was_made_for_one_caller(idp: Any, drive: Any) -> None:
    """v5.0.0-14.2.2: a CDN reads its own field in place of Cache-Control, and is told to keep nothing."""

    def endpoint(mark: Any) -> Any:
        @mark
        async def answer(request: Request) -> Response:
            return PlainTextResponse("x", headers={"CDN-Cache-Control": "max-age=600", "cache-control": "public"})

        return answer

    app = secure(Starlette(routes=[Route("/own", endpoint(sensitive())), Route("/open", endpoint(OPEN))]), policy(idp))
    own, everybody = [dict((await drive(app, path, headers=idp.bearer())).headers) for path in ("/own", "/open")]
    assert (own[b"cdn-cache-control"], own[b"cache-control"]) == (b"no-store", b"private")
    assert (everybody[b"cdn-cache-control"], everybody[b"cache-control"]) == (b"max-age=600", b"public")
