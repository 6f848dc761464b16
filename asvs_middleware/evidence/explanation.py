"""What an explanation holds: as values, as plain data, and as text that nothing an app sends can break."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import Any, Final

from ..events import printable
from .seen import Finding

_WIDTH: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderLine:
    """One header field and who set it.

    Attributes:
        name: the field.
        value: its value.
        who: `preset web`, `policy`, `prefix /embed/`, `mount /files`, `router`, `route`, `app` or `layer`, joined by
            ` + ` where several had a part in it.
    """

    name: str
    value: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The headers of one path, and what is asked of whoever calls it.

    Attributes:
        path: as it was asked for.
        method: the request method.
        route: the path as the route has it; None where no route has it.
        endpoint: what runs; None likewise, and where the route does not have the method.
        answer: what answers, in words: the endpoint, a router (`no route`), the layer, or an app with its own policy.
        needs: what the guard asks for, as `asvs routes` says it.
        set_by: where the marks stand that ask for it; `-` where there are none.
        problem: why the app would not start, or an empty text.
        level: the ASVS level of the policy.
        status: of the response: as it is assumed, or as the router or the layer has it; None where an app with a policy
            of its own answers, and none was assumed.
        headers: every field, in the order they are sent.
        met: ids the response shows to be met.
        missed: ids it misses, with what was seen and what to do.
        waived: ids that may be missed, with the reason.
    """

    path: str
    method: str
    route: str | None
    endpoint: str | None
    answer: str
    needs: str
    set_by: str
    problem: str
    level: int
    status: int | None
    headers: tuple[HeaderLine, ...]
    met: tuple[str, ...]
    missed: tuple[Finding, ...]
    waived: tuple[tuple[str, str], ...]

    def data(self) -> dict[str, Any]:
        """Return the same as plain data, for JSON."""
        return asdict(self)

    def _status(self) -> str:
        return "status not known" if self.status is None else f"status {self.status}"

    def __str__(self) -> str:
        widths = [max((len(getattr(line, part)) for line in self.headers), default=0) for part in ("name", "who")]
        lines = [
            f"{self.method} {printable(self.path)}  {printable(self.answer)}  ({self._status()})",
            f"Needs: {self.needs} (set by: {self.set_by})",
            *[f"Stops the start-up: it {printable(self.problem)}"] * bool(self.problem),
            "",
            *(text for one in self.headers for text in _told(one, *widths)),
            "",
            f"Met at level {self.level}: {', '.join(self.met) or 'nothing'}",
        ]
        lines += [f"Missed: {finding}" for finding in self.missed]
        lines += [f"Waived: {id_} ({printable(reason)})" for id_, reason in self.waived]
        return "\n".join(lines)


def _told(line: HeaderLine, name: int, who: int) -> Iterator[str]:
    """Yield name and who, then the value in as many lines as it needs."""
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line.value)
    first, *others = wrap(safe, _WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
    yield f"  {line.name:<{name}}  {line.who:<{who}}  {first}"
    for text in others:
        yield f"{'':{name + who + 6}}{text}"
