"""Two uvicorn servers in one event loop: one is started and ended by the other, and signals reach one of them only.

What they serve is decided in `launcher`. Here is only the order: the app comes up, then TLS is served, then
plaintext is answered, then it is said that all is ready. At the end that is taken back first, and both end together:
in order after one signal, at once after a second.
"""

import asyncio
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, Protocol

import uvicorn

from .accept.guarded import GuardedServer
from .http.sending import sent
from .keys.reload import Reloader
from .logs import queries_left_out
from .processes.readiness import Announcement

_PATIENCE: Final = 1.0
"""Seconds between saying goodbye to a client and hanging up."""

_LOOK: Final = 0.1
"""Seconds between two looks at whether the end is forced."""


class Lifeline(Protocol):
    """What becomes readable when whoever started this process is gone."""

    def fileno(self) -> int:
        """Return the descriptor."""


class TLSServer(GuardedServer):
    """The server of the TLS port, which starts and ends the plaintext one.

    Attributes:
        facts: how the app is served, for the announcements.
        announcements: how it is said that the app is up, and that it stops.
        lifeline: ends the server when it breaks.
        reloader: keeps what the files of the policy say in force.
        drain: seconds between taking readiness back and the last connection that is accepted.
        beside: the server of the plaintext port with its sockets, where there is one.
        was_started: the app came up and was served.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        facts: Mapping[str, str | int | None],
        reloader: Reloader,
        announcements: Iterable[Announcement] = (),
        lifeline: Lifeline | None = None,
        drain: float = 0,
    ) -> None:
        super().__init__(config)
        self.facts = facts
        self.announcements = tuple(announcements)
        self.lifeline = lifeline
        self.reloader = reloader
        self.drain = drain
        self.beside: tuple[PlaintextServer, list[socket.socket]] | None = None
        self.was_started = False
        self._plaintext: asyncio.Task[None] | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve both ports until the end, and log no query of either."""
        with queries_left_out():
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app, then listen; the plaintext port follows once the app is up."""
        # How uvicorn gives up differs: it ends the process, or only says that it should.
        with suppress(SystemExit):
            await super().startup(sockets)
        self.was_started = self.started
        if not self.started:
            self.should_exit = True
            return
        if self.beside is not None:
            server, plaintext_sockets = self.beside
            self._plaintext = asyncio.create_task(server.serve(plaintext_sockets))
        if self.lifeline is not None:
            asyncio.get_running_loop().add_reader(self.lifeline.fileno(), self._break)
        self.reloader.when_asked = self._say_reloaded
        self.reloader.attach(asyncio.get_running_loop())
        for announcement in self.announcements:
            announcement.ready(self.facts)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take readiness back, then end both ports at the same time."""
        if self.lifeline is not None:
            asyncio.get_running_loop().remove_reader(self.lifeline.fileno())
        for announcement in self.announcements:
            announcement.stopping()
        await self._drained()
        await asyncio.to_thread(self.reloader.stop)
        if self.beside is not None:
            self.beside[0].should_exit = True
        hanging_up = asyncio.create_task(self._hang_up())
        await super().shutdown(sockets)
        hanging_up.cancel()
        if self._plaintext is not None:
            await self._plaintext

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in order; at the second signal, whichever, at once."""
        self.force_exit = self.force_exit or self.should_exit
        super().handle_exit(sig, frame)

    def _say_reloaded(self) -> None:
        for announcement in self.announcements:
            announcement.reloaded(self.facts)

    def _break(self) -> None:
        self.should_exit = True

    async def _drained(self) -> None:
        """Go on accepting while load balancers learn that this process stops."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.drain
        # A signal handler sets the flag, and cannot set an event of the loop.
        while not self.force_exit and (left := until - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(_LOOK, left))

    async def _hang_up(self) -> None:
        """Cut off clients that do not answer the end of TLS: event loops give each of them 30 seconds.

        Who keeps a connection open and idle answers when it next uses it. What is still being sent is let through,
        unless the end is forced; where nobody can say, the deadline for sending ends it (`http.sending`).
        """
        states = [server.server_state for server in (self, *([] if self.beside is None else [self.beside[0]]))]
        while True:
            transports = [connection.transport for state in states for connection in state.connections]
            await self._patience()
            for transport in transports:
                if self.force_exit or (transport.is_closing() and _took_all(transport)):
                    transport.abort()

    async def _patience(self) -> None:
        """Wait; a forced end is patient no longer, and lets go of the plaintext port as well."""
        for _ in range(round(_PATIENCE / _LOOK)):
            await asyncio.sleep(_LOOK)
            if self.force_exit:
                if self.beside is not None:
                    self.beside[0].force_exit = True
                return


def _took_all(transport: asyncio.Transport) -> bool:
    taken = sent(transport)
    return taken.certain and not taken.pending


class PlaintextServer(GuardedServer):
    """The server of the plaintext port. Signals are the other one's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers alone."""
        yield
