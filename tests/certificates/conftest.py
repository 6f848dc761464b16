"""A clients CA with everything it may issue, right and wrong. Made once: nothing here is ever changed."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from asvs_middleware.certificates import ClientCertificates, ClientCertificateVerifier
from asvs_middleware.server.pki import DevelopmentCA, Issued

Forge = Callable[..., bytes]
Verifier = Callable[..., ClientCertificateVerifier]


@pytest.fixture(scope="session")
def at() -> datetime:
    return datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def ca(at: datetime) -> DevelopmentCA:
    """The trust anchor."""
    return DevelopmentCA.root("Clients", at=at - timedelta(days=365))


@pytest.fixture(scope="session")
def intermediate(ca: DevelopmentCA, at: datetime) -> DevelopmentCA:
    return ca.issue_authority("Batch clients", at=at - timedelta(days=365))


@pytest.fixture(scope="session")
def client(ca: DevelopmentCA, at: datetime) -> Issued:
    """A certificate with nothing wrong."""
    return ca.issue_client(
        "Batch",
        uris=["spiffe://example.org/batch/nightly"],
        dns=["Batch.Example.org"],
        emails=["Ops@Example.org"],
        at=at,
    )


@pytest.fixture(scope="session")
def deep_client(intermediate: DevelopmentCA, at: datetime) -> Issued:
    """A certificate with nothing wrong, two steps below the anchor."""
    return intermediate.issue_client("Deep", dns=["deep.example.org"], at=at)


@pytest.fixture(scope="session")
def verifier(tmp_path_factory: pytest.TempPathFactory, ca: DevelopmentCA) -> Verifier:
    """Write the files a policy names and return a verifier on it."""

    def make(
        *crls: x509.CertificateRevocationList,
        trust: DevelopmentCA | x509.Certificate = ca,
        intermediates: tuple[DevelopmentCA, ...] = (),
        **choices: Any,
    ) -> ClientCertificateVerifier:
        folder = tmp_path_factory.mktemp("policy")
        anchor = trust.certificate if isinstance(trust, DevelopmentCA) else trust
        (folder / "ca.pem").write_bytes(anchor.public_bytes(Encoding.PEM))
        return ClientCertificateVerifier(
            ClientCertificates(
                trust=folder / "ca.pem",
                crls=_written(folder, "crl", [one.public_bytes(Encoding.PEM) for one in crls]),
                intermediates=_written(folder, "pem", [one.pem for one in intermediates]),
                **choices,
            )
        )

    return make


@pytest.fixture(scope="session")
def plain(verifier: Verifier) -> ClientCertificateVerifier:
    """A verifier without revocation lists."""
    return verifier()


def _written(folder: Path, suffix: str, contents: list[bytes]) -> list[Path]:
    paths = [folder / f"{number}.{suffix}" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


@pytest.fixture(scope="session")
def forge(ca: DevelopmentCA, at: datetime) -> Forge:
    """Issue a certificate with anything wrong: every part can be replaced, or left out with None."""
    own = ec.generate_private_key(ec.SECP256R1()).public_key()

    own_subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "forged.example.org")])
    own_names = [x509.DNSName("forged.example.org")]

    def make(
        *,
        issuer: DevelopmentCA = ca,
        key: CertificatePublicKeyTypes = own,
        start: datetime = at - timedelta(days=1),
        end: datetime = at + timedelta(days=1),
        purposes: Sequence[x509.ObjectIdentifier] | None = (ExtendedKeyUsageOID.CLIENT_AUTH,),
        usage: str | None = "digital_signature",
        usage_critical: bool = True,
        subject: x509.Name = own_subject,
        names: Sequence[x509.GeneralName] | None = own_names,
        is_ca: bool | None = False,
        path_length: int | None = None,
        authority_key: bool = True,
        extra: Sequence[x509.ExtensionType] = (),
        names_critical: bool = False,
        digest: type[hashes.SHA256 | hashes.SHA3_256] = hashes.SHA256,
    ) -> bytes:
        builder = x509.CertificateBuilder(
            subject_name=subject,
            issuer_name=issuer.certificate.subject,
            public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=start,
            not_valid_after=end,
        )
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        if authority_key:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        if is_ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca=is_ca, path_length=path_length), critical=True)
        if usage is not None:
            builder = builder.add_extension(_usage(usage), critical=usage_critical)
        if purposes is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if names is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=names_critical)
        for one in extra:
            builder = builder.add_extension(one, critical=True)
        return builder.sign(issuer.key, digest()).public_bytes(Encoding.DER)

    return make


def _usage(allowed: str) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: name in allowed.split() for name in names.split()})
