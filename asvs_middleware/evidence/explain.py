"""Why a path has the headers it has: who set each one, and what the level finds missing. v5.0.0-3.4.1 to 3.4.8.

The headers are put together by the code that serves them, for one response that is assumed: nothing is asked of the
app, so that what an endpoint sets itself is known only where it is given as `sent`. Judged is what one response can
show (headers.py), the place for reports (v5.0.0-3.4.7) and who may load the response (v5.0.0-3.5.8). What is asked of
the caller comes from the routes as the start-up check judged them (v5.0.0-8.2.1).
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

from ..access import RouteEntry
from ..access.enforce import SECURED, name_of
from ..asvs import requirement
from ..connection import Hosts, TrustedProxies, connection_reader
from ..connection.exchange import Exchange, Means
from ..headers import HeadersPolicy
from ..middleware import header_routes
from ..middleware.gates.cross_origin_routes import mark_of_route
from ..middleware.inbound import Inbound, inbound_dress
from ..middleware.response.dress import kind_of
from ..middleware.response.wardrobe import NOT_MODIFIED, arrival
from ..middleware.routes.header_routes import Chosen
from ..middleware.routes.sets import Chain, strongest, waivers_in
from ..waivers import Waiver
from . import csp
from .asked import Asking, answering, asked, runs
from .assumed import Assumed
from .credits import Credits
from .explanation import Explanation, HeaderLine
from .headers import JUDGED, judged
from .seen import Finding, Seen, of_fields

_REPORTS: Final = ("v5.0.0-3.4.7",)
_RESOURCE: Final = ("v5.0.0-3.5.8",)
_STORED: Final = ("v5.0.0-14.3.2",)


class Explained(Inbound, Chosen, Asking, Protocol):
    """What is read of a SecurityPolicy."""

    @property
    def headers(self) -> HeadersPolicy: ...
    @property
    def served_hosts(self) -> Hosts: ...
    @property
    def waivers(self) -> tuple[Waiver, ...]: ...


def explained(
    policy: Explained, assumed: Assumed, *, app: Any = None, entries: Sequence[RouteEntry] = ()
) -> Explanation:
    """Return the headers of a path over TLS, who set each, which requirements they meet, and what the guard asks.

    Args:
        policy: of the app.
        assumed: the request, and what an endpoint would answer.
        app: the app; None where the policy alone is asked.
        entries: its routes, as the start-up check judged them.

    Raises:
        ConfigurationError: the headers cannot be sent.
    """
    entry = answering(policy, entries, assumed.path, assumed.method)
    needs, by = asked(policy, entry, assumed.method)
    routes = header_routes(policy, foreign=lambda inner: bool(getattr(inner, SECURED, False)))
    chain = routes.chain_at(assumed.path, entry, app)
    theirs = assumed.fields(preset=policy.preset)
    start = {"type": "http.response.start", "status": assumed.status, "headers": theirs}
    exchange = _exchange(policy, assumed, proven=bool(entry.asks))
    dressed = inbound_dress(policy, routes.dress_for(chain))(exchange, start)["headers"]
    content_type = next(value for name, value in theirs if name.lower() == b"content-type").decode("latin-1")
    kind = kind_of(strongest(chain, "preset", policy.preset), content_type)
    credit = Credits(policy.headers, chain, theirs, kind=kind, mixed=policy.preset == "mixed")
    at = of_fields(
        dressed, status=assumed.status, method=assumed.method, path=assumed.path, host=_host(policy).encode("ascii")
    )
    missed = [*judged(at, policy.level), *_further(at, policy.level, needs_proof=bool(entry.asks))]
    return Explanation(
        path=assumed.path,
        method=assumed.method,
        route=None if entry.endpoint is None else entry.path,
        endpoint=name_of(entry.endpoint) if runs(entry, assumed.method) else None,
        needs=needs,
        set_by=by,
        problem=entry.problem,
        level=policy.level,
        status=assumed.status,
        headers=tuple(
            HeaderLine(name=name.decode("latin-1"), value=value.decode("latin-1"), who=credit.of(name.lower(), value))
            for name, value in dressed
        ),
        met=_met(missed, policy.level, needs_proof=bool(entry.asks), document=at.is_document),
        missed=tuple(missed),
        waived=_waived(policy, chain, entry),
    )


def _waived(policy: Explained, chain: Chain, entry: RouteEntry) -> tuple[tuple[str, str], ...]:
    """Return what is left open on purpose: by prefix, router and route, by the route's mark, and by the policy."""
    mark = mark_of_route(entry)
    elsewhere = {waiver for one in policy.headers_by_prefix.values() for waiver in one.waivers}
    found = (
        *waivers_in(chain),
        *(() if mark is None or mark.waiver is None else (mark.waiver,)),
        *(one for one in policy.waivers if one not in elsewhere),
    )
    return tuple((one.requirement, one.reason) for one in dict.fromkeys(found))


def _exchange(policy: Explained, assumed: Assumed, *, proven: bool) -> Exchange:
    """Return the exchange of the request over TLS, to the first host of the policy."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": assumed.method,
        "scheme": "https",
        "path": assumed.path,
        "raw_path": assumed.path.encode(),
        "query_string": b"",
        "headers": [(b"host", _host(policy).encode("ascii"))],
        "client": None,
    }
    reader = connection_reader(TrustedProxies.of(()))
    connection = reader(scope, _nothing)
    at = arrival(secure=True, host=connection.host)
    exchange = Exchange(connection.scope, _nothing, _nothing, Means(reader, None), at, connection)
    if proven:
        exchange.proofs = {"explained": True}
    if assumed.nonce:
        exchange.make_nonce()
    return exchange


async def _nothing(*_message: Any) -> Any:
    """Stand for the server, which is not there."""


def _host(policy: Explained) -> str:
    return policy.served_hosts.given[0].replace("*", "www")


def _further(at: Seen, level: int, *, needs_proof: bool) -> Iterator[Finding]:
    """Yield what the checks of a response cannot know: what it is for."""
    policy = csp.parse(at.value("content-security-policy"))
    if level >= 3 and at.status != NOT_MODIFIED and not {"report-to", "report-uri"} & set(policy.directives):
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
    all_judged = {*JUDGED, *_REPORTS, *_RESOURCE, *(_STORED if needs_proof else ())}
    all_judged -= set() if document else {"v5.0.0-3.4.8"}
    failed = {id_ for finding in missed for id_ in finding.requirements}
    return tuple(sorted(id_ for id_ in all_judged - failed if requirement(id_).level <= level))
