"""Where a mark is enforced: at the call of the marked endpoint, before its body is read, and at the response's start.

One function, `authorize`, makes the proof; whoever comes first calls it and the others find it made. An endpoint that
was marked cannot run without one, whatever routing, middleware or exception handlers do. v5.0.0-8.3.1, 16.5.3.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from types import FunctionType
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.routing import Router
from starlette.types import Message, Scope

from .. import events
from ..connection.exchange import Exchange, exchange_of
from ..errors import AccessDenied, Misconfigured
from .caller import VerifiedCaller, all_of
from .marks import MARK, Mark, Place, Public, Sensitive, enforces, mark_of

SECURED: Final = "__asvs_secured__"
"""Set on an app that has a policy of its own: its routes are its own start-up check's business."""

_DOCUMENTATION: Final = "fastapi.applications"
_REDIRECTS: Final = 300
_NOT_MODIFIED: Final = 304
_METHOD_NOT_ALLOWED: Final = 405


class Refused(HTTPException):
    """Carries a refusal out of the app. The layer answers it, whatever the app makes of this exception."""

    def __init__(self, refusal: AccessDenied) -> None:
        headers = {name.decode("ascii"): value.decode("ascii") for name, value in refusal.headers}
        super().__init__(refusal.status, refusal.title, headers or None)
        self.refusal = refusal


async def authorize(scope: Scope, mark: Sensitive) -> VerifiedCaller:
    """Return the proof for this request and mark, making it on the first call.

    Raises:
        Refused: the caller does not meet the mark, or no layer of ours carries this request.
    """
    exchange = exchange_of(scope)
    verifier = None if exchange is None else exchange.means.verifier
    if exchange is None or verifier is None:
        raise Refused(_unsecured(scope))
    if exchange.happened is not None and exchange.refusal is not None:
        raise Refused(exchange.refusal)
    proof: VerifiedCaller | None = exchange.proofs.get(mark)
    if proof is None:
        try:
            proof = await verifier.verify(mark, exchange.connection)
        except AccessDenied as refusal:
            exchange.refusal = refusal
            raise Refused(refusal) from None
        exchange.proofs = {**exchange.proofs, mark: proof} if exchange.proofs else {mark: proof}
    # What an inner mark does not ask for, an outer one may have: the app finds it in one place.
    caller = proof if len(exchange.proofs) == 1 else all_of(tuple(exchange.proofs.values()))
    for one in (exchange.scope, scope):
        _hand_over(caller, one)
    return proof


def _hand_over(caller: VerifiedCaller, scope: Scope) -> None:
    """Put the caller where the app looks for it: a middleware may have put another state in its place, or none."""
    if scope.get("state") is None:
        scope["state"] = {}
    scope["state"]["caller"] = caller


async def pass_cover(scope: Scope, place: Place, mark: Mark) -> None:
    """Ask what the mark of a mount or a router asks for, on the way to what is in it, unless the path waives it.

    Raises:
        Refused: as `authorize` does.
    """
    exchange = exchange_of(scope)
    if exchange is not None and place in waives(exchange):
        return
    if isinstance(mark, Sensitive):
        await authorize(scope, mark)
    if exchange is not None:
        exchange.covered = True


def waives(exchange: Exchange) -> frozenset[Place]:
    """Return the places whose marks this request need not meet."""
    return exchange.waives


def proven(scope: Mapping[str, Any], mark: Sensitive) -> None:
    """Return if the proof was made before; for endpoints that cannot wait for one (generators).

    Raises:
        Refused: there is none.
    """
    exchange = exchange_of(scope)
    if exchange is None or exchange.refusal is not None or mark not in exchange.proofs:
        raise Refused(_unsecured(scope))


