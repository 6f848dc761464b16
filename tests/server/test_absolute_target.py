"""A request line that names another host than the Host field, over real TLS: RFC 9112 section 3.2.2."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, public, secure

Serving = Callable[..., Any]


@public(reason="to see what passes")
async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.url.netloc)


@pytest.fixture(scope="module")
def app() -> Starlette:
    return secure(Starlette(routes=[Route("/", hello)]), SecurityPolicy.api(hosts=["localhost"]))


def status(served: Any, target: str) -> int:
    with (
        socket.create_connection(("localhost", served.port)) as plain,
        served.context().wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        tls.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return int(tls.recv(4096).split()[1])


@pytest.mark.parametrize(
    ("http", "target", "expected"),
    [
        pytest.param("h11", "/", 200, id="h11, a path"),
        pytest.param("h11", "http://evil.example/", 400, id="h11, another host"),
        pytest.param("h11", "https://localhost/", 200, id="h11, the same host"),
        pytest.param("httptools", "/", 200, id="httptools, a path"),
        # httptools takes the target apart and shows the path alone; the scanner in front of it sees the host.
        pytest.param("httptools", "http://evil.example/", 400, id="httptools, another host"),
    ],
)
def test_an_absolute_target(serving: Serving, app: Starlette, http: str, target: str, expected: int) -> None:
    """Where the server shows the target, a host that disagrees is refused before anything is built from it."""
    with serving(app, settings={"http": http}, plaintext=False) as served:
        assert status(served, target) == expected
