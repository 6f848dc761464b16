"""The fields of a preset that are the same on every response, family by family, in the order they are sent."""

from collections.abc import Container, Iterator
from typing import Final, Literal

from ..errors import ConfigurationError
from . import content_type, document_policy, framing, integrity, isolation, permissions, profiles, referrer, reporting
from .csp import ContentSecurityPolicy
from .isolation import Isolation
from .levels import check_referrer
from .policy import HeadersPolicy
from .reporting import ENDPOINT, Reports

Preset = Literal["api", "web"]
Text = tuple[str, str]

_REFERRER: Final[dict[Preset, str]] = {"api": "no-referrer", "web": "strict-origin-when-cross-origin"}
_ISOLATION: Final[dict[Preset, Isolation]] = {
    # JSON loads nothing, so nothing can break; a page's images and widgets could.
    "api": Isolation(embedder="require-corp"),
    "web": Isolation(),
}


def fixed(
    preset: Preset,
    policy: HeadersPolicy,
    csp: ContentSecurityPolicy,
    reports: Reports | None,
    *,
    level: int,
    waived: Container[str] = frozenset(),
) -> tuple[tuple[bytes, bytes], ...]:
    """Return the fields as bytes.

    Args:
        preset: whose defaults fill what the policy leaves open.
        policy: the operator's choices, profile applied.
        csp: the enforced Content-Security-Policy, which X-Frame-Options follows.
        reports: where violations go.
        level: the ASVS level.
        waived: ids of requirements that the choices may miss.

    Raises:
        ConfigurationError: a choice misses the level, or a trial has no place for its reports.
    """
    check_referrer(_referrer(preset, policy), level, waived=waived)
    isolation.check_level(isolation_of(preset, policy), level=level, waived=waived)
    pairs = [(name.encode("ascii"), value.encode("ascii")) for name, value in _texts(preset, policy, csp, reports)]
    return (*pairs, *profiles.further(policy))


def _texts(
    preset: Preset, policy: HeadersPolicy, csp: ContentSecurityPolicy, reports: Reports | None
) -> Iterator[Text]:
    yield "x-content-type-options", "nosniff"  # v4.0.3-14.4.4, v5.0.0-3.4.4
    yield "referrer-policy", _referrer(preset, policy)
    yield "permissions-policy", _permissions(policy)
    yield from _isolation(preset, policy, reports)
    # A call is framed by nobody who heeds frame-ancestors; without it this field has to say so: v4.0.3-14.4.7.
    if preset == "web" or policy.profile == "oshp" or "frame-ancestors" not in csp.directives:
        framed = framing.render(csp)
        if framed is not None:
            yield framing.NAME, framed
    if reports is not None:
        yield "reporting-endpoints", reporting.render(reports)
    endpoint = None if reports is None else ENDPOINT
    if policy.integrity is not None:
        if policy.integrity.report_only and reports is None:
            raise trial_without_reports("IntegrityPolicy(report_only=True)")
        yield integrity.render(policy.integrity, endpoint=endpoint)
    if policy.document_policy:
        yield "document-policy", document_policy.render(policy.document_policy, endpoint=endpoint)
    if preset == "api" and policy.attachment is not None:
        yield "content-disposition", content_type.attachment(policy.attachment)


def _referrer(preset: Preset, policy: HeadersPolicy) -> str:
    return referrer.render(policy.referrer or _REFERRER[preset])


def _permissions(policy: HeadersPolicy) -> str:
    if policy.profile == "oshp" and not policy.permissions:
        return profiles.OSHP_PERMISSIONS
    return permissions.render(policy.permissions)


def _isolation(preset: Preset, policy: HeadersPolicy, reports: Reports | None) -> list[Text]:
    chosen = isolation_of(preset, policy)
    if chosen.needs_reports and reports is None:
        raise trial_without_reports("Isolation(..._report_only=...)")
    # The suite of `oshp` compares whole values.
    named = reports is not None and (policy.profile != "oshp" or chosen.needs_reports)
    return isolation.render(chosen, endpoint=ENDPOINT if named else None)


def isolation_of(preset: Preset, policy: HeadersPolicy) -> Isolation:
    """Return the operator's choice, or the preset's own."""
    return profiles.with_profile(policy).isolation or _ISOLATION[preset]


def trial_without_reports(what: str) -> ConfigurationError:
    """Return the error for a report-only policy whose reports go nowhere."""
    return ConfigurationError(
        f"{what} reports what it would block, and no place for reports is named.",
        fix="Set reports=Reports(), or enforce the policy.",
    )
