"""A server's own certificate: what no client would take is refused, what some will not take is advised on.

v5.0.0-12.1.2 (keys), 12.1.4 (short lives instead of revocation), 12.2.2 (what a public CA may issue); RFC 5280
sections 4.2.1.9 and 4.2.1.12, RFC 8446 section 4.4.2 (order of the chain), RFC 9525 (names).

Dates, key sizes and the match of certificate and key are checked where the files are read (`files.py`). Not checked
here: whether the chain ends at a CA the clients trust, and revocation of one's own certificate.
"""

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ..errors import ConfigurationError
from .files import UNREADABLE
from .guidelines import Guideline
from .lifetimes import Lifetime, coming_limits, public_limit

Chain = Sequence[x509.Certificate]
E = TypeVar("E", bound=x509.ExtensionType)

_SLOW_RSA: Final = 3072
_A_DAY: Final = timedelta(days=1)
_CURVES: Final = {"secp256r1": "prime256v1"}  # cryptography's name: OpenSSL's, where they differ.


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What works and could be better.

    Attributes:
        code: stable name.
        problem: what was found.
        fix: what to do.
        requirement: the ASVS id it serves.
    """

    code: str
    problem: str
    fix: str
    requirement: str = "v5.0.0-12.1.2"


def refuse_unusable(argument: str, chain: Chain) -> None:
    """Raise if no client would accept the chain from a server.

    Args:
        argument: what the chain was given as, for the message.
        chain: as in the file, the own certificate first.

    Raises:
        ConfigurationError: the certificate is not for servers, or the chain is out of order.
    """
    try:
        purposes = _extension(chain[0], x509.ExtendedKeyUsage)
        for number, (below, above) in enumerate(pairwise(chain), start=2):
            if not _issued(above, below):
                raise ConfigurationError(
                    f"{argument}: certificate {number} in the file did not issue the one before it.",
                    fix="Put the server's certificate first, then the CA that issued it, and so on; leave others out.",
                )
    except UNREADABLE as error:
        raise ConfigurationError(
            f"{argument} holds a certificate that cannot be read to its end: {error}.", fix="Have it issued anew."
        ) from error
    if purposes is not None and ExtendedKeyUsageOID.SERVER_AUTH not in purposes:
        raise ConfigurationError(
            f"{argument} is not a server's certificate: its extended key usage lacks serverAuth.",
            fix="Have one issued for TLS servers; clients refuse this one.",
        )


def advise(chain: Chain, *, hosts: Collection[str], at: datetime, profile: Guideline) -> tuple[Advice, ...]:
    """Return what could be better about a chain that `refuse_unusable` let through.

    Args:
        chain: as in the file, the own certificate first.
        hosts: the names clients use: exact, `*.suffix` or an IP address, in lower case. None known: no advice on names.
        at: now; aware.
        profile: the guideline followed.
    """
    return (
        *_on_names(chain[0], hosts),
        *_on_the_key(chain[0], profile),
        *_on_the_lifetime(Lifetime.of(chain[0]), at, profile),
        *_on_the_chain(chain),
    )


def covered(host: str, certificate: x509.Certificate) -> bool:
    """Tell whether the subject alternative names hold the host (RFC 9525 section 6): a `*` is one whole label."""
    names = _extension(certificate, x509.SubjectAlternativeName)
    if names is None:
        return False
    try:
        return ipaddress.ip_address(host.strip("[]")) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        pass
    taken = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    host = host.lower()
    _, _, parent = host.partition(".")
    return host in taken or (parent != "" and f"*.{parent}" in taken)


def _on_names(own: x509.Certificate, hosts: Iterable[str]) -> Iterator[Advice]:
    missing = sorted(host for host in hosts if not covered(host, own))
    if missing:
        yield Advice(
            code="host_not_covered",
            problem=f"The certificate does not name {', '.join(missing)}: clients that ask for it will refuse us.",
            fix="Have it issued for every host, unless something in front ends their TLS.",
            requirement="v5.0.0-12.2.1",
        )


def _on_the_key(own: x509.Certificate, profile: Guideline) -> Iterator[Advice]:
    match own.public_key():
        case rsa.RSAPublicKey() if not profile.rsa:
            problem = f"The key is RSA, which profile {profile.name} leaves out."
        case rsa.RSAPublicKey(key_size=size) if size >= _SLOW_RSA:
            cost = "eight" if size < 4096 else "sixteen"
            yield Advice(
                code="slow_key",
                problem=f"Each handshake with an RSA key of {size} bits costs the server about {cost} times "
                "what P-256 costs: so much more work can strangers cause.",
                fix="Use ECDSA with P-256, or RSA with 2048 bits.",
            )
            return
        case rsa.RSAPublicKey():
            return
        case ec.EllipticCurvePublicKey(curve=curve) if (
            _CURVES.get(curve.name, curve.name) in profile.certificate_curves
        ):
            return
        case ec.EllipticCurvePublicKey(curve=curve):
            problem = f"The key is on {curve.name}, which profile {profile.name} leaves out and browsers may refuse."
        case _:
            problem = f"The key is neither RSA nor on a curve of profile {profile.name}; browsers refuse it."
    yield Advice(code="key_outside_profile", problem=problem, fix="Use ECDSA with P-256.")


def _on_the_lifetime(life: Lifetime, at: datetime, profile: Guideline) -> Iterator[Advice]:
    # Some CAs date a certificate back by minutes or hours.
    if life.length > profile.longest_lifetime + _A_DAY:
        yield Advice(
            code="long_life",
            problem=f"The certificate lives {life.length.days} days; profile {profile.name} allows "
            f"{profile.longest_lifetime.days}.",
            fix="Have it issued for 90 days or less, and renewed by a program.",
            requirement="v5.0.0-12.1.4",
        )
    limit = public_limit(life.begin)
    if limit is not None and life.length > limit + _A_DAY:
        yield Advice(
            code="longer_than_public",
            problem=f"The certificate lives {life.length.days} days. Those of public CAs issued that day may live "
            f"{limit.days}, and some clients hold every certificate to that.",
            fix="If it is for the public, have it issued anew. A private CA may do as it likes.",
            requirement="v5.0.0-12.2.2",
        )
    elif shorter := [(since, less) for since, less in coming_limits(at, life.end) if less < life.length]:
        since, less = shorter[-1]
        yield Advice(
            code="renewal_will_be_shorter",
            problem=f"The certificate lives {life.length.days} days; from {since:%Y-%m-%d} on a public CA issues "
            f"for {less.days} at most.",
            fix="Have a program renew it, and the server reload it.",
            requirement="v5.0.0-13.3.4",
        )


def _on_the_chain(chain: Chain) -> Iterator[Advice]:
    own, above = chain[0], chain[1:]
    constraints = _extension(own, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        yield Advice(
            code="ca_as_server",
            problem="The server's certificate is a CA's: whoever takes its key can issue others, and strict clients "
            "refuse it.",
            fix="Have a certificate issued for the server; `asvs certs` makes a set for development.",
        )
    if above and above[-1].issuer == above[-1].subject:
        yield Advice(
            code="root_sent",
            problem="The root is sent along: clients have it, or will not believe it, and each handshake carries it.",
            fix="Leave the last certificate out of the file.",
        )
    if not above and _names_its_issuer(own):
        yield Advice(
            code="intermediate_missing",
            problem="The file holds the server's certificate alone, and that says where the CA above it is: most "
            "likely an intermediate CA that clients must be sent.",
            fix="Give the full chain (fullchain.pem of most ACME clients).",
        )


def _names_its_issuer(own: x509.Certificate) -> bool:
    access = _extension(own, x509.AuthorityInformationAccess)
    return access is not None and any(one.access_method == AuthorityInformationAccessOID.CA_ISSUERS for one in access)


def _issued(above: x509.Certificate, below: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
