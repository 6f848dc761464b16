"""Which clients pass without being looked up: v5.0.0-12.1.4, RFC 9608.

A certificate that ends sooner than a revocation would be known gains nothing from a list. It is the operator who says
so, not the certificate: without the option, its claim is not heard. CAs are never exempt.
"""

from typing import Final

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from ..leaf import extension
from .policy import RevocationPolicy

_NO_REV_AVAIL: Final = x509.ObjectIdentifier("2.5.29.56")
_NULL: Final = b"\x05\x00"


def is_exempt(leaf: x509.Certificate, policy: RevocationPolicy) -> bool:
    """Tell whether the policy lets this client pass without a list or an answer."""
    most = policy.exempt_up_to
    if most is not None and leaf.not_valid_after_utc - leaf.not_valid_before_utc <= most:
        return True
    return policy.exempt_no_rev_avail and _has_no_rev_avail(leaf)


def _has_no_rev_avail(leaf: x509.Certificate) -> bool:
    """Tell whether the CA publishes nothing about it; one that names a place to ask contradicts itself (section 3)."""
    said = any(one.oid == _NO_REV_AVAIL and one.value.public_bytes() == _NULL for one in leaf.extensions)
    return said and not _names_a_source(leaf)


def _names_a_source(leaf: x509.Certificate) -> bool:
    if extension(leaf, x509.CRLDistributionPoints) or extension(leaf, x509.FreshestCRL):
        return True
    access = extension(leaf, x509.AuthorityInformationAccess) or ()
    return any(one.access_method == AuthorityInformationAccessOID.OCSP for one in access)
