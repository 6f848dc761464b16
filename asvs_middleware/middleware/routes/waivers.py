"""What single routes leave open on purpose, for whoever lists the routes: by their headers, and to other origins."""

from typing import Any

from ...waivers import Waiver
from ..gates.cross_origin_routes import Listed, mark_of_route
from .header_routes import HeaderRoutes


def waivers_of(route: Listed, headers: HeaderRoutes, app: Any) -> tuple[Waiver, ...]:
    """Return the waivers of one route: its own, and those of what stands round it.

    Args:
        route: as the start-up walk lists it.
        headers: the headers of the app by route.
        app: the app.
    """
    mark = mark_of_route(route)
    own = () if mark is None or mark.waiver is None else (mark.waiver,)
    return (*own, *headers.waivers_at(route, app))
