"""Why a path has the headers it has: who set each one, and what the level finds missing. v5.0.0-3.4.1 to 3.4.8.

The headers are put together by the code that serves them, for one response that is assumed: nothing is asked of the
app, so that what an endpoint sets itself is known only where it is given as `sent`. Judged is what one response can
show (rehearsal/headers.py), the place for reports (v5.0.0-3.4.7) and who may load the response (v5.0.0-3.5.8).
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import Any, Final

import httpx

from ..access import Sensitive
from ..access.enforce import SECURED, name_of
from ..access.marks import mark_of
from ..asvs import requirement
from ..connection import TrustedProxies, connection_reader
from ..connection.exchange import Exchange, Means
from ..errors import ConfigurationError
from ..events import printable
from ..middleware import header_routes
from ..middleware.gates.cross_origin_routes import cross_origin_mark
from ..middleware.inbound import inbound_dress
from ..middleware.response.dress import kind_of
from ..middleware.response.wardrobe import arrival
from ..middleware.routes.sets import Chain, strongest
from ..policy import SecurityPolicy
from ..stack import stack_of
from . import csp
from .credits import Credits
from .headers import JUDGED, findings
from .seen import Finding, Seen, seen

_NOT_MODIFIED: Final = 304
_WIDTH: Final = 80
_REPORTS: Final = ("v5.0.0-3.4.7",)
_RESOURCE: Final = ("v5.0.0-3.5.8",)
_STORED: Final = ("v5.0.0-14.3.2",)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderLine:
    """One header field and who set it.

    Attributes:
        name: the field.
        value: its value.
        who: `preset web`, `policy`, `prefix /embed/`, `mount /files`, `router`, `route`, `app` or `layer`, joined by
            ` + ` where several had a part in it.
    """

    name: str
    value: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The headers of one path.

    Attributes:
        path: as it was asked for.
        method: the request method.
        route: the path as the route has it; None where no route has it.
        endpoint: what runs; None likewise.
        level: the ASVS level of the policy.
        status: of the response that is assumed.
        headers: every field, in the order they are sent.
        met: ids the response shows to be met.
        missed: ids it misses, with what was seen and what to do.
        waived: ids that may be missed, with the reason.
    """

    path: str
    method: str
    route: str | None
    endpoint: str | None
    level: int
    status: int
    headers: tuple[HeaderLine, ...]
    met: tuple[str, ...]
    missed: tuple[Finding, ...]
    waived: tuple[tuple[str, str], ...]

    def data(self) -> dict[str, Any]:
        """Return the same as plain data, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        widths = [max(len(getattr(line, part)) for line in self.headers) for part in ("name", "who")]
        lines = [
            f"{self.method} {printable(self.path)}  {self.endpoint or 'no route'}  (status {self.status})",
            "",
            *(text for one in self.headers for text in _told(one, *widths)),
            "",
            f"Met at level {self.level}: {', '.join(self.met) or 'nothing'}",
        ]
        lines += [f"Missed: {finding}" for finding in self.missed]
        lines += [f"Waived: {id_} ({reason})" for id_, reason in self.waived]
        return "\n".join(lines)


def explain(
    app: Any,
    path: str,
    method: str = "GET",
    *,
    policy: SecurityPolicy | None = None,
    content_type: str | None = None,
    sent: Sequence[tuple[str, str]] = (),
    status: int = 200,
    nonce: bool = False,
) -> Explanation:
    """Return the headers of a path over TLS, who set each, and which requirements they meet.

    Args:
        app: a secured app; any app where a policy is given.
        path: such as `/orders/1`.
        method: the request method.
        policy: the one of the app unless given.
        content_type: what is assumed of the response: HTML, and JSON where the preset is `api`.
        sent: other fields that the endpoint sets itself.
        status: of the response.
        nonce: whether the page asks for a nonce.

    Raises:
        ConfigurationError: the app is not secured and no policy is given, the path is none, or its headers cannot be
            sent.
    """
    if not path.startswith("/"):
        raise ConfigurationError(f"explain({path!r}) is no path.", fix='Write one that begins with "/".')
    chosen = policy or stack_of(app).policy
    routes = header_routes(chosen, foreign=lambda inner: bool(getattr(inner, SECURED, False)))
    place, chain = routes.chain_at(path, app)
    assumed = content_type or ("application/json" if chosen.preset == "api" else "text/html; charset=utf-8")
    theirs = [(b"content-type", assumed.encode("ascii"))]
    theirs += [(name.encode("ascii"), value.encode("latin-1")) for name, value in sent]
    exchange = _exchange(chosen, path, method)
    endpoint = None if place is None else place.endpoint
    needs_proof = isinstance(mark_of(endpoint, method), Sensitive)
    if needs_proof:
        exchange.proofs = {"explained": True}
    if nonce:
        exchange.make_nonce()
    start = {"type": "http.response.start", "status": status, "headers": theirs}
    dressed = inbound_dress(chosen, routes.dress_for(chain))(exchange, start)["headers"]
    kind = kind_of(strongest(chain, "preset", chosen.preset), assumed)
    credit = Credits(chosen, chain, theirs, kind=kind)
    response = httpx.Response(status, headers=dressed, request=httpx.Request(method, f"https://{_host(chosen)}/"))
    at = seen(response)
    missed = [*findings(response, level=chosen.level), *_further(at, chosen.level, needs_proof=needs_proof)]
    return Explanation(
        path=path,
        method=method,
        route=None if place is None else place.path,
        endpoint=None if endpoint is None else name_of(endpoint),
        level=chosen.level,
        status=status,
        headers=tuple(
            HeaderLine(name=name.decode("latin-1"), value=value.decode("latin-1"), who=credit.of(name.lower(), value))
            for name, value in dressed
        ),
        met=_met(missed, chosen.level, needs_proof=needs_proof, document=at.is_document),
        missed=tuple(missed),
        waived=_waived(chosen, chain, endpoint),
    )


def _waived(policy: SecurityPolicy, chain: Chain, endpoint: Any) -> tuple[tuple[str, str], ...]:
    """Return what is left open on purpose: by prefix, router and route, by the route's mark, and by the policy."""
    mark = cross_origin_mark(endpoint) or cross_origin_mark(getattr(endpoint, "app", None))
    elsewhere = {one.waiver for one in policy.headers_by_prefix.values()}
    found = (
        *(link.choice.waiver for link in chain),
        None if mark is None else mark.waiver,
        *(one for one in policy.waivers if one not in elsewhere),
    )
    return tuple((one.requirement, one.reason) for one in dict.fromkeys(found) if one is not None)


