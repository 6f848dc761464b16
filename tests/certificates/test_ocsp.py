"""Reading an OCSP answer: only the one that was asked for, of who may give it, in force, and whole (RFC 6960)."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA224, SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from asvs_middleware.certificates.revocation.ocsp import LARGEST, LONGEST, SHORTEST, SKEW, Answer, Question, read_answer
from asvs_middleware.certificates.revocation.ocsp_responder import Identifier
from asvs_middleware.errors import ASVSMiddlewareError, DependencyUnavailable
from asvs_middleware.server.pki import DevelopmentCA

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NONCE = bytes(range(32))
CA = DevelopmentCA.root("OCSP clients", at=AT - timedelta(days=30))
LEAF = CA.issue_client("client", dns=["client.example"], at=AT).certificate
OTHER = CA.issue_client("other", dns=["other.example"], at=AT).certificate
NAMESAKE = DevelopmentCA.root("OCSP clients", at=AT - timedelta(days=30))
KEYS: dict[str, Any] = {
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-192": ec.generate_private_key(ec.SECP192R1()),
    "RSA": rsa.generate_private_key(65537, 2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "Ed448": ed448.Ed448PrivateKey.generate(),
}

Status = ocsp.OCSPCertStatus


def a_responder(
    *,
    issuer: DevelopmentCA = CA,
    key: str = "P-256",
    purposes: Sequence[x509.ObjectIdentifier] | None = (ExtendedKeyUsageOID.OCSP_SIGNING,),
    usage: bool | None = True,
    no_check: bool = True,
    start: timedelta = -HOUR,
    end: timedelta = 24 * HOUR,
) -> x509.Certificate:
    """Issue a delegated responder's certificate, with anything wrong."""
    builder = x509.CertificateBuilder(
        subject_name=x509.Name([]),
        issuer_name=issuer.certificate.subject,
        public_key=KEYS[key].public_key(),
        serial_number=99,
        not_valid_before=AT + start,
        not_valid_after=AT + end,
    )
    if purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if usage is not None:
        bits = [usage, *[False] * 8]
        bits[1] = not usage
        builder = builder.add_extension(x509.KeyUsage(*bits), critical=True)
    if no_check:
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    return builder.sign(issuer.key, SHA256())


def an_answer(
    *,
    leaf: x509.Certificate = LEAF,
    issuer: x509.Certificate = CA.certificate,
    algorithm: HashAlgorithm = SHA256(),  # noqa: B008  # It holds nothing.
    state: Status = Status.GOOD,
    start: timedelta = timedelta(0),
    end: timedelta | None = HOUR,
    nonce: bytes | None = NONCE,
    extension: tuple[x509.ExtensionType, bool] | None = None,
    responder: x509.Certificate | None = None,
    sent: Sequence[x509.Certificate] | None = None,
    key: Any = CA.key,
    signer: x509.Certificate | None = None,
    by: ocsp.OCSPResponderEncoding = ocsp.OCSPResponderEncoding.HASH,
    digest: HashAlgorithm | None = SHA256(),  # noqa: B008
) -> bytes:
    """Return what a responder answers, with anything wrong."""
    certificate = responder or signer or CA.certificate
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=leaf,
            issuer=issuer,
            algorithm=algorithm,
            cert_status=state,
            this_update=AT + start,
            next_update=None if end is None else AT + end,
            revocation_time=AT - HOUR if state is Status.REVOKED else None,
            revocation_reason=None,
        )
        .responder_id(by, certificate)
    )
    if sent is None:
        sent = [responder] if responder else []
    if sent:
        builder = builder.certificates(list(sent))
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    if extension:
        builder = builder.add_extension(extension[0], critical=extension[1])
    return builder.sign(key, digest).public_bytes(Encoding.DER)


def question(certificate_ids: Identifier = "sha256", nonce: bytes | None = NONCE) -> Question:
    return Question(LEAF, CA.certificate, certificate_ids, nonce)


def read(data: bytes, at: datetime = AT) -> Answer:
    return read_answer(data, question(), at)


@pytest.mark.parametrize(
    ("certificate_ids", "algorithm"), [("sha256", "sha256"), ("sha1", "sha1")], ids=["SHA-256", "SHA-1"]
)
def test_question(certificate_ids: Identifier, algorithm: str) -> None:
    """It names the certificate by the hash that was chosen, and brings the nonce; without one it brings none."""
    sent = ocsp.load_der_ocsp_request(question(certificate_ids).der())
    assert (sent.serial_number, sent.hash_algorithm.name) == (LEAF.serial_number, algorithm)
    assert sent.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == NONCE
    assert not list(ocsp.load_der_ocsp_request(question(nonce=None).der()).extensions)


