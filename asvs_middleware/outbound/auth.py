"""A bearer token bound to one origin: v5.0.0-13.2.1, RFC 6750 section 2.1.

Not an Auth class of an HTTP library but a callable, which httpx and httpx2 both take as auth=...
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import ConfigurationError
from .origin import Origin, origin_of, parse_origin

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)


@dataclass(frozen=True, slots=True, init=False)
class BearerFor:
    """Adds `Authorization: Bearer` to requests for one https origin, and to no other.

    Args:
        origin: such as "https://partner.example"; no path.
        token: the token, or a function that returns the current one.

    Raises:
        ConfigurationError: the origin is not https, or the token is none of RFC 6750; the message never holds it.
    """

    origin: Origin
    token: str | Callable[[], str] = field(repr=False)

    def __init__(self, origin: str, token: str | Callable[[], str]) -> None:
        object.__setattr__(self, "origin", parse_origin(origin, where="BearerFor(origin=...)"))
        object.__setattr__(self, "token", token if callable(token) else _checked(token))

    def __call__(self, request: Any) -> Any:
        """Return the request, with the token if it goes to the token's origin."""
        if request.url.scheme == "https" and origin_of(request.url) == self.origin:
            token = _checked(self.token()) if callable(self.token) else self.token
            request.headers["authorization"] = f"Bearer {token}"
        return request


def _checked(token: str) -> str:
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise ConfigurationError(
            "BearerFor(token=...) got something that is no bearer token.",
            fix="Give the bare token, without the word Bearer, spaces or a line end.",
        )
    return token
