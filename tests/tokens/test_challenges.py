"""WWW-Authenticate values (RFC 6750 section 3, RFC 9470 section 3) and the refusals that carry them."""

from datetime import timedelta

import pytest

from asvs_middleware.errors import AccessDenied, ConfigurationError, ScopeRefused, TokenRefused
from asvs_middleware.tokens import (
    bare_challenge,
    insufficient_authentication,
    insufficient_scope,
    insufficient_scope_challenge,
    invalid_request,
    invalid_request_challenge,
    invalid_token,
    invalid_token_challenge,
    keys_unavailable,
    missing_token,
    step_up_challenge,
)


@pytest.mark.parametrize(
    ("challenge", "expected"),
    [
        pytest.param(bare_challenge(), b"Bearer", id="no token: no error code"),
        pytest.param(bare_challenge(realm="orders"), b'Bearer realm="orders"', id="no token, with a realm"),
        pytest.param(
            invalid_request_challenge(),
            b'Bearer error="invalid_request", error_description="Send one access token, in one way"',
            id="two tokens",
        ),
        pytest.param(
            invalid_token_challenge(realm=""),
            b'Bearer realm="", error="invalid_token", error_description="The access token is not valid here"',
            id="bad token",
        ),
        pytest.param(
            insufficient_scope_challenge(["b", "a"]),
            b'Bearer error="insufficient_scope", error_description="More scopes are needed", scope="a b"',
            id="scopes",
        ),
        pytest.param(
            step_up_challenge(acr_values=["urn:loa:2", "urn:loa:1"], max_age=timedelta(minutes=5)),
            b'Bearer error="insufficient_user_authentication", '
            b'error_description="A stronger or more recent login is needed", '
            b'acr_values="urn:loa:2 urn:loa:1", max_age="300"',
            id="step-up: both",
        ),
        pytest.param(
            step_up_challenge(max_age=timedelta(0)),
            b'Bearer error="insufficient_user_authentication", '
            b'error_description="A stronger or more recent login is needed", max_age="0"',
            id="step-up: a login right now",
        ),
    ],
)
def test_challenge(challenge: bytes, expected: bytes) -> None:
    """Exactly these bytes."""
    assert challenge == expected


@pytest.mark.parametrize("realm", ['a"b', "a\\b", "a\r\nSet-Cookie: x", "ü"])
def test_realm_cannot_break_out(realm: str) -> None:
    """A realm that would need an escape is refused, so none can be forgotten."""
    with pytest.raises(ConfigurationError, match="cannot stand in a header"):
        bare_challenge(realm=realm)


def test_values_cannot_break_out() -> None:
    """Scopes and context classes keep the syntax of RFC 6749 section 3.3."""
    with pytest.raises(ConfigurationError, match="is not a scope"):
        insufficient_scope_challenge(['a", realm="x'])
    with pytest.raises(ConfigurationError, match="is not a scope"):
        step_up_challenge(acr_values=['a"'])


def test_negative_max_age() -> None:
    """No login is younger than now."""
    with pytest.raises(ConfigurationError, match="is negative"):
        step_up_challenge(max_age=timedelta(seconds=-1))


@pytest.mark.parametrize(
    ("refusal", "kind", "status", "code", "challenge"),
    [
        pytest.param(missing_token(), TokenRefused, 401, "token_refused", bare_challenge(), id="no token"),
        pytest.param(invalid_token("x"), TokenRefused, 401, "invalid_token", invalid_token_challenge(), id="bad token"),
        pytest.param(
            invalid_request("x"), TokenRefused, 400, "invalid_request", invalid_request_challenge(), id="two tokens"
        ),
        pytest.param(
            insufficient_scope("x", scopes=["a"]),
            ScopeRefused,
            403,
            "insufficient_scope",
            insufficient_scope_challenge(["a"]),
            id="scopes",
        ),
        pytest.param(
            insufficient_authentication("x", acr_values=["a"]),
            TokenRefused,
            401,
            "insufficient_user_authentication",
            step_up_challenge(acr_values=["a"]),
            id="step-up",
        ),
    ],
)
def test_refusals(refusal: AccessDenied, kind: type, status: int, code: str, challenge: bytes) -> None:
    """Status, code and challenge belong together, and the reason stays out of the header."""
    assert type(refusal) is kind
    assert (refusal.status, refusal.code) == (status, code)
    assert refusal.headers == ((b"www-authenticate", challenge),)


def test_keys_unavailable_is_no_401() -> None:
    """A 401 makes clients throw good tokens away; a 503 makes them come again."""
    refusal = keys_unavailable("x")
    assert (refusal.status, refusal.headers) == (503, ((b"retry-after", b"5"),))
