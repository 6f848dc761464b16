"""Verify a client certificate and make the proof of it: v5.0.0-12.1.3, v5.0.0-12.1.4, RFC 5280 section 6.

This runs for every connection, behind the TLS layer's own check: a resumed session skips OpenSSL's look at the
chain, the dates and the revocation lists, and a certificate in a proxy's header was never seen by OpenSSL. The path
is validated by `cryptography` in its web PKI profile: a subject alternative name and an authority key identifier are
needed, name constraints and path lengths hold, SHA-1 and RSA below 2048 bits are refused. On top, it must be
meant for clients and its key strong.

Not checked here: that the caller holds the private key (the TLS handshake proves it), OCSP, certificate policies,
and whether this identity may do what it asks (`identity`, and the guard).
"""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from threading import Lock
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from ..errors import AccessDenied, ConfigurationError
from .chain import connected, issued
from .leaf import check, identities, refused, thumbprint
from .policy import ClientCertificates

LARGEST: Final = 64 * 1024
"""Bytes of leaf and intermediates together. OpenSSL takes 100 KiB in a handshake; real chains need under 10."""

MOST_INTERMEDIATES: Final = 8
MOST_VERDICTS: Final = 1024
"""Verdicts kept: about 5 KiB each."""

_VERIFIED: Final = object()


