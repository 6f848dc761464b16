"""WWW-Authenticate values: RFC 6750 section 3, RFC 9470 section 3. v5.0.0-16.5.1 (one generic description for each).

The descriptions are fixed: a caller with a bad token learns that it is bad, never what was wrong with it.
Not here: DPoP challenges (RFC 9449) and `resource_metadata` (RFC 9728).
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from ..errors import ConfigurationError
from .scopes import scope_token

_REALM: Final = re.compile(r"[ !#-\[\]-~]*")


def bare_challenge(*, realm: str | None = None) -> bytes:
    """Return the challenge for a request that tried no token: no error code (RFC 6750 section 3.1).

    >>> bare_challenge()
    b'Bearer'
    """
    return _render(realm)


def invalid_request_challenge(*, realm: str | None = None) -> bytes:
    """Return the challenge of a 400: two tokens, or one in the wrong place."""
    return _render(realm, error="invalid_request", error_description="Send one access token, in one way")


def invalid_token_challenge(*, realm: str | None = None) -> bytes:
    """Return the challenge of a 401: expired, malformed, forged, for somebody else; the caller is not told which."""
    return _render(realm, error="invalid_token", error_description="The access token is not valid here")


def insufficient_scope_challenge(scopes: Iterable[str], *, realm: str | None = None) -> bytes:
    """Return the challenge of a 403, with every scope the route needs."""
    needed = " ".join(sorted(map(scope_token, scopes)))
    return _render(realm, error="insufficient_scope", error_description="More scopes are needed", scope=needed)


def step_up_challenge(
    *, acr_values: Iterable[str] = (), max_age: timedelta | None = None, realm: str | None = None
) -> bytes:
    """Return the challenge of a 401 that asks for a stronger or more recent login (RFC 9470 section 3).

    Args:
        acr_values: authentication context classes, the preferred one first.
        max_age: how old the login may be; whole seconds are sent.
    """
    parameters = {
        "error": "insufficient_user_authentication",
        "error_description": "A stronger or more recent login is needed",
    }
    # acr_values and scope share their syntax: texts without space, quotation mark and backslash, joined by spaces.
    if acr := " ".join(map(scope_token, acr_values)):
        parameters["acr_values"] = acr
    if max_age is not None:
        parameters["max_age"] = str(_seconds(max_age))
    return _render(realm, **parameters)


def _seconds(max_age: timedelta) -> int:
    if max_age < timedelta(0):
        raise ConfigurationError(f"max_age={max_age} is negative.", fix="Use zero or more: timedelta(minutes=5).")
    return int(max_age.total_seconds())


def _render(realm: str | None, **parameters: str) -> bytes:
    if realm is not None:
        if not _REALM.fullmatch(realm):
            raise ConfigurationError(
                f"realm={realm!r} cannot stand in a header.",
                fix="Use ASCII letters, digits, spaces and punctuation without the quotation mark and the backslash.",
            )
        parameters = {"realm": realm, **parameters}
    # Every value is free of '"' and '\' by now, so a quoted-string needs no escapes.
    fields = ", ".join(f'{name}="{value}"' for name, value in parameters.items())
    return f"Bearer {fields}".strip().encode("ascii")