def _exchange(policy: SecurityPolicy, path: str, method: str) -> Exchange:
    """Return the exchange of a request over TLS to the first host of the policy."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", _host(policy).encode("ascii"))],
        "client": None,
    }
    reader = connection_reader(TrustedProxies.of(()))
    connection = reader(scope, _nothing)
    return Exchange(
        connection.scope,
        _nothing,
        _nothing,
        Means(reader, None),
        arrival(secure=True, host=connection.host),
        connection,
    )


async def _nothing(*_message: Any) -> Any:
    """Stand for the server, which is not there."""


def _told(line: HeaderLine, name: int, who: int) -> Iterator[str]:
    """Yield name and who, then the value in as many lines as it needs."""
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line.value)
    first, *others = wrap(safe, _WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
    yield f"  {line.name:<{name}}  {line.who:<{who}}  {first}"
    for text in others:
        yield f"{'':{name + who + 6}}{text}"


def _host(policy: SecurityPolicy) -> str:
    return policy.served_hosts.given[0].replace("*", "www")


def _further(at: Seen, level: int, *, needs_proof: bool) -> Iterator[Finding]:
    """Yield what the checks of a response cannot know: what it is for."""
    policy = csp.parse(at.value("content-security-policy"))
    if level >= 3 and at.status != _NOT_MODIFIED and not {"report-to", "report-uri"} & set(policy.directives):
        yield Finding(
            requirements=_REPORTS,
            field="content-security-policy",
            seen="no place for reports",
            remedy="Set HeadersPolicy(reports=Reports()).",
        )
    resource = at.value("cross-origin-resource-policy")
    if level >= 3 and resource not in {"same-origin", "same-site"}:
        yield Finding(
            requirements=_RESOURCE,
            field="cross-origin-resource-policy",
            seen=resource or "absent",
            remedy="Send same-origin, or see that nothing is served here for one caller alone.",
        )
    if level >= 2 and needs_proof and "no-store" not in at.value("cache-control"):
        yield Finding(
            requirements=_STORED,
            field="cache-control",
            seen=at.value("cache-control") or "absent",
            remedy="Leave cache_control out: what a proof is needed for is then not kept.",
        )


def _met(missed: Sequence[Finding], level: int, *, needs_proof: bool, document: bool) -> tuple[str, ...]:
    """Return the ids that were judged, apply at the level, and are not missed."""
    judged = {*JUDGED, *_REPORTS, *_RESOURCE, *(_STORED if needs_proof else ())}
    judged -= set() if document else {"v5.0.0-3.4.8"}
    failed = {id_ for finding in missed for id_ in finding.requirements}
    return tuple(sorted(id_ for id_ in judged - failed if requirement(id_).level <= level))
