"""The policy: files that are wrong stop the start-up, with the sentence that repairs it."""

import dataclasses
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from asvs_middleware.certificates import ClientCertificates, ClientCertificateVerifier, IdentityPattern
from asvs_middleware.errors import CertificateRefused, ConfigurationError
from asvs_middleware.server.pki import DevelopmentCA, Issued

ED25519 = ed25519.Ed25519PrivateKey.generate().public_key()
WEAK = rsa.generate_private_key(65537, 1024).public_key()


@pytest.fixture
def trust(tmp_path: Path, ca: DevelopmentCA) -> Path:
    path = tmp_path / "clients-ca.pem"
    path.write_bytes(ca.pem)
    return path


def test_files_are_read(
    trust: Path, tmp_path: Path, ca: DevelopmentCA, intermediate: DevelopmentCA, at: datetime
) -> None:
    """Several anchors in one file, intermediates, and lists in DER or PEM, several to a file."""
    other = DevelopmentCA.root("Other clients", at=at)
    trust.write_bytes(b"Comment\n" + ca.pem + other.pem)
    (tmp_path / "below.pem").write_bytes(intermediate.pem)
    (tmp_path / "one.crl").write_bytes(ca.crl(at=at).public_bytes(Encoding.DER))
    two = [one.crl(at=at).public_bytes(Encoding.PEM) for one in (other, intermediate)]
    (tmp_path / "two.crl").write_bytes(b"Comment\n" + b"\n".join(two))
    policy = ClientCertificates(
        trust=str(trust), crls=[tmp_path / "one.crl", tmp_path / "two.crl"], intermediates=[tmp_path / "below.pem"]
    )
    assert policy.anchors == (ca.certificate, other.certificate)
    assert policy.authorities == (intermediate.certificate,)
    assert policy.revocation is not None
    assert len(policy.revocation.lists) == 3


def test_compares_and_shows_paths_only(trust: Path) -> None:
    """What was read is no part of the comparison, the hash or the text."""
    policy = ClientCertificates(trust=trust)
    assert policy == ClientCertificates(trust=trust, crls=[])
    assert hash(policy) == hash(ClientCertificates(trust=trust))
    assert repr(policy).startswith(f"ClientCertificates(trust={trust!r}, crls=(), intermediates=(), required=False")
    assert "Certificate(" not in repr(policy)


def test_replace_reads_again(trust: Path, client: Issued, at: datetime) -> None:
    """A new policy on the same paths takes what is in the files now."""
    verifier = ClientCertificateVerifier(ClientCertificates(trust=trust))
    assert verifier.verify(client.der, at=at)
    trust.write_bytes(DevelopmentCA.root("New clients", at=at).pem)
    verifier.trust(dataclasses.replace(verifier.policy))
    with pytest.raises(CertificateRefused, match="No trusted CA"):
        verifier.verify(client.der, at=at)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "holds no PEM certificate", id="empty"),
        pytest.param(b"not a certificate", "holds no PEM certificate", id="text"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no PEM", id="not DER"),
        pytest.param("der", "openssl x509 -inform der", id="DER"),
        pytest.param("key", "holds no PEM certificate", id="a private key"),
        pytest.param("leaf", "is not a CA certificate", id="a client's own certificate"),
        pytest.param("both", "is not a CA certificate", id="a CA and a client"),
        pytest.param("no key_cert_sign", "is not a CA certificate", id="a CA that may not sign"),
        pytest.param("no constraints", "is not a CA certificate", id="no basic constraints"),
        pytest.param("weak", "Use a CA with an RSA key of 2048 bits", id="a CA with a weak key"),
        pytest.param("Ed25519", "whose signatures are not taken", id="a CA with a key the web PKI does not know"),
    ],
)
@pytest.mark.parametrize("argument", ["trust", "intermediates"])
def test_refuses_authorities(
    tmp_path: Path,
    trust: Path,
    ca: DevelopmentCA,
    client: Issued,
    forge: Callable[..., bytes],
    *,
    argument: str,
    content: bytes | str,
    message: str,
) -> None:
    """Only CA certificates in PEM are anchors or intermediates; the message names argument, file and fix."""
    contents = {
        "der": ca.der,
        "key": ca.key_pem,
        "leaf": client.pem,
        "both": ca.pem + client.pem,
        "no key_cert_sign": pem(forge(is_ca=True, usage="crl_sign")),
        "no constraints": pem(forge(is_ca=None, usage=None)),
        "weak": pem(forge(is_ca=True, usage="key_cert_sign", key=WEAK)),
        "Ed25519": pem(forge(is_ca=True, usage="key_cert_sign", key=ED25519)),
    }
    path = tmp_path / "wrong.pem"
    path.write_bytes(content if isinstance(content, bytes) else contents[content])
    arguments: dict[str, Any] = {"trust": path} if argument == "trust" else {"trust": trust, "intermediates": [path]}
    with pytest.raises(ConfigurationError, match=message) as error:
        ClientCertificates(**arguments)
    assert f"ClientCertificates({argument}={path!r})" in error.value.problem


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        pytest.param({"profile": "legacy"}, "Did you mean 'legacy_cn'", id="profile misspelt"),
        pytest.param({"profile": None}, "Choose from: legacy_cn, strict", id="no profile"),
        pytest.param({"required": "optional"}, "neither True nor False", id="a word for yes or no"),
        pytest.param({"required": 1}, "neither True nor False", id="a number for yes or no"),
        pytest.param({"identities": []}, "with one or more, or leave it out", id="a list that came out empty"),
        pytest.param({"identities": "batch.example.org"}, "is no list of identities", id="one text for a list"),
        pytest.param({"identities": b"x"}, "is no list of identities", id="bytes"),
        pytest.param({"identities": {"a.example"}}, "is no list of identities", id="a set"),
        pytest.param({"identities": ["*.example.org"]}, "is not a host name", id="a wildcard"),
        pytest.param({"identities": [7]}, "is not text", id="a number among them"),
        pytest.param({"max_chain_depth": -1}, "Use 0 to 8", id="negative depth"),
        pytest.param({"max_chain_depth": 9}, "Use 0 to 8", id="deeper than is searched"),
        pytest.param({"max_chain_depth": True}, "Use 0 to 8", id="a truth for a depth"),
    ],
)
def test_refuses_choices(trust: Path, choice: dict[str, Any], message: str) -> None:
    """A choice that cannot be right stops the start-up with the fix."""
    with pytest.raises(ConfigurationError, match=message):
        ClientCertificates(trust=trust, **choice)


