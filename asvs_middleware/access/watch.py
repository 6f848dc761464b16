"""What every router of a secured app does first: say which scope it writes to, and ask again for the marks of paths.

v5.0.0-8.2.1, v5.0.0-8.3.1. A middleware of the app, of a mount or of a router may hand on a scope of its own or write
the path anew. So each router is watched where it takes a request over and again behind the middleware it was made with,
and asks for what the path says it is, and for what it is where the router stands: there a middleware writes nothing.
Not known here: what a middleware makes of the parameters in the path of its mount; and one that keeps a thing in `app`
and calls another.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from ..connection.exchange import exchange_of
from ..errors import ConfigurationError
from ..wrapped import layers
from .enforce import name_of
from .guard import Guard
from .prefixes import PrefixMarks, Waived, after, note_waivers, paths_at, root_of, unproven
from .routers import router_of

WATCHED: Final = "__asvs_watched__"
"""The attribute a router keeps under what each app it is in asks for there."""


class Rule:
    """What one app asks for at a router that is in it.

    Args:
        prefixes: the marks of paths.
        waived: the paths that waive a mark; they may become known later.
        covered: a mark is round the router wherever it is mounted, so that no route in it needs one.
        is_own: the router is the app's own; what comes to it past the layer is asked too, and gets no further.
        places: the paths it is mounted at.
    """

    __slots__ = ("asks", "covered", "is_own", "places", "prefixes", "waived")

    def __init__(
        self, prefixes: PrefixMarks, waived: Waived, *, covered: bool, is_own: bool, places: Sequence[str]
    ) -> None:
        self.prefixes = prefixes
        self.waived = waived
        self.covered = covered
        self.is_own = is_own
        self.places = tuple(places)
        self.asks = bool(prefixes)  # Known once, for every request comes by here.


Rules = dict[Any, Rule]
"""By the guard of the layer that carries a request; None for what comes past it."""


def watch(app: Any, guard: Guard, rule: Rule) -> None:
    """Let the layer see the scope an app's router writes to, and the router ask for what the rule says.

    Args:
        app: whose router it is; an app that has none is left alone.
        guard: of the layer whose requests the rule is for: an app may be mounted in several.
        rule: what holds from now on.

    Raises:
        ConfigurationError: the router keeps the way it handles requests elsewhere, or a middleware of its own does.
    """
    router = router_of(app)
    if router is None:
        return
    rules: Rules | None = getattr(router, WATCHED, None)
    if rules is None:
        rules = {}
        _place(router, rules)
        setattr(router, WATCHED, rules)
    rules[guard] = rule
    if rule.is_own:
        rules[None] = rule


def _place(router: Router, rules: Rules) -> None:
    """Put the watch where the router is called: by the last middleware it was made with, and from outside."""
    stack: Any = getattr(router, "middleware_stack", None)  # Public by its name, and not documented.
    if not callable(stack):
        raise ConfigurationError(
            "The routers of this Starlette cannot be watched.", fix="Use a release of Starlette this package names."
        )
    wrappers = list(takewhile(lambda one: not _is_of(router, one), layers(stack)))
    if wrappers:
        _place_behind(wrappers[-1], router, rules)
    router.middleware_stack = _watched(stack, rules, is_entry=True)  # type: ignore[assignment]  # Starlette awaits it.


def _place_behind(last: Any, router: Router, rules: Rules) -> None:
    inner: Any = getattr(last, "app", None)
    try:
        if not _is_of(router, inner):
            raise AttributeError
        last.app = _watched(inner, rules, is_entry=False)
    except AttributeError:  # It is not there, or cannot be set.
        raise ConfigurationError(
            f"Nothing can look behind {name_of(type(last))}, a middleware of a router.",
            fix="Let it keep what it wraps in self.app, or give it to the app.",
        ) from None


def _is_of(router: Router, one: Any) -> bool:
    """Whether this is the router's own way of handling requests."""
    return getattr(one, "__self__", None) is router


def _watched(route: ASGIApp, rules: Rules, *, is_entry: bool) -> ASGIApp:
    """Return what routes a request and keeps the scope the router writes to: a middleware may have copied the layer's.

    Args:
        route: the router's own way of handling a request, or a middleware before it.
        rules: what holds, by the guard of the layer that carries the request.
        is_entry: nothing of the router's was asked yet.
    """

    def note(scope: Scope, receive: Receive, send: Send) -> Any:
        exchange = exchange_of(scope)
        if exchange is None:
            rule = rules.get(None)
        else:
            rule = rules.get(exchange.means.verifier) or rules.get(None)
            # Most requests come with the layer's own scope, and this is their first router: nothing to keep.
            if scope is not exchange.scope or "endpoint" in scope or exchange.happened is not None:
                exchange.routed, exchange.reached = scope, scope.get("endpoint")
            if rule is not None:
                # Written anew: a middleware may have led the request here out of a place that is covered.
                exchange.covered = rule.covered
                if rule.waived:
                    here = paths_at(rule.places, scope)
                    note_waivers(exchange, scope, rule.waived, here, anew=is_entry and rule.is_own)
        if rule is None or not rule.asks or scope["type"] == "lifespan":
            return route(scope, receive, send)
        root = scope.get("root_path") if rule.is_own else root_of(scope)
        at = () if rule.is_own else paths_at(rule.places, scope)  # Of the app's own router both readings are one.
        marks = unproven(rule.prefixes, scope, root, exchange, at)
        return after(marks, route, scope, receive, send) if marks else route(scope, receive, send)

    return note
