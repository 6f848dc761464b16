"""The server of a rehearsal starts, stops, and says why when it does neither."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from asvs_middleware import ConfigurationError, SecurityPolicy, secure
from asvs_middleware.rehearsal import Authorities, rehearse
from asvs_middleware.rehearsal.serving import served


async def unmarked(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


def test_lifespan_runs() -> None:
    """The app's own start and end are run, once each; with lifespan="off" neither is."""
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        seen.append("up")
        yield
        seen.append("down")

    app = Starlette(routes=[Route("/", unmarked)], lifespan=lifespan)
    with served(app, None) as port:
        assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).text == "ok"
        assert seen == ["up"]
    assert seen == ["up", "down"]
    with served(app, None, lifespan="off"):
        pass
    assert seen == ["up", "down"]


def test_a_start_that_is_refused(authorities: Authorities) -> None:
    """An app that the start-up check refuses is refused with the sentence of that check."""
    app = secure(Starlette(routes=[Route("/", unmarked)]), SecurityPolicy.api(hosts=["a.example"]))
    message = "did not start: .* carries neither @sensitive nor @public"
    with pytest.raises(ConfigurationError, match=message), rehearse(app, authorities=authorities):
        pass


def test_a_start_that_takes_too_long() -> None:
    """A start that never ends is given up, with a sentence."""
    let_go = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not let_go.wait(0.01):
            pass
        await receive()
        await send({"type": "lifespan.startup.complete"})

    with pytest.raises(ConfigurationError, match="did not start: nothing says why"), served(app, None, patience=0.1):
        pass
    let_go.set()


def test_an_end_that_takes_too_long() -> None:
    """A lifespan that does not come down is reported, not waited for without end."""
    let_go = threading.Event()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        let_go.wait(10)

    app = Starlette(lifespan=lifespan)
    with pytest.raises(ConfigurationError, match="did not stop within 1 seconds"), served(app, None, patience=1):
        pass
    let_go.set()


def test_the_test_s_own_failure_comes_first() -> None:
    """What the body raises is what the caller sees."""
    with pytest.raises(KeyError, match="mine"), served(Starlette(), None):
        raise KeyError("mine")
