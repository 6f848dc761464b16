"""Walk an app's routes and say of each endpoint which choices of headers stand round it.

Walked: Starlette routes, Mounts and Hosts, FastAPI routes, included routers and sub-applications. What is of another
kind carries no choices of its own, and has the headers of the policy or of its prefix.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from ...errors import ConfigurationError
from ...wrapped import layers
from ..gates.cross_origin_routes import Listed
from .route_headers import RouteHeaders, choices_of, marked_routers, misplaced
from .sets import Chain, Link

_MOUNTED: Final = "/{path:path}"


@dataclass(frozen=True, slots=True)
class Place:
    """One endpoint under one path.

    Attributes:
        path: the full path, as the framework writes it.
        endpoint: what runs, as the scope names it.
        chain: the choices of mounts, routers and the endpoint itself, the strongest last.
    """

    path: str
    endpoint: Any
    chain: Chain

    def is_of(self, route: Listed) -> bool:
        """Whether it is a route of the start-up walk, which lists an app as `/files/*` and by what is inside."""
        path = f"{route.path.removesuffix('/*')}{_MOUNTED}" if route.path.endswith("/*") else route.path
        return self.path == path and any(self.endpoint is one for one in (route.endpoint, _app_of(route.route)))


def places(app: Any, *, foreign: Callable[[Any], bool], path: str = "", outer: Chain = ()) -> Iterator[Place]:
    """Yield every endpoint of an app with the choices round it, in the order routes are tried.

    Raises:
        ConfigurationError: a method of a class endpoint carries choices, which nobody would look for there.
    """
    routers = [(frozenset(_endpoints_in(router)), choices_of(router)) for router in marked_routers()]
    yield from _places(app, path, outer, routers, foreign)


Routers = list[tuple[frozenset[int], tuple[RouteHeaders, ...]]]


def _places(app: Any, path: str, outer: Chain, routers: Routers, foreign: Callable[[Any], bool]) -> Iterator[Place]:
    for at, route in _routes(getattr(app, "routes", ())):
        full = f"{path}{at or ''}"
        endpoint = getattr(route, "endpoint", None)
        if endpoint is not None:
            yield Place(full, endpoint, outer + _own(full, endpoint, routers))
        elif hasattr(route, "app"):
            here = outer + tuple(Link(f"mount {full or '/'}", one) for one in _of_app(route.app))
            if not foreign(route.app):
                yield from _places(_listing(route, foreign), full, here, routers, foreign)
            yield Place(f"{full}{_MOUNTED}", route.app, here)


def _listing(route: Any, foreign: Callable[[Any], bool]) -> Any:
    """Return what lists the routes of a mount: the mount, or an app inside the middleware it was given."""
    inside = takewhile(lambda one: not foreign(one), layers(route))
    return next((one for one in inside if getattr(one, "routes", None)), route)


def _app_of(route: Any) -> Any:
    return getattr(route, "app", None)


def _own(path: str, endpoint: Any, routers: Routers) -> Chain:
    method = misplaced(endpoint)
    if method is not None:
        raise ConfigurationError(
            f"{path} has @headers on the method {method} of a class endpoint, where nothing looks for it.",
            fix="Put it on the class.",
        )
    around = (Link("router", one) for endpoints, choices in routers if id(endpoint) in endpoints for one in choices)
    return (*around, *(Link("route", one) for one in choices_of(endpoint)))


def _of_app(app: Any) -> Iterator[RouteHeaders]:
    """Yield the choices of an app and of what is wrapped in it, the outer wrapper's last."""
    for layer in reversed(list(layers(app))):
        yield from choices_of(layer)


def _endpoints_in(router: Any) -> Iterator[int]:
    for _, route in _routes(router.routes):
        yield id(getattr(route, "endpoint", None))


def _routes(routes: Iterable[Any]) -> Iterator[tuple[str | None, Any]]:
    """Yield (path, route). FastAPI keeps included routers as one object and resolves them late."""
    resolve = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    if resolve is None:
        yield from ((getattr(route, "path", None), route) for route in routes)
    else:
        yield from ((context.path, context.original_route) for context in resolve(list(routes)))


def pattern_of(template: str) -> re.Pattern[str]:
    """Return what a path has to match, a little wider than the framework's own: a convertor is not asked."""
    parts = _PARAMETER.split(template)
    literals, kinds = parts[::2], parts[1::2]
    middle = [".*" if kind == ":path" else "[^/]+" for kind in kinds]
    pieces = [re.escape(literal) + wild for literal, wild in zip(literals, [*middle, r"\Z"], strict=True)]
    return re.compile("".join(pieces))


_PARAMETER: Final = re.compile(r"\{[^{}:]*(:[^{}]*)?\}")
