"""The development PKI: what it writes works with OpenSSL at its strictest, `cryptography`, and our verifier."""

import ipaddress
import os
import ssl
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.certificates import ClientCertificates, ClientCertificateVerifier, IdentityPattern
from asvs_middleware.errors import CertificateRefused, ConfigurationError
from asvs_middleware.server.pki import DevelopmentCA, Issued, write_development_pki
from asvs_middleware.server.pki_profile import host_or_address

FILES = ("ca.pem", "server.pem", "server.key", "client.pem", "client.key", "clients-ca.pem", "clients.crl")
STRICT = ssl.VerifyFlags.VERIFY_X509_STRICT | ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
"""What Python 3.13 sets by default; set here for 3.11 too."""


@pytest.fixture(scope="module")
def now() -> datetime:
    """OpenSSL reads the clock, so the certificates must hold now."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> Path:
    folder = tmp_path_factory.mktemp("pki") / "certs"
    write_development_pki(folder, ["api.localhost", "192.0.2.7"], at=now)
    return folder


def test_files(folder: Path, now: datetime, tmp_path: Path) -> None:
    """Exactly these files are written, in this order, into a folder for its owner only."""
    written = write_development_pki(tmp_path / "new" / "certs", at=now)
    assert written == tuple(tmp_path / "new" / "certs" / name for name in FILES)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert stat.S_IMODE((tmp_path / "new" / "certs").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", FILES)
def test_modes(folder: Path, name: str) -> None:
    """Private keys are for their owner only."""
    mode = stat.S_IMODE((folder / name).stat().st_mode)
    assert mode & 0o133 == 0
    assert (mode == 0o600) is name.endswith(".key")


@pytest.mark.parametrize("pair", ["server", "client"])
def test_pairs_match(folder: Path, pair: str) -> None:
    """Each key belongs to the first certificate beside it: P-256, 90 days, a random serial number."""
    leaf = x509.load_pem_x509_certificates((folder / f"{pair}.pem").read_bytes())[0]
    key = load_pem_private_key((folder / f"{pair}.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == leaf.public_key()
    assert isinstance(key.curve, ec.SECP256R1)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=90, hours=1)
    assert leaf.serial_number.bit_length() > 64


def strict_client(folder: Path, *flags: ssl.VerifyFlags) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    for flag in flags:
        context.verify_flags |= flag
    return context


def asking_server(folder: Path) -> ssl.SSLContext:
    """A server that demands a client certificate and looks it up in the revocation list."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(folder / "clients-ca.pem")
    context.load_verify_locations(folder / "clients.crl")
    context.verify_flags |= STRICT | ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return context


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Run a whole handshake in memory, and return the server's end of it."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=name)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [near, far]
    while waiting:
        for end in tuple(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(end)
    return far


@pytest.mark.parametrize("flags", [(), (STRICT,)], ids=["as this Python sets them", "strict"])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "api.localhost", "192.0.2.7"])
def test_handshake(folder: Path, name: str, flags: tuple[ssl.VerifyFlags, ...]) -> None:
    """OpenSSL accepts the server under each of its names, and the client with its revocation list."""
    client = strict_client(folder, *flags)
    client.load_cert_chain(folder / "client.pem", folder / "client.key")
    peer = shake_hands(client, asking_server(folder), name).getpeercert()
    assert peer is not None
    assert ("URI", "spiffe://localhost/client") in peer["subjectAltName"]


@pytest.mark.parametrize("name", ["example.org", "127.0.0.2", "sub.localhost"])
def test_handshake_with_another_name(folder: Path, name: str) -> None:
    """The server answers to its own names only."""
    with pytest.raises(ssl.SSLCertVerificationError, match=r"mismatch|not valid for"):
        shake_hands(strict_client(folder), asking_server(folder), name)


def test_handshake_with_a_server_as_client(folder: Path, now: datetime, tmp_path: Path) -> None:
    """The two trees do not know each other: a server's certificate is no client's."""
    client = strict_client(folder)
    client.load_cert_chain(folder / "server.pem", folder / "server.key")
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        shake_hands(client, asking_server(folder), "localhost")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_cryptography_accepts_the_server(folder: Path, now: datetime, name: str) -> None:
    """The web PKI profile of `cryptography` accepts the server under each of its names."""
    leaf, *rest = x509.load_pem_x509_certificates((folder / "server.pem").read_bytes())
    anchors = x509.load_pem_x509_certificates((folder / "ca.pem").read_bytes())
    subject = x509.DNSName(name) if name == "localhost" else x509.IPAddress(ipaddress.ip_address(name))
    verifier = PolicyBuilder().store(Store(anchors)).time(now).build_server_verifier(subject)
    assert verifier.verify(leaf, rest) == [leaf, *rest, *anchors]


