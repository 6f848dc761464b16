"""One event of a kind and a minute, and a count of the suppressed ones: a scanner fills no log (v5.0.0-16.3.3)."""

from collections.abc import Hashable
from typing import Final

MINUTE: Final = 60.0
MOST_KEPT: Final = 1024


class Seldom:
    """Decides which events are written. What it keeps is bounded.

    While more than 1024 kinds were seen within a minute, the further ones share one event a minute.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, int]] = {}  # By age: the oldest event first.

    def suppressed(self, kind: Hashable, now: float) -> int | None:
        """Return how many were suppressed since the last event of this kind, or None: suppress this one too.

        Args:
            kind: what shares one event, such as a peer.
            now: seconds; a clock that was set back starts a new minute.
        """
        if kind not in self._kept and len(self._kept) >= MOST_KEPT:
            oldest = next(iter(self._kept))
            if _within_a_minute(self._kept[oldest][0], now):
                kind = None
            else:
                del self._kept[oldest]
        since, suppressed = self._kept.get(kind, (None, 0))
        if since is not None and _within_a_minute(since, now):
            self._kept[kind] = since, suppressed + 1
            return None
        self._kept.pop(kind, None)
        self._kept[kind] = now, 0
        return suppressed


def _within_a_minute(since: float, now: float) -> bool:
    return 0 <= now - since < MINUTE
