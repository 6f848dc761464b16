"""The end of the server's own certificates: events before it comes, and the seconds left as a metric.

v5.0.0-13.3.4 (secrets expire and are replaced), 12.2.2. Judged by the fraction of the lifetime that is left
(tls/lifetimes.py): at a third renewal is due, at a tenth it is late. One event for each certificate when it passes
such a border, and one a day from then on.

Not done here: renewal (an ACME client's task), and loading what was renewed (reload.py, which calls `replace`).
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from ... import events
from ...tls.lifetimes import Lifetime, Stage

_AGAIN: Final = timedelta(days=1)
_SEVERITY: Final[Mapping[Stage, int]] = {
    "renew": logging.WARNING,
    "late": logging.ERROR,
    "expired": logging.CRITICAL,
}
_REASON: Final[Mapping[Stage, str]] = {
    "renew": "The certificate is past two thirds of its life and was not renewed.",
    "late": "The certificate is about to expire and was not renewed.",
    "expired": "The certificate has expired: clients refuse it.",
}


class ExpiryWatch:
    """Watches the lifetimes of the certificates in use; from one thread."""

    def __init__(self, lifetimes: Mapping[str, Lifetime]) -> None:
        """Take the lifetimes by the name their events shall have: the path of the file."""
        self._lifetimes = dict(lifetimes)
        self._said = dict[str, tuple[Stage, datetime]]()

    def replace(self, lifetimes: Mapping[str, Lifetime]) -> None:
        """Watch these from now on; events already written about one that did not change are not repeated."""
        self._said = {name: said for name, said in self._said.items() if lifetimes.get(name) == self._lifetimes[name]}
        self._lifetimes = dict(lifetimes)

    def seconds_left(self, at: datetime) -> float:
        """Return the seconds until the first certificate ends, negative once it has; infinite where there is none."""
        return min((life.seconds_left(at) for life in self._lifetimes.values()), default=float("inf"))

    def check(self, at: datetime) -> None:
        """Write the events that are due. Cheap: call it as often as you like."""
        for name, life in self._lifetimes.items():
            stage = life.stage(at)
            if stage == "fresh":
                continue
            before, when = self._said.get(name, (None, at))
            if stage != before or at - when >= _AGAIN:
                self._said[name] = stage, at
                _say(name, life, stage, at)

    def begin(self) -> None:
        """Be counted by certificate_seconds_left() from now on."""
        _SERVING.add(self)

    def end(self) -> None:
        """Be counted no longer."""
        _SERVING.discard(self)


_SERVING: Final = set[ExpiryWatch]()
"""Those of the servers of this process: as a rule one."""


def certificate_seconds_left(at: datetime | None = None) -> float:
    """Return the seconds until the first certificate this process serves with ends, for the gauge of a metrics library.

    Negative once it has ended; infinite where this process serves no TLS. From any thread, and cheap.

    Args:
        at: the moment, aware; now unless given.
    """
    moment = at or datetime.now(UTC)
    return min((watch.seconds_left(moment) for watch in tuple(_SERVING)), default=float("inf"))


def _say(name: str, life: Lifetime, stage: Stage, at: datetime) -> None:
    events.emit(
        "server",
        "certificate_expiring",
        reason=_REASON[stage],
        requirement="v5.0.0-13.3.4",
        severity=_SEVERITY[stage],
        certificate=name,
        stage=stage,
        not_after=life.end.isoformat(),
        seconds_left=int(life.seconds_left(at)),
        lifetime_days=life.length.days,
    )
