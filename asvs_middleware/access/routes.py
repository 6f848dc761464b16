"""Walk an app's routes and say of each what guards it; the start-up check refuses what nothing does.

v5.0.0-8.2.1, v5.0.0-16.5.3. Walked: Starlette routes, Mounts and Hosts, FastAPI routes, included routers, and
sub-applications. A kind of route that is not known is a problem, never passed over.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.routing import BaseRoute, Host, Mount, Route, WebSocketRoute

from ..errors import ConfigurationError
from .decorators import DEPENDENCY, MarkedApp
from .enforce import SECURED, name_of, opaque
from .marks import MARK, Mark, Public, Sensitive, enforces, mark_of

_OWN_POLICY = Public(reason="secured by its own policy")
_HANDLERS = ("get", "head", "post", "put", "patch", "delete", "options", "query")


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """One route, as the matrix shows it.

    Attributes:
        path: the full path, with the prefixes of mounts and routers.
        methods: the methods; `WEBSOCKET` for a WebSocket route, `*` for an app.
        endpoint: what runs.
        mark: what guards it, its own or that of a marked app round it.
        problem: why it cannot be let start, or an empty text.
        route: the route object, as the framework keeps it.
    """

    path: str
    methods: tuple[str, ...]
    endpoint: Any
    mark: Mark | None
    problem: str
    route: Any


def walk(app: Any, *, prefix: str = "", cover: Mark | None = None) -> Iterator[RouteEntry]:
    """Yield every route of an app, in the order they are tried.

    Args:
        app: the app; one without routes is a single entry.
        prefix: the path it is mounted under.
        cover: the mark of the app it is mounted in.
    """
    yield from _walk(app, prefix, cover, app)


def _walk(app: Any, prefix: str, cover: Mark | None, through: Any) -> Iterator[RouteEntry]:
    if isinstance(app, MarkedApp):
        app, cover = app.app, app.__asvs_mark__
    if opaque(app):
        mark = mark_of(app)
        yield RouteEntry(f"{prefix}/*", ("*",), app, mark or cover, _order(app, mark, "get"), through)
        return
    for path, route, seen in _contexts(app.routes):
        full = prefix + (path or "")
        if isinstance(route, Route | WebSocketRoute):
            yield from _endpoint(full, route, seen, cover)
        elif isinstance(route, Mount | Host):
            yield from _mounted(full, route, cover)
        else:
            kind = f"{type(route).__module__}.{type(route).__qualname__}"
            yield RouteEntry(full, ("*",), route, cover, f"is of a kind nothing here can check ({kind})", route)


def applications(app: Any) -> Iterator[Any]:
    """Yield an app and every app with routes mounted in it, each once."""
    seen: set[int] = set()
    waiting: list[Any] = [app]
    while waiting:
        first = waiting.pop(0)
        one: Any = first.app if isinstance(first, MarkedApp) else first
        if id(one) in seen or not hasattr(one, "routes") or (one is not app and getattr(one, SECURED, False)):
            continue
        seen.add(id(one))
        yield one
        # A secured app inside sees to itself.
        waiting += [route.app for _, route, _ in _contexts(one.routes) if isinstance(route, Mount | Host)]


def check_routes(entries: Iterable[RouteEntry], *, deny_unmarked: bool, tokens: bool, certificates: bool) -> None:
    """Refuse to start where a route is unguarded, or guarded by what is not configured.

    Raises:
        ConfigurationError: one or more routes; the message names each, ten at most.
    """
    problems = [
        f"{'/'.join(entry.methods)} {entry.path} ({name_of(entry.endpoint)}) {problem}"
        for entry in entries
        if (problem := entry.problem or _means(entry.mark, deny_unmarked, tokens, certificates))
    ]
    if problems:
        more = f"; and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise ConfigurationError(
            f"{len(problems)} route(s) cannot be guarded: {'; '.join(problems[:10])}{more}.",
            fix='Mark each with @sensitive(...) or @public(reason="..."), below the route decorator, or state '
            'default="allow".',
        )


def _means(mark: Mark | None, deny_unmarked: bool, tokens: bool, certificates: bool) -> str:
    if mark is None:
        return "carries neither @sensitive nor @public" if deny_unmarked else ""
    if not isinstance(mark, Sensitive):
        return ""
    if mark.token and not tokens:
        return "asks for a token, and the policy has no tokens=Tokens(...)"
    if mark.certificate and not certificates:
        return "asks for a client certificate, and the policy has no client_certificates=ClientCertificates(...)"
    return ""


def _contexts(routes: Iterable[BaseRoute]) -> Iterator[tuple[str | None, Any, Any]]:
    """Yield (path, route, route as included). FastAPI keeps included routers as one object and resolves them late."""
    resolve = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    if resolve is None:
        for route in routes:
            yield getattr(route, "path", None), route, route
        return
    for context in resolve(list(routes)):
        yield context.path, context.original_route, context


def _endpoint(path: str, route: Any, seen: Any, cover: Mark | None) -> Iterator[RouteEntry]:
    methods = tuple(sorted(seen.methods or ("*",))) if isinstance(route, Route) else ("WEBSOCKET",)
    endpoint = route.endpoint
    if isinstance(endpoint, type) and not hasattr(endpoint, MARK) and cover is None and isinstance(route, Route):
        handled = [name for name in _HANDLERS if hasattr(endpoint, name)]
        for name in handled:
            mark = mark_of(endpoint, name)
            problem = _order(endpoint, mark, name)
            yield RouteEntry(path, (name.upper(),), getattr(endpoint, name), mark, problem, route)
        return
    mark = mark_of(endpoint)
    problem = _order(endpoint, mark, "get") or _dependency_first(mark, seen)
    yield RouteEntry(path, methods, endpoint, mark or cover, problem, route)


def _mounted(path: str, route: Any, cover: Mark | None) -> Iterator[RouteEntry]:
    app: Any = route.app
    if getattr(app, SECURED, False):
        yield RouteEntry(f"{path}/*", ("*",), app, _OWN_POLICY, "", route)
    else:
        # Middleware of a Mount hides the routes of the app, which the Mount still knows.
        yield from _walk(route if opaque(app) and route.routes else app, path, cover, route)


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
