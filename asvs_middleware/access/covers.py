"""Marks round an endpoint, on a path prefix, a mount or a router, and how they go together with its own.

v5.0.0-8.2.1, v5.0.0-8.3.1. The stricter wins: whatever a @sensitive mark on the way to an endpoint asks for is asked,
from the outside in, and then what the endpoint's own mark asks for. A @public mark opens only what no @sensitive mark
is round; below one it has to say which it waives, in `overrides`, or the app does not start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .marks import Mark, Place, Public, Sensitive

PREFIX: Final[Place] = "prefix"
MOUNT: Final[Place] = "mount"
ROUTER: Final[Place] = "router"


@dataclass(frozen=True, slots=True)
class Cover:
    """A mark round one or more endpoints.

    Attributes:
        place: what carries it.
        name: which one, for people: the prefix, the path of the mount, the prefix of the router.
        mark: what it says.
    """

    place: Place
    name: str
    mark: Mark


def asked(own: Mark | None, covers: Sequence[Cover]) -> tuple[Sensitive, ...]:
    """Return every mark whose proof the endpoint needs, in the order they are asked for.

    Args:
        own: the endpoint's mark.
        covers: the marks round it, the outermost first.
    """
    waived = own.overrides if isinstance(own, Public) else ()
    around = tuple(one.mark for one in covers if isinstance(one.mark, Sensitive) and one.place not in waived)
    return (*around, own) if isinstance(own, Sensitive) else around


def contradiction(own: Mark | None, covers: Sequence[Cover]) -> str:
    """Say why these marks cannot all be meant, or return an empty text."""
    for number, cover in enumerate(covers):
        if isinstance(cover.mark, Public):
            problem = _opened(f"the {cover.place} {cover.name}", cover.mark, covers[:number])
            if not problem and cover.mark.overrides:
                problem = f"lies in the {cover.place} {cover.name}, which overrides: only a single route can"
            if problem:
                return problem
    return _opened("it", own, covers) if isinstance(own, Public) else ""


def _opened(what: str, mark: Public, outer: Sequence[Cover]) -> str:
    guards = {cover.place: cover.name for cover in outer if isinstance(cover.mark, Sensitive)}
    for place, name in guards.items():
        if place not in mark.overrides:
            return (
                f"lies in the @sensitive {place} {name}, while {what} is @public: write "
                f'@public(reason="...", overrides="{place}"), or take @public away'
            )
    idle = sorted(mark.overrides - guards.keys())
    return f"overrides a {idle[0]}, and none round it is @sensitive" if idle else ""
