"""The verifier: a proof, or a refusal that says what is wrong."""

import dataclasses
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta, timezone
from hashlib import sha256
from itertools import islice, permutations
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from asvs_middleware.certificates import ClientCertificateVerifier, VerifiedClientCertificate
from asvs_middleware.certificates.distinguished_name import parse
from asvs_middleware.certificates.leaf import digests
from asvs_middleware.certificates.verdicts import MOST as MOST_VERDICTS
from asvs_middleware.certificates.verifier import LARGEST, MOST_INTERMEDIATES
from asvs_middleware.errors import CertificateRefused, ConfigurationError, DependencyUnavailable
from asvs_middleware.server.pki import DevelopmentCA, Issued

DAY = timedelta(days=1)
SERVER_AUTH, CLIENT_AUTH = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")  # The object identifier of RFC 5480 section 2.1.1, in DER.

Forge = Callable[..., bytes]
Verifier = Callable[..., ClientCertificateVerifier]


def code_of(verifier: ClientCertificateVerifier, leaf: bytes, *sent: bytes, at: datetime) -> object:
    """Verify and return the class of the refusal, or "accepted"."""
    try:
        verifier.verify(leaf, sent, at=at)
    except (CertificateRefused, DependencyUnavailable) as refusal:
        return refusal.facts["reason_code"]
    return "accepted"


def test_proof(verifier: Verifier, client: Issued, ca: DevelopmentCA, at: datetime) -> None:
    """A good certificate gives a proof that holds the chain, every name and the RFC 8705 thumbprint."""
    proof = verifier().verify(client.der, at=at)
    assert proof.certificate == client.certificate
    assert proof.der == client.der
    assert proof.chain == (client.der, ca.der)
    assert proof.subject == "CN=Batch,O=Development PKI of asvs-middleware"
    assert proof.thumbprint == sha256(client.der).digest()
    assert proof.not_after == client.certificate.not_valid_after_utc
    *names, fingerprint, spki = proof.identities
    assert names == [
        "uri:spiffe://example.org/batch/nightly",
        "dns:batch.example.org",
        "email:Ops@example.org",
        "dn:CN=Batch,O=Development PKI of asvs-middleware",
    ]
    assert (proof.source, proof.resumed, proof.checked_at) == ("tls", False, at)
    assert proof.issuers == digests(ca.der)
    assert proof.issuer_names == (parse("CN=Clients,O=Development PKI of asvs-middleware"),)
    assert fingerprint == f"sha256:{sha256(client.der).hexdigest()}"
    assert spki.startswith("spki:")
    assert len(spki) == len("spki:") + 44


def test_proof_shows_no_certificate(verifier: Verifier, client: Issued, at: datetime) -> None:
    """What is logged of a proof is the start of its fingerprint and its names."""
    shown = repr(verifier().verify(client.der, at=at))
    assert shown == (
        f"VerifiedClientCertificate(sha256:{sha256(client.der).hexdigest()[:16]}…, "
        "['uri:spiffe://example.org/batch/nightly', 'dns:batch.example.org', 'email:Ops@example.org', "
        "'dn:CN=Batch,O=Development PKI of asvs-middleware'], source='tls')"
    )


def test_proof_cannot_be_made_by_hand(verifier: Verifier, client: Issued, at: datetime) -> None:
    """Neither a call nor a copy with another name in it gives a proof."""
    proof = verifier().verify(client.der, at=at)
    with pytest.raises(TypeError, match=r"comes from ClientCertificateVerifier\.verify"):
        VerifiedClientCertificate(
            client.certificate, proof.chain, ("dns:admin.example.org",), (), (), (), at, seal=object()
        )
    with pytest.raises((TypeError, ValueError), match="seal"):
        dataclasses.replace(proof, identities=("dns:admin.example.org",))  # type: ignore[call-arg]
    with pytest.raises(dataclasses.FrozenInstanceError, match="identities"):
        proof.identities = ("dns:admin.example.org",)  # type: ignore[misc]


