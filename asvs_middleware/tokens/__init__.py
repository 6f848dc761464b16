"""Access tokens: from the Authorization header to a proof. Knows no ASGI, socket or environment."""

from .bearer import bearer_token
from .binding import VerifiedBinding, verify_binding
from .challenges import (
    bare_challenge,
    insufficient_scope_challenge,
    invalid_request_challenge,
    invalid_token_challenge,
    step_up_challenge,
)
from .fetching import Fetcher
from .keysource import KeyHealth
from .policy import Tokens
from .refusals import (
    insufficient_authentication,
    insufficient_scope,
    invalid_request,
    invalid_token,
    keys_unavailable,
    missing_token,
)
from .scopes import scope_token
from .verified import VerifiedToken
from .verifier import AccessTokenVerifier

__all__ = [
    "AccessTokenVerifier",
    "Fetcher",
    "KeyHealth",
    "Tokens",
    "VerifiedBinding",
    "VerifiedToken",
    "bare_challenge",
    "bearer_token",
    "insufficient_authentication",
    "insufficient_scope",
    "insufficient_scope_challenge",
    "invalid_request",
    "invalid_request_challenge",
    "invalid_token",
    "invalid_token_challenge",
    "keys_unavailable",
    "missing_token",
    "scope_token",
    "step_up_challenge",
    "verify_binding",
]
