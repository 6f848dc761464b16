"""ReloadableContext: each handshake belongs to one complete context, and the exchange is seen by the next one."""

import socket
import ssl
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.tls import server_context
from asvs_middleware.tls.reload import ReloadableContext


@pytest.fixture
def contexts(pki: Path, at: datetime) -> list[ssl.SSLContext]:
    files = {"certfile": pki / "server.pem", "keyfile": pki / "server.key"}
    return [server_context(**files, at=at), server_context(**files, at=at, profile="modern-6.0")]


@pytest.fixture
def client(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


def test_the_next_connection(contexts: Any, client: Any, handshake: Any) -> None:
    """It begins with the context in force, and keeps it; sessions of another are not resumed."""
    reloadable = ReloadableContext(contexts[0])
    _, before = handshake(client, reloadable)
    assert (before.context, reloadable.current, reloadable.generation) == (contexts[0], contexts[0], 0)
    reloadable.swap(contexts[1])
    _, after = handshake(client, reloadable)
    assert (after.context, reloadable.current, reloadable.generation) == (contexts[1], contexts[1], 1)
    assert before.context is contexts[0]


def test_a_handshake_under_way(contexts: Any, client: Any) -> None:
    """One that began before the exchange is ended by the context it began with."""
    reloadable = ReloadableContext(contexts[0])
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    near = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    far = reloadable.wrap_bio(to_server, to_client, server_side=True)
    with pytest.raises(ssl.SSLWantReadError, match="did not complete"):
        near.do_handshake()
    reloadable.swap(contexts[1])  # TLS 1.3 alone.
    with pytest.raises(ssl.SSLWantReadError, match="did not complete"):
        far.do_handshake()
    with pytest.raises(ssl.SSLWantReadError, match="did not complete"):
        near.do_handshake()
    far.do_handshake()
    assert far.version() == "TLSv1.2"


def test_sockets(contexts: Any, client: Any) -> None:
    """Servers with threads take the same context."""
    reloadable = ReloadableContext(contexts[1])
    near, far = socket.socketpair()
    accepted = list[str | None]()

    def serve() -> None:
        with reloadable.wrap_socket(far, server_side=True) as connection:
            accepted.append(connection.version())

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(near, server_hostname="localhost") as connection:
        connection.recv(1)
    thread.join()
    assert accepted == ["TLSv1.3"]


def test_past_its_methods_it_serves_nobody(contexts: Any, client: Any) -> None:
    """Who would use the outside itself finds no certificate: the handshake fails, and is not weaker."""
    outside = ReloadableContext(contexts[0])
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    far = ssl.SSLContext.wrap_bio(outside, to_server, to_client, server_side=True)
    with pytest.raises(ssl.SSLWantReadError, match="did not complete"):
        near.do_handshake()
    with pytest.raises(ssl.SSLError, match=r"NO_SHARED_CIPHER|NO_SUITABLE"):
        far.do_handshake()


@pytest.mark.parametrize("wrong", [None, "server.pem", ReloadableContext])
def test_what_is_no_context(wrong: Any, contexts: Any) -> None:
    """Nothing else is put in force, and what was in force stays."""
    reloadable = ReloadableContext(contexts[0])
    wrong = wrong(contexts[0]) if isinstance(wrong, type) else wrong
    with pytest.raises(ConfigurationError, match=r"cannot be put into a ReloadableContext. Give a plain"):
        reloadable.swap(wrong)
    assert (reloadable.current, reloadable.generation) == (contexts[0], 0)
