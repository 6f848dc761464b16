"""The refusals of this room, each with its challenge already in place (RFC 6750 section 3.1).

The reason goes to the security event and names what was found; it never holds the token or a claim's value.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from ..errors import DependencyUnavailable, ScopeRefused, TokenRefused
from .challenges import (
    bare_challenge,
    insufficient_scope_challenge,
    invalid_request_challenge,
    invalid_token_challenge,
    step_up_challenge,
)

_INVALID_TOKEN: Final = ((b"www-authenticate", invalid_token_challenge()),)
_INVALID_REQUEST: Final = ((b"www-authenticate", invalid_request_challenge()),)
_BARE: Final = ((b"www-authenticate", bare_challenge()),)
_RETRY_AFTER: Final = ((b"retry-after", b"5"),)


def invalid_token(
    reason: str, *, requirement: str | None = None, facts: dict[str, str | int | bool | None] | None = None
) -> TokenRefused:
    """Return the 401 for a token that does not hold."""
    return TokenRefused(reason, code="invalid_token", headers=_INVALID_TOKEN, requirement=requirement, facts=facts)


def invalid_request(reason: str) -> TokenRefused:
    """Return the 400 for a request whose token cannot be told: two of them, or one in a forbidden place."""
    return TokenRefused(reason, code="invalid_request", status=400, headers=_INVALID_REQUEST)


def missing_token(reason: str = "The request carries no access token.") -> TokenRefused:
    """Return the 401 that tells how to authenticate and no more."""
    return TokenRefused(reason, headers=_BARE)


def insufficient_scope(reason: str, *, scopes: Iterable[str]) -> ScopeRefused:
    """Return the 403 that names the scopes the route needs."""
    return ScopeRefused(reason, headers=((b"www-authenticate", insufficient_scope_challenge(scopes)),))


def insufficient_authentication(
    reason: str, *, acr_values: Iterable[str] = (), max_age: timedelta | None = None
) -> TokenRefused:
    """Return the 401 that asks for a stronger or more recent login (RFC 9470): v5.0.0-10.3.4."""
    challenge = step_up_challenge(acr_values=acr_values, max_age=max_age)
    return TokenRefused(
        reason,
        code="insufficient_user_authentication",
        headers=((b"www-authenticate", challenge),),
        requirement="v5.0.0-10.3.4",
    )


def keys_unavailable(reason: str) -> DependencyUnavailable:
    """Return the 503 for keys that cannot be had: never a 401, which makes clients throw good tokens away."""
    return DependencyUnavailable(reason, code="keys_unavailable", headers=_RETRY_AFTER)
