"""The acceptor over real sockets: refused handshakes, alerts, limits, and what happens where it cannot work."""

import asyncio
import errno
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from asvs_middleware.server.accept.acceptor import Acceptor
from asvs_middleware.server.accept.guarded import Guard, GuardedServer, what_is_missing
from asvs_middleware.server.accept.handshake import WatchedContext
from asvs_middleware.server.accept.limits import Admission, Door, peer_of
from asvs_middleware.server.accept.refusals import Budget, RefusalLog
from asvs_middleware.server.http.deadlines import Deadlines
from asvs_middleware.server.pki import write_development_pki
from asvs_middleware.server.policy import ServerPolicy

LOOPS = ["asyncio", "uvloop"]
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SHORT = Deadlines(handshake=timedelta(seconds=1))


async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PKI nobody here trusts."""
    folder = tmp_path_factory.mktemp("strangers")
    write_development_pki(folder, at=datetime.now(UTC))
    return folder


@pytest.fixture(scope="module", params=LOOPS)
def served(request: pytest.FixtureRequest, guarding: Any, pki: Path) -> Iterator[int]:
    """One server that must have a client certificate."""
    files = {"certfile": pki / "server.pem", "keyfile": pki / "server.key", "client_ca": pki / "clients-ca.pem"}
    context = ServerPolicy(**files, client_certificates="required").context(datetime.now(UTC))
    guard = Guard(deadlines=SHORT, log=RefusalLog(Budget(each=1000, overall=1000)))
    with guarding(app, guard, context=context, loop=request.param) as (_, port):
        yield port


def client_context(pki: Path, *, client: Path | None = None, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=pki / "ca.pem")
    if client is not None:
        context.load_cert_chain(client / "client.pem", client / "client.key")
    if version is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Old versions are the point.
            context.minimum_version = context.maximum_version = version
    return context


def talk(port: int, context: ssl.SSLContext | None, data: bytes = GET, *, host: str = "127.0.0.1") -> bytes:
    """Send and return all that comes until the end, which must come."""
    with ExitStack() as opened:
        connection = opened.enter_context(socket.create_connection((host, port), timeout=30))
        if context is not None:
            connection = opened.enter_context(context.wrap_socket(connection, server_hostname="localhost"))
        if data:
            connection.sendall(data)
        answer = b""
        while came := connection.recv(65536):
            answer += came
        return answer


def until(found: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait for what another thread does."""
    end = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < end:
        time.sleep(0.01)
    return value


