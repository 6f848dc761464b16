"""What clients may do, as the command's options say it: nothing is missing, and each has its effect. v5.0.0-15.2.2."""

import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from asvs_middleware.cli import main
from asvs_middleware.server.bounds import BOUNDS, bounded
from asvs_middleware.server.policy import ServerPolicy

APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
"""


def test_every_field_is_an_option() -> None:
    """Of all three parts, with the default they have; what the command says is what they take."""
    policy = ServerPolicy(certfile="server.pem", keyfile="server.key")
    parts = {name: getattr(policy, name) for name in ("admission", "deadlines", "head_limits")}
    expected = {(name, field.name) for name, part in parts.items() for field in fields(part)}
    assert {(bound.part, bound.field) for bound in BOUNDS} == expected
    kinds: dict[str, Any] = {"networks": lambda _: (), "seconds": lambda given: timedelta(seconds=given), "whole": int}
    choices = {bound.name: kinds[bound.kind](bound.default) for bound in BOUNDS}
    assert bounded(choices, **{name: type(part) for name, part in parts.items()}) == parts


@contextmanager
def serving(pki: Path, folder: Path, *options: str) -> Iterator[tuple[int, Path]]:
    """Run the command, and yield its port and its log."""
    (folder / "bounded_app.py").write_text(APP)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    files = ["--certfile", str(pki / "server.pem"), "--keyfile", str(pki / "server.key"), "--ready-file", "ready"]
    command = [sys.executable, "-m", "asvs_middleware", "serve", "bounded_app:app", *files, "--port", str(port)]
    command += ["--log-format", "json", *options]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, cwd=folder, stderr=log) as process:
        try:
            until = time.monotonic() + 30
            while not (folder / "ready").exists():
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.02)
            yield port, folder / "log"
        finally:
            process.terminate()
            process.wait(20)


def codes(log: Path, event: str, count: int) -> list[str]:
    """Return the codes of so many events of that name; they are written a moment after the client was answered."""
    until = time.monotonic() + 30
    while True:
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        found = [line["code"] for line in lines if line["event"] == event]
        if len(found) >= count:
            return found
        assert time.monotonic() < until, found
        time.sleep(0.02)


def said(port: int, pki: Path, request: bytes) -> bytes:
    """Return all that comes back until the server closes."""
    context = ssl.create_default_context(cafile=pki / "ca.pem")
    answer = b""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as connection,
    ):
        connection.sendall(request)
        while came := connection.recv(65536):
            answer += came
    return answer


def test_networks(pki: Path, tmp_path: Path) -> None:
    """v5.0.0-12.3.5: --allow-peer is looked at before TLS; who is in none of several gets an alert, and an event."""
    with serving(pki, tmp_path, "--allow-peer", "192.0.2.0/24", "--allow-peer", "2001:db8::/32") as (port, log):
        with pytest.raises(ssl.SSLError, match=r"ACCESS_DENIED|access denied"):
            said(port, pki, b"")
        assert codes(log, "connection_refused", 1) == ["peer_not_allowed"]


def test_deadlines_and_sizes(pki: Path, tmp_path: Path) -> None:
    """Half a head is answered when its time is over; a head above its size, its fields or its target at once."""
    options = ["--head-deadline", "1", "--head-size", "2048", "--head-fields", "10", "--target-size", "255"]
    head = b"GET /%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s"
    with serving(pki, tmp_path, *options) as (port, log):
        assert said(port, pki, head % (b"", b"\r\n")).startswith(b"HTTP/1.1 200 ")
        assert said(port, pki, head % (b"", b"")).startswith(b"HTTP/1.1 408 ")
        assert said(port, pki, head % (b"", b"X: " + b"a" * 2048 + b"\r\n\r\n")).startswith(b"HTTP/1.1 431 ")
        assert said(port, pki, head % (b"", b"X: a\r\n" * 9 + b"\r\n")).startswith(b"HTTP/1.1 431 ")
        assert said(port, pki, head % (b"a" * 255, b"\r\n")).startswith(b"HTTP/1.1 414 ")
        assert codes(log, "malformed_request", 3) == ["head_too_large", "too_many_fields", "target_too_long"]


def test_connections(pki: Path, tmp_path: Path) -> None:
    """One more than --connections-per-address is refused; another process is not needed to see it."""
    with serving(pki, tmp_path, "--connections-per-address", "2") as (port, log):
        held = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(2)]
        time.sleep(0.2)
        with pytest.raises((ssl.SSLError, ConnectionError), match=r"(?i)alert|reset"):
            said(port, pki, b"")
        for one in held:
            one.close()
        assert codes(log, "connection_refused", 1) == ["too_many_from_address"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["--allow-peer", "localhost"],
            "--allow-peer: Admission(peers=...) holds 'localhost'",
            id="a name for a network",
        ),
        pytest.param(["--head-deadline", "0"], "--head-deadline: Deadlines(head=", id="no time at all"),
        pytest.param(["--idle-deadline=-1"], "--idle-deadline: Deadlines(idle=", id="less than no time"),
        pytest.param(["--body-rate=-1"], "--body-rate: Deadlines(body_rate=-1)", id="less than no byte"),
        pytest.param(["--head-deadline", "nan"], "'nan' is no number such as 5", id="no number"),
        pytest.param(["--head-deadline", "9999999999"], "9999999999.0 is no number of seconds", id="three centuries"),
        pytest.param(["--head-size", "1"], "--head-size: HeadLimits(size=1) is no limit", id="a head of one byte"),
        pytest.param(["--connections", "0"], "--connections: Admission(connections=0) is no limit", id="no connection"),
    ],
)
def test_wrong_bounds(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with what was given, and nothing starts."""
    with pytest.raises(SystemExit, match="2"):
        main(["serve", "main:app", "--certfile", "a.pem", "--keyfile", "a.key", *arguments], prog_name="asvs")
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
