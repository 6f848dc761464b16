"""@cross_origin: one route that other origins may send to, or load: an attribute on the endpoint, a table at start-up.

v5.0.0-3.5.1, v5.0.0-3.5.8, v5.0.0-4.4.2. The table is consulted only when a request would be refused otherwise. It
holds every route in the order they are tried, so that a marked pattern cannot open the unmarked one before it.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from starlette.convertors import CONVERTOR_TYPES
from starlette.routing import Host, Route, WebSocketRoute
from starlette.types import Scope

from ...errors import ConfigurationError
from ...waivers import Waiver, stated_reason
from .cross_origin import READING
from .origins import Origin, allowed_origins

MARK: Final = "__asvs_cross_origin__"
"""The attribute the mark is found under, on a function, a class or an ASGI app."""

_PARAMETER: Final = re.compile(r"{[a-zA-Z_][a-zA-Z0-9_]*(?::([a-zA-Z_][a-zA-Z0-9_]*))?}")
_Endpoint = TypeVar("_Endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossOriginMark:
    """Who may send to one endpoint.

    Attributes:
        origins: these, beside our own; None is everybody.
        reason: why, for an auditor.
        embed: pages of every site may load what GET and HEAD return here.
        waiver: what was given up, where it is everybody.
    """

    origins: frozenset[Origin] | None
    reason: str
    embed: bool = False
    waiver: Waiver | None = None

    def allows(self, origin: Origin | None, method: str) -> bool:
        """Whether a page of this origin may; an image or a script is asked for without naming one."""
        if self.embed and method in READING:
            return True
        return origin is not None and (self.origins is None or origin in self.origins)


def cross_origin(*, allow: Iterable[str] = (), embed: bool = False, reason: str) -> Callable[[_Endpoint], _Endpoint]:
    """Let pages of these origins send requests to this endpoint; its marks and its CORS stay as they are.

    Args:
        allow: origins as browsers write them: `https://partner.example`.
        embed: under `isolation="resources"`, pages of every site may load what GET and HEAD return here. Browsers also
            ask its Cross-Origin-Resource-Policy: `@headers(corp="cross-origin")`.
        reason: three words at least.

    Raises:
        ConfigurationError: there is no reason, nobody is let in, one is no origin, or embed is no switch.
    """
    origins = allowed_origins(allow, argument="@cross_origin(allow)")
    if not isinstance(embed, bool):
        raise ConfigurationError(f"@cross_origin(embed={embed!r}) is no switch.", fix="Write embed=True.")
    if not origins and not embed:
        raise ConfigurationError(
            "@cross_origin(allow=[]) lets nobody in.",
            fix='Name who may: allow=["https://partner.example"], or let every page load it: embed=True.',
        )
    stated = stated_reason(reason, for_what="@cross_origin")
    return _marking(CrossOriginMark(origins=origins, reason=stated, embed=embed))


def dangerously_cross_origin(*, reason: str, expires: date | None = None) -> Callable[[_Endpoint], _Endpoint]:
    """Let pages of every origin send requests to this endpoint, with the visitor's cookies; `null` is none.

    Args:
        reason: what keeps a foreign page from doing harm; three words at least.
        expires: when this has to be looked at again.

    Raises:
        ConfigurationError: there is no reason.
    """
    waiver = Waiver(control="@dangerously_cross_origin", requirement="v5.0.0-3.5.1", reason=reason, expires=expires)
    return _marking(CrossOriginMark(origins=None, reason=reason, waiver=waiver))


def cross_origin_mark(endpoint: Any) -> CrossOriginMark | None:
    """Return the mark of an endpoint."""
    found = getattr(endpoint, MARK, None)
    return found if isinstance(found, CrossOriginMark) else None


class Listed(Protocol):
    """One route, as the start-up walk lists it (access.RouteEntry)."""

    @property
    def path(self) -> str: ...
    @property
    def methods(self) -> tuple[str, ...]: ...
    @property
    def endpoint(self) -> Any: ...
    @property
    def route(self) -> Any: ...


def mark_of_route(route: Listed) -> CrossOriginMark | None:
    """Return the mark of a route: on what runs, or on the app of a Mount as it was mounted."""
    return cross_origin_mark(route.endpoint) or cross_origin_mark(getattr(route.route, "app", None))


class CrossOriginRoutes:
    """The routes of an app that other origins may send to.

    Args:
        routes: lists every route, in the order they are tried, and every app that has routes.
    """

    __slots__ = ("_by_path_alone", "_list", "_rows")

    def __init__(self, routes: Callable[[], tuple[Iterable[Listed], Iterable[Any]]]) -> None:
        self._list = routes
        self._rows: tuple[_Row, ...] | None = None
        self._by_path_alone = True

    def fill(self) -> None:
        """List the routes now: at start-up, or when first asked where the server runs no lifespan."""
        routes, apps = self._list()
        rows = tuple(_row(route) for route in routes)
        # Where the Host decides too, every route that a path could mean has to allow the origin.
        self._by_path_alone = not any(isinstance(route, Host) for app in apps for route in app.routes)
        self._rows = rows if any(row.mark for row in rows) else ()

    def allow(self, scope: Scope, method: str, origin: Origin | None) -> bool:
        """Whether the route this request goes to allows the origin; None where no single one is named."""
        if self._rows is None:
            self.fill()
        if not self._rows:
            return False
        path = _below_root(scope)
        meant = [row for row in self._rows if row.answers(path, method)]
        marks = [row.mark for row in (meant[:1] if self._by_path_alone else meant)]
        return bool(marks) and all(mark is not None and mark.allows(origin, method) for mark in marks)


class _Row(NamedTuple):
    pattern: re.Pattern[str]
    methods: frozenset[str]
    mark: CrossOriginMark | None
    opaque: bool

    def answers(self, path: str, method: str) -> bool:
        # A route that takes every method takes no WebSocket; an app behind a Mount may.
        named = method in self.methods or ("*" in self.methods and (self.opaque or method != "WEBSOCKET"))
        return named and self.pattern.match(path) is not None


def _row(route: Listed) -> _Row:
    opaque = not isinstance(route.route, Route | WebSocketRoute)
    pattern = _pattern(route.path, opaque=opaque)
    return _Row(pattern, frozenset(route.methods), mark_of_route(route), opaque)


def _pattern(path: str, *, opaque: bool) -> re.Pattern[str]:
    """Compile a path as Starlette does: its `$`, which passes a line feed at the end, has to be ours as well.

    An opaque app answers for every path below its own.
    """
    path = path.removesuffix("/*") if opaque else path
    pieces, at = [], 0
    for parameter in _PARAMETER.finditer(path):
        convertor = CONVERTOR_TYPES.get(parameter[1] or "str")
        pieces += [re.escape(path[at : parameter.start()]), f"(?:{convertor.regex if convertor else '.*'})"]
        at = parameter.end()
    pieces.append(re.escape(path[at:]))
    return re.compile(f"^{''.join(pieces)}{'/.*' if opaque else ''}$")


def _below_root(scope: Mapping[str, Any]) -> str:
    """Return the path the app's own routes are compared with: without what a proxy or a mount put in front."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in {"", "/"}:
        return path[len(root) :]
    return path


def _marking(mark: CrossOriginMark) -> Callable[[_Endpoint], _Endpoint]:
    def marked(endpoint: _Endpoint) -> _Endpoint:
        target = endpoint.__func__ if inspect.ismethod(endpoint) else endpoint  # A bound method takes no attributes.
        try:
            setattr(target, MARK, mark)
        except AttributeError as error:
            raise ConfigurationError(
                f"{endpoint!r} cannot carry @cross_origin.", fix="Mark a function of your own that calls it."
            ) from error
        return endpoint

    return marked
