"""An issuer of access tokens for a rehearsal: its keys, its documents, and the tokens it signs, good ones and bad.

It publishes under the identifier the policy names, so nothing of the policy changes; only where the documents are
fetched from does. Its keys are made in this process and known to nobody else. RFC 8414, RFC 7517, RFC 9068.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import PyJWS, get_algorithm_by_name

from ..errors import ConfigurationError
from ..names import known
from ..tokens import Tokens
from ..tokens.algorithms import KEY_KINDS
from ..tokens.metadata import metadata_urls
from .authorities import ClientCertificate

Kind = tuple[str, str | None]

_CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
}
_LIFETIME: Final = timedelta(minutes=5)


class Published:
    """A fetcher that serves the documents of one policy's issuer from memory, and nothing else."""

    def __init__(self, tokens: Tokens) -> None:
        jwks_uri = f"{tokens.issuer.rstrip('/')}/rehearsal/jwks"
        metadata = json.dumps({"issuer": tokens.issuer, "jwks_uri": jwks_uri}).encode()
        self._metadata = dict.fromkeys(metadata_urls(tokens.issuer), metadata)
        self._jwks_uri = jwks_uri
        self._algorithms = tuple(tokens.algorithms)

    async def fetch(self, url: str, *, max_bytes: int) -> bytes:
        """Return the document.

        Raises:
            LookupError: the address is none of the issuer's.
        """
        if url == self._jwks_uri:
            return key_set(self._algorithms)[:max_bytes]
        return self._metadata[url][:max_bytes]


def key_set(algorithms: Sequence[str]) -> bytes:
    """Return the JWK set with the key of each algorithm."""
    by_kind = {KEY_KINDS[name]: name for name in algorithms}
    return json.dumps({"keys": [_public_jwk(kind, name) for kind, name in by_kind.items()]}).encode()


def minted(
    tokens: Tokens,
    *,
    clock: Callable[[], float],
    subject: str | None,
    scopes: str | Sequence[str],
    certificate: ClientCertificate | None,
    expires_in: timedelta | float | None,
    issuer: str | None,
    audience: str | Sequence[str] | None,
    algorithm: str | None,
    typ: str | None,
    forged: bool,
    claims: dict[str, Any],
) -> str:
    """Return a signed token; Rehearsal.token says what the arguments mean.

    Raises:
        ConfigurationError: the algorithm is none a token may have here.
    """
    name = _algorithm(tokens, algorithm)
    lifetime = _lifetime(tokens, expires_in)
    now = int(clock())
    # An expired token was issued before it expired.
    issued_at = now if lifetime > timedelta() else now + int((lifetime - _LIFETIME).total_seconds())
    members = {
        "iss": issuer or tokens.issuer,
        "aud": audience or tokens.audience[0],
        "sub": subject,
        "client_id": "rehearsal",
        "iat": issued_at,
        "auth_time": issued_at,
        "exp": now + int(lifetime.total_seconds()),
        "scope": scopes if isinstance(scopes, str) else " ".join(scopes),
        "cnf": None if certificate is None else {"x5t#S256": _base64url(certificate.thumbprint)},
        **claims,
    }
    kind = KEY_KINDS[name]
    return PyJWS().encode(
        json.dumps({claim: value for claim, value in members.items() if value is not None}).encode(),
        _new_key(kind) if forged else _key(kind),
        algorithm=name,
        headers={"typ": typ, "kid": _kid(kind)},
    )


def _algorithm(tokens: Tokens, wanted: str | None) -> str:
    if wanted is None:
        return "ES256" if "ES256" in tokens.algorithms else tokens.algorithms[0]
    return known(wanted, KEY_KINDS, where="asvs.token(algorithm=)")


def _lifetime(tokens: Tokens, wanted: timedelta | float | None) -> timedelta:
    if wanted is None:
        return min(_LIFETIME, tokens.max_lifetime or _LIFETIME)
    if isinstance(wanted, timedelta):
        return wanted
    if isinstance(wanted, bool) or not isinstance(wanted, int | float):
        raise ConfigurationError(
            f"asvs.token(expires_in={wanted!r}) is no duration.", fix="Give seconds or a timedelta; negative is past."
        )
    return timedelta(seconds=wanted)


def _public_jwk(kind: Kind, algorithm: str) -> dict[str, Any]:
    signer: Any = get_algorithm_by_name(algorithm)
    return {**signer.to_jwk(_key(kind).public_key(), as_dict=True), "kid": _kid(kind), "use": "sig"}


def _kid(kind: Kind) -> str:
    return "-".join(("rehearsal", *(part for part in kind if part)))


@cache
def _key(kind: Kind) -> Any:
    """Return the key of the issuer; one for the whole run, since an RSA key takes a while."""
    return _new_key(kind)


def _new_key(kind: Kind) -> Any:
    key_type, curve = kind
    if key_type == "EC":
        return ec.generate_private_key(_CURVES[str(curve)]())
    if key_type == "OKP":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _base64url(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
