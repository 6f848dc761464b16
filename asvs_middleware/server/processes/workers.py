"""What a supervisor and its workers say to each other: the order, and then what comes of it. v5.0.0-13.3.2.

It goes over a socket that the worker inherits, so that no password stands on a command line or in an environment.
The same socket is the worker's lifeline: it becomes readable when the supervisor is gone.
"""

import json
import pickle
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ...errors import ConfigurationError
from ..listeners import Listeners
from ..logs import LogFormat
from ..policy import ServerPolicy
from .readiness import Facts, Quiet

NOT_RIGHT: Final = 2
_LENGTH: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a worker is to do.

    Attributes:
        target: the app, as `module:attribute`.
        app_dir: as for load_app().
        factory: as for load_app().
        policy: as for serve().
        log_format: how events are written to stderr; None writes none.
        settings: of uvicorn.
        tls: descriptors of the listening sockets.
        plaintext: those of the plaintext port.
    """

    target: str
    app_dir: str = "."
    factory: bool = False
    policy: ServerPolicy
    log_format: LogFormat | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    tls: tuple[int, ...] = ()
    plaintext: tuple[int, ...] = ()

    def on(self, listeners: Listeners) -> "Order":
        """Return the order with these sockets."""
        tls, plaintext = (tuple(one.fileno() for one in sockets) for sockets in listeners)
        return replace(self, tls=tls, plaintext=plaintext)

    def packed(self) -> bytes:
        """Return the order as it goes over the socket.

        Raises:
            ConfigurationError: a setting cannot be given to another process.
        """
        try:
            text = pickle.dumps(self)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ConfigurationError(
                "A setting cannot be given to another process.", fix="Use text, numbers and paths, or workers=1."
            ) from error
        return len(text).to_bytes(_LENGTH) + text


class Link(Quiet):
    """The worker's end of the socket; an Announcement."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def fileno(self) -> int:
        """Return the descriptor; it becomes readable when the supervisor is gone."""
        return self._link.fileno()

    def order(self) -> Order:
        """Wait for the order."""
        length = int.from_bytes(self._read(_LENGTH))
        order: Order = pickle.loads(self._read(length))  # noqa: S301  # From our own parent, over a socket we inherit.
        return order

    def ready(self, facts: Facts) -> None:
        """Say that requests are answered."""
        self._say({"is": "ready", "facts": dict(facts)})

    def stopping(self) -> None:
        """Say that they soon will not be."""
        self._say({"is": "stopping"})

    def failed(self, error: ConfigurationError) -> None:
        """Say why nothing is served."""
        self._say({"is": "failed", "problem": error.problem, "fix": error.fix})

    def _say(self, message: Mapping[str, object]) -> None:
        try:
            self._link.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return  # The supervisor is gone; the lifeline says so too.

    def _read(self, count: int) -> bytes:
        read = b""
        while len(read) < count:
            part = self._link.recv(count - len(read))
            if not part:
                raise SystemExit(NOT_RIGHT)  # The supervisor ended before it had said what to do.
            read += part
        return read
