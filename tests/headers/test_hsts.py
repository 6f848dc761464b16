"""Strict-Transport-Security: v5.0.0-3.4.1, RFC 6797."""

from datetime import timedelta
from typing import Any

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import HSTSPolicy
from asvs_middleware.headers.hsts import render


@pytest.mark.parametrize(
    ("policy", "value"),
    [
        pytest.param(HSTSPolicy(), "max-age=31536000; includeSubDomains", id="by default"),
        pytest.param(HSTSPolicy(include_subdomains=False), "max-age=31536000", id="this host alone"),
        pytest.param(HSTSPolicy(preload=True), "max-age=31536000; includeSubDomains; preload", id="preload"),
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
            {"preload": True, "include_subdomains": False}, "every subdomain.*or drop preload", id="preload alone"
        ),
    ],
)
def test_a_policy_that_cannot_be_right_stops_the_start_up(choice: Any, message: str) -> None:
    """Less than ASVS asks for, and what the preload list refuses."""
    with pytest.raises(ConfigurationError, match=message):
        HSTSPolicy(**choice)
