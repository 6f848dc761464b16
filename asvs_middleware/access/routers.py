"""A mark on a router: asked for wherever the router takes a request over, however it was put into an app.

v5.0.0-8.2.1, v5.0.0-8.3.1. A router takes over when it is called, below a Mount, or when FastAPI hands an included one
a request (`handle`). Both are wrapped on the router object itself, so that it does not matter whether the mark, the
routes or the inclusion came first. What FastAPI serves past a router, its frontends, is wrapped by the walk.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import ConfigurationError
from .covers import ROUTER, Cover
from .enforce import pass_cover
from .marks import MARK, Mark

COVERS: Final = "__asvs_covers__"
"""The attribute a route outside every list keeps the marks of its routers under."""


def mark_router(router: Router, mark: Mark) -> Router:
    """Put a mark on a router, for all that is and will be in it.

    Raises:
        ConfigurationError: this FastAPI copies the routes of a router where it includes it, and the mark would stay.
    """
    takes_over = getattr(router, "handle", None)
    if takes_over is None and hasattr(router, "include_router"):
        raise ConfigurationError(
            "This version of FastAPI copies the routes of an APIRouter, and would leave its mark behind.",
            fix='Mark its path in the policy, marks={"/admin/": sensitive(...)}, or each endpoint; or update FastAPI.',
        )
    setattr(router, MARK, mark)
    router.middleware_stack = _Behind(router.middleware_stack, mark)
    if takes_over is not None:
        router.handle = _Behind(takes_over, mark)  # type: ignore[attr-defined]  # FastAPI has it.
    return router


def cover_of(app: Any, path: str) -> tuple[Cover, ...]:
    """Return the mark of a router, or of the router in an app, as a cover; nothing where it has none."""
    router = router_of(app)
    mark = getattr(router, MARK, None)
    return () if router is None or mark is None else (Cover(ROUTER, path or "/", mark),)


def router_of(app: Any) -> Router | None:
    """Return the router of an app, or the router itself."""
    found = app if isinstance(app, Router) else getattr(app, "router", None)
    return found if isinstance(found, Router) else None


def unlisted(router: Router) -> Iterator[BaseRoute]:
    """Yield the routes a router keeps beside its list, where a walk over `routes` passes them by.

    No attribute is named: whatever a router holds that is a route is one, whichever version holds it.
    """
    seen = {id(route) for route in router.routes}
    for held in vars(router).values():
        for one in held if isinstance(held, list | tuple) else (held,):
            if isinstance(one, BaseRoute) and id(one) not in seen:
                seen.add(id(one))
                yield one


def ask_first(route: Any, covers: Sequence[Cover]) -> None:
    """Make an unlisted route ask what the routers round it ask for; in several routers, what each of them does."""
    covered: tuple[Cover, ...] = getattr(route, COVERS, ())
    if not covers or set(covers) <= set(covered):
        return
    setattr(route, COVERS, (*covered, *(one for one in covers if one not in covered)))
    if covered:
        return
    handle = route.handle

    async def handle_after_asking(scope: Scope, receive: Receive, send: Send) -> None:
        for cover in getattr(route, COVERS):
            await pass_cover(scope, cover.place, cover.mark)
        await handle(scope, receive, send)

    route.handle = handle_after_asking


class _Behind:
    """What a router calls, behind its mark; in `app`, where every middleware keeps what it wraps."""

    def __init__(self, app: ASGIApp, mark: Mark) -> None:
        self.app = app
        self._mark = mark

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask for the proof, then call the router."""
        if scope["type"] != "lifespan":
            await pass_cover(scope, ROUTER, self._mark)
        await self.app(scope, receive, send)
