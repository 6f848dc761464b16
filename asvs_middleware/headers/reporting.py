"""Where browsers send what a policy blocked: v5.0.0-3.4.7, Reporting API section 3.2, CSP 3 section 6.5.

One setting names the place in three ways: Reporting-Endpoints with `report-to`, and `report-uri` for the browsers
that know only that. middleware/reports/collector.py collects what arrives at a path of ours.
"""

import re
from dataclasses import dataclass
from typing import Final

from ..errors import ConfigurationError
from .csp import ContentSecurityPolicy

ENDPOINT: Final = "reports"
"""The endpoint's name. Not `default`: to that one browsers would send crash reports and the like, with whole URLs."""

_PATH: Final = re.compile(r"/[A-Za-z0-9/:@!$&*+=~._-]*\Z")
_URL: Final = re.compile(r"https://[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(:[0-9]{1,5})?/[A-Za-z0-9/:@!$&*+=~._%?-]*\Z")

DEFAULT_PATH: Final = "/.well-known/reports"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Where reports go: a path answered by the layer itself, or the URL of a collector elsewhere.

    Attributes:
        path: a path of this app; `/.well-known/reports` where neither is given.
        url: an https URL.

    Raises:
        ConfigurationError: both are given, or one is no path or no https URL.
    """

    path: str | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        if self.path is not None and self.url is not None:
            raise ConfigurationError("Reports(path=..., url=...) names two places.", fix="Keep one of them.")
        if self.url is None and self.path is None:
            object.__setattr__(self, "path", DEFAULT_PATH)
        if self.url is not None and not (isinstance(self.url, str) and _URL.match(self.url)):
            raise ConfigurationError(
                f"Reports(url={self.url!r}) is no https URL with a path.",
                fix='Write one such as "https://reports.example.com/asvs".',
            )
        if self.path is not None and not (
            isinstance(self.path, str) and _PATH.match(self.path) and not self.path.startswith("//")
        ):
            raise ConfigurationError(
                f"Reports(path={self.path!r}) is no plain path.",
                fix=f'Write one such as "{DEFAULT_PATH}": it begins with one slash, without query and percent signs.',
            )

    @property
    def location(self) -> str:
        """Path or URL, as headers name it."""
        return self.url or self.path or DEFAULT_PATH


def render(reports: Reports) -> str:
    """Return the value of Reporting-Endpoints, a structured dictionary (RFC 9651).

    >>> render(Reports())
    'reports="/.well-known/reports"'
    """
    return f'{ENDPOINT}="{reports.location}"'


def reported(policy: ContentSecurityPolicy, reports: Reports) -> ContentSecurityPolicy:
    """Return the policy with its report directives; those it already has are the operator's own and stay.

    `report-uri` is ignored by browsers that know `report-to`, so no report comes twice.
    """
    if reports_to_somewhere(policy):
        return policy
    return policy.replace(report_to=[ENDPOINT], report_uri=[reports.location])


def reports_to_somewhere(policy: ContentSecurityPolicy) -> bool:
    """Whether the policy names a place for reports."""
    return bool({"report-to", "report-uri"} & set(policy.directives))
