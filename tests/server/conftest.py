"""A development PKI on disk, and apps served in a thread over real sockets."""

import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.types import ASGIApp

from asvs_middleware import ClientCertificates
from asvs_middleware.server.accept.guarded import Guard, GuardedServer
from asvs_middleware.server.accept.refusals import RefusalLog
from asvs_middleware.server.keys.reload import Reloader
from asvs_middleware.server.launcher import server_for
from asvs_middleware.server.listeners import listening, port_of
from asvs_middleware.server.pki import DevelopmentCA, Issued, write_development_pki
from asvs_middleware.server.policy import ServerPolicy
from asvs_middleware.server.uvicorn_settings import loaded, settings_of
from asvs_middleware.stack import stack_of


@dataclass(frozen=True)
class Served:
    """A running server, and clients for it."""

    port: int
    plaintext_port: int | None
    pki: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def plaintext_url(self) -> str:
        return f"http://localhost:{self.plaintext_port}"

    def context(self, *, client: bool = False, ca: str | Path = "ca.pem") -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.pki / ca)
        if client:
            context.load_cert_chain(self.pki / "client.pem", self.pki / "client.key")
        return context

    def careless_context(self, version: ssl.TLSVersion, ciphers: str = "ALL") -> ssl.SSLContext:
        """A client that takes whatever OpenSSL has."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Old versions are the point.
            context.minimum_version = context.maximum_version = version
        context.load_verify_locations(self.pki / "ca.pem")
        return context

    def client(self, **settings: Any) -> httpx.Client:
        return httpx.Client(verify=self.context(**settings), base_url=self.url, trust_env=False, timeout=30)


Serving = Callable[..., AbstractContextManager[Served]]


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    write_development_pki(folder, at=datetime.now(UTC))
    return folder


@pytest.fixture(scope="session")
def serving(pki: Path) -> Serving:
    """Serve an app in a thread: `with serving(app, client_ca=...) as served`; `log` has another budget of events."""

    @contextmanager
    def serve(
        app: ASGIApp,
        *,
        settings: dict[str, Any] | None = None,
        plaintext: bool = True,
        log: RefusalLog | None = None,
        **choices: Any,
    ) -> Iterator[Served]:
        files = {"certfile": pki / "server.pem", "keyfile": pki / "server.key"}
        ports = {"port": 0, "redirect_port": 0 if plaintext else None}
        policy = ServerPolicy(**{**files, **ports, "host": "localhost", "log_level": "warning", **choices})
        with listening(policy) as listeners:
            served = Served(port_of(listeners.tls), port_of(listeners.plaintext) if listeners.plaintext else None, pki)
            server = server_for(app, policy, listeners, **(settings or {}))
            if log is not None:
                assert server.guard is not None
                server.guard = replace(server.guard, log=log)
            thread = threading.Thread(target=server.run, args=(listeners.tls,))
            thread.start()
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            try:
                yield served
            finally:
                server.should_exit = True
                thread.join(timeout=20)
                assert not thread.is_alive()

    return serve


class Folder:
    """The files of one server with client certificates, which change; `a` and `b` are two sets with their own CAs."""

    def __init__(self, path: Path) -> None:
        self.path, self.now = path, datetime.now(UTC)
        self.roots = {name: DevelopmentCA.root(f"Servers {name}", at=self.now) for name in "ab"}
        self.clients = {name: DevelopmentCA.root(f"Clients {name}", at=self.now) for name in "ab"}
        self.client = {
            name: ca.issue_client("batch", uris=["spiffe://example.org/batch"], at=self.now)
            for name, ca in self.clients.items()
        }
        self.numbers = count(1)
        self.serve("a")
        self.trust("a")
        for name, client in self.client.items():
            self.write(f"client-{name}.pem", client.pem)
            self.write(f"client-{name}.key", client.key_pem)
        self.write("ca.pem", b"".join(root.pem for root in self.roots.values()))

    def write(self, name: str, data: bytes) -> None:
        """Put a file in its place in one step."""
        new = self.path / f".{name}"
        new.touch(mode=0o600)
        new.write_bytes(data)
        new.replace(self.path / name)

    def server(self, name: str, **choices: Any) -> Issued:
        """Issue a server's certificate."""
        return self.roots[name].issue_server("localhost", **{"at": self.now, **choices})

    def serve(self, name: str, **choices: Any) -> Issued:
        """Write one with its key."""
        issued = self.server(name, **choices)
        self.write("server.pem", issued.pem)
        self.write("server.key", issued.key_pem)
        return issued

    def trust(self, *names: str) -> None:
        """Write the CAs whose clients are accepted, and empty lists of each."""
        self.write("clients-ca.pem", b"".join(self.clients[name].pem for name in names))
        self.revoke(*((name, None) for name in names))

    def revoke(self, *lists: tuple[str, Issued | None]) -> None:
        """Write the lists of the CAs, with whoever is struck off."""
        crls = (
            self.clients[name].crl([one.certificate] if one else [], at=self.now, number=next(self.numbers))
            for name, one in lists
        )
        self.write("clients.crl", b"".join(crl.public_bytes(Encoding.PEM) for crl in crls))

    @property
    def certificates(self) -> ClientCertificates:
        return ClientCertificates(trust=self.path / "clients-ca.pem", crls=[self.path / "clients.crl"])

    def policy(self, **choices: Any) -> ServerPolicy:
        files = {"certfile": self.path / "server.pem", "keyfile": self.path / "server.key"}
        return ServerPolicy(**{**files, "host": "127.0.0.1", "port": 0, "log_level": "warning", **choices})

    def context(self, client: str | None = None, **versions: ssl.TLSVersion) -> ssl.SSLContext:
        """A client's context."""
        context = ssl.create_default_context(cafile=self.path / "ca.pem")
        for name, version in versions.items():
            setattr(context, name, version)
        if client:
            context.load_cert_chain(self.path / f"client-{client}.pem", self.path / f"client-{client}.key")
        return context


