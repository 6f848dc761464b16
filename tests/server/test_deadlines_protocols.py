"""The guard of one connection where it differs: HTTP/2, refusals behind other requests, no TLS, no TCP_INFO."""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from asvs_middleware.server.accept.guarded import Guard
from asvs_middleware.server.accept.limits import Admission
from asvs_middleware.server.accept.refusals import Budget, RefusalLog
from asvs_middleware.server.http.deadlines import Deadlines
from asvs_middleware.server.http.facts import owes_body, under_way
from asvs_middleware.server.http.protocol import guarded_protocol
from asvs_middleware.server.http.sending import sent
from asvs_middleware.server.http.transport import ObservedTransport

SHORT = timedelta(seconds=0.4)
DEADLINES = Deadlines(head=SHORT, body=SHORT, idle=SHORT, upgrade=SHORT, sending=SHORT)
GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
BAD = b"GET / HTTP/1.1\nHost: localhost\n\n"


def a_guard() -> Guard:
    return Guard(
        deadlines=DEADLINES,
        admission=Admission(connections_per_address=1000, handshakes_per_address=1000),
        log=RefusalLog(Budget(each=1000, overall=1000)),
    )


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    path = scope["path"]
    if path == "/first":  # It answers before the body is there.
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"ok", "more_body": True})
    while (message := await receive())["type"] == "http.request" and message["more_body"]:
        pass
    await asyncio.sleep({"/slow": 0.6, "/pause": 0.2}.get(path, 0))
    size = {"/large": 20_000_000, "/some": 400_000}.get(path, 2)
    if path != "/first":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]})
    await send({"type": "http.response.body", "body": b"a" * size})


def read_all(connection: socket.socket) -> tuple[bytes, float]:
    begun, answer = time.monotonic(), b""
    with suppress(ConnectionError, ssl.SSLError):
        while came := connection.recv(65536):
            answer += came
    return answer, time.monotonic() - begun


@pytest.fixture(scope="module")
def context(pki: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=pki / "ca.pem")


Steps = Callable[[Any, socket.socket], None]


def nothing(_client: Any, _connection: socket.socket) -> None:
    """Say no more than that HTTP/2 is spoken."""


def ask(path: bytes, *, body: bool = False) -> Steps:
    def steps(client: Any, connection: socket.socket) -> None:
        stream = client.send_request(b"POST" if body else b"GET", path, b"2", [(b"host", b"localhost")])
        if body:
            stream.send_data(b"half")
        else:
            stream.end_message()
        connection.sendall(client.data_to_send())

    return steps


