"""What to call so that every route of an app is reached once: paths with their parameters filled in.

Walked by access.walk, so nothing is judged twice; secured apps mounted inside are walked by their own stack.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from starlette.convertors import CONVERTOR_TYPES
from starlette.routing import Host

from ..access import Public, RouteEntry, applications, walk
from ..access.enforce import name_of
from ..access.lookup import pattern
from ..access.reach import BELOW
from ..stack import Stack
from .stand_in import own_stack, with_inner

_PARAMETER: Final = re.compile(r"{([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-zA-Z_][a-zA-Z0-9_]*))?}")
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

# The first one a convertor accepts is taken. No value fits a narrower convertor than it must, so that `/{slug}` is
# not answered by `/{number:int}`.
_PLAUSIBLE: Final = (
    "rehearsal/1",
    "rehearsal",
    "1.5",
    "1",
    "00000000-0000-4000-8000-000000000000",
    "2026-01-01",
    "2026-01-01T00:00:00",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One method of one route.

    Attributes:
        method: of the request; `WEBSOCKET` is a handshake.
        path: to call; as written in the app where it cannot be called.
        host: to call it under; None is the host of the rehearsal.
        endpoint: a name for people.
        marked: its endpoint carries a mark, so that a refusal is the mark's.
        obstacle: why it cannot be called; an empty text if it can.
    """

    method: str
    path: str
    host: str | None
    endpoint: str
    marked: bool
    obstacle: str = ""


def entries_of(stack: Stack, *, prefix: str = "") -> Iterator[RouteEntry]:
    """Yield every route of a stack, those of secured apps inside among them."""
    for entry in stack.entries():
        inner = own_stack(entry.endpoint)
        path = prefix + entry.path
        if inner is None or inner is stack:
            yield replace(entry, path=path)
        else:
            yield from entries_of(inner, prefix=path.removesuffix(BELOW))


def targets_of(stack: Stack, *, values: Mapping[str, str]) -> list[Target]:
    """Return what to call for every route that is not @public."""
    hosts = _hosts(stack)
    entries = list(entries_of(stack))
    return [
        target
        for number, entry in enumerate(entries)
        if not isinstance(entry.mark, Public)
        for target in _targets(entry, entries[:number], hosts, values)
    ]


def filled(path: str, values: Mapping[str, str]) -> str:
    """Return the path with a value for each parameter that its convertor accepts.

    Raises:
        LookupError: no value is known for a parameter; holds its name.

    >>> filled("/orders/{order_id:int}/{rest:path}", {})
    '/orders/1/rehearsal/1'
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name in values:
            return values[name]
        for one in _PLAUSIBLE:
            if re.fullmatch(_regex(match), one):
                return one
        raise LookupError(name)

    return _PARAMETER.sub(value, path)


def _targets(
    entry: RouteEntry, before: Sequence[RouteEntry], hosts: Mapping[int, str], values: Mapping[str, str]
) -> Iterator[Target]:
    written = hosts.get(id(entry.route))
    path, host, unfilled = entry.path, written, ""
    if path.endswith(BELOW):
        path = path.removesuffix(BELOW) + "/rehearsal"
    try:
        path, host = filled(path, values), None if written is None else filled(written, values)
    except LookupError as missing:
        unfilled = f"give values={{{missing.args[0]!r}: ...}}"
    rivals = [one for one in before if hosts.get(id(one.route)) in (None, written)]
    for method in _METHODS if "*" in entry.methods else entry.methods:
        obstacle = unfilled or _shadow(entry, rivals, method, path)
        yield Target(
            method=method,
            path=path,
            host=host,
            endpoint=name_of(entry.endpoint),
            marked=entry.mark is not None,
            obstacle=obstacle,
        )


def _shadow(entry: RouteEntry, rivals: Sequence[RouteEntry], method: str, path: str) -> str:
    """Say which earlier route would answer: its refusal shows nothing of an endpoint that nobody marked."""
    if entry.mark is not None:
        return ""
    for rival in rivals:
        if not {method, "*"}.isdisjoint(rival.methods) and pattern(rival.path).fullmatch(path):
            return f"{rival.path} answers {path} first"
    return ""


def _regex(match: re.Match[str]) -> str:
    return CONVERTOR_TYPES[match[2] or "str"].regex


def _hosts(stack: Stack) -> dict[int, str]:
    """Return the host, as written, under which each route below a Host is reached, by the route's identity."""
    return {
        id(entry.route): route.host
        for one in with_inner(stack)
        for app in applications(one.app)
        for route in app.routes
        if isinstance(route, Host)
        for entry in walk(route)
    }
