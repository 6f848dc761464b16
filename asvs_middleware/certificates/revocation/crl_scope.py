"""Which certificates of its issuer a revocation list is complete for: RFC 5280 sections 5.2.5 and 6.3.3 (b), 12.1.4.

A CA may publish one list for its clients and one for the CAs below it, or cut the clients into shards. A certificate
that is missing from a list for others proves nothing, so each list says here what it covers, and the certificate has
to name the shard it belongs to. Not taken at all: lists for some reasons only, for attribute certificates, and
indirect ones, in which one CA speaks for another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cryptography import x509

from ..leaf import extension

Kind = Literal["users", "authorities"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a list covers. Without kind and names: every certificate of its issuer.

    Attributes:
        kind: only certificates that are a CA's, or only those that are not.
        names: only certificates with one of these names in their distribution points.
    """

    kind: Kind | None = None
    names: frozenset[x509.GeneralName] = frozenset()

    def covers(self, certificate: x509.Certificate) -> bool:
        """Tell whether the certificate would be on the list, were it revoked."""
        if self.kind is not None and (self.kind == "authorities") != _is_authority(certificate):
            return False
        return not self.names or not self.names.isdisjoint(_names_of_points(certificate))


WHOLE = Scope()


def fault_of_point(point: x509.IssuingDistributionPoint) -> str | None:
    """Return why a list with this extension is not taken, or None."""
    if point.indirect_crl:
        return "is indirect: it may speak of certificates of other CAs"
    if point.only_some_reasons:
        return "holds certificates revoked for some reasons only"
    if point.only_contains_attribute_certs:
        return "is one of attribute certificates"
    return None


def scope_of(point: x509.IssuingDistributionPoint | None, issuer: x509.Name) -> Scope:
    """Return what a list covers. The extension has no fault; None where the list has no such extension."""
    if point is None:
        return WHOLE
    kind: Kind | None = "users" if point.only_contains_user_certs else None
    if point.only_contains_ca_certs:
        kind = "authorities"
    return Scope(kind, frozenset(_written_out(point.full_name, point.relative_name, issuer)))


def points(certificate: x509.Certificate) -> Iterator[x509.DistributionPoint]:
    """Yield where the certificate says its lists are, but for lists of some reasons or of another CA."""
    found = extension(certificate, x509.CRLDistributionPoints)
    yield from (one for one in found or () if one.reasons is None and one.crl_issuer is None)


def _names_of_points(certificate: x509.Certificate) -> Iterator[x509.GeneralName]:
    for point in points(certificate):
        yield from _written_out(point.full_name, point.relative_name, certificate.issuer)


def _written_out(
    full: list[x509.GeneralName] | None, relative: x509.RelativeDistinguishedName | None, issuer: x509.Name
) -> Iterator[x509.GeneralName]:
    """Yield the names of a point; one that is relative to the issuer's is written out (section 4.2.1.13)."""
    yield from full or ()
    if relative is not None:
        yield x509.DirectoryName(x509.Name([*issuer.rdns, relative]))


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca
