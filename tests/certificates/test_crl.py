"""Reading revocation lists: which are taken, for which certificates, and from where (RFC 5280 sections 5 and 6.3.3)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from asvs_middleware.certificates import ClientCertificates
from asvs_middleware.certificates.revocation.crl import read_lists
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.pki import DevelopmentCA, Issued

Builder = x509.CertificateRevocationListBuilder
PRIVATE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\5\0")


@pytest.fixture
def trust(tmp_path: Path, ca: DevelopmentCA) -> Path:
    path = tmp_path / "clients-ca.pem"
    path.write_bytes(ca.pem)
    return path


def crl(
    ca: DevelopmentCA,
    at: datetime,
    *,
    issuer: x509.Name | None = None,
    number: int | None = 1,
    critical_number: bool = False,
    extra: tuple[x509.ExtensionType, bool] | None = None,
    entry: tuple[x509.ExtensionType, bool] | None = None,
) -> bytes:
    """Return a list with anything wrong."""
    builder = Builder(issuer_name=issuer or ca.certificate.subject, last_update=at, next_update=at + timedelta(days=7))
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=critical_number)
    if extra:
        builder = builder.add_extension(extra[0], critical=extra[1])
    revoked = x509.RevokedCertificateBuilder(serial_number=7, revocation_date=at)
    if entry:
        revoked = revoked.add_extension(entry[0], critical=entry[1])
    builder = builder.add_revoked_certificate(revoked.build())
    return builder.sign(ca.key, hashes.SHA256()).public_bytes(Encoding.DER)


def point(**parts: Any) -> x509.IssuingDistributionPoint:
    """Return what a list says of the certificates it is for; without parts, it says nothing."""
    nothing: dict[str, Any] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**{**nothing, **parts})


INDIRECT = point(indirect_crl=True)
ATTRIBUTES = point(only_contains_attribute_certs=True)
SOME_REASONS = point(only_some_reasons=frozenset([x509.ReasonFlags.key_compromise]))
SHARD = x509.UniformResourceIdentifier("https://crl.example/7.crl")
STRANGER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Stranger")])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        pytest.param({"number": None}, "no CRL number", id="no number"),
        pytest.param({"critical_number": True}, r"carries 2\.5\.29\.20", id="critical number"),
        pytest.param({"extra": (x509.DeltaCRLIndicator(1), True)}, "is a delta list", id="delta"),
        pytest.param({"extra": (x509.DeltaCRLIndicator(1), False)}, "is a delta list", id="delta, lax"),
        pytest.param({"extra": (INDIRECT, True)}, "is indirect", id="indirect"),
        pytest.param({"extra": (INDIRECT, False)}, "is indirect", id="indirect, lax"),
        pytest.param({"extra": (SOME_REASONS, True)}, "for some reasons only", id="some reasons"),
        pytest.param({"extra": (ATTRIBUTES, True)}, "attribute certificates", id="attribute certificates"),
        pytest.param({"extra": (PRIVATE, True)}, "not understood", id="unknown and critical"),
        pytest.param({"entry": (PRIVATE, True)}, "an entry with a critical extension", id="unknown entry extension"),
        pytest.param(
            {"entry": (x509.CertificateIssuer([x509.DNSName("x")]), True)}, "it is indirect", id="entry of another"
        ),
        pytest.param({"issuer": STRANGER}, "signed by none", id="issuer nobody knows"),
    ],
)
def test_refuses_lists(trust: Path, ca: DevelopmentCA, at: datetime, *, parts: dict[str, Any], message: str) -> None:
    """A list that does not speak for all certificates of its issuer is refused: absence from it proves nothing."""
    path = trust.parent / "wrong.crl"
    path.write_bytes(crl(ca, at, **parts))
    with pytest.raises(ConfigurationError, match=message) as error:
        ClientCertificates(trust=trust, crls=[path])
    assert f"ClientCertificates(crls={path!r})" in error.value.problem


WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")  # AlgorithmIdentifier of ecdsa-with-SHA256, RFC 5758.
WITH_SHA1 = bytes.fromhex("300906072a8648ce3d0401")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("next_update", b"", "has no nextUpdate", id="without end"),
        pytest.param(WITH_SHA256, WITH_SHA1, "is signed with sha1", id="SHA-1"),
    ],
)
def test_refuses_lists_no_library_makes(
    trust: Path, ca: DevelopmentCA, at: datetime, *, old: bytes | str, new: bytes, message: str
) -> None:
    """A list good for ever, or signed with a broken hash: changed by hand, and signed again."""
    if isinstance(old, str):
        old = b"\x17\x0d" + f"{at + timedelta(days=7):%y%m%d%H%M%S}Z".encode()
    body = x509.load_der_x509_crl(crl(ca, at)).tbs_certlist_bytes[3:].replace(old, new)
    signed = b"\x30" + _length(len(body)) + body
    signature = b"\0" + ca.key.sign(signed, ec.ECDSA(hashes.SHA256()))
    algorithm = new if new == WITH_SHA1 else WITH_SHA256
    whole = signed + algorithm + b"\x03" + _length(len(signature)) + signature
    path = trust.parent / "odd.crl"
    path.write_bytes(b"\x30" + _length(len(whole)) + whole)
    with pytest.raises(ConfigurationError, match=message):
        ClientCertificates(trust=trust, crls=[path])


def _length(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([0x81, number]) if number < 256 else b"\x82" + number.to_bytes(2)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="nothing special"),
        pytest.param({"extra": (PRIVATE, False)}, id="unknown, not critical"),
        pytest.param({"entry": (x509.CRLReason(x509.ReasonFlags.key_compromise), False)}, id="a reason"),
        pytest.param({"extra": (point(only_contains_user_certs=True), True)}, id="for users"),
        pytest.param({"extra": (point(only_contains_user_certs=True), False)}, id="for users, lax"),
        pytest.param({"extra": (point(full_name=[SHARD]), True)}, id="a shard"),
    ],
)
def test_accepts_lists(trust: Path, ca: DevelopmentCA, at: datetime, *, parts: dict[str, Any]) -> None:
    """What is not critical may be there."""
    path = trust.parent / "right.crl"
    path.write_bytes(crl(ca, at, **parts))
    revocation = ClientCertificates(trust=trust, crls=[path]).revocation
    assert revocation is not None
    assert [found.serials for found in revocation.lists.values()] == [{7}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "is not a certificate revocation list", id="empty"),
        pytest.param(b"\x30\x00", "is not a certificate revocation list", id="empty sequence"),
        pytest.param(b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----", "is not a cert", id="not DER"),
        pytest.param("a certificate", "openssl ca -gencrl", id="a certificate"),
        pytest.param("of a namesake", "signed by none of the given CAs", id="another key, the same name"),
        pytest.param("of a stranger", "Add the certificate of the CA that signed it", id="a CA not given"),
    ],
)
def test_refuses_what_is_no_list(
    trust: Path, ca: DevelopmentCA, intermediate: DevelopmentCA, at: datetime, *, content: bytes | str, message: str
) -> None:
    """A file that is no list, or not of a CA that is given, is refused."""
    contents = {
        "a certificate": ca.pem,
        "of a namesake": DevelopmentCA.root("Clients", at=at).crl(at=at).public_bytes(Encoding.PEM),
        "of a stranger": intermediate.crl(at=at).public_bytes(Encoding.PEM),
    }
    path = trust.parent / "wrong.crl"
    path.write_bytes(content if isinstance(content, bytes) else contents[content])
    with pytest.raises(ConfigurationError, match=message):
        ClientCertificates(trust=trust, crls=[path])


def der_of(pem: bytes) -> bytes:
    return x509.load_pem_x509_crl(pem).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(lambda new: new[:30], id="after the first line"),
        pytest.param(lambda new: new[:200], id="in the middle"),
        pytest.param(lambda new: new[:-5], id="in the last line"),
        pytest.param(lambda new: new[200:], id="the head is missing"),
        pytest.param(lambda new: new.replace(b"BEGIN", b"BEG1N"), id="another head"),
        pytest.param(der_of, id="DER"),
    ],
)
@pytest.mark.parametrize("order", [1, -1], ids=["behind", "before"])
def test_refuses_a_file_that_was_cut_short(
    trust: Path, ca: DevelopmentCA, client: Issued, at: datetime, *, cut: Callable[[bytes], bytes], order: int
) -> None:
    """v5.0.0-12.1.4: a newer list that was damaged leaves the older one, which lets the revoked client in again."""
    old = ca.crl(at=at - timedelta(days=1)).public_bytes(Encoding.PEM)
    new = ca.crl([client.certificate], at=at, number=2).public_bytes(Encoding.PEM)
    path = trust.parent / "damaged.crl"
    path.write_bytes(b"".join([old, cut(new)][::order]))
    with pytest.raises(ConfigurationError, match=r"beside whole lists|is not a certificate revocation list"):
        ClientCertificates(trust=trust, crls=[path])


def test_refuses_a_list_of_a_ca_without_the_right(trust: Path, ca: DevelopmentCA, at: datetime) -> None:
    """A CA whose key usage lacks cRLSign signs no lists (RFC 5280 section 6.3.3 f)."""
    builder = x509.CertificateBuilder(
        subject_name=ca.certificate.subject,
        issuer_name=ca.certificate.subject,
        public_key=ca.key.public_key(),
        serial_number=1,
        not_valid_before=at,
        not_valid_after=at + timedelta(days=7),
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    usage = x509.KeyUsage(*(number == 5 for number in range(9)))  # keyCertSign is bit 5.
    signed = builder.add_extension(usage, critical=True).sign(ca.key, hashes.SHA256())
    trust.write_bytes(signed.public_bytes(Encoding.PEM))
    path = trust.parent / "right.crl"
    path.write_bytes(ca.crl(at=at).public_bytes(Encoding.PEM))
    with pytest.raises(ConfigurationError, match="with the right to sign lists"):
        ClientCertificates(trust=trust, crls=[path])


@pytest.fixture(scope="module")
def intact_crl(ca: DevelopmentCA, at: datetime) -> bytes:
    return crl(ca, at)


@settings(max_examples=200)
@given(st.data())
def test_changed_files(trust: Path, ca: DevelopmentCA, intact_crl: bytes, data: st.DataObject) -> None:
    """However a file is damaged, it is refused or means what it meant: what was signed is not changed."""
    path, intact = trust.parent / "damaged", data.draw(st.sampled_from([ca.pem, intact_crl]))
    damaged = bytearray(intact)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(damaged)
    try:
        policy = ClientCertificates(trust=trust, crls=[path]) if intact != ca.pem else ClientCertificates(trust=path)
    except ConfigurationError:
        return
    # The wrapping of a signature has more than one spelling: unused bits that are zero may be counted or not.
    assert policy.revocation is None or signed_part(bytes(damaged)) == signed_part(intact)


def signed_part(crl: bytes) -> bytes:
    return x509.load_der_x509_crl(crl).tbs_certlist_bytes


class TestFolders:
    """A folder stands for the lists in it."""

    def test_every_list(self, trust: Path, ca: DevelopmentCA, intermediate: DevelopmentCA, at: datetime) -> None:
        """Each file is read, but for those that begin with a dot."""
        folder, below = trust.parent / "crls", trust.parent / "below.pem"
        folder.mkdir()
        below.write_bytes(intermediate.pem)
        (folder / "one.crl").write_bytes(ca.crl(at=at).public_bytes(Encoding.DER))
        (folder / "two.pem").write_bytes(intermediate.crl(at=at).public_bytes(Encoding.PEM))
        (folder / ".half").write_bytes(b"half a list")
        (folder / "..data").mkdir()
        policy = ClientCertificates(trust=trust, crls=[folder], intermediates=[below])
        assert policy.revocation is not None
        assert len(policy.revocation.lists) == 2

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            pytest.param(None, "is an empty folder", id="nothing"),
            pytest.param(".list", "is an empty folder", id="hidden files only"),
            pytest.param("README", "is not a certificate revocation list", id="something else"),
        ],
    )
    def test_refused(self, trust: Path, *, name: str | None, message: str) -> None:
        """What cannot be read as a list would be one that is missing."""
        folder = trust.parent / "crls"
        folder.mkdir()
        if name:
            (folder / name).write_bytes(b"Lists of our CAs")
        with pytest.raises(ConfigurationError, match=message):
            ClientCertificates(trust=trust, crls=[folder])

    def test_folder_in_a_folder(self, trust: Path) -> None:
        """It is not searched, and not passed over either."""
        (trust.parent / "crls" / "old").mkdir(parents=True)
        with pytest.raises(ConfigurationError, match="cannot be read"):
            ClientCertificates(trust=trust, crls=[trust.parent / "crls"])


def test_many_beginnings_and_no_end(ca: DevelopmentCA) -> None:
    """A file made to be slow to read is read as fast as any: in far less than the seconds a search back would take."""
    with pytest.raises(ConfigurationError, match="is not a certificate revocation list"):
        read_lists(b"-----BEGIN X509 CRL-----" * 100_000, [ca.certificate], "x")