def ping(_client: Any, connection: socket.socket) -> None:
    """Keep pinging, and nothing else."""
    with suppress(OSError):
        for _ in range(30):
            time.sleep(0.1)
            connection.sendall(b"\0\0\x08\x06\0\0\0\0\0" + bytes(8))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_http2(guarding: Any, pki: Path, events: Any, loop: str) -> None:
    """No request, no next one, and half a body are late; an app that is slow is not, and pings are no requests."""
    zttp = pytest.importorskip("zttp")
    h2 = ssl.create_default_context(cafile=pki / "ca.pem")
    h2.set_alpn_protocols(["h2"])
    table: dict[str, tuple[list[Steps], float, str | None]] = {
        "silent": ([nothing], 0.4, "first"),
        "pings alone": ([ping], 0.4, "first"),
        "a request, then nothing": ([ask(b"/")], 0.4, None),
        "a request, then pings": ([ask(b"/"), ping], 0.4, None),
        "a slow app": ([ask(b"/slow")], 1.0, None),
        "half a body": ([ask(b"/", body=True)], 0.4, "body"),
    }

    def client(port: int, steps: list[Steps]) -> tuple[bytes, float]:
        begun = time.monotonic()
        with (
            socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
            h2.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            speaker = zttp.Connection(zttp.CLIENT, protocol=zttp.HTTP2)
            speaker.initiate_connection()
            connection.sendall(speaker.data_to_send())
            for step in steps:
                step(speaker, connection)
            answer, _ = read_all(connection)
        return answer, time.monotonic() - begun

    with (
        guarding(app, a_guard(), loop=loop, http="zttp", http2=True) as (_, port),
        ThreadPoolExecutor(len(table)) as pool,
    ):
        under_way = {name: pool.submit(client, port, steps) for name, (steps, *_) in table.items()}
        for name, (_, lasts, reported) in table.items():
            answer, lasted = under_way[name].result()
            assert lasts - 0.1 < lasted < lasts + 15, name
            assert (b"a" * 2 in answer) == (reported is None), name
    assert sorted(one["deadline"] for one in events()) == ["body", "first", "first"]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("how", ["slow", "stops", "the server ends"])
def test_http2_downloads(guarding: Any, pki: Path, events: Any, loop: str, how: str) -> None:
    """Who takes an answer slowly gets all of it, though the app was done at once; who stops taking is late."""
    stops = how == "stops"
    zttp = pytest.importorskip("zttp")
    h2 = ssl.create_default_context(cafile=pki / "ca.pem")
    h2.set_alpn_protocols(["h2"])
    came, ended, begun = 0, False, time.monotonic()
    with (
        guarding(app, a_guard(), loop=loop, http="zttp", http2=True) as (server, port),
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        h2.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        speaker = zttp.Connection(zttp.CLIENT, protocol=zttp.HTTP2)
        speaker.initiate_connection()
        ask(b"/some")(speaker, connection)
        with suppress(ConnectionError, ssl.SSLError):
            while not ended and (data := connection.recv(16384)):
                speaker.receive_data(data)
                while (event := speaker.next_event()) is not zttp.NEED_DATA:
                    came += len(event.data) if isinstance(event, zttp.Data) else 0
                    ended |= isinstance(event, zttp.EndOfMessage)
                server.should_exit = how == "the server ends"
                if not stops:
                    connection.sendall(speaker.data_to_send())
                    time.sleep(0.06)
    assert time.monotonic() - begun > 2 * SHORT.total_seconds() - 0.1
    assert (came == 400_000, ended) == (not stops, not stops)
    assert [one["deadline"] for one in events()] == ["sending"] * stops


def test_garbage_behind_a_download(guarding: Any, pki: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What the client has no room for does not keep a connection open whose frames are none."""
    zttp = pytest.importorskip("zttp")
    h2 = ssl.create_default_context(cafile=pki / "ca.pem")
    h2.set_alpn_protocols(["h2"])
    guard = Guard(log=RefusalLog())
    with (
        guarding(app, guard, http="zttp", http2=True) as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        h2.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        speaker = zttp.Connection(zttp.CLIENT, protocol=zttp.HTTP2)
        speaker.initiate_connection()
        ask(b"/some")(speaker, connection)
        begun = time.monotonic()
        with suppress(ConnectionError, ssl.SSLError):
            for _ in range(20):
                connection.sendall(b"\0\0\x01\x04\0\0\0\0\0x")  # SETTINGS of one byte.
                time.sleep(0.1)
        read_all(connection)
        assert time.monotonic() - begun < 15
    assert len([one for one in caplog.messages if "Invalid HTTP/2 frame" in one]) <= 2


@pytest.fixture(scope="module", params=["h11", "httptools", "zttp"])
def port(request: pytest.FixtureRequest, guarding: Any) -> Iterator[int]:
    if request.param == "zttp":
        pytest.importorskip("zttp")
    with guarding(app, a_guard(), http=request.param) as (_, port):
        yield port


@pytest.mark.parametrize(
    ("data", "answers"),
    [
        pytest.param(BAD, [b"400 Bad Request"], id="alone"),
        pytest.param(GET % b"/pause" + BAD, [b"200 OK"], id="behind a request under way"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            [b"400 Bad Request"],
            id="in a body",
        ),
        pytest.param(
            GET % b"/pause" + b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            None,
            id="in a body behind a request under way",
        ),
        pytest.param(b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET % b"/", [b"501 Not Implemented"], id="501"),
    ],
)
def test_refused(port: int, context: ssl.SSLContext, events: Any, data: bytes, answers: list[bytes] | None) -> None:
    """One answer at most, in its turn; then the connection is closed, and one event says why."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(data)
        answer, lasted = read_all(connection)
    found = [line.removeprefix(b"HTTP/1.1 ") for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert found == answers or (answers is None and len(found) <= 1)
    assert lasted < 15
    assert [one["event"] for one in events()] == ["malformed_request"]


def test_nothing_behind_a_refusal_is_read(port: int, context: ssl.SSLContext, events: Any) -> None:
    """What comes after it, while an earlier request is still answered, reaches nobody."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(GET % b"/pause" + BAD)
        time.sleep(0.1)
        connection.sendall(GET % b"/" + BAD)
        answer, _ = read_all(connection)
    assert answer.count(b"HTTP/1.1") == 1
    assert [one["event"] for one in events()] == ["malformed_request"]


def test_refused_after_the_answer_began(guarding: Any, context: ssl.SSLContext, events: Any) -> None:
    """No second answer is written into the first: the connection is broken off."""
    with (
        guarding(app, a_guard(), http="h11") as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(b"POST /first HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        begun = connection.recv(65536)
        connection.sendall(b"zz\r\n")
        rest, _ = read_all(connection)
    assert (begun + rest).count(b"HTTP/1.1") == 1
    assert [one["event"] for one in events()] == ["malformed_request"]


def test_without_tls(guarding: Any, events: Any) -> None:
    """On the plaintext port the same deadlines hold, and a large answer is taken in peace."""
    with guarding(app, a_guard(), tls=False) as (_, port):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(GET % b"/large")
            time.sleep(0.2)
            assert len(read_all(connection)[0]) > 20_000_000
        assert events() == []
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"GET")
            answer, lasted = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 408 Request Timeout")
        assert 0.3 < lasted < 15
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(GET % b"/large")
            end = time.monotonic() + 30
            while len(events()) < 2 and time.monotonic() < end:
                time.sleep(0.05)
        assert [one["deadline"] for one in events()] == ["head", "sending"]


def test_where_the_system_does_not_count(
    guarding: Any, context: ssl.SSLContext, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without TCP_INFO an answer has at least the time for sending after its last byte was handed over."""
    monkeypatch.setattr("asvs_middleware.server.http.sending._INFO", None)
    with (
        guarding(app, a_guard()) as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(GET % b"/")
        answer, lasted = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200")
    assert 0.3 < lasted < 15
    assert events() == []


def test_a_client_without_a_goodbye(guarding: Any, context: ssl.SSLContext) -> None:
    """Who has its whole answer and never ends TLS is cut off, and its place given back."""
    guard = a_guard()
    with (
        guarding(app, guard, loop="asyncio") as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall((GET % b"/").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert guard.door.total == 1
        end = time.monotonic() + 30
        while guard.door.total and time.monotonic() < end:
            time.sleep(0.05)
        assert guard.door.total == 0


def test_protocols_that_say_nothing() -> None:
    """A protocol without the two names counts as busy, and owes nothing: no deadline of ours is made up for it."""
    assert under_way(object()) is True
    assert owes_body(object()) is False


class Recorder:
    """An observer, and a protocol, that allow everything until told otherwise."""

    def __init__(self) -> None:
        self.heard = list[Any]()
        self.allowed = True
        self.ended = False

    def closes(self) -> bool:
        return self.allowed

    def writes(self) -> bool:
        self.heard.append("write")
        return self.allowed

    def reading(self, resumed: bool) -> None:
        self.heard.append(("reading", resumed))

    def switched(self, protocol: Any) -> None:
        self.heard.append(protocol)


def test_the_transport() -> None:
    """It is what a transport is, and its observer hears what goes out."""
    asyncio.run(_the_transport())


async def _the_transport() -> None:
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    with theirs:
        theirs.setblocking(False)
        real, protocol = await loop.connect_accepted_socket(asyncio.Protocol, ours)
        recorder = Recorder()
        transport = ObservedTransport(real, recorder)
        assert transport.get_protocol() is protocol
        assert transport.is_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        transport.resume_reading()
        transport.write(b"a")
        transport.writelines([b"b", b"c"])
        recorder.allowed = False
        transport.write(b"d")
        transport.writelines([b"e"])
        assert await loop.sock_recv(theirs, 9) in {b"a", b"abc"}
        transport.set_write_buffer_limits(high=10, low=5)
        assert transport.get_write_buffer_limits() == (5, 10)
        assert transport.get_write_buffer_size() == 0
        assert sent(transport) == (0, False, False)
        assert transport.can_write_eof()
        transport.write_eof()
        other = asyncio.Protocol()
        transport.set_protocol(other)
        assert transport.get_protocol() is other
        assert not transport.is_closing()
        recorder.ended = True
        assert transport.is_closing()
        recorder.ended = False
        transport.close()
        assert not transport.is_closing()
        recorder.allowed = True
        transport.close()
        assert transport.is_closing()
        transport.abort()
        assert recorder.heard == [("reading", False), ("reading", True), *["write"] * 4, other]


def test_the_loop_may_be_left_out() -> None:
    """Outside of uvicorn's server the running loop is taken, as uvicorn's own protocols do."""

    async def made() -> Any:
        return guarded_protocol(lambda **given: given)(config=1)

    assert asyncio.run(made())._inner.keys() == {"_loop", "config"}


def test_the_port_never_speaks_of_a_client(guarding: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What is refused is not quoted: neither the target nor a field is in any event."""
    caplog.set_level(logging.DEBUG)
    with guarding(app, a_guard(), tls=False) as (_, port), socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /?key=hush HTTP/1.1\r\nHost: localhost\r\nAuthorization: hush\nX: hush\r\n\r\n")
        assert b"hush" not in read_all(connection)[0]
    assert "hush" not in " ".join(str(record.__dict__) for record in caplog.records)