@dataclass(frozen=True, slots=True, repr=False)
class VerifiedCertificate:
    """Proof that this client certificate was verified. Only `ClientCertificateVerifier.verify` makes one.

    Attributes:
        certificate: the leaf.
        chain: DER, from the leaf to the trust anchor.
        identities: `uri:`, `dns:`, `email:`, `sha256:` and `spki:` names of the leaf.
    """

    certificate: x509.Certificate
    chain: tuple[bytes, ...]
    identities: tuple[str, ...]
    seal: InitVar[object]  # Not kept, so that dataclasses.replace() cannot carry it over to a forgery.

    def __post_init__(self, seal: object) -> None:
        if seal is not _VERIFIED:
            raise TypeError("VerifiedCertificate comes from ClientCertificateVerifier.verify(), never from a call.")

    @property
    def der(self) -> bytes:
        """The leaf in DER."""
        return self.chain[0]

    @property
    def subject(self) -> str:
        """The leaf's distinguished name as text (RFC 4514): for display and logs, never for a decision."""
        return self.certificate.subject.rfc4514_string()

    @property
    def thumbprint(self) -> bytes:
        """32 bytes, SHA-256 of the leaf: the `x5t#S256` a certificate-bound token is tied to (RFC 8705 section 3.1)."""
        return thumbprint(self.der)

    @property
    def not_after(self) -> datetime:
        """The leaf's last moment, aware, UTC."""
        return self.certificate.not_valid_after_utc

    def __repr__(self) -> str:
        names = [name for name in self.identities if not name.startswith(("sha256:", "spki:"))]
        return f"VerifiedCertificate(sha256:{self.thumbprint.hex()[:16]}…, {names!r})"


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A proof and when it may be given again: from start until just before end."""

    proof: VerifiedCertificate
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class _Trust:
    """One generation of trust: a policy, what was built from it, and the verdicts it led to."""

    policy: ClientCertificates
    store: Store
    verdicts: dict[bytes, _Verdict] = field(default_factory=dict)


class ClientCertificateVerifier:
    """Verifies client certificates by one policy. May be shared by threads.

    Verdicts are kept, at most 1024, under the SHA-256 of everything that was sent, and given again only while every
    certificate of the chain is within its dates and every revocation list used is current.
    """

    def __init__(self, policy: ClientCertificates) -> None:
        self._lock = Lock()
        self.trust(policy)

    @property
    def policy(self) -> ClientCertificates:
        """The policy in force."""
        return self._trust.policy

    def trust(self, policy: ClientCertificates) -> None:
        """Replace the policy at once and forget every verdict of the old one: for new anchors or revocation lists."""
        self._trust = _Trust(policy, Store(list(policy.anchors)))

    def verify(self, leaf: bytes, intermediates: Sequence[bytes] = (), *, at: datetime) -> VerifiedCertificate:
        """Return the proof for one certificate.

        Args:
            leaf: the client's certificate, DER.
            intermediates: what was sent with it, DER, in any order; the anchor itself may be among them.
            at: the time to verify for, aware.

        Raises:
            CertificateRefused: `facts["reason_code"]` says why: malformed, too_large, expired, not_yet_valid,
                wrong_purpose, weak_key, no_identity, bad_spiffe_id, unknown_issuer, path_refused or revoked.
            DependencyUnavailable: the revocation list needed is missing or stale (revocation_missing,
                revocation_stale).
            ConfigurationError: at has no time zone.
        """
        if at.tzinfo is None:
            raise ConfigurationError("verify(at=...) has no time zone.", fix="Pass datetime.now(UTC).")
        trust = self._trust  # Read once: trust() may replace it meanwhile.
        try:
            key = _digest(leaf, intermediates)
            known = trust.verdicts.get(key)
            if known and known.start <= at < known.end:
                return known.proof
            # A certificate holds to the end of its last second (RFC 5280 section 4.1.2.5).
            verdict = _verify(trust, leaf, intermediates, at.replace(microsecond=0))
        except AccessDenied:
            raise
        except Exception as problem:  # noqa: BLE001  # A refusal: a parser stumbled over what a stranger sent.
            raise refused("malformed", f"The certificate cannot be read ({type(problem).__name__}).") from None
        with self._lock:
            while len(trust.verdicts) >= MOST_VERDICTS:
                del trust.verdicts[next(iter(trust.verdicts))]
            trust.verdicts[key] = verdict
        return verdict.proof


def _verify(trust: _Trust, leaf: bytes, intermediates: Sequence[bytes], at: datetime) -> _Verdict:
    """Check the leaf by itself, its path, its revocation, in that order: the cheap first."""
    certificate = x509.load_der_x509_certificate(leaf)
    check(certificate, at)
    names = identities(certificate)
    chain = _path(trust, certificate, [x509.load_der_x509_certificate(one) for one in intermediates], at)
    start = max(link.not_valid_before_utc for link in chain)
    end = min(link.not_valid_after_utc for link in chain)
    if revocation := trust.policy.revocation:
        listed, stale = revocation.check(chain, at)
        start, end = max(start, listed), min(end, stale)
    ders = tuple(link.public_bytes(Encoding.DER) for link in chain)
    return _Verdict(VerifiedCertificate(certificate, ders, names, _VERIFIED), start, end)


def _path(
    trust: _Trust, certificate: x509.Certificate, sent: Sequence[x509.Certificate], at: datetime
) -> list[x509.Certificate]:
    """Return the validated chain, from the leaf to a trust anchor."""
    ours = (*trust.policy.anchors, *trust.policy.authorities)
    helpful = connected(sent, ours)
    if not issued(certificate, (*ours, *helpful)):
        raise refused("unknown_issuer", "No trusted CA issued the certificate, directly or through what was sent.")
    verifier = PolicyBuilder().store(trust.store).time(at.astimezone(UTC)).build_client_verifier()
    try:
        return verifier.verify(certificate, [*helpful, *trust.policy.authorities]).chain
    except VerificationError as problem:
        # The library's sentence names the rule and no more of the certificate than its names.
        raise refused("path_refused", f"The certificate's chain breaks a rule: {problem}.") from None


def _digest(leaf: bytes, intermediates: Sequence[bytes]) -> bytes:
    """Return a key for all of what was sent, each part with its length, so that no two inputs share one."""
    parts = (leaf, *intermediates)
    if len(parts) > 1 + MOST_INTERMEDIATES or sum(map(len, parts)) > LARGEST:
        raise refused(
            "too_large", f"More than {MOST_INTERMEDIATES} intermediates or {LARGEST} bytes came with the certificate."
        )
    return sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
