"""Google's csp_evaluator on the policies as they come over TLS."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.scores import site
from tests.scores.place import Site

OWN_HOST = ("SCRIPT_ALLOWLIST_BYPASS", "MEDIUM_MAYBE", "'self'")
"""Below level 3 scripts may come from files of the own host (decision 0007); the tool wonders what else lies there."""

TRUSTED_TYPES = "REQUIRE_TRUSTED_TYPES_FOR_SCRIPTS"  # Most pages break under them; a route or policy can ask for them.
UNSAFE_INLINE = "UNSAFE_INLINE_FALLBACK"  # For browsers without nonces: none is left, and other scanners mark it.
ALLOWLIST = "ALLOWLIST_FALLBACK"  # `https:` for browsers without 'strict-dynamic': none is left.


def csp_of(one: Site, target: str) -> str:
    """Return the policy of a response; there is exactly one."""
    _, fields = one.fetch(target)
    [policy] = [value for name, value in fields if name.lower() == "content-security-policy"]
    return policy


def brief(found: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    return [(one["type"], one["severity"], one["value"]) for one in found]


@pytest.mark.parametrize("policy", ["api-1", "api-2", "api-3", "web-3", "mixed-3"])
def test_no_finding_on_any_response(policy: str, served: Callable[[str], Site], csp_evaluator: Any) -> None:
    """Nothing at all: pages with inline script at level 3, calls at every level, errors and files."""
    policies = [csp_of(served(policy), target) for target in site.RESPONSES]
    judged = csp_evaluator(policies)
    assert {target: brief(one["findings"]) for target, one in zip(site.RESPONSES, judged, strict=True)} == {
        target: [] for target in site.RESPONSES
    }


@pytest.mark.parametrize("policy", ["web-1", "web-2", "mixed-2"])
def test_below_level_3_one_finding_and_how_to_be_rid_of_it(
    policy: str, served: Callable[[str], Site], csp_evaluator: Any
) -> None:
    """A page with inline script has one; with `CSP.replace(script_src=[NONCE, "'strict-dynamic'"])` it has none."""
    usual, strict = csp_of(served(policy), "GET /"), csp_of(served(policy), "GET /strict")
    assert "'nonce-" in usual
    assert "'nonce-" in strict
    assert [brief(one["findings"]) for one in csp_evaluator([usual, strict])] == [[OWN_HOST], []]


@pytest.mark.parametrize(
    ("policy", "advised"),
    [
        pytest.param("api-2", {TRUSTED_TYPES}, id="calls"),
        pytest.param("web-2", {TRUSTED_TYPES, UNSAFE_INLINE}, id="pages"),
        pytest.param("web-3", {TRUSTED_TYPES, UNSAFE_INLINE, ALLOWLIST}, id="pages at level 3"),
    ],
)
def test_further_advice(policy: str, advised: set[str], served: Callable[[str], Site], csp_evaluator: Any) -> None:
    """What the further checks advise is what docs/explanation/scores.md explains, and nothing else."""
    [judged] = csp_evaluator([csp_of(served(policy), "GET /")])
    assert {advice["type"] for advice in judged["advice"]} == advised
