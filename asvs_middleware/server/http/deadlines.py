"""How long a client may keep a connection waiting: v5.0.0-15.2.2, 13.1.3 and 13.2.6.

Each wait has its own deadline, and each byte that comes does not start all of them again: a head that trickles is as
late as one that stops. Only the client's time counts. While the app works, or the server itself has stopped reading,
no deadline runs. Pure: the moments are arguments.

Not here: how long the app takes.
"""

import math
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from ...errors import ConfigurationError

_SHORTEST: Final = timedelta(milliseconds=50)
_LONGEST: Final = timedelta(hours=1)
_FASTEST: Final = 1 << 30
_REPAIR: Final = "Use 0.05 seconds to one hour; in code it is a timedelta, such as timedelta(seconds=10)."


class Wait(StrEnum):
    """What a connection waits for."""

    FIRST = "the first request"
    HEAD = "the rest of a request's head"
    BODY = "the rest of a request's body"
    IDLE = "the next request"
    UPGRADE = "the app's answer to a WebSocket handshake"
    SENDING = "the client to read its answer"
    SERVER = "the server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long each wait may last.

    Attributes:
        handshake: from the connection to the end of the TLS handshake.
        head: from the connection, or from a head's first byte, to its end.
        body: between two pieces of a body; and the whole of it may take this long and a second for each `body_rate`
            bytes of it.
        body_rate: bytes per second a body has to come with; 0 leaves only the pauses to be judged.
        idle: between two requests.
        upgrade: from a WebSocket handshake to the app's answer.
        sending: while the client takes none of what waits to be sent.

    Raises:
        ConfigurationError: a deadline is no timedelta, or too short or too long to be one.
    """

    handshake: timedelta = timedelta(seconds=10)
    head: timedelta = timedelta(seconds=10)
    body: timedelta = timedelta(seconds=20)
    body_rate: int = 500
    idle: timedelta = timedelta(seconds=5)
    upgrade: timedelta = timedelta(seconds=30)
    sending: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        for field in fields(self):
            given = getattr(self, field.name)
            if field.name == "body_rate":
                if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= _FASTEST:
                    raise ConfigurationError(
                        f"Deadlines(body_rate={given!r}) is no number of bytes.", fix=f"Use 0 to {_FASTEST}."
                    )
            elif not isinstance(given, timedelta) or not _SHORTEST <= given <= _LONGEST:
                raise ConfigurationError(f"Deadlines({field.name}={given!r}) is no deadline.", fix=_REPAIR)

    @property
    def keep_alive(self) -> int:
        """Whole seconds for a server's own idle timer, which must not end a head that has begun."""
        return math.ceil((self.idle + self.head).total_seconds())


class Timetable(NamedTuple):
    """The same in seconds, for a loop's clock."""

    head: float
    body: float
    body_rate: int
    idle: float
    upgrade: float
    sending: float

    @property
    def pace(self) -> float:
        """How often to look, so that a deadline which begins in between is not missed."""
        return min(self.head, self.body, self.idle, self.upgrade, self.sending)

    def due(self, wait: Wait, *, since: float, last: float, received: int) -> float:
        """Return when a wait has lasted too long.

        Args:
            wait: what is waited for.
            since: when the wait began.
            last: when the last byte came or went.
            received: bytes of the body.
        """
        if wait is Wait.SERVER:
            return math.inf
        if wait is Wait.BODY:
            return min(last, since + received / self.body_rate if self.body_rate else last) + self.body
        if wait is Wait.IDLE:
            return last + self.idle
        if wait is Wait.UPGRADE:
            return since + self.upgrade
        if wait is Wait.SENDING:
            return since + self.sending
        return since + self.head


def timetable(deadlines: Deadlines) -> Timetable:
    """Return the deadlines in seconds."""
    return Timetable(
        head=deadlines.head.total_seconds(),
        body=deadlines.body.total_seconds(),
        body_rate=deadlines.body_rate,
        idle=deadlines.idle.total_seconds(),
        upgrade=deadlines.upgrade.total_seconds(),
        sending=deadlines.sending.total_seconds(),
    )
