"""A server context: what it offers, seen by a client that offers everything; and what stops the start-up."""

import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.tls import describe, guideline, read_password, server_context
from asvs_middleware.tls.hardening import confirm

Handshake = Callable[[ssl.SSLContext, ssl.SSLContext], tuple[ssl.SSLObject, ssl.SSLObject]]
V = ssl.TLSVersion


@dataclass(frozen=True)
class Lab:
    """One CA, its files, and both ends of a connection."""

    ca: trustme.CA
    pki: Path
    at: datetime
    handshake: Handshake

    def server(self, **changes: object) -> ssl.SSLContext:
        given = {"certfile": self.pki / "server.pem", "keyfile": self.pki / "server.key", "at": self.at} | changes
        return server_context(**given)  # type: ignore[arg-type]

    def anything(self, version: V | None = None, ciphers: str = "ALL:COMPLEMENTOFALL") -> ssl.SSLContext:
        """A client that takes whatever OpenSSL has, down to TLS 1.0 and security level 0."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Old versions are the point.
            context.minimum_version = version or V.TLSv1
            context.maximum_version = version or V.TLSv1_3
        self.ca.configure_trust(context)
        return context


@pytest.fixture
def lab(ca: trustme.CA, pki: Path, at: datetime, handshake: Handshake) -> Lab:
    return Lab(ca, pki, at, handshake)


@pytest.mark.parametrize("suite", guideline("intermediate-6.0").tls_1_2_suites)
def test_each_suite_of_the_profile_can_be_agreed_on(suite: str, tmp_path: Path, lab: Lab) -> None:
    """All six work with TLS 1.2, each with the kind of key it is for."""
    kind = trustme.KeyType.RSA if "-RSA-" in suite else trustme.KeyType.ECDSA
    pem = tmp_path / "both.pem"
    lab.ca.issue_cert("localhost", key_type=kind).private_key_and_cert_chain_pem.write_to_path(pem)
    pem.chmod(0o600)
    client, _ = lab.handshake(lab.anything(V.TLSv1_2, suite), lab.server(certfile=pem, keyfile=pem))
    assert client.cipher()[0] == suite


@pytest.mark.parametrize("profile", ["intermediate-6.0", "modern-6.0"])
def test_the_newest_version_is_preferred(profile: str, lab: Lab) -> None:
    """TLS 1.3 wins over everything else a client offers, and HTTP/1.1 is agreed on."""
    context = lab.anything()
    context.set_alpn_protocols(["h2", "http/1.1"])
    client, _ = lab.handshake(context, lab.server(profile=profile))
    assert (client.version(), client.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")


@pytest.mark.parametrize(
    ("profile", "version", "ciphers"),
    [
        pytest.param("intermediate-6.0", V.TLSv1, "ALL", id="TLS 1.0"),
        pytest.param("intermediate-6.0", V.TLSv1_1, "ALL", id="TLS 1.1"),
        pytest.param("intermediate-6.0", V.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256", id="CBC"),
        pytest.param("intermediate-6.0", V.TLSv1_2, "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA", id="CBC-SHA1"),
        pytest.param("intermediate-6.0", V.TLSv1_2, "DHE-RSA-AES128-GCM-SHA256", id="DHE"),
        pytest.param("intermediate-6.0", V.TLSv1_2, "AES128-GCM-SHA256", id="no forward secrecy"),
        pytest.param("intermediate-6.0", V.TLSv1_2, "aNULL", id="anonymous"),
        pytest.param("intermediate-6.0", V.TLSv1_2, "ECDHE-ECDSA-AES128-CCM", id="CCM"),
        pytest.param("modern-6.0", V.TLSv1_2, "ALL", id="TLS 1.2 under modern"),
    ],
)
def test_everything_else_is_refused(
    profile: str,
    version: V,
    ciphers: str,
    lab: Lab,
) -> None:
    """v5.0.0-12.1.1 and 12.1.2: an old version or a weak suite gets no handshake."""
    with pytest.raises(ssl.SSLError, match=r"UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER"):
        lab.handshake(lab.anything(version, ciphers), lab.server(profile=profile))


def test_the_server_chooses_the_suite(lab: Lab) -> None:
    """The profile's order decides, whatever the client likes best (v5.0.0-12.1.2)."""
    client, _ = lab.handshake(
        lab.anything(V.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256"), lab.server()
    )
    assert client.cipher()[0] == "ECDHE-ECDSA-AES128-GCM-SHA256"


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
@pytest.mark.parametrize(
    ("mode", "shown", "passes"),
    [
        pytest.param("optional", False, True, id="optional and not shown"),
        pytest.param("optional", True, True, id="optional and shown"),
        pytest.param("required", True, True, id="required and shown"),
        pytest.param("required", False, False, id="required and not shown"),
    ],
)
def test_client_certificates(version: V, mode: str, shown: bool, passes: bool, lab: Lab) -> None:
    """v5.0.0-12.1.3: a certificate that is shown is verified; required means nobody else gets in. No tickets then."""
    client, context = lab.anything(version), lab.server(client_ca=lab.pki / "ca.pem", client_certificates=mode)
    if shown:
        client.load_cert_chain(lab.pki / "client.pem", lab.pki / "client.key")
    assert describe(context).tickets is False
    if not passes:
        with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            lab.handshake(client, context)
        return
    near, far = lab.handshake(client, context)
    assert (far.getpeercert() is not None) == shown
    with pytest.raises(ssl.SSLWantReadError, match="did not complete"):
        near.read(1)  # Tickets would be handled here.
    assert near.session is None or not near.session.has_ticket


def test_a_client_certificate_of_another_ca_is_refused(lab: Lab) -> None:
    """Optional does not mean unchecked."""
    client = lab.anything()
    trustme.CA().issue_cert("client.test").configure_cert(client)
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        lab.handshake(client, lab.server(client_ca=lab.pki / "ca.pem", client_certificates="optional"))


def write(
    folder: Path,
    key: CertificateIssuerPrivateKeyTypes,
    *,
    encryption: KeySerializationEncryption | None = None,
    days: tuple[int, int] = (-1, 1),
    below: Path | None = None,
) -> dict[str, Path]:
    """Write a self-signed certificate and its key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    files = {"certfile": folder / "own.pem", "keyfile": folder / "own.key"}
    files["certfile"].write_bytes(certificate.public_bytes(Encoding.PEM))
    files["keyfile"].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()))
    files["keyfile"].chmod(0o600)
    return files


RSA_1024 = rsa.generate_private_key(65537, 1024)  # Weak on purpose.
P256 = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("key", "message"),
    [
        pytest.param(RSA_1024, "RSA key of 1024 bits", id="RSA 1024"),
        pytest.param(ec.generate_private_key(ec.SECP256K1()), "no TLS profile has the curve secp256k1", id="secp256k1"),
        pytest.param(ec.generate_private_key(ec.SECP224R1()), "the curve secp224r1", id="P-224"),
        pytest.param(dsa.generate_private_key(2048), "neither RSA nor elliptic curve", id="DSA"),
    ],
)
def test_weak_keys_stop_the_start_up(
    key: CertificateIssuerPrivateKeyTypes, message: str, tmp_path: Path, at: datetime
) -> None:
    """RSA from 2048 bits, curves that profiles name."""
    with pytest.raises(ConfigurationError, match=message):
        server_context(**write(tmp_path, key), at=at)


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 2048), P256, ed25519.Ed25519PrivateKey.generate()],
    ids=["RSA 2048", "P-256", "Ed25519"],
)
def test_strong_keys_are_taken(key: CertificateIssuerPrivateKeyTypes, tmp_path: Path, at: datetime) -> None:
    """The kinds of key servers have."""
    assert server_context(**write(tmp_path, key), at=at).verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(
    ("days", "message"),
    [
        pytest.param((-2, -1), r"certfile=.*own.pem.*expired on .* Give a renewed", id="expired"),
        pytest.param((1, 2), r"certfile=.*own.pem.*is not valid before .* Set the clock right", id="not yet valid"),
    ],
)
def test_dates_stop_the_start_up(days: tuple[int, int], message: str, tmp_path: Path, at: datetime) -> None:
    """A certificate no client would take is found before the first client."""
    with pytest.raises(ConfigurationError, match=message):
        server_context(**write(tmp_path, P256, days=days), at=at)


def test_an_encrypted_key_needs_its_password(tmp_path: Path, at: datetime) -> None:
    """Nobody is asked on a terminal; the right password works, and no password is in a message."""
    files = write(tmp_path, P256, encryption=BestAvailableEncryption(b"correct horse"))
    with pytest.raises(ConfigurationError, match=r"keyfile=.*own.key.*password if it is encrypted"):
        server_context(**files, at=at)
    with pytest.raises(ConfigurationError, match=r"keyfile=.*own.key") as refused:
        server_context(**files, at=at, password="battery staple")
    assert "battery" not in str(refused.value)
    server_context(**files, at=at, password="correct horse")


@pytest.mark.parametrize(
    ("mode", "passes"),
    [
        pytest.param(0o600, True, id="owner"),
        pytest.param(0o640, True, id="owner and group"),
        pytest.param(0o644, False, id="everybody reads"),
        pytest.param(0o602, False, id="everybody writes"),
    ],
)
def test_a_key_that_everybody_can_read_is_no_secret(mode: int, passes: bool, tmp_path: Path, at: datetime) -> None:
    """v5.0.0-13.3.2: group access is a choice, access for others is a mistake."""
    files = write(tmp_path, P256)
    files["keyfile"].chmod(mode)
    if passes:
        server_context(**files, at=at)
    else:
        with pytest.raises(ConfigurationError, match=r"open to every user.*chmod 600"):
            server_context(**files, at=at)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"certfile": "none.pem"}, "certfile=.*none.pem.*No such file", id="no certificate file"),
        pytest.param({"certfile": "."}, "certfile=.*Is a directory", id="a folder"),
        pytest.param({"certfile": "a\0b"}, "certfile=.*cannot be used", id="a path that cannot be"),
        pytest.param({"certfile": "server.key"}, "certfile=.*server.key.*BEGIN CERTIFICATE", id="key as certificate"),
        pytest.param({"keyfile": "none.key"}, "keyfile=.*none.key.*No such file", id="no key file"),
        pytest.param({"keyfile": "ca.pem"}, "keyfile=.*ca.pem.*open to every user", id="certificate as key"),
        pytest.param({"keyfile": "client.key"}, "client.key.*is not the key of.*server.pem", id="key of another"),
        pytest.param({"keyfile": "broken.key"}, "keyfile=.*broken.key.*Give a PEM private key", id="no key in it"),
        pytest.param({"profile": "modern"}, "Did you mean 'modern-6.0'", id="no such profile"),
        pytest.param({"client_ca": "ca.pem"}, "contradicts itself", id="CA but no certificates asked for"),
        pytest.param({"client_certificates": "required"}, "contradicts itself", id="certificates but no CA"),
        pytest.param(
            {"client_certificates": "require", "client_ca": "ca.pem"}, "Did you mean 'required'", id="misspelt mode"
        ),
        pytest.param(
            {"client_certificates": "required", "client_ca": "none.pem"}, "client_ca=.*No such file", id="no CA file"
        ),
        pytest.param(
            {"client_certificates": "required", "client_ca": "empty.pem"},
            "client_ca=.*empty.pem.*NO_CERT",
            id="empty CA",
        ),
        pytest.param(
            {"client_certificates": "required", "client_ca": "old.pem"}, "client_ca=.*expired CAs only", id="expired CA"
        ),
    ],
)
def test_wrong_files_stop_the_start_up(changes: dict[str, str], message: str, tmp_path: Path, lab: Lab) -> None:
    """The message names the argument, the file and the fix."""
    (lab.pki / "empty.pem").touch()
    (lab.pki / "broken.key").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    (lab.pki / "broken.key").chmod(0o600)
    (lab.pki / "ca.pem").chmod(0o644)
    write(tmp_path, P256, days=(-2, -1))["certfile"].rename(lab.pki / "old.pem")
    files = ("certfile", "keyfile", "client_ca")
    given = {name: str(lab.pki / value) if name in files else value for name, value in changes.items()}
    with pytest.raises(ConfigurationError, match=message):
        lab.server(**given)


def test_a_weak_certificate_further_up_is_refused(tmp_path: Path, at: datetime) -> None:
    """OpenSSL's security level holds for the whole chain in the file."""
    files = write(tmp_path, P256)
    (tmp_path / "above").mkdir()
    above = write(tmp_path / "above", RSA_1024)["certfile"].read_bytes()
    files["certfile"].write_bytes(files["certfile"].read_bytes() + above)
    with pytest.raises(ConfigurationError, match=r"certfile=.*OpenSSL says CA_KEY_TOO_SMALL.*issued anew"):
        server_context(**files, at=at)


@pytest.mark.parametrize(
    ("spoil", "setting"),
    [
        pytest.param(lambda c: setattr(c, "minimum_version", V.TLSv1_3), "minimum_version", id="oldest"),
        pytest.param(lambda c: setattr(c, "maximum_version", V.TLSv1_2), "maximum_version", id="newest"),
        pytest.param(lambda c: c.set_ciphers("ECDHE+AES:@SECLEVEL=2"), "suites", id="CBC came in"),
        pytest.param(lambda c: c.set_ciphers("ECDHE+AESGCM:@SECLEVEL=1"), "security_level", id="level"),
        pytest.param(lambda c: setattr(c, "options", ssl.OP_ALL), "options", id="options"),
        pytest.param(lambda c: setattr(c, "verify_flags", ssl.VERIFY_DEFAULT), "verify_flags", id="chain rules"),
        pytest.param(lambda c: setattr(c, "keylog_filename", "/dev/null"), "keylog_filename", id="key log"),
    ],
)
def test_a_context_that_does_not_keep_the_profile_is_refused(
    spoil: Callable[[ssl.SSLContext], None], setting: str, lab: Lab
) -> None:
    """What was set is read back, so that an overruling OpenSSL configuration is found at start-up."""
    context = lab.server()
    spoil(context)
    with pytest.raises(ConfigurationError, match=f"does not keep the {setting} of profile 'intermediate-6.0'"):
        confirm(context, guideline("intermediate-6.0"))


@pytest.mark.parametrize(
    ("version", "ciphers", "kind"),
    [
        pytest.param(V.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", ec.EllipticCurvePublicKey, id="a client for ECDSA"),
        pytest.param(V.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256", rsa.RSAPublicKey, id="a client for RSA"),
        pytest.param(V.TLSv1_3, "ALL", ec.EllipticCurvePublicKey, id="a client for both"),
    ],
)
def test_rsa_and_ecdsa_at_once(version: V, ciphers: str, kind: type, tmp_path: Path, lab: Lab) -> None:
    """Each client is shown the certificate it can check, from one context; who takes both sees the cheaper one."""
    pem = tmp_path / "rsa.pem"
    issued = lab.ca.issue_cert("localhost", key_type=trustme.KeyType.RSA)
    issued.private_key_and_cert_chain_pem.write_to_path(pem)
    pem.chmod(0o600)
    near, _ = lab.handshake(lab.anything(version, ciphers), lab.server(other_certificates=[(pem, pem)]))
    shown = x509.load_der_x509_certificate(near.getpeercert(binary_form=True) or b"")
    assert isinstance(shown.public_key(), kind)


@pytest.mark.parametrize(
    ("content", "password"),
    [
        pytest.param(b"correct horse\n", "correct horse", id="one line"),
        pytest.param(b"correct horse\r\n", "correct horse", id="a line of Windows"),
        pytest.param(b" spaces count ", " spaces count ", id="no end of line"),
        pytest.param("schlüssel".encode(), "schlüssel", id="UTF-8"),
        pytest.param(b"x" * 1024, "x" * 1024, id="the longest"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"\n", None, id="an empty line"),
        pytest.param(b"a\nb\n", None, id="two lines"),
        pytest.param(b"a\0b", None, id="NUL"),
        pytest.param(b"\xff", None, id="no UTF-8"),
        pytest.param(b"x" * 1025, None, id="too long"),
    ],
)
def test_a_password_in_a_file(content: bytes, password: str | None, tmp_path: Path) -> None:
    """One line of UTF-8; anything else stops the start-up, and nothing of it is in the message."""
    path = tmp_path / "password"
    path.write_bytes(content)
    path.chmod(0o640)
    if password is not None:
        assert read_password("keyfile_password_file", path) == password
        return
    with pytest.raises(ConfigurationError, match=r"keyfile_password_file=.*password' cannot be used") as refused:
        read_password("keyfile_password_file", path)
    assert "xxx" not in str(refused.value)


def test_a_password_that_everybody_can_read(tmp_path: Path) -> None:
    """v5.0.0-13.3.2: as for the key itself; and a file that is not there is said."""
    path = tmp_path / "password"
    with pytest.raises(ConfigurationError, match=r"keyfile_password_file=.*No such file"):
        read_password("keyfile_password_file", path)
    path.write_text("secret")
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match=r"keyfile_password_file=.*open to every user"):
        read_password("keyfile_password_file", path)
