"""One event of a kind and a minute, and a count of the others; what is kept is bounded."""

from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.middleware.gates.seldom import MINUTE, MOST_KEPT, Seldom


def test_one_a_minute() -> None:
    """The first is written, the next are counted, and the next one written tells how many they were."""
    seldom = Seldom()
    said = [seldom.suppressed("a", now) for now in (0, 1, 59.9, 60, 61, 300)]
    assert said == [0, None, None, 2, None, 1]


def test_kinds_do_not_mix() -> None:
    """A loud one hides no other."""
    seldom = Seldom()
    assert [seldom.suppressed(kind, 0) for kind in ("a", "a", "b")] == [0, None, 0]


def test_a_clock_that_was_set_back() -> None:
    """It starts a new minute, and silences nothing for longer than one."""
    seldom = Seldom()
    assert [seldom.suppressed("a", now) for now in (1000, 10, 11, 70)] == [0, 0, None, 1]


def test_a_flood_of_kinds_shares_one_event() -> None:
    """Addresses are cheap: beyond 1024 of them in a minute there is one event for all."""
    seldom = Seldom()
    assert all(seldom.suppressed(number, 0) == 0 for number in range(MOST_KEPT))
    assert [seldom.suppressed(f"more {number}", 1) for number in range(3)] == [0, None, None]
    assert seldom.suppressed("more", MINUTE) == 0  # The oldest has made room.
    assert len(seldom._kept) <= MOST_KEPT + 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)), max_size=50))
def test_no_event_is_lost_from_the_count(asked: list[tuple[int, int]]) -> None:
    """Written and suppressed ones together are all there were."""
    seldom, now = Seldom(), 0
    counted = dict.fromkeys(range(4), 0)
    for kind, pause in asked:
        now += pause
        suppressed = seldom.suppressed(kind, now)
        if suppressed is not None:
            counted[kind] += 1 + suppressed
    waiting = {kind: seldom._kept.get(kind, (0, 0))[1] for kind in range(4)}
    asked_of = {kind: sum(one == kind for one, _ in asked) for kind in range(4)}
    assert {kind: counted[kind] + waiting[kind] for kind in range(4)} == asked_of
