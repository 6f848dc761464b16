"""The guard over HTTP/2: another parser, several requests on one connection, the same verdicts."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.server.pki import write_development_pki

VERSIONS = {"1.1": ("h11", False), **({"2": ("zttp", True)} if hasattr(uvicorn.Config(""), "http2") else {})}
"""uvicorn speaks HTTP/2 with zttp alone, and its older releases not at all."""

RAN: list[str] = []


def noting() -> Any:
    async def note(request: Request) -> PlainTextResponse:
        RAN.append(request.method)
        # zttp 0.0.35 never ends the body of a request over HTTP/2 that has none.
        return PlainTextResponse(await request.body() if request.method == "POST" else "x")

    return note


def app(idp: Any) -> Any:
    routes = [
        Route("/free", public(reason="nothing secret here")(noting())),
        Route("/marked", sensitive(scopes="read")(noting()), methods=["GET", "POST", "OPTIONS"]),
        Mount("/router", app=sensitive(scopes="read")(Router([Route("/x", noting(), methods=["GET", "POST"])]))),
        Route("/prefix/x", noting(), methods=["GET", "POST"]),
    ]
    marks = {"/prefix/": sensitive(scopes="read")}
    return secure(Starlette(routes=routes), SecurityPolicy.api(hosts=["localhost"], tokens=idp.tokens(), marks=marks))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    write_development_pki(folder, at=datetime.now(UTC))
    return folder


@pytest.fixture(params=VERSIONS)
def served(request: pytest.FixtureRequest, idp: Any, pki: Path) -> Iterator[tuple[str, int]]:
    """An app over TLS, with the version of HTTP it is to be asked over and the port."""
    http, http2 = VERSIONS[request.param]
    options: dict[str, Any] = {"http2": True} if http2 else {}
    config = uvicorn.Config(
        app(idp),
        http=http,
        ssl_certfile=pki / "server.pem",
        ssl_keyfile=pki / "server.key",
        log_level="error",
        **options,
    )
    server, listener = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        assert thread.is_alive(), "The server ended before it had started."
        time.sleep(0.01)
    RAN.clear()
    yield request.param, listener.getsockname()[1]
    server.should_exit = True
    thread.join(timeout=20)


def curl(served: tuple[str, int], pki: Path, *paths: str, arguments: list[str]) -> list[dict[str, Any]]:
    """Ask for paths one after the other; returns what curl says of each answer."""
    version, port = served
    asked = [one for path in paths for one in ("-o", "/dev/null", f"https://localhost:{port}{path}")]
    ran = subprocess.run(
        ["curl", "-s", f"--http{version}", "--cacert", str(pki / "ca.pem"), "-w", "%{json}\n", *arguments, *asked],
        capture_output=True, text=True, timeout=10, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in ran.stdout.splitlines()]


PATHS = ("/marked", "/router/x", "/prefix/x")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl speaks HTTP/2; .ci/run installs it")
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
def test_same_verdicts(served: tuple[str, int], method: str, pki: Path, idp: Any) -> None:
    """Stranger, wrong scope, right scope, whatever the method."""
    how = ["-I"] if method == "HEAD" else ["-X", method, *(["-d", "x" * 1000] * (method == "POST"))]
    answers = curl(served, pki, *PATHS, arguments=how)
    assert [(one["http_version"], one["http_code"]) for one in answers] == [(served[0], 401)] * 3
    wrong = curl(served, pki, *PATHS, arguments=[*how, "-H", f"Authorization: Bearer {idp.token('write')}"])
    assert [one["http_code"] for one in wrong] == [403, 403, 403]
    assert RAN == []
    right = curl(served, pki, "/free", *PATHS, arguments=[*how, "-H", f"Authorization: Bearer {idp.token('read')}"])
    assert 200 in {one["http_code"] for one in right} or method == "OPTIONS"
    assert {one["http_code"] for one in right} <= {200, 405}
    assert set(RAN) == {method}
