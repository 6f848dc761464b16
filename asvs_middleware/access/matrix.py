"""The route matrix: every path with what guards it and who said so, as a table, as JSON, or as Markdown.

v5.0.0-8.2.1: what an auditor reads is what the start-up check judged, not a second list that could differ.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, Final, Literal

from ..events import printable
from ..waivers import Waiver
from .enforce import name_of
from .marks import Public, Sensitive
from .routes import OWN_POLICY, RouteEntry

Format = Literal["text", "json", "md"]
Waived = Callable[[RouteEntry], Sequence[Waiver]]

_COLUMNS: Final = ("METHODS", "PATH", "NEEDS", "SET BY", "ENDPOINT")
_GAP: Final = "  "
_STOPS: Final = "!"
_OPEN: Final = "~"


def rendered(entries: Sequence[RouteEntry], style: Format, *, waived: Waived = lambda _entry: ()) -> str:
    """Return the matrix of an app, without a line end at its end.

    Args:
        entries: the routes, as the start-up check judged them.
        style: a table, JSON or Markdown.
        waived: gives what a route leaves open on purpose.
    """
    return _STYLES[style](entries, waived)


def _text(entries: Sequence[RouteEntry], waived: Waived) -> str:
    rows = [_row(one) for one in entries]
    widths = [max(len(row[column]) for row in (_COLUMNS, *rows)) for column in range(len(_COLUMNS))]

    def line(mark: str, cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"{mark} {_GAP.join(padded)}".rstrip()

    lines = [line(" ", _COLUMNS), line(" ", ["-" * width for width in widths])]
    for entry, row in zip(entries, rows, strict=True):
        lines.append(line(_STOPS if entry.problem else " ", row))
        lines += [f"    {_STOPS} {_shown(entry.problem)}"] * bool(entry.problem)
        lines += [f"    {_OPEN} {_spoken(one)}" for one in waived(entry)]
    return "\n".join([*lines, "", _summary(entries)])


def _markdown(entries: Sequence[RouteEntry], waived: Waived) -> str:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

    head = [line((*(one.capitalize() for one in _COLUMNS), "Problem", "Waived")), line(["---"] * (len(_COLUMNS) + 2))]
    rows = [
        line(
            (
                *(methods, f"`{path}`", needs, by, f"`{endpoint}`", _shown(entry.problem)),
                "; ".join(map(_spoken, waived(entry))),
            )
        )
        for entry, (methods, path, needs, by, endpoint) in zip(entries, map(_row, entries), strict=True)
    ]
    return "\n".join([*head, *rows, "", _summary(entries)])


def _json(entries: Sequence[RouteEntry], waived: Waived) -> str:
    return json.dumps([{**_data(one), "waived": [_waiver(each) for each in waived(one)]} for one in entries], indent=2)


_Style = Callable[[Sequence[RouteEntry], Waived], str]
_STYLES: Final[dict[str, _Style]] = {"text": _text, "json": _json, "md": _markdown}


def _row(entry: RouteEntry) -> tuple[str, str, str, str, str]:
    return (
        " ".join(entry.methods),
        _shown(entry.path),
        needs_of(entry),
        set_by(entry),
        _shown(name_of(entry.endpoint)),
    )


def _data(entry: RouteEntry) -> dict[str, Any]:
    mark = entry.mark
    opened = OWN_POLICY if entry.own is OWN_POLICY else mark  # It may ask for more, whatever is asked on the way.
    return {
        "path": entry.path,
        "methods": list(entry.methods),
        "endpoint": name_of(entry.endpoint),
        "access": _access(entry),
        "asks": [
            {
                "token": one.token,
                "scopes": list(one.scopes),
                "bound": one.bound,
                "max_age": None if one.max_age is None else one.max_age.total_seconds(),
                "acr": list(one.acr),
                "client_certificate": [pattern.text for pattern in one.identities] or one.certificate,
            }
            for one in entry.asks
        ],
        "reason": opened.reason if isinstance(opened, Public) else None,
        "overrides": sorted(mark.overrides) if isinstance(mark, Public) else [],
        "set_by": _sources(entry),
        "problem": entry.problem or None,
    }


def _waiver(waiver: Waiver) -> dict[str, str | None]:
    end = None if waiver.expires is None else waiver.expires.isoformat()
    return {"control": waiver.control, "requirement": waiver.requirement, "reason": waiver.reason, "expires": end}


def _spoken(waiver: Waiver) -> str:
    until = "" if waiver.expires is None else f", until {waiver.expires.isoformat()}"
    return _shown(f"waived {waiver.requirement} by {waiver.control}{until}: {waiver.reason}")


def _access(entry: RouteEntry) -> str:
    if entry.asks:
        return "sensitive"
    if entry.own is OWN_POLICY:
        return "own policy"
    return "unmarked" if entry.mark is None else "public"


def needs_of(entry: RouteEntry) -> str:
    """Return what has to be proved on a route, in words."""
    mark = entry.mark
    if isinstance(mark, Public):
        return _shown(mark.reason if mark is OWN_POLICY else f"public: {mark.reason}")
    inner = ["what its own policy asks for"] * (entry.own is OWN_POLICY)
    return " + ".join([*map(_asked, entry.asks), *inner]) or "nothing: unmarked"


def _asked(mark: Sensitive) -> str:
    parts = [" ".join(("token", *mark.scopes))] * mark.token
    parts += [f"bound to the certificate ({mark.bound})"] * (mark.bound is not None)
    parts += [] if mark.max_age is None else [f"login within {_duration(mark.max_age)}"]
    parts += [f"acr {' or '.join(mark.acr)}"] * bool(mark.acr)
    parts += [f"certificate {' or '.join(one.text for one in mark.identities) or 'of any client'}"] * mark.certificate
    return _shown(", ".join(parts))


def _duration(age: timedelta) -> str:
    return f"{age.total_seconds():g} s"


def set_by(entry: RouteEntry) -> str:
    """Return where the marks stand that a route comes to, in words."""
    told = ", ".join(_sources(entry)) or "-"
    waived = sorted(entry.mark.overrides) if isinstance(entry.mark, Public) else []
    return f"{told}, over the {' and '.join(waived)}" if waived else told


def _sources(entry: RouteEntry) -> list[str]:
    """Return who set what holds: the places of the marks that are asked for, or of the one that opens the route."""
    marks = entry.asks or (entry.mark,)
    around = [_shown(f"{one.place} {one.name}") for one in entry.covers if one.mark in marks]
    itself = "mount" if entry.path.endswith("/*") else "route"
    return [*around, *[itself] * (entry.own is OWN_POLICY or (entry.own is not None and entry.own in marks))]


def _summary(entries: Sequence[RouteEntry]) -> str:
    kinds = [_access(one) for one in entries]
    counts = [
        f"{kinds.count(kind)} {kind}" for kind in ("sensitive", "public", "own policy", "unmarked") if kind in kinds
    ]
    stopped = sum(bool(one.problem) for one in entries)
    told = f"{len(entries)} route{'s' * (len(entries) != 1)}" + f": {', '.join(counts)}" * bool(counts) + "."
    return told + (f" {stopped} would stop the start-up." if stopped else "")


def _shown(text: str) -> str:
    return str(printable(text))
