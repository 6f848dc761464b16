"""How often an unknown `kid` may make us look for new keys: a bucket and a short memory, both bounded.

Without them one caller who invents key ids turns each forged token into a request to the issuer.
"""

from collections.abc import Callable
from typing import Final

BUCKET: Final = 2
REFILL_SECONDS: Final = 30.0
REMEMBERED_SECONDS: Final = 60.0
MOST_REMEMBERED: Final = 256


class UnknownKids:
    """Decides whether one more look is allowed.

    Args:
        clock: seconds since the epoch.
    """

    __slots__ = ("_clock", "_left", "_missing", "_refilled")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left: float = BUCKET
        self._refilled = clock()
        self._missing: dict[str, float] = {}

    def may_look(self, kid: str) -> bool:
        """Spend one look, unless the kid was missing a moment ago or the bucket is empty."""
        now = self._clock()
        since = self._missing.get(kid)
        if since is not None and 0 <= now - since < REMEMBERED_SECONDS:
            return False
        self._left = min(BUCKET, self._left + max(0.0, now - self._refilled) / REFILL_SECONDS)
        self._refilled = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def remember(self, kid: str) -> None:
        """Note that the issuer does not know the kid either; the oldest note makes room."""
        self._missing.pop(kid, None)
        self._missing[kid] = self._clock()
        if len(self._missing) > MOST_REMEMBERED:
            del self._missing[next(iter(self._missing))]

    def __len__(self) -> int:
        """Return how many kids are remembered."""
        return len(self._missing)
