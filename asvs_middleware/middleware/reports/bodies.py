"""Read what browsers report: CSP 3 section 5.3 (`application/csp-report`) and the Reporting API, section 2.4.

Whoever likes may send anything here, so nothing of a report is believed: it becomes text for an event. Kept are the
places without path and query, which may hold secrets (v5.0.0-16.2.5); never a sample of the code that was blocked.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

MOST_REPORTS: Final = 20

LEGACY: Final = b"application/csp-report"
REPORTS: Final = b"application/reports+json"

KINDS: Final = {
    "csp-violation": "v5.0.0-3.4.7",
    "csp-hash": "v5.0.0-3.4.7",
    "coep": "v5.0.0-3.5.8",
    "coop": "v5.0.0-3.4.8",
    "integrity-violation": "v5.0.0-3.4.3",
    "permissions-policy-violation": "v5.0.0-3.4.3",
    "document-policy-violation": "v5.0.0-3.4.3",
}
"""The kinds of report that become events, and the requirement each serves; others are dropped."""

_EXTENSION: Final = re.compile(
    r"((chrome|moz|ms-browser|safari|safari-web)-extension|webkit-masked-url|chrome|edge|opera|resource|about"
    r"|chromeinvoke|chromenull|user-script|user-stylesheet|webviewprogressproxy|mxjscall|hbclient)(:|\Z)",
    re.IGNORECASE,
)
_ORIGIN: Final = re.compile(
    r"([a-zA-Z][a-zA-Z0-9+.-]{0,20}://)(?:[^/?#@]*@)?([A-Za-z0-9._:\[\]-]{1,253})(?:[/?#].*)?\Z", re.DOTALL
)
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9:-]{0,60}\Z")


class Report(NamedTuple):
    """One finding, as far as it is told.

    Attributes:
        kind: one of KINDS.
        directive: what was violated.
        blocked: the origin or keyword (`inline`, `eval`, `data`) of what was blocked.
        document: the origin of the page.
        enforced: it was blocked, not only reported.
    """

    kind: str
    directive: str
    blocked: str
    document: str
    enforced: bool


def read(body: bytes, media_type: bytes) -> list[Report]:
    """Return the reports in a body, without those of browser extensions and of kinds that are no business of ours.

    Raises:
        ValueError: the body is not what its media type promises, or holds more than 20 reports.
    """
    try:
        given = json.loads(body.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if media_type == LEGACY:
        members = given.get("csp-report") if isinstance(given, dict) else None
        if not isinstance(members, dict):
            raise ValueError("no csp-report")
        found = [_legacy(members)]
    else:
        items = given if isinstance(given, list) else [given]
        if len(items) > MOST_REPORTS or not all(isinstance(one, dict) for one in items):
            raise ValueError("no list of reports, or too long a one")
        found = [_modern(one) for one in items]
    return [one for one in found if one is not None]


def _legacy(members: Mapping[str, Any]) -> Report | None:
    return _report(
        "csp-violation",
        members,
        directive=members.get("effective-directive") or members.get("violated-directive"),
        blocked=members.get("blocked-uri"),
        document=members.get("document-uri"),
        sources=(members.get("source-file"),),
    )


def _modern(report: Mapping[str, Any]) -> Report | None:
    kind, body = report.get("type"), report.get("body")
    if not isinstance(kind, str) or kind not in KINDS or not isinstance(body, dict):
        return None
    return _report(
        kind,
        body,
        directive=body.get("effectiveDirective") or body.get("featureId") or body.get("policyId") or body.get("type"),
        blocked=body.get("blockedURL") or body.get("destination"),
        document=body.get("documentURL") or report.get("url"),
        sources=(body.get("sourceFile"),),
    )


def _report(
    kind: str, members: Mapping[str, Any], *, directive: Any, blocked: Any, document: Any, sources: tuple[Any, ...]
) -> Report | None:
    if any(isinstance(one, str) and _EXTENSION.match(one) for one in (blocked, *sources)):
        return None
    said = directive.split(" ", 1)[0] if isinstance(directive, str) else ""
    return Report(
        kind=kind,
        directive=said if _WORD.match(said) else "",
        blocked=_place(blocked),
        document=_place(document),
        # Compared one by one: whatever stands there need have no hash.
        enforced=members.get("disposition") not in ("report", "reporting"),
    )


def _place(given: Any) -> str:
    """Return the origin of an address, a keyword or a scheme as it is, and nothing of anything else."""
    if not isinstance(given, str):
        return ""
    origin = _ORIGIN.match(given)
    if origin is not None:
        return (origin[1] + origin[2]).lower()
    scheme = given.split(":", 1)[0][:61]  # `data:...`, `blob:...`, or a keyword such as `inline`.
    return scheme if _WORD.match(scheme) else ""
