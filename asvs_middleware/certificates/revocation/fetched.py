"""Lists and answers that were fetched, for whoever looks one up: v5.0.0-12.1.4.

One thread or task puts them in, any number read. Lists are exchanged as a whole, so a reader sees those of before or
those of after. Answers about single certificates are bounded in number; the oldest makes room.
"""

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Final

from cryptography import x509

from .crl import Key, RevocationList, issuer_key
from .crl_scope import Scope
from .ocsp import Answer

MOST_ANSWERS: Final = 10_000
"""About 300 bytes each."""

_NOTHING: Final[Mapping[Scope, RevocationList]] = {}


class Fetched:
    """What came over the network and was checked.

    Args:
        most: answers that are kept.
    """

    def __init__(self, most: int = MOST_ANSWERS) -> None:
        self._most = most
        self.lists: Mapping[Key, RevocationList] = {}
        self._by_issuer: Mapping[bytes, Mapping[Scope, RevocationList]] = {}
        self._answers: dict[tuple[bytes, int], Answer] = {}
        self._lock = Lock()

    def lists_of(self, issuer: bytes) -> Mapping[Scope, RevocationList]:
        """Return the lists of one issuer, by what they cover."""
        return self._by_issuer.get(issuer, _NOTHING)

    def put(self, found: Iterable[tuple[Key, RevocationList]]) -> None:
        """Put lists in force, each in the place of the one before."""
        with self._lock:
            self.lists = {**self.lists, **dict(found)}
            self._by_issuer = grouped(self.lists)

    def answer(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Answer | None:
        """Return what the responder said last of this certificate."""
        return self._answers.get((issuer_key(issuer), certificate.serial_number))

    def keep(self, certificate: x509.Certificate, issuer: x509.Certificate, answer: Answer) -> None:
        """Keep what the responder said."""
        key = (issuer_key(issuer), certificate.serial_number)
        with self._lock:
            self._answers.pop(key, None)  # A renewed one goes to the back of the queue.
            while len(self._answers) >= self._most:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = answer


def grouped(lists: Mapping[Key, RevocationList]) -> dict[bytes, dict[Scope, RevocationList]]:
    """Return the lists by issuer, then by what they cover."""
    found: dict[bytes, dict[Scope, RevocationList]] = {}
    for (issuer, scope), one in lists.items():
        found.setdefault(issuer, {})[scope] = one
    return found
