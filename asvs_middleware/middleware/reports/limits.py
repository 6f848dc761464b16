"""How many reports are listened to, and how often one finding is told: two memories, both bounded. v5.0.0-15.2.2."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from ipaddress import IPv6Address
from typing import Final

BUCKET: Final = 20
REFILL_SECONDS: Final = 3.0
MOST_CLIENTS: Final = 4096

REMEMBERED_SECONDS: Final = 3600.0
MOST_FINDINGS: Final = 1024


class Clients:
    """A bucket of requests for each client: 20 at once, then one every three seconds.

    The client heard of longest ago makes room. IPv6 clients count by their /64, which one customer has whole.

    Args:
        clock: monotonic seconds.
    """

    __slots__ = ("_buckets", "_clock")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float, bool]] = OrderedDict()

    def spend(self, client: str | None) -> bool | None:
        """Return True where the client may report; False the first time it may not; None from then on."""
        name = _network(client)
        now = self._clock()
        left, since, told = self._buckets.pop(name, (float(BUCKET), now, False))
        left = min(BUCKET, left + max(0.0, now - since) / REFILL_SECONDS)
        allowed = left >= 1
        self._buckets[name] = (left - allowed, now, not allowed)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return True if allowed else (None if told else False)

    def __len__(self) -> int:
        """Return how many clients are remembered."""
        return len(self._buckets)


class Findings:
    """Which findings were told within the hour, and how often they came since.

    Args:
        clock: monotonic seconds.
    """

    __slots__ = ("_clock", "_told")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def fresh(self, finding: Hashable) -> int | None:
        """Return how often it came unheard since it was last told; None where it was told within the hour."""
        now = self._clock()
        told, count = self._told.get(finding, (None, 0))
        if told is not None and now - told < REMEMBERED_SECONDS:
            self._told[finding] = (told, count + 1)
            return None
        self._told[finding] = (now, 0)
        self._told.move_to_end(finding)
        if len(self._told) > MOST_FINDINGS:
            self._told.popitem(last=False)
        return count

    def __len__(self) -> int:
        """Return how many findings are remembered."""
        return len(self._told)


def _network(client: str | None) -> str:
    if client is None:
        return ""
    if ":" not in client:
        return client
    try:
        address = IPv6Address(client.partition("%")[0])
    except ValueError:
        return client[:64]
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
