"""Refuse what no request to us looks like: an unused method, too many or too large fields, doubtful framing.

v5.0.0-13.4.4 (TRACE), v5.0.0-4.1.4 (unused methods), v5.0.0-15.2.2 (sizes), v5.0.0-4.2.1 and v5.0.0-4.2.3 (framing).
RFC 9110 sections 5.1 and 15.5.6, RFC 9112 section 6.1, RFC 6585 section 5. The server has parsed the request by now:
what it accepted and hid, such as a second Content-Length, is not seen here, and its memory is spent already.
"""

import re
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ...connection import Connection
from ...connection.glance import Ordinary
from ...errors import ConfigurationError, RequestRefused
from .verdict import Gate, Verdict

Pair = tuple[bytes, bytes]

STANDARD_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
NEVER: Final = frozenset({"TRACE", "TRACK", "CONNECT"})  # They echo secrets, or turn the server into a proxy.

_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Z-]+\Z")
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110 section 5.6.2

_ORDINARY: Final = frozenset({
    b"accept", b"accept-charset", b"accept-encoding", b"accept-language", b"access-control-request-headers",
    b"access-control-request-method", b"authorization", b"cache-control", b"connection", b"content-encoding",
    b"content-language", b"content-length", b"content-type", b"cookie", b"date", b"dnt", b"dpop", b"expect",
    b"forwarded", b"from", b"host", b"idempotency-key", b"if-match", b"if-modified-since", b"if-none-match",
    b"if-range", b"if-unmodified-since", b"keep-alive", b"max-forwards", b"origin", b"pragma", b"prefer", b"priority",
    b"range", b"referer", b"save-data", b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform", b"sec-fetch-dest",
    b"sec-fetch-mode", b"sec-fetch-site", b"sec-fetch-user", b"sec-gpc", b"sec-websocket-extensions",
    b"sec-websocket-key", b"sec-websocket-protocol", b"sec-websocket-version", b"te", b"traceparent", b"tracestate",
    b"upgrade", b"upgrade-insecure-requests", b"user-agent", b"via", b"x-amzn-trace-id", b"x-api-key",
    b"x-correlation-id", b"x-csrf-token", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port",
    b"x-forwarded-proto", b"x-real-ip", b"x-request-id", b"x-requested-with",
})  # fmt: skip
"""Names that need no look at their characters. Transfer-Encoding is not among them: it needs a look at the rest."""

