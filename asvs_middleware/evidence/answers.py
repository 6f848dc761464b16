"""What answers a request where no endpoint does: a gate or the collector of the layer, or a router. v5.0.0-4.1.2.

The gates are those that serve. Not known: who the peer is, so that neither its network nor its certificate is asked
about, and how an app words its errors where it has handlers of its own.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.applications import Starlette
from starlette.datastructures import URL
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Scope

from ..access import Answering
from ..access.reach import FAILED, NO_METHOD, NOT_FOUND, REDIRECTED, redirected
from ..connection import Connection
from ..errors import AccessDenied, TLSRequired
from ..headers import Pair
from ..middleware import report_collector
from ..middleware.gates.verdict import Gate, Redirect
from ..middleware.reports.collector import PREFLIGHT

_DENIED: Final = 403
_NOT_STORED: Final = (b"cache-control", b"no-store")
_SHUT: Final = ((b"content-type", b"text/plain; charset=utf-8"), _NOT_STORED)
_PROBLEM: Final = ((b"content-type", b"application/problem+json"), _NOT_STORED)
_WORDS: Final = {NOT_FOUND: "Not Found", NO_METHOD: "Method Not Allowed"}
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent in place of an endpoint's response.

    Attributes:
        status: its status.
        fields: its fields before ours join them.
        told: what answers, for people.
        by_layer: the layer does, and not the app.
    """

    status: int
    fields: tuple[Pair, ...]
    told: str
    by_layer: bool


def _of_the_collector(method: str) -> Answer:
    """Return what the place for browsers' reports answers to a report, and to what is none."""
    if method in {"POST", "OPTIONS"}:
        fields = PREFLIGHT if method == "OPTIONS" else PREFLIGHT[:1]
        return Answer(status=204, fields=(_NOT_STORED, *fields), told="the collector of reports", by_layer=True)
    allow = (b"allow", b"POST, OPTIONS")
    return Answer(status=NO_METHOD, fields=(*_PROBLEM, allow), told="no endpoint for this method", by_layer=True)


def refused(gates: tuple[Gate, ...], connection: Connection) -> Answer | None:
    """Return what the first gate says that does not let a request pass; None where all do."""
    for gate in gates:
        verdict = gate(connection)
        if isinstance(verdict, Redirect):
            location = (b"location", verdict.location.encode())
            return Answer(
                status=308, fields=(*_SHUT, location), told=f"redirected to {verdict.location}", by_layer=True
            )
        if verdict is not None:
            told = f"refused by the layer: {verdict.code}"
            return Answer(status=verdict.status, fields=tuple(_problem(verdict, connection)), told=told, by_layer=True)
    return None


def in_place_of_an_endpoint(found: Answering, scope: Scope) -> Answer | None:
    """Return what a router, or the layer for a handshake, answers; None where an endpoint or an app does."""
    if found.entry.endpoint is report_collector:
        return _of_the_collector(scope["method"])
    if found.status is None:
        return None
    told = "no endpoint for this method" if found.status == NO_METHOD else "no route"
    if scope["type"] == "websocket":
        return Answer(status=_DENIED, fields=_SHUT, told=told, by_layer=True)
    if found.status == FAILED:
        return _failed(found.app)
    if found.status == REDIRECTED:
        target = str(URL(scope=redirected(scope)))
        return _of_app(RedirectResponse(target), f"{told}: redirected to {target}")
    allow = ", ".join(_methods_of(found)) if found.status == NO_METHOD else ""
    return _of_app(_worded(found.app)(found.status, {"allow": allow} if allow else {}), told)


def _failed(app: Any) -> Answer:
    told = "the app fails at this path"
    if isinstance(app, Starlette):
        return _of_app(PlainTextResponse("Internal Server Error", FAILED), told)
    return Answer(status=FAILED, fields=_PROBLEM, told=told, by_layer=True)


def _problem(verdict: AccessDenied, connection: Connection) -> list[Pair]:
    closes = isinstance(verdict, TLSRequired) and connection.scope["http_version"] < "2"
    return [*_PROBLEM, *verdict.headers, *[(b"connection", b"close")] * closes]


def _of_app(response: Response, told: str) -> Answer:
    fields = tuple(pair for pair in response.raw_headers if pair[0] != b"content-length")
    return Answer(status=response.status_code, fields=fields, told=told, by_layer=False)


def _worded(app: Any) -> Callable[[int, dict[str, str]], Response]:
    """Return how an application words an error: FastAPI as JSON, Starlette as text."""
    fastapi = getattr(sys.modules.get("fastapi"), "FastAPI", None)
    if fastapi is not None and isinstance(app, fastapi):
        return lambda status, fields: JSONResponse({"detail": _WORDS[status]}, status, fields)
    return lambda status, fields: PlainTextResponse(_WORDS[status], status, fields)


def _methods_of(found: Answering) -> list[str]:
    """Return the methods of a route, in the order of its own list: those of the set a route keeps have none."""
    endpoint, methods = getattr(found.entry.route, "endpoint", None), getattr(found.entry.route, "methods", None)
    if methods is not None or not isinstance(endpoint, type):
        return list(methods or ())
    has = {name for name in _METHODS if getattr(endpoint, name.lower(), None) is not None}
    return [name for name in _METHODS if name in has or (name == "HEAD" and "GET" in has)]