def test_who_may_is_served(served: int, pki: Path, events: Any) -> None:
    """A client with its certificate is served over either version, and nothing is reported."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert talk(served, client_context(pki, client=pki, version=version)).endswith(b"ok")
    assert events() == []


V2, V3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize(
    ("version", "ciphers", "certificate", "alert", "code"),
    [
        pytest.param(ssl.TLSVersion.TLSv1_1, None, True, "PROTOCOL_VERSION", "unsupported_protocol", id="TLS 1.1"),
        pytest.param(V2, "AES256-SHA", True, "HANDSHAKE_FAILURE", "no_shared_cipher", id="no shared suite"),
        pytest.param(V2, None, None, "", "peer_did_not_return_a_certificate", id="no certificate, TLS 1.2"),
        pytest.param(V3, None, None, "CERTIFICATE_REQUIRED", "peer_did_not_return_a_certificate", id="none, TLS 1.3"),
        pytest.param(V2, None, False, "UNKNOWN_CA", "client_certificate", id="a foreign certificate, TLS 1.2"),
        pytest.param(V3, None, False, "UNKNOWN_CA", "client_certificate", id="a foreign certificate, TLS 1.3"),
    ],
)
def test_a_refused_handshake(
    *,
    served: int,
    pki: Path,
    strangers: Path,
    events: Any,
    version: ssl.TLSVersion,
    ciphers: str | None,
    certificate: bool | None,
    alert: str,
    code: str,
) -> None:
    """The client is told by an alert, and one event says who, why and for which name."""
    client = {True: pki, False: strangers, None: None}[certificate]
    context = client_context(pki, client=client, version=version)
    if ciphers is not None:
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match=f"(?i)alert.*{alert}|{alert}.*alert") as raised:
        talk(served, context)
    assert not isinstance(raised.value, ssl.SSLEOFError)
    assert until(events)
    [event] = events()
    assert (event["event"], event["peer"], event["code"], event["server_name"]) == (
        "handshake_refused",
        "127.0.0.1",
        code,
        "localhost",
    )


def test_a_client_that_refuses_the_server(served: int, strangers: Path, events: Any) -> None:
    """Its alert is the reason in the event."""
    with pytest.raises(ssl.SSLCertVerificationError):
        talk(served, client_context(strangers))
    assert until(events)[0]["code"] == "tlsv1_alert_unknown_ca"


def test_silence(served: int, events: Any) -> None:
    """Who says nothing is cut off at the deadline, with one event."""
    begun = time.monotonic()
    assert talk(served, None, b"") == b""
    assert 0.9 < time.monotonic() - begun < 8
    assert until(events)[0]["code"] == "timed_out"


def test_half_a_hello(served: int, events: Any) -> None:
    """Who stops in the middle of its first message is cut off as well."""
    assert talk(served, None, b"\x16\x03\x01\x02\x00\x01") == b""
    assert until(events)[0]["code"] == "timed_out"


def test_come_and_gone(served: int, events: Any) -> None:
    """A health check that only connects is no refusal: the event is informational."""
    socket.create_connection(("127.0.0.1", served)).close()
    [event] = until(events)
    assert event["code"] == "client_left"


def test_come_and_gone_is_quiet(served: int, caplog: pytest.LogCaptureFixture) -> None:
    """It is of the level INFO; one that was in the middle of a handshake is a warning."""
    caplog.set_level("INFO", logger="asvs_middleware")
    socket.create_connection(("127.0.0.1", served)).close()
    until(lambda: caplog.records)
    with socket.create_connection(("127.0.0.1", served)) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        time.sleep(0.05)
    until(lambda: len(caplog.records) > 1)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]


@pytest.mark.parametrize(
    ("tls", "stranger", "answer"),
    [
        pytest.param(True, True, b"\x15\x03\x03\x00\x02\x02\x31", id="a stranger, TLS"),
        pytest.param(False, True, b"HTTP/1.1 403 Forbidden", id="a stranger, plaintext"),
        pytest.param(True, False, b"\x15\x03\x03\x00\x02\x02\x50", id="too many, TLS"),
        pytest.param(False, False, b"HTTP/1.1 503 Service Unavailable", id="too many, plaintext"),
    ],
)
def test_a_denied_connection(guarding: Any, events: Any, tls: bool, stranger: bool, answer: bytes) -> None:
    """Before a byte was read it is told so, closed and reported; the app is not asked."""
    admission = Admission(peers=["192.0.2.0/24"]) if stranger else Admission(connections=1)
    guard = Guard(admission=admission, deadlines=Deadlines(head=timedelta(seconds=5)))
    with guarding(app, guard, tls=tls) as (_, port), socket.create_connection(("127.0.0.1", port)):
        until(lambda: stranger or guard.door.total)
        assert talk(port, None, b"").startswith(answer)
        assert {one["code"] for one in until(events)} == {"peer_not_allowed" if stranger else "too_many_connections"}


@pytest.mark.parametrize("loop", LOOPS)
def test_one_address_cannot_take_all(guarding: Any, pki: Path, events: Any, loop: str) -> None:
    """Handshakes, then connections of one address are limited; places come back when connections end."""
    guard = Guard(admission=Admission(connections_per_address=3, handshakes_per_address=2))
    context = client_context(pki)
    with guarding(app, guard, loop=loop) as (_, port), ExitStack() as opened:
        silent = [opened.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(2)]
        until(lambda: guard.door.total == 2)
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            talk(port, context)
        assert until(events)[0]["code"] == "too_many_handshakes"
        silent.pop().close()
        until(lambda: guard.door.total == 1)
        for _ in range(2):
            opened.enter_context(
                context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")
            )
            until(lambda: sum(guard.door.handshakes.values()) == 1)
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            talk(port, context)
        assert until(lambda: [one for one in events() if one["code"] == "too_many_from_address"])
    until(lambda: not guard.door.total)
    assert (guard.door.total, dict(guard.door.connections), dict(guard.door.handshakes)) == (0, {}, {})


def test_ipv6(guarding: Any, pki: Path) -> None:
    """Served, and counted by its network."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with guarding(app, Guard(), host="::1") as (_, port):
        assert talk(port, client_context(pki), host="::1").endswith(b"ok")


class Exchanged(ssl.SSLContext):
    """A context that hands each connection to another one, as one that is reloaded does."""

    current: ssl.SSLContext

    def __new__(cls) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        return self.current.wrap_bio(*given, **named)


