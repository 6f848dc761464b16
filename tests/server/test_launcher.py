"""serve(): what the TLS port accepts and refuses, how it starts, how it does not, and how it ends."""

import asyncio
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from asvs_middleware import ClientCertificates, SecurityPolicy, public, secure, server
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server import ServerPolicy, serve
from asvs_middleware.server.launcher import server_for
from asvs_middleware.server.listeners import listening
from asvs_middleware.tls import guideline

V = ssl.TLSVersion
SUITES = guideline("intermediate-6.0").tls_1_2_suites


@public(reason="a page for the tests")
async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.client.host} {request.url.scheme}")


def an_app(**choices: Any) -> Starlette:
    return secure(Starlette(routes=[Route("/", home)]), SecurityPolicy.api(hosts=["localhost"], **choices))


@pytest.fixture(scope="module")
def served(serving: Any) -> Iterator[Any]:
    with serving(an_app()) as served:
        yield served


@pytest.fixture(scope="module")
def rsa(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A server's RSA certificate with its key; `ca` is who issued it."""
    folder = tmp_path_factory.mktemp("rsa")
    ca = trustme.CA()
    issued = ca.issue_cert("localhost", key_type=trustme.KeyType.RSA)
    ca.cert_pem.write_to_path(folder / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
    issued.private_key_pem.write_to_path(folder / "server.key")
    (folder / "server.key").chmod(0o600)
    return {"certfile": folder / "server.pem", "keyfile": folder / "server.key", "ca": folder / "ca.pem"}


@pytest.fixture(scope="module")
def served_rsa(serving: Any, rsa: dict[str, Path]) -> Iterator[Any]:
    with serving(an_app(), certfile=rsa["certfile"], keyfile=rsa["keyfile"]) as served:
        yield served


def shake(served: Any, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Connect, ask for the page, and return the connection after the answer, when tickets would have come."""
    raw = socket.create_connection(("localhost", served.port), timeout=30)
    with context.wrap_socket(raw, server_hostname="localhost") as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b" 200 " in connection.recv(100)
        return connection


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_both_versions(version: V, served: Any) -> None:
    """v5.0.0-12.1.1."""
    context = served.context()
    context.minimum_version = context.maximum_version = version
    assert httpx.get(served.url, verify=context, trust_env=False).status_code == 200


@pytest.mark.parametrize("suite", SUITES)
def test_each_suite(suite: str, served: Any, served_rsa: Any, rsa: dict[str, Path]) -> None:
    """v5.0.0-12.1.2: all six suites of the guideline, each with the kind of key it is for."""
    of_rsa = "-RSA-" in suite
    context = served.careless_context(V.TLSv1_2, suite)
    context.load_verify_locations(rsa["ca"])
    seen: list[Any] = []
    raw = socket.create_connection(("localhost", (served_rsa if of_rsa else served).port), timeout=30)
    with context.wrap_socket(raw, server_hostname="localhost") as connection:
        seen.append(connection.cipher())
    assert seen[0][0] == suite


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        pytest.param(V.TLSv1_1, "ALL", id="TLS 1.1"),
        pytest.param(V.TLSv1_2, "ECDHE+AES:!AESGCM:!AESCCM", id="CBC"),
        pytest.param(V.TLSv1_2, "DHE:!ECDHE", id="DHE"),
        pytest.param(V.TLSv1_2, "kRSA", id="no forward secrecy"),
    ],
)
def test_everything_else_is_refused(version: V, ciphers: str, served_rsa: Any, rsa: dict[str, Path]) -> None:
    """v5.0.0-12.1.1 and 12.1.2: no handshake."""
    context = served_rsa.careless_context(version, ciphers)
    context.load_verify_locations(rsa["ca"])
    with pytest.raises((ssl.SSLError, ConnectionError), match=r"EOF|alert|reset|handshake failure"):
        shake(served_rsa, context)


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
@pytest.mark.parametrize("mode", ["optional", "required"])
def test_client_certificates(version: V, mode: str, serving: Any, pki: Path) -> None:
    """v5.0.0-12.1.3: no ticket that would let a client back in unchecked, and required means nobody without."""
    with serving(an_app(), client_ca=pki / "clients-ca.pem", client_certificates=mode) as served:
        context = served.context(client=True)
        context.minimum_version = context.maximum_version = version
        connection = shake(served, context)
        assert connection.session is None or not connection.session.has_ticket
        anonymous = served.context()
        anonymous.minimum_version = anonymous.maximum_version = version
        if mode == "optional":
            shake(served, anonymous)
            return
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError), match=r"EOF|alert|reset|handshake|assert"):
            shake(served, anonymous)


def test_proxy_header_fields_count_for_nothing(served: Any) -> None:
    """v5.0.0-4.1.3: uvicorn's own handling, which trusts this machine by default, is off."""
    headers = {"x-forwarded-for": "10.9.8.7", "x-forwarded-proto": "http"}
    with served.client() as client:
        response = client.get("/", headers=headers)
    assert response.text in {"127.0.0.1 https", "::1 https"}
    assert "server" not in response.headers


def a_policy(pki: Path, **choices: Any) -> ServerPolicy:
    files = {"certfile": pki / "server.pem", "keyfile": pki / "server.key"}
    return ServerPolicy(**{**files, "port": 0, "redirect_port": 0, "log_level": "warning", **choices})


def not_marked() -> Starlette:
    async def forgotten(request: Request) -> PlainTextResponse: ...

    app = Starlette(routes=[Route("/forgotten", forgotten)])
    return secure(app, SecurityPolicy.api(hosts=["localhost"]))


def verifying(pki: Path) -> Starlette:
    return an_app(client_certificates=ClientCertificates(trust=pki / "clients-ca.pem"))


@pytest.mark.parametrize(
    ("app", "choices", "settings", "message"),
    [
        pytest.param(an_app, {"keyfile": "none.key"}, {}, "keyfile='none.key' cannot be read", id="no key"),
        pytest.param(not_marked, {}, {}, "/forgotten", id="a route without a mark"),
        pytest.param(verifying, {}, {}, "never ask.*--client-ca", id="certificates nobody is asked for"),
        pytest.param(an_app, {}, {"proxy_headers": True}, "is refused.*trusted_proxies", id="what would weaken"),
        pytest.param(
            an_app,
            {},
            {"ssl_ciphers": "ALL"},
            "ssl_ciphers .*is refused. TLS follows the profile",
            id="TLS by the back door",
        ),
        pytest.param(an_app, {}, {"loop": "uvloop"}, "needs 'uvloop', which is not installed", id="a missing loop"),
    ],
)
def test_what_stops_the_start(
    *, app: Any, choices: dict[str, Any], settings: dict[str, Any], message: str, pki: Path, monkeypatch: Any
) -> None:
    """One sentence before the app has started, and both ports are free again."""
    monkeypatch.setitem(sys.modules, "uvloop", None)  # As if it were not installed.
    monkeypatch.delitem(sys.modules, "uvicorn.loops.uvloop", raising=False)
    made = app(pki) if app is verifying else app()
    with pytest.raises(ConfigurationError, match=message):
        serve(made, a_policy(pki, **choices), **settings)


def test_a_policy_of_another_kind() -> None:
    """The two policies are not mixed up."""
    with pytest.raises(ConfigurationError, match=r"got a SecurityPolicy as policy. Write serve\(app, ServerPolicy"):
        serve(an_app(), SecurityPolicy.api(hosts=["localhost"]))  # type: ignore[arg-type]


async def fails_to_start(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "the database is down"})


def test_an_app_that_fails_to_start(pki: Path, caplog: Any, capsys: Any) -> None:
    """The plaintext port is not opened for service, the process does not exit behind the caller's back."""
    with pytest.raises(ConfigurationError, match=r"The app did not start. The log above says why."):
        serve(fails_to_start, a_policy(pki))
    assert "the database is down" in capsys.readouterr().err
    assert not [record for record in caplog.records if record.message == "sys_startup"]


def test_sigint_ends_both_ports_in_order(pki: Path, caplog: Any) -> None:
    """SIGHUP: files are read again. Ctrl+C: the app is shut down, serve() returns, handlers are as before."""
    caplog.set_level("INFO", logger="asvs_middleware")
    lifespan: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while scope["type"] == "lifespan":
            kind = (await receive())["type"]
            lifespan.append(kind)
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return

    def interrupt() -> None:
        while not [record for record in caplog.records if record.message == "sys_startup"]:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGHUP)
        while not [record for record in caplog.records if record.message == "reloaded"]:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=interrupt)
    thread.start()
    serve(app, a_policy(pki))
    thread.join()
    assert lifespan == ["lifespan.startup", "lifespan.shutdown"]
    assert signal.getsignal(signal.SIGINT) is before
    (event,) = [record.asvs for record in caplog.records if record.message == "sys_startup"]
    assert event["url"].startswith("https://127.0.0.1:")
    for url in (event["url"], event["plaintext_url"]):
        with pytest.raises(ConnectionRefusedError, match="refused"):
            socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_idle_connections_do_not_hold_the_end_up(loop: str, serving: Any) -> None:
    """Clients that keep connections open, on either port, are cut off: event loops would wait 30 s for TLS to end."""
    with ExitStack() as clients:
        with serving(an_app(), settings={"loop": loop}) as served:
            clients.enter_context(served.client()).get("/")
            raw = clients.enter_context(socket.create_connection(("localhost", served.plaintext_port), timeout=30))
            raw.sendall(b"GET / HT")
            time.sleep(0.05)
            begun = time.monotonic()
        assert time.monotonic() - begun < 15