_LONGEST: Final = max(map(len, _ORDINARY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request may be at most.

    Attributes:
        methods: the methods any route may use; TRACE, TRACK and CONNECT cannot be among them.
        fields: how many header fields.
        field_bytes: bytes of all their names and values together; None leaves the size to the server's parser.
        body_bytes: of a request's body; None leaves it to the app (Starlette's RequestBodyLimitMiddleware).
        body_seconds: how long the client may keep the app waiting for one body, all waits together; None is no end.

    Raises:
        ConfigurationError: a method is none, or a number is not a positive one.
    """

    methods: Collection[str] = STANDARD_METHODS
    fields: int = 100
    field_bytes: int | None = 32 * 1024
    body_bytes: int | None = None
    body_seconds: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.methods, str) or not isinstance(self.methods, Collection) or not self.methods:
            raise ConfigurationError(
                f"Limits(methods={self.methods!r}) is no list of methods.", fix='Write one, such as ["GET", "POST"].'
            )
        for method in self.methods:
            _check_method(method)
        _check_number("fields", self.fields, int)
        _check_number("field_bytes", self.field_bytes, int, optional=True)
        _check_number("body_bytes", self.body_bytes, int, optional=True)
        _check_number("body_seconds", self.body_seconds, int, float, optional=True)

    @property
    def bounds_bodies(self) -> bool:
        """Whether anything has to be watched while a body is read."""
        return self.body_bytes is not None or self.body_seconds is not None


def limits_gate(limits: Limits) -> Gate:
    """Return the gate; it reads no body (bodies.py does)."""
    methods = frozenset(limits.methods)
    allow = ", ".join(sorted(methods)).encode("ascii")
    fits = _fits(limits)

    def judge(connection: Connection) -> Verdict:
        scope = connection.scope
        if scope["type"] == "http" and scope["method"] not in methods:
            refusal: RequestRefused | None = _method_refused(scope["method"], allow)
        elif fits(scope["headers"]):
            return None
        else:
            refusal = judge_fields(scope["headers"], limits, http_version=scope.get("http_version", "1.1"))
        if refusal is not None:
            # A credential sent in clear is burnt, whatever else is wrong with the request.
            refusal.facts["credential_exposed"] = connection.exposes_credentials
        return refusal

    return judge


def ordinary(limits: Limits) -> Ordinary:
    """Return the requests the gate passes without a look, as far as a glance can tell."""
    room = None if limits.field_bytes is None else limits.field_bytes - limits.fields * _LONGEST
    return Ordinary(
        methods=limits.methods,
        harmless=_ORDINARY,
        seems_harmless=_is_plain,
        fields=limits.fields,
        value_bytes=room,
    )


def judge_fields(pairs: Sequence[Pair], limits: Limits, *, http_version: str) -> RequestRefused | None:
    """Look at every field: how many, how large, which characters, and what they say about the body's length."""
    if len(pairs) > limits.fields:
        return _too_large(f"The request has more than {limits.fields} header fields.")
    if limits.field_bytes is not None and sum(len(name) + len(value) for name, value in pairs) > limits.field_bytes:
        return _too_large(f"The header fields have more than {limits.field_bytes} bytes.")
    names = {name.lower() for name, _ in pairs}
    if not all(map(_is_token, names)):
        return RequestRefused(
            "The name of a header field holds a character no name may have.",
            code="field_name_refused",
            requirement="v5.0.0-4.2.1",
        )
    return _framing(names, http_version) if b"transfer-encoding" in names else None


def _fits(limits: Limits) -> Callable[[Sequence[Pair]], bool]:
    """Return the quick look that passes ordinary requests; whatever it does not pass is looked at again, exactly.

    One plain loop: built-ins that go over the fields have to take the pairs apart first, and need twice its time.
    """
    most = limits.fields
    # The names it passes are short: with this much left for them, the values alone decide.
    room = sys.maxsize if limits.field_bytes is None else limits.field_bytes - most * _LONGEST

    def fits(pairs: Sequence[Pair]) -> bool:
        if len(pairs) > most:
            return False
        size = 0
        for name, value in pairs:
            if name not in _ORDINARY and not _is_plain(name):
                return False
            size += len(value)
        return size <= room

    return fits


def _framing(names: Collection[bytes], http_version: str) -> RequestRefused | None:
    """Judge a Transfer-Encoding: two readers that disagree about where a body ends see two different requests."""
    if http_version >= "2":
        return _unframed("Transfer-Encoding does not exist in HTTP/2 and HTTP/3.", "v5.0.0-4.2.3")
    if http_version != "1.1":
        return _unframed("Transfer-Encoding does not exist in HTTP/1.0.", "v5.0.0-4.2.1")
    if b"content-length" in names:
        return _unframed("There are both Transfer-Encoding and Content-Length.", "v5.0.0-4.2.1")
    return None


@lru_cache(maxsize=1024)
def _is_token(name: bytes) -> bool:
    return _TOKEN.match(name) is not None


def _is_plain(name: bytes) -> bool:
    """Whether a name is as good as an ordinary one: short, a token, and nothing that needs a look at the rest."""
    return len(name) <= _LONGEST and _is_token(name) and name.lower() != b"transfer-encoding"


def _method_refused(method: str, allow: bytes) -> RequestRefused:
    return RequestRefused(
        "The method is none of the configured ones.",
        code="method_not_allowed",
        status=405,
        headers=[(b"allow", allow)],
        requirement="v5.0.0-13.4.4" if method.upper() in NEVER else "v5.0.0-4.1.4",
    )


def _too_large(reason: str) -> RequestRefused:
    return RequestRefused(reason, code="fields_too_large", status=431)


def _unframed(reason: str, requirement: str) -> RequestRefused:
    return RequestRefused(reason, code="framing_refused", requirement=requirement)


def _check_method(method: object) -> None:
    if not isinstance(method, str) or not _METHOD.match(method):
        raise ConfigurationError(
            f"Limits(methods=...) holds {method!r}, which is no method.",
            fix="Write it in capitals: methods are compared letter by letter (RFC 9110 section 9.1).",
        )
    if method in NEVER:
        raise ConfigurationError(
            f"Limits(methods=...) may not hold {method}: v5.0.0-13.4.4, v5.0.0-4.1.4.", fix="Leave it out."
        )


def _check_number(name: str, number: object, *kinds: type, optional: bool = False) -> None:
    if number is None and optional:
        return
    # By type: bool is an int. Compared, so that nan and infinity are refused too.
    if type(number) not in kinds or not 0 < number < 2**53:  # type: ignore[operator]
        raise ConfigurationError(
            f"Limits({name}={number!r}) is no limit.",
            fix="Give a positive number" + (", or None." if optional else "."),
        )
