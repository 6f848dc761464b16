"""Name constraints, where the library's reach ends (RFC 5280 section 4.2.1.10): v5.0.0-12.1.3, v5.0.0-12.3.5.

`cryptography` holds the subject alternative names against a CA's constraints on host names, mailboxes and addresses. A
client also has a subject, and no constraint would reach that. So below a constrained CA:

- constraints on other kinds of names (distinguished names, URIs) are not understood, and the CA issues for nobody;
- a certificate has alternative names; a mailbox in its subject is among them where mailboxes are constrained, and a
  common name that looks like a host stands beside host names where those are;
- the distinguished name is no identity: the CA could have written any.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from .leaf import extension, refused

_UNDERSTOOD: Final = (x509.DNSName, x509.RFC822Name, x509.IPAddress)


def check(chain: Sequence[x509.Certificate]) -> None:
    """Check the names of a validated chain's leaf.

    Raises:
        CertificateRefused: path_refused.
    """
    leaf, *authorities = chain
    kinds = _constrained_kinds(tuple(authorities))
    if kinds is not None and (fault := _fault(leaf, kinds)):
        raise refused("path_refused", f"A CA of the chain is constrained in its names, and {fault}.")


def is_constrained(chain: Sequence[x509.Certificate]) -> bool:
    """Tell whether a CA of the chain may issue for some names only."""
    return _constrained_kinds(tuple(chain[1:])) is not None


@lru_cache(maxsize=256)
def _constrained_kinds(authorities: tuple[x509.Certificate, ...]) -> frozenset[type[x509.GeneralName]] | None:
    """Return the kinds of names that are constrained; None without constraints. Many clients share their CAs."""
    found = [one for authority in authorities if (one := extension(authority, x509.NameConstraints))]
    subtrees = [one for each in found for one in (*(each.permitted_subtrees or ()), *(each.excluded_subtrees or ()))]
    return frozenset(map(type, subtrees)) if found else None


def _fault(leaf: x509.Certificate, kinds: frozenset[type[x509.GeneralName]]) -> str | None:
    names = extension(leaf, x509.SubjectAlternativeName)
    if not kinds.issubset(_UNDERSTOOD):
        return "the kind of names is not understood"
    if names is None:
        return "the certificate has no alternative name"
    mailboxes = {one.value for one in leaf.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)}
    if x509.RFC822Name in kinds and not mailboxes.issubset(names.get_values_for_type(x509.RFC822Name)):
        return "the mailbox in the subject is not among its alternative names"
    hosts = [one for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME) if "." in str(one.value)]
    if x509.DNSName in kinds and hosts and not names.get_values_for_type(x509.DNSName):
        return "the common name is a host, and no alternative name is"
    return None
