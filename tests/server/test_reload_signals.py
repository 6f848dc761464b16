"""Reload in the command as it is deployed: by itself, on SIGHUP, in one process and in two."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from asvs_middleware import SecurityPolicy, secure
from asvs_middleware.server import ServerPolicy
from asvs_middleware.server.launcher import server_for
from asvs_middleware.server.listeners import Listeners
from asvs_middleware.stack import stack_of

APP = """
import os
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from asvs_middleware import ClientCertificates, SecurityPolicy, public, secure, sensitive

@public(reason="a page for the tests")
async def home(request):
    return PlainTextResponse(str(os.getpid()))

@sensitive(client_certificate="spiffe://example.org/batch")
async def batch(request):
    return PlainTextResponse("batch")

app = secure(
    Starlette(routes=[Route("/", home), Route("/batch", batch)]),
    SecurityPolicy.api(
        hosts=["localhost"],
        client_certificates=ClientCertificates(trust="clients-ca.pem", crls=["clients.crl"]),
    ),
)
"""


class Program:
    """`asvs serve`, running."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Any, port: int, log: Path) -> None:
        self.process, self.folder, self.port, self.log = process, folder, port, log

    def ask(self, path: str, client: str | None = None) -> tuple[int, str, str]:
        """Return status, body and who issued the server's certificate, over a new connection."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        with self.folder.context(client).wrap_socket(raw, server_hostname="localhost") as connection:
            request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            issuer = dict(part for group in connection.getpeercert()["issuer"] for part in group)["commonName"]
            answer = b""
            while part := connection.recv(4096):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode(), issuer

    def is_taken(self, context: ssl.SSLContext) -> bool:
        """Tell whether a handshake with this context comes to an end."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        try:
            context.wrap_socket(raw, server_hostname="localhost").close()
        except (ssl.SSLError, ConnectionError):
            return False
        return True

    def issuers(self) -> set[str]:
        """Ask often enough to reach every process."""
        return {self.ask("/")[2] for _ in range(10)}

    def events(self, *names: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] in names]