@dataclass(frozen=True)
class Reloading:
    """A running server whose files change."""

    port: int
    folder: Folder
    reloader: Reloader

    def connect(self, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        return context.wrap_socket(raw, server_hostname="localhost", session=session)

    def settle(self) -> None:
        """Look as often as it takes for a change to be read."""
        self.reloader.look()
        self.reloader.look()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def reloading() -> Callable[..., AbstractContextManager[Reloading]]:
    """Serve an app in a thread, from files that change: `with reloading(app, folder, loop="uvloop", ...) as served`."""

    @contextmanager
    def serve(
        app: ASGIApp, folder: Folder, *, loop: str = "asyncio", clock: Any = None, **choices: Any
    ) -> Iterator[Reloading]:
        policy = folder.policy(**choices)
        options = {"clock": clock} if clock else {}
        reloader = Reloader.of(policy, verifier=stack_of(app).guard.certificates, at=folder.now, **options)
        settings = {**settings_of(policy), "loop": loop, "lifespan": "off"}
        with listening(policy) as listeners:
            server = uvicorn.Server(loaded(app, {**settings, "ssl_context_factory": lambda *_: reloader.context}))
            thread = threading.Thread(target=server.run, args=(listeners.tls,))
            thread.start()
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            try:
                yield Reloading(port_of(listeners.tls), folder, reloader)
            finally:
                reloader.stop()
                server.should_exit = server.force_exit = True
                thread.join(timeout=20)
                assert not thread.is_alive()

    return serve


Guarding = Callable[..., AbstractContextManager[tuple[Any, int]]]


@pytest.fixture(scope="session")
def guarding(pki: Path) -> Guarding:
    """Serve an app by uvicorn behind a guard, without the launcher: `with guarding(app, guard) as (server, port)`."""

    @contextmanager
    def serve(
        app: ASGIApp,
        guard: Guard | None,
        *,
        tls: bool = True,
        context: ssl.SSLContext | None = None,
        server_class: type[GuardedServer] = GuardedServer,
        host: str = "127.0.0.1",
        **settings: Any,
    ) -> Iterator[tuple[GuardedServer, int]]:
        files = {"certfile": pki / "server.pem", "keyfile": pki / "server.key", "client_ca": pki / "clients-ca.pem"}
        used = context or ServerPolicy(**files, http2=bool(settings.get("http2"))).context(datetime.now(UTC))
        over_tls = {"ssl_context_factory": lambda _config, _default: used} if tls else {}
        config = uvicorn.Config(app, log_level="error", **{"lifespan": "off", **over_tls, **settings})
        server = server_class(config)
        server.guard = guard
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, 0), family=family) as listener:
            thread = threading.Thread(target=server.run, args=([listener],))
            thread.start()
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            try:
                yield server, listener.getsockname()[1]
            finally:
                server.should_exit = True
                thread.join(timeout=20)
                assert not thread.is_alive()

    return serve
