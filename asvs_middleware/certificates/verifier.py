"""Verify a client certificate and make the proof of it: v5.0.0-12.1.3, v5.0.0-12.1.4, RFC 5280 section 6.

This runs for every connection, behind the TLS layer's own check: a resumed session skips OpenSSL's look at the
chain, the dates and the revocation lists, and a certificate in a proxy's header was never seen by OpenSSL. In order,
the cheap first: the certificate by itself (`leaf`), its path (`path`), the rules of SPIFFE where it claims an ID
(`svid`), revocation. `verdicts` says how long the answer holds.

Not checked here: that the caller holds the private key (the TLS handshake proves it), certificate policies, and
whether a route wants this identity (the guard).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Final, TypeVar

import anyio
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import Store

from ..errors import AccessDenied, CertificateRefused, ConfigurationError
from . import svid
from .constraints import is_constrained
from .distinguished_name import rdns
from .identity import required_identity
from .leaf import check, digests, identities, refused
from .path import Trust, validated_path
from .policy import ClientCertificates
from .proof import TLS, VerifiedClientCertificate, verified
from .revocation.fetched import Fetched
from .revocation.lists import PATIENCE, Informant, RevocationUnknown
from .verdicts import Verdict, Verdicts

Result = TypeVar("Result")

LARGEST: Final = 64 * 1024
"""Bytes of leaf and intermediates together. OpenSSL takes 100 KiB in a handshake; real chains need under 10."""

MOST_INTERMEDIATES: Final = 8

_digests_of_authority = lru_cache(maxsize=256)(digests)
_authority = lru_cache(maxsize=64)(x509.load_der_x509_certificate)
"""CAs are few, and many clients share them. What else is sent in their place makes room for the next."""


@dataclass(frozen=True, slots=True)
class _Generation:
    """A policy, what was built from it, and the verdicts it led to."""

    number: int
    policy: ClientCertificates
    trust: Trust
    fetched: Fetched
    verdicts: Verdicts = field(default_factory=Verdicts)


class ClientCertificateVerifier:
    """Verifies client certificates by one policy. May be shared by threads.

    Verdicts are kept, at most 1024, under everything that was sent, and given again only while every certificate of
    the chain is within its dates and every revocation list used is current.
    """

    def __init__(self, policy: ClientCertificates) -> None:
        self.fetched = Fetched()
        self.informant: Informant | None = None
        self._lock = Lock()
        self._current = _generation(0, policy, self.fetched)

    @property
    def policy(self) -> ClientCertificates:
        """The policy in force."""
        return self._current.policy

    @property
    def generation(self) -> int:
        """How often the policy was replaced."""
        return self._current.number

    def trust(self, policy: ClientCertificates) -> None:
        """Replace the policy at once and forget every verdict of the old one: for new anchors or revocation lists."""
        with self._lock:
            self._current = _generation(self.generation + 1, policy, self.fetched)

    def exchange(self, before: ClientCertificates, after: ClientCertificates) -> bool:
        """Replace the policy by one that was made from it, and tell whether it still was in force."""
        with self._lock:
            if before is not self.policy:
                return False
            self._current = _generation(self.generation + 1, after, self.fetched)
            return True

    def forget(self) -> None:
        """Forget every verdict: for lists that were fetched."""
        with self._lock:
            self._current = _generation(self.generation + 1, self.policy, self.fetched)

    async def informed(self, attempt: Callable[[], Result]) -> Result:
        """Return what attempt returns; where it misses a list or an OCSP answer, have that fetched and try again.

        Raises:
            Exception: what attempt raises, the last time.
        """
        try:
            return attempt()
        except RevocationUnknown as unknown:
            if self.informant is None:
                raise
            return await _informed(self.informant, unknown, attempt)

    def admit(
        self, chain: Sequence[bytes], *, at: datetime, source: str = TLS, resumed: bool = False
    ) -> VerifiedClientCertificate | None:
        """Return the proof for what a client showed, or None where it showed nothing and nobody has to.

        Args:
            chain: DER, leaf first; empty where nothing was shown.
            at: see verify().
            source: see verify().
            resumed: see verify().

        Raises:
            CertificateRefused: as verify(), or the policy's `required` or `identities` are not met
                (codes client_certificate_missing and client_certificate_identity).
            DependencyUnavailable: as verify().
        """
        if not chain:
            if self.policy.required:
                raise CertificateRefused("No client certificate reached the app.", code="client_certificate_missing")
            return None
        proof = self.verify(chain[0], chain[1:], at=at, source=source, resumed=resumed)
        required_identity(self.policy.patterns, proof)
        return proof

    def verify(
        self,
        leaf: bytes,
        intermediates: Sequence[bytes] = (),
        *,
        at: datetime,
        source: str = TLS,
        resumed: bool = False,
    ) -> VerifiedClientCertificate:
        """Return the proof for one certificate, whoever its owner is.

        Args:
            leaf: the client's certificate, DER.
            intermediates: what was sent with it, DER, in any order; the anchor itself may be among them.
            at: the time to verify for, aware.
            source: how it came here; see VerifiedClientCertificate. It is noted, and changes no check.
            resumed: whether the TLS session was resumed. It is noted, and changes no check.

        Raises:
            CertificateRefused: `facts["reason_code"]` says why: malformed, too_large, expired, not_yet_valid,
                wrong_purpose, weak_key, no_identity, bad_spiffe_id, unknown_issuer, path_refused, revoked or
                revocation_unknown.
            RevocationUnknown: the revocation list needed is missing or stale, or the OCSP answer
                (revocation_missing, revocation_stale, revocation_unavailable).
            ConfigurationError: at has no time zone.
        """
        if at.tzinfo is None:
            raise ConfigurationError("verify(at=...) has no time zone.", fix="Pass datetime.now(UTC).")
        current = self._current  # Read once: trust() may replace it meanwhile.
        try:
            shown = (leaf, *intermediates)
            key = (source, resumed, shown)
            if proof := current.verdicts.recall(key, at):
                return proof
            _check_size(shown)
            verdict = _verify(current, shown, at, source=source, resumed=resumed)
        except AccessDenied:
            raise
        except Exception as problem:  # noqa: BLE001  # A refusal: a parser stumbled over what a stranger sent.
            raise refused("malformed", f"The certificate cannot be read ({type(problem).__name__}).") from None
        current.verdicts.keep(key, verdict)
        return verdict.proof


async def _informed(informant: Informant, unknown: RevocationUnknown, attempt: Callable[[], Result]) -> Result:
    """Try again for as long as something new comes: each link of a chain may miss its own list."""
    with anyio.move_on_after(PATIENCE):
        while await informant.learn(unknown):
            try:
                return attempt()
            except RevocationUnknown as next_one:
                if next_one.certificate == unknown.certificate:
                    raise  # What came did not help, and the next would not either.
                unknown = next_one
    raise unknown


def _generation(number: int, policy: ClientCertificates, fetched: Fetched) -> _Generation:
    store = Store(list(policy.anchors))
    trust = Trust(policy.anchors, policy.authorities, policy.profile, policy.max_chain_depth, store)
    return _Generation(number, policy, trust, fetched)


def _verify(current: _Generation, shown: tuple[bytes, ...], at: datetime, *, source: str, resumed: bool) -> Verdict:
    second = at.replace(microsecond=0)  # A certificate holds to the end of its last second (RFC 5280 section 4.1.2.5).
    policy, trust = current.policy, current.trust
    leaf, *intermediates = shown
    certificate, sent = x509.load_der_x509_certificate(leaf), [_authority(one) for one in intermediates]
    check(certificate, second, by_subject=policy.profile == "legacy_cn")
    chain = validated_path(trust, certificate, sent, second)
    svid.check(chain)
    start = max(link.not_valid_before_utc for link in chain)
    end = min(link.not_valid_after_utc for link in chain)
    if policy.revocation:
        listed, stale = policy.revocation.check(chain, second, current.fetched)
        start, end = max(start, listed), min(end, stale)
    name = () if is_constrained(chain) else rdns(certificate.subject)
    above = tuple(link.public_bytes(Encoding.DER) for link in chain[1:])
    configured = (*trust.anchors, *trust.authorities)
    proof = verified(
        certificate,
        (leaf, *above),
        identities=identities(certificate, leaf, name),
        name=name,
        issuers=tuple(one for der in above for one in _digests_of_authority(der)),
        issuer_names=tuple(rdns(one.subject) for one in chain[1:] if one in configured),
        checked_at=at,
        source=source,
        resumed=resumed,
    )
    return Verdict(proof, start, end)


def _check_size(shown: Sequence[bytes]) -> None:
    if len(shown) > 1 + MOST_INTERMEDIATES or sum(map(len, shown)) > LARGEST:
        raise refused(
            "too_large", f"More than {MOST_INTERMEDIATES} intermediates or {LARGEST} bytes came with the certificate."
        )
