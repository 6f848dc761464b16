"""Ask about one certificate, and read the answer: OCSP, RFC 6960 and RFC 9654; v5.0.0-12.1.4.

Bytes to send, and bytes that came; who carries them is not known here. An answer counts when it is about the
certificate that was asked for, brings the nonce back, is in force, and is signed by the CA itself or by whom the CA
made a responder with a certificate of its own (section 4.2.2.2). The library reads the structure and checks nothing.

Not checked here: whether the responder's own certificate was revoked; `Answer.signer` is there for that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from ...errors import DependencyUnavailable
from ..leaf import extension, has_strong_key
from .crl import BROKEN_HASHES
from .ocsp_responder import ALGORITHMS, Identifier

State = Literal["good", "revoked", "unknown"]

LARGEST: Final = 64 * 1024
"""Bytes of an answer."""

SKEW: Final = timedelta(minutes=5)
"""How far the responder's clock may be ahead, and how old an answer may be that says not how long it holds."""

SHORTEST: Final = timedelta(minutes=1)
"""For how long an answer serves that says newer ones can be had at any time (section 4.2.2.1)."""

LONGEST: Final = timedelta(days=7)

_MOST_CERTIFICATES: Final = 8
_STATES: Final[dict[ocsp.OCSPCertStatus, State]] = {
    ocsp.OCSPCertStatus.GOOD: "good",
    ocsp.OCSPCertStatus.REVOKED: "revoked",
    ocsp.OCSPCertStatus.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a responder says of one certificate.

    Attributes:
        state: good, revoked, or unknown to it.
        start: from when it holds.
        end: until just before when it holds.
        signer: the responder's own certificate, where the CA did not say that it needs no check; else None.
    """

    state: State
    start: datetime
    end: datetime
    signer: x509.Certificate | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One certificate to ask about.

    Args:
        certificate: whose state is asked for.
        issuer: who issued it, with a verified signature.
        certificate_ids: see Responder.
        nonce: 32 random bytes, or None to send none.
    """

    certificate: x509.Certificate
    issuer: x509.Certificate
    certificate_ids: Identifier
    nonce: bytes | None

    def request(self) -> ocsp.OCSPRequest:
        """Return the request; it is not signed."""
        builder = ocsp.OCSPRequestBuilder()
        builder = builder.add_certificate(self.certificate, self.issuer, ALGORITHMS[self.certificate_ids]())
        if self.nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(self.nonce), critical=False)
        return builder.build()

    def der(self) -> bytes:
        """Return the bytes to send."""
        return self.request().public_bytes(Encoding.DER)


def read_answer(data: bytes, question: Question, at: datetime) -> Answer:
    """Return what the responder says.

    Args:
        data: what came back.
        question: what was asked.
        at: now; aware.

    Raises:
        DependencyUnavailable: it is no answer to this question, or none that can be relied on.
    """
    if len(data) > LARGEST:
        raise _refused(f"is longer than {LARGEST} bytes")
    try:
        return _read(ocsp.load_der_ocsp_response(data), question, at)
    except DependencyUnavailable:
        raise
    except Exception as problem:  # noqa: BLE001  # A refusal: a parser stumbled over what came from outside.
        raise _refused(f"cannot be read ({type(problem).__name__})") from None


def _read(response: ocsp.OCSPResponse, question: Question, at: datetime) -> Answer:
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise _refused(f"says {response.response_status.name}")
    signer = _signer(response, question.issuer, at)
    _check_nonce(response, question.nonce)
    if any(one.critical for one in (*response.extensions, *response.single_extensions)):
        raise _refused("has a critical extension")
    _check_subject(response, question.request())
    start, end = _times(response, at)
    unchecked = signer is not None and extension(signer, x509.OCSPNoCheck) is None
    return Answer(_STATES[response.certificate_status], start, end, signer if unchecked else None)


