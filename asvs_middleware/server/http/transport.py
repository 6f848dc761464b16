"""The transport a server's protocol is given: the real one, with an observer that hears what goes out.

It is a transport of asyncio's own interface, so that whatever a protocol does with one it can do with this.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

Buffer = bytes | bytearray | memoryview


class Observer(Protocol):
    """Who hears of it.

    Attributes:
        ended: nothing is sent any more, whatever the protocol still writes.
    """

    ended: bool

    def writes(self) -> bool:
        """Something is about to be written; return whether it may."""

    def closes(self) -> bool:
        """The connection is about to be closed; return whether it may be now."""

    def reading(self, resumed: bool) -> None:
        """The protocol stopped or resumed reading."""

    def switched(self, protocol: asyncio.BaseProtocol) -> None:
        """Another protocol takes over."""


class ObservedTransport(asyncio.Transport):
    """One transport as its protocol sees it."""

    def __init__(self, real: asyncio.Transport, observer: Observer) -> None:
        super().__init__()
        self._real, self._observer = real, observer
        self._protocol: asyncio.BaseProtocol | None = None
        # Read for each request, by the server and by the policy.
        self.get_extra_info = real.get_extra_info  # type: ignore[method-assign]

    def write(self, data: Buffer) -> None:
        """Send, unless the connection has ended."""
        if self._observer.writes():
            self._real.write(data)

    def writelines(self, list_of_data: Iterable[Buffer]) -> None:
        """Send, unless the connection has ended."""
        if self._observer.writes():
            self._real.writelines(list_of_data)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection over to another protocol."""
        self._protocol = protocol
        self._observer.switched(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol that has the connection."""
        return self._protocol or self._real.get_protocol()

    def pause_reading(self) -> None:
        """Stop reading."""
        self._observer.reading(False)
        self._real.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._observer.reading(True)
        self._real.resume_reading()

    def is_closing(self) -> bool:
        """Return whether the connection ends or has ended."""
        return self._observer.ended or self._real.is_closing()

    def close(self) -> None:
        """Send what waits, then close."""
        if self._observer.closes():
            self._real.close()

    def abort(self) -> None:
        """Close at once."""
        self._real.abort()

    def is_reading(self) -> bool:
        """Return whether bytes are taken from the client."""
        return self._real.is_reading()

    def can_write_eof(self) -> bool:
        """Return whether the sending side alone can be closed."""
        return self._real.can_write_eof()

    def write_eof(self) -> None:
        """Close the sending side."""
        self._real.write_eof()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""
        return self._real.get_write_buffer_size()

    def get_write_buffer_limits(self) -> Any:
        """Return the marks between which the protocol is asked to pause."""
        return self._real.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set these marks."""
        self._real.set_write_buffer_limits(high, low)
