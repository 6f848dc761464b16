"""Integrity-Policy: scripts and styles from elsewhere run only with a hash in their tag. v5.0.0-3.6.1 (level 3).

Subresource Integrity section 3.8 (Chromium 138, Firefox 145). Own files need the attribute as well once it is in
force, so it can be sent report-only first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import ConfigurationError
from ..names import known

_DESTINATIONS: Final = ("script", "style")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityPolicy:
    """Which kinds of file are blocked without an `integrity` attribute.

    Attributes:
        blocked: `script`, `style` or both.
        report_only: only say what would be blocked; needs a place for reports.

    Raises:
        ConfigurationError: nothing is blocked, or a kind is misspelt.
    """

    blocked: Sequence[str] = ("script",)
    report_only: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.blocked, str) or not self.blocked:
            raise ConfigurationError(
                f"IntegrityPolicy(blocked={self.blocked!r}) names no list of kinds.", fix='Write blocked=["script"].'
            )
        for kind in self.blocked:
            known(kind, _DESTINATIONS, where="IntegrityPolicy(blocked=)")
        object.__setattr__(self, "blocked", tuple(dict.fromkeys(self.blocked)))


def render(policy: IntegrityPolicy, *, endpoint: str | None = None) -> tuple[str, str]:
    """Return name and value, a structured dictionary (RFC 9651).

    >>> render(IntegrityPolicy(), endpoint="reports")
    ('integrity-policy', 'blocked-destinations=(script), endpoints=(reports)')
    """
    to = "" if endpoint is None else f", endpoints=({endpoint})"
    name = "integrity-policy-report-only" if policy.report_only else "integrity-policy"
    return name, f"blocked-destinations=({' '.join(policy.blocked)}){to}"
