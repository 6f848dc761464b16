"""Who may reach what: the marks, the guard that decides, and the walk that finds what nobody marked."""

from .caller import VerifiedCaller
from .check import judged, refuse_problems, waived_by
from .covers import Cover
from .decorators import public, sensitive
from .documentation import Documentation, place_documentation
from .enforce import backstop, before_body, before_start, nothing_to_guard
from .guard import Guard
from .lookup import Answering, answering
from .marks import Marking, Public, Sensitive
from .matrix import needs_of, rendered, set_by
from .openapi import described, publish
from .prefixes import PrefixMarks, by_path
from .routes import RouteEntry, applications, mounted_applications, walk
from .watch import Rule, watch

__all__ = [
    "Answering",
    "Cover",
    "Documentation",
    "Guard",
    "Marking",
    "PrefixMarks",
    "Public",
    "RouteEntry",
    "Rule",
    "Sensitive",
    "VerifiedCaller",
    "answering",
    "applications",
    "backstop",
    "before_body",
    "before_start",
    "by_path",
    "described",
    "judged",
    "mounted_applications",
    "needs_of",
    "nothing_to_guard",
    "place_documentation",
    "public",
    "publish",
    "refuse_problems",
    "rendered",
    "sensitive",
    "set_by",
    "waived_by",
    "walk",
    "watch",
]
