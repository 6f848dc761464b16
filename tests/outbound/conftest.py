"""TLS servers on loopback that write down every byte of application data, and the four ways to call them."""

import asyncio
import contextlib
import dataclasses
import logging
import socket
import ssl
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest
import trustme

from asvs_middleware.certificates.pins import render_pin, spki_sha256
from asvs_middleware.outbound import OutboundPolicy, Pins

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Answer = bytes | Callable[[ssl.SSLSocket], None]


@dataclasses.dataclass
class Backend:
    """What one server was sent."""

    port: int
    connections: int = 0
    received: list[bytes] = dataclasses.field(default_factory=list)
    certificates: list[Any] = dataclasses.field(default_factory=list)
    threads: list[threading.Thread] = dataclasses.field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def settle(self) -> "Backend":
        """Wait until every connection is over, so that nothing is read too early."""
        for thread in self.threads:
            thread.join(timeout=20)
        return self


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def pki(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, client.pem, client.key and stranger.key."""
    folder = tmp_path_factory.mktemp("pki")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    client = ca.issue_cert("client.test")
    client.cert_chain_pems[0].write_to_path(folder / "client.pem")
    client.private_key_pem.write_to_path(folder / "client.key")
    ca.issue_cert("client.test").private_key_pem.write_to_path(folder / "stranger.key")
    for key in folder.glob("*.key"):
        key.chmod(0o600)
    return folder


@pytest.fixture
def policy(pki: Path) -> OutboundPolicy:
    return OutboundPolicy.internal(ca=pki / "ca.pem")


@pytest.fixture
def pin_of() -> Callable[[trustme.Blob], str]:
    def pin(pem: trustme.Blob) -> str:
        return render_pin(spki_sha256(ssl.PEM_cert_to_DER_cert(pem.bytes().decode())))

    return pin


@pytest.fixture
def wrong_pins() -> Pins:
    return Pins(render_pin(bytes(32)), render_pin(bytes([1]) * 32))


@pytest.fixture
def serve(ca: trustme.CA) -> Iterator[Callable[..., Backend]]:
    """Start a server on a free port; it gives one answer to each connection."""
    with contextlib.ExitStack() as stack:

        def start(
            answer: Answer = OK,
            *,
            leaf: trustme.LeafCert | None = None,
            appended: bytes = b"",
            version: ssl.TLSVersion | None = None,
            client_ca: trustme.CA | None = None,
            host: str = "127.0.0.1",
            refusal: str = "closed",
        ) -> Backend:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # Old versions are the point.
                context.minimum_version = version or ssl.TLSVersion.TLSv1_2
                context.maximum_version = version or ssl.TLSVersion.TLSv1_3
            issued = leaf or ca.issue_cert("localhost", "127.0.0.1")
            with trustme.Blob(issued.private_key_and_cert_chain_pem.bytes() + appended).tempfile() as pem:
                context.load_cert_chain(pem)
            if client_ca:
                client_ca.configure_trust(context)
                context.verify_mode = ssl.CERT_REQUIRED
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listener = stack.enter_context(socket.create_server((host, 0), family=family))
            backend = Backend(listener.getsockname()[1])
            accepting = threading.Thread(target=_accept, args=(listener, context, backend, answer, refusal))
            accepting.start()
            stack.callback(accepting.join, 5)
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            return backend

        yield start


def _accept(listener: socket.socket, context: ssl.SSLContext, backend: Backend, answer: Answer, refusal: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            raw, _ = listener.accept()
            backend.connections += 1
            thread = threading.Thread(target=_talk, args=(raw, context, backend, answer, refusal))
            backend.threads.append(thread)
            thread.start()


def _talk(raw: socket.socket, context: ssl.SSLContext, backend: Backend, answer: Answer, refusal: str) -> None:
    raw.settimeout(30)
    with (
        contextlib.suppress(OSError),
        context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False) as talking,
    ):
        try:
            talking.do_handshake()
        except ssl.SSLError:
            if refusal == "reset":
                talking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            # Closing with the client's bytes unread would reset the connection and might overtake the alert.
            with socket.socket(fileno=talking.detach()) as bare:
                bare.settimeout(30)
                bare.shutdown(socket.SHUT_WR)
                while bare.recv(65536):
                    pass
            return
        backend.certificates.append(talking.getpeercert())
        request = b""
        while b"\r\n\r\n" not in request:
            if not (more := talking.recv(65536)):
                return
            if not request:
                backend.received.append(b"")
            request += more
            backend.received[-1] = request
        if callable(answer):
            answer(talking)
        else:
            talking.sendall(answer)


@dataclasses.dataclass(frozen=True)
class Way:
    """One of the ways to send a request."""

    http: ModuleType
    is_async: bool

    def call(
        self, policy: OutboundPolicy, base_url: str, path: str = "/", *, request: Any = None, **options: Any
    ) -> Any:
        """Send one GET and return the response, read to its end."""
        return self._last_of(1, policy, base_url, path, request or {}, options)

    def call_twice(self, policy: OutboundPolicy, base_url: str) -> Any:
        """Send two GETs through one client and return the second response."""
        return self._last_of(2, policy, base_url, "/", {}, {})

    def _last_of(  # noqa: PLR0917  # Two callers, beside it.
        self, times: int, policy: OutboundPolicy, url: str, path: str, request: Any, options: Any
    ) -> Any:
        if not self.is_async:
            with policy.client(url, http=self.http, **options) as client:
                return [client.get(path, **request) for _ in range(times)][-1]

        async def call() -> Any:
            async with policy.async_client(url, http=self.http, **options) as client:
                return [await client.get(path, **request) for _ in range(times)][-1]

        return asyncio.run(call())


@pytest.fixture(
    params=[Way(httpx, False), Way(httpx, True), Way(httpx2, False), Way(httpx2, True)],
    ids=["httpx sync", "httpx asyncio", "httpx2 sync", "httpx2 asyncio"],
)
def way(request: pytest.FixtureRequest) -> Way:
    return request.param  # type: ignore[no-any-return]


@dataclasses.dataclass(frozen=True)
class Lab:
    """All that a test may need."""

    way: Way
    ca: trustme.CA
    pki: Path
    policy: OutboundPolicy
    serve: Callable[..., Backend]
    pin_of: Callable[[trustme.Blob], str]
    wrong_pins: Pins
    events: Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lab(request: pytest.FixtureRequest, way: Way) -> Lab:
    """Everything, in each of the four ways."""
    names = [one.name for one in dataclasses.fields(Lab)]
    return Lab(**{name: request.getfixturevalue(name) for name in names})


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """The security events of the outbound room so far, whatever their severity."""
    caplog.set_level(logging.DEBUG, logger="asvs_middleware")

    def so_far() -> list[dict[str, Any]]:
        return [record.asvs for record in caplog.records if record.name == "asvs_middleware.outbound"]  # type: ignore[attr-defined]

    return so_far
