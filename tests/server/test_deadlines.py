"""How long clients may take: the rules as tables, and slow clients against a real server."""

import asyncio
import logging
import math
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.accept.guarded import Guard, guard_for
from asvs_middleware.server.accept.limits import Admission
from asvs_middleware.server.accept.refusals import Budget, RefusalLog
from asvs_middleware.server.http.deadlines import Deadlines, Wait, timetable
from asvs_middleware.server.policy import ServerPolicy

TIMES = timetable(
    Deadlines(
        head=timedelta(seconds=10),
        body=timedelta(seconds=20),
        body_rate=100,
        idle=timedelta(seconds=5),
        upgrade=timedelta(seconds=30),
        sending=timedelta(seconds=40),
    )
)


@pytest.mark.parametrize(
    ("wait", "since", "last", "received", "due"),
    [
        pytest.param(Wait.FIRST, 100, 100, 0, 110, id="no request"),
        pytest.param(Wait.HEAD, 100, 109, 0, 110, id="a trickling head is as late as one that stops"),
        pytest.param(Wait.BODY, 100, 100, 0, 120, id="no byte of a body"),
        pytest.param(Wait.BODY, 100, 119, 1, 120.01, id="a trickling body"),
        pytest.param(Wait.BODY, 100, 500, 100_000, 520, id="a large body that stops"),
        pytest.param(Wait.BODY, 100, 500, 40_000, 520, id="a body of just the rate"),
        pytest.param(Wait.BODY, 100, 500, 30_000, 420, id="a body below the rate"),
        pytest.param(Wait.IDLE, 100, 200, 0, 205, id="no next request"),
        pytest.param(Wait.UPGRADE, 100, 120, 0, 130, id="an app that does not answer a handshake"),
        pytest.param(Wait.SENDING, 100, 120, 0, 140, id="a client that does not read"),
        pytest.param(Wait.SERVER, 100, 100, 0, math.inf, id="the app's own time"),
    ],
)
def test_due(wait: Wait, since: float, last: float, received: int, due: float) -> None:
    """Only the client's time counts, and further bytes do not start all of it again."""
    assert TIMES.due(wait, since=since, last=last, received=received) == due


def test_no_rate() -> None:
    """Without a rate the pauses of a body are judged alone."""
    times = timetable(Deadlines(body_rate=0))
    assert times.due(Wait.BODY, since=0, last=1000, received=1) == 1020


def test_often_enough() -> None:
    """The shortest deadline says how often to look; a server's own timer leaves time for a head that has begun."""
    assert TIMES.pace == 5
    assert Deadlines(idle=timedelta(seconds=5), head=timedelta(seconds=10.2)).keep_alive == 16


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param({"head": 10}, r"head=10\) is no deadline", id="a number"),
        pytest.param({"idle": timedelta(0)}, "is no deadline", id="none"),
        pytest.param({"body": timedelta(days=1)}, "to one hour", id="a day"),
        pytest.param({"upgrade": timedelta(seconds=-1)}, "is no deadline", id="the past"),
        pytest.param({"body_rate": -1}, "is no number of bytes", id="a negative rate"),
        pytest.param({"body_rate": True}, "is no number of bytes", id="a truth value"),
        pytest.param({"body_rate": 1.5}, "Use 0 to", id="a fraction"),
    ],
)
def test_wrong_deadlines(given: dict[str, Any], problem: str) -> None:
    """What is no deadline stops the start: one that never comes would be none."""
    with pytest.raises(ConfigurationError, match=problem):
        Deadlines(**given)


@pytest.mark.parametrize("argument", ["deadlines", "admission", "head_limits"])
def test_the_policy_wants_each_as_it_is(argument: str) -> None:
    """A number or a dict in their place is refused with what to write."""
    with pytest.raises(ConfigurationError, match=rf"Write {argument}="):
        ServerPolicy(certfile="a", keyfile="b", **{argument: 5})


def test_the_guard_an_operator_chose() -> None:
    """The proxies the app trusts are not counted by address; uvicorn's own setting for idle connections counts."""
    guard = guard_for(ServerPolicy(certfile="a", keyfile="b"), proxies=["10.0.0.0/8", "unix"], idle=75)
    assert guard.admission.uncounted == ("10.0.0.0/8", "unix")
    assert guard.deadlines.idle == timedelta(seconds=75)
    assert guard_for(ServerPolicy(certfile="a", keyfile="b"), proxies=[], idle=None).deadlines == Deadlines()
    assert guard_for(ServerPolicy(certfile="a", keyfile="b"), proxies=[], idle=0).deadlines.idle.total_seconds() == 1


