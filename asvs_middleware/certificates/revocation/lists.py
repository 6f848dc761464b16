"""Whether the certificates of a verified chain were struck off: v5.0.0-12.1.4, RFC 5280 section 6.3.3.

Everything that is needed is here already: lists that were read (`crl`), and lists and answers that were fetched
(`revocation_fetched`). A look-up is one set membership, whatever the size of the list, and waits for nobody. What
cannot be told is refused: a missing or stale list, or an answer that has yet to be asked for, is an error that says
what is missing, so that it can be fetched (`revocation_service`), and never a pass.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, Protocol

from cryptography import x509

from ...errors import CertificateRefused, DependencyUnavailable
from ..leaf import refused
from .crl import Key, RevocationList, issuer_key, read_lists
from .crl_scope import Scope
from .exempt import is_exempt
from .fetched import Fetched, grouped
from .ocsp import Answer
from .ocsp_responder import Responder
from .policy import RevocationPolicy

Fact = str | int | bool | None

Span = tuple[datetime, datetime]
"""From when, and until just before when, something holds."""

REQUIREMENT: Final = "v5.0.0-12.1.4"

PATIENCE: Final = 5.0
"""Seconds a request waits, in all, for lists and answers that it misses."""

_ALWAYS: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_NOTHING: Final[Mapping[Scope, RevocationList]] = {}


class RevocationUnknown(DependencyUnavailable):
    """It cannot be told whether a certificate was revoked: our fault, and not the client's.

    Attributes:
        certificate: the one it is about.
        issuer: who issued it, with a verified signature.
    """

    requirement = REQUIREMENT

    def __init__(
        self, reason: str, certificate: x509.Certificate, issuer: x509.Certificate, *, facts: dict[str, Fact]
    ) -> None:
        super().__init__(reason, facts=facts)
        self.certificate, self.issuer = certificate, issuer


class Informant(Protocol):
    """Whoever can find out what a check missed."""

    async def learn(self, unknown: RevocationUnknown) -> bool:
        """Fetch it, and tell whether something new has come."""

    def wake(self) -> None:
        """Look for newer lists soon. Returns at once; may be called from any thread."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """The newest list of each issuer and scope that files hold, and what to ask beside them.

    The key of a list holds the issuer's name and public key, so no namesake can answer.
    """

    lists: Mapping[Key, RevocationList]
    policy: RevocationPolicy = field(default_factory=RevocationPolicy)
    _by_issuer: Mapping[bytes, Mapping[Scope, RevocationList]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_issuer", grouped(self.lists))

    def check(self, chain: Sequence[x509.Certificate], at: datetime, fetched: Fetched | None = None) -> Span:
        """Check every certificate of a verified chain but the last, its trust anchor.

        Args:
            chain: from the leaf to the anchor.
            at: the time to check for.
            fetched: lists and answers beside those of files.

        Returns:
            From when, and until just before when, the answer holds.

        Raises:
            CertificateRefused: revoked, or unknown to the responder (revocation_unknown).
            RevocationUnknown: an issuer's list is missing, stale or not in force yet, or its responder has not
                answered (revocation_missing, revocation_stale, revocation_unavailable).
        """
        start, end = _ALWAYS
        for certificate, issuer in pairwise(chain):
            lists = self.lists_of(issuer, fetched)
            _refuse_listed(certificate, lists)
            if certificate is chain[0] and is_exempt(certificate, self.policy):
                continue
            if self.responder_of(issuer) is not None:
                held = _by_answer(certificate, issuer, at, fetched)
            else:
                held = self._by_list(certificate, issuer, at, lists)
            start, end = max(start, held[0]), min(end, held[1])
        return start, end

    def check_signer(
        self, signer: x509.Certificate, issuer: x509.Certificate, at: datetime, fetched: Fetched | None = None
    ) -> None:
        """Check a responder's own certificate, by lists alone: it cannot vouch for itself.

        Raises:
            CertificateRefused: revoked.
            RevocationUnknown: there is no current list of its issuer.
        """
        lists = self.lists_of(issuer, fetched)
        _refuse_listed(signer, lists)
        self._by_list(signer, issuer, at, lists)

    def lists_of(self, issuer: x509.Certificate, fetched: Fetched | None = None) -> list[RevocationList]:
        """Return the newest list of each scope, from whatever source."""
        key = issuer_key(issuer)
        own = self._by_issuer.get(key, _NOTHING)
        other = fetched.lists_of(key) if fetched else _NOTHING
        if not other:
            return list(own.values())
        both = ([one for one in (own.get(scope), other.get(scope)) if one] for scope in {**own, **other})
        return [max(found, key=lambda one: one.age) for found in both]

    def responder_of(self, issuer: x509.Certificate) -> Responder | None:
        """Return the responder that is asked about this CA's certificates, if there is one."""
        return next((one for one in self.policy.responders if one.speaks_for(issuer)), None)

    def _by_list(
        self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime, lists: Iterable[RevocationList]
    ) -> Span:
        covering = [one for one in lists if one.scope.covers(certificate)]
        if not covering:
            raise RevocationUnknown(
                f"There is no revocation list of {_name(issuer)} for this certificate.",
                certificate,
                issuer,
                facts={"reason_code": "revocation_missing"},
            )
        spans = [(one.this_update, one.next_update + self.policy.grace) for one in covering]
        start, end = max(spans, key=lambda span: (span[0] <= at < span[1], span[1]))
        if not start <= at < end:
            raise RevocationUnknown(
                f"The revocation list of {_name(issuer)} is in force from {start.isoformat()} "
                f"until {end.isoformat()} only.",
                certificate,
                issuer,
                facts={"reason_code": "revocation_stale"},
            )
        return start, end