RSA_1024 = rsa.generate_private_key(65537, 1024).public_key()
RSA_2048 = rsa.generate_private_key(65537, 2048).public_key()
LEAVES = [
    pytest.param({}, "accepted", id="nothing wrong"),
    pytest.param({"purposes": [SERVER_AUTH, CLIENT_AUTH]}, "accepted", id="for servers and clients"),
    pytest.param({"usage": None}, "accepted", id="no key usage"),
    pytest.param({"is_ca": None}, "accepted", id="no basic constraints"),
    pytest.param({"key": RSA_2048}, "accepted", id="RSA 2048"),
    pytest.param({"key": ec.generate_private_key(ec.SECP384R1()).public_key()}, "accepted", id="P-384"),
    pytest.param({"key": ed25519.Ed25519PrivateKey.generate().public_key()}, "accepted", id="Ed25519"),
    pytest.param({"key": ed448.Ed448PrivateKey.generate().public_key()}, "accepted", id="Ed448"),
    pytest.param({"key": RSA_1024}, "weak_key", id="RSA 1024"),
    pytest.param({"key": ec.generate_private_key(ec.SECP256K1()).public_key()}, "weak_key", id="secp256k1"),
    pytest.param({"key": dsa.generate_private_key(1024).public_key()}, "weak_key", id="DSA"),
    pytest.param({"purposes": None}, "wrong_purpose", id="no extended key usage"),
    pytest.param({"purposes": [SERVER_AUTH]}, "wrong_purpose", id="for servers only"),
    pytest.param({"purposes": [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]}, "wrong_purpose", id="for anything"),
    pytest.param({"usage": "key_encipherment"}, "wrong_purpose", id="a key that encrypts only"),
    pytest.param({"usage": "key_agreement"}, "wrong_purpose", id="a key that agrees only"),
    pytest.param({"is_ca": True, "usage": "key_cert_sign"}, "wrong_purpose", id="a CA"),
    pytest.param({"is_ca": True}, "wrong_purpose", id="a CA that may not sign certificates"),
    pytest.param({"names": None}, "no_identity", id="a common name only"),
    pytest.param({"authority_key": False}, "path_refused", id="no authority key identifier"),
    pytest.param({"digest": hashes.SHA3_256}, "path_refused", id="signed with a hash the web PKI does not use"),
    pytest.param(
        {"extra": [x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\5\0")]},
        "path_refused",
        id="a critical extension nobody knows",
    ),
]


@pytest.mark.parametrize(("parts", "expected"), LEAVES)
def test_leaf(verifier: Verifier, forge: Forge, at: datetime, parts: dict[str, Any], expected: str) -> None:
    """A client's certificate must be made for clients, carry a name, and have a strong key."""
    assert code_of(verifier(), forge(**parts), at=at) == expected


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        pytest.param(-DAY, "accepted", id="first second"),
        pytest.param(-DAY - timedelta(seconds=1), "not_yet_valid", id="a second early"),
        pytest.param(DAY, "accepted", id="last second"),
        pytest.param(DAY + timedelta(microseconds=999_999), "accepted", id="end of the last second"),
        pytest.param(DAY + timedelta(seconds=1), "expired", id="a second late"),
        pytest.param(timedelta(days=36500), "expired", id="a century late"),
        pytest.param(timedelta(days=-36500), "not_yet_valid", id="a century early"),
    ],
)
def test_dates(verifier: Verifier, forge: Forge, at: datetime, offset: timedelta, expected: str) -> None:
    """notBefore and notAfter belong to the validity (RFC 5280 section 4.1.2.5); in a warm cache too."""
    warm, leaf = verifier(), forge()
    assert code_of(warm, leaf, at=at) == "accepted"
    assert code_of(warm, leaf, at=at + offset) == expected
    assert code_of(verifier(), leaf, at=at + offset) == expected


def test_any_time_zone(verifier: Verifier, forge: Forge, at: datetime) -> None:
    """The moment counts, not how it is written."""
    leaf = forge(start=at - timedelta(hours=1), end=at + timedelta(hours=1))
    assert code_of(verifier(), leaf, at=at.astimezone(timezone(timedelta(hours=14)))) == "accepted"
    assert code_of(verifier(), leaf, at=at.replace(tzinfo=timezone(timedelta(hours=14)))) == "not_yet_valid"


