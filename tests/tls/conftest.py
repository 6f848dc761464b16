"""Files of a small PKI, and handshakes in memory."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

Handshake = Callable[[ssl.SSLContext, ssl.SSLContext], tuple[ssl.SSLObject, ssl.SSLObject]]


@pytest.fixture(scope="session")
def at() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def pki(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, server.pem, server.key, client.pem and client.key."""
    folder = tmp_path_factory.mktemp("pki")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    for name, issued in (("server", ca.issue_cert("localhost")), ("client", ca.issue_cert("client.test"))):
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
        (folder / f"{name}.key").chmod(0o600)
    return folder


@pytest.fixture(scope="session")
def handshake() -> Handshake:
    """Shake hands over memory; return both ends (client, server) after the server has read one byte of data."""

    def shake(client: ssl.SSLContext, server: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        near = client.wrap_bio(to_client, to_server, server_hostname="localhost")
        far = server.wrap_bio(to_server, to_client, server_side=True)
        waiting = [near.do_handshake, far.do_handshake]
        for _ in range(10):
            for step in tuple(waiting):
                try:
                    step()
                    waiting.remove(step)
                except ssl.SSLWantReadError:
                    pass
        assert not waiting
        near.write(b"?")
        assert far.read(1) == b"?"
        return near, far

    return shake
