"""SPKI pins: what may be configured, what hash a certificate has, and what a proof stands for."""

import re
import ssl
from datetime import UTC, date, datetime, timedelta, timezone
from hashlib import sha256

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.certificates.pins import PinnedPeer, PinRefused, Pins, render_pin, spki_sha256, verify_pins
from asvs_middleware.errors import ConfigurationError

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
A, B, C = (render_pin(bytes([n]) * 32) for n in (1, 2, 3))


def der(pem: trustme.Blob) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.bytes().decode())


ROOT = trustme.CA()
LEAF, ISSUER = (der(pem) for pem in (ROOT.issue_cert("api.test").cert_chain_pems[0], ROOT.cert_pem))
STRANGER = der(trustme.CA().cert_pem)


@pytest.mark.parametrize(
    ("given_pins", "message"),
    [
        pytest.param((), "got 0 pins", id="none"),
        pytest.param((A,), "at least two", id="no spare"),
        pytest.param((A, A), "1 differ", id="the spare is the same"),
        pytest.param((A, B, A), "2 differ", id="one twice"),
        pytest.param((A, "sha256/AAA="), "no SPKI pin", id="too short"),
        pytest.param((A, render_pin(bytes(33))), "no SPKI pin", id="too long"),
        pytest.param((A, B.replace("sha256", "sha1")), "no SPKI pin", id="SHA-1"),
        pytest.param((A, B.removeprefix("sha256/")), "no SPKI pin", id="no scheme"),
        pytest.param((A, B.rstrip("=")), "no SPKI pin", id="no padding"),
        pytest.param((A, B + "\n"), "no SPKI pin", id="line end"),
        pytest.param((A, B[:-2] + "J="), "no SPKI pin", id="second spelling of the last byte"),
        pytest.param((A, "sha256/" + "é" * 44), "no SPKI pin", id="not ASCII"),
        pytest.param((A, B.encode()), "no SPKI pin", id="bytes"),
        pytest.param((A, None), "no SPKI pin", id="nothing"),
    ],
)
def test_pins_that_cannot_be_right_stop_the_start_up(given_pins: tuple[str, ...], message: str) -> None:
    """Two different keys at least, each in its one spelling."""
    with pytest.raises(ConfigurationError, match=message):
        Pins(*given_pins)


@pytest.mark.parametrize("expires", ["soon", "2027-13-01", "", 20270630, datetime(2027, 6, 30, tzinfo=UTC)])
def test_expiry_is_a_date(expires: object) -> None:
    """A misspelt date is not "never"."""
    with pytest.raises(ConfigurationError, match="is no date"):
        Pins(A, B, expires=expires)  # type: ignore[arg-type]


def test_pins_are_a_value() -> None:
    """Equal when they say the same, and nothing can be added afterwards."""
    pins = Pins(A, B, expires="2027-06-30")
    assert pins == Pins(A, B, expires=date(2027, 6, 30))
    assert hash(pins) == hash(Pins(A, B, expires="2027-06-30"))
    with pytest.raises(AttributeError, match="cannot assign"):
        pins.hashes = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("pinned", "depth"), [pytest.param(LEAF, 0, id="the peer"), pytest.param(ISSUER, 1, id="its CA")]
)
def test_a_pinned_key_anywhere_in_the_chain_is_enough(pinned: bytes, depth: int) -> None:
    """The proof says which key matched, and shows no certificate when printed."""
    proof = verify_pins([LEAF, ISSUER], Pins(A, render_pin(spki_sha256(pinned))), at=NOW)
    assert (proof.certificate, proof.pin, proof.depth) == (LEAF, spki_sha256(pinned), depth)
    assert repr(proof) == f"PinnedPeer(depth={depth})"


@pytest.mark.parametrize(
    ("chain", "code", "message"),
    [
        pytest.param([LEAF, ISSUER], "pin_mismatch", "treat it as an attack", id="other keys"),
        pytest.param([], "chain_missing", "resumed TLS session", id="resumed session"),
        pytest.param([LEAF, b""], "certificate_malformed", "not DER", id="broken CA certificate"),
    ],
)
def test_anything_else_is_refused(chain: list[bytes], code: str, message: str) -> None:
    """No match, no chain and no certificate are all refusals, told apart by their code."""
    with pytest.raises(PinRefused, match=message) as refused:
        verify_pins(chain, Pins(A, B), at=NOW)
    assert refused.value.code == code


def test_the_mismatch_names_the_pin_that_was_found() -> None:
    """The operator of a peer that changed its key can read what to add."""
    with pytest.raises(PinRefused, match=re.escape(render_pin(spki_sha256(LEAF)))):
        verify_pins([LEAF], Pins(A, B), at=NOW)


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        pytest.param(datetime(2027, 6, 30, 23, 59, tzinfo=UTC), True, id="last minute of the day"),
        pytest.param(datetime(2027, 7, 1, tzinfo=UTC), False, id="the day after"),
        pytest.param(datetime(2027, 7, 1, 1, tzinfo=timezone(timedelta(hours=2))), True, id="still that day in UTC"),
    ],
)
def test_after_the_last_day_even_a_pinned_key_is_refused(at: datetime, holds: bool) -> None:
    """Expiry fails closed: a pin set nobody renews does not turn into no pin set."""
    pins = Pins(A, render_pin(spki_sha256(LEAF)), expires="2027-06-30")
    if holds:
        assert verify_pins([LEAF], pins, at=at).depth == 0
    else:
        with pytest.raises(PinRefused, match="expired at the end of 2027-06-30") as refused:
            verify_pins([LEAF], pins, at=at)
        assert refused.value.code == "pins_expired"


