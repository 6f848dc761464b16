"""The client's certificate reaches the app on every protocol of uvicorn, on both loops, under any way to start it."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from asvs_middleware import ClientCertificates, SecurityPolicy, secure, sensitive
from asvs_middleware.server.http.extension import with_tls_extension

HTTP = ["h11", "httptools", "zttp", "zttp, HTTP/2"]
WEBSOCKETS = ["websockets-sansio", "wsproto", "websockets"]
LOOPS = ["asyncio", "uvloop"]


def told(connection: Request | WebSocket) -> list[Any]:
    """Return what is known of the client: by the guard, and by the extension where there is one."""
    chain = connection.state.caller.certificate.chain
    tls = connection.scope.get("extensions", {}).get("tls")
    return [len(chain), tls and [tls.get(name) for name in ("client_cert_name", "tls_version", "cipher_suite")]]


@sensitive(client_certificate="spiffe://localhost/client")
async def who(request: Request) -> JSONResponse:
    return JSONResponse(told(request))


@sensitive(client_certificate="spiffe://localhost/client")
async def who_websocket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(told(websocket))
    await websocket.close()


def secured(pki: Path) -> Starlette:
    app = Starlette(routes=[Route("/who", who), WebSocketRoute("/ws", who_websocket)])
    certificates = ClientCertificates(trust=pki / "clients-ca.pem", crls=[pki / "clients.crl"])
    return secure(app, SecurityPolicy.api(hosts=["localhost"], client_certificates=certificates))


def settings_for(http: str) -> dict[str, Any]:
    """Return uvicorn's settings for a protocol, or skip."""
    name, _, second = http.partition(", ")
    if name == "zttp":
        pytest.importorskip("zttp", reason="zttp is not installed")
    return {"http": name, **({"http2": True} if second else {})}


def context(pki: Path, *, client: bool, alpn: str = "http/1.1") -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=pki / "ca.pem")
    made.set_alpn_protocols([alpn])
    if client:
        made.load_cert_chain(pki / "client.pem", pki / "client.key")
    return made


def call(port: int, http: str, pki: Path, *, client: bool) -> list[tuple[int, Any]]:
    """Ask twice on one connection; return statuses and bodies."""
    alpn = "h2" if http.endswith("HTTP/2") else "http/1.1"
    with (
        socket.create_connection(("localhost", port), timeout=30) as raw,
        context(pki, client=client, alpn=alpn).wrap_socket(raw, server_hostname="localhost") as connection,
    ):
        assert connection.selected_alpn_protocol() in {alpn, None}  # uvicorn alone does not name HTTP/1.1.
        ask = _ask_2 if alpn == "h2" else _ask_1
        return list(ask(connection))


