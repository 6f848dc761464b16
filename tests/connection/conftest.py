"""Scopes as a server makes them, and real transports: TCP, TLS and unix sockets on this machine."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme


@pytest.fixture(scope="session")
def a_scope() -> Callable[..., dict[str, Any]]:
    """Make a scope; positional arguments are header pairs, keywords replace members."""

    def a_scope(*pairs: tuple[bytes, bytes], **members: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/",
            "headers": list(pairs),
            "client": ("10.0.0.9", 4711),
            "server": ("10.0.0.1", 80),
            **members,
        }

    return a_scope


async def nowhere() -> dict[str, Any]:
    """Stand for a `receive` behind which no transport can be found."""
    return {"type": "http.disconnect"}


class Cycle:
    """One request as uvicorn keeps it: `receive` is bound to an object that holds the transport."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.disconnect"}


@pytest.fixture(scope="session")
def receive() -> Callable[..., Any]:
    """A `receive` without a transport."""
    return nowhere


@pytest.fixture(scope="session")
def receive_over() -> Callable[[Any], Any]:
    """Make a `receive` whose transport is this one."""
    return lambda transport: Cycle(transport).receive


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(ca: trustme.CA) -> ssl.SSLContext:
    """A server that asks clients for a certificate and serves those that have none."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_OPTIONAL
    ca.configure_trust(context)
    ca.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def client_tls(ca: trustme.CA) -> Callable[[trustme.LeafCert | None], ssl.SSLContext]:
    """Make a client that shows this certificate."""

    def client_tls(leaf: trustme.LeafCert | None) -> ssl.SSLContext:
        context = ssl.create_default_context()
        ca.configure_trust(context)
        if leaf is not None:
            leaf.configure_cert(context)
        return context

    return client_tls


@pytest.fixture(scope="session")
def accepted() -> Callable[..., Any]:
    """Accept one real connection; the value is a `receive` bound to an object that holds the server's transport."""

    @asynccontextmanager
    async def accepted(
        *,
        path: Path | None = None,
        host: str = "127.0.0.1",
        server: ssl.SSLContext | None = None,
        client: ssl.SSLContext | None = None,
    ) -> AsyncIterator[Callable[[], Any]]:
        arrived: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

        async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(1)  # TLS 1.3: a client's certificate comes after the server's own last word.
            arrived.put_nowait(writer)

        if path is not None:
            listener = await asyncio.start_unix_server(keep, path)
            _, writer = await asyncio.open_unix_connection(path)
        else:
            listener = await asyncio.start_server(keep, host, 0, ssl=server)
            port = listener.sockets[0].getsockname()[1]
            name = "localhost" if client else None
            _, writer = await asyncio.open_connection(host, port, ssl=client, server_hostname=name)
        writer.write(b"?")
        theirs = await asyncio.wait_for(arrived.get(), 30)
        try:
            yield Cycle(theirs.transport).receive
        finally:
            writer.close()
            theirs.close()
            listener.close()
            await asyncio.gather(writer.wait_closed(), theirs.wait_closed(), return_exceptions=True)

    return accepted
