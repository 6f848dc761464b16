"""Verdicts that are given again: verifying a chain costs some hundred microseconds, looking one up less than one.

A verdict belongs to all bytes that were shown, to how they came here, and to one generation of trust: new anchors or
revocation lists start an empty table. It ends with the first certificate or list it rests on. Refusals are not kept:
a client that was refused may be right a moment later, and a stranger could fill the table.
"""

from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final

from .proof import VerifiedClientCertificate

MOST: Final = 1024
"""Verdicts kept, about 6 KiB each."""

LARGEST: Final = 16 * 1024
"""Bytes of what was shown. More is verified each time: a client could add any weight to a good chain."""

Key = tuple[str, bool, tuple[bytes, ...]]
"""Source, resumed, and the certificates themselves. Bytes keep their hash, and equal bytes say more than equal
fingerprints, for less."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A proof and when it may be given again: from start until just before end."""

    proof: VerifiedClientCertificate
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts of one generation of trust. May be shared by threads: look-ups take no lock."""

    _kept: dict[Key, Verdict] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def recall(self, key: Key, at: datetime) -> VerifiedClientCertificate | None:
        """Return the proof, if there is one that still holds."""
        found = self._kept.get(key)
        return found.proof if found is not None and found.start <= at < found.end else None

    def keep(self, key: Key, verdict: Verdict) -> None:
        """Keep a verdict; the oldest makes room."""
        if sum(map(len, key[2])) > LARGEST:
            return
        with self._lock:
            self._kept.pop(key, None)  # An ended one goes to the back of the queue.
            while len(self._kept) >= MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = verdict
