"""What the suites of others ask for, checked as they check it, and what a developer's machine leaves open."""

from datetime import date
from typing import Any

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import HeadersPolicy, HSTSPolicy, Isolation, Reports, clear_site_data, header_set
from asvs_middleware.headers.profiles import OSHP_CLEAR_SITE_DATA


def sent(preset: Any, level: int = 2, **choices: Any) -> dict[str, str]:
    headers = header_set(preset, HeadersPolicy(**choices), level=level)
    pairs = [*headers.always, *([headers.hsts] if headers.hsts else []), headers.csp]
    assert len({name for name, _ in pairs}) == len(pairs)
    return {name.decode(): value.decode() for name, value in pairs}


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("preset", ["api", "web"])
def test_oshp(preset: str, level: int) -> None:
    """The assertions of the OWASP Secure Headers validator as of 2024-09-02, one by one."""
    headers = sent(preset, level, profile="oshp")
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-permitted-cross-domain-policies"] == "none"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["permissions-policy"].startswith("accelerometer=(), autoplay=(), ")
    assert headers["permissions-policy"].endswith("interest-cohort=(), serial=(), unload=()")
    assert len(headers["permissions-policy"].split(", ")) == 29
    assert headers["cache-control"] == "no-store, max-age=0"
    assert not {"feature-policy", "public-key-pins", "expect-ct", "x-xss-protection"} & set(headers)
    if preset == "web":
        assert headers["x-frame-options"] == "DENY"


def test_oshp_at_the_log_out() -> None:
    """There the suite compares this value."""
    assert clear_site_data.render(OSHP_CLEAR_SITE_DATA) == '"cache","cookies","storage"'


def test_what_an_operator_chose_stays() -> None:
    """A profile fills what was left open, and overrules nothing."""
    chosen = {"referrer": "same-origin", "isolation": Isolation(resource="same-site"), "permissions": {"usb": ["self"]}}
    headers = sent("web", profile="oshp", **chosen)
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-site"
    assert "cross-origin-embedder-policy" not in headers
    assert "usb=(self)" in headers["permissions-policy"]


def test_oshp_with_a_trial() -> None:
    """A trial needs its reports more than a suite needs its exact value."""
    chosen = Isolation(embedder_report_only="require-corp")
    headers = sent("web", profile="oshp", isolation=chosen, reports=Reports())
    assert headers["cross-origin-opener-policy"] == 'same-origin; report-to="reports"'


@pytest.mark.parametrize("preset", ["api", "web"])
def test_mozilla(preset: str) -> None:
    """What the Observatory gives full marks for."""
    headers = sent(preset, profile="mozilla")
    assert "default-src 'none';" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cross-origin-embedder-policy"] in {"credentialless", "require-corp"}
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert int(headers["strict-transport-security"].split(";")[0].removeprefix("max-age=")) >= 15552000


def test_dev() -> None:
    """It leaves out HSTS and upgrade-insecure-requests, keeps all else, and says what it leaves open."""
    relaxed, strict = sent("web", profile="dev"), sent("web")
    assert strict.pop("strict-transport-security")
    assert (
        strict.pop("content-security-policy") == relaxed.pop("content-security-policy") + "; upgrade-insecure-requests"
    )
    assert relaxed == strict
    assert [one.control for one in HeadersPolicy(profile="dev").shortfalls] == [
        "hsts",
        "plaintext",
        "upgrade-insecure-requests",
    ]
    with pytest.raises(ConfigurationError, match=r"sends no Strict-Transport-Security, and hsts=\.\.\. was given"):
        sent("web", profile="dev", hsts=HSTSPolicy())


def test_shortfalls() -> None:
    """A ramp-up is one until it ends; by default there is none."""
    assert HeadersPolicy().shortfalls == ()
    ramp = HSTSPolicy.ramp_up(started=date(2026, 11, 1), today=date(2026, 11, 2))
    [shortfall] = HeadersPolicy(hsts=ramp).shortfalls
    assert shortfall.expires == date(2026, 12, 9)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"profile": "mozila"}, "Did you mean 'mozilla'"),
        ({"hsts": True}, r"hsts=\.\.\.\) is a bool, not a HSTSPolicy"),
        ({"csp": "default-src 'self'"}, "is a str, not a ContentSecurityPolicy"),
        ({"reports": "/reports"}, r"Write reports=Reports\(\.\.\.\)"),
        ({"permissions": ["camera"]}, "is a list, not a Mapping"),
        ({"charset": 1}, "is a int, not a bool"),
    ],
)
def test_a_choice_of_the_wrong_type(choices: Any, message: str) -> None:
    """It stops the start-up where it is written."""
    with pytest.raises(ConfigurationError, match=message):
        HeadersPolicy(**choices)
