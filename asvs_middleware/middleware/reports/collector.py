"""Collect what browsers report, in the layer itself: v5.0.0-3.4.7. Reporting API section 3, Fetch section 3.2.2.

It stands inside the layer, so the Host and plaintext gates ran before and every header is on its answers. A report
carries no credentials and asks for none. Reports become events, each finding once an hour; none is stored. Not
believed: anything a report says, since anybody can send one.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from ... import events
from ...connection.exchange import exchange_of
from ...errors import AccessDenied
from .bodies import KINDS, LEGACY, REPORTS, Report, read
from .limits import Clients, Findings

LARGEST: Final = 64 * 1024

# A page of another origin of ours may report here too: the browser asks first, and the answer gives nothing away.
PREFLIGHT: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-type"),
    (b"access-control-max-age", b"86400"),
)


def report_collector(*, clock: Callable[[], float] = time.monotonic) -> ASGIApp:
    """Return the ASGI app that answers at the place for reports: 204 to whatever is well-formed."""
    clients, findings = Clients(clock), Findings(clock)

    async def collect(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            await _answer(send, 204, PREFLIGHT)
            return
        try:
            reports = await _reports(scope, receive, clients)
        except AccessDenied as refusal:
            await _refuse(refusal, scope, send)
            return
        for report in reports:
            unheard = findings.fresh(report)
            if unheard is not None:
                _tell(report, unheard)
        await _answer(send, 204, PREFLIGHT[:1])

    return collect


def collecting(app: ASGIApp, path: str, collector: ASGIApp) -> ASGIApp:
    """Return the app with the collector at a path; everything else goes on as before."""

    def route(scope: Scope, receive: Receive, send: Send) -> object:
        if scope.get("path") == path and scope["type"] == "http":
            return collector(scope, receive, send)
        return app(scope, receive, send)

    return route  # type: ignore[return-value]  # An awaitable either way; a coroutine would cost a frame.


async def _reports(scope: Scope, receive: Receive, clients: Clients) -> list[Report]:
    if scope["method"] != "POST":
        allow = (b"allow", b"POST, OPTIONS")
        raise _refusal("A report is sent with POST.", allow, code="report_method", status=405)
    allowed = clients.spend(_client(scope))
    if not allowed:
        raise _refusal(
            "One client sends more reports than are listened to.",
            (b"retry-after", b"60"),
            code="report_rate" if allowed is False else _UNTOLD,
            status=429,
        )
    media_type = _field(scope, b"content-type").partition(b";")[0].strip().lower()
    if media_type not in {LEGACY, REPORTS}:
        raise _refusal("The body is no report by its media type.", code="report_media_type", status=415)
    body = await _body(receive)
    try:
        return read(body, media_type)
    except ValueError as error:
        reason = f"The report cannot be read: {type(error).__name__}."
        raise _refusal(reason, code="report_malformed", status=400) from None


_UNTOLD: Final = "report_rate_again"


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _refusal("The client left before its report was whole.", code="report_malformed", status=400)
        body += message.get("body", b"")
        if len(body) > LARGEST:
            raise _refusal(f"The report is larger than {LARGEST} bytes.", code="report_too_large", status=413)
        if not message.get("more_body", False):
            return bytes(body)


def _client(scope: Scope) -> str | None:
    exchange = exchange_of(scope)
    if exchange is not None:
        return exchange.connection.client
    client = scope.get("client")
    return str(client[0]) if client else None


def _field(scope: Scope, wanted: bytes) -> bytes:
    found = [value for name, value in scope["headers"] if name == wanted]
    return found[0] if len(found) == 1 else b""


def _tell(report: Report, unheard: int) -> None:
    events.emit(
        "reports",
        "browser_report",
        reason="A browser reported what a policy blocked." if report.enforced else "A browser reported a violation.",
        requirement=KINDS[report.kind],
        severity=logging.WARNING if report.enforced else logging.INFO,
        kind=report.kind,
        directive=report.directive,
        blocked=report.blocked,
        document=report.document,
        enforced=report.enforced,
        unheard=unheard,
    )


def _refusal(reason: str, *headers: tuple[bytes, bytes], code: str, status: int) -> AccessDenied:
    return AccessDenied(reason, code=code, status=status, headers=headers, requirement="v5.0.0-15.2.2")


async def _refuse(refusal: AccessDenied, scope: Scope, send: Send) -> None:
    """Leave the answer and its one event to the layer; a flood past the limit gets neither document nor event."""
    exchange = exchange_of(scope)
    if exchange is None or refusal.code == _UNTOLD:
        await _answer(send, refusal.status, refusal.headers)
        return
    exchange.refusal = refusal


async def _answer(send: Send, status: int, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    length = () if status == 204 else ((b"content-length", b"0"),)
    start = {
        "type": "http.response.start",
        "status": status,
        "headers": [(b"cache-control", b"no-store"), *length, *headers],
    }
    await send(start)
    await send({"type": "http.response.body", "body": b""})