def test_a_time_without_zone_is_refused(verifier: Verifier, client: Issued, at: datetime) -> None:
    """A naive time would be read as local time and shift every date."""
    with pytest.raises(ConfigurationError, match=r"Pass datetime\.now\(UTC\)"):
        verifier().verify(client.der, at=at.replace(tzinfo=None))


def test_expired_authority(verifier: Verifier, forge: Forge, at: datetime) -> None:
    """A certificate ends with its issuer, whatever its own dates say, in a warm cache too."""
    short = DevelopmentCA.root("Short", at=at, days=30)
    leaf, warm = forge(issuer=short, end=at + timedelta(days=90)), verifier(trust=short)
    assert code_of(warm, leaf, at=at) == "accepted"
    assert code_of(warm, leaf, at=at + timedelta(days=31)) == "path_refused"


class TestPath:
    """A path of signatures must lead from the certificate to a trust anchor."""

    def test_intermediate_is_sent(
        self, verifier: Verifier, deep_client: Issued, intermediate: DevelopmentCA, ca: DevelopmentCA, at: datetime
    ) -> None:
        """The client sends what is between it and the anchor, in any order, with or without the anchor."""
        proof = verifier().verify(deep_client.der, [intermediate.der], at=at)
        assert proof.chain == (deep_client.der, intermediate.der, ca.der)
        assert verifier().verify(deep_client.der, [ca.der, intermediate.der], at=at) == proof

    def test_intermediate_is_configured(
        self, verifier: Verifier, deep_client: Issued, intermediate: DevelopmentCA, ca: DevelopmentCA, at: datetime
    ) -> None:
        """A client that sends its leaf alone is accepted where the operator gave the intermediate."""
        proof = verifier(intermediates=(intermediate,)).verify(deep_client.der, at=at)
        assert proof.chain == (deep_client.der, intermediate.der, ca.der)

    def test_intermediate_is_missing(self, verifier: Verifier, deep_client: Issued, at: datetime) -> None:
        """Without it nothing ties the certificate to the anchor."""
        assert code_of(verifier(), deep_client.der, at=at) == "unknown_issuer"

    def test_foreign_authority(self, verifier: Verifier, at: datetime) -> None:
        """A CA of the same name with another key is a stranger, and so is all that it brings along."""
        namesake = DevelopmentCA.root("Clients", at=at)
        below = namesake.issue_authority("Batch clients", at=at)
        leaf = namesake.issue_client("Batch", dns=["batch.example.org"], at=at).der
        deep = below.issue_client("Batch", dns=["batch.example.org"], at=at).der
        assert code_of(verifier(), leaf, namesake.der, at=at) == "unknown_issuer"
        assert code_of(verifier(), deep, below.der, namesake.der, at=at) == "unknown_issuer"

    def test_self_signed(self, verifier: Verifier, at: datetime, client: Issued, forge: Forge) -> None:
        """A certificate that vouches for itself is a stranger's."""
        itself = DevelopmentCA(client.certificate, client.key)
        assert code_of(verifier(), forge(issuer=itself), at=at) == "unknown_issuer"

    def test_client_as_issuer(self, verifier: Verifier, at: datetime, client: Issued, forge: Forge) -> None:
        """A client's certificate issues nothing, though its own path is good."""
        usurper = DevelopmentCA(client.certificate, client.key)
        assert code_of(verifier(), forge(issuer=usurper), client.der, at=at) == "unknown_issuer"

    def test_path_length(self, verifier: Verifier, intermediate: DevelopmentCA, at: datetime) -> None:
        """An intermediate with path length 0 issues clients and no further CA (RFC 5280 section 4.2.1.9)."""
        below = intermediate.issue_authority("One too many", at=at)
        leaf = below.issue_client("Batch", dns=["batch.example.org"], at=at).der
        assert code_of(verifier(), leaf, intermediate.der, below.der, at=at) == "path_refused"

    def test_anchor_below_a_root(
        self, verifier: Verifier, deep_client: Issued, intermediate: DevelopmentCA, at: datetime
    ) -> None:
        """An intermediate may be the anchor: trust then starts there and not above."""
        proof = verifier(trust=intermediate).verify(deep_client.der, at=at)
        assert proof.chain == (deep_client.der, intermediate.der)

    def test_stranger_among_what_is_sent(
        self, verifier: Verifier, client: Issued, ca: DevelopmentCA, at: datetime
    ) -> None:
        """Certificates that lead nowhere neither help nor harm."""
        stranger = DevelopmentCA.root("Stranger", at=at)
        assert verifier().verify(client.der, [stranger.der], at=at).chain == (client.der, ca.der)


