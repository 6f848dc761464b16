"""The start-up check: every route has a mark, marks do not contradict each other, and the policy has what they ask for.

v5.0.0-8.2.1, v5.0.0-16.5.3. The same judgement, without the refusal, is what `asvs routes` prints.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from ..errors import ConfigurationError
from .covers import contradiction
from .enforce import name_of
from .lookup import answered, pattern
from .marks import Place, Public, Sensitive
from .prefixes import ANY, PrefixMarks, Waived
from .reach import BELOW
from .routes import OWN_POLICY, RouteEntry

_SHOWN: Final = 10


def judged(
    entries: Iterable[RouteEntry], *, prefixes: PrefixMarks, deny_unmarked: bool, tokens: bool, certificates: bool
) -> list[RouteEntry]:
    """Return the entries with the marks of their prefixes, and with why each cannot be let start."""
    placed = [replace(one, covers=(*prefixes.covers(one.path.removesuffix(BELOW)), *one.covers)) for one in entries]
    return [
        replace(
            one,
            problem=one.problem
            or _contradiction(one)
            or _waiver(one, placed)
            or _means(one.asks, tokens=tokens, certificates=certificates)
            or ("carries neither @sensitive nor @public" if one.mark is None and deny_unmarked else ""),
        )
        for one in placed
    ]


def refuse_problems(entries: Iterable[RouteEntry]) -> None:
    """Refuse to start where an entry has a problem.

    Raises:
        ConfigurationError: one or more routes; the message names each, ten at most.
    """
    problems = [
        f"{'/'.join(one.methods)} {one.path} ({name_of(one.endpoint)}) {one.problem}" for one in entries if one.problem
    ]
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ConfigurationError(
            f"{len(problems)} route(s) cannot be guarded: {'; '.join(problems[:_SHOWN])}{more}.",
            fix='Mark each with @sensitive(...) or @public(reason="..."), below the route decorator, or state '
            'default="allow".',
        )


def waived_by(entries: Iterable[RouteEntry]) -> Waived:
    """Return the paths that waive a mark round them, for the layer, which knows the path before the endpoint."""
    return {
        (one.path, method): one.own.overrides
        for one in entries
        if isinstance(one.own, Public) and one.own.overrides
        for method in answered(one)
    }


def _contradiction(one: RouteEntry) -> str:
    return "" if one.own is OWN_POLICY else contradiction(one.own, one.covers)


def _waiver(one: RouteEntry, entries: Sequence[RouteEntry]) -> str:
    """Say why a waiver could open more than its own route: the layer goes by the path, before it is routed."""
    if not (isinstance(one.own, Public) and one.own.overrides):
        return ""
    if "{" in one.path or one.path.endswith(BELOW):
        return "overrides a mark for more than one path: only a route whose path is written out can"
    for other in entries:
        if other is not one and _answers(other, one) and not _overrides(other, one.own.overrides):
            return f"overrides a mark at a path that {other.path} ({name_of(other.endpoint)}) could answer too"
    return ""


def _answers(other: RouteEntry, one: RouteEntry) -> bool:
    mine, theirs = set(answered(one)), set(answered(other))
    if ANY not in mine | theirs and mine.isdisjoint(theirs):
        return False
    return pattern(other.path).fullmatch(one.path) is not None


def _overrides(other: RouteEntry, places: frozenset[Place]) -> bool:
    return isinstance(other.own, Public) and other.own.overrides >= places


def _means(marks: Iterable[Sensitive], *, tokens: bool, certificates: bool) -> str:
    for mark in marks:
        if mark.token and not tokens:
            return "asks for a token, and the policy has no tokens=Tokens(...)"
        if mark.certificate and not certificates:
            return "asks for a client certificate, and the policy has no client_certificates=ClientCertificates(...)"
    return ""