def test_choices(trust: Path) -> None:
    """`required` is what the handshake asks for; identities are read once, and patterns may be among them."""
    pattern = IdentityPattern("batch.example.org", issuer="dn:CN=Clients")
    policy = ClientCertificates(trust=trust, required=True, identities=["Ops.Example.org", pattern])
    assert (policy.handshake_mode, ClientCertificates(trust=trust).handshake_mode) == ("required", "optional")
    assert policy.patterns == (IdentityPattern("dns:ops.example.org"), pattern)
    assert dataclasses.replace(policy) == policy
    assert ClientCertificates(trust=trust).patterns == ()


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def test_refuses_a_foreign_intermediate(trust: Path, tmp_path: Path, at: datetime) -> None:
    """An intermediate no anchor issued would be trusted by nobody: a file was forgotten."""
    (tmp_path / "foreign.pem").write_bytes(DevelopmentCA.root("Foreign", at=at).pem)
    with pytest.raises(ConfigurationError, match="add the CA that issued it"):
        ClientCertificates(trust=trust, intermediates=[tmp_path / "foreign.pem"])


UNREADABLE = {"missing": "missing.pem", "folder": ".", "NUL": "\0", "number": 7.5}


@pytest.mark.parametrize(
    ("argument", "path"),
    [
        pytest.param(argument, path, id=f"{argument}-{name}")
        for argument in ("trust", "crls", "intermediates")
        for name, path in UNREADABLE.items()
        if (argument, name) != ("crls", "folder")  # A folder stands for the lists in it.
    ],
)
def test_refuses_unreadable(trust: Path, argument: str, path: Any) -> None:
    """A file that cannot be read is named, with the argument it was given to."""
    wrong = trust.parent / path if isinstance(path, str) else path
    arguments: dict[str, Any] = {"trust": wrong} if argument == "trust" else {"trust": trust, argument: [wrong]}
    with pytest.raises(ConfigurationError, match="Give the path of a file this process may read") as error:
        ClientCertificates(**arguments)
    assert f"ClientCertificates({argument}={wrong!r}) cannot be read" in error.value.problem


@pytest.mark.parametrize("argument", ["crls", "intermediates"])
@pytest.mark.parametrize("paths", ["clients.crl", Path("clients.crl"), b"clients.crl", None, 7])
def test_refuses_one_path_for_many(trust: Path, argument: str, paths: Any) -> None:
    """A text given for a list would be taken letter by letter."""
    arguments: dict[str, Any] = {argument: paths}
    with pytest.raises(ConfigurationError, match=rf"is no list of paths. Write {argument}=\["):
        ClientCertificates(trust=trust, **arguments)
