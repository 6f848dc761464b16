"""How long a certificate lives, and how long it may: dated data of the CA/Browser Forum, and fractions of a life.

v5.0.0-12.1.4 (short lives stand in for revocation), 13.3.4 (secrets expire and rotate). The limits bind public CAs;
a private CA is free to issue for longer. Warnings go by the fraction that is left, never by a number of days: thirty
days are half the life of one certificate and a tenth of another's.

Not decided here: whether a certificate is a public one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Self

from cryptography import x509

Stage = Literal["fresh", "renew", "late", "expired"]

RENEW: Final = 1 / 3
"""The fraction left at which renewal should have happened: what ACME clients go by."""

LATE: Final = 1 / 10
"""The fraction left at which it is no longer a plan that is late but a service that will stop."""

# Baseline Requirements section 6.3.2: from SC-081v3 (2025), and before it from Ballot SC-031 and browser programmes.
_PUBLIC_LIMITS: Final = (
    (datetime(2029, 3, 15, tzinfo=UTC), timedelta(days=47)),
    (datetime(2027, 3, 15, tzinfo=UTC), timedelta(days=100)),
    (datetime(2026, 3, 15, tzinfo=UTC), timedelta(days=200)),
    (datetime(2020, 9, 1, tzinfo=UTC), timedelta(days=398)),
)


def public_limit(issued: datetime) -> timedelta | None:
    """Return how long a public server certificate of that day may live; None before 2020-09.

    >>> public_limit(datetime(2027, 3, 15, tzinfo=UTC)).days
    100
    """
    return next((limit for since, limit in _PUBLIC_LIMITS if issued >= since), None)


def coming_limits(after: datetime, until: datetime) -> Iterator[tuple[datetime, timedelta]]:
    """Yield the limits that come into force between the two moments, the earliest first."""
    yield from reversed([(since, limit) for since, limit in _PUBLIC_LIMITS if after < since <= until])


@dataclass(frozen=True, slots=True)
class Lifetime:
    """From when until when a certificate is valid; aware moments."""

    begin: datetime
    end: datetime

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Self:
        """Return that of the certificate."""
        return cls(certificate.not_valid_before_utc, certificate.not_valid_after_utc)

    @property
    def length(self) -> timedelta:
        """The whole of it."""
        return self.end - self.begin

    def seconds_left(self, at: datetime) -> float:
        """Return the seconds from then to the end; negative after it."""
        return (self.end - at).total_seconds()

    def fraction_left(self, at: datetime) -> float:
        """Return what is left of it as a part of the whole: above 1 before it begins, 0 or less after its end."""
        return (self.end - at) / self.length if self.length else 0.0

    def stage(self, at: datetime) -> Stage:
        """Return how urgent renewal is."""
        left = self.fraction_left(at)
        if left <= 0:
            return "expired"
        if left <= LATE:
            return "late"
        return "renew" if left <= RENEW else "fresh"