def read_revocation(
    sources: Iterable[tuple[str, bytes]],
    issuers: Sequence[x509.Certificate],
    policy: RevocationPolicy | None = None,
) -> Revocation:
    """Parse and check the lists, and keep the newest of each issuer and scope.

    Args:
        sources: for each file, how to name it in an error, and its bytes: PEM (one list or more) or DER.
        issuers: the CA certificates that may have signed them.
        policy: what to ask beside lists, and the exceptions.

    Raises:
        ConfigurationError: a file is not a list, or not one that can be relied on.
    """
    newest: dict[Key, RevocationList] = {}
    for where, data in sources:
        for key, found in read_lists(data, issuers, where):
            if key not in newest or newest[key].age < found.age:
                newest[key] = found
    return Revocation(newest, policy or RevocationPolicy())


def _refuse_listed(certificate: x509.Certificate, lists: Iterable[RevocationList]) -> None:
    """Refuse what is on a list, also on a stale one: what was struck off stays so."""
    if any(certificate.serial_number in one.serials for one in lists):
        raise _revoked(certificate)


def _by_answer(certificate: x509.Certificate, issuer: x509.Certificate, at: datetime, fetched: Fetched | None) -> Span:
    answer: Answer | None = fetched.answer(certificate, issuer) if fetched else None
    if answer is None or not answer.start <= at < answer.end:
        raise RevocationUnknown(
            f"The OCSP responder of {_name(issuer)} has given no answer that holds.",
            certificate,
            issuer,
            facts={"reason_code": "revocation_unavailable"},
        )
    match answer.state:
        case "good":
            return answer.start, answer.end
        case "revoked":
            raise _revoked(certificate)
        case _:
            # Its own CA does not know it: it may have been made with a stolen key (RFC 6960 section 2.2).
            raise refused(
                "revocation_unknown",
                f"The OCSP responder of {_name(issuer)} does not know the certificate.",
                requirement=REQUIREMENT,
            )


def _revoked(certificate: x509.Certificate) -> CertificateRefused:
    return refused(
        "revoked",
        f"The certificate with serial number {certificate.serial_number:x} is revoked.",
        requirement=REQUIREMENT,
    )


def _name(issuer: x509.Certificate) -> str:
    return issuer.subject.rfc4514_string()
