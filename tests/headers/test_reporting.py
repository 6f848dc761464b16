"""Where browsers report: v5.0.0-3.4.7. One setting, three spellings."""

from typing import Any

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import (
    ContentSecurityPolicy,
    HeadersPolicy,
    IntegrityPolicy,
    Isolation,
    Reports,
    header_set,
)
from asvs_middleware.headers.csp import render as rendered
from asvs_middleware.headers.levels import check_csp
from asvs_middleware.headers.reporting import render, reported

NONE = ContentSecurityPolicy({"default-src": ["'none'"]})


@pytest.mark.parametrize(
    ("reports", "location"),
    [
        pytest.param(Reports(), "/.well-known/reports", id="by default"),
        pytest.param(Reports(path="/csp"), "/csp", id="a path"),
        pytest.param(Reports(url="https://r.example:8443/asvs?app=1"), "https://r.example:8443/asvs?app=1", id="a URL"),
    ],
)
def test_one_setting(reports: Reports, location: str) -> None:
    """Reporting-Endpoints, `report-to`, and `report-uri` for browsers that know only that."""
    assert render(reports) == f'reports="{location}"'
    assert rendered(reported(NONE, reports)) == f"default-src 'none'; report-to reports; report-uri {location}"


@pytest.mark.parametrize("directive", ["report-to", "report-uri"])
def test_a_place_of_the_operator_s_own(directive: str) -> None:
    """It stays, and no second one joins it."""
    own = ContentSecurityPolicy({directive: ["/mine" if directive == "report-uri" else "mine"]})
    assert reported(own, Reports()) == own


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        pytest.param({"path": "/r", "url": "https://r.example/"}, "names two places", id="two places"),
        pytest.param({"path": "reports"}, "no plain path", id="no slash"),
        pytest.param({"path": "//evil.example/"}, "no plain path", id="another host"),
        pytest.param({"path": "/r?x"}, "no plain path", id="a query"),
        pytest.param({"path": '/r"'}, "no plain path", id="the closing quote"),
        pytest.param({"path": "/r;x"}, "no plain path", id="another directive"),
        pytest.param({"path": "/r, x=1"}, "no plain path", id="another endpoint"),
        pytest.param({"path": 1}, "no plain path", id="a number"),
        pytest.param({"url": "http://r.example/"}, "no https URL", id="plaintext"),
        pytest.param({"url": "https://r.example"}, "no https URL with a path", id="no path"),
        pytest.param({"url": "https://u@r.example/"}, "no https URL", id="user information"),
        pytest.param({"url": "https://r.example/\n"}, "no https URL", id="a line end"),
        pytest.param({"url": 1}, "no https URL", id="no text"),
    ],
)
def test_a_place_that_cannot_be_right(choices: Any, message: str) -> None:
    """Nothing written as a place can be more than one."""
    with pytest.raises(ConfigurationError, match=message):
        Reports(**choices)


def test_level_three_asks_for_a_place() -> None:
    """v5.0.0-3.4.7: the presets have one by themselves; a policy made otherwise is refused without."""
    policy = NONE.replace(object_src=["'none'"], base_uri=["'none'"], frame_ancestors=["'none'"])
    check_csp(policy, 2)
    check_csp(reported(policy, Reports()), 3)
    with pytest.raises(ConfigurationError, match=r"misses level 3: no place for reports \(v5\.0\.0-3\.4\.7\)"):
        check_csp(policy, 3)
    assert dict(header_set("api", HeadersPolicy(), level=3).always)[b"reporting-endpoints"]


def fields(**choices: Any) -> dict[str, str]:
    headers = header_set("web", HeadersPolicy(**choices), level=2)
    pairs = [*headers.always, *(policy.pair(None, None) for policy in headers.policies)]
    return {name.decode(): value.decode() for name, value in pairs}


def test_every_field_that_can_report() -> None:
    """All of them name the one endpoint."""
    found = fields(
        reports=Reports(),
        csp_report_only=ContentSecurityPolicy({"img-src": ["'none'"], "sandbox": []}),
        isolation=Isolation(embedder_report_only="credentialless"),
        integrity=IntegrityPolicy(report_only=True),
        document_policy={"document-write": False},
    )
    assert found["content-security-policy"].endswith("report-to reports; report-uri /.well-known/reports")
    assert found["content-security-policy-report-only"] == (
        "img-src 'none'; report-to reports; report-uri /.well-known/reports"
    )
    assert found["cross-origin-opener-policy"] == 'same-origin; report-to="reports"'
    assert found["cross-origin-embedder-policy-report-only"] == 'credentialless; report-to="reports"'
    assert found["integrity-policy-report-only"] == "blocked-destinations=(script), endpoints=(reports)"
    assert found["document-policy"] == "document-write=?0;report-to=reports"
    assert found["reporting-endpoints"] == 'reports="/.well-known/reports"'


@pytest.mark.parametrize(
    "choices",
    [
        pytest.param({"csp_report_only": NONE}, id="CSP"),
        pytest.param({"isolation": Isolation(opener="unsafe-none", opener_report_only="same-origin")}, id="COOP"),
        pytest.param({"integrity": IntegrityPolicy(report_only=True)}, id="Integrity-Policy"),
    ],
)
def test_a_trial_needs_a_place(choices: Any) -> None:
    """Reports that go nowhere would pass for a clean trial."""
    with pytest.raises(ConfigurationError, match=r"no place for reports is named\. Set reports=Reports\(\)"):
        fields(**choices)
