"""A development PKI: the certificates `asvs certs` writes, and the ones tests are made of.

Two trees that do not know each other: root, issuing CA and servers; a clients CA and clients. A service that trusts
the clients CA therefore accepts no server's certificate as a client's (v5.0.0-12.3.4). Keys are P-256, leaves live
90 days, and everything that RFC 5280 and OpenSSL's strict mode ask for is there, so that code which works with these
certificates works with real ones (v5.0.0-12.1.3, 12.1.4, 12.3.2). Time is an argument.

For development only: the CAs' private keys live in memory and are forgotten, so nothing can be issued or revoked
later; the distribution points named in the certificates answer nobody.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from ..errors import ConfigurationError
from . import pki_profile as profile

ALWAYS: Final = ("localhost", "127.0.0.1", "::1")
"""Names every development server has."""

Purposes = Sequence[x509.ObjectIdentifier]


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its private key, and the certificates between it and the root."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    intermediates: tuple[x509.Certificate, ...] = field(default=(), repr=False)

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        """What a peer must send: the certificate, then its intermediates, without the root."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.intermediates))

    @property
    def key_pem(self) -> bytes:
        """The private key, PKCS #8, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True)
class DevelopmentCA(Issued):
    """A certification authority whose key lives as long as this object.

    `at` is when something is made, `days` for how long it holds: an expired certificate is one made long ago.

    >>> from datetime import UTC, datetime
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> clients = DevelopmentCA.root("Clients", at=now)
    >>> clients.issue_client("batch", uris=["spiffe://example.org/batch"], at=now).certificate.issuer.rfc4514_string()
    'CN=Clients,O=Development PKI of asvs-middleware'
    """

    @classmethod
    def root(cls, name: str, *, at: datetime, days: int = 3650, path_length: int | None = None) -> Self:
        """Return a self-signed CA; path_length is how many CAs may stand below it, None for any number."""
        key, subject = _new_key(), profile.distinguished_name(name)
        public = key.public_key()
        builder = profile.any_certificate(subject, public, issuer=subject, issuer_key=public, at=at, days=days)
        return cls(profile.authority(builder, path_length=path_length).sign(key, SHA256()), key)

    def issue_authority(self, name: str, *, at: datetime, days: int = 1825, path_length: int | None = 0) -> Self:
        """Return a CA below this one."""
        key = _new_key()
        builder = profile.authority(self._begin(name, key, at=at, days=days), path_length=path_length)
        return type(self)(builder.sign(self.key, SHA256()), key, self._below())

    def issue_server(
        self,
        *names: str,
        at: datetime,
        days: int = 90,
        purposes: Purposes = (ExtendedKeyUsageOID.SERVER_AUTH,),
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> Issued:
        """Return a server's certificate for these host names and IP addresses.

        Raises:
            ConfigurationError: there is no name, or one is neither.
        """
        alternatives = [profile.host_or_address(name) for name in names]
        return self._issue("Server", alternatives, at=at, days=days, purposes=purposes, key=key)

    def issue_client(
        self,
        name: str,
        *,
        at: datetime,
        uris: Iterable[str] = (),
        dns: Iterable[str] = (),
        emails: Iterable[str] = (),
        days: int = 90,
        purposes: Purposes = (ExtendedKeyUsageOID.CLIENT_AUTH,),
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> Issued:
        """Return a client's certificate. name is for people; uris, dns and emails are its identities.

        Raises:
            ConfigurationError: it has no identity, or a malformed one.
        """
        alternatives = [
            *(profile.uri(uri) for uri in uris),
            *(profile.host_or_address(host) for host in dns),
            *(profile.mailbox(email) for email in emails),
        ]
        return self._issue(name, alternatives, at=at, days=days, purposes=purposes, key=key)

    def crl(
        self, revoked: Iterable[x509.Certificate] = (), *, at: datetime, days: int = 90, number: int = 1
    ) -> x509.CertificateRevocationList:
        """Return the complete list of this CA, in force for days; number must grow from one list to the next."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(at - profile.BACKDATED)
            .next_update(at + timedelta(days=days))
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number).revocation_date(at)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, SHA256())

    def _issue(
        self,
        name: str,
        alternatives: Iterable[x509.GeneralName],
        *,
        at: datetime,
        days: int,
        purposes: Purposes,
        key: ec.EllipticCurvePrivateKey | None,
    ) -> Issued:
        key = key or _new_key()
        builder = profile.leaf(self._begin(name, key, at=at, days=days), alternatives, purposes)
        return Issued(builder.sign(self.key, SHA256()), key, self._below())

    def _begin(self, name: str, key: ec.EllipticCurvePrivateKey, *, at: datetime, days: int) -> x509.CertificateBuilder:
        return profile.any_certificate(
            profile.distinguished_name(name),
            key.public_key(),
            issuer=self.certificate.subject,
            issuer_key=self.key.public_key(),
            at=at,
            days=days,
        ).add_extension(profile.distribution_point(self.certificate), critical=False)

    def _below(self) -> tuple[x509.Certificate, ...]:
        """What a leaf must send along: this CA and those above, but no root."""
        itself = () if self.certificate.issuer == self.certificate.subject else (self.certificate,)
        return (*itself, *self.intermediates)


