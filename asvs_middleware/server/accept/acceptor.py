"""The acceptor: who connects is looked at before TLS, and no handshake fails in silence. v5.0.0-12.1.1, 15.2.2, 16.3.4.

In place of `loop.create_server`, by asyncio's public interface alone: it accepts, asks `accept_limits` for a place,
and leaves the rest to `loop.connect_accepted_socket`. A listening socket may be shared by several processes.

Not here: what is said on the connection afterwards (`protocol`).
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from ..http.connection import GuardedConnection
from .handshake import Handshake, WatchedContext
from .handshake_bytes import ACCESS_DENIED, INTERNAL_ERROR, alert
from .limits import REASONS, Denial, Door, Place, client_of, peer_of
from .refusals import RefusalLog, short_answer

_AT_ONCE: Final = 8
"""Connections accepted before others have their turn: other work of this process, and other processes."""

_RECOVERY: Final = 1.0
"""Seconds without accepting once the system has no descriptor left."""

_GOODBYE: Final = 3600.0
"""Seconds from the end of TLS to the end of the connection, in which an answer may still be on its way. The guard of
the connection knows whether it is, and ends it before."""

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """Accepts connections on open sockets; uvicorn ends it like a server of asyncio's.

    Attributes:
        sockets: the listening ones.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        *,
        create: Callable[[], GuardedConnection],
        context: ssl.SSLContext | None,
        door: Door,
        log: RefusalLog,
        handshake: float,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            sockets: open and listening.
            create: makes the protocol of one connection.
            context: TLS; None on the port for plaintext.
            door: has the places.
            log: where refused connections are reported.
            handshake: seconds a handshake may take.
        """
        self.sockets = tuple(sockets)
        self._create, self._door, self._log = create, door, log
        self._context = None if context is None else WatchedContext(context)
        self._patience: dict[str, Any] = {}
        if context is not None:
            self._patience = {"ssl_handshake_timeout": handshake, "ssl_shutdown_timeout": _GOODBYE}
        self._loop = asyncio.get_running_loop()
        self._tasks = set[asyncio.Task[None]]()
        self._recovering: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to accept."""
        self._recovering = None
        for listener in self.sockets:
            listener.setblocking(False)
            self._loop.add_reader(listener, self._ready, listener)

    def close(self) -> None:
        """Stop accepting; whose handshake is not done is not served."""
        if self._recovering is not None:
            self._recovering.cancel()
        self._pause()
        for task in self._tasks:
            task.cancel()

    async def wait_closed(self) -> None:
        """Wait for the handshakes that were broken off."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._log.settle()

    def _pause(self) -> None:
        for listener in self.sockets:
            if listener.fileno() >= 0:
                self._loop.remove_reader(listener)

    def _ready(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, name = listener.accept()
            except (BlockingIOError, InterruptedError):
                return  # Another process was faster.
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._recover(error)
                    return
                continue  # The client is gone already.
            connection.setblocking(False)
            if connection.proto != socket.IPPROTO_TCP and connection.family != socket.AF_UNIX:
                # asyncio does it only where a socket says that it is TCP; small packets would wait for 40 ms.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            self._admit(connection, peer_of(name))

    def _recover(self, error: OSError) -> None:
        self._pause()
        self._recovering = self._loop.call_later(_RECOVERY, self.start)
        self._report("accept_paused", f"No connection can be accepted: {error.strerror}.", "unknown")

    def _admit(self, connection: socket.socket, peer: str) -> None:
        place = self._door.enter(peer)
        if isinstance(place, Place):
            task = self._loop.create_task(self._begin(connection, peer, place))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._deny(connection, peer, place)

    def _deny(self, connection: socket.socket, peer: str, denial: Denial) -> None:
        stranger = denial == "peer_not_allowed"
        if self._context is not None:
            last_words = alert(ACCESS_DENIED if stranger else INTERNAL_ERROR)
        elif stranger:
            last_words = short_answer("403 Forbidden", "Not from there.")
        else:
            last_words = short_answer("503 Service Unavailable", "Too many connections.")
        with connection, suppress(OSError):
            connection.send(last_words)
            connection.shutdown(socket.SHUT_WR)
        self._report("connection_refused", REASONS[denial], peer, requirement="v5.0.0-15.2.2", code=denial)

    async def _begin(self, connection: socket.socket, peer: str, place: Place) -> None:
        handshake = Handshake(connection)
        handshake.begin()
        protocol = self._create()
        protocol.on_lost = place.release
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, connection, ssl=self._context, **self._patience)
            place.established()
        except Exception as error:  # noqa: BLE001  # Whatever it is, the connection is refused and reported.
            place.release()
            refused = handshake.refused(error)
            self._report(
                refused.event,
                refused.reason,
                peer,
                requirement=refused.requirement,
                severity=refused.severity,
                code=refused.code,
                server_name=refused.server_name,
            )
        except asyncio.CancelledError:
            place.release()
            raise
        finally:
            handshake.end()

    def _report(
        self,
        event: str,
        reason: str,
        peer: str,
        *,
        requirement: str = "v5.0.0-16.3.4",
        severity: int = logging.WARNING,
        **facts: str | None,
    ) -> None:
        self._log.report(
            event,
            reason=reason,
            requirement=requirement,
            key=client_of(peer),
            later=self._loop.call_later,
            severity=severity,
            peer=peer,
            **facts,
        )
