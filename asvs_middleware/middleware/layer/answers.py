"""The layer's own answers: a problem document (RFC 9457) or a redirect, with every header, and one event.

v5.0.0-16.5.1 (nothing internal reaches the caller), v5.0.0-16.3.2 and 16.3.3 (each refusal is logged).
"""

import json
import logging

from starlette.types import Message

from ... import events
from ...connection import Connection
from ...connection.exchange import Exchange
from ...errors import AccessDenied, TLSRequired
from ..gates.verdict import Redirect
from ..response.dress import Dress
from .cors import cors_fields

_POLICY_VIOLATION = 1008  # RFC 6455 section 7.4.1


async def answer(
    verdict: AccessDenied | Redirect, exchange: Exchange, dress: Dress, *, instead_of: Message | None = None
) -> None:
    """Send the answer and write the event; whatever the app sends afterwards is dropped.

    Args:
        verdict: what to answer.
        exchange: the request.
        dress: puts the headers on.
        instead_of: the response start of the app this replaces; what CORS put there stays, or no page of another origin
            could read the refusal.
    """
    exchange.answered = exchange.started = True
    if isinstance(verdict, Redirect):
        body, head = b"", _head(308, b"text/plain; charset=utf-8", b"", [(b"location", verdict.location.encode())])
    else:
        report(verdict, exchange.connection)
        body = json.dumps(_problem(verdict)).encode()
        head = _head(verdict.status, b"application/problem+json", body, [*verdict.headers, *cors_fields(instead_of)])
    if isinstance(verdict, TLSRequired) and exchange.connection.scope.get("http_version", "1.1") < "2":
        head["headers"].append((b"connection", b"close"))
    if exchange.connection.scope["type"] == "websocket":
        await _deny(exchange, dress, head, body)
        return
    await exchange.send(dress(exchange, head))
    body = b"" if exchange.connection.method == "HEAD" else body
    await exchange.send({"type": "http.response.body", "body": body})


async def deny_websocket(exchange: Exchange, dress: Dress) -> None:
    """Refuse a handshake the app itself refused, with every header where the server can send them."""
    exchange.answered = exchange.started = True
    await _deny(exchange, dress, _head(403, b"text/plain; charset=utf-8", b"", []), b"")


def report(refusal: AccessDenied, connection: Connection) -> None:
    """Write the one event of a refusal: who, what, why, which requirement."""
    if refusal.quiet:
        return
    scope = connection.scope
    severity = logging.ERROR if refusal.status >= 500 else logging.WARNING
    if refusal.facts.get("credential_exposed"):
        severity = logging.CRITICAL
    events.emit(
        "access",
        refusal.event,
        reason=refusal.reason,
        requirement=refusal.requirement,
        severity=severity,
        **{
            **refusal.facts,
            "code": refusal.code,
            "status": refusal.status,
            "peer": connection.transport.peer,
            "client": connection.client,
            "kind": scope["type"],
            "method": connection.method,
            "scheme": scope.get("scheme"),
            # What stands before an at sign may be a password.
            "host": None if connection.host is None else connection.host.rpartition(b"@")[2].decode("latin-1"),
            "path": scope["path"],
        },
    )


def _problem(refusal: AccessDenied) -> dict[str, str | int]:
    return {"type": f"urn:asvs-middleware:problem:{refusal.code}", "title": refusal.title, "status": refusal.status}


def _head(status: int, content_type: bytes, body: bytes, extra: list[tuple[bytes, bytes]]) -> Message:
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *extra,
    ]
    return {"type": "http.response.start", "status": status, "headers": headers}


async def _deny(exchange: Exchange, dress: Dress, head: Message, body: bytes) -> None:
    if "websocket.http.response" in (exchange.connection.scope.get("extensions") or {}):
        await exchange.send(dress(exchange, {**head, "type": "websocket.http.response.start"}))
        await exchange.send({"type": "websocket.http.response.body", "body": body})
    else:
        await exchange.send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})
