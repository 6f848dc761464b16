"""A client that hangs up is refused, told of and served as one that waits: v5.0.0-16.2.1, v5.0.0-16.3.1.

The transport of a closed connection knows nothing any more, and asyncio's over TLS raises when it is asked.
"""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.server.pki import write_development_pki

GONE = threading.Event()
ENDED: list[str] = []


class Waiting:
    """A middleware that waits until the client is gone: for a database, or a rate limit."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] != "/free":
            await asyncio.to_thread(GONE.wait, 10)
            await asyncio.sleep(0.05)  # The loop has to hear of it.
        await self.app(scope, receive, send)


@sensitive()
async def locked(_request: Request) -> PlainTextResponse:
    raise AssertionError("A forged token was let in.")


@public(reason="nothing secret here")
async def free(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("x")


@public(reason="nothing secret here")
async def order(_request: Request) -> RedirectResponse:
    async def end() -> None:
        ENDED.append("ended")

    return RedirectResponse("/free", 303, background=BackgroundTask(end))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    write_development_pki(folder, at=datetime.now(UTC))
    return folder


@pytest.fixture(params=["asyncio", "uvloop"])
def served(request: pytest.FixtureRequest, idp: Any, pki: Path) -> Iterator[Callable[..., None]]:
    """Return what asks for a path over TLS, and hangs up without waiting for the answer, or waits for it."""
    routes = [Route("/locked", locked), Route("/free", free), Route("/order", order)]
    app = Starlette(routes=routes, middleware=[Middleware(Waiting)])
    secure(app, SecurityPolicy.api(hosts=["localhost"], tokens=idp.tokens()))
    config = uvicorn.Config(
        app, loop=request.param, ssl_certfile=pki / "server.pem", ssl_keyfile=pki / "server.key", log_level="critical"
    )
    server, listener = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        assert thread.is_alive(), "The server ended before it had started."
        time.sleep(0.01)
    trust = ssl.create_default_context(cafile=pki / "ca.pem")

    def ask(path: str, *more: str, hangs_up: bool) -> None:
        GONE.clear()
        plain = socket.create_connection(("127.0.0.1", listener.getsockname()[1]), timeout=30)
        with trust.wrap_socket(plain, server_hostname="localhost") as client:
            lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Authorization: Bearer forged", *more]
            client.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
            if hangs_up:
                time.sleep(0.1)  # The request has to arrive first.
                client.shutdown(socket.SHUT_RDWR)
            else:
                GONE.set()
                while client.recv(4096):
                    pass
        GONE.set()

    ask("/free", hangs_up=False)  # From now on the host is known.
    ask("/free", hangs_up=False)
    ENDED.clear()
    yield ask
    server.should_exit = True
    thread.join(timeout=20)


def until(found: Callable[[], Any]) -> Any:
    """Return what is found in half a minute at most."""
    ends = time.monotonic() + 30
    while not found() and time.monotonic() < ends:
        time.sleep(0.02)
    return found()


@pytest.mark.parametrize("more", [(), ("X-Forwarded-Proto: https",)], ids=["at a glance", "in full"])
@pytest.mark.parametrize("hangs_up", [False, True], ids=["waits", "hangs up"])
def test_a_refusal_is_told(served: Any, more: tuple[str, ...], hangs_up: bool, events: Any) -> None:
    """Whoever tries tokens and does not wait for the answer is in the log with the address, once for each."""

    def refusals() -> list[dict[str, Any]]:
        return [event for event in events() if event["event"] == "authn_login_fail"]

    for count in (1, 2):
        served("/locked", *more, hangs_up=hangs_up)
        until(lambda count=count: len(refusals()) >= count)
        assert [(event["peer"], event["client"]) for event in refusals()] == [("127.0.0.1", "127.0.0.1")] * count


@pytest.mark.parametrize("hangs_up", [False, True], ids=["waits", "hangs up"])
def test_the_app_goes_on(served: Any, hangs_up: bool) -> None:
    """What the app does after a redirect is done, whether or not somebody reads it."""
    served("/order", hangs_up=hangs_up)
    assert until(lambda: ENDED) == ["ended"]
