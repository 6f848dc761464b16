"""One configuration, two fields, two nonces: v5.0.0-3.4.3."""

from itertools import product

import pytest

from asvs_middleware.headers import NONCE, STYLE_NONCE, ContentSecurityPolicy
from asvs_middleware.headers.csp import render
from asvs_middleware.headers.csp_field import REPORT_ONLY, field_of, report_only

POLICY = ContentSecurityPolicy({"script-src": [NONCE, "'strict-dynamic'"], "style-src": ["'self'", STYLE_NONCE]})


@pytest.mark.parametrize(
    ("nonce", "style", "value"),
    [
        (None, None, b"script-src 'none'; style-src 'self'"),
        (b"R4", None, b"script-src 'nonce-R4' 'strict-dynamic'; style-src 'self'"),
        (None, b"S5", b"script-src 'none'; style-src 'self' 'nonce-S5'"),
        (b"R4", b"S5", b"script-src 'nonce-R4' 'strict-dynamic'; style-src 'self' 'nonce-S5'"),
    ],
    ids=["none", "scripts", "styles", "both"],
)
def test_two_nonces(nonce: bytes | None, style: bytes | None, value: bytes) -> None:
    """Each stands in its own place, and a response that asked for one has no place for the other."""
    assert field_of(POLICY).pair(nonce, style) == (b"content-security-policy", value)


def test_both_in_one_directive() -> None:
    """Where a style sheet may carry either, one of them is enough."""
    field = field_of(ContentSecurityPolicy({"style-src": [NONCE, STYLE_NONCE, "'unsafe-inline'"]}))
    found = [field.pair(*pair)[1] for pair in product((None, b"R4"), (None, b"S5"))]
    assert found == [
        b"style-src 'none'",
        b"style-src 'nonce-S5' 'unsafe-inline'",
        b"style-src 'nonce-R4' 'unsafe-inline'",
        b"style-src 'nonce-R4' 'nonce-S5' 'unsafe-inline'",
    ]


def test_report_only() -> None:
    """What browsers ignore in a report-only policy, with a warning on every page, is left out."""
    policy = ContentSecurityPolicy({"img-src": ["'self'"], "sandbox": [], "upgrade-insecure-requests": []})
    assert render(report_only(policy)) == "img-src 'self'"
    assert field_of(policy, name=REPORT_ONLY).pair(None, None)[0] == b"content-security-policy-report-only"
