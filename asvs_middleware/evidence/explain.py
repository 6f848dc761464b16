"""Why a path has the headers it has: who set each one, and what the level finds missing. v5.0.0-3.4.1 to 3.4.8.

The headers are put together by the code that serves them, for one response that is assumed: nothing is asked of the
app, so that what an endpoint sets itself is known only where it is given as `sent`. Judged is what one response can
show (headers.py), the place for reports (v5.0.0-3.4.7) and who may load the response (v5.0.0-3.5.8). What is asked of
the caller comes from the routes as the start-up check judged them (v5.0.0-8.2.1).
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, Protocol

from starlette.types import Scope

from ..access import Answering, RouteEntry, applications
from ..access.documentation import SENDS
from ..access.enforce import SECURED, name_of
from ..access.lookup import has_own_policy
from ..access.prefixes import WEBSOCKET
from ..asvs import requirement
from ..connection import Connection, Hosts
from ..connection.exchange import Exchange
from ..headers import HeadersPolicy, Pair
from ..headers.isolation import RESOURCES
from ..headers.judged import REPORTS, reports
from ..middleware import header_routes
from ..middleware.gates.cross_origin_routes import mark_of_route
from ..middleware.inbound import CrossOriginRoutes, Inbound, inbound_gates
from ..middleware.response.dress import kind_of
from ..middleware.routes.header_routes import Chosen
from ..middleware.routes.sets import Chain, strongest, waivers_in
from ..waivers import Waiver
from .answers import Answer, in_place_of_an_endpoint, refused
from .asked import Asking, asked, found_at, runs
from .assumed import Assumed
from .credits import Credits
from .explanation import Explanation, HeaderLine
from .headers import finding_of, judged, kept_nowhere, left_as_stored
from .headers import shown as ids_shown
from .rehearsed import exchange_with, request_of, sent
from .seen import Finding, Seen, of_fields

_RESOURCE: Final = ("v5.0.0-3.5.8",)
_POLICY, _LOADED_BY, _KEPT = "content-security-policy", "cross-origin-resource-policy", "cache-control"
_SUBDOMAINS: Final = "v4.0.3-14.4.5"
_SWITCHING: Final = 101
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
    """Return the headers of a path, who set each, which requirements they meet, and what the guard asks.

    Args:
        policy: of the app.
        assumed: the request, and what an endpoint would answer.
        app: the app; None where the policy alone is asked.
        entries: its routes, as the start-up check judged them.

    Raises:
        ConfigurationError: the headers cannot be sent.
    """
    connection = request_of(assumed, policy.served_hosts, preset=policy.preset)
    answer = refused(inbound_gates(policy, partners=_partners(app, entries)), connection)
    found = _nowhere(connection.scope) if answer else found_at(policy, app, entries, connection.scope)
    needs, by = ("nothing", "-") if answer else asked(policy, found, assumed.method)
    if answer is None:
        answer = in_place_of_an_endpoint(found, connection.scope)
    entry, proven = found.entry, bool(found.entry.asks)
    routes = header_routes(policy, foreign=lambda inner: bool(getattr(inner, SECURED, False)))
    chain = routes.chain_at(assumed.path, [one for one in (entry, found.mount) if one is not None], app)
    handshake = connection.scope["type"] == "websocket" and answer is None
    exchange, status, theirs = _response(policy, assumed, connection, entry, answer)
    dressed = theirs if handshake else sent(policy, routes.dress_for(chain), exchange, status, theirs)
    credit = _credit(policy, chain, theirs, answer)
    shown = of_fields(
        dressed,
        status=status,
        method=assumed.method,
        path=assumed.path,
        host=connection.host,
        over_tls=connection.secure,
    )
    further = _further(shown, policy.level, needs_proof=proven)
    further = (one for one in further if not left_as_stored(shown, one.field))
    missed = [] if handshake else [*judged(shown, policy.level), *further]
    return Explanation(
        path=assumed.path,
        method=assumed.method,
        route=None if entry.endpoint is None else entry.path,
        endpoint=name_of(entry.endpoint) if runs(found, assumed.method) else None,
        answer=_told(found, answer, assumed.method),
        needs=needs,
        set_by=by,
        problem=entry.problem,
        level=policy.level,
        status=None if answer is None and assumed.status is None and has_own_policy(entry) else status,
        headers=tuple(
            HeaderLine(name=name.decode("latin-1"), value=value.decode("latin-1"), who=credit.of(name.lower(), value))
            for name, value in dressed
        ),
        met=() if handshake else _met(missed, shown, policy.level, needs_proof=proven),
        missed=tuple(missed),
        waived=_waived(policy, chain, entry),
    )


def _partners(app: Any, entries: Sequence[RouteEntry]) -> CrossOriginRoutes:
    return CrossOriginRoutes(lambda: (entries, () if app is None else applications(app)))


def _nowhere(scope: Scope) -> Answering:
    """Return what stands for the route of a request that comes to none."""
    method = scope.get("method", WEBSOCKET)
    return Answering(RouteEntry(scope["path"], (method,), None, None, (), "", None), None, None, None)


def _response(
    policy: Explained, assumed: Assumed, connection: Connection, entry: RouteEntry, answer: Answer | None
) -> tuple[Exchange, int, list[Pair]]:
    """Return the exchange, and status and fields before ours join them: the layer's, the router's, an endpoint's."""
    proven = bool(entry.asks)
    if answer is not None and answer.by_layer:
        # The collector answers as an app does; what a gate says is the layer's last word.
        exchange = exchange_with(connection, proven=proven, nonce=False, answered=answer.status >= 300)
        return exchange, answer.status, [*answer.fields]
    own = getattr(entry.endpoint, SENDS, None) if answer is None else None
    exchange = exchange_with(connection, proven=proven, nonce=assumed.nonce or own is not None, answered=False)
    if answer is not None and assumed.status is None:
        return exchange, answer.status, assumed.over(answer.fields)
    if assumed.method == WEBSOCKET:
        return exchange, _SWITCHING, assumed.over([])
    fields = assumed.fields(preset=policy.preset) if own is None else assumed.over(own(exchange.make_nonce()))
    return exchange, assumed.status or 200, fields


