"""Which route answers a path, and what is asked for there: as far as the paths of the routes say. v5.0.0-8.2.1.

The routes are those of the start-up check, so that nothing is told that it did not judge. Not known here: what a
middleware of the app makes of a path, and the host a `Host` route asks for.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from starlette.convertors import CONVERTOR_TYPES

from .covers import MOUNT, PREFIX, Cover
from .prefixes import ANY, WEBSOCKET, PrefixMarks, as_a_file, climbs
from .routes import RouteEntry

BELOW: Final = "/*"
"""The end of the path of an app: all that is below it."""

_PARAMETER: Final = re.compile(r"{[a-zA-Z_][a-zA-Z0-9_]*(?::([a-zA-Z_][a-zA-Z0-9_]*))?}")


def entry_at(entries: Sequence[RouteEntry], prefixes: PrefixMarks, path: str, method: str) -> RouteEntry:
    """Return the route that answers a request, with the marks that hold at this very path.

    Where no route has the method, it is the one whose router says so (405), without the mark of an endpoint that does
    not run. Where none has the path, it is one without an endpoint: what the prefixes and mounts round the path ask.

    Args:
        entries: the routes, as the start-up check judged them.
        prefixes: the marks of path prefixes.
        path: decoded, as the app's routes see it.
        method: in capitals.
    """
    handshake = method == WEBSOCKET
    here = [one for one in entries if _speaks(one, handshake=handshake) and pattern(one.path).fullmatch(path)]
    found = next((one for one in here if answers(one, method)), None)
    if found is None and here:
        found = replace(here[0], own=None)
    if found is None:
        found = RouteEntry(path, (method,), None, None, _mounts(entries, path), "", None)
    anywhere = prefixes.proved if climbs(path) else ()
    by_path = dict.fromkeys((*prefixes.covers(path), *prefixes.covers(as_a_file(path)), *anywhere))
    return replace(found, covers=(*by_path, *(one for one in found.covers if one.place != PREFIX)))


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


def _speaks(one: RouteEntry, *, handshake: bool) -> bool:
    return ANY in one.methods or (WEBSOCKET in one.methods) == handshake


def _mounts(entries: Sequence[RouteEntry], path: str) -> tuple[Cover, ...]:
    """Return the marks on the way to the innermost marked mount that takes the path over."""
    found = [
        one.covers[: number + 1]
        for one in entries
        for number, cover in enumerate(one.covers)
        if cover.place == MOUNT and pattern(f"{cover.name.rstrip('/')}{BELOW}").fullmatch(path)
    ]
    return max(found, key=len, default=())
