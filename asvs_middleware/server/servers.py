"""Two uvicorn servers in one event loop: one is started and ended by the other, and signals reach one of them only.

What they serve is decided in `launcher`. Here is only the order: the app comes up, then TLS is served, then
plaintext is answered, and both end together.
"""

import asyncio
import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

import uvicorn

from .. import events
from .logs import queries_left_out

_PATIENCE: Final = 1.0
"""Seconds between saying goodbye to a client and hanging up."""


class TLSServer(uvicorn.Server):
    """The server of the TLS port, which starts and ends the plaintext one.

    Attributes:
        facts: for the event of the start.
        beside: the server of the plaintext port with its sockets, where there is one.
        was_started: the app came up and was served.
    """

    def __init__(self, config: uvicorn.Config, *, facts: Mapping[str, str | int | None]) -> None:
        super().__init__(config)
        self.facts = facts
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
        events.emit(
            "server",
            "sys_startup",
            reason="The app is served over TLS.",
            requirement="v5.0.0-12.2.1",
            severity=logging.INFO,
            **self.facts,
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End both ports at the same time."""
        if self.beside is not None:
            self.beside[0].should_exit = True
        hanging_up = asyncio.create_task(self._hang_up())
        await super().shutdown(sockets)
        hanging_up.cancel()
        if self._plaintext is not None:
            await self._plaintext

    async def _hang_up(self) -> None:
        """Cut off clients that do not answer the end of TLS: event loops give each of them 30 seconds.

        Who keeps a connection open and idle answers when it next uses it. What is still being sent is let through.
        """
        while True:
            transports = [connection.transport for connection in self.server_state.connections]
            await asyncio.sleep(_PATIENCE)
            for transport in transports:
                if transport.is_closing() and not transport.get_write_buffer_size():
                    transport.abort()


class PlaintextServer(uvicorn.Server):
    """The server of the plaintext port. Signals are the other one's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers alone."""
        yield
