"""secure(): what it takes, what it refuses, when it checks, and that nothing runs round it."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import ref

import anyio
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router

from asvs_middleware import ConfigurationError, SecurityPolicy, Tokens, public, secure, sensitive
from asvs_middleware.stack import SecuredApp, guard_of, stack_of

pytestmark = pytest.mark.anyio
API = SecurityPolicy.api(hosts=["api.example.com"])
open_to_all = public(reason="nothing secret here")


@open_to_all
async def plain(request: Request) -> PlainTextResponse:
    return PlainTextResponse("x")


async def unmarked(request: Request) -> PlainTextResponse:
    return PlainTextResponse("x")


async def raw(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan here")
    await PlainTextResponse("x")(scope, receive, send)


async def starts(app: Any) -> list[dict[str, Any]]:
    """Run an app's lifespan as a server does: start-up, and shutdown when that went well."""
    sent: list[dict[str, Any]] = []
    said = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> dict[str, Any]:
        if not said or (sent and sent[-1]["type"] == "lifespan.startup.failed"):
            await anyio.sleep_forever()
        return said.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    with anyio.fail_after(30):
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    return sent


class TestWhatItTakes:
    """An app and a policy, once, before the first request."""

    @pytest.mark.parametrize("make", [Starlette, FastAPI], ids=["Starlette", "FastAPI"])
    async def test_same_object(self, make: Any, ask: Any) -> None:
        """The same object comes back, so that `uvicorn main:app` needs no change."""
        app = make()
        assert secure(app, API) is app
        assert stack_of(app).policy is API
        assert (await ask(app)).headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize(
        "app",
        [
            pytest.param(open_to_all(raw), id="a marked app"),
            pytest.param(Router([Route("/", plain)]), id="a router"),
            pytest.param(open_to_all(CORSMiddleware(Starlette(routes=[Route("/", plain)]))), id="a middleware"),
        ],
    )
    async def test_any_other_app_is_wrapped(self, app: Any, ask: Any) -> None:
        """What is no Starlette object has to be served in its wrapper."""
        secured = secure(app, API)
        assert isinstance(secured, SecuredApp)
        assert secured.app is app
        assert secured.routes == getattr(app, "routes", [])
        response = await ask(secured)
        assert (response.status_code, response.text) == (200, "x")
        assert response.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize(
        ("app", "policy", "message"),
        [
            pytest.param(Starlette(), None, r"got a NoneType as policy\. Write secure\(app", id="no policy"),
            pytest.param(Starlette(), SecurityPolicy, "got a type as policy", id="the class of the policy"),
            pytest.param(API, Starlette(), "got a Starlette as policy", id="the wrong way round"),
            pytest.param("main:app", API, r"got a str as app\. Give it an ASGI app", id="a text"),
            pytest.param(None, API, "got a NoneType as app", id="nothing"),
            pytest.param(secure(Starlette(), API), API, "secured already. Call secure", id="twice"),
            pytest.param(secure(raw, API), API, "secured already", id="twice, wrapped"),
        ],
    )
    def test_wrong_arguments(self, app: Any, policy: Any, message: str) -> None:
        """A slip stops the start-up."""
        with pytest.raises(ConfigurationError, match=message):
            secure(app, policy)

    async def test_too_late(self, ask: Any) -> None:
        """An app that has answered has its middleware built: nothing could be put round it."""
        app = Starlette()
        await ask(app)
        with pytest.raises(ConfigurationError, match="before the first request"):
            secure(app, API)

    @pytest.mark.parametrize("app", [Starlette(), None, [], "main:app"], ids=["app", "None", "list", "text"])
    def test_stack_of_what_is_not_secured(self, app: Any) -> None:
        """Nothing is guessed about an app without a policy."""
        with pytest.raises(ConfigurationError, match=r"is not secured\. Call secure"):
            stack_of(app)

    def test_an_app_may_be_forgotten(self) -> None:
        """The register of stacks keeps no wrapped app alive."""
        app = secure(open_to_all(Router()), API)
        gone = ref(app)
        del app
        gc.collect()
        assert gone() is None

    async def test_order_of_middleware_does_not_matter(self, ask: Any) -> None:
        """Middleware added before or after stands inside: its own answers carry the headers too."""
        for late in (False, True):
            app = FastAPI()
            if late:
                secure(app, API)
            app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
            if not late:
                secure(app, API)
            headers = {"origin": "https://shop.example", "access-control-request-method": "GET"}
            response = await ask(app, method="OPTIONS", headers=headers)
            assert response.status_code == 200
            assert response.headers["x-content-type-options"] == "nosniff"


