"""The headers of the presets `api` and `web`, by ASVS level, as bytes made once.

docs/explanation/defaults.md gives each default its reason. No header is sent that does not earn its place: the
server checks and writes each of them on every response.
"""

from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Final

from ..errors import ConfigurationError
from . import csp_field, hsts, merge
from .csp import NONCE, ContentSecurityPolicy
from .csp_field import PolicyField, field_of
from .families import Preset, fixed, trial_without_reports
from .hsts import HSTSPolicy
from .levels import check_csp, check_hsts
from .policy import HeadersPolicy
from .profiles import with_profile
from .reporting import Reports, reported

Pair = merge.Pair
Pairs = tuple[Pair, ...]

CSP_NAME: Final = csp_field.ENFORCED
NO_STORE: Final = merge.NO_STORE
_FRAMED: Final = b"x-frame-options"


@dataclass(frozen=True, slots=True)
class HeaderSet:
    """One preset's headers, rendered.

    Attributes:
        always: on every response.
        hsts: only over TLS and for domain names; None where none is sent (profile `dev`).
        policies: the Content-Security-Policy and, where there is one, the report-only one.
        in_clear: the same for a response over plaintext, without upgrade-insecure-requests, which would break it.
        cache_control: the operator's own word on caching, for responses below 400; None leaves it to the app.
        on_success: only on responses below 400.
    """

    always: Pairs
    hsts: Pair | None
    policies: tuple[PolicyField, ...]
    in_clear: tuple[PolicyField, ...]
    cache_control: Pair | None = None
    on_success: Pairs = ()

    @property
    def csp(self) -> Pair:
        """The enforced policy of a response without a nonce."""
        return self.policies[0].pair(None, None)

    @property
    def csp_around_nonce(self) -> tuple[bytes, ...]:
        """Its pieces, to be joined with a nonce."""
        return self.policies[0].around_nonce


def header_set(preset: Preset, policy: HeadersPolicy, *, level: int, waived: Container[str] = frozenset()) -> HeaderSet:
    """Render the headers of a preset.

    Args:
        preset: `api` or `web`.
        policy: what differs from the preset.
        level: the ASVS level (1, 2 or 3), whose values the preset takes.
        waived: ids of requirements that the choices may miss; every other one of the level holds.

    Raises:
        ConfigurationError: a choice misses the level, or two do not go together.
    """
    policy = with_profile(policy)
    reports = reports_of(policy, level=level)
    enforced = _enforced(preset, policy, reports, level)
    always = fixed(preset, policy, enforced, reports, level=level, waived=waived)
    check_csp(enforced, level, frame_options=dict(always).get(_FRAMED, b"").decode("ascii"), waived=waived)
    trial = _trial(policy, reports)
    return HeaderSet(
        always=always,
        hsts=_hsts(policy, level),
        policies=_fields(enforced, trial),
        in_clear=_fields(enforced.replace(upgrade_insecure_requests=None), trial),
        cache_control=None if policy.cache_control is None else (NO_STORE[0], policy.cache_control.encode("ascii")),
    )


def of_kind(policy: HeadersPolicy, kind: Preset, *, mixed: bool) -> HeadersPolicy:
    """Return the policy for one kind of response: where both exist, what is about pages is meant for the pages."""
    if not mixed or kind == "web":
        return policy
    return replace(
        policy,
        csp=None,
        csp_report_only=None,
        referrer=None,
        permissions={},
        isolation=None,
        integrity=None,
        document_policy={},
    )


def csp_of(preset: Preset, policy: HeadersPolicy, *, level: int) -> ContentSecurityPolicy:
    """Return the operator's policy, or the preset's own for the level."""
    return policy.csp or (API_CSP if preset == "api" else web_csp(level))


def reports_of(policy: HeadersPolicy, *, level: int) -> Reports | None:
    """Return where reports go: at level 3 to a path of ours unless chosen otherwise, as v5.0.0-3.4.7 asks."""
    return policy.reports or (Reports() if level >= 3 else None)


def default_hsts(level: int) -> HSTSPolicy:
    """Return a year; from level 2 subdomains too, as v5.0.0-3.4.1 asks."""
    return HSTSPolicy(include_subdomains=level >= 2)


API_CSP: Final = ContentSecurityPolicy(
    {
        "default-src": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
)


def web_csp(level: int) -> ContentSecurityPolicy:
    """Return the page policy: own scripts and nonces below level 3, nonces alone at level 3 (v5.0.0-3.4.3)."""
    scripts = [NONCE, "'strict-dynamic'"] if level >= 3 else ["'self'", NONCE]
    return ContentSecurityPolicy(
        {
            "default-src": ["'none'"],
            "script-src": scripts,
            "style-src": ["'self'", NONCE],
            "img-src": ["'self'", "data:"],
            "font-src": ["'self'"],
            "connect-src": ["'self'"],
            "manifest-src": ["'self'"],
            "base-uri": ["'none'"],
            "object-src": ["'none'"],
            "form-action": ["'self'"],
            "frame-ancestors": ["'none'"],
            "upgrade-insecure-requests": [],
        }
    )


def _enforced(preset: Preset, policy: HeadersPolicy, reports: Reports | None, level: int) -> ContentSecurityPolicy:
    chosen = csp_of(preset, policy, level=level)
    if policy.profile == "dev":
        chosen = chosen.replace(upgrade_insecure_requests=None)
    return chosen if reports is None else reported(chosen, reports)


def _trial(policy: HeadersPolicy, reports: Reports | None) -> ContentSecurityPolicy | None:
    if policy.csp_report_only is None:
        return None
    if reports is None:
        raise trial_without_reports("HeadersPolicy(csp_report_only=...)")
    return reported(csp_field.report_only(policy.csp_report_only), reports)


def _fields(enforced: ContentSecurityPolicy, trial: ContentSecurityPolicy | None) -> tuple[PolicyField, ...]:
    reported_only = () if trial is None else (field_of(trial, name=csp_field.REPORT_ONLY),)
    return (field_of(enforced), *reported_only)


def _hsts(policy: HeadersPolicy, level: int) -> Pair | None:
    if policy.profile == "dev":
        if policy.hsts is not None:
            raise ConfigurationError(
                'HeadersPolicy(profile="dev") sends no Strict-Transport-Security, and hsts=... was given.',
                fix="Leave one of them out.",
            )
        return None
    chosen = policy.hsts or default_hsts(level)
    check_hsts(chosen, level)
    return b"strict-transport-security", hsts.render(chosen).encode("ascii")
