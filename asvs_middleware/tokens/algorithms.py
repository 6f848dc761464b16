"""The signature algorithms spoken here, and the one kind of key each of them takes (RFC 7518, RFC 8037).

v5.0.0-9.1.2. Asymmetric ones only: with a shared secret every resource server could sign tokens itself, and mixing
both kinds is how a public key becomes an HMAC secret.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

KEY_KINDS: Final[Mapping[str, tuple[str, str | None]]] = MappingProxyType(
    {
        "ES256": ("EC", "P-256"),
        "ES384": ("EC", "P-384"),
        "ES512": ("EC", "P-521"),
        "EdDSA": ("OKP", "Ed25519"),
        "RS256": ("RSA", None),
        "RS384": ("RSA", None),
        "RS512": ("RSA", None),
        "PS256": ("RSA", None),
        "PS384": ("RSA", None),
        "PS512": ("RSA", None),
    }
)
"""Algorithm -> the `kty` and `crv` of its keys."""

SIGNATURE_BYTES: Final[Mapping[str, int]] = MappingProxyType({"ES256": 64, "ES384": 96, "ES512": 132, "EdDSA": 64})
"""Length of a signature where the algorithm fixes it; an RSA signature is as long as its modulus."""

SYMMETRIC: Final = frozenset({"HS256", "HS384", "HS512"})