def test_our_verifier_accepts_the_client(folder: Path, now: datetime) -> None:
    """The client is accepted with revocation checked, under its SPIFFE ID and its host name; the server is not."""
    policy = ClientCertificates(trust=folder / "clients-ca.pem", crls=[folder / "clients.crl"])
    verifier = ClientCertificateVerifier(policy)
    proof = verifier.verify(ssl.PEM_cert_to_DER_cert((folder / "client.pem").read_text()), at=now)
    assert IdentityPattern.parse("spiffe://localhost/client").matches(proof)
    assert IdentityPattern.parse("client.localhost").matches(proof)
    server = x509.load_pem_x509_certificates((folder / "server.pem").read_bytes())[0]
    with pytest.raises(CertificateRefused, match="clientAuth"):
        verifier.verify(Issued(server, ec.generate_private_key(ec.SECP256R1())).der, at=now)


def test_second_run(folder: Path, now: datetime, tmp_path: Path) -> None:
    """Nothing is overwritten unless asked for; then every file is new, and no old mode or link is kept."""
    write_development_pki(tmp_path, at=now)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    with pytest.raises(ConfigurationError, match=r"already holds ca\.pem, server\.pem.*--force"):
        write_development_pki(tmp_path, at=now)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == before
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    (tmp_path / "server.key").unlink()
    (tmp_path / "server.key").symlink_to(elsewhere)
    (tmp_path / "client.key").chmod(0o644)
    write_development_pki(tmp_path, at=now, force=True)
    assert all((tmp_path / name).read_bytes() != before[name] for name in FILES)
    assert elsewhere.read_text() == "untouched"
    assert not (tmp_path / "server.key").is_symlink()
    assert {stat.S_IMODE((tmp_path / f"{name}.key").stat().st_mode) for name in ("server", "client")} == {0o600}


def test_dangling_link_counts_as_a_file(now: datetime, tmp_path: Path) -> None:
    """A link to nowhere is not written through: the key would land at its end."""
    (tmp_path / "client.key").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match=r"already holds client\.key"):
        write_development_pki(tmp_path, at=now)


@pytest.mark.parametrize("umask", [0o000, 0o077], ids=["open", "closed"])
def test_umask(now: datetime, tmp_path: Path, umask: int) -> None:
    """Keys are as private under a careless umask."""
    before = os.umask(umask)
    try:
        paths = write_development_pki(tmp_path / "certs", at=now)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.suffix == ".key"} == {0o600}