def _ask_1(connection: ssl.SSLSocket) -> Iterator[tuple[int, Any]]:
    for _ in range(2):
        connection.sendall(b"GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with connection.makefile("rb") as reader:
            status = int(reader.readline().split()[1])
            fields = dict(line.rstrip().lower().split(b": ", 1) for line in iter(reader.readline, b"\r\n"))
            yield status, json.loads(reader.read(int(fields[b"content-length"])))


def _ask_2(connection: ssl.SSLSocket) -> Iterator[tuple[int, Any]]:
    zttp = pytest.importorskip("zttp")
    h2 = zttp.Connection(zttp.CLIENT, protocol=zttp.HTTP2)
    h2.initiate_connection()
    for _ in range(2):
        h2.send_request(b"GET", b"/who", b"2", [(b"host", b"localhost")])
        connection.sendall(h2.data_to_send())
        status, body, ended = 0, b"", False
        while not ended:
            event = h2.next_event()
            if isinstance(event, zttp.NeedData):
                h2.receive_data(connection.recv(65536))
            elif isinstance(event, zttp.Response):
                status = event.status_code
            elif isinstance(event, zttp.Data):
                body += event.data
            ended = isinstance(event, zttp.EndOfMessage) or getattr(event, "end_stream", False) is True
        yield status, json.loads(body)


EXTENSION = ["CN=Development client", 0x0304, 0x1302]


def name_of(answer: Any) -> Any:
    """Return the answer with the subject cut to its first part."""
    chain, tls = answer
    return chain, tls and [tls[0].partition(",")[0], *tls[1:]]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("http", HTTP)
def test_http(http: str, loop: str, serving: Any, pki: Path) -> None:
    """v5.0.0-12.1.3: verified by the guard, named by the extension, for each request of a connection."""
    settings = settings_for(http)
    choices = {"http2": True} if settings.pop("http2", False) else {}
    with serving(
        secured(pki), client_ca=pki / "clients-ca.pem", settings={**settings, "loop": loop}, **choices
    ) as served:
        answers = call(served.port, http, pki, client=True)
        assert [(status, name_of(body)) for status, body in answers] == [(200, (2, EXTENSION))] * 2
        refused = call(served.port, http, pki, client=False)
        assert [(status, body["type"].rpartition(":")[2]) for status, body in refused] == [
            (403, "client_certificate_missing")
        ] * 2


@contextmanager
def deprecated(ws: str) -> Iterator[None]:
    """uvicorn and websockets both warn of the old implementation, which is served as long as it is there."""
    with warnings.catch_warnings():
        if ws == "websockets":
            warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize(
    ("http", "ws", "loop"),
    [(http, ws, "asyncio") for http in HTTP[:3] for ws in WEBSOCKETS]
    + [("httptools", ws, "uvloop") for ws in WEBSOCKETS],
)
def test_websocket(http: str, ws: str, loop: str, serving: Any, pki: Path) -> None:
    """A WebSocket is another protocol class on the same connection: the certificate is there as well."""
    settings = {**settings_for(http), "ws": ws, "loop": loop}
    with (
        deprecated(ws),
        serving(secured(pki), client_ca=pki / "clients-ca.pem", settings=settings) as served,
        connect(f"wss://localhost:{served.port}/ws", ssl=context(pki, client=True), open_timeout=30) as websocket,
    ):
        assert name_of(json.loads(websocket.recv(timeout=30))) == (2, EXTENSION)


@contextmanager
def plain_uvicorn(app: ASGIApp, pki: Path, **settings: Any) -> Iterator[int]:
    """Serve as `uvicorn --ssl-certfile ... --ssl-ca-certs ... --ssl-cert-reqs 1` does."""
    config = uvicorn.Config(
        app,
        ssl_certfile=pki / "server.pem",
        ssl_keyfile=pki / "server.key",
        ssl_ca_certs=str(pki / "clients-ca.pem"),
        ssl_cert_reqs=ssl.CERT_OPTIONAL,
        log_level="warning",
        **settings,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(timeout=20)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("http", HTTP)
def test_plain_uvicorn(http: str, loop: str, pki: Path) -> None:
    """Without our launcher there is no extension; the guard reads the transport."""
    with plain_uvicorn(secured(pki), pki, loop=loop, **settings_for(http)) as port:
        answers = call(port, http, pki, client=True)
        assert [(status, name_of(body)) for status, body in answers] == [(200, (2, None))] * 2
        assert [status for status, _ in call(port, http, pki, client=False)] == [403] * 2


@pytest.mark.parametrize("ws", WEBSOCKETS)
def test_plain_uvicorn_websocket(ws: str, pki: Path) -> None:
    """Each WebSocket class keeps its transport where the guard finds it."""
    with (
        deprecated(ws),
        plain_uvicorn(secured(pki), pki, ws=ws) as port,
        connect(f"wss://localhost:{port}/ws", ssl=context(pki, client=True), open_timeout=30) as websocket,
    ):
        assert name_of(json.loads(websocket.recv(timeout=30))) == (2, None)


APP = """
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from asvs_middleware import ClientCertificates, SecurityPolicy, secure, sensitive

@sensitive(client_certificate="spiffe://localhost/client")
async def who(request):
    return JSONResponse([len(request.state.caller.certificate.chain), None])

pki = Path({pki!r})
certificates = ClientCertificates(trust=pki / "clients-ca.pem", crls=[pki / "clients.crl"])
app = secure(
    Starlette(routes=[Route("/who", who)]), SecurityPolicy.api(hosts=["localhost"], client_certificates=certificates)
)
"""


def test_uvicorn_command(tmp_path: Path, pki: Path) -> None:
    """The command that is in everybody's container needs no change."""
    (tmp_path / "served.py").write_text(APP.format(pki=str(pki)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "served:app", "--port", str(port), "--log-level", "warning"]
    files = {"certfile": "server.pem", "keyfile": "server.key", "ca-certs": "clients-ca.pem"}
    options = [part for name, file in files.items() for part in (f"--ssl-{name}", str(pki / file))]
    with subprocess.Popen([*command, *options, "--ssl-cert-reqs", "1"], cwd=tmp_path, env={**os.environ}) as process:
        try:
            assert eventually(lambda: call(port, "h11", pki, client=True)) == [(200, [2, None])] * 2
            assert call(port, "h11", pki, client=False)[0][0] == 403
        finally:
            process.terminate()


def eventually(attempt: Callable[[], Any]) -> Any:
    """Try until the server is up."""
    until = time.monotonic() + 30
    while True:
        try:
            return attempt()
        except ConnectionRefusedError:
            assert time.monotonic() < until
            time.sleep(0.05)


def der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(
            lambda leaf, issuer: {
                "server_cert": None, "client_cert_chain": [leaf, issuer], "client_cert_name": "CN=x",
                "client_cert_error": None, "tls_version": 0x0304, "cipher_suite": 0x1301,
            },
            id="version 0.2",
        ),
        pytest.param(lambda leaf, issuer: {"client_cert_chain": (leaf, issuer)}, id="the chain alone"),
        pytest.param(lambda leaf, issuer: {"client_cert": ssl.PEM_cert_to_DER_cert(leaf)}, id="the leaf alone, DER"),
        pytest.param(lambda leaf, issuer: {"client_cert_chain": ()}, id="a chain that is empty before Python 3.13"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("filled", [True, False], ids=["filled in", "as it is"])
def test_a_server_with_an_extension_of_its_own(
    shape: Callable[[str, str], dict[str, Any]], filled: bool, pki: Path
) -> None:
    """Whatever a later uvicorn writes, of the shapes that were proposed, gives the same client."""
    app = with_tls_extension(secured(pki)) if filled else secured(pki)
    tls = shape((pki / "client.pem").read_text(), (pki / "clients-ca.pem").read_text())

    async def provided(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "extensions": {**(scope.get("extensions") or {}), "tls": dict(tls)}}
        await app(scope, receive, send)

    with plain_uvicorn(provided, pki) as port:
        answers = call(port, "h11", pki, client=True)
    assert [(status, body[0]) for status, body in answers] == [(200, 2)] * 2
    if filled:
        assert answers[0][1][1][1:] == [0x0304, tls.get("cipher_suite", 0x1302)]