def test_a_request_under_way_is_answered(serving: Any) -> None:
    """Whoever asked before the end gets the whole answer, however long the app takes."""
    asked = threading.Event()

    @public(reason="a page for the tests")
    async def slow(request: Request) -> PlainTextResponse:
        asked.set()
        await asyncio.sleep(1.5)
        return PlainTextResponse("x" * 1_000_000)

    app = secure(Starlette(routes=[Route("/", slow)]), SecurityPolicy.api(hosts=["localhost"]))
    with ThreadPoolExecutor() as pool:
        with serving(app) as served:
            answer = pool.submit(httpx.get, served.url, verify=served.context(), trust_env=False)
            assert asked.wait(timeout=30)
        assert len(answer.result(timeout=30).text) == 1_000_000


TAKES_ITS_TIME = """
import sys
from asvs_middleware.server import ServerPolicy, serve

async def app(scope, receive, send):
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(2000):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})

certfile, keyfile, port, loop = sys.argv[1:]
policy = ServerPolicy(certfile=certfile, keyfile=keyfile, port=int(port))
serve(app, policy, loop=loop, timeout_graceful_shutdown=1)
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_stalling_strangers_do_not_hold_the_end_up(loop: str, pki: Path, tmp_path: Path) -> None:
    """v5.0.0-13.2.6: half a body, an answer nobody reads, no handshake: they get the time chosen, and no more."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", TAKES_ITS_TIME, pki / "server.pem", pki / "server.key", str(port), loop]
    context = ssl.create_default_context(cafile=pki / "ca.pem")
    log = tmp_path / "log"
    with ExitStack() as strangers, log.open("wb") as output, subprocess.Popen(command, stderr=output) as process:
        strangers.callback(process.kill)
        deadline = time.monotonic() + 30
        while True:
            try:
                idle = socket.create_connection(("127.0.0.1", port), timeout=30)
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                break
        strangers.enter_context(idle)
        for begun in (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ):
            raw = socket.create_connection(("127.0.0.1", port), timeout=30)
            strangers.enter_context(context.wrap_socket(raw, server_hostname="localhost")).sendall(begun)
        time.sleep(0.3)
        begun_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == -signal.SIGTERM
        assert 1 < time.monotonic() - begun_at < 15
    assert "timeout graceful shutdown exceeded" in log.read_text()


