"""COOP, COEP, CORP and Origin-Agent-Cluster: v5.0.0-3.4.8, v5.0.0-3.5.8."""

from typing import Any

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import Isolation
from asvs_middleware.headers.isolation import check_level, render

OPENER, RESOURCE = ("cross-origin-opener-policy", "same-origin"), ("cross-origin-resource-policy", "same-origin")


@pytest.mark.parametrize(
    ("choices", "fields"),
    [
        pytest.param({}, [OPENER, RESOURCE], id="by default"),
        pytest.param({"opener": None, "resource": None}, [], id="nothing"),
        pytest.param(
            {"embedder": "require-corp"},
            [OPENER, ("cross-origin-embedder-policy", "require-corp"), RESOURCE],
            id="embedder",
        ),
        pytest.param({"origin_keyed": True}, [OPENER, RESOURCE, ("origin-agent-cluster", "?1")], id="origin-keyed"),
        pytest.param(
            {"opener": "unsafe-none", "opener_report_only": "same-origin", "resource": None},
            [("cross-origin-opener-policy", "unsafe-none"), ("cross-origin-opener-policy-report-only", "same-origin")],
            id="a trial",
        ),
    ],
)
def test_render(choices: Any, fields: list[tuple[str, str]]) -> None:
    """What was chosen and nothing else."""
    assert render(Isolation(**choices)) == fields


def test_reports() -> None:
    """Violations of both, and of their trials, go to the endpoint; the resource policy has none."""
    fields = render(Isolation(embedder="unsafe-none", embedder_report_only="credentialless"), endpoint="reports")
    assert [value for _, value in fields] == [
        'same-origin; report-to="reports"',
        'unsafe-none; report-to="reports"',
        'credentialless; report-to="reports"',
        "same-origin",
    ]


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"opener": "same-orign"}, "Did you mean 'same-origin'"),
        ({"embedder": "credentials"}, "Did you mean 'credentialless'"),
        ({"resource": "*"}, "Choose from"),
        ({"embedder": "require-corp", "embedder_report_only": "require-corp"}, "tries what is in force already"),
    ],
)
def test_a_policy_that_cannot_be_right(choices: Any, message: str) -> None:
    """A typo would be dropped by browsers; a trial of what is in force says nothing."""
    with pytest.raises(ConfigurationError, match=message):
        Isolation(**choices)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"opener": "unsafe-none"}, r"v5\.0\.0-3\.4\.8 asks for it at level 3"),
        ({"opener": None}, "keeps no opener out"),
        ({"resource": "cross-origin"}, r"v5\.0\.0-3\.5\.8 forbids it"),
        ({"resource": None}, "lets every origin load"),
    ],
)
def test_level_three(choices: Any, message: str) -> None:
    """Below it each is the operator's own choice."""
    check_level(Isolation(**choices), level=2)
    with pytest.raises(ConfigurationError, match=message):
        check_level(Isolation(**choices), level=3)


def test_what_level_three_accepts() -> None:
    """A page that opens pop-ups of others, and resources for the whole site."""
    check_level(Isolation(opener="same-origin-allow-popups", resource="same-site"), level=3)
