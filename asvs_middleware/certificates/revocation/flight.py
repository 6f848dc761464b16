"""One fetch at a time for each thing to fetch, shared by everybody who waits for it: v5.0.0-16.5.2.

A thousand clients that come while a list is on its way cause one request. Nothing here outlives the call that began
it, and a flight of another event loop, perhaps a dead one, is never waited for.
"""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field

import anyio
from anyio.lowlevel import current_token


@dataclass(slots=True, eq=False)
class _Flight:
    loop: object
    landed: anyio.Event = field(default_factory=anyio.Event)
    brought: bool | None = None
    """Whether there is something new; None if whoever flew was cancelled on the way."""


class Flights:
    """What is under way, by what is fetched."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, _Flight] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._under_way

    def __len__(self) -> int:
        return len(self._under_way)

    async def share(self, key: Hashable, fetch: Callable[[], Awaitable[bool]]) -> bool:
        """Return whether fetch brought something new; it is called unless another call of the same key is under way."""
        while (flight := self._under_way.get(key)) is not None and flight.loop == current_token():
            await flight.landed.wait()
            if flight.brought is not None:
                return flight.brought
        flight = self._under_way[key] = _Flight(current_token())
        try:
            flight.brought = await fetch()
        finally:
            # Also when this caller is cancelled: one of those who waited takes over.
            if self._under_way.get(key) is flight:
                del self._under_way[key]
            flight.landed.set()
        return flight.brought
