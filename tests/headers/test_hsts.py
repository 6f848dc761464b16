"""Strict-Transport-Security: v5.0.0-3.4.1, RFC 6797."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import HSTSPolicy, Preload
from asvs_middleware.headers.hsts import consequence, render

LISTED = Preload(domain="example.com", confirmed="operations checked every subdomain")


@pytest.mark.parametrize(
    ("policy", "value"),
    [
        pytest.param(HSTSPolicy(), "max-age=31536000; includeSubDomains", id="by default"),
        pytest.param(HSTSPolicy(include_subdomains=False), "max-age=31536000", id="this host alone"),
        pytest.param(HSTSPolicy(preload=LISTED), "max-age=31536000; includeSubDomains; preload", id="preload"),
        pytest.param(HSTSPolicy(max_age=timedelta(days=730)), "max-age=63072000; includeSubDomains", id="two years"),
        pytest.param(
            HSTSPolicy(max_age=timedelta(days=365, seconds=0.9)),
            "max-age=31536000; includeSubDomains",
            id="whole seconds",
        ),
    ],
)
def test_render(policy: HSTSPolicy, value: str) -> None:
    """Directives in the order of RFC 6797 section 6.1, the age in whole seconds."""
    assert render(policy) == value


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        pytest.param({"max_age": timedelta(days=364)}, "no duration of one year or more.*365", id="under a year"),
        pytest.param({"max_age": timedelta(0)}, "no duration of one year or more", id="zero, which switches it off"),
        pytest.param({"max_age": timedelta(days=-400)}, "no duration of one year or more", id="negative"),
        pytest.param({"max_age": 31536000}, r"max_age=31536000\) is no duration", id="a number of seconds"),
        pytest.param(
            {"preload": LISTED, "include_subdomains": False}, "every subdomain.*or drop preload", id="preload alone"
        ),
    ],
)
def test_a_policy_that_cannot_be_right_stops_the_start_up(choice: Any, message: str) -> None:
    """Less than ASVS asks for, and what the preload list refuses."""
    with pytest.raises(ConfigurationError, match=message):
        HSTSPolicy(**choice)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        pytest.param({"domain": "www.example.com"}, "no domain the preload list takes", id="www"),
        pytest.param({"domain": "example"}, "no domain", id="one label"),
        pytest.param({"domain": "https://example.com"}, "no domain", id="a URL"),
        pytest.param({"domain": "Example.com"}, "lower case", id="capitals"),
        pytest.param({"domain": "example.com\n"}, "no domain", id="a line end"),
        pytest.param({"domain": None}, "no domain", id="nothing"),
        pytest.param({"confirmed": "yes"}, "confirms nothing.*Say who checked", id="one word"),
        pytest.param({"confirmed": True}, "confirms nothing", id="no sentence"),
    ],
)
def test_preload_is_a_second_act(members: Any, message: str) -> None:
    """v5.0.0-3.7.4: it takes months to undo, so somebody says that it was checked."""
    with pytest.raises(ConfigurationError, match=message):
        Preload(**{"domain": "example.com", "confirmed": "operations checked every subdomain", **members})


def test_preload_by_one_word() -> None:
    """A switch is not enough."""
    with pytest.raises(ConfigurationError, match=r'by one word\. Write preload=Preload\(domain="example.com"'):
        HSTSPolicy(preload=True)  # type: ignore[arg-type]


STARTED = date(2026, 11, 1)


@pytest.mark.parametrize(
    ("days", "max_age", "next_step"),
    [
        (0, timedelta(minutes=5), 1),
        (1, timedelta(weeks=1), 8),
        (7, timedelta(weeks=1), 8),
        (8, timedelta(days=30), 38),
        (37, timedelta(days=30), 38),
        (38, timedelta(days=365), None),
        (4000, timedelta(days=365), None),
    ],
)
def test_ramp_up(days: int, max_age: timedelta, next_step: int | None) -> None:
    """Each step lasts as long as browsers remember the one before; below a year it is named as a shortfall."""
    policy = HSTSPolicy.ramp_up(started=STARTED, today=STARTED + timedelta(days=days))
    assert policy.max_age == max_age
    assert policy.next_step == (None if next_step is None else STARTED + timedelta(days=next_step))
    assert [one.expires for one in policy.shortfalls] == ([STARTED + timedelta(days=38)] if days < 38 else [])
    assert all(one.requirement == "v5.0.0-3.4.1" for one in policy.shortfalls)


def test_ramp_up_asks_the_calendar() -> None:
    """Without a day it is this one."""
    assert HSTSPolicy.ramp_up(started=date(2020, 1, 1)) == HSTSPolicy(ramp_started=date(2020, 1, 1))
    assert HSTSPolicy().next_step is None


@pytest.mark.parametrize("started", [STARTED, datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01"])
def test_a_ramp_up_that_cannot_have_begun(started: Any) -> None:
    """A day ahead, a moment, a text."""
    with pytest.raises(ConfigurationError, match="no day that has come"):
        HSTSPolicy.ramp_up(started=started, today=date(2026, 10, 31))


def test_a_ramp_up_has_its_own_steps_and_no_preload() -> None:
    """It is no way to any age, and the list would refuse it."""
    with pytest.raises(ConfigurationError, match=r"or begin with HSTSPolicy\.ramp_up"):
        HSTSPolicy(max_age=timedelta(days=2), ramp_started=STARTED)
    with pytest.raises(ConfigurationError, match="end the ramp-up, or drop preload"):
        HSTSPolicy(max_age=timedelta(days=30), ramp_started=STARTED, preload=LISTED)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (HSTSPolicy(include_subdomains=False), "365 days for api.example.com."),
        (HSTSPolicy(preload=LISTED), "and every host below. example.com asks to be built into browsers."),
        (
            HSTSPolicy.ramp_up(started=STARTED, today=STARTED),
            "5 minutes for api.example.com and every host below. The next step comes with a restart from 2026-11-02.",
        ),
    ],
)
def test_consequence(policy: HSTSPolicy, said: str) -> None:
    """What is said at the start names the hosts, the time and what comes next."""
    assert consequence(policy, ("api.example.com",)).endswith(said)
    assert "every host served" in consequence(policy, ())
