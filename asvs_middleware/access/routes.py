"""Walk an app's routes and say of each what guards it; the start-up check refuses what nothing does.

v5.0.0-8.2.1, v5.0.0-16.5.3. Walked: Starlette routes, Mounts and Hosts, FastAPI routes, included routers, frontends,
and sub-applications, also inside a middleware that keeps them in `app`. A kind of route that is not known is a problem,
never passed over.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from starlette.routing import BaseRoute, Host, Mount, Route, WebSocketRoute

from ..wrapped import layers, with_routes
from .covers import MOUNT, Cover, asked
from .decorators import DEPENDENCY, MarkedApp
from .enforce import SECURED, name_of, opaque
from .marks import MARK, Mark, Public, Sensitive, enforces, mark_of
from .routers import ask_first, cover_of, router_of, unlisted

OWN_POLICY = Public(reason="secured by its own policy")
_HANDLERS = ("get", "head", "post", "put", "patch", "delete", "options", "query")


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """One route, as the matrix shows it.

    Attributes:
        path: the full path, with the prefixes of mounts and routers.
        methods: the methods; `WEBSOCKET` for a WebSocket route, `*` for an app.
        endpoint: what runs.
        own: the mark it carries itself.
        covers: the marks round it, the outermost first.
        problem: why it cannot be let start, or an empty text.
        route: the route object, as the framework keeps it.
    """

    path: str
    methods: tuple[str, ...]
    endpoint: Any
    own: Mark | None
    covers: tuple[Cover, ...]
    problem: str
    route: Any

    @property
    def asks(self) -> tuple[Sensitive, ...]:
        """Every mark whose proof it needs, in the order they are asked for."""
        return asked(self.own, self.covers)

    @property
    def mark(self) -> Mark | None:
        """What it comes to: the last mark that is asked for, else what opens it, else nothing."""
        if self.asks:
            return self.asks[-1]
        return self.own or next((one.mark for one in reversed(self.covers) if isinstance(one.mark, Public)), None)


def walk(app: Any, *, prefix: str = "", covers: Sequence[Cover] = ()) -> Iterator[RouteEntry]:
    """Yield every route of an app, in the order they are tried.

    Args:
        app: the app; one without routes is a single entry.
        prefix: the path it is mounted under.
        covers: the marks round it, the outermost first.
    """
    yield from _walk(app, prefix, tuple(covers), app, ())


class Inside(NamedTuple):
    """What is in a mount, or in an app: past its middleware, and past the marks among that.

    Attributes:
        app: what routes, or has a policy of its own; where nothing does, what was mounted, less a mark on it.
        routes: whether it routes.
        own: the mark that stands for what does not route.
        covers: the marks round it, the outermost first; those of routers among them.
    """

    app: Any
    routes: bool
    own: Mark | None
    covers: tuple[Cover, ...]


def inside(app: Any, path: str, within: Sequence[Any]) -> Inside:
    """Return what is inside an app.

    Args:
        app: mounted, or the app itself.
        path: where.
        within: the apps it is mounted in. One of them again is no way down: the thing in `app` is not what it wraps.
    """
    covers: tuple[Cover, ...] = ()
    for one in layers(app):
        if isinstance(one, MarkedApp):
            covers = (*covers, Cover(MOUNT, path or "/", one.__asvs_mark__))
        elif not opaque(one) and not any(one is outer for outer in within):
            return Inside(one, True, None, (*covers, *cover_of(one, path)))
    found = app.app if isinstance(app, MarkedApp) else app
    return Inside(found, False, covers[-1].mark if covers else mark_of(found), covers[:-1])


def _walk(
    app: Any, prefix: str, covers: tuple[Cover, ...], through: Any, within: tuple[Any, ...]
) -> Iterator[RouteEntry]:
    found = inside(app, prefix, within)
    covers = (*covers, *found.covers)
    if not found.routes:
        above = "" if isinstance(app, MarkedApp) else _order(app, mark_of(app), "get")
        problem = _hidden(app, through) or above
        yield RouteEntry(f"{prefix}/*", ("*",), found.app, found.own, covers, problem, through)
        return
    if getattr(found.app, SECURED, False) and found.app is not through:
        yield RouteEntry(f"{prefix}/*", ("*",), found.app, OWN_POLICY, covers, "", through)
        return
    for path, route, seen, around in contexts(found.app.routes, prefix):
        yield from _one(prefix + (path or ""), route, seen, (*covers, *around), (*within, found.app))
    router = router_of(found.app)
    if router is not None:
        yield from frontends(router, prefix, covers)


def _one(path: str, route: Any, seen: Any, covers: tuple[Cover, ...], within: tuple[Any, ...]) -> Iterator[RouteEntry]:
    if isinstance(route, Route | WebSocketRoute):
        yield from _endpoint(path, route, seen, covers)
    elif isinstance(route, Mount | Host):
        yield from _walk(route.app, path, covers, route, within)
    else:
        yield _unknown(path, route, covers)


def _unknown(path: str, route: Any, covers: tuple[Cover, ...]) -> RouteEntry:
    kind = f"{type(route).__module__}.{type(route).__qualname__}"
    return RouteEntry(path, ("*",), route, None, covers, f"is of a kind nothing here can check ({kind})", route)


def applications(app: Any) -> Iterator[Any]:
    """Yield an app and every app with routes mounted in it, each once."""
    yield from (one.app for one in mounted_applications(app))


class Mounted(NamedTuple):
    """An app with routes, and where it is to be found.

    Attributes:
        app: the app.
        covered: a mark is round it wherever it is.
        places: the paths it is mounted at, as the routes have them; "" for the outermost app.
    """

    app: Any
    covered: bool
    places: tuple[str, ...]


def mounted_applications(app: Any) -> list[Mounted]:
    """Return an app and every app with routes mounted in it, each once."""
    found: dict[int, Mounted] = {}
    seen: set[tuple[int, bool, str]] = set()
    waiting: list[tuple[Any, bool, str, tuple[Any, ...]]] = [(app, False, "", ())]
    while waiting:
        given, around, place, within = waiting.pop(0)
        one, covered = _inside(given, around)
        is_foreign = one is not app and getattr(one, SECURED, False)  # A secured app inside sees to itself.
        is_round = any(one is outer for outer in within)  # It is mounted in itself, and no place would be the last.
        if (id(one), covered, place) in seen or not hasattr(one, "routes") or is_foreign or is_round:
            continue
        seen.add((id(one), covered, place))
        before = found.get(id(one), Mounted(one, True, ()))
        found[id(one)] = Mounted(one, covered and before.covered, tuple(dict.fromkeys((*before.places, place))))
        waiting += [
            (route.app, covered or bool(more), place + (path or ""), (*within, one))
            for path, route, _, more in contexts(one.routes, "")
            if isinstance(route, Mount | Host)
        ]
    return list(found.values())


def _inside(app: Any, covered: bool) -> tuple[Any, bool]:
    """Return what routes inside the middleware and marks round it, and whether a mark is round that."""
    one = with_routes(app)
    while isinstance(one, MarkedApp):
        one, covered = with_routes(one.app), True
    return one, covered or bool(cover_of(one, ""))


def contexts(routes: Iterable[BaseRoute], prefix: str) -> Iterator[tuple[str | None, Any, Any, tuple[Cover, ...]]]:
    """Yield (path, route, route as included, marks of the routers it was included with).

    FastAPI keeps included routers as one object and resolves them late.
    """
    resolve = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    for route in routes:
        if resolve is None or not hasattr(route, "original_router"):
            yield getattr(route, "path", None), route, route, ()
            continue
        chains = _chains(route, prefix, "", ())
        for context in resolve([route]):
            original = context.original_route
            # Both go through the routers in one order; FastAPI leaves out what it does not serve.
            path, around = next((found for one, *found in chains if one is original), (None, ()))
            yield context.path or path, original, context, around


def _chains(included: Any, outer: str, prefix: str, covers: tuple[Cover, ...]) -> Iterator[tuple[Any, str, Any]]:
    """Yield each route of an included router and of those in it, its prefix, and the marks of the routers round it."""
    router, prefix = included.original_router, prefix + _prefix_of(included)
    covers = (*covers, *cover_of(router, outer + prefix + str(getattr(router, "prefix", ""))))
    for route in router.routes:
        if hasattr(route, "original_router"):
            yield from _chains(route, outer, prefix, covers)
        else:
            yield route, prefix, covers


def _prefix_of(included: Any) -> str:
    return str(getattr(getattr(included, "include_context", None), "prefix", ""))


def frontends(router: Any, prefix: str, covers: tuple[Cover, ...]) -> Iterator[RouteEntry]:
    """Yield what is served past the lists of routes, as FastAPI's frontends are, by this router and those in it."""
    for group in unlisted(router):
        ask_first(group, covers)
        for route in getattr(group, "routes", None) or [group]:
            path, app = getattr(route, "path", None), getattr(route, "app", None)
            if path is None or app is None:
                yield _unknown(f"{prefix}{path or ''}/*", route, covers)
                continue
            ask_first(route, covers)
            methods = tuple(sorted(getattr(route, "methods", None) or ("*",)))
            yield RouteEntry(f"{prefix}{path.rstrip('/')}/*", methods, app, mark_of(app), covers, "", route)
    for route in router.routes:
        if hasattr(route, "original_router"):
            inner, below = route.original_router, prefix + _prefix_of(route)
            yield from frontends(inner, below, (*covers, *cover_of(inner, below + str(getattr(inner, "prefix", "")))))


