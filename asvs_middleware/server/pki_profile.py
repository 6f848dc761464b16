"""What a certificate of the development PKI contains: RFC 5280 section 4, and what OpenSSL's strict mode adds.

Every certificate has both key identifiers and a random serial number; an authority has critical basic constraints and
key usage; a leaf has a subject alternative name and an extended key usage. Nothing is signed here.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ..errors import ConfigurationError

BACKDATED: Final = timedelta(hours=1)
"""Certificates and lists begin a little before they are made, for the clocks of others."""

_ORGANISATION: Final = "Development PKI of asvs-middleware"
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def any_certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePublicKey,
    at: datetime,
    days: int,
) -> x509.CertificateBuilder:
    """Return what every certificate has: names, dates, a random serial number and both key identifiers."""
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - BACKDATED)
        .not_valid_after(at + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def authority(builder: x509.CertificateBuilder, *, path_length: int | None) -> x509.CertificateBuilder:
    """Return what makes a CA of it: the right to sign certificates and revocation lists, and nothing else."""
    usage = _usage(key_cert_sign=True, crl_sign=True)
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return builder.add_extension(constraints, critical=True).add_extension(usage, critical=True)


def leaf(
    builder: x509.CertificateBuilder, names: Iterable[x509.GeneralName], purposes: Iterable[x509.ObjectIdentifier]
) -> x509.CertificateBuilder:
    """Return what makes a server or a client of it.

    Raises:
        ConfigurationError: there is no name.
    """
    alternatives = list(dict.fromkeys(names))
    if not alternatives:
        raise ConfigurationError("A certificate without a name identifies nobody.", fix="Give it one name or more.")
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    )


def distribution_point(issuer: x509.Certificate) -> x509.CRLDistributionPoints:
    """Return where the issuer's list would be found: strict checkers want a place, nobody answers there."""
    place = x509.UniformResourceIdentifier(f"http://localhost/crl/{issuer.serial_number:x}.crl")
    return x509.CRLDistributionPoints([x509.DistributionPoint([place], None, None, None)])


def distinguished_name(common_name: str) -> x509.Name:
    """Return the subject with this common name, which is for people only.

    Raises:
        ConfigurationError: it is empty or longer than 64 characters (RFC 5280 appendix A).
    """
    if not 1 <= len(common_name) <= 64:
        raise ConfigurationError(f"{common_name!r} cannot be a common name.", fix="Use 1 to 64 characters.")
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION)
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def host_or_address(name: str) -> x509.DNSName | x509.IPAddress:
    """Return the subject alternative name for a host name or an IP address.

    Raises:
        ConfigurationError: it is neither. Wildcards and names beyond ASCII are not taken.

    >>> host_or_address("Localhost")
    <DNSName(value='localhost')>
    """
    if "%" not in name:  # An interface is no part of a certificate's address.
        try:
            return x509.IPAddress(ip_address(name))
        except ValueError:
            pass
    host = name.lower()
    labels = host.split(".")
    if len(host) > 253 or labels[-1].isdecimal() or not all(_LABEL.fullmatch(label) for label in labels):
        raise ConfigurationError(
            f"{name!r} is neither a host name nor an IP address.",
            fix="Write a name such as api.localhost or 127.0.0.1, without scheme and port; others in their xn-- form.",
        )
    return x509.DNSName(host)


def uri(value: str) -> x509.UniformResourceIdentifier:
    """Return the subject alternative name for a URI.

    Raises:
        ConfigurationError: it is not ASCII.
    """
    return x509.UniformResourceIdentifier(_ascii(value))


def mailbox(value: str) -> x509.RFC822Name:
    """Return the subject alternative name for a mailbox.

    Raises:
        ConfigurationError: it is not ASCII, or holds a name beside the address.
    """
    try:
        return x509.RFC822Name(_ascii(value))
    except ValueError:
        raise ConfigurationError(f"{value!r} is no mailbox.", fix="Write it as ada@example.org.") from None


def _ascii(value: str) -> str:
    if value.isascii():
        return value
    raise ConfigurationError(f"{value!r} cannot stand in a certificate.", fix="Write it in ASCII.")


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
