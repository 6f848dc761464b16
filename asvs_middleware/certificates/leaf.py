"""What one client certificate says about itself, before anybody vouches for it: v5.0.0-12.1.3.

The dates, the purpose, the key and the names. RFC 5280 sections 4.1.2.5, 4.2.1.3, 4.2.1.6, 4.2.1.9 and 4.2.1.12.
Not checked here: the signature, the issuer and revocation; `verifier` does that. The common name by itself is never
an identity (RFC 9525 rules it out); the whole distinguished name may be one.
"""

from base64 import b64encode
from datetime import datetime
from hashlib import sha256
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ..errors import CertificateRefused
from .distinguished_name import RDNs, render
from .pins import spki_sha256

Value = TypeVar("Value", bound=x509.ExtensionType)

_STRONG_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


def refused(code: str, reason: str, *, requirement: str | None = None) -> CertificateRefused:
    """Return the error for a certificate that is not accepted.

    Args:
        code: the class of the fault, for counting and alerting. It stays in the event as `reason_code`, beside the
            `code` that the caller sees too.
        reason: the sentence for the log.
        requirement: the ASVS id, where it is not v5.0.0-12.1.3.
    """
    return CertificateRefused(reason, requirement=requirement, facts={"reason_code": code})


def check(leaf: x509.Certificate, at: datetime, *, by_subject: bool) -> None:
    """Check the dates, the purpose, the key, and that there is a name.

    Args:
        leaf: the client's certificate.
        at: the time to check for.
        by_subject: the distinguished name alone is name enough.

    Raises:
        CertificateRefused: expired, not_yet_valid, wrong_purpose, weak_key or no_identity.
    """
    _check_dates(leaf, at)
    _check_purpose(leaf)
    if not has_strong_key(leaf):
        raise refused(
            "weak_key", "The certificate's key is not RSA of 2048 bits or more, P-256/384/521 or Ed25519/448."
        )
    if extension(leaf, x509.SubjectAlternativeName) is None and not (by_subject and leaf.subject.rdns):
        raise refused(
            "no_identity", "The certificate has no subject alternative name, and a common name is no identity."
        )


def has_strong_key(certificate: x509.Certificate) -> bool:
    """Tell whether the key is one of a size and kind that may be relied on."""
    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm:
        return False
    match key:
        case rsa.RSAPublicKey():
            return key.key_size >= 2048
        case ec.EllipticCurvePublicKey():
            return isinstance(key.curve, _STRONG_CURVES)
        case _:
            return isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)


def identities(leaf: x509.Certificate, der: bytes, subject: RDNs) -> tuple[str, ...]:
    """Return every name the certificate carries: `uri:`, `dns:`, `email:`, `dn:`, then `sha256:` and `spki:`.

    Host names and the domain of a mailbox are lower case; everything else is as in the certificate. The subject is
    in the one spelling of `distinguished_name.render`; an empty one is no name.
    """
    names = extension(leaf, x509.SubjectAlternativeName) or x509.SubjectAlternativeName([])
    return (
        *(f"uri:{uri}" for uri in names.get_values_for_type(x509.UniformResourceIdentifier)),
        *(f"dns:{name.lower()}" for name in names.get_values_for_type(x509.DNSName)),
        *(f"email:{mailbox(address)}" for address in names.get_values_for_type(x509.RFC822Name)),
        *((f"dn:{render(subject)}",) if subject else ()),
        *digests(der),
    )


def digests(der: bytes) -> tuple[str, str]:
    """Return the names that every certificate has: `sha256:` of its DER and `spki:` of its public key."""
    return f"sha256:{thumbprint(der).hex()}", f"spki:{b64encode(spki_sha256(der)).decode()}"


def mailbox(address: str) -> str:
    """Return the address with its domain in lower case; the local part is the mail host's own business.

    >>> mailbox("Ada.L@Example.ORG")
    'Ada.L@example.org'
    """
    local, at_sign, domain = address.rpartition("@")
    return f"{local}{at_sign}{domain.lower()}"


def thumbprint(der: bytes) -> bytes:
    """Return the 32 bytes that RFC 8705 section 3.1 calls `x5t#S256`: SHA-256 over the DER certificate."""
    return sha256(der).digest()


def extension(certificate: x509.Certificate | x509.CertificateRevocationList, kind: type[Value]) -> Value | None:
    """Return the value of one extension, or None where the certificate has none."""
    for one in certificate.extensions:
        if type(one.value) is kind:  # The library's own search asks abstract base classes, for four times as long.
            return one.value
    return None


def _check_dates(leaf: x509.Certificate, at: datetime) -> None:
    if at > leaf.not_valid_after_utc:
        raise refused("expired", f"The certificate expired at {leaf.not_valid_after_utc.isoformat()}.")
    if at < leaf.not_valid_before_utc:
        raise refused("not_yet_valid", f"The certificate is not valid before {leaf.not_valid_before_utc.isoformat()}.")


def _check_purpose(leaf: x509.Certificate) -> None:
    """A missing extended key usage is refused: such a certificate was issued for everything, so for nothing known."""
    authority = extension(leaf, x509.BasicConstraints)
    if authority and authority.ca:
        raise refused("wrong_purpose", "The certificate is a CA's, not a client's.")
    purposes = extension(leaf, x509.ExtendedKeyUsage)
    if not purposes or ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        raise refused("wrong_purpose", "The certificate's extended key usage does not name clientAuth.")
    usage = extension(leaf, x509.KeyUsage)
    # The client signs the handshake (RFC 8446 section 4.4.3): a key for encryption or agreement only cannot.
    if usage and not usage.digital_signature:
        raise refused("wrong_purpose", "The certificate's key usage does not allow digital signatures.")
