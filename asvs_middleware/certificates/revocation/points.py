"""The places lists are fetched from, and when it is time to look again: v5.0.0-12.1.4, 13.2.4.

Configured addresses are known from the start. Others are learnt from certificates of verified chains, and only where
the operator named their host: a CA that we trust says where its list is, and may not send us anywhere else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from .crl import issuer_key
from .crl_scope import points
from .policy import MOST_OFTEN, RevocationPolicy

MOST_LEARNT: Final = 64
"""Addresses learnt from certificates. A CA with more shards than that is better served by files."""

_LONGEST_URL: Final = 1024
_MOST_NAMED: Final = 4
"""Of one certificate."""


@dataclass(slots=True, eq=False)
class Place:
    """One address, and what happened there.

    Attributes:
        url: where the list is.
        issuer: whose list is expected; None: any CA of the policy.
        tag: the entity tag of what was fetched last.
        seen: the SHA-256 of what was fetched last.
        life: between thisUpdate and nextUpdate of that.
        tried: when it was looked at last.
        fault: why that failed; empty where it did not.
    """

    url: str
    issuer: x509.Certificate | None = None
    tag: str | None = None
    seen: bytes = b""
    life: timedelta | None = None
    tried: datetime | None = None
    fault: str = ""

    def is_due(self, at: datetime, every: timedelta) -> bool:
        """Tell whether it is time for a look: four times in the life of a list at least, and soon after a failure."""
        wait = every if self.life is None else min(every, self.life / 4)
        return self.may_try(at, MOST_OFTEN if self.fault else max(wait, MOST_OFTEN))

    def may_try(self, at: datetime, pause: timedelta) -> bool:
        """Tell whether the last look was a while ago. A clock that went back is no reason to wait."""
        return self.tried is None or not timedelta(0) <= at - self.tried < pause


class Places:
    """All addresses of one policy."""

    def __init__(self, policy: RevocationPolicy) -> None:
        self.policy = policy
        self._configured = [Place(url) for url in policy.lists]
        self._hosts = frozenset(one.lower() for one in policy.distribution_points)
        self._learnt: dict[tuple[str, bytes], Place] = {}

    def __iter__(self) -> Iterator[Place]:
        return iter((*self._configured, *self._learnt.values()))

    def for_certificate(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Sequence[Place]:
        """Return where a list that covers the certificate may be, the places it names itself included."""
        return (*self._configured, *(self._learn(url, issuer) for url in self._allowed(certificate)))

    def _allowed(self, certificate: x509.Certificate) -> list[str]:
        if not self._hosts:
            return []
        names = (name for point in points(certificate) for name in point.full_name or ())
        urls = (name.value for name in names if isinstance(name, x509.UniformResourceIdentifier))
        return [url for url in dict.fromkeys(urls) if self._is_allowed(url)][:_MOST_NAMED]

    def _is_allowed(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        schemes = {"https", "http"} if self.policy.waivers else {"https"}
        # The whole of what stands there is compared: neither a user nor another port is let through.
        return len(url) <= _LONGEST_URL and parts.scheme in schemes and parts.netloc.lower() in self._hosts

    def _learn(self, url: str, issuer: x509.Certificate) -> Place:
        key = (url, issuer_key(issuer))
        if key not in self._learnt:
            while len(self._learnt) >= MOST_LEARNT:
                del self._learnt[next(iter(self._learnt))]
            self._learnt[key] = Place(url, issuer)
        return self._learnt[key]
