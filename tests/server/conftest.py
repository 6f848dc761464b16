"""A development PKI on disk, and apps served in a thread over real sockets."""

import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from asvs_middleware.server.launcher import server_for
from asvs_middleware.server.listeners import listening, port_of
from asvs_middleware.server.pki import write_development_pki
from asvs_middleware.server.policy import ServerPolicy


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
        return httpx.Client(verify=self.context(**settings), base_url=self.url, trust_env=False)


Serving = Callable[..., AbstractContextManager[Served]]


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    write_development_pki(folder, at=datetime.now(UTC))
    return folder


@pytest.fixture(scope="session")
def serving(pki: Path) -> Serving:
    """Serve an app in a thread: `with serving(app, client_ca=...) as served`."""

    @contextmanager
    def serve(
        app: ASGIApp, *, settings: dict[str, Any] | None = None, plaintext: bool = True, **choices: Any
    ) -> Iterator[Served]:
        files = {"certfile": pki / "server.pem", "keyfile": pki / "server.key"}
        ports = {"port": 0, "redirect_port": 0 if plaintext else None}
        policy = ServerPolicy(**{**files, **ports, "host": "localhost", "log_level": "warning", **choices})
        with listening(policy) as listeners:
            served = Served(port_of(listeners.tls), port_of(listeners.plaintext) if listeners.plaintext else None, pki)
            server = server_for(app, policy, listeners, **(settings or {}))
            thread = threading.Thread(target=server.run, args=(listeners.tls,))
            thread.start()
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            try:
                yield served
            finally:
                server.should_exit = True
                thread.join(timeout=10)
                assert not thread.is_alive()

    return serve
