"""A graceful stop and a client that takes its time: SIGTERM cuts no answer short. v5.0.0-15.2.2 and 16.5.2."""

import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

SIZES = range(50_000, 4_000_000, 50_000)

PROGRAM = """
import sys
from asvs_middleware.server import ServerPolicy, serve

async def app(scope, receive, send):
    if scope["type"] == "http":
        body = bytes(int(scope["path"].removeprefix("/")))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

certfile, keyfile, port, loop, ready, http2 = sys.argv[1:]
policy = ServerPolicy(certfile=certfile, keyfile=keyfile, port=int(port), ready_file=ready, http2=http2 == "True")
serve(app, policy, loop=loop)
"""


@contextmanager
def served(loop: str, pki: Path, folder: Path, *, http2: bool = False) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ready = folder / "ready"
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        pki / "server.pem",
        pki / "server.key",
        str(port),
        loop,
        ready,
        str(http2),
    ]
    with (folder / "log").open("wb") as output, subprocess.Popen(command, stderr=output) as process:
        try:
            until = time.monotonic() + 30
            while not ready.exists():
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.02)
            yield process, port
        finally:
            process.kill()


@contextmanager
def asking(port: int, pki: Path, size: int) -> Iterator[tuple[ssl.SSLSocket, bytes]]:
    """Ask for so many bytes with little room for them, and read the head and the first of them."""
    context = ssl.create_default_context(cafile=pki / "ca.pem")
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        raw.settimeout(30)
        raw.connect(("127.0.0.1", port))
        with context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False) as connection:
            connection.sendall(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % size)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += connection.recv(4096)
            yield connection, answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_slow_download_is_whole(loop: str, pki: Path, tmp_path: Path) -> None:
    """The app has handed all of it over when the end is asked for; whatever waits in the server is sent all the same.

    How much the system takes before the rest waits in the server differs: so there are answers of many sizes.
    """
    with served(loop, pki, tmp_path) as (process, port), ExitStack() as clients:
        asked = [(size, *clients.enter_context(asking(port, pki, size))) for size in SIZES]
        process.send_signal(signal.SIGTERM)
        time.sleep(2.5)  # Longer than a client has to say goodbye.
        for size, connection, begun in asked:
            assert size == len(begun) + read_all(connection), f"of {size} bytes"
        assert process.wait(timeout=20) == -signal.SIGTERM


def read_all(connection: ssl.SSLSocket) -> int:
    """Return how many bytes came before the end of TLS; any other end is an error."""
    came = 0
    while more := connection.recv(65536):
        came += len(more)
    return came


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_what_a_window_keeps_back_is_sent(loop: str, pki: Path, tmp_path: Path) -> None:
    """HTTP/2: the app is done, and the client has room for a part only; it gets the rest as it makes room."""
    zttp = pytest.importorskip("zttp")
    context = ssl.create_default_context(cafile=pki / "ca.pem")
    context.set_alpn_protocols(["h2"])
    came, ended, stopped = 0, False, False
    with (
        served(loop, pki, tmp_path, http2=True) as (process, port),
        socket.create_connection(("127.0.0.1", port), timeout=30) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as connection,
    ):
        speaker = zttp.Connection(zttp.CLIENT, protocol=zttp.HTTP2)
        speaker.initiate_connection()
        speaker.send_request(b"GET", b"/1000000", b"2", [(b"host", b"localhost")])
        connection.sendall(speaker.data_to_send())
        while not ended and (data := connection.recv(16384)):
            speaker.receive_data(data)
            while (event := speaker.next_event()) is not zttp.NEED_DATA:
                came += len(event.data) if isinstance(event, zttp.Data) else 0
                ended |= isinstance(event, zttp.EndOfMessage)
            if came and not stopped:
                stopped = True
                process.send_signal(signal.SIGTERM)
                time.sleep(2.5)
            connection.sendall(speaker.data_to_send())
        assert (came, ended) == (1_000_000, True)
        assert process.wait(timeout=20) == -signal.SIGTERM
