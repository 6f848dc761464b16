"""Who issues the certificates of a rehearsal, and the files they are in.

The authorities come as arguments (server.pki.DevelopmentCA fits): this room makes no CA of its own. Private keys are
files only their owner may read (v5.0.0-13.3.2), in a folder the caller throws away.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding


class Issued(Protocol):
    """A certificate with its private key."""

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate itself."""
        ...

    @property
    def der(self) -> bytes:
        """The same in DER."""
        ...

    @property
    def pem(self) -> bytes:
        """What a peer sends: the certificate and its intermediates."""
        ...

    @property
    def key_pem(self) -> bytes:
        """The private key."""
        ...


class Authority(Protocol):
    """A certification authority of a development PKI."""

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        ...

    def issue_server(self, *names: str, at: datetime) -> Issued:
        """Return a server's certificate."""
        ...

    def issue_client(
        self, name: str, *, at: datetime, uris: Iterable[str], dns: Iterable[str], emails: Iterable[str]
    ) -> Issued:
        """Return a client's certificate."""
        ...

    def crl(self, revoked: Iterable[x509.Certificate], *, at: datetime, number: int) -> x509.CertificateRevocationList:
        """Return the list of the revoked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """A client certificate to show in a request.

    Attributes:
        certfile: PEM, the certificate and its intermediates.
        keyfile: PEM, for its owner only.
        thumbprint: 32 bytes, SHA-256 of the certificate: what a certificate-bound token is tied to (RFC 8705).
        certificate: the certificate itself.
    """

    certfile: Path
    keyfile: Path
    thumbprint: bytes
    certificate: x509.Certificate


class Authorities:
    """The two CAs of a rehearsal and the folder of their files.

    Args:
        servers: issues the app's own certificate; the clients of the test trust it and nothing else.
        clients: issues client certificates; the app trusts it in place of the configured one.
        folder: of the caller's own; must be there.
    """

    def __init__(self, *, servers: Authority, clients: Authority, folder: Path) -> None:
        self.servers = servers
        self.clients = clients
        self._folder = folder
        self._numbers = count(1)
        self.ca_file = self._write("ca.pem", servers.pem)
        self.clients_ca_file = self._write("clients-ca.pem", clients.pem)

    def server(self, host: str, *, at: datetime) -> tuple[Path, Path]:
        """Return the files of a new server certificate and its key."""
        return self._write_both(self.servers.issue_server(host, at=at))

    def client(
        self, name: str, *, uris: Iterable[str], dns: Iterable[str], emails: Iterable[str], at: datetime
    ) -> ClientCertificate:
        """Return a new client certificate; see Rehearsal.client_certificate."""
        issued = self.clients.issue_client(name, at=at, uris=uris, dns=dns, emails=emails)
        certfile, keyfile = self._write_both(issued)
        return ClientCertificate(
            certfile=certfile,
            keyfile=keyfile,
            thumbprint=sha256(issued.der).digest(),
            certificate=issued.certificate,
        )

    def revocation_list(self, revoked: Iterable[x509.Certificate], *, at: datetime) -> Path:
        """Return the file of a new list of the clients CA."""
        number = next(self._numbers)
        found = self.clients.crl(list(revoked), at=at, number=number)
        return self._write(f"{number}.crl", found.public_bytes(Encoding.PEM))

    def _write_both(self, issued: Issued) -> tuple[Path, Path]:
        number = next(self._numbers)
        return self._write(f"{number}.pem", issued.pem), self._write(f"{number}.key", issued.key_pem)

    def _write(self, name: str, data: bytes) -> Path:
        path = self._folder / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        return path
