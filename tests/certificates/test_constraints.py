"""Below a CA that may issue for some names only, a subject is no way round its constraints."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from asvs_middleware.certificates import ClientCertificateVerifier, IdentityPattern, constraints
from asvs_middleware.errors import CertificateRefused
from asvs_middleware.server.pki import DevelopmentCA

Forge = Callable[..., bytes]
HOST, MAILBOX = x509.DNSName("example.org"), x509.RFC822Name("example.org")
IN_HOST, IN_MAILBOX = x509.DNSName("a.example.org"), x509.RFC822Name("ada@example.org")


def name(**attributes: str) -> x509.Name:
    oids = {"cn": NameOID.COMMON_NAME, "mailbox": NameOID.EMAIL_ADDRESS}
    return x509.Name([x509.NameAttribute(oids[kind], value) for kind, value in attributes.items()])


@pytest.fixture(scope="module")
def below(forge: Forge) -> Callable[..., DevelopmentCA]:
    """A CA below the anchor with these names permitted."""

    def make(*permitted: x509.GeneralName) -> DevelopmentCA:
        key = ec.generate_private_key(ec.SECP256R1())
        own = forge(
            subject=name(cn="Constrained"),
            key=key.public_key(),
            is_ca=True,
            usage="key_cert_sign",
            purposes=None,
            names=None,
            extra=[x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None)],
        )
        return DevelopmentCA(x509.load_der_x509_certificate(own), key)

    return make


@pytest.mark.parametrize(
    ("permitted", "parts", "fault"),
    [
        pytest.param([HOST], {"names": [IN_HOST]}, None, id="a host within"),
        pytest.param([HOST], {"names": [x509.DNSName("a.example.com")]}, "breaks a rule", id="a host without"),
        pytest.param([HOST], {"names": [IN_MAILBOX], "subject": name(cn="Ada")}, None, id="a person"),
        pytest.param(
            [HOST], {"names": [IN_MAILBOX], "subject": name(cn="b.example.com")}, "common name is a host",
            id="a host in the common name alone",
        ),
        pytest.param(
            [HOST], {"names": [IN_HOST], "subject": name(cn="b.example.com")}, None,
            id="another host in the common name, which nobody reads",
        ),
        pytest.param([MAILBOX], {"names": [IN_MAILBOX]}, None, id="a mailbox within"),
        pytest.param(
            [MAILBOX], {"names": [IN_HOST], "subject": name(mailbox="ada@example.com")}, "mailbox in the subject",
            id="a mailbox in the subject alone",
        ),
        pytest.param(
            [MAILBOX], {"names": [IN_MAILBOX], "subject": name(mailbox="ada@example.org")}, None,
            id="the mailbox in the subject too",
        ),
        pytest.param(
            [HOST], {"names": [IN_HOST], "subject": name(mailbox="ada@example.com")}, None,
            id="a mailbox, where hosts are constrained",
        ),
    ],
)  # fmt: skip
def test_names(
    plain: ClientCertificateVerifier,
    forge: Forge,
    below: Callable[..., DevelopmentCA],
    at: datetime,
    *,
    permitted: Any,
    parts: dict[str, Any],
    fault: str | None,
) -> None:
    """Every name that could be taken for one of a constrained kind stands where the constraint reaches it."""
    ca = below(*permitted)
    leaf = forge(issuer=ca, **parts)
    if fault is None:
        assert plain.verify(leaf, [ca.der], at=at)
        return
    with pytest.raises(CertificateRefused, match=fault):
        plain.verify(leaf, [ca.der], at=at)


def test_the_subject_is_no_identity(
    plain: ClientCertificateVerifier, forge: Forge, below: Callable[..., DevelopmentCA], at: datetime
) -> None:
    """A CA for some hosts could write any distinguished name: below it there is none."""
    ca = below(HOST)
    admin = IdentityPattern("dn:CN=Admin")
    parts = {"names": [IN_HOST], "subject": name(cn="Admin")}
    assert admin.matches(plain.verify(forge(**parts), at=at))
    proof = plain.verify(forge(issuer=ca, **parts), [ca.der], at=at)
    assert not admin.matches(proof)
    assert not [one for one in proof.identities if one.startswith("dn:")]
    assert IdentityPattern("a.example.org").matches(proof)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(x509.DirectoryName(name(cn="x")), id="distinguished names"),
        pytest.param(x509.UniformResourceIdentifier("example.org"), id="URIs"),
    ],
)
def test_other_kinds(
    forge: Forge, below: Callable[..., DevelopmentCA], ca: DevelopmentCA, kind: x509.GeneralName
) -> None:
    """What is not understood binds nobody, so its CA issues for nobody. Newer releases of the library say so first."""
    constrained = below(kind)
    leaf = x509.load_der_x509_certificate(forge(issuer=constrained))
    with pytest.raises(CertificateRefused, match="kind of names is not understood"):
        constraints.check([leaf, constrained.certificate, ca.certificate])