SHORT = timedelta(seconds=0.5)
DEADLINES = Deadlines(handshake=SHORT, head=SHORT, body=SHORT, idle=SHORT, upgrade=SHORT, sending=SHORT, body_rate=1000)
GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
WEBSOCKET = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
LARGE = 20_000_000
BOTH_LOOPS = [("asyncio", "h11"), ("uvloop", "httptools")]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads a body unless told otherwise, waits where told, and answers with as much as is asked for."""
    path = scope["path"]
    if scope["type"] == "websocket":
        await _echo_late(path, receive, send)
        return
    await asyncio.sleep(1 if path in {"/slow", "/slow-read"} else 0)
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
    if path == "/early":
        await send(start)
        await send({"type": "http.response.body", "body": b"early", "more_body": True})
    while path != "/deaf":
        message = await receive()
        if message["type"] == "http.disconnect" or not message["more_body"]:
            break
    if path != "/early":
        await send(start)
    await send({"type": "http.response.body", "body": b"a" * (LARGE if path == "/large" else 2)})


async def _echo_late(path: str, receive: Receive, send: Send) -> None:
    await receive()
    if path == "/hang":
        await receive()
        return
    await send({"type": "websocket.accept"})
    await receive()
    await asyncio.sleep(1)
    await send({"type": "websocket.send", "text": "late"})
    await receive()


def slowly(port: int, context: ssl.SSLContext, parts: tuple[bytes, ...]) -> tuple[bytes, float]:
    """Send the parts with pauses, as long as somebody listens; return what came, and how long it lasted."""
    begun, answer = time.monotonic(), b""
    try:
        with connect(port, context) as connection:
            for number, part in enumerate(parts):
                time.sleep(0.1 if number else 0)
                connection.sendall(part)
            while not answer.endswith(b"late") and (came := connection.recv(65536)):
                answer += came
    except (ssl.SSLError, ConnectionError):
        pass  # Cut off while it sent.
    return answer, time.monotonic() - begun


def connect(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    return context.wrap_socket(connection, server_hostname="localhost")


def each_byte(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + 1] for at in range(len(data)))


# What is sent, how the answer begins (None: it may be lost), and the deadline that is reported.
SLOW: dict[str, tuple[tuple[bytes, ...], bytes | None, str | None]] = {
    "silent": ((), b"", "first"),
    "one byte": ((b"G",), b"HTTP/1.1 408", "head"),
    "half a head": ((GET[:30],), b"HTTP/1.1 408", "head"),
    "a trickling head": (each_byte(GET % b"/"), None, "head"),
    "no body": ((POST % b"/" + b"\r\n",), b"HTTP/1.1 408", "body"),
    "a body that stops": ((POST % b"/" + b"\r\n" + b"a" * 2000,), b"HTTP/1.1 408", "body"),
    "a trickling body": ((POST % b"/" + b"\r\n", *[b"a"] * 30), None, "body"),
    "a body nobody reads": ((POST % b"/deaf" + b"\r\n",), b"HTTP/1.1 200", "body"),
    "a body that stops after the answer began": ((POST % b"/early" + b"\r\n",), b"HTTP/1.1 200", "body"),
    "chunks that stop": (
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",),
        b"HTTP/1.1 408",
        "body",
    ),
    "a second head that stops": ((GET % b"/", b"GET"), b"HTTP/1.1 200", "head"),
    "half a head behind a request": ((GET % b"/slow" + b"GET",), b"HTTP/1.1 200", "head"),
    "expects what nobody knows": ((POST % b"/" + b"Expect: foo\r\n\r\n",), b"HTTP/1.1 408", "body"),
    "never goes on": ((POST % b"/slow-read" + b"Expect: 100-continue\r\n\r\n",), b"HTTP/1.1 100", "body"),
    "a WebSocket nobody accepts": ((WEBSOCKET % b"/hang",), b"HTTP/1.1 503", "upgrade"),
}
FINE: dict[str, tuple[tuple[bytes, ...], bytes, int]] = {
    "an app that is slow": ((GET % b"/slow",), b"HTTP/1.1 200", 1),
    "a body in pieces": ((POST.replace(b"1000000", b"600") % b"/" + b"\r\n", *[b"a" * 120] * 5), b"HTTP/1.1 200", 1),
    "an app that reads late": (
        (POST.replace(b"1000000", b"400000") % b"/slow-read" + b"\r\n" + b"a" * 400_000,),
        b"HTTP/1.1 200",
        1,
    ),
    "two requests": ((GET % b"/", GET % b"/"), b"HTTP/1.1 200", 2),
    "two at once": ((GET % b"/slow" + GET % b"/",), b"HTTP/1.1 200", 2),
    "a WebSocket that is quiet": ((WEBSOCKET % b"/", b"\x81\x82\0\0\0\0hi"), b"HTTP/1.1 101", 1),
}


class Kept(logging.Handler):
    """The events of a whole module."""

    def __init__(self) -> None:
        super().__init__()
        self.events = list[dict[str, Any]]()

    def emit(self, record: logging.LogRecord) -> None:
        self.events.append(record.__dict__["asvs"])


@dataclass(frozen=True)
class Seen:
    """What became of all clients at once on one server: answers and durations by name, and the events."""

    answers: dict[str, tuple[bytes, float]]
    events: list[dict[str, Any]]


def a_guard() -> Guard:
    many = Admission(connections_per_address=1000, handshakes_per_address=1000)
    return Guard(deadlines=DEADLINES, admission=many, log=RefusalLog(Budget(each=10_000, overall=10_000)))


@pytest.fixture(scope="module", params=BOTH_LOOPS, ids="-".join)
def port(request: pytest.FixtureRequest, guarding: Any) -> Iterator[int]:
    """A server with nobody else on it."""
    loop, parser = request.param
    with guarding(app, a_guard(), loop=loop, http=parser) as (_, port):
        yield port


@pytest.fixture(scope="module")
def context(pki: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=pki / "ca.pem")


@pytest.fixture(
    scope="module",
    params=[("asyncio", "h11"), ("uvloop", "httptools"), ("uvloop", "zttp")],
    ids="-".join,
)
def seen(request: pytest.FixtureRequest, guarding: Any, context: ssl.SSLContext) -> Iterator[Seen]:
    """Let all clients go at one server at once: waiting takes most of their time."""
    loop, parser = request.param
    if parser == "zttp":
        pytest.importorskip("zttp")
    kept, logger = Kept(), logging.getLogger("asvs_middleware.server")
    logger.addHandler(kept)
    logger.setLevel(logging.INFO)
    with guarding(app, a_guard(), loop=loop, http=parser) as (_, port), ThreadPoolExecutor(40) as pool:
        clients = {name: parts for name, (parts, *_) in {**SLOW, **FINE}.items()}
        under_way = {name: pool.submit(slowly, port, context, parts) for name, parts in clients.items()}
        yield Seen({name: one.result() for name, one in under_way.items()}, kept.events.copy())
    logger.removeHandler(kept)
    logger.setLevel(logging.NOTSET)


@pytest.mark.parametrize("name", SLOW)
def test_a_slow_client(seen: Seen, name: str) -> None:
    """It is cut off soon after its deadline, and told so where nothing was said yet."""
    _, answer, _ = SLOW[name]
    came, lasted = seen.answers[name]
    assert answer is None or (came.startswith(answer) if answer else came == b"")
    assert 0.4 < lasted < 15


@pytest.mark.parametrize("name", FINE)
def test_who_is_not_slow(seen: Seen, name: str) -> None:
    """The app's time, and pauses below the deadline, are nobody's fault."""
    _, answer, count = FINE[name]
    came, _ = seen.answers[name]
    assert came.startswith(answer)
    assert came.count(answer) == count
    assert ("WebSocket" in name) == came.endswith(b"late")


def test_one_event_each(seen: Seen) -> None:
    """Who was slow is reported once, by its deadline; idle connections end without a word."""
    assert {one["event"] for one in seen.events} == {"slow_client"}
    assert sorted(one["deadline"] for one in seen.events) == sorted(deadline for _, _, deadline in SLOW.values())
    assert {one["peer"] for one in seen.events} == {"127.0.0.1"}


def test_a_client_that_does_not_read(port: int, context: ssl.SSLContext, events: Any) -> None:
    """Who asks for much and takes nothing is cut off; it does not matter that the app is done with it."""
    with connect(port, context) as connection:
        connection.sendall(GET % b"/large")
        end = time.monotonic() + 30
        while not events() and time.monotonic() < end:
            time.sleep(0.05)
        assert [(one["event"], one["deadline"]) for one in events()] == [("slow_client", "sending")]


@pytest.mark.parametrize(
    ("port", "fields"),
    [(BOTH_LOOPS[0], b""), (BOTH_LOOPS[1], b"Connection: close\r\n")],
    ids=["kept open", "closed"],
    indirect=["port"],
)
def test_a_client_that_reads_slowly(port: int, context: ssl.SSLContext, events: Any, fields: bytes) -> None:
    """Who takes it bit by bit gets all of it, though app and server were done with it long before."""
    taken, pause = 0, 0
    with connect(port, context) as connection:
        connection.sendall((GET % b"/large").replace(b"\r\n\r\n", b"\r\n" + fields + b"\r\n"))
        while taken < LARGE and (came := connection.recv(1 << 20)):
            taken += len(came)
            if taken > pause:
                time.sleep(0.1)
                pause += LARGE // 10
    assert taken >= LARGE
    assert events() == []


def test_fifty_at_once(port: int, context: ssl.SSLContext) -> None:
    """Silent, half-said and trickling connections are closed; meanwhile everybody else is served at once."""
    kinds = ["silent", "half a head", "a trickling head", "no body", "a trickling body"]
    with ThreadPoolExecutor(50) as pool:
        slow = [pool.submit(slowly, port, context, SLOW[kinds[number % 5]][0]) for number in range(50)]
        quick = list[float]()
        while not all(one.done() for one in slow):
            begun = time.monotonic()
            with connect(port, context) as connection:
                connection.sendall(GET % b"/")
                assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            quick.append(time.monotonic() - begun)
            time.sleep(0.02)
        assert all(one.result()[1] < 20 for one in slow)
    assert sorted(quick)[len(quick) // 2] < 5
