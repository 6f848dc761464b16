"""What is said when the app starts: v5.0.0-3.4.1, and what is left open on purpose."""

import logging
from datetime import date
from typing import Any

import pytest

from asvs_middleware import HeadersPolicy, HSTSPolicy
from asvs_middleware.middleware import announce, header_waivers

RAMP = HSTSPolicy.ramp_up(started=date(2026, 11, 1), today=date(2026, 11, 1))


@pytest.mark.parametrize(
    ("policy", "level", "events"),
    [
        pytest.param(HeadersPolicy(), 1, [], id="one host alone"),
        pytest.param(HeadersPolicy(), 2, [("hsts_covers_subdomains", "INFO")], id="subdomains"),
        pytest.param(
            HeadersPolicy(hsts=RAMP),
            2,
            [("hsts_covers_subdomains", "INFO"), ("requirement_waived", "WARNING")],
            id="ramp-up",
        ),
        pytest.param(HeadersPolicy(profile="dev"), 2, [("requirement_waived", "WARNING")] * 3, id="dev"),
    ],
)
def test_announce(
    caplog: pytest.LogCaptureFixture, policy: HeadersPolicy, level: int, events: list[tuple[str, str]]
) -> None:
    """The consequence for every host below, before a browser draws it; and each waiver."""
    caplog.set_level(logging.INFO, "asvs_middleware")
    announce(policy, level=level, hosts=["api.example.com"])
    assert [(record.message, record.levelname) for record in caplog.records] == events
    facts: list[dict[str, Any]] = [record.__dict__["asvs"] for record in caplog.records]
    if events and events[0][0] == "hsts_covers_subdomains":
        assert "api.example.com and every host below" in facts[0]["reason"]
    if policy.hsts is RAMP:
        assert facts[1]["expires"] == "2026-12-09"


def test_waivers() -> None:
    """What the audit lists."""
    assert header_waivers(HeadersPolicy()) == ()
    assert [waiver.control for waiver in header_waivers(HeadersPolicy(profile="dev"))] == [
        "hsts",
        "plaintext",
        "upgrade-insecure-requests",
    ]
