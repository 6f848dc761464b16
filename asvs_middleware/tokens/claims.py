"""The claims of an access token: RFC 7519 section 4.1, RFC 9068 section 4, RFC 8705 section 3.1.

v5.0.0-9.2.1 (dates), 9.2.3 and 10.3.1 (audience), 10.3.4 (login), 10.3.5 (confirmation). Types are exact: `true` is no
number, a number is no text, and nothing is converted. A confirmation this room cannot enforce refuses the token, or a
sender-constrained token would pass as a plain one.
Not here: revocation, and what a scope permits.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from math import inf
from types import MappingProxyType
from typing import Any, Final

from . import base64url
from .refusals import invalid_token
from .scopes import parse_scope
from .strict_json import parse_object
from .verified import VERIFIED, VerifiedToken

_LAST_MOMENT: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def parse_claims(payload: bytes) -> dict[str, Any]:
    """Return the claims set of a verified payload.

    Raises:
        TokenRefused: it is not one strict JSON object.
    """
    try:
        return parse_object(payload)
    except ValueError as error:
        raise invalid_token(f"The token's payload is {error}.") from None


def verify_claims(
    claims: dict[str, Any],
    *,
    issuer: str,
    audience: Collection[str],
    now: float,
    leeway: float,
    max_lifetime: float = inf,
) -> VerifiedToken:
    """Return the proof for claims whose signature was verified.

    Args:
        issuer: the only `iss` accepted.
        audience: our names.
        now: seconds since the epoch.
        leeway: seconds.
        max_lifetime: seconds between `iat` and `exp`.

    Raises:
        TokenRefused: a claim is missing, of another type, or not as it must be.
    """
    if claims.get("iss") != issuer:
        raise invalid_token("The token's iss is not the configured issuer.", requirement="v5.0.0-9.1.3")
    _check_audience(claims.get("aud"), audience)
    expires = verify_dates(claims, now=now, leeway=leeway)
    _check_issued(_moment(claims, "iat"), expires, now=now, leeway=leeway, max_lifetime=max_lifetime)
    subject = _text(claims, "sub")
    if not subject:
        raise invalid_token("The token's sub is missing or empty.")
    _text(claims, "jti")
    auth_time = _moment(claims, "auth_time")
    if auth_time is not None and auth_time > now + leeway:  # It would pass for a recent login for as long as it lives.
        raise invalid_token("The token's login lies in the future.", requirement="v5.0.0-10.3.4")
    return VerifiedToken(
        issuer=issuer,
        subject=subject,
        client_id=_text(claims, "client_id"),
        scopes=_scopes(claims),
        expires_at=datetime.fromtimestamp(expires, UTC),
        certificate_thumbprint=_confirmation(claims),
        auth_time=None if auth_time is None else datetime.fromtimestamp(auth_time, UTC),
        acr=_text(claims, "acr"),
        claims=_frozen_members(claims),
        seal=VERIFIED,
    )


def verify_dates(claims: Mapping[str, Any], *, now: float, leeway: float) -> float:
    """Return `exp` in seconds since the epoch; called again whenever a verified token is seen again.

    Raises:
        TokenRefused: `exp` is missing or past, or `nbf` is yet to come.
    """
    expires = _moment(claims, "exp")
    if expires is None:
        raise invalid_token("The token has no exp: it would hold for ever.", requirement="v5.0.0-9.2.1")
    if now - leeway >= expires:
        raise invalid_token("The token is expired.", requirement="v5.0.0-9.2.1")
    not_before = _moment(claims, "nbf")
    if not_before is not None and now + leeway < not_before:
        raise invalid_token("The token does not hold yet.", requirement="v5.0.0-9.2.1")
    return expires


def _check_audience(aud: object, audience: Collection[str]) -> None:
    """RFC 7519 section 4.1.3: one text, or a list of nothing but texts, with one of ours among them."""
    names = [aud] if isinstance(aud, str) else aud
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise invalid_token("The token's aud is missing or not text.", requirement="v5.0.0-9.2.3")
    if not any(name in audience for name in names):
        raise invalid_token("The token is meant for another audience.", requirement="v5.0.0-9.2.3")


def _check_issued(issued: float | None, expires: float, *, now: float, leeway: float, max_lifetime: float) -> None:
    if issued is not None and issued > now + leeway:
        raise invalid_token("The token was issued in the future.", requirement="v5.0.0-9.2.1")
    if expires - (-inf if issued is None else issued) > max_lifetime:
        raise invalid_token("The token lives longer than allowed here.", requirement="v5.0.0-9.2.1")


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a NumericDate (RFC 7519 section 2) between 1970 and 9999."""
    if name not in claims:
        return None
    value = claims[name]
    if type(value) not in (int, float) or not 0 <= value <= _LAST_MOMENT:
        raise invalid_token(f"The token's {name} is not a date.", requirement="v5.0.0-9.2.1")
    return float(value)


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    if name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, str):
        raise invalid_token(f"The token's {name} is not text.")
    return value


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    try:
        return parse_scope(claims.get("scope", ""))
    except ValueError as error:
        raise invalid_token(f"The token's scope is {error}.", requirement="v5.0.0-10.3.2") from None


def _confirmation(claims: Mapping[str, Any]) -> bytes | None:
    """Return the thumbprint a token is bound to; `x5t#S256` alone is known (RFC 8705 section 3.1)."""
    if "cnf" not in claims:
        return None
    cnf = claims["cnf"]
    if not isinstance(cnf, dict) or list(cnf) != ["x5t#S256"]:
        raise invalid_token("The token's cnf asks for a proof that is not checked here.", requirement="v5.0.0-10.3.5")
    value = cnf["x5t#S256"]
    try:
        thumbprint = base64url.decode(value.encode("ascii")) if isinstance(value, str) else b""
    except ValueError:
        thumbprint = b""
    if len(thumbprint) != 32:
        raise invalid_token("The token's x5t#S256 is not a SHA-256 thumbprint.", requirement="v5.0.0-10.3.5")
    return thumbprint


def _frozen_members(members: dict[str, Any]) -> Mapping[str, Any]:
    """One token serves many requests, so nothing one handler does to the claims may reach the next."""
    return MappingProxyType({name: _frozen(value) for name, value in members.items()})


def _frozen(value: object) -> object:
    if isinstance(value, dict):
        return _frozen_members(value)
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return value