def connection_in(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HTTPConnection:
    """Return the Request or WebSocket among an endpoint's arguments.

    Raises:
        Refused: there is none, so nothing is known of the caller.
    """
    if args and type(args[0]) is Request:  # As Starlette calls; to ask an abstract class is slow.
        request: Request = args[0]
        return request
    for value in (*args, *kwargs.values()):
        if isinstance(value, HTTPConnection):
            return value
    raise Refused(Misconfigured("A marked endpoint was called without the request."))


def before_body(exchange: Exchange) -> Awaitable[None] | None:
    """Verify the caller when the app first reads from the client and routing is done: no body is read in vain."""
    scope = exchange.routed
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return None  # A middleware reads before routing; the endpoint's own call will ask.
    exchange.settled = True
    mark = mark_of(endpoint, scope.get("method", "GET"))
    return _discard(scope, mark) if isinstance(mark, Sensitive) else None


def before_start(exchange: Exchange, start: Message) -> Awaitable[None] | None:
    """Verify the caller before a response starts that came without the endpoint having been called.

    Where a middleware has read the body, the app may answer one it cannot parse before the guard's turn has come.
    """
    endpoint, method = exchange.routed.get("endpoint"), exchange.routed.get("method", "GET")
    if endpoint is None or _is_the_routers_405(exchange, start):
        return None
    mark = mark_of(endpoint, method)
    if isinstance(mark, Sensitive) and mark not in exchange.proofs and enforces(endpoint, method):
        return _discard(exchange.routed, mark)
    return None


async def _discard(scope: Scope, mark: Sensitive) -> None:
    await authorize(scope, mark)


def nothing_to_guard(*, deny_unmarked: bool) -> Callable[[Exchange], bool]:
    """Return the look that tells an endpoint which asks for nothing, or for what is proven by now.

    What it cannot tell is left to the backstop.
    """

    def look(exchange: Exchange) -> bool:
        endpoint = exchange.scope.get("endpoint")
        if type(endpoint) is not FunctionType:
            return endpoint is None and not deny_unmarked
        mark = getattr(endpoint, MARK, None)
        if mark is None:
            return (exchange.covered or not deny_unmarked) and endpoint.__module__ != _DOCUMENTATION
        return type(mark) is Public or (type(mark) is Sensitive and mark in exchange.proofs)

    return look


def backstop(
    *, deny_unmarked: bool, waived: Collection[tuple[str, str]] = ()
) -> Callable[[Exchange, Message], AccessDenied | None]:
    """Return the last look before a response starts: at a marked endpoint without a proof, and at an unmarked one.

    Args:
        deny_unmarked: an endpoint without a mark is refused.
        waived: the paths at which a mark is not asked for, as they become known at the start.

    A router's own 405 passes: it is sent in place of the endpoint, which did not run. So do errors and redirects of a
    router that found no endpoint; content does not, for then a route served it that names none (FastAPI's frontend()).
    """

    def look(exchange: Exchange, start: Message) -> AccessDenied | None:
        scope = exchange.routed
        endpoint = scope.get("endpoint")
        if endpoint is exchange.reached:  # The innermost router named none of its own.
            served = "router" in scope and _is_content(start)
            return _unmarked("A route that names no endpoint") if served and denies(exchange) else None
        if _is_the_routers_405(exchange, start):
            return None
        mark = mark_of(endpoint, scope.get("method", "GET"))
        if waived and waives(exchange) and not (isinstance(mark, Public) and mark.overrides):
            return _waived_for_another(endpoint)
        if isinstance(mark, Sensitive):
            return None if mark in exchange.proofs else _skipped(endpoint)
        # Documentation that lies behind a middleware of its mount is out of reach for `docs=`.
        if mark is None and (denies(exchange) or _is_documentation(endpoint)) and opaque(endpoint):
            return _unmarked(f"The endpoint {name_of(endpoint)}")
        return None

    def denies(exchange: Exchange) -> bool:
        return deny_unmarked and not exchange.covered

    return look


def _is_content(start: Message) -> bool:
    status: int = start.get("status", 200)  # A WebSocket's accept has none.
    return start.get("type") != "websocket.close" and (status < _REDIRECTS or status == _NOT_MODIFIED)


def _is_the_routers_405(exchange: Exchange, start: Message) -> bool:
    """Whether this is the 405 of a router that knows the path and not the method, and not an endpoint's own."""
    if start.get("status") != _METHOD_NOT_ALLOWED:
        return False
    endpoint, method = exchange.routed.get("endpoint"), exchange.routed.get("method", "GET")
    if isinstance(endpoint, type):
        return getattr(endpoint, method.lower(), None) is None
    methods = getattr(exchange.routed.get("route"), "methods", None)
    return methods is not None and method not in methods


def _is_documentation(endpoint: Any) -> bool:
    return getattr(endpoint, "__module__", None) == _DOCUMENTATION


def opaque(app: Any) -> bool:
    """Whether an app is no router: what it answers is content, where a router's own answer is a 404 or a redirect.

    One of Starlette's, or one with a policy of its own, is a router even while it has no routes.
    """
    return not (getattr(app, "routes", None) or isinstance(app, Starlette | Router) or hasattr(app, SECURED))


def name_of(endpoint: Any) -> str:
    """Return a name for events: module and qualified name, never a repr that could hold values."""
    return f"{getattr(endpoint, '__module__', '?')}.{getattr(endpoint, '__qualname__', type(endpoint).__name__)}"


def _unmarked(what: str) -> AccessDenied:
    return AccessDenied(
        f"{what} carries neither @sensitive nor @public, and the default is deny.",
        code="unmarked_endpoint",
        requirement="v5.0.0-8.2.1",
    )


def _skipped(endpoint: Any) -> Misconfigured:
    return Misconfigured(
        f"The endpoint {name_of(endpoint)} is marked @sensitive and ran without a proof. Write @sensitive below "
        "the route decorator, next to the function.",
        requirement="v5.0.0-8.3.1",
    )


def _waived_for_another(endpoint: Any) -> Misconfigured:
    return Misconfigured(
        f"A mark was not asked for at this path, for the sake of another endpoint than {name_of(endpoint)}.",
        requirement="v5.0.0-8.3.1",
    )


def _unsecured(scope: Mapping[str, Any]) -> Misconfigured:
    """No layer will answer or log this one, so the event is written here."""
    refusal = Misconfigured("A marked endpoint was called, and secure(app, policy) does not carry the request.")
    events.emit(
        "access",
        refusal.event,
        reason=refusal.reason,
        requirement=refusal.requirement,
        code=refusal.code,
        path=str(scope.get("path")),
    )
    return refusal
