"""Follow a request through the routers of an app, in the order in which they try their routes. v5.0.0-8.2.1.

The first route that takes the request gets it, be it a mount in which nothing answers; then the first that has the path
and another method (405), then the path with or without its last slash (307), then what is served past the routes, then
nothing (404). Every route is asked itself, by Starlette's own `matches`. Not known here: what a middleware makes of a
request on the way, and a router of another kind than Starlette's.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Final, NamedTuple

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Host, Match, Mount, Router
from starlette.types import Receive, Scope, Send

from .covers import Cover
from .enforce import SECURED
from .marks import Sensitive, mark_of
from .prefixes import path_below
from .routers import router_of
from .routes import contexts, frontends, inside

BELOW: Final = "/*"
"""The end of the path of an app: all that is below it."""

FAILED: Final = 500
NOT_FOUND: Final = 404
NO_METHOD: Final = 405
REDIRECTED: Final = 307


class Reached(NamedTuple):
    """Where a request comes to.

    Attributes:
        path: of the route, as the start-up check writes it; of the router where no route has the request.
        route: what takes it, as the framework keeps it; None where nothing does.
        covers: the marks it passes on the way, the outermost first.
        status: what the router answers itself; None where something else does.
        asks: the mark of the endpoint that does not run, where it is asked for before such an answer all the same: the
            guard (enforce.py) cannot tell then that it is the router's.
        mount: the innermost mount or host it has passed, as the framework keeps it; None without one.
        within: the path of that.
        app: the innermost application on the way, which words the router's own answers; None without one.
    """

    path: str = ""
    route: Any = None
    covers: tuple[Cover, ...] = ()
    status: int | None = None
    asks: Sensitive | None = None
    mount: Any = None
    within: str = ""
    app: Any = None


def reached(app: Any, scope: Scope) -> Reached:
    """Return where a request comes to, as far as the routes of the app say.

    Args:
        app: the app.
        scope: of the request, as the app gets it; it is left as it is.
    """
    return _down(app, app, dict(scope), Reached(), ())


def _down(app: Any, through: Any, scope: Scope, at: Reached, within: tuple[Any, ...]) -> Reached:
    found = inside(app, at.path, within)
    at = at._replace(covers=(*at.covers, *found.covers))
    is_foreign = getattr(found.app, SECURED, False) and found.app is not through
    if not found.routes or is_foreign:
        return at._replace(path=f"{at.path}{BELOW}", route=through)
    if isinstance(found.app, Starlette):
        at = at._replace(app=found.app)
    at = at._replace(route=None)
    try:
        return _routed(found.app, scope, at, (*within, found.app))
    except ValueError:  # Of a convertor: int() takes no more than some thousand digits, and the app fares no better.
        return at._replace(status=FAILED)


def _routed(app: Any, scope: Scope, at: Reached, within: tuple[Any, ...]) -> Reached:
    listed = list(contexts(app.routes, at.path))
    partial: Reached | None = None
    for path, route, seen, around in listed:
        match, more = seen.matches(scope)
        here = at._replace(path=f"{at.path}{path or ''}", route=route, covers=(*at.covers, *around))
        if match is Match.FULL:
            return _further(here, at, seen, {**scope, **more}, within)
        if match is Match.PARTIAL and partial is None:
            partial = here._replace(status=NO_METHOD, asks=_asked_at_a_405(app, route, scope))
    if partial is not None:
        return partial
    router = router_of(app)
    if router is None:
        return at
    if scope["type"] == "http":
        below = path_below(scope["path"], scope.get("root_path", ""))
        if router.redirect_slashes and below != "/" and _takes(listed, redirected(scope)):
            return at._replace(status=REDIRECTED)
        found = _frontend(router, below, scope["method"], at)
        if found is not None:
            return found
    is_usual = getattr(router.default, "__self__", None) is router
    return at._replace(status=NOT_FOUND if is_usual else None)


def _further(here: Reached, at: Reached, seen: Any, scope: Scope, within: tuple[Any, ...]) -> Reached:
    """Go on in what is mounted; anything else is the end."""
    if not isinstance(here.route, Mount | Host):
        return here
    if seen.app is not here.route.app:  # FastAPI puts a Host of an included router behind a Mount of its prefix.
        here = here._replace(path=at.path)
    return _down(seen.app, here.route, scope, here._replace(mount=here.route, within=here.path), within)


def _asked_at_a_405(app: Any, route: Any, scope: Scope) -> Sensitive | None:
    """Return the mark the guard asks for at the 405 of a router, which it tells from an endpoint's own.

    A class tells it by its handlers, whatever the methods of its route; anything else by the route in the scope.
    """
    endpoint, method = getattr(route, "endpoint", None), scope.get("method", "GET")
    is_class = isinstance(endpoint, type)
    is_told = getattr(endpoint, method.lower(), None) is None if is_class else _is_named(app, route)
    mark = None if is_told else mark_of(endpoint, method)
    return mark if isinstance(mark, Sensitive) else None


def _is_named(app: Any, route: Any) -> bool:
    """Whether the scope says which route it is: FastAPI's routes see to it, and the router of a newer Starlette."""
    router = router_of(app)
    return hasattr(route, "dependant") or (getattr(type(router), "app", None) is Router.app and _names_its_routes())


class _Probe(BaseRoute):
    """A route that looks whether it is named."""

    named = False

    def matches(self, scope: Scope) -> tuple[Match, Scope]:  # noqa: ARG002  # As Starlette calls it.
        return Match.PARTIAL, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # As above.
        self.named = "route" in scope


@cache
def _names_its_routes() -> bool:
    """Whether the router of this Starlette names its routes in the scope: asked of one, since no release says so."""
    probe = _Probe()
    asking = Router([probe]).app({"type": "http", "path": "/", "method": "GET"}, _nothing, _nothing)
    with suppress(StopIteration):  # Nothing in it waits.
        asking.send(None)
    asking.close()
    return probe.named


async def _nothing(*_message: Any) -> Any:
    """Stand for the server, which is not there."""


def _takes(listed: Sequence[tuple[Any, Any, Any, Any]], scope: Scope) -> bool:
    return any(seen.matches(scope)[0] is not Match.NONE for _, _, seen, _ in listed)


def _frontend(router: Router, below: str, method: str, at: Reached) -> Reached | None:
    """Return what FastAPI serves past the routes: the most specific path, one that has the method before any other."""
    found = [
        (bool({method, "*"} & {*entry.methods}), len(entry.path), entry)
        for entry in frontends(router, at.path, at.covers)
        if f"{below}/".startswith(entry.path.removeprefix(at.path).removesuffix("*"))
    ]
    if not found:
        return None
    answers, _, entry = max(found, key=lambda one: one[:2])
    status = None if answers else NO_METHOD
    return at._replace(path=entry.path, route=entry.route, covers=entry.covers, status=status)


def redirected(scope: Scope) -> Scope:
    """Return the scope with the last slash of its path taken off, or with one put on."""
    path: str = scope["path"]
    return {**scope, "path": path.rstrip("/") if path.endswith("/") else f"{path}/"}
