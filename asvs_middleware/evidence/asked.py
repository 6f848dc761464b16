"""What answers a path and what it asks of the caller, in the words of `asvs routes`. v5.0.0-8.2.1, v5.0.0-12.3.5.

Beside the routes stand what the policy itself puts there: the collector of browsers' reports, which asks for nothing,
and a port that is shut to everybody without a client certificate.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, Protocol

from starlette.types import Scope

from ..access import Answering, PrefixMarks, Public, RouteEntry, answering, needs_of, set_by
from ..access.lookup import answers
from ..certificates import ClientCertificates
from ..headers import HeadersPolicy, reports_of
from ..middleware import report_collector

_COLLECTED: Final = Public(reason="browsers report here, without credentials")
_PORT: Final = "certificate of any client, whatever the path"


class Asking(Protocol):
    """What is read of a SecurityPolicy."""

    @property
    def level(self) -> Literal[1, 2, 3]: ...
    @property
    def headers(self) -> HeadersPolicy: ...
    @property
    def prefix_marks(self) -> PrefixMarks: ...
    @property
    def client_certificates(self) -> ClientCertificates | None: ...


def found_at(policy: Asking, app: Any, entries: Sequence[RouteEntry], scope: Scope) -> Answering:
    """Return what answers a request: a route, the collector, or an entry without an endpoint."""
    reports = reports_of(policy.headers, level=policy.level)
    if reports is not None and reports.path == scope["path"] and scope["type"] == "http":
        entry = RouteEntry(scope["path"], ("OPTIONS", "POST"), report_collector, _COLLECTED, (), "", None)
        return Answering(entry, None, None, None)
    return answering(app, entries, policy.prefix_marks, scope)


def runs(found: Answering, method: str) -> bool:
    """Whether there is an endpoint that has the method."""
    return found.entry.endpoint is not None and found.status is None and answers(found.entry, method)


def asked(policy: Asking, found: Answering, method: str) -> tuple[str, str]:
    """Return what has to be proved, and who says so."""
    entry = found.entry
    needs = [needs_of(entry)] if entry.mark is not None or runs(found, method) else []
    by = set_by(entry)
    certificates = policy.client_certificates
    if certificates is not None and certificates.required:
        needs = [_PORT, *needs]
        by = "policy" if by == "-" else f"policy, {by}"
    return " + ".join(needs) or "nothing", by
