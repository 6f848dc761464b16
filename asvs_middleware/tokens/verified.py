"""The proof that an access token was verified; v5.0.0-10.3.2 and 10.3.3 build on it."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from datetime import datetime
from typing import Any, Final

VERIFIED: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class VerifiedToken:
    """Proof that the issuer signed this token for us and that it held when it was verified.

    Only `AccessTokenVerifier.verify()` makes one. It does not say that the sender is the one the token was issued to
    (`verify_binding`), that it was not revoked since, or that its scopes are enough for anything.

    Args:
        issuer: who signed it; with `subject` it identifies the user or client (v5.0.0-10.3.3).
        certificate_thumbprint: SHA-256 of the certificate it is bound to (`x5t#S256`, RFC 8705), 32 bytes.
        auth_time: when the user last logged in.
        claims: all of them, read-only to the bottom: objects are mappings, arrays are tuples.
    """

    issuer: str
    subject: str
    client_id: str | None
    scopes: frozenset[str]
    expires_at: datetime
    certificate_thumbprint: bytes | None
    auth_time: datetime | None
    acr: str | None
    claims: Mapping[str, Any]
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not VERIFIED:
            raise TypeError("VerifiedToken comes from AccessTokenVerifier.verify(), never from a constructor call.")

    def __repr__(self) -> str:
        """Name the issuer and the subject; claims may hold personal data."""
        return f"VerifiedToken(issuer={self.issuer!r}, subject={self.subject!r})"
