"""What is assumed of a request and its response where a path is explained: checked, since nobody sends it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypedDict

from ..errors import ConfigurationError
from ..headers import Pair
from ..headers.fields import field_value
from ..names import check_type, known

_TOKEN: Final = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+\Z")
_VALUE: Final = re.compile(r"[^\x00\r\n]*\Z")
_HOST: Final = re.compile(r"[!-~]+\Z")
_TYPE: Final = b"content-type"


class Assumptions(TypedDict, total=False):
    """What may be assumed beside path and method; Assumed says what each means."""

    status: int | None
    content_type: str | None
    sent: Sequence[tuple[str, str]]
    nonce: bool
    host: str | None
    scheme: Literal["https", "http"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """One request and what an endpoint would answer to it.

    Attributes:
        path: of the request, decoded.
        method: small letters are taken for capitals.
        status: of the response; None where what answers may say it.
        content_type: of the response; None where `sent` may say it, or the preset does.
        sent: other fields the endpoint sets.
        nonce: the page asks for a nonce.
        host: the Host field; None for the first host of the policy.
        scheme: `https`, or `http` for plaintext.

    Raises:
        ConfigurationError: one of them could be in no request or response.
    """

    path: str
    method: str
    status: int | None = None
    content_type: str | None = None
    sent: Sequence[tuple[str, str]] = ()
    nonce: bool = False
    host: str | None = None
    scheme: Literal["https", "http"] = "https"

    def __post_init__(self) -> None:
        if not (isinstance(self.path, str) and self.path.startswith("/") and _encodes(self.path, "utf-8")):
            raise ConfigurationError(
                f"explain({self.path!r}) is no path.", fix='Write one that begins with "/", decoded.'
            )
        if not (isinstance(self.method, str) and _TOKEN.match(self.method)):
            raise ConfigurationError(f"method={self.method!r} is no request method.", fix='Write one such as "GET".')
        object.__setattr__(self, "method", self.method.upper())
        if self.status is not None and (type(self.status) is not int or not 200 <= self.status <= 599):
            raise ConfigurationError(
                f"status={self.status!r} is no status of a response.", fix="Use a number from 200 to 599."
            )
        if self.content_type is not None:
            field_value("content_type", self.content_type)
        object.__setattr__(self, "sent", _pairs(self.sent))
        check_type("explain", "nonce", self.nonce, bool, "nonce=True", optional=False)
        known(self.scheme, {"https", "http"}, where="explain(scheme=)")
        if self.host is not None and not (isinstance(self.host, str) and _HOST.match(self.host)):
            raise ConfigurationError(
                f"host={self.host!r} is no Host field.", fix='Write one such as "api.example.com".'
            )

    def fields(self, *, preset: str) -> list[Pair]:
        """Return the fields the endpoint sets itself: HTML where nobody says otherwise, JSON of an `api`."""
        return self.over([(b"content-type", b"application/json" if preset == "api" else b"text/html; charset=utf-8")])

    def over(self, fields: Sequence[Pair]) -> list[Pair]:
        """Return the fields an app sends, with those that were given in the place of the same ones."""
        given = [] if self.content_type is None else [(_TYPE, self.content_type.encode("ascii"))]
        given += [(name.encode("ascii"), value.encode("latin-1")) for name, value in self.sent]
        names = {name.lower() for name, _ in given}
        return [*(pair for pair in fields if pair[0] not in names), *given]


def _pairs(given: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigurationError(f"sent={given!r} is no list.", fix='Write sent=[("vary", "origin")].')
    return tuple(_pair(one) for one in given)


def _pair(given: Any) -> tuple[str, str]:
    match given:
        case (str(name), str(value)) if _TOKEN.match(name) and _VALUE.match(value) and _encodes(value, "latin-1"):
            return name, value
    raise ConfigurationError(
        f"sent holds {given!r}, which is no field.",
        fix='Write name and value as text a server could send: ("vary", "origin").',
    )


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