def _credit(policy: Explained, chain: Chain, theirs: Sequence[Pair], answer: Answer | None) -> Credits:
    by: Literal["app", "layer"] = "layer" if answer is not None and answer.by_layer else "app"
    content_type = next((value for name, value in theirs if name.lower() == b"content-type"), b"").decode("latin-1")
    kind = kind_of(strongest(chain, "preset", policy.preset), content_type)
    return Credits(policy.headers, chain, theirs, kind=kind, mixed=policy.preset == "mixed", by=by)


def _told(found: Answering, answer: Answer | None, method: str) -> str:
    if answer is not None:
        return answer.told
    if has_own_policy(found.entry):
        return "the app there, as its own policy says"
    return name_of(found.entry.endpoint) if runs(found, method) else "whatever the app has there"


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


def _further(at: Seen, level: int, *, needs_proof: bool) -> Iterator[Finding]:
    """Yield what the checks of a response cannot know: what it is for."""
    missed = reports(at.value(_POLICY), level)
    yield from (finding_of(miss, _POLICY) for miss in missed)
    resource = at.value(_LOADED_BY)
    if level >= 3 and resource not in RESOURCES:
        yield Finding(
            requirements=_RESOURCE,
            field=_LOADED_BY,
            seen=resource or "absent",
            remedy="Send same-origin, or see that nothing is served here for one caller alone.",
        )
    if level >= 2 and needs_proof and not kept_nowhere(at):
        yield Finding(
            requirements=_STORED,
            field=_KEPT,
            seen=at.value(_KEPT) or "absent",
            remedy="Leave cache_control out: what a proof is needed for is then not kept.",
        )


def _met(missed: Sequence[Finding], at: Seen, level: int, *, needs_proof: bool) -> tuple[str, ...]:
    """Return the ids that were judged, apply at the level, and are not missed."""
    by_field = {_POLICY: REPORTS, _LOADED_BY: _RESOURCE, _KEPT: _STORED if needs_proof else ()}
    also = (id_ for field, ids in by_field.items() if not left_as_stored(at, field) for id_ in ids)
    all_judged = {*ids_shown(at), *also}
    all_judged -= set() if at.is_document else {"v5.0.0-3.4.8"}
    # 5.0.0 leaves subdomains out at level 1; its elder asks for them at every level, and is not shown to be met.
    all_judged -= set() if "includesubdomains" in at.value("strict-transport-security").lower() else {_SUBDOMAINS}
    failed = {id_ for finding in missed for id_ in finding.requirements}
    return tuple(sorted(id_ for id_ in all_judged - failed if requirement(id_).level <= level))