def test_no_proof_by_hand() -> None:
    """PinnedPeer comes from verify_pins() alone."""
    with pytest.raises(TypeError, match=r"comes from verify_pins\(\)"):
        PinnedPeer(LEAF, bytes(32), 0, object())


RSA_KEY = rsa.generate_private_key(65537, 2048)


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, *names: str) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, text) for text in names])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
    )
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.DER)


@given(
    key=st.one_of(
        st.just(RSA_KEY),
        st.sampled_from([ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]).map(ec.generate_private_key),
        st.binary(min_size=32, max_size=32).map(ed25519.Ed25519PrivateKey.from_private_bytes),
    ),
    names=st.lists(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=60), max_size=8),
)
def test_the_hash_is_that_of_the_encoded_key(key: rsa.RSAPrivateKey, names: list[str]) -> None:
    """For RSA, ECDSA and Ed25519, whatever stands before the key: as `openssl` and `cryptography` have it."""
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert spki_sha256(certificate(key, *names)) == sha256(spki).digest()


def test_a_version_1_certificate_has_a_key_too() -> None:
    """The version field is absent from old certificates (RFC 5280 section 4.1.2.1)."""
    key = b"\x30\x08" + b"\x30\x02\x06\x00" + b"\x03\x02\x00\x01"
    tbs = b"\x02\x01\x01" + b"\x30\x00" * 4 + key
    old = bytes([0x30, len(tbs) + 2, 0x30, len(tbs)]) + tbs
    assert spki_sha256(old) == sha256(key).digest()


def wrapped(content: bytes, tag: int = 0x30) -> bytes:
    return bytes([tag, len(content)]) + content


BEFORE = b"\x02\x01\x01" + b"\x30\x00" * 4


@pytest.mark.parametrize(
    ("hostile", "message"),
    [
        pytest.param(b"", "is missing", id="nothing"),
        pytest.param(b"\x30", "is missing", id="one byte"),
        pytest.param(b"\x31\x00", "type 0x30 is missing", id="a set"),
        pytest.param(b"\x30\x80\x00\x00", "not in DER", id="indefinite length"),
        pytest.param(b"\x30\x81\x7f" + bytes(127), "not in DER", id="long form of a short length"),
        pytest.param(b"\x30\x82\x00\x80" + bytes(128), "not in DER", id="leading zero in a length"),
        pytest.param(b"\x30\xff\xff", "not in DER", id="a length of 127 bytes"),
        pytest.param(b"\x30\x84\xff\xff\xff\xff", "cut short", id="four gigabytes"),
        pytest.param(b"\x30\x84\xff\xff", "not in DER", id="length cut short"),
        pytest.param(LEAF + b"\x00", "bytes follow the certificate", id="something behind"),
        pytest.param(LEAF[:-1], "cut short", id="last byte missing"),
        pytest.param(wrapped(wrapped(BEFORE)), "is missing", id="no key"),
        pytest.param(wrapped(wrapped(BEFORE + wrapped(b"\x30\x00"))), "0x03 is missing", id="no bits in the key"),
        pytest.param(
            wrapped(wrapped(BEFORE + wrapped(b"\x30\x00\x03\x01\x00\x05\x00"))),
            "bytes follow the key",
            id="more in the key",
        ),
        pytest.param(
            wrapped(wrapped(BEFORE + b"\x30\x20") + bytes(40)), "cut short", id="the key leaves its certificate"
        ),
    ],
)
def test_what_is_no_certificate_has_no_hash(hostile: bytes, message: str) -> None:
    """Each way of not being DER is refused with our error."""
    with pytest.raises(PinRefused, match=message):
        spki_sha256(hostile)


@given(st.binary(max_size=64))
def test_bytes_from_anywhere(hostile: bytes) -> None:
    """Whatever comes in is refused, and never by an IndexError."""
    with pytest.raises(PinRefused, match="not DER"):
        spki_sha256(hostile)


@given(at=st.integers(0, len(LEAF) - 1), value=st.integers(0, 255), cut=st.integers(0, len(LEAF)))
def test_a_certificate_with_one_byte_changed(at: int, value: int, cut: int) -> None:
    """A hash or our refusal, nothing else; a cut certificate never has a hash."""
    changed = LEAF[:at] + bytes([value]) + LEAF[at + 1 :]
    try:
        assert len(spki_sha256(changed)) == 32
    except PinRefused as refused:
        assert refused.code == "certificate_malformed"  # noqa: PT017  # Both outcomes are right.
    if cut < len(LEAF):
        with pytest.raises(PinRefused, match="not DER"):
            spki_sha256(LEAF[:cut])
