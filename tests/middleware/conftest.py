"""Connections, exchanges and scopes as a server makes them, and what went over the wire."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from asvs_middleware.connection import Connection, Networks, connection_reader
from asvs_middleware.connection.exchange import Exchange, Means
from asvs_middleware.middleware.response.wardrobe import arrival

HOST = (b"host", b"api.example.com")


@dataclass
class Answered:
    """Every message an app sent for one scope, and what it raised."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    raised: Exception | None = None

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.sent]

    @property
    def start(self) -> dict[str, Any]:
        [start] = [message for message in self.sent if message["type"].endswith(".start")]
        return start

    @property
    def status(self) -> int:
        return int(self.start["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The header fields; a name that stands twice is an error."""
        names = [name for name, _ in self.start["headers"]]
        assert len(set(names)) == len(names)
        return dict(self.start["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document (RFC 9457); its fields agree with it."""
        assert self.headers[b"content-type"] == b"application/problem+json"
        assert self.headers[b"content-length"] == str(len(self.body)).encode()
        return dict(json.loads(self.body))


def scope_of(*pairs: tuple[bytes, bytes], **members: Any) -> dict[str, Any]:
    kind = members.get("type", "http")
    return {
        "type": kind,
        "http_version": "1.1",
        "method": "GET",
        "scheme": {"http": "http", "websocket": "ws"}.get(kind),
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": list(pairs),
        "client": ("192.0.2.7", 4711),
        **members,
    }


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b""}


async def send(message: Any) -> None:
    raise AssertionError(f"{message} was sent")


@pytest.fixture(scope="session")
def a_connection() -> Callable[..., Connection]:
    """Make a plaintext connection to api.example.com; `host=None` leaves the Host out, keywords replace members."""
    read = connection_reader(Networks([]))

    def a_connection(*pairs: tuple[bytes, bytes], host: bytes | None = HOST[1], **members: Any) -> Connection:
        hosts = () if host is None else ((b"host", host),)
        return read(scope_of(*hosts, *pairs, **members), receive)

    return a_connection


@pytest.fixture(scope="session")
def an_exchange(a_connection: Callable[..., Connection]) -> Callable[..., Exchange]:
    """Make an exchange over TLS."""

    def an_exchange(*pairs: tuple[bytes, bytes], **members: Any) -> Exchange:
        connection = a_connection(*pairs, **{"scheme": "https", **members})
        return Exchange(
            connection.scope,
            receive,
            send,
            Means(connection_reader(Networks([])), None),
            arrival(secure=connection.secure, host=connection.host),
            connection,
        )

    return an_exchange


@pytest.fixture(scope="session")
def call() -> Callable[..., Any]:
    """Run an app on one scope to api.example.com, over TLS unless another scheme is given."""

    async def call(app: Any, *pairs: tuple[bytes, bytes], messages: Any = (), **members: Any) -> Answered:
        kind = members.get("type", "http")
        scope = scope_of(HOST, *pairs, **{"scheme": "wss" if kind == "websocket" else "https", **members})
        answered = Answered()
        waiting = list(messages) or [{"type": "websocket.connect" if kind == "websocket" else "http.request"}]

        async def receive() -> dict[str, Any]:
            return waiting.pop(0) if waiting else {"type": f"{kind}.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            answered.sent.append(message)

        try:
            await app(scope, receive, send)
        except Exception as error:
            answered.raised = error
        return answered

    return call