@pytest.mark.parametrize("loop", LOOPS)
def test_an_exchanged_context(guarding: Any, pki: Path, strangers: Path, events: Any, loop: str) -> None:
    """Any context can be guarded: after it was exchanged the next client sees the new one, refused ones the alert."""
    context = Exchanged()
    made = [
        ServerPolicy(certfile=folder / "server.pem", keyfile=folder / "server.key").context(datetime.now(UTC))
        for folder in (pki, strangers)
    ]
    context.current = made[0]
    with guarding(app, Guard(), loop=loop, context=context) as (_, port):
        assert talk(port, client_context(pki)).endswith(b"ok")
        context.current = made[1]
        assert talk(port, client_context(strangers)).endswith(b"ok")
        with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
            talk(port, client_context(strangers, version=ssl.TLSVersion.TLSv1_1))
        assert until(events)[0]["code"] == "unsupported_protocol"


class Broken(Exchanged):
    """A context that fails in a way nobody foresaw."""

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        raise LookupError("no certificate for today")


def test_a_context_that_fails(guarding: Any, events: Any) -> None:
    """The connection is refused and reported, and the place given back: nothing is served without TLS."""
    guard = Guard()
    with guarding(app, guard, context=Broken()) as (_, port):
        assert talk(port, None, b"") == b""
        assert until(events)[0]["code"] == "server_fault"
        assert until(lambda: not guard.door.total)


@pytest.mark.parametrize(
    ("family", "protocol"),
    [
        pytest.param(socket.AF_INET, socket.IPPROTO_TCP, id="TCP that says so"),
        pytest.param(socket.AF_INET, 0, id="TCP that does not"),
        pytest.param(socket.AF_UNIX, 0, id="unix"),
    ],
)
def test_two_acceptors_share_a_socket(tmp_path: Path, family: socket.AddressFamily, protocol: int) -> None:
    """As with several workers: each connection is accepted once, sends small packets at once, and the slower waits."""
    with socket.socket(family, socket.SOCK_STREAM, protocol) as listener:
        listener.bind(("127.0.0.1", 0) if family == socket.AF_INET else str(tmp_path / "socket"))
        listener.listen()
        asyncio.run(_two_acceptors_share_a_socket(listener))


async def _two_acceptors_share_a_socket(first: socket.socket) -> None:
    seen = list[int]()

    class Greeter(asyncio.Protocol):
        on_lost: Any = None

        def __init__(self, number: int) -> None:
            self.number = number

        def connection_made(self, transport: Any) -> None:
            seen.append(self.number)
            connection = transport.get_extra_info("socket")
            if connection.family != socket.AF_UNIX:
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            transport.write(b"hello")
            transport.close()

    with first.dup() as second:
        acceptors = [
            Acceptor(
                [listener],
                create=lambda number=number: Greeter(number),  # type: ignore[arg-type,misc,return-value]
                context=None,
                door=Door(Admission()),
                log=RefusalLog(),
                handshake=1,
            )
            for number, listener in enumerate([first, second])
        ]
        for acceptor in acceptors:
            acceptor.start()
        for _ in range(20):
            client = socket.socket(first.family)
            client.connect(first.getsockname())
            reader, writer = await asyncio.open_connection(sock=client)
            assert await reader.read() == b"hello"
            writer.close()
        for acceptor in acceptors:
            acceptor.close()
            await acceptor.wait_closed()
    assert len(seen) == 20


class Scarce(socket.socket):
    """A listening socket of a system that has no descriptor left at first."""

    faults: list[int]

    def accept(self) -> Any:
        if self.faults:
            raise OSError(self.faults.pop(0), "as said")
        return super().accept()


