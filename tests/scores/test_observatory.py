"""MDN HTTP Observatory, its own code, over TLS: docs/how-to/score-your-headers.md says how to repeat it."""

from collections.abc import Callable
from typing import Any

import pytest

from example_app.processes import everything_running
from tests.scores import site
from tests.scores.place import Site

HEADERS_ALONE = 130
"""All that headers can earn in algorithm 4: 100, CSP 10, CORP 10, framing 5, referrer 5."""

OWN_MERIT = {"GET /file": 5, "GET /cookie": 5}
"""A script with an integrity attribute; a cookie that is Secure, HttpOnly and SameSite."""


def lost(marked: dict[str, Any]) -> dict[str, int]:
    """Return the tests that cost something."""
    return {name: test["mark"] for name, test in marked["tests"].items() if test["mark"] < 0 or not test["pass"]}


@pytest.mark.parametrize("policy", ["web-1", "web-2", "web-3", "mixed-2", "mixed-3", "web-2-mozilla", "mixed-2-oshp"])
def test_every_response_has_full_marks(policy: str, served: Callable[[str], Site], observatory: Any) -> None:
    """Page, error, refusal, redirect, stream, file: nothing is lost anywhere, and the grade is A+."""
    report = observatory(served(policy), *site.RESPONSES)
    assert (report["package"], report["algorithm"]) == ("1.4.8", 4)
    assert (report["/"]["score"], report["/"]["grade"]) == (HEADERS_ALONE, "A+")
    for target, status in site.RESPONSES.items():
        marked = report[target.replace(" ", ":")]
        assert marked["status"] == status, target
        assert lost(marked) == {}, target
        assert marked["score"] == HEADERS_ALONE + OWN_MERIT.get(target, 0), target
        assert marked["grade"] == "A+"


def test_a_page_with_a_script_file_and_a_cookie(served: Callable[[str], Site], observatory: Any) -> None:
    """Integrity and a good cookie are worth five each: 140, and 145 needs a place on the browsers' preload list."""
    report = observatory(served("web-2"), "GET /both")
    assert report["GET:/both"]["score"] == 140


@pytest.mark.parametrize("policy", ["api-2", "api-3"])
def test_an_api(policy: str, served: Callable[..., Site], observatory: Any) -> None:
    """Without a plaintext port an API has full marks; with one that refuses, it pays for not redirecting.

    v5.0.0-4.1.2 forbids that redirect for calls, so this is where the scanner and the requirement part.
    """
    one = served(policy)
    closed = observatory(Site(one.host, one.port, None, one.ca), *site.RESPONSES)
    assert {marked["grade"] for marked in closed.values() if isinstance(marked, dict)} == {"A+"}
    assert closed["/"]["score"] == HEADERS_ALONE
    refusing = observatory(one)
    assert lost(refusing["/"]) == {"redirection": -20}
    assert (refusing["/"]["score"], refusing["/"]["grade"]) == (80, "B+")


def test_the_example(observatory: Any) -> None:
    """The example as `./example_app/run --serve` leaves it, scanned under the name its certificate has."""
    with everything_running() as running:
        one = Site("payments.example", running.payments_port, running.plaintext_port, running.file("ca.pem"))
        paths = ["GET /docs", "GET /redoc", "GET /health", "GET /orders", "GET /nowhere", "GET /payments", "GET /boom"]
        report = observatory(one, *paths, "GET /static/page.css")
    marked = {name: one for name, one in report.items() if isinstance(one, dict)}
    assert {name: lost(one) for name, one in marked.items() if lost(one)} == {}
    assert {one["grade"] for one in marked.values()} == {"A+"}
    # ReDoc writes style elements that cannot carry a nonce: no extra credit for its policy, and no penalty.
    assert {name for name, one in marked.items() if one["score"] < HEADERS_ALONE} == {"GET:/redoc"}
    assert marked["GET:/redoc"]["score"] == HEADERS_ALONE - 10
    assert marked["/"]["score"] == HEADERS_ALONE + 5  # Its script file has an integrity attribute.