@contextmanager
def program(folder: Any, *options: str, app: str = "reloaded_app:app") -> Iterator[Program]:
    (folder.path / "reloaded_app.py").write_text(APP)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log, ready = folder.path / "log", folder.path / "ready"
    files = ["--certfile", "server.pem", "--keyfile", "server.key", "--client-ca", "clients-ca.pem"]
    command = [sys.executable, "-m", "asvs_middleware", "serve", app, *files, "--port", str(port)]
    command += ["--host", "127.0.0.1", "--ready-file", str(ready), "--log-format", "json", *options]
    with log.open("wb") as output, subprocess.Popen(command, cwd=folder.path, stderr=output) as process:
        try:
            until(lambda: ready.exists() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield Program(process, folder, port, log)
        finally:
            process.terminate()
            process.wait(20)


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "It took too long."
        time.sleep(0.02)
    return found


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP on this system")
@pytest.mark.parametrize("workers", [1, 2])
def test_sighup(workers: int, folder: Any) -> None:
    """Each process has the new certificate, list and CA in force at once; a bad pair changes none, and ends none."""
    with program(folder, "--workers", str(workers), "--reload-every", "0") as running:
        assert running.issuers() == {"Servers a"}
        assert running.ask("/batch", "a")[0] == 200
        folder.serve("b")
        folder.revoke(("a", folder.client["a"]))
        running.process.send_signal(signal.SIGHUP)
        until(lambda: len(running.events("reloaded")) == workers)
        assert running.issuers() == {"Servers b"}
        assert running.ask("/batch", "a")[0] == 403
        folder.write("server.key", folder.server("a").key_pem)
        running.process.send_signal(signal.SIGHUP)
        until(lambda: len(running.events("reload_failed")) == workers)
        assert running.issuers() == {"Servers b"}
        assert len({event["pid"] for event in running.events("reloaded", "reload_failed")}) == workers
        assert not running.events("sys_crash")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP on this system")
@pytest.mark.parametrize("workers", [1, 2])
def test_the_profile(workers: int, folder: Any) -> None:
    """v5.0.0-12.1.1: the file's new name rules the next handshake in each process; TLS 1.2 ends, and comes back."""
    folder.write("profile", b"intermediate-6.0\n")
    old = folder.context(maximum_version=ssl.TLSVersion.TLSv1_2)

    def taken() -> set[bool]:
        """Ask often enough to reach every process."""
        return {running.is_taken(old) for _ in range(10)}

    with program(folder, "--workers", str(workers), "--profile-file", "profile", "--reload-every", "1") as running:
        assert taken() == {True}
        folder.write("profile", b"modern-6.0\n")
        until(lambda: len(running.events("reloaded")) == workers)
        assert taken() == {False}
        assert running.is_taken(folder.context())
        folder.write("profile", b"old\n")
        running.process.send_signal(signal.SIGHUP)
        until(lambda: len(running.events("reload_failed")) == workers)
        assert taken() == {False}
        folder.write("profile", b"intermediate-6.0\n")
        running.process.send_signal(signal.SIGHUP)
        until(lambda: len(running.events("reloaded")) >= 2 * workers)
        assert taken() == {True}
        assert not running.events("sys_crash")
    assert {event["profile"] for event in running.events("sys_startup")} == {"intermediate-6.0"}
    assert [event["profile"] for event in running.events("reloaded")][:workers] == ["modern-6.0"] * workers


def test_a_worker_that_dies_meanwhile(folder: Any) -> None:
    """With a wrong name in the file it cannot start again; the other one serves on, and mended it is there again."""
    folder.write("profile", b"intermediate-6.0\n")
    with program(folder, "--workers", "2", "--profile-file", "profile", "--reload-every", "0") as running:
        (pid,) = {running.ask("/")[1]}
        folder.write("profile", b"old\n")
        os.kill(int(pid), signal.SIGKILL)
        until(lambda: len(running.events("sys_crash")) >= 2)
        assert "does not hold the name of a profile" in running.events("sys_crash")[1]["reason"]
        assert running.ask("/")[1] != pid
        folder.write("profile", b"intermediate-6.0\n")
        until(lambda: len({running.ask("/")[1] for _ in range(5)}) == 2)


SLOW_TO_START = """
import os, signal, time

def hear(name):
    os.kill(os.getpid(), signal.SIGHUP)
    time.sleep(0.1)

hear("import")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        hear("startup")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
"""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP on this system")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_during_the_start(workers: str, folder: Any) -> None:
    """Whoever asks for a reload while the app is imported, or starts, does not end the server with it."""
    (folder.path / "slow_app.py").write_text(SLOW_TO_START)
    with program(folder, "--workers", workers, "--reload-every", "0", app="slow_app:app") as running:
        running.process.send_signal(signal.SIGHUP)
        until(lambda: len(running.events("reloaded")) >= int(workers))
        assert running.process.poll() is None
        assert not running.events("sys_crash")


def test_by_itself(folder: Any) -> None:
    """Nobody has to ask: what changed, and has come to rest, is in force a moment later."""
    with program(folder, "--reload-every", "1") as running:
        folder.serve("b")
        until(lambda: running.events("reloaded"))
        assert running.issuers() == {"Servers b"}
        (event,) = running.events("reloaded")
        assert event["asked"] is False


def test_behind_a_proxy_on_a_unix_socket(folder: Any, tmp_path: Path) -> None:
    """There is no TLS of ours then; the app's own list of revoked clients is reloaded all the same."""

    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    choices = {"hosts": ["localhost"], "trusted_proxies": ["unix"], "default": "allow"}
    secured = secure(app, SecurityPolicy.api(client_certificates=folder.certificates, **choices))
    server = server_for(secured, ServerPolicy(uds=tmp_path / "socket"), Listeners([], []), at=folder.now)
    before = stack_of(secured).guard.certificates.policy
    folder.revoke(("a", folder.client["a"]))
    server.reloader.look(asked=True)
    assert stack_of(secured).guard.certificates.policy is not before
    assert server.config.ssl is None