@pytest.mark.parametrize(
    ("state", "expected"), [(Status.GOOD, "good"), (Status.REVOKED, "revoked"), (Status.UNKNOWN, "unknown")]
)
def test_states(state: Status, expected: str) -> None:
    """Each state is told as it is, with the time it holds."""
    assert read(an_answer(state=state)) == Answer(expected, AT - SKEW, AT + HOUR)  # type: ignore[arg-type]


@pytest.mark.parametrize("by", list(ocsp.OCSPResponderEncoding), ids=lambda by: by.name)
@pytest.mark.parametrize("key", ["P-256", "RSA", "Ed25519", "Ed448"])
def test_delegated(by: ocsp.OCSPResponderEncoding, key: str) -> None:
    """A responder with a certificate of the CA's answers for it, whatever kind of key it has."""
    responder = a_responder(key=key)
    digest = None if key.startswith("Ed") else SHA384()
    assert read(an_answer(responder=responder, key=KEYS[key], by=by, digest=digest)).state == "good"


def test_the_ca_itself_by_name() -> None:
    """The CA may answer itself, and need not send its certificate."""
    assert read(an_answer(by=ocsp.OCSPResponderEncoding.NAME)).signer is None


def test_the_responder_is_to_be_checked() -> None:
    """RFC 6960 section 4.2.2.2.1: where the CA did not say otherwise, the responder's certificate is looked up."""
    responder = a_responder(no_check=False)
    assert read(an_answer(responder=responder, key=KEYS["P-256"])).signer == responder
    assert read(an_answer(responder=a_responder(), key=KEYS["P-256"])).signer is None


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"purposes": None}, id="no purpose"),
        pytest.param({"purposes": [ExtendedKeyUsageOID.CLIENT_AUTH]}, id="a client's purpose"),
        pytest.param({"purposes": [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]}, id="any purpose"),
        pytest.param({"usage": False}, id="a key that may not sign"),
        pytest.param({"issuer": NAMESAKE}, id="issued by a namesake of the CA"),
        pytest.param({"start": HOUR}, id="not valid yet"),
        pytest.param({"end": -HOUR / 2}, id="expired"),
        pytest.param({"key": "P-192"}, id="a weak key"),
    ],
)
def test_refuses_delegates(parts: dict[str, Any]) -> None:
    """Who else has a certificate of the CA, a client for instance, does not answer for it."""
    responder = a_responder(**parts)
    data = an_answer(responder=responder, key=KEYS[parts.get("key", "P-256")])
    with pytest.raises(DependencyUnavailable, match="signed neither by the CA nor by a responder"):
        read(data)


def test_delegate_without_key_usage() -> None:
    """RFC 5280 section 4.2.1.3: without the extension, the key may sign."""
    assert read(an_answer(responder=a_responder(usage=None), key=KEYS["P-256"])).state == "good"


def test_many_certificates() -> None:
    """Only so many of the certificates that were sent are looked at."""
    responder = a_responder()
    for number, expected in ((7, True), (8, False)):
        data = an_answer(responder=responder, key=KEYS["P-256"], sent=[*[OTHER] * number, responder])
        if expected:
            assert read(data).state == "good"
        else:
            with pytest.raises(DependencyUnavailable, match="signed neither"):
                read(data)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        pytest.param({"leaf": OTHER}, "about another certificate", id="another certificate"),
        pytest.param({"issuer": NAMESAKE.certificate}, "about another certificate", id="another issuer"),
        pytest.param({"algorithm": SHA1()}, "about another certificate", id="another hash of the name"),
        pytest.param({"nonce": None}, "does not bring the nonce back", id="no nonce"),
        pytest.param({"nonce": NONCE[:-1]}, "does not bring the nonce back", id="another nonce"),
        pytest.param({"key": NAMESAKE.key, "signer": NAMESAKE.certificate}, "signed neither", id="a namesake"),
        pytest.param(
            {"responder": a_responder(), "key": KEYS["P-256"], "sent": []}, "signed neither", id="responder not sent"
        ),
        pytest.param({"start": SKEW + timedelta(seconds=1)}, "is from the future", id="thisUpdate to come"),
        pytest.param({"start": -2 * HOUR, "end": timedelta(0)}, "is stale", id="nextUpdate"),
        pytest.param({"start": -2 * HOUR, "end": -HOUR}, "is stale", id="long stale"),
        pytest.param({"start": -SKEW - timedelta(seconds=1), "end": None}, "is stale", id="old, and without end"),
        pytest.param(
            {"extension": (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\5\0"), True)},
            "critical extension",
            id="unknown and critical",
        ),
    ],
)
def test_refuses(parts: dict[str, Any], message: str) -> None:
    """v5.0.0-16.5.2: what is no answer to this question is none: 503, with the reason for the log."""
    with pytest.raises(DependencyUnavailable, match=message) as refusal:
        read(an_answer(**parts))
    assert (refusal.value.status, refusal.value.facts) == (503, {"reason_code": "revocation_unavailable"})


