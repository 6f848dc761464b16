"""Who may reach what: the marks, the guard that decides, and the walk that finds what nobody marked."""

from .caller import VerifiedCaller
from .decorators import public, sensitive
from .documentation import Documentation, place_documentation
from .enforce import backstop, before_body, before_start, noted
from .guard import Guard
from .marks import Public, Sensitive
from .openapi import described
from .routes import RouteEntry, applications, check_routes, walk

__all__ = [
    "Documentation",
    "Guard",
    "Public",
    "RouteEntry",
    "Sensitive",
    "VerifiedCaller",
    "applications",
    "backstop",
    "before_body",
    "before_start",
    "check_routes",
    "described",
    "noted",
    "place_documentation",
    "public",
    "sensitive",
    "walk",
]