@pytest.mark.parametrize(
    ("fault", "reported"),
    [
        pytest.param(errno.EMFILE, True, id="no descriptor left"),
        pytest.param(errno.ECONNABORTED, False, id="the client left while it waited"),
    ],
)
def test_accept_fails(fault: int, reported: bool, events: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a descriptor it pauses and says so; later the waiting connection is served. Nothing else stops it."""
    monkeypatch.setattr("asvs_middleware.server.accept.acceptor._RECOVERY", 0.05)
    asyncio.run(_accept_fails(fault))
    assert [one["event"] for one in events()] == ["accept_paused"] * reported


async def _accept_fails(fault: int) -> None:
    served = asyncio.Event()

    class Noted(asyncio.Protocol):
        on_lost: Any = None

        def connection_made(self, transport: Any) -> None:
            assert peer_of(transport.get_extra_info("peername")) == "127.0.0.1"
            transport.abort()
            served.set()

    with Scarce() as listener:
        listener.faults = [fault]
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        acceptor = Acceptor(
            [listener],
            create=Noted,  # type: ignore[arg-type]
            context=None,
            door=Door(Admission()),
            log=RefusalLog(),
            handshake=1,
        )
        acceptor.start()
        with socket.create_connection(listener.getsockname()):
            await asyncio.wait_for(served.wait(), 30)
            listener.faults = [errno.EMFILE] * 3
            listener.close() if fault == errno.ECONNABORTED else None
        acceptor.close()
        await acceptor.wait_closed()


def test_the_end_during_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause does not outlast the acceptor."""
    asyncio.run(_the_end_during_a_pause())


async def _the_end_during_a_pause() -> None:
    with Scarce() as listener:
        listener.faults = [errno.ENFILE] * 9
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        acceptor = Acceptor(
            [listener],
            create=asyncio.Protocol,
            context=None,
            door=Door(Admission()),
            log=RefusalLog(),
            handshake=1,  # type: ignore[arg-type]
        )
        acceptor.start()
        with socket.create_connection(listener.getsockname()):
            await asyncio.sleep(0.05)
            acceptor.close()
            await acceptor.wait_closed()
        assert len(listener.faults) == 8


@pytest.mark.parametrize("loop", LOOPS)
def test_the_end_breaks_off_handshakes(guarding: Any, loop: str) -> None:
    """Who has not finished its handshake when the server ends is not waited for."""
    guard = Guard(deadlines=Deadlines(handshake=timedelta(seconds=60)))
    with ExitStack() as opened:
        with guarding(app, guard, loop=loop) as (server, port):
            opened.enter_context(socket.create_connection(("127.0.0.1", port)))
            assert until(lambda: guard.door.total)
            begun = time.monotonic()
            server.should_exit = True
        assert time.monotonic() - begun < 15
        assert guard.door.total == 0


def test_what_is_missing() -> None:
    """Every attribute is looked for by name; what a loop only says it cannot do counts as missing."""
    assert what_is_missing(object(), object()) == [
        "http_protocol_class",
        "ssl",
        "server_state",
        "state",
        "connect_accepted_socket",
        "add_reader",
    ]
    assert what_is_missing(object(), asyncio.AbstractEventLoop())[-1:] == ["add_reader"]


@pytest.mark.parametrize("what", ["add_reader", "http_protocol_class"])
def test_uvicorns_own_listener(
    guarding: Any, pki: Path, events: Any, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Where something is missing uvicorn listens itself, over the same TLS, and one event says so."""
    monkeypatch.setattr("asvs_middleware.server.accept.guarded.what_is_missing", lambda *_: [what])
    with guarding(app, Guard()) as (_, port):
        assert talk(port, client_context(pki)).endswith(b"ok")
    assert [(one["event"], what in one["reason"]) for one in events()] == [("unguarded_listener", True)]


def test_without_a_guard(guarding: Any, pki: Path) -> None:
    """A server that was given none is uvicorn's, unchanged."""
    with guarding(app, None) as (_, port):
        assert talk(port, client_context(pki)).endswith(b"ok")


def test_a_uvicorn_that_gives_up_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some releases only say that they did not start: nothing listens then, either."""

    async def startup(self: uvicorn.Server, sockets: object = None) -> None:
        assert sockets == []
        self.should_exit = True

    monkeypatch.setattr(uvicorn.Server, "startup", startup)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = GuardedServer(uvicorn.Config(app, lifespan="off", log_level="critical"))
        server.guard = Guard()
        server.run([listener])
        assert not hasattr(server, "servers")


def test_a_watched_context_by_itself(pki: Path) -> None:
    """Outside of an acceptor it does what the context it wraps does."""
    serving = ServerPolicy(certfile=pki / "server.pem", keyfile=pki / "server.key").context(datetime.now(UTC))
    tls = WatchedContext(serving).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    assert tls.context is serving
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()


def test_an_app_that_does_not_start() -> None:
    """Nothing listens for an app that failed to start."""

    async def failing(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = GuardedServer(uvicorn.Config(failing, lifespan="on", log_level="critical"))
        server.guard = Guard()
        with pytest.raises(SystemExit):
            server.run([listener])
        assert not server.started