def test_other_extensions() -> None:
    """What is not critical may be there, before the nonce too."""
    other = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\5\0")
    builder_order = an_answer(nonce=None, extension=(other, False))
    assert read_answer(builder_order, question(nonce=None), AT).state == "good"
    with pytest.raises(DependencyUnavailable, match="does not bring the nonce back"):
        read(builder_order)
    assert read(an_answer(extension=(other, False))).state == "good"


def test_a_responder_that_signs_in_advance() -> None:
    """Where no nonce was sent, none is asked for, and one that comes is nobody's."""
    asked = question(nonce=None)
    assert read_answer(an_answer(nonce=None), asked, AT).state == "good"
    assert read_answer(an_answer(), asked, AT).state == "good"


@pytest.mark.parametrize(
    ("start", "end", "holds"),
    [
        pytest.param(SKEW, HOUR, HOUR, id="the responder's clock is ahead"),
        pytest.param(timedelta(0), None, SHORTEST, id="newer ones can be had"),
        pytest.param(-SKEW, None, SHORTEST, id="newer ones can be had, and this one is old"),
        pytest.param(-HOUR, 400 * HOUR, LONGEST, id="for longer than is believed"),
    ],
)
def test_times(start: timedelta, end: timedelta | None, holds: timedelta) -> None:
    """It holds until nextUpdate; without one, for a minute; and never for longer than a week."""
    answer = read(an_answer(start=start, end=end))
    assert (answer.start, answer.end) == (AT + min(start, timedelta(0)) - SKEW, AT + holds)


@pytest.mark.parametrize("state", [one for one in ocsp.OCSPResponseStatus if one.name != "SUCCESSFUL"])
def test_no_answer(state: ocsp.OCSPResponseStatus) -> None:
    """A responder that says it cannot, or will not, has not answered."""
    data = ocsp.OCSPResponseBuilder.build_unsuccessful(state).public_bytes(Encoding.DER)
    with pytest.raises(DependencyUnavailable, match=f"says {state.name}"):
        read(data)


def test_too_long() -> None:
    """The size is looked at before the content."""
    with pytest.raises(DependencyUnavailable, match="longer than 65536 bytes"):
        read(bytes(LARGEST + 1))


WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")  # AlgorithmIdentifier of ecdsa-with-SHA256, RFC 5758.
WITH_SHA1 = bytes.fromhex("300906072a8648ce3d0401")


def resigned(tbs: bytes, algorithm: bytes, signature: bytes, sent: x509.Certificate | None = None) -> bytes:
    """Return a response of these parts."""
    certificates = b"" if sent is None else tagged(0xA0, sequence(sent.public_bytes(Encoding.DER)))
    basic = sequence(tbs, algorithm, tagged(3, b"\0" + signature), certificates)
    carried = sequence(bytes.fromhex("06092b0601050507300101"), tagged(4, basic))
    return sequence(b"\x0a\1\0", tagged(0xA0, carried))


def tagged(tag: int, content: bytes) -> bytes:
    length = len(content)
    size = bytes([length]) if length < 128 else bytes([0x81, length]) if length < 256 else b"\x82" + length.to_bytes(2)
    return bytes([tag]) + size + content


def sequence(*parts: bytes) -> bytes:
    return tagged(0x30, b"".join(parts))


TBS = ocsp.load_der_ocsp_response(an_answer()).tbs_response_bytes
PSS = bytes.fromhex("300b06092a864886f70d01010a")


