"""One event for each connection that was refused or cut off, and no flood of them: v5.0.0-16.3.2, 16.3.4 and 15.2.2.

Whoever connects can cause these events without showing who it is, so there is a budget: for one address, and for all.
What goes beyond is counted, and the count is written when its time is over. Written here is also the short answer of a
connection that reaches no app.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from ... import events

AREA: Final = "server"


class Cancellable(Protocol):
    """What can be called off."""

    def cancel(self) -> None:
        """Call it off."""


Later = Callable[[float, Callable[[], None]], Cancellable]
"""`loop.call_later`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many events are written in one period.

    Attributes:
        each: for one address.
        overall: for all together.
        period: seconds.
    """

    each: int = 20
    overall: int = 200
    period: float = 60.0


@dataclass(slots=True)
class RefusalLog:
    """Writes the events of refused connections within a budget.

    Attributes:
        budget: how many.
    """

    budget: Budget = field(default_factory=Budget)
    _written: dict[str, int] = field(default_factory=dict, init=False)  # By address: never more than `overall`.
    _in_all: int = field(default=0, init=False)
    _suppressed: int = field(default=0, init=False)
    _end: Cancellable | None = field(default=None, init=False)

    def report(
        self,
        event: str,
        *,
        reason: str,
        requirement: str,
        key: str,
        later: Later,
        severity: int = logging.WARNING,
        **facts: events.Fact,
    ) -> None:
        """Write one event, or count it where the budget is spent.

        Args:
            event: as for events.emit().
            reason: as for events.emit().
            requirement: as for events.emit().
            key: whose budget it is on: an address, or a network that one client can choose addresses from.
            later: starts the period.
            severity: as for events.emit().
            facts: as for events.emit().
        """
        if self._end is None:
            self._end = later(self.budget.period, self.settle)
        written = self._written.get(key, 0)
        if self._in_all >= self.budget.overall or written >= self.budget.each:
            self._suppressed += 1
            return
        self._written[key] = written + 1
        self._in_all += 1
        events.emit(AREA, event, reason=reason, requirement=requirement, severity=severity, **facts)

    def settle(self) -> None:
        """End the period: say how many events were not written, and begin anew."""
        if self._end is not None:
            self._end.cancel()
        suppressed, self._suppressed, self._in_all, self._end = self._suppressed, 0, 0, None
        self._written.clear()
        if suppressed:
            events.emit(
                AREA,
                "refusals_suppressed",
                reason=f"{suppressed} refused connections were counted and not written: the budget was spent.",
                requirement="v5.0.0-16.3.4",
                count=suppressed,
            )


def short_answer(status: str, text: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """Return a whole HTTP/1.1 response that ends its connection.

    Args:
        status: code and phrase, such as `400 Bad Request`.
        text: ASCII, one line; nothing that came from the client.
        headers: further fields.
    """
    body = f"{text}\n".encode("ascii")
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
        "cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n"
    )
    more = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return head.encode("ascii") + more + b"\r\n" + body
