"""The OWASP Secure Headers Project's suite under the profile `oshp`, over TLS."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asvs_middleware.headers.profiles import OSHP_PERMISSIONS
from tests.scores import oshp, site
from tests.scores.place import Site

SUITE = """
testcases:
  - name: X-Frame-Options
    steps:
      - type: http
        assertions:
          - result.statuscode ShouldEqual 200
          - result.headers.X-Frame-Options ShouldNotBeNil
          - result.headers.X-Frame-Options ShouldBeIn "deny" "DENY"
  - name: Clear-Site-Data
    steps:
      - assertions:
          - result.headers.Clear-Site-Data ShouldEqual '"cache","cookies"'
          - 'result.headers.Cache-Control ShouldEqual "no-store, max-age=0"'
          - result.headers.Content-Security-Policy ShouldNotContainSubstring "unsafe"
          - result.headers.X-XSS-Protection ShouldBeNil
"""
"""The form of the suite's own file."""


@pytest.fixture(scope="session")
def conditions() -> tuple[oshp.Condition, ...]:
    """The suite's own conditions where OSHP_SUITE names its file, else our table of them."""
    given = os.environ.get("OSHP_SUITE")
    return oshp.CONDITIONS if given is None else oshp.conditions_of(Path(given).read_text(encoding="utf-8"))


@pytest.mark.parametrize("target", site.RESPONSES)
@pytest.mark.parametrize("policy", ["web-2-oshp", "mixed-2-oshp", "api-2-oshp", "web-3-oshp", "mixed-3-oshp"])
def test_complete(
    policy: str, target: str, served: Callable[[str], Site], conditions: tuple[oshp.Condition, ...]
) -> None:
    """Every condition holds on every response, errors, redirects, streams and files too."""
    status, fields = served(policy).fetch(target)
    assert status == site.RESPONSES[target]
    unmet = oshp.unmet(fields, conditions, logout="/logout" in target)
    assert [one.split()[0] for one in unmet] == []


def test_the_presets_alone_do_not_suffice(served: Callable[[str], Site]) -> None:
    """What the profile adds: the table can fail, and this is what it finds on a page under `web`."""
    _, fields = served("web-2").fetch("GET /")
    assert {one.split()[0] for one in oshp.unmet(fields, oshp.CONDITIONS)} == {
        "cache-control",
        "cross-origin-embedder-policy",
        "permissions-policy",
        "referrer-policy",
        "x-permitted-cross-domain-policies",
    }


def test_two_accounts_of_the_features_agree() -> None:
    """The profile sends what the table, written down on its own, asks for."""
    assert oshp.PERMISSIONS == OSHP_PERMISSIONS


def test_reading_a_suite() -> None:
    """Conditions on fields are read, in either way of quoting; the status is left out."""
    assert oshp.conditions_of(SUITE) == (
        oshp.Condition("x-frame-options", "ShouldNotBeNil"),
        oshp.Condition("x-frame-options", "ShouldBeIn", ("deny", "DENY")),
        oshp.Condition("clear-site-data", "ShouldEqual", ('"cache","cookies"',)),
        oshp.Condition("cache-control", "ShouldEqual", ("no-store, max-age=0",)),
        oshp.Condition("content-security-policy", "ShouldNotContainSubstring", ("unsafe",)),
        oshp.Condition("x-xss-protection", "ShouldBeNil"),
    )


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        ("testcases: []", "no condition on a header field"),
        ("  - result.headers.A ShouldSing", "ShouldSing, which is not known"),
    ],
)
def test_a_suite_that_cannot_be_read(suite: str, message: str) -> None:
    """A file of another kind is an error, never a suite without conditions."""
    with pytest.raises(ValueError, match=message):
        oshp.conditions_of(suite)


def test_a_field_that_came_twice_is_one_wrong_value() -> None:
    """Two right values are not what was asked for."""
    twice = [("Referrer-Policy", "no-referrer"), ("referrer-policy", "no-referrer")]
    wanted = [oshp.Condition("referrer-policy", "ShouldEqual", ("no-referrer",))]
    assert len(oshp.unmet(twice, wanted)) == 1


@pytest.mark.parametrize(("policy", "code", "line"), [("web-2-oshp", 0, "0 unmet."), ("web-2", 1, "unmet.")])
def test_the_command(policy: str, code: int, line: str, served: Callable[[str], Site]) -> None:
    """The command of the how-to says what is unmet, and its status says whether anything is."""
    one = served(policy)
    command = [sys.executable, "-m", "tests.scores.oshp", f"https://{one.host}:{one.port}", "--ca", str(one.ca)]
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parents[2]
    )
    assert (ran.returncode, ran.stderr) == (code, "")
    assert ran.stdout.rstrip().endswith(line)