def _endpoint(path: str, route: Any, seen: Any, covers: tuple[Cover, ...]) -> Iterator[RouteEntry]:
    methods = tuple(sorted(seen.methods or ("*",))) if isinstance(route, Route) else ("WEBSOCKET",)
    endpoint = route.endpoint
    handled = [name for name in _HANDLERS if hasattr(endpoint, name)] if isinstance(endpoint, type) else []
    by_method = isinstance(route, Route) and not hasattr(endpoint, MARK)
    if handled and by_method and (not covers or any(mark_of(endpoint, name) for name in handled)):
        for name in handled:
            mark = mark_of(endpoint, name)
            yield RouteEntry(
                path, (name.upper(),), getattr(endpoint, name), mark, covers, _order(endpoint, mark, name), route
            )
        return
    mark = mark_of(endpoint) if not handled or hasattr(endpoint, MARK) else None
    problem = _order(endpoint, mark, "get") or _dependency_first(mark, seen)
    yield RouteEntry(path, methods, endpoint, mark, covers, problem, route)


def _hidden(app: Any, route: Any) -> str:
    """Say what keeps the routes of a Mount from being seen: the Mount still knows that there are some."""
    if not isinstance(route, Mount) or not route.routes or hasattr(with_routes(app), "routes"):
        return ""
    return f"lies behind {name_of(type(app))}, which keeps what it wraps elsewhere than in `app`"


def _order(endpoint: Any, mark: Mark | None, method: str) -> str:
    if not isinstance(mark, Sensitive) or enforces(endpoint, method):
        return ""
    if isinstance(endpoint, type):
        return "inherits its mark and replaces dispatch(), so that nothing enforces it: mark this class too"
    return "has @sensitive above its route decorator, which registers the bare function: write it below"


def _dependency_first(mark: Mark | None, seen: Any) -> str:
    """Put the guard before the dependencies of routers and of the app, where FastAPI lists them first."""
    dependant = getattr(seen, "dependant", None)
    if not isinstance(mark, Sensitive) or dependant is None:
        return ""
    listed = getattr(dependant, "dependencies", None)
    ours = [one for one in listed or () if getattr(one, "name", None) == DEPENDENCY]
    if not isinstance(listed, list) or not ours:
        return "was marked before FastAPI was imported, so no dependency guards it: import fastapi first"
    listed.sort(key=lambda one: getattr(one, "name", None) != DEPENDENCY)
    return ""
