"""Lifetimes: the public limits by date, and stages by the fraction that is left."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.tls import Lifetime, public_limit
from asvs_middleware.tls.lifetimes import coming_limits


def day(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T00:00:00+00:00")


@pytest.mark.parametrize(
    ("issued", "days"),
    [
        pytest.param("2019-01-01", None, id="before the first limit kept here"),
        pytest.param("2020-09-01", 398, id="398 days"),
        pytest.param("2026-03-14", 398, id="the last of them"),
        pytest.param("2026-03-15", 200, id="200 days"),
        pytest.param("2027-03-14", 200, id="the last of those"),
        pytest.param("2027-03-15", 100, id="100 days"),
        pytest.param("2029-03-15", 47, id="47 days"),
        pytest.param("2040-01-01", 47, id="no later limit is known"),
    ],
)
def test_the_limit_of_a_day(issued: str, days: int | None) -> None:
    """SC-081v3: 200, 100 and 47 days, from the fifteenth of March of 2026, 2027 and 2029."""
    limit = public_limit(day(issued))
    assert (limit and limit.days) == days


def test_limits_that_are_still_to_come() -> None:
    """The earliest first, the borders included at the far end."""
    found = [(since.year, limit.days) for since, limit in coming_limits(day("2026-11-21"), day("2029-03-15"))]
    assert found == [(2027, 100), (2029, 47)]


NINETY = Lifetime(day("2026-01-01"), day("2026-04-01"))


@pytest.mark.parametrize(
    ("life", "at", "stage"),
    [
        pytest.param(NINETY, "2025-12-01", "fresh", id="not begun"),
        pytest.param(NINETY, "2026-02-28", "fresh", id="32 of 90 days"),
        pytest.param(NINETY, "2026-03-02", "renew", id="30 of 90 days"),
        pytest.param(NINETY, "2026-03-23", "late", id="9 of 90 days"),
        pytest.param(NINETY, "2026-04-01", "expired", id="the end"),
        pytest.param(Lifetime(day("2026-01-01"), day("2026-01-07")), "2026-01-04", "fresh", id="3 of 6 days"),
        pytest.param(Lifetime(day("2026-01-01"), day("2026-01-07")), "2026-01-05", "renew", id="2 of 6 days"),
        pytest.param(Lifetime(day("2026-01-01"), day("2026-01-01")), "2026-01-01", "expired", id="no life at all"),
    ],
)
def test_stages(life: Lifetime, at: str, stage: str) -> None:
    """A third left means renew, a tenth late; a certificate of six days is not late on its first day."""
    assert life.stage(day(at)) == stage


@given(st.integers(-(10**9), 10**9), st.integers(0, 10**9))
def test_stages_only_rise(offset: int, length: int) -> None:
    """Whatever the lifetime: time never makes it fresher, and expired means no seconds left."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    life = Lifetime(begin, begin + timedelta(seconds=length))
    at = begin + timedelta(seconds=offset)
    order = ("fresh", "renew", "late", "expired")
    assert order.index(life.stage(at)) <= order.index(life.stage(at + timedelta(seconds=60)))
    assert (life.stage(at) == "expired") == (life.seconds_left(at) <= 0 or not length)
