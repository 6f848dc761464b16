"""Verification keys from a JWK set: RFC 7517, RFC 7518 section 6, RFC 8725 section 3.1.

v5.0.0-9.1.1, 9.1.2, 9.1.3: a key is bound to its algorithms before it is ever used, a set that holds a secret is not
trusted at all, and weak RSA keys (short, ROCA) are left out.
Not checked: `x5c`, `x5t` and other certificates inside a JWK; the trust comes from where the document was fetched.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError

from ..events import emit
from . import base64url
from .algorithms import KEY_KINDS, SIGNATURE_BYTES
from .jws import LONGEST_KID, CompactJWS
from .refusals import invalid_token, keys_unavailable
from .roca import has_roca_fingerprint
from .strict_json import parse_object

LARGEST_SET: Final = 512 * 1024
MOST_KEYS: Final = 100
SHORTEST_MODULUS: Final = 2048
LONGEST_MODULUS: Final = 8192
LONGEST_EXPONENT: Final = 64

_SECRET_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_PUBLIC_MEMBERS: Final = {"RSA": ("n", "e"), "EC": ("x", "y"), "OKP": ("x",)}
_LONGEST_MEMBER: Final = (LONGEST_MODULUS // 8 + 1) * 4 // 3 + 4


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VerificationKey:
    """One public key; `algorithms` holds the only ones it may verify."""

    kid: str | None
    algorithms: Mapping[str, PyJWK]
    digest: bytes


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KeySet:
    """The usable keys of one document. `generation` changes when, and only when, a key or its binding does."""

    keys: tuple[VerificationKey, ...]
    by_kid: Mapping[str, VerificationKey]
    generation: bytes

    def key(self, kid: str | None, algorithm: str) -> VerificationKey | None:
        """Return the key a token names, or None if the set does not know it.

        A token without `kid` is accepted when one key fits its algorithm: OpenID Connect Core 1.0 section 10.1 asks
        for a `kid` as soon as there are more, and trying them all would multiply the cost of a forged token.
        """
        if kid is not None:
            return self.by_kid.get(kid)
        fitting = [key for key in self.keys if algorithm in key.algorithms]
        return fitting[0] if len(fitting) == 1 else None


def verify_signature(jws: CompactJWS, key: VerificationKey) -> bytes:
    """Return the payload, which is the issuer's word from here on.

    Raises:
        TokenRefused: the key is not bound to the algorithm, or the signature is not this key's.
    """
    jwk = key.algorithms.get(jws.algorithm)
    if jwk is None:
        raise invalid_token("The token's alg is not the one its key is bound to.", requirement="v5.0.0-9.1.2")
    right_length = len(jws.signature) == _signature_bytes(jws.algorithm, jwk.key)
    if not right_length or not jwk.Algorithm.verify(jws.signing_input, jwk.key, jws.signature):
        raise invalid_token("The token's signature does not verify.", requirement="v5.0.0-9.1.1")
    return jws.unverified_payload


def _signature_bytes(algorithm: str, key: Any) -> int:
    """Return the one length of a signature: OpenSSL takes one of RSASSA-PSS without its leading zeros, too."""
    return SIGNATURE_BYTES.get(algorithm) or (key.key_size + 7) // 8


def parse_key_set(document: bytes, *, algorithms: Sequence[str]) -> KeySet:
    """Import a JWK set; a key that cannot be used is left out with an event.

    Args:
        document: the JSON text, at most 512 KiB and 100 keys.
        algorithms: the allow list; a key that fits none of them is left out.

    Raises:
        DependencyUnavailable: the whole set is refused: not a strict JWK set, a private or symmetric key in it,
            the same `kid` twice, or no usable key left.
    """
    entries = _entries(document)
    keys = tuple(key for entry in entries if (key := _import(entry, algorithms)))
    if not keys:
        raise keys_unavailable("The key set holds no key that can be used.")
    return KeySet(
        keys=keys,
        by_kid=MappingProxyType({key.kid: key for key in keys if key.kid is not None}),
        generation=sha256(b"".join(sorted(key.digest for key in keys))).digest(),
    )


def _entries(document: bytes) -> list[object]:
    """Return the members of `keys`, once nothing speaks against the set as a whole."""
    if len(document) > LARGEST_SET:
        raise keys_unavailable(f"The key set is larger than {LARGEST_SET} bytes.")
    try:
        entries = parse_object(document).get("keys")
    except ValueError as error:
        raise keys_unavailable(f"The key set is {error}.") from None
    if not isinstance(entries, list) or len(entries) > MOST_KEYS:
        raise keys_unavailable(f"The key set is not a list of at most {MOST_KEYS} keys.")
    jwks = [entry for entry in entries if isinstance(entry, dict)]
    if any(jwk.get("kty") == "oct" or not _SECRET_MEMBERS.isdisjoint(jwk) for jwk in jwks):
        raise keys_unavailable("The key set publishes a private or symmetric key: none of it can be trusted.")
    kids = [kid for jwk in jwks if isinstance(kid := jwk.get("kid"), str)]
    if len(kids) != len(set(kids)):
        raise keys_unavailable("The key set holds the same kid twice.")
    return entries


def _import(entry: object, algorithms: Sequence[str]) -> VerificationKey | None:
    try:
        return _key(entry, algorithms)
    except (ValueError, PyJWTError, UnsupportedAlgorithm) as error:
        # The importer's own messages hold the whole JWK, so only ours are repeated.
        reason = str(error) if type(error) is _Unusable else "Its public members are not a valid key."
        emit("tokens", "key_skipped", reason=reason, requirement="v5.0.0-9.1.3", severity=logging.INFO)
        return None


class _Unusable(ValueError):
    """Why one key is left out."""


def _key(entry: object, algorithms: Sequence[str]) -> VerificationKey:
    if not isinstance(entry, dict):
        raise _Unusable("It is not a JSON object.")
    kid = entry.get("kid")
    if "kid" in entry and not (isinstance(kid, str) and len(kid.encode("utf-8")) <= LONGEST_KID):
        raise _Unusable("Its kid is not a short text.")
    _check_purpose(entry)
    fitting = _fitting(entry, algorithms)
    _check_public_members(entry)
    jwks = {algorithm: PyJWK(entry, algorithm) for algorithm in fitting}
    _check_strength(jwks[fitting[0]].key)
    return VerificationKey(kid=kid, algorithms=MappingProxyType(jwks), digest=_digest(entry, fitting))


def _check_purpose(jwk: dict[str, Any]) -> None:
    """RFC 7517 sections 4.2 and 4.3: a key for something else does not verify tokens."""
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise _Unusable("It is not meant for verifying signatures.")


def _fitting(jwk: dict[str, Any], algorithms: Sequence[str]) -> list[str]:
    """Return the allowed algorithms this key is bound to: the one it names, else those its type and curve allow."""
    kind = (jwk.get("kty"), jwk.get("crv"))
    fitting = [name for name in algorithms if KEY_KINDS[name] == kind and jwk.get("alg", name) == name]
    if not fitting:
        raise _Unusable("No algorithm of the allow list fits it.")
    return fitting


def _check_public_members(jwk: dict[str, Any]) -> None:
    for name in _PUBLIC_MEMBERS[jwk["kty"]]:
        value = jwk.get(name)
        if not isinstance(value, str) or not value.isascii() or not 0 < len(value) <= _LONGEST_MEMBER:
            raise _Unusable("One of its public members is missing or too long.")
        base64url.decode(value.encode("ascii"))


def _check_strength(key: object) -> None:
    """The key lengths of NIST SP 800-131A; the upper bounds keep one verification cheap."""
    if not isinstance(key, RSAPublicKey):
        return
    numbers = key.public_numbers()
    if not SHORTEST_MODULUS <= key.key_size <= LONGEST_MODULUS or numbers.e.bit_length() > LONGEST_EXPONENT:
        raise _Unusable("Its RSA modulus or exponent is too short or too long.")
    if has_roca_fingerprint(numbers.n):
        raise _Unusable("It was made by the broken generator of CVE-2017-15361.")


def _digest(jwk: dict[str, Any], fitting: list[str]) -> bytes:
    names = ("kty", "crv", "kid", *_PUBLIC_MEMBERS[jwk["kty"]])
    return sha256(json.dumps([fitting, [jwk.get(name) for name in names]]).encode("ascii")).digest()
