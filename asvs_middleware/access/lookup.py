"""Which route answers a request, and what is asked for there. v5.0.0-8.2.1.

The way is the router's own (reach.py), and the routes are those of the start-up check, so that nothing is told that it
did not judge.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final, NamedTuple

from starlette.convertors import CONVERTOR_TYPES
from starlette.types import Scope

from .covers import PREFIX
from .marks import Place, Public
from .prefixes import ANY, WEBSOCKET, PrefixMarks, as_a_file, climbs
from .reach import BELOW, NO_METHOD, Reached, reached
from .routes import OWN_POLICY, RouteEntry

_PARAMETER: Final = re.compile(r"{[a-zA-Z_][a-zA-Z0-9_]*(?::([a-zA-Z_][a-zA-Z0-9_]*))?}")


class Answering(NamedTuple):
    """What answers a request.

    Attributes:
        entry: the route, with the marks that hold at this very path. Where no route has the method, it is the one
            whose router says so, and the mark of the endpoint that does not run only where the guard asks for it all
            the same; where none has the path, it is one without an endpoint: what the prefixes, mounts and routers on
            the way ask.
        mount: the mount it lies in, in the same way; None without one.
        status: what the router answers itself; None where an endpoint or an app does, or where no app is known.
        app: the application that words such an answer; None without one.
    """

    entry: RouteEntry
    mount: RouteEntry | None
    status: int | None
    app: Any


def answering(app: Any, entries: Sequence[RouteEntry], prefixes: PrefixMarks, scope: Scope) -> Answering:
    """Return what answers a request.

    Args:
        app: whose routes they are; None where nothing but the prefixes is known.
        entries: the routes, as the start-up check judged them.
        prefixes: the marks of path prefixes.
        scope: of the request, its path decoded, as the app's routes see it.
    """
    at = Reached() if app is None else reached(app, scope)
    path, method = scope["path"], scope.get("method", WEBSOCKET)
    here = [one for one in entries if at.route is not None and one.route is at.route and one.path == at.path]
    here.sort(key=lambda one: method not in one.methods)  # A class's own `head` goes before its `get`.
    found = None if at.status is not None else next((one for one in here if answers(one, method)), None)
    status = at.status
    if found is None and here:
        found, status = replace(here[0], own=at.asks), NO_METHOD
    elif found is None:
        found = RouteEntry(path, (method,), None, None, at.covers, "", None)
    elif lacks(found, method):
        status = NO_METHOD
    anywhere = prefixes.proved if climbs(path) else ()
    by_path = dict.fromkeys((*prefixes.covers(path), *prefixes.covers(as_a_file(path)), *anywhere))
    mount = None if at.mount is None else RouteEntry(f"{at.within}{BELOW}", (ANY,), None, None, (), "", at.mount)
    waived = _waived(entries, path, method)
    all_covers = (*by_path, *(one for one in found.covers if one.place != PREFIX))
    covers = tuple(one for one in all_covers if one.place not in waived)
    return Answering(replace(found, covers=covers), mount, status, at.app)


def _waived(entries: Sequence[RouteEntry], path: str, method: str) -> frozenset[Place]:
    """Return the places whose marks are not asked for at a path; a router's own answer there is sent without them too.

    The layer goes by the path, before it is routed (prefixes.py).
    """
    here = (one for one in entries if one.path == path and answers(one, method))
    return frozenset(place for one in here if isinstance(one.own, Public) for place in one.own.overrides)


@cache
def pattern(path: str) -> re.Pattern[str]:
    """Return what a route's path matches. Starlette compiles no path with one name twice; mounts may make one."""
    parts, at = list[str](), 0
    for parameter in _PARAMETER.finditer(path):
        parts += [re.escape(path[at : parameter.start()]), f"(?:{CONVERTOR_TYPES[parameter[1] or 'str'].regex})"]
        at = parameter.end()
    rest = path[at:]
    parts.append(f"{re.escape(rest.removesuffix(BELOW))}/.*" if rest.endswith(BELOW) else re.escape(rest))
    return re.compile("".join(parts) + "\n?", re.DOTALL)  # Starlette's own end in `$`, which passes one more.


def answers(one: RouteEntry, method: str) -> bool:
    """Whether a route has a method."""
    return not {method, ANY}.isdisjoint(answered(one))


def answered(one: RouteEntry) -> tuple[str, ...]:
    """Return the methods a route answers; a class answers HEAD with `get`."""
    by_class = isinstance(getattr(one.route, "endpoint", None), type)
    return (*one.methods, "HEAD") if by_class and one.methods == ("GET",) else one.methods


def has_own_policy(one: RouteEntry) -> bool:
    """Whether it is an app with a policy of its own: what that asks for and answers is not told by the outer one."""
    return one.own is OWN_POLICY


def lacks(one: RouteEntry, method: str) -> bool:
    """Whether the endpoint is a class that has no handler for the method, and says so itself."""
    if not isinstance(one.endpoint, type) or method == WEBSOCKET:
        return False
    names = {method.lower(), *({"get"} if method == "HEAD" else ())}
    return not any(hasattr(one.endpoint, name) for name in names)