@pytest.mark.parametrize(
    "out",
    [
        pytest.param(lambda folder: folder / "file", id="a file"),
        pytest.param(lambda folder: folder / "file" / "below", id="below a file"),
        pytest.param(lambda folder: folder / "\0", id="NUL"),
        pytest.param(lambda folder: folder / ("x" * 300), id="too long a name"),
    ],
)
def test_unusable_folder(now: datetime, tmp_path: Path, out: Callable[[Path], Path]) -> None:
    """A folder that cannot be used is named, with the flag that gives another."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="Choose a folder of your own with --out"):
        write_development_pki(out(tmp_path), at=now)


WRONG_NAMES = [
    pytest.param("", id="nothing"),
    pytest.param("https://localhost", id="URL"),
    pytest.param("localhost:8443", id="port"),
    pytest.param("*.localhost", id="wildcard"),
    pytest.param("127.0.0.256", id="no IP address"),
    pytest.param("fe80::1%eth0", id="an interface"),
    pytest.param("10.0.0.0/8", id="a network"),
    pytest.param("a..b", id="an empty label"),
    pytest.param("-a.example", id="hyphen first"),
    pytest.param("bücher.example", id="not ASCII"),
    pytest.param("a b", id="space"),
    pytest.param("localhost\n", id="line end"),
    pytest.param("a" * 64 + ".example", id="long label"),
    pytest.param("a." * 126 + "example", id="long name"),
]


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_wrong_name(now: datetime, tmp_path: Path, name: str) -> None:
    """What is no host name and no address is refused before anything is written."""
    with pytest.raises(ConfigurationError, match=r"neither a host name nor an IP address.*Write a name such as"):
        write_development_pki(tmp_path / "certs", ["good.localhost", name], at=now)
    assert not (tmp_path / "certs").exists()


def test_one_name_for_many(now: datetime, tmp_path: Path) -> None:
    """A text given for a list would be taken letter by letter."""
    with pytest.raises(ConfigurationError, match=r"Write \['localhost'\]"):
        write_development_pki(tmp_path, "localhost", at=now)


@given(st.text(max_size=80))
def test_any_name(name: str) -> None:
    """Any text is a name or is refused."""
    try:
        found = host_or_address(name)
    except ConfigurationError:
        return
    assert isinstance(found, x509.DNSName | x509.IPAddress)


class TestAuthority:
    """The building blocks tests are made of."""

    def test_profile_of_an_authority(self, now: datetime) -> None:
        """Constraints and key usage are critical, and a CA may sign certificates and lists and nothing else."""
        below = DevelopmentCA.root("Root", at=now, path_length=1).issue_authority("Below", at=now)
        constraints = below.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        usage = below.certificate.extensions.get_extension_for_class(x509.KeyUsage)
        assert constraints.critical
        assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
        assert usage.critical
        assert (usage.value.key_cert_sign, usage.value.crl_sign, usage.value.digital_signature) == (True, True, False)

    def test_profile_of_a_leaf(self, now: datetime) -> None:
        """A leaf has what the strictest checkers ask for; its names are not critical, and each is there once."""
        leaf = DevelopmentCA.root("Root", at=now).issue_server("localhost", "::1", "LOCALHOST", "0::1", at=now)
        found = {extension.oid._name: extension for extension in leaf.certificate.extensions}
        assert {name: one.critical for name, one in found.items()} == {
            "subjectKeyIdentifier": False,
            "authorityKeyIdentifier": False,
            "cRLDistributionPoints": False,
            "basicConstraints": True,
            "keyUsage": True,
            "extendedKeyUsage": False,
            "subjectAltName": False,
        }
        assert list(found["extendedKeyUsage"].value) == [ExtendedKeyUsageOID.SERVER_AUTH]
        assert len(found["subjectAltName"].value) == 2

    def test_what_a_peer_sends(self, now: datetime) -> None:
        """The leaf, then the authorities between it and the root, without the root."""
        root = DevelopmentCA.root("Root", at=now)
        middle = root.issue_authority("Middle", at=now, path_length=1)
        low = middle.issue_authority("Low", at=now)
        leaf = low.issue_client("x", emails=["ada@example.org"], at=now)
        sent = x509.load_pem_x509_certificates(leaf.pem)
        assert sent == [leaf.certificate, low.certificate, middle.certificate]
        assert root.issue_client("x", dns=["x.example"], at=now).intermediates == ()

    def test_key_and_purposes_can_be_given(self, now: datetime) -> None:
        """A renewed certificate keeps its key; a wrong purpose is for tests of refusals."""
        ca, key = DevelopmentCA.root("Root", at=now), ec.generate_private_key(ec.SECP256R1())
        purposes = [ExtendedKeyUsageOID.EMAIL_PROTECTION]
        leaf = ca.issue_client("x", dns=["x.example"], at=now, key=key, purposes=purposes)
        assert leaf.key is key
        assert list(leaf.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == purposes

    def test_revocation_list(self, now: datetime) -> None:
        """The list names what it is given and is signed by the authority."""
        ca = DevelopmentCA.root("Root", at=now)
        leaf = ca.issue_client("x", dns=["x.example"], at=now).certificate
        crl = ca.crl([leaf], at=now, days=3, number=8)
        assert crl.is_signature_valid(ca.key.public_key())
        assert [entry.serial_number for entry in crl] == [leaf.serial_number]
        assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 8

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            pytest.param({"name": "x"}, "identifies nobody", id="no identity"),
            pytest.param({"name": "", "dns": ["x.example"]}, "Use 1 to 64 characters", id="no name"),
            pytest.param({"name": "x" * 65, "dns": ["x.example"]}, "Use 1 to 64 characters", id="long name"),
            pytest.param({"name": "x", "dns": ["x y"]}, "neither a host name", id="wrong host"),
            pytest.param({"name": "x", "uris": ["spiffe://é/x"]}, "Write it in ASCII", id="URI not ASCII"),
            pytest.param({"name": "x", "emails": ["é@example.org"]}, "Write it in ASCII", id="mailbox not ASCII"),
            pytest.param({"name": "x", "emails": ["Ada <ada@example.org>"]}, "is no mailbox", id="name and mailbox"),
        ],
    )
    def test_wrong_client(self, now: datetime, arguments: dict[str, Any], message: str) -> None:
        """A client nobody could name is refused."""
        with pytest.raises(ConfigurationError, match=message):
            DevelopmentCA.root("Root", at=now).issue_client(**arguments, at=now)

    def test_no_key_is_shown(self, now: datetime) -> None:
        """The text of what was issued holds no key."""
        ca = DevelopmentCA.root("Root", at=now)
        assert "key" not in repr(ca).lower()