class TestStart:
    """The app is checked once, when it says it is up, or at the first request."""

    async def test_good(self, ask: Any) -> None:
        """A guarded app starts, and comes down when the server says so."""
        app = secure(Starlette(routes=[Route("/", plain)]), API)
        assert [one["type"] for one in await starts(app)] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert (await ask(app)).text == "x"

    async def test_bad(self) -> None:
        """An unguarded one fails its start with the sentence that repairs it, and closes what it had opened."""
        steps: list[str] = []

        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[None]:
            steps.append("up")
            yield
            steps.append("down")

        app = secure(Starlette(routes=[Route("/orders", unmarked)], lifespan=lifespan), API)
        [failed] = await starts(app)
        assert failed["type"] == "lifespan.startup.failed"
        assert "/orders" in failed["message"]
        assert 'Mark each with @sensitive(...) or @public(reason="...")' in failed["message"]
        assert steps == ["up", "down"]

    async def test_routes_added_while_starting(self) -> None:
        """The check comes after the app's own start, which may add routes."""

        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[None]:
            app.router.routes.append(Route("/late", unmarked))
            yield

        [failed] = await starts(secure(Starlette(lifespan=lifespan), API))
        assert "/late" in failed["message"]

    async def test_own_failure(self) -> None:
        """An app that fails to start by itself says so itself."""

        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[None]:
            raise RuntimeError("no database")
            yield

        app = secure(Starlette(lifespan=lifespan), API)
        with pytest.raises(RuntimeError, match="no database"):
            await starts(app)

    async def test_without_lifespan(self, drive: Any) -> None:
        """Where the server runs no lifespan, no request gets past the check: each is a 500, and the log has the fix."""
        app = secure(Starlette(routes=[Route("/", unmarked), Route("/open", plain)]), API)
        for path in ("/", "/open", "/nothing"):
            wire = await drive(app, path)
            assert wire.status == 500
            assert isinstance(wire.raised, ConfigurationError)
            assert b"strict-transport-security" in dict(wire.headers)

    async def test_refused_before_the_check(self, ask: Any) -> None:
        """The gates stand before everything: plaintext is refused even by an app that cannot start."""
        app = secure(Starlette(routes=[Route("/", unmarked)]), API)
        assert (await ask(app, "http://api.example.com/")).status_code == 403

    async def test_checked_once(self, ask: Any) -> None:
        """What was checked is not walked again with every request."""
        walks: list[int] = []

        class Counting(list[Any]):
            def __iter__(self) -> Any:
                walks.append(1)
                return super().__iter__()

        app = Starlette()
        app.router.routes = Counting([Mount("/in", app=Starlette(routes=[Route("/", plain)]))])
        secure(app, API)
        await ask(app, "/in/")
        once = len(walks)
        await ask(app, "/in/")
        assert len(walks) == once + 1  # The router's own look.

    async def test_a_raw_app_without_lifespan(self, ask: Any) -> None:
        """An app that knows no lifespan raises, as servers expect, and is checked at its first request."""
        app = secure(open_to_all(raw), API)
        with pytest.raises(RuntimeError, match="no lifespan here"):
            await starts(app)
        assert (await ask(app)).text == "x"

    async def test_an_unmarked_raw_app(self, ask: Any, drive: Any) -> None:
        """An app without routes is one endpoint: marked, or stated to be open by default."""
        wire = await drive(secure(raw, API))
        assert wire.status == 500
        assert "carries neither" in str(wire.raised)
        assert (await ask(secure(raw, SecurityPolicy.web(hosts=["api.example.com"])))).text == "x"

    async def test_marks_without_their_means(self) -> None:
        """A mark asks for what the policy has to provide."""

        @sensitive()
        async def endpoint(request: Request) -> PlainTextResponse: ...

        app = secure(Starlette(routes=[Route("/x", endpoint)]), API)
        [failed] = await starts(app)
        assert "asks for a token, and the policy has no tokens=Tokens(...)" in failed["message"]

    def test_entries(self) -> None:
        """The audit reads the routes from here."""
        app = secure(Starlette(routes=[Route("/", plain)]), API)
        [entry] = stack_of(app).entries()
        assert (entry.path, entry.mark.reason) == ("/", "nothing secret here")


class TestUnhandled:
    """An error nobody caught is answered inside the layer, and goes on to the server's log."""

    @pytest.mark.parametrize("debug", [False, True])
    async def test_headers_on_a_500(self, debug: bool, drive: Any) -> None:
        """Starlette's own page for it carries every header, which no middleware added to the app could do."""

        @open_to_all
        async def broken(request: Request) -> PlainTextResponse:
            raise RuntimeError("broken")

        wire = await drive(secure(Starlette(routes=[Route("/", broken)], debug=debug), API))
        assert wire.status == 500
        assert isinstance(wire.raised, RuntimeError)
        assert dict(wire.headers)[b"x-content-type-options"] == b"nosniff"

    async def test_a_raw_app_that_answers_nothing(self, drive: Any) -> None:
        """What raises before it answered is answered for it."""

        async def broken(scope: Any, receive: Any, send: Any) -> None:
            raise RuntimeError("broken")

        wire = await drive(secure(open_to_all(broken), API))
        assert (wire.status, str(wire.raised)) == (500, "broken")

    async def test_an_unknown_scope(self) -> None:
        """A kind of connection nothing here can check is not let through."""
        app = secure(open_to_all(raw), API)
        with pytest.raises(Exception, match="webtransport"):
            await app({"type": "webtransport"}, None, None)


class TestGuard:
    """The guard is made when the app is secured; nothing is fetched for it."""

    def test_default_client(self) -> None:
        """Without a client of its own the tokens room gets the strict one for the public web."""
        guard = guard_of(SecurityPolicy.api(hosts=["a.example"], tokens=Tokens("https://idp.example", audience="a")))
        assert guard.tokens.health().age is None
        assert guard.certificates is None

    def test_nothing_to_check_with(self) -> None:
        """A policy without tokens and certificates has a guard that can only refuse."""
        guard = guard_of(API)
        assert (guard.tokens, guard.certificates) == (None, None)


async def test_middleware_and_lifespan_state(ask: Any) -> None:
    """What the app keeps in its state reaches its endpoints unchanged."""
    seen: list[Any] = []

    class Pool:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                scope["state"]["pool"] = self
            await self.app(scope, receive, send)

    @open_to_all
    async def endpoint(request: Request) -> PlainTextResponse:
        seen.append(request.state.pool)
        return PlainTextResponse("x")

    app = secure(Starlette(routes=[Route("/", endpoint)], middleware=[Middleware(Pool)]), API)
    assert (await ask(app)).status_code == 200
    assert isinstance(seen[0], Pool)
