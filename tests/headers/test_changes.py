"""Changes to a policy that is not known yet."""

from typing import Any

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import CSP, ContentSecurityPolicy
from asvs_middleware.headers.csp import render

BASE = ContentSecurityPolicy({"default-src": ["'none'"], "img-src": ["'self'"], "frame-ancestors": ["'none'"]})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            CSP.append(img_src=["https://cdn.example"]),
            "default-src 'none'; img-src 'self' https://cdn.example; frame-ancestors 'none'",
            id="one more source",
        ),
        pytest.param(
            CSP.append(script_src=["https://w.example"]),
            "default-src 'none'; img-src 'self'; frame-ancestors 'none'; script-src https://w.example",
            id="a directive that was not there",
        ),
        pytest.param(
            CSP.replace(frame_ancestors=["https://portal.example"], img_src=None),
            "default-src 'none'; frame-ancestors https://portal.example",
            id="one replaced, one left out",
        ),
    ],
)
def test_a_change(change: Any, expected: str) -> None:
    """It says what differs; everything else is as in the policy around it."""
    assert render(change.applied_to(BASE)) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: CSP.append(), r"CSP\.append\(\) changes nothing", id="an empty change"),
        pytest.param(lambda: CSP.replace(), r"CSP\.replace\(\) changes nothing", id="an empty replacement"),
        pytest.param(lambda: CSP.append(scirpt_src=["'self'"]), "Did you mean 'script-src'", id="misspelt"),
        pytest.param(lambda: CSP.replace(script_src=["self"]), "without its quotes", id="no quotes"),
        pytest.param(lambda: CSP.append(script_src=["x; img-src *"]), "no source expression", id="injection"),
        pytest.param(lambda: CSP.append(script_src=None), "script-src=None is no list", id="nothing added"),
        pytest.param(lambda: CSP.append(script_src=5), "script-src=5 is no list", id="a number added"),
        pytest.param(lambda: CSP.replace(script_src=5), "script-src=5 is no list", id="a number in its place"),
    ],
)
def test_a_bad_change(make: Any, message: str) -> None:
    """What is wrong is said where it is written, though the policy comes later."""
    with pytest.raises(ConfigurationError, match=message):
        make()