@pytest.mark.parametrize(
    ("algorithm", "sign", "message"),
    [
        pytest.param(WITH_SHA256, lambda: CA.key.sign(TBS, ec.ECDSA(SHA256())), None, id="put together by hand"),
        pytest.param(WITH_SHA1, lambda: CA.key.sign(TBS, ec.ECDSA(SHA1())), "signed with sha1", id="SHA-1"),
        pytest.param(WITH_SHA256, lambda: CA.key.sign(TBS, ec.ECDSA(SHA224())), "signed neither", id="another hash"),
        pytest.param(WITH_SHA256, lambda: b"", "signed neither", id="no signature"),
        pytest.param(bytes.fromhex("300506032b6570"), lambda: b"x", "signed neither", id="no hash for this key"),
        pytest.param(
            PSS,
            lambda: KEYS["RSA"].sign(TBS, padding.PSS(padding.MGF1(SHA256()), 32), SHA256()),
            r"cannot be read|signed neither",
            id="PSS without parameters",
        ),
    ],
)
def test_signatures_no_library_makes(algorithm: bytes, sign: Callable[[], bytes], message: str | None) -> None:
    """A signature counts as what the answer says it is; a broken hash does not count."""
    data = resigned(TBS, algorithm, sign())
    if message is None:
        assert read(data).state == "good"
        return
    with pytest.raises(DependencyUnavailable, match=message):
        read(data)


@pytest.mark.parametrize(
    ("named", "sent", "key"),
    [
        pytest.param("CA", False, "P-256", id="another key under the CA's name"),
        pytest.param("CA", True, "P-256", id="the responder's under the CA's name"),
        pytest.param("responder", True, "CA", id="the CA's under the responder's name"),
        pytest.param("responder", True, "Ed25519", id="another key under the responder's name"),
    ],
)
def test_who_signed_is_who_is_named(named: str, sent: bool, key: str) -> None:
    """An answer says who signed it, and nobody else can have."""
    responder = a_responder()
    tbs = (
        TBS
        if named == "CA"
        else ocsp.load_der_ocsp_response(an_answer(responder=responder, key=KEYS["P-256"])).tbs_response_bytes
    )
    signer = CA.key if key == "CA" else KEYS["P-256"]
    signature = KEYS[key].sign(tbs) if key == "Ed25519" else signer.sign(tbs, ec.ECDSA(SHA256()))
    with pytest.raises(DependencyUnavailable, match="signed neither"):
        read(resigned(tbs, WITH_SHA256, signature, responder if sent else None))


def parts_of(value: bytes) -> list[bytes]:
    """Return what a value of a structured type is made of."""
    found, at = list[bytes](), _end_of_header(value, 0)
    while at < len(value):
        start = _end_of_header(value, at)
        end = start + int.from_bytes(value[at + 2 : start], "big") if value[at + 1] & 0x80 else start + value[at + 1]
        found.append(value[at:end])
        at = end
    return found


def _end_of_header(value: bytes, at: int) -> int:
    return at + 2 + (value[at + 1] & 0x7F if value[at + 1] & 0x80 else 0)


def test_a_responder_certified_with_a_broken_hash() -> None:
    """Who can make two certificates with one SHA-1 must not turn a client's into a responder's."""
    tbs = parts_of(a_responder().tbs_certificate_bytes)
    tbs[2] = WITH_SHA1
    signed = sequence(*tbs)
    signature = CA.key.sign(signed, ec.ECDSA(SHA1()))
    responder = x509.load_der_x509_certificate(sequence(signed, WITH_SHA1, tagged(3, b"\0" + signature)))
    with pytest.raises(DependencyUnavailable, match="signed neither"):
        read(an_answer(responder=responder, key=KEYS["P-256"]))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_several_statements(count: int) -> None:
    """One is asked for, and of several none is taken; nor is an answer without any."""
    responder, produced, statements, extensions = parts_of(TBS)
    tbs = sequence(responder, produced, sequence(*parts_of(statements) * count), extensions)
    data = resigned(tbs, WITH_SHA256, CA.key.sign(tbs, ec.ECDSA(SHA256())))
    if count == 1:
        assert read(data).state == "good"
        return
    with pytest.raises(DependencyUnavailable, match=r"about several|cannot be read"):
        read(data)


@settings(max_examples=200)
@given(st.data())
def test_damaged(data: st.DataObject) -> None:
    """However an answer is damaged, it is refused or says what it said."""
    intact = data.draw(st.sampled_from([INTACT, DELEGATED]))
    damaged = bytearray(intact)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        answer = read(bytes(damaged))
    except ASVSMiddlewareError:
        return
    assert answer == read(intact)


@settings(max_examples=200)
@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda data: INTACT[: len(data)] + data))
def test_any_bytes(data: bytes) -> None:
    """Whatever comes, the answer is our error."""
    with pytest.raises(DependencyUnavailable, match="OCSP responder's answer"):
        read(data)


INTACT = an_answer()
DELEGATED = an_answer(responder=a_responder(), key=KEYS["P-256"])
