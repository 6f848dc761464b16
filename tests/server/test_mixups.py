"""Plaintext on the TLS port and TLS on the plaintext port: answered in the language the client speaks, and reported."""

import contextlib
import logging
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from starlette.types import Receive, Scope, Send

from asvs_middleware.server.accept.guarded import Guard
from asvs_middleware.server.accept.limits import Admission
from asvs_middleware.server.accept.refusals import Budget, RefusalLog
from asvs_middleware.server.http.deadlines import Deadlines


async def never(_scope: Scope, _receive: Receive, _send: Send) -> NoReturn:
    """The app of both ports: nobody here speaks the right language, so nothing may reach it."""
    raise RuntimeError("the app was reached")


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def ports(request: pytest.FixtureRequest, guarding: Any) -> Iterator[dict[bool, int]]:
    """The ports, by whether TLS is spoken."""
    guard = Guard(log=RefusalLog(Budget(each=1000, overall=1000)))
    with (
        guarding(never, guard, loop=request.param) as (_, tls),
        guarding(never, guard, loop=request.param, tls=False) as (_, plaintext),
    ):
        yield {True: tls, False: plaintext}


def said(port: int, data: bytes) -> bytes:
    """Return all the port says to these bytes, until it closes."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(data)
        with contextlib.suppress(ConnectionResetError):  # What it did not read the system complains about.
            while came := connection.recv(65536):
                answer += came
    return answer


def waited(events: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    end = time.monotonic() + 30
    while not events() and time.monotonic() < end:
        time.sleep(0.01)
    return events()


GET = b"GET /secret?token=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer abc\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(GET, id="GET"),
        pytest.param(GET.replace(b"GET", b"DELETE"), id="a method OpenSSL does not know"),
        pytest.param(b"CONNECT localhost:443 HTTP/1.1\r\n\r\n", id="CONNECT"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2 without TLS"),
        pytest.param(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", id="the PROXY protocol"),
        pytest.param(b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", id="SSL 2"),
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", id="SSH"),
        pytest.param(bytes(64), id="zeros"),
        pytest.param(b"G", id="one byte"),
    ],
)
def test_plaintext_on_the_tls_port(ports: dict[bool, int], events: Any, data: bytes) -> None:
    """A short 400 that ends the connection, one event, and nothing of the request in either."""
    answer = said(ports[True], data)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"connection: close" in answer
    [event] = waited(events)
    assert (event["event"], event["peer"]) == ("plaintext_on_tls_port", "127.0.0.1")
    assert "secret" not in str(event)
    assert "abc" not in str(event)
    assert len(answer) < 300


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_on_the_plaintext_port(ports: dict[bool, int], events: Any, pki: Path, version: ssl.TLSVersion) -> None:
    """The client reads an alert, and one event says who it was and which name it asked for."""
    context = ssl.create_default_context(cafile=pki / "ca.pem")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Old versions are the point.
        context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", ports[False]), timeout=30) as connection,
        pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"),
    ):
        context.wrap_socket(connection, server_hostname="api.example.com")
    [event] = waited(events)
    assert (event["event"], event["peer"], event["server_name"]) == (
        "tls_on_plaintext_port",
        "127.0.0.1",
        "api.example.com",
    )


def test_the_beginning_of_tls(ports: dict[bool, int], events: Any) -> None:
    """One byte is enough to know it; what follows is not read."""
    assert said(ports[False], b"\x16") == b"\x15\x03\x03\x00\x02\x02\x28"
    assert waited(events)[0]["server_name"] is None


def test_a_full_answer_is_not_waited_for(ports: dict[bool, int], events: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A client that is gone before its answer is reported all the same, and nothing is raised."""
    caplog.set_level(logging.WARNING)
    with socket.create_connection(("127.0.0.1", ports[True])) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # It ends with a reset.
        connection.sendall(GET)
    assert waited(events)[0]["event"] in {"plaintext_on_tls_port", "handshake_refused"}
    assert [one for one in caplog.records if one.name == "asyncio"] == []


def test_both_ports_of_the_launcher(serving: Any, events: Any) -> None:
    """What is served by `asvs serve` is guarded as its policy says, on both ports."""
    choices = {
        "deadlines": Deadlines(head=timedelta(seconds=1)),
        "admission": Admission(peers=["127.0.0.0/8", "::1"]),
    }
    with serving(never, **choices) as served:
        assert said(served.port, GET).startswith(b"HTTP/1.1 400 Bad Request")
        assert said(served.plaintext_port, b"\x16\x03\x01") == b"\x15\x03\x03\x00\x02\x02\x28"
        assert said(served.plaintext_port, b"GET / ").startswith(b"HTTP/1.1 408 Request Timeout")
        assert said(served.plaintext_port, GET.replace(b"\r\n", b"\n")).startswith(b"HTTP/1.1 400 Bad Request")
    names = [one["event"] for one in events()]
    for name in ("plaintext_on_tls_port", "tls_on_plaintext_port", "slow_client", "malformed_request"):
        assert names.count(name) == 1
