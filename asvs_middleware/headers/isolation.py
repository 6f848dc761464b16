"""Who may share a browsing context, a process or a resource with our pages: COOP, COEP, CORP and Origin-Agent-Cluster.

v5.0.0-3.4.8 (level 3) asks for Cross-Origin-Opener-Policy `same-origin` or `same-origin-allow-popups` on documents,
v5.0.0-3.5.8 (level 3) accepts a strict Cross-Origin-Resource-Policy. HTML section 7.1, Fetch section 3.8.
COEP is where sites break (images, widgets, a CDN), so it and COOP can be sent report-only first.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Final, Literal

from ..errors import ConfigurationError
from ..names import known

Opener = Literal["same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"]
Embedder = Literal["require-corp", "credentialless", "unsafe-none"]
Resource = Literal["same-origin", "same-site", "cross-origin"]

_OPENERS: Final = ("same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none")
_EMBEDDERS: Final = ("require-corp", "credentialless", "unsafe-none")
_RESOURCES: Final = ("same-origin", "same-site", "cross-origin")

OPENERS: Final = frozenset({"same-origin", "same-origin-allow-popups"})
"""What v5.0.0-3.4.8 takes."""

RESOURCES: Final = frozenset({"same-origin", "same-site"})
"""What v5.0.0-3.5.8 takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """What is shared with other origins. A None sends no such field.

    Attributes:
        opener: Cross-Origin-Opener-Policy: whether a page that opened ours keeps a hand on it.
        embedder: Cross-Origin-Embedder-Policy: whether what we load must agree to it.
        resource: Cross-Origin-Resource-Policy: who may load our answers.
        opener_report_only: what would be tried next; needs a place for reports.
        embedder_report_only: the same for the embedder policy.
        origin_keyed: `Origin-Agent-Cluster: ?1`, a process of its own and no document.domain.

    Raises:
        ConfigurationError: a value is misspelt, or a trial equals what is in force.
    """

    opener: Opener | None = "same-origin"
    embedder: Embedder | None = None
    resource: Resource | None = "same-origin"
    opener_report_only: Opener | None = None
    embedder_report_only: Embedder | None = None
    origin_keyed: bool = False

    def __post_init__(self) -> None:
        for argument, values in (
            ("opener", _OPENERS),
            ("embedder", _EMBEDDERS),
            ("resource", _RESOURCES),
            ("opener_report_only", _OPENERS),
            ("embedder_report_only", _EMBEDDERS),
        ):
            given = getattr(self, argument)
            if given is not None:
                known(given, values, where=f"Isolation({argument}=)")
        for argument in ("opener", "embedder"):
            trial = getattr(self, f"{argument}_report_only")
            if trial is not None and trial == getattr(self, argument):
                raise ConfigurationError(
                    f"Isolation({argument}_report_only={trial!r}) tries what is in force already.",
                    fix=f"Leave {argument}_report_only out.",
                )

    @property
    def needs_reports(self) -> bool:
        """Whether a trial is on whose findings have to go somewhere."""
        return self.opener_report_only is not None or self.embedder_report_only is not None


def render(policy: Isolation, *, endpoint: str | None = None) -> list[tuple[str, str]]:
    """Return names and values.

    Args:
        policy: what was chosen.
        endpoint: the name in Reporting-Endpoints that violations go to.

    >>> render(Isolation(embedder_report_only="credentialless"), endpoint="reports")[1]
    ('cross-origin-embedder-policy-report-only', 'credentialless; report-to="reports"')
    """
    to = "" if endpoint is None else f'; report-to="{endpoint}"'
    fields = (
        ("cross-origin-opener-policy", policy.opener, to),
        ("cross-origin-opener-policy-report-only", policy.opener_report_only, to),
        ("cross-origin-embedder-policy", policy.embedder, to),
        ("cross-origin-embedder-policy-report-only", policy.embedder_report_only, to),
        ("cross-origin-resource-policy", policy.resource, ""),
        ("origin-agent-cluster", "?1" if policy.origin_keyed else None, ""),
    )
    return [(name, f"{value}{tail}") for name, value, tail in fields if value is not None]


def check_level(policy: Isolation, *, level: int, waived: Container[str] = frozenset()) -> None:
    """Refuse what misses the level: v5.0.0-3.4.8 and v5.0.0-3.5.8 at level 3, where they are not waived.

    Raises:
        ConfigurationError: the opener policy keeps nobody out, or every origin may load our answers.
    """
    if level < 3:
        return
    if "v5.0.0-3.4.8" not in waived and policy.opener not in OPENERS:
        raise ConfigurationError(
            f"Isolation(opener={policy.opener!r}) keeps no opener out; v5.0.0-3.4.8 asks for it at level {level}.",
            fix='Use "same-origin" or "same-origin-allow-popups", or state level=2.',
        )
    if "v5.0.0-3.5.8" not in waived and policy.resource not in RESOURCES:
        raise ConfigurationError(
            f"Isolation(resource={policy.resource!r}) lets every origin load what is served; v5.0.0-3.5.8 forbids it "
            f"at level {level}.",
            fix='Use "same-origin" or "same-site", or state level=2.',
        )
