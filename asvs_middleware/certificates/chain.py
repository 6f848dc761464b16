"""Who signed whom: the certificates that a path of signatures ties to a trust anchor (RFC 5280 section 6.1).

The path itself is validated by `cryptography`. It is shown connected authorities only, because its older releases
search every order of what a client sends: four made-up certificates kept release 45 busy for 24 seconds. Here each
certificate is tried once against each namesake of its issuer. Not checked here: dates, constraints, revocation.
"""

from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from .leaf import extension, has_strong_key


def connected(candidates: Iterable[x509.Certificate], trusted: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the CA certificates, each once, that trusted issued, and those that these issued, and so on.

    Without the look at who is a CA, whoever holds a client's key could tie any number of certificates to it.
    """
    waiting = [candidate for candidate in dict.fromkeys(candidates) if is_authority(candidate)]
    found, issuers = list[x509.Certificate](), list(trusted)
    while issuers:
        issuers = [candidate for candidate in waiting if issued(candidate, issuers)]
        waiting = [candidate for candidate in waiting if candidate not in issuers]
        found += issuers
    return found


def issued(certificate: x509.Certificate, issuers: Iterable[x509.Certificate]) -> bool:
    """Tell whether one of issuers bears the name and the key that certificate was signed with."""
    return any(_signs(issuer, certificate) for issuer in issuers)


def is_authority(certificate: x509.Certificate) -> bool:
    """Tell whether the certificate says it may issue others (RFC 5280 sections 4.2.1.3 and 4.2.1.9)."""
    constraints, usage = extension(certificate, x509.BasicConstraints), extension(certificate, x509.KeyUsage)
    return constraints is not None and constraints.ca and (usage is None or usage.key_cert_sign)


def has_issuing_key(certificate: x509.Certificate) -> bool:
    """Tell whether signatures by this key are taken: the web PKI has RSA and the NIST curves, and no Edwards curve."""
    return has_strong_key(certificate) and isinstance(
        certificate.public_key(), rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    )


def _signs(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):  # Another key; another name or algorithm; a key that signs not.
        return False
    return True
