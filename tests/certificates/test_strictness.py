"""Rules beyond the library's: what OpenSSL's strict mode refuses, the app refuses where OpenSSL never looks."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from asvs_middleware.certificates import strictness
from asvs_middleware.errors import CertificateRefused
from asvs_middleware.server.pki import DevelopmentCA

CLIENT, ANY = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE


@pytest.fixture(scope="module")
def root(at: datetime) -> DevelopmentCA:
    return DevelopmentCA.root("Strict", at=at)


def ski(ca: DevelopmentCA) -> bytes:
    return x509.SubjectKeyIdentifier.from_public_key(ca.key.public_key()).digest


def issue(ca: DevelopmentCA, at: datetime, *extensions: tuple[x509.ExtensionType, bool], name: str = "x") -> Any:
    """Return a certificate by this CA with these extensions alone."""
    builder = x509.CertificateBuilder(
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        issuer_name=ca.certificate.subject,
        public_key=ca.key.public_key(),
        serial_number=77,
        not_valid_before=at,
        not_valid_after=at + timedelta(days=1),
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(ca.key, hashes.SHA256())


def judge(chain: list[x509.Certificate]) -> str | None:
    try:
        strictness.check(chain)
    except CertificateRefused as refusal:
        return refusal.reason.removeprefix("The certificate's chain breaks a rule: ")
    return None


@pytest.mark.parametrize(
    ("hint", "fault"),
    [
        pytest.param(lambda ca, other: (ski(ca), None, None), None, id="the key"),
        pytest.param(
            lambda ca, other: (ski(ca), [x509.DirectoryName(ca.certificate.issuer)], ca.certificate.serial_number),
            None,
            id="the key and the certificate, as old OpenSSL configurations write",
        ),
        pytest.param(lambda ca, other: (ski(other), None, None), "another key", id="another key"),
        pytest.param(
            lambda ca, other: (None, [x509.DirectoryName(ca.certificate.issuer)], ca.certificate.serial_number),
            "does not name its issuer's key",
            id="the certificate alone",
        ),
        pytest.param(
            lambda ca, other: (ski(ca), [x509.DirectoryName(ca.certificate.issuer)], 5),
            "names another certificate",
            id="another serial number",
        ),
        pytest.param(
            lambda ca, other: (
                ski(ca),
                [x509.DirectoryName(other.certificate.issuer)],
                ca.certificate.serial_number,
            ),
            "names another certificate",
            id="another issuer of the issuer",
        ),
    ],
)
def test_authority_key_identifier(root: DevelopmentCA, at: datetime, hint: Any, fault: str | None) -> None:
    """A certificate names the key it was signed with; where it names a certificate too, that is the one."""
    other = DevelopmentCA.root("Other", at=at)
    leaf = issue(root, at, (x509.AuthorityKeyIdentifier(*hint(root, other)), False))
    found = judge([leaf, root.certificate])
    assert (found is None) is (fault is None)
    assert fault is None or fault in str(found)


def test_missing_authority_key_identifier(root: DevelopmentCA, at: datetime) -> None:
    """Without, nothing is named."""
    assert "does not name" in str(judge([issue(root, at), root.certificate]))


@pytest.mark.parametrize("kind", ["authority", "subject"])
def test_critical_hints(root: DevelopmentCA, at: datetime, kind: str) -> None:
    """A key identifier is a hint, and a critical hint is a contradiction."""
    authority = x509.AuthorityKeyIdentifier(ski(root), None, None)
    leaf = issue(root, at, (authority, kind == "authority"), (x509.SubjectKeyIdentifier(b"1"), kind == "subject"))
    assert "a key identifier is critical" in str(judge([leaf, root.certificate]))


@pytest.mark.parametrize(
    ("purposes", "fault"),
    [
        pytest.param([CLIENT], None, id="for clients"),
        pytest.param([ANY, CLIENT], None, id="for clients, and anything"),
        pytest.param([ANY], "not meant for clients", id="for anything"),
    ],
)
def test_purposes_of_a_ca(root: DevelopmentCA, at: datetime, purposes: Any, fault: str | None) -> None:
    """A CA for clients says so by name, if it says what it is for."""
    own = (x509.SubjectKeyIdentifier(ski(root)), False)
    anchor = issue(root, at, own, (x509.ExtendedKeyUsage(purposes), False), name="Anchor")
    leaf = issue(root, at, (x509.AuthorityKeyIdentifier(ski(root), None, None), False))
    found = judge([leaf, anchor])
    assert (found is None) is (fault is None)
    assert fault is None or fault in str(found)


@pytest.mark.parametrize(
    ("extensions", "fault"),
    [
        pytest.param([], "names another key than its issuer's", id="no identifier at all"),
        pytest.param([(x509.SubjectKeyIdentifier(b"1"), False)], "names another key", id="another identifier"),
    ],
)
def test_subject_key_identifier_of_an_issuer(root: DevelopmentCA, at: datetime, extensions: Any, fault: str) -> None:
    """What a certificate names has to be what its issuer is called."""
    leaf = issue(root, at, (x509.AuthorityKeyIdentifier(ski(root), None, None), False))
    assert fault in str(judge([leaf, issue(root, at, *extensions, name="Anchor")]))


def test_subject_key_identifier_of_an_anchor(root: DevelopmentCA, at: datetime) -> None:
    """An anchor above an intermediate needs one too, or nothing could name it."""
    below = issue(root, at, (x509.SubjectKeyIdentifier(ski(root)), False), name="Below")
    leaf = issue(root, at, (x509.AuthorityKeyIdentifier(ski(root), None, None), False))
    assert "a CA has no subject key identifier" in str(judge([leaf, below, issue(root, at, name="Anchor")]))


@pytest.mark.parametrize(("named", "fault"), [(True, None), (False, "another key"), (None, None)])
def test_a_root_that_names_its_key(root: DevelopmentCA, at: datetime, named: bool | None, fault: str | None) -> None:
    """A root need not name its own key; if it names one, it is its own."""
    key = ski(root) if named else b"1"
    hint = [] if named is None else [(x509.AuthorityKeyIdentifier(key, None, None), False)]
    named_x = DevelopmentCA(issue(root, at), root.key)
    anchor = issue(named_x, at, (x509.SubjectKeyIdentifier(ski(root)), False), *hint)
    assert anchor.subject == anchor.issuer
    leaf = issue(DevelopmentCA(anchor, root.key), at, (x509.AuthorityKeyIdentifier(ski(root), None, None), False))
    found = judge([leaf, anchor])
    assert (found is None) is (fault is None)
    assert fault is None or fault in str(found)