def test_the_time_for_requests_under_way(pki: Path) -> None:
    """Half a minute unless another time is chosen; there is no way to wait for ever but to ask for it."""
    policy = a_policy(pki)
    with listening(policy) as listeners:
        server = server_for(an_app(), policy, listeners)
        longer = server_for(an_app(), policy, listeners, timeout_graceful_shutdown=90)
    assert server.beside is not None
    assert [one.config.timeout_graceful_shutdown for one in (server, server.beside[0], longer)] == [30, 30, 90]


async def listens(scope: Scope, receive: Receive, send: Send) -> None:
    """Take a WebSocket and one message; answer everything else."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.close"})
    elif scope["type"] == "http":
        await PlainTextResponse("hello")(scope, receive, send)


@pytest.mark.parametrize(
    ("http", "ws"), [("h11", "websockets-sansio"), ("httptools", "wsproto")], ids=["h11", "httptools"]
)
@pytest.mark.parametrize("level", ["debug", "info"])
def test_no_secret_is_in_the_log(level: Any, http: str, ws: str, serving: Any, capfd: Any) -> None:
    """v5.0.0-16.2.5: no query of either port, no credential, no frame, at whatever level; the paths are there."""
    secret = {"authorization": "Bearer s3cret", "cookie": "sid=s3cret"}
    filters = [list(logging.getLogger(name).filters) for name in ("uvicorn.access", "uvicorn.error")]
    with serving(listens, settings={"http": http, "ws": ws}, log_level=level) as served:
        with served.client() as client:
            assert client.get("/page?token=s3cret", headers=secret).status_code == 200
        assert httpx.get(f"{served.plaintext_url}/clear?token=s3cret", headers=secret, trust_env=False).is_error
        url = f"wss://localhost:{served.port}/feed?token=s3cret"
        with connect(url, ssl=served.context(), additional_headers=secret, proxy=None, open_timeout=30) as socket_:
            socket_.send("s3cret")
            with pytest.raises(ConnectionClosed, match="1000"):
                socket_.recv()
    written = "".join(capfd.readouterr())
    for line in ('"GET /page HTTP/1.1" 200', '"GET /clear HTTP/1.1" 403', '"WebSocket /feed" [accepted]'):
        assert line in written
    assert "s3cret" not in written
    assert [list(logging.getLogger(name).filters) for name in ("uvicorn.access", "uvicorn.error")] == filters


def test_ipv6_addresses_are_written_with_brackets(pki: Path) -> None:
    """The event of the start holds URLs that can be opened (RFC 3986 section 3.2.2)."""
    policy = a_policy(pki, host="::1", redirect_port=None)
    with listening(policy) as listeners:
        facts = server_for(an_app(), policy, listeners).facts
    assert str(facts["url"]).startswith("https://[::1]:")
    assert facts["plaintext_url"] is None


def test_public_names() -> None:
    """What the room offers is loaded when it is asked for, and nothing else is."""
    assert {name: getattr(server, name).__name__ for name in server.__all__} == {
        "Admission": "Admission",
        "Deadlines": "Deadlines",
        "HeadLimits": "HeadLimits",
        "ServerPolicy": "ServerPolicy",
        "certificate_seconds_left": "certificate_seconds_left",
        "serve": "serve",
    }
    with pytest.raises(AttributeError, match="has no attribute 'srve'"):
        _ = server.srve