@pytest.mark.parametrize(
    ("leaf", "sent", "expected"),
    [
        pytest.param(b"", [], "malformed", id="nothing"),
        pytest.param(b"\x30\x00", [], "malformed", id="an empty sequence"),
        pytest.param(b"-----BEGIN CERTIFICATE-----", [], "malformed", id="PEM"),
        pytest.param(bytes(LARGEST + 1), [], "too_large", id="too many bytes"),
        pytest.param(b"", [b""] * (MOST_INTERMEDIATES + 1), "too_large", id="too many intermediates"),
        pytest.param("text", [], "malformed", id="text"),
        pytest.param(None, [], "malformed", id="None"),
    ],
)
def test_malformed(verifier: Verifier, leaf: Any, sent: list[bytes], expected: str, at: datetime) -> None:
    """What cannot be read, or would take long to read, is refused."""
    assert code_of(verifier(), leaf, *sent, at=at) == expected


def test_a_key_nobody_knows(verifier: Verifier, client: Issued, at: datetime) -> None:
    """A key of an algorithm that cannot be read is not relied on; an older library says no more than that."""
    assert client.der.count(EC_PUBLIC_KEY) == 1
    unknown = client.der.replace(EC_PUBLIC_KEY, EC_PUBLIC_KEY[:-1] + b"\x7f")
    assert code_of(verifier(), unknown, at=at) in {"weak_key", "malformed"}


def test_malformed_intermediate(verifier: Verifier, client: Issued, at: datetime) -> None:
    """One broken certificate spoils all of what was sent: who sends it is up to something."""
    assert code_of(verifier(), client.der, b"\x30\x00", at=at) == "malformed"
    assert code_of(verifier(), client.der + b"\0", at=at) == "malformed"


@pytest.mark.parametrize("known", [False, True], ids=["stranger", "client with a good certificate"])
def test_hostile_chain_is_cheap(
    plain: ClientCertificateVerifier, forge: Forge, client: Issued, at: datetime, *, known: bool
) -> None:
    """Made-up CAs that all vouch for each other are never given to the path search, which would try every order."""
    usurper = DevelopmentCA(client.certificate, client.key) if known else DevelopmentCA.root("Usurper", at=at)
    again = [_reissued(usurper, at) for _ in range(MOST_INTERMEDIATES - 1)]
    started = time.thread_time()
    assert code_of(plain, forge(issuer=usurper), usurper.der, *again, at=at) == "unknown_issuer"
    assert time.thread_time() - started < 1


@pytest.mark.parametrize("circle", [False, True], ids=["a line", "a circle"])
def test_hostile_names_are_cheap(plain: ClientCertificateVerifier, forge: Forge, at: datetime, *, circle: bool) -> None:
    """CAs with names of their own leave the path search one way to go, however they vouch for each other."""
    line = [DevelopmentCA.root("0", at=at)]
    while len(line) < MOST_INTERMEDIATES - 1:
        line.append(line[-1].issue_authority(str(len(line)), at=at, path_length=None))
    if circle:
        line[0] = line[-1].issue_authority("0", at=at, path_length=None)
    started = time.thread_time()
    assert code_of(plain, forge(issuer=line[-1]), *(one.der for one in line), at=at) == "unknown_issuer"
    assert time.thread_time() - started < 1


