"""Rules of RFC 5280 that `cryptography` leaves out and OpenSSL's strict mode asks for: v5.0.0-12.1.3.

A certificate in a proxy's header never meets OpenSSL, and a resumed session meets it once. With these, whatever the app
accepts is accepted by both (tests/certificates/test_differential.py found each of them):

- a CA that names purposes names clientAuth among them; "any" is no name (section 4.2.1.12);
- a CA has a subject key identifier, and what it issued names that: in extensions that are not critical (sections
  4.2.1.1 and 4.2.1.2).
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from .leaf import extension, refused

_HINTS: Final = (x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier)


def check(chain: Sequence[x509.Certificate]) -> None:
    """Check a validated chain, from the leaf to the trust anchor.

    Raises:
        CertificateRefused: path_refused.
    """
    leaf, *authorities = chain
    fault = _fault_of_hints(leaf) or _fault_of_link(leaf, authorities[0]) or _fault_above(tuple(authorities))
    if fault:
        raise refused("path_refused", f"The certificate's chain breaks a rule: {fault}.")


@lru_cache(maxsize=256)
def _fault_above(authorities: tuple[x509.Certificate, ...]) -> str | None:
    """Return the first fault of the CAs. Many clients share them, and a stranger's never come here."""
    links = (_fault_of_link(one, issuer) for one, issuer in pairwise(authorities))
    return next(filter(None, (*map(_fault_of_authority, authorities), *links, _fault_of_anchor(authorities[-1]))), None)


def _fault_of_authority(authority: x509.Certificate) -> str | None:
    purposes = extension(authority, x509.ExtendedKeyUsage)
    if purposes and ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        return "a CA is not meant for clients"
    if extension(authority, x509.SubjectKeyIdentifier) is None:
        return "a CA has no subject key identifier"
    return _fault_of_hints(authority)


def _fault_of_hints(certificate: x509.Certificate) -> str | None:
    if any(one.critical and type(one.value) in _HINTS for one in certificate.extensions):
        return "a key identifier is critical"
    return None


def _fault_of_link(certificate: x509.Certificate, issuer: x509.Certificate) -> str | None:
    named = extension(certificate, x509.AuthorityKeyIdentifier)
    if named is None or named.key_identifier is None:
        return "a certificate does not name its issuer's key"
    found = extension(issuer, x509.SubjectKeyIdentifier)
    if found is None or named.key_identifier != found.digest:
        return "a certificate names another key than its issuer's"
    if named.authority_cert_serial_number not in {None, issuer.serial_number}:
        return "a certificate names another certificate than its issuer's"
    if named.authority_cert_issuer and x509.DirectoryName(issuer.issuer) not in named.authority_cert_issuer:
        return "a certificate names another certificate than its issuer's"
    return None


def _fault_of_anchor(anchor: x509.Certificate) -> str | None:
    """A root need not name its own key; if it names one, it is that."""
    if anchor.subject != anchor.issuer or extension(anchor, x509.AuthorityKeyIdentifier) is None:
        return None
    return _fault_of_link(anchor, anchor)