def write_development_pki(
    out: str | os.PathLike[str], names: Sequence[str] = (), *, at: datetime, force: bool = False
) -> tuple[Path, ...]:
    """Write everything a service with mTLS needs on a developer's machine, and return the paths.

    `ca.pem` (root, for those who call the service), `server.pem` with its issuing CA and `server.key`, `clients-ca.pem`
    and `clients.crl` (for the service), `client.pem` and `client.key`. Private keys are never readable for others,
    not even for a moment. The server has the names given and `localhost`, `127.0.0.1` and `::1`.

    Args:
        out: the folder; made, for its owner only, where it is missing.
        names: host names and IP addresses of the server.
        at: now; aware.
        force: replace files of an earlier run.

    Raises:
        ConfigurationError: a name is no host name or address, a file is there already, or the folder cannot be used.
    """
    if isinstance(names, str):  # A text is a sequence of letters, and each would be a host.
        raise ConfigurationError(f"names={names!r} is one name where a list is expected.", fix=f"Write [{names!r}].")
    contents = _development_pki(names, at)
    folder = Path(out)
    present = [name for name in contents if os.path.lexists(folder / name)]
    if present and not force:
        raise ConfigurationError(
            f"{folder} already holds {', '.join(present)}.",
            fix="Choose another folder with --out, or replace them with --force.",
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tuple(_write(folder / name, data, replace=force) for name, data in contents.items())
    except (OSError, ValueError) as problem:
        raise ConfigurationError(
            f"{folder} cannot be written to: {problem}.", fix="Choose a folder of your own with --out."
        ) from None


def _development_pki(names: Sequence[str], at: datetime) -> dict[str, bytes]:
    """Return the content of each file by its name."""
    root = DevelopmentCA.root("Development root", at=at)
    server = root.issue_authority("Development servers", at=at).issue_server(*ALWAYS, *names, at=at)
    clients = DevelopmentCA.root("Development clients", at=at, path_length=0)
    client = clients.issue_client(
        "Development client", uris=["spiffe://localhost/client"], dns=["client.localhost"], at=at
    )
    return {
        "ca.pem": root.pem,
        "server.pem": server.pem,
        "server.key": server.key_pem,
        "client.pem": client.pem,
        "client.key": client.key_pem,
        "clients-ca.pem": clients.pem,
        "clients.crl": clients.crl(at=at).public_bytes(Encoding.PEM),
    }


def _write(path: Path, data: bytes, *, replace: bool) -> Path:
    """Write a new file. An old one is removed, not written to: its mode, or the link it is, must not be inherited."""
    if replace:
        path.unlink(missing_ok=True)
    mode = 0o600 if path.suffix == ".key" else 0o644
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    return path


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())