def _signer(response: ocsp.OCSPResponse, issuer: x509.Certificate, at: datetime) -> x509.Certificate | None:
    """Return the certificate of the delegated responder that signed, or None where the CA itself did."""
    if isinstance(response.signature_hash_algorithm, BROKEN_HASHES):
        raise _refused(f"is signed with {response.signature_hash_algorithm.name}")
    if _is_named(response, issuer) and _is_signed(response, issuer):
        return None
    for candidate in response.certificates[:_MOST_CERTIFICATES]:
        if _is_named(response, candidate) and _may_answer(candidate, issuer, at) and _is_signed(response, candidate):
            return candidate
    raise _refused("is signed neither by the CA nor by a responder of the CA's")


def _is_named(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    """Tell whether the answer says that this one signed it: by name, or by the SHA-1 of the key."""
    if response.responder_name is not None:
        return response.responder_name == signer.subject
    named = x509.SubjectKeyIdentifier.from_public_key(signer.public_key())
    return response.responder_key_hash == named.digest


def _may_answer(signer: x509.Certificate, issuer: x509.Certificate, at: datetime) -> bool:
    """Tell whether the CA made it a responder: directly, by a purpose spelt out, and within its dates."""
    purposes, usage = extension(signer, x509.ExtendedKeyUsage), extension(signer, x509.KeyUsage)
    if not purposes or ExtendedKeyUsageOID.OCSP_SIGNING not in purposes or (usage and not usage.digital_signature):
        return False
    if not signer.not_valid_before_utc <= at <= signer.not_valid_after_utc or not has_strong_key(signer):
        return False
    if isinstance(signer.signature_hash_algorithm, BROKEN_HASHES):
        return False
    try:
        signer.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):  # Another key; another name or algorithm; a key that signs not.
        return False
    return True


def _is_signed(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, digest = signer.public_key(), response.signature_hash_algorithm
    signature, signed = response.signature, response.tbs_response_bytes
    try:
        match key:
            case rsa.RSAPublicKey() if digest:
                key.verify(signature, signed, padding.PKCS1v15(), digest)
            case ec.EllipticCurvePublicKey() if digest:
                key.verify(signature, signed, ec.ECDSA(digest))
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, signed)
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def _check_nonce(response: ocsp.OCSPResponse, sent: bytes | None) -> None:
    if sent is None:
        return
    brought = next((one.value.nonce for one in _nonces(response)), b"")
    if not compare_digest(brought, sent):
        raise _refused("does not bring the nonce back")


def _nonces(response: ocsp.OCSPResponse) -> Iterator[x509.Extension[x509.OCSPNonce]]:
    for one in response.extensions:
        if isinstance(one.value, x509.OCSPNonce):
            yield one


def _check_subject(response: ocsp.OCSPResponse, asked: ocsp.OCSPRequest) -> None:
    """Check that there is one statement, about the certificate that was asked for and under the same name of it."""
    found = [_certificate_id(one) for one in response.responses]
    if found != [_certificate_id(asked)]:
        raise _refused("is about another certificate, or about several")


def _certificate_id(one: ocsp.OCSPRequest | ocsp.OCSPSingleResponse) -> tuple[str, bytes, bytes, int]:
    return one.hash_algorithm.name, one.issuer_name_hash, one.issuer_key_hash, one.serial_number


def _times(response: ocsp.OCSPResponse, at: datetime) -> tuple[datetime, datetime]:
    """Return from when until just before when the answer holds."""
    start, end = response.this_update_utc, response.next_update_utc
    if start > at + SKEW:
        raise _refused("is from the future; one of the clocks is wrong")
    if (end is None and start < at - SKEW) or (end is not None and end <= at):
        raise _refused("is stale")
    return min(start, at) - SKEW, min(end or at + SHORTEST, at + LONGEST)  # Who asked began a moment ago.


def _refused(fault: str) -> DependencyUnavailable:
    return DependencyUnavailable(
        f"The OCSP responder's answer {fault}.",
        requirement="v5.0.0-12.1.4",
        facts={"reason_code": "revocation_unavailable"},
    )
