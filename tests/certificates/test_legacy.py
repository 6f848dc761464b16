"""The profile `legacy_cn`: a certificate may do without a subject alternative name, and without nothing else."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from asvs_middleware.certificates import ClientCertificateVerifier, IdentityPattern
from asvs_middleware.errors import CertificateRefused
from asvs_middleware.server.pki import DevelopmentCA, Issued

Forge = Callable[..., bytes]
PRIVATE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\5\0")


@pytest.fixture(scope="module")
def legacy(verifier: Callable[..., ClientCertificateVerifier]) -> ClientCertificateVerifier:
    return verifier(profile="legacy_cn")


def test_accepts_a_subject_alone(legacy: ClientCertificateVerifier, forge: Forge, at: datetime) -> None:
    """The whole distinguished name is the identity; the common name by itself is none."""
    proof = legacy.verify(forge(names=None), at=at)
    assert [name.partition(":")[0] for name in proof.identities] == ["dn", "sha256", "spki"]
    assert IdentityPattern("dn:CN=forged.example.org").matches(proof)
    assert not IdentityPattern("dns:forged.example.org").matches(proof)


def test_accepts_what_strict_accepts(legacy: ClientCertificateVerifier, client: Issued, at: datetime) -> None:
    """Certificates with alternative names are verified as ever."""
    assert IdentityPattern("batch.example.org").matches(legacy.verify(client.der, at=at))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param({"purposes": None}, "wrong_purpose", id="no extended key usage"),
        pytest.param({"purposes": [ExtendedKeyUsageOID.SERVER_AUTH]}, "wrong_purpose", id="for servers"),
        pytest.param({"purposes": [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]}, "wrong_purpose", id="for anything"),
        pytest.param({"usage": "key_encipherment"}, "wrong_purpose", id="a key that encrypts only"),
        pytest.param({"is_ca": True, "usage": "key_cert_sign"}, "wrong_purpose", id="a CA"),
        pytest.param({"subject": x509.Name([])}, "no_identity", id="no name at all"),
        pytest.param({"authority_key": False}, "path_refused", id="no authority key identifier"),
        pytest.param({"extra": [PRIVATE]}, "path_refused", id="a critical extension nobody knows"),
        pytest.param({"digest": hashes.SHA3_256}, "path_refused", id="signed with another hash"),
        pytest.param({"key": rsa.generate_private_key(65537, 1024).public_key()}, "weak_key", id="RSA 1024"),
        pytest.param({"usage": "digital_signature key_cert_sign"}, "path_refused", id="a leaf that signs certificates"),
    ],
)
def test_loosens_nothing_else(
    legacy: ClientCertificateVerifier, forge: Forge, at: datetime, *, parts: dict[str, Any], expected: str
) -> None:
    """Every other fault is refused as in `strict`."""
    with pytest.raises(CertificateRefused, match="certificate") as refusal:
        legacy.verify(forge(names=None, **parts), at=at)
    assert refusal.value.facts["reason_code"] == expected


@pytest.mark.parametrize("names", [None, [x509.DNSName("a.example.org")]], ids=["without names", "with names"])
def test_constrained_authority(
    legacy: ClientCertificateVerifier, forge: Forge, at: datetime, names: list[x509.GeneralName] | None
) -> None:
    """A CA that may issue for some names only issues nothing without names: its constraint would not bind."""
    key = ec.generate_private_key(ec.SECP256R1())
    constraints = x509.NameConstraints(permitted_subtrees=[x509.DNSName("example.org")], excluded_subtrees=None)
    certificate = x509.load_der_x509_certificate(
        forge(
            subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Constrained")]),
            key=key.public_key(),
            is_ca=True,
            usage="key_cert_sign",
            purposes=None,
            names=None,
            extra=[constraints],
        )
    )
    below = DevelopmentCA(certificate, key)
    leaf = forge(issuer=below, names=names)
    if names:
        assert legacy.verify(leaf, [below.der], at=at).name == ()
        return
    with pytest.raises(
        CertificateRefused, match="constrained in its names, and the certificate has no alternative name"
    ):
        legacy.verify(leaf, [below.der], at=at)