def _reissued(ca: DevelopmentCA, at: datetime) -> bytes:
    builder = x509.CertificateBuilder(
        subject_name=ca.certificate.subject,
        issuer_name=ca.certificate.subject,
        public_key=ca.key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=at - DAY,
        not_valid_after=at + DAY,
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(ca.key, hashes.SHA256()).public_bytes(Encoding.DER)


@settings(max_examples=150)
@given(st.binary(max_size=600), st.lists(st.binary(max_size=60), max_size=3))
def test_random_bytes(plain: ClientCertificateVerifier, at: datetime, leaf: bytes, sent: list[bytes]) -> None:
    """Whatever the bytes, the answer is a refusal."""
    assert code_of(plain, leaf, *sent, at=at) in {"malformed", "too_large"}


@settings(max_examples=300)
@given(st.data())
def test_changed_bytes(plain: ClientCertificateVerifier, client: Issued, at: datetime, data: st.DataObject) -> None:
    """A changed certificate is refused, unless the change is in the wrapping of the signature and not in what it signs.

    Unused bits that are zero may be counted or not, so one certificate has several encodings. Nothing rests on there
    being one: a fingerprint or a bound token matches the encoding it was made for, and no other.
    """
    changed = bytearray(client.der)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    if code_of(plain, bytes(changed), at=at) == "accepted":
        found = x509.load_der_x509_certificate(bytes(changed))
        assert found.tbs_certificate_bytes == client.certificate.tbs_certificate_bytes


class TestRevocation:
    """v5.0.0-12.1.4: with lists given, every certificate below the anchor is looked up, and doubt refuses."""

    @pytest.fixture
    def crl(self, ca: DevelopmentCA, at: datetime) -> x509.CertificateRevocationList:
        return ca.crl(at=at, days=7)

    def test_listed(self, verifier: Verifier, ca: DevelopmentCA, client: Issued, at: datetime) -> None:
        """A revoked certificate is refused (403), with the requirement that says so."""
        with pytest.raises(CertificateRefused, match="is revoked") as refusal:
            verifier(ca.crl([client.certificate], at=at)).verify(client.der, at=at)
        assert (refusal.value.facts["reason_code"], refusal.value.status) == ("revoked", 403)
        assert refusal.value.requirement == "v5.0.0-12.1.4"

    def test_not_listed(
        self, verifier: Verifier, crl: x509.CertificateRevocationList, client: Issued, at: datetime
    ) -> None:
        """A certificate that is not on its issuer's list is good."""
        assert code_of(verifier(crl), client.der, at=at) == "accepted"

    @pytest.mark.parametrize(
        ("offset", "expected"),
        [
            pytest.param(timedelta(hours=-1), "accepted", id="from thisUpdate"),
            pytest.param(timedelta(hours=-1, seconds=-1), "revocation_stale", id="not in force yet"),
            pytest.param(timedelta(days=7, seconds=-1), "accepted", id="until just before nextUpdate"),
            pytest.param(timedelta(days=7), "revocation_stale", id="at nextUpdate"),
            pytest.param(timedelta(days=60), "revocation_stale", id="long stale"),
        ],
    )
    def test_stale(
        self, verifier: Verifier, ca: DevelopmentCA, forge: Forge, at: datetime, *, offset: timedelta, expected: str
    ) -> None:
        """A list out of force refuses with 503: the fault is ours. A verdict from before does not outlive it."""
        leaf, crl = forge(start=at - 2 * DAY, end=at + 80 * DAY), ca.crl(at=at, days=7)
        warm = verifier(crl)
        assert code_of(warm, leaf, at=at) == "accepted"
        assert code_of(warm, leaf, at=at + offset) == expected
        assert code_of(verifier(crl), leaf, at=at + offset) == expected

    def test_missing_list(
        self,
        verifier: Verifier,
        crl: x509.CertificateRevocationList,
        deep_client: Issued,
        intermediate: DevelopmentCA,
        at: datetime,
    ) -> None:
        """An issuer without a list refuses with 503, an intermediate as well as an anchor."""
        with pytest.raises(DependencyUnavailable, match="no revocation list of CN=Batch clients") as refusal:
            verifier(crl).verify(deep_client.der, [intermediate.der], at=at)
        assert (refusal.value.facts["reason_code"], refusal.value.status) == ("revocation_missing", 503)
        below = intermediate.crl(at=at)
        only_below = verifier(below, intermediates=(intermediate,))
        assert code_of(only_below, deep_client.der, at=at) == "revocation_missing"
        both = verifier(crl, below, intermediates=(intermediate,))
        assert code_of(both, deep_client.der, at=at) == "accepted"

    def test_revoked_intermediate(
        self, verifier: Verifier, ca: DevelopmentCA, deep_client: Issued, intermediate: DevelopmentCA, at: datetime
    ) -> None:
        """A revoked CA takes its clients with it."""
        lists = [intermediate.crl(at=at), ca.crl([intermediate.certificate], at=at)]
        strict = verifier(*lists, intermediates=(intermediate,))
        assert code_of(strict, deep_client.der, at=at) == "revoked"

    def test_serial_number_of_another_issuer(
        self, verifier: Verifier, ca: DevelopmentCA, client: Issued, intermediate: DevelopmentCA, at: datetime
    ) -> None:
        """A serial number is looked up on the list of its own issuer only."""
        lists = [intermediate.crl([client.certificate], at=at), ca.crl(at=at)]
        assert code_of(verifier(*lists, intermediates=(intermediate,)), client.der, at=at) == "accepted"

    def test_newest_list_counts(self, verifier: Verifier, ca: DevelopmentCA, client: Issued, at: datetime) -> None:
        """Of two lists the later is used, in whichever order they are given; made in one second, the higher number."""
        old, new = ca.crl(at=at - DAY), ca.crl([client.certificate], at=at, number=2)
        assert code_of(verifier(old, new), client.der, at=at) == "revoked"
        assert code_of(verifier(new, old), client.der, at=at) == "revoked"
        same = ca.crl(at=at, number=1)
        assert code_of(verifier(same, new), client.der, at=at) == "revoked"

    def test_no_list_no_check(self, verifier: Verifier, client: Issued, at: datetime) -> None:
        """Without lists nothing is looked up: v5.0.0-12.1.4 is then not met."""
        assert code_of(verifier(), client.der, at=at + timedelta(days=80)) == "accepted"


class TestVerdicts:
    """A verdict is given again while nothing it rests on can have changed."""

    def test_same_proof(self, verifier: Verifier, client: Issued, at: datetime) -> None:
        """The second look costs no signature: it is the same object."""
        warm = verifier()
        assert warm.verify(client.der, at=at) is warm.verify(client.der, at=at + timedelta(minutes=5))

    def test_every_byte_counts(
        self, verifier: Verifier, deep_client: Issued, intermediate: DevelopmentCA, at: datetime
    ) -> None:
        """A verdict is for a leaf with its intermediates, not for the leaf, nor for their bytes run together."""
        warm = verifier()
        assert code_of(warm, deep_client.der, intermediate.der, at=at) == "accepted"
        assert code_of(warm, deep_client.der, at=at) == "unknown_issuer"
        assert code_of(warm, deep_client.der + intermediate.der, at=at) == "malformed"

    def test_bounded(self, verifier: Verifier, client: Issued, at: datetime) -> None:
        """The oldest verdict makes room: no flood of certificates fills the memory."""
        warm = verifier()
        first = warm.verify(client.der, at=at)
        others = [DevelopmentCA.root("Stranger", at=at).der for _ in range(6)]
        orders = (order for number in range(1, 7) for order in permutations(others, number))
        for order in islice(orders, MOST_VERDICTS):
            assert warm.verify(client.der, order, at=at).der == client.der
        assert warm.verify(client.der, at=at) is not first

    def test_new_trust(self, verifier: Verifier, ca: DevelopmentCA, client: Issued, at: datetime) -> None:
        """New lists or anchors count for the next certificate; no verdict of the old ones is left."""
        warm = verifier()
        assert code_of(warm, client.der, at=at) == "accepted"
        stricter = verifier(ca.crl([client.certificate], at=at)).policy
        warm.trust(stricter)
        assert warm.policy is stricter
        assert code_of(warm, client.der, at=at) == "revoked"

    def test_threads(self, verifier: Verifier, forge: Forge, client: Issued, at: datetime) -> None:
        """Threads get the verdicts one thread gets."""
        shared, bad = verifier(), forge(purposes=None)
        work = [client.der, bad] * 200
        with ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(lambda leaf: code_of(shared, leaf, at=at), work))
        assert codes == ["accepted", "wrong_purpose"] * 200


def test_far_future(verifier: Verifier, client: Issued) -> None:
    """The ends of the calendar are dates like others."""
    assert code_of(verifier(), client.der, at=datetime(MAXYEAR, 12, 31, tzinfo=UTC)) == "expired"
    assert code_of(verifier(), client.der, at=datetime(MINYEAR, 1, 1, tzinfo=UTC)) == "not_yet_valid"
