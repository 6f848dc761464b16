"""Certificates that carry a SPIFFE ID keep the rules of X509-SVID: v5.0.0-12.3.5.

Sections 2 (one URI and no other beside it), 3.1 (a workload's ID has a path), 3.2 (its CA's has none and is in the same
trust domain, where the CA has one), 4.1, 4.3 (key usage: present, critical, for signatures, not for certificates or
lists) and 5.2. A claim that breaks a rule is a reason to refuse the certificate, not to overlook the claim.

Section 4.4 also wants serverAuth beside clientAuth; section 5.2 does not ask validators to look, and a certificate for
clients alone can do less, so it is accepted. URI name constraints are the path's (`path`).
"""

from collections.abc import Sequence

from cryptography import x509

from . import spiffe
from .leaf import extension, refused


def check(chain: Sequence[x509.Certificate]) -> None:
    """Check the leaf and its issuer, if the leaf has a SPIFFE ID.

    Raises:
        CertificateRefused: bad_spiffe_id.
    """
    leaf, issuer, *_ = chain
    uris = _uris(leaf)
    if not any(map(spiffe.is_spiffe, uris)):
        return
    if fault := _fault_of_leaf(leaf, uris) or _fault_of_issuer(_uris(issuer), spiffe.trust_domain(uris[0])):
        raise refused("bad_spiffe_id", f"The certificate's SPIFFE ID does not hold: {fault}.")


def _fault_of_leaf(leaf: x509.Certificate, uris: Sequence[str]) -> str | None:
    if len(uris) > 1:
        return "the certificate carries it beside another URI"
    usage = next((one for one in leaf.extensions if isinstance(one.value, x509.KeyUsage)), None)
    if not usage or not usage.critical:
        return "the certificate has no critical key usage"
    if usage.value.key_cert_sign or usage.value.crl_sign:
        return "the certificate's key usage is a CA's"
    return spiffe.fault(uris[0])


def _fault_of_issuer(uris: Sequence[str], trust_domain: str) -> str | None:
    """Other URIs of a CA are its own affair: a CA without SPIFFE ID may issue for any trust domain."""
    claims = [uri for uri in uris if spiffe.is_spiffe(uri)]
    if not claims:
        return None
    if len(uris) > 1:
        return "its CA carries one beside another URI"
    if fault := spiffe.fault_of_authority(claims[0]):
        return f"its CA's is wrong: {fault}"
    if spiffe.trust_domain(claims[0]) != trust_domain:
        return "its CA is of another trust domain"
    return None


def _uris(certificate: x509.Certificate) -> list[str]:
    names = extension(certificate, x509.SubjectAlternativeName)
    return names.get_values_for_type(x509.UniformResourceIdentifier) if names else []
