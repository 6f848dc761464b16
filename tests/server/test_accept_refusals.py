"""The budget of events: nobody fills the log, and nothing is lost without being counted."""

from collections.abc import Callable
from typing import Any

import pytest

from asvs_middleware.server.accept.refusals import Budget, RefusalLog, short_answer


class Clock:
    """Holds the one thing that was put off."""

    def __init__(self) -> None:
        self.due: Callable[[], None] | None = None
        self.seconds = 0.0

    def later(self, seconds: float, then: Callable[[], None]) -> "Clock":
        assert self.due is None
        self.seconds, self.due = seconds, then
        return self

    def cancel(self) -> None:
        self.due = None


@pytest.fixture
def clock() -> Clock:
    return Clock()


def report(log: RefusalLog, clock: Clock, key: str, times: int = 1) -> None:
    for _ in range(times):
        log.report(
            "handshake_refused", reason="Why.", requirement="v5.0.0-16.3.4", key=key, later=clock.later, peer=key
        )


def test_the_budget_of_one_address(clock: Clock, events: Any) -> None:
    """Beyond its share an address is counted only; another one still is heard."""
    log = RefusalLog(Budget(each=2, overall=10, period=60))
    report(log, clock, "192.0.2.1", 5)
    report(log, clock, "192.0.2.2")
    assert [one["peer"] for one in events()] == ["192.0.2.1", "192.0.2.1", "192.0.2.2"]
    assert clock.seconds == 60


def test_the_budget_of_all(clock: Clock, events: Any) -> None:
    """Many addresses together have a budget as well, and no more of them are remembered than it is large."""
    log = RefusalLog(Budget(each=2, overall=10))
    for number in range(1000):
        report(log, clock, f"2001:db8:0:{number:x}::/64")
    assert len(events()) == 10
    assert len(log._written) == 10


def test_the_count_is_written(clock: Clock, events: Any) -> None:
    """At the end of the period the number of what was not written is; then the budget is whole again."""
    log = RefusalLog(Budget(each=1, overall=10))
    report(log, clock, "192.0.2.1", 4)
    due = clock.due
    assert due is not None
    due()
    assert [(one["event"], one.get("count")) for one in events()] == [
        ("handshake_refused", None),
        ("refusals_suppressed", 3),
    ]
    report(log, clock, "192.0.2.1")
    assert events()[-1]["event"] == "handshake_refused"


def test_nothing_to_count(clock: Clock, events: Any) -> None:
    """A period in which all was written ends in silence, and so does a log that was never used."""
    log = RefusalLog()
    log.settle()
    report(log, clock, "192.0.2.1")
    log.settle()
    log.settle()
    assert len(events()) == 1
    assert clock.due is None


def test_short_answer() -> None:
    """It is one whole response that ends its connection, with the fields it was given."""
    answer = short_answer("405 Method Not Allowed", "No.", ((b"allow", b"GET"),))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"HTTP/1.1 405 Method Not Allowed"
    assert {b"allow: GET", b"connection: close", b"content-length: 4", b"cache-control: no-store"} <= set(
        head.split(b"\r\n")
    )
    assert body == b"No.\n"
