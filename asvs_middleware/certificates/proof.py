"""The proof that a client certificate was verified, and what it says about the client: v5.0.0-12.1.3.

Only the verifier makes one, so whoever holds one need not check again. It says how the certificate came here and when
it was checked; what a caller with these names may do is decided elsewhere.
"""

from dataclasses import InitVar, dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509

from .distinguished_name import RDNs
from .leaf import thumbprint

TLS: Final = "tls"
"""The `source` of a certificate that the TLS handshake brought; another is `forwarded:` and the name of a format."""

_VERIFIED: Final = object()


@dataclass(frozen=True, slots=True, repr=False)
class VerifiedClientCertificate:
    """Proof that this client certificate was verified. Only `ClientCertificateVerifier` makes one.

    Attributes:
        certificate: the leaf.
        chain: DER, from the leaf to the trust anchor.
        identities: `uri:`, `dns:`, `email:`, `dn:`, `sha256:` and `spki:` names of the leaf, in that order.
        name: the subject, parsed: what `dn:` patterns are compared with. Empty below a CA that is constrained in its
            names (`constraints`).
        issuers: `sha256:` and `spki:` names of every CA of the chain.
        issuer_names: the subjects of those CAs of the chain that the operator configured. Others chose their own.
        source: `tls`, or `forwarded:` and the format, such as `forwarded:rfc9440`: then the proxy saw the proof that
            the client holds the key, and we did not.
        resumed: the TLS session was resumed, so OpenSSL did not look at the certificate again. This verifier did.
        checked_at: when path and revocation were checked. A kept verdict is given again while it holds, so this may
            lie back; never before the policy in force was read.
    """

    certificate: x509.Certificate
    chain: tuple[bytes, ...]
    identities: tuple[str, ...]
    name: RDNs
    issuers: tuple[str, ...]
    issuer_names: tuple[RDNs, ...]
    checked_at: datetime
    source: str = TLS
    resumed: bool = False
    seal: InitVar[object] = field(kw_only=True)  # Not kept, so that dataclasses.replace() cannot carry it to a forgery.

    def __post_init__(self, seal: object) -> None:
        if seal is not _VERIFIED:
            raise TypeError(
                "VerifiedClientCertificate comes from ClientCertificateVerifier.verify(), never from a call."
            )

    @property
    def der(self) -> bytes:
        """The leaf in DER."""
        return self.chain[0]

    @property
    def subject(self) -> str:
        """The leaf's distinguished name as text (RFC 4514): for display and logs, never for a decision."""
        return self.certificate.subject.rfc4514_string()

    @property
    def thumbprint(self) -> bytes:
        """32 bytes, SHA-256 of the leaf: the `x5t#S256` a certificate-bound token is tied to (RFC 8705 section 3.1)."""
        return thumbprint(self.der)

    @property
    def not_after(self) -> datetime:
        """The leaf's last moment, aware, UTC."""
        return self.certificate.not_valid_after_utc

    def __repr__(self) -> str:
        names = [name for name in self.identities if not name.startswith(("sha256:", "spki:"))]
        return f"VerifiedClientCertificate(sha256:{self.thumbprint.hex()[:16]}…, {names!r}, source={self.source!r})"


def verified(
    certificate: x509.Certificate,
    chain: tuple[bytes, ...],
    *,
    identities: tuple[str, ...],
    name: RDNs,
    issuers: tuple[str, ...],
    issuer_names: tuple[RDNs, ...],
    checked_at: datetime,
    source: str,
    resumed: bool,
) -> VerifiedClientCertificate:
    """Return the proof. For the verifier alone, after every check has passed."""
    return VerifiedClientCertificate(
        certificate, chain, identities, name, issuers, issuer_names, checked_at, source, resumed, seal=_VERIFIED
    )
