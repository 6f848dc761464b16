"""A uvicorn server that listens through the acceptor, or, where this uvicorn or loop lacks what that needs, as it does.

The seams are uvicorn's public ones: it is started without sockets, and what listens is put among its `servers`.
"""

import asyncio
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

import uvicorn

from ... import events
from ..http.deadlines import Deadlines
from ..http.head import HeadLimits
from ..http.protocol import guarded_protocol
from ..policy import ServerPolicy
from .acceptor import Acceptor
from .limits import Admission, Door
from .refusals import AREA, RefusalLog


@dataclass(frozen=True, kw_only=True)
class Guard:
    """What the ports of one process are guarded by, together.

    Attributes:
        deadlines: how long clients may take.
        admission: who may connect, and how often.
        limits: how large a request's head may be.
        log: where refusals are reported.
        door: counts the connections.
    """

    deadlines: Deadlines = field(default_factory=Deadlines)
    admission: Admission = field(default_factory=Admission)
    limits: HeadLimits = field(default_factory=HeadLimits)
    log: RefusalLog = field(default_factory=RefusalLog)
    door: Door = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "door", Door(self.admission))


def guard_for(policy: ServerPolicy, *, proxies: Sequence[str], idle: float | None) -> Guard:
    """Return the guard an operator chose.

    Args:
        policy: of the server.
        proxies: whom the app trusts: all clients come from there, so they are not counted by address.
        idle: seconds, where uvicorn's own setting was used to say so.
    """
    deadlines, admission = policy.deadlines, policy.admission
    if idle is not None:
        deadlines = replace(deadlines, idle=timedelta(seconds=max(idle, 1)))
    return Guard(
        deadlines=deadlines,
        admission=replace(admission, uncounted=(*admission.uncounted, *proxies)),
        limits=policy.head_limits,
    )


class GuardedServer(uvicorn.Server):
    """A server whose connections are guarded.

    Attributes:
        guard: by what; None leaves everything to uvicorn.
    """

    guard: Guard | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app, then accept."""
        guard, loop = self.guard, asyncio.get_running_loop()
        if guard is None or sockets is None:
            await super().startup(sockets)
            return
        lacking = what_is_missing(self, loop)
        if "http_protocol_class" not in lacking:
            self._guard_protocol(guard)
        if lacking:
            _say_what_is_missing(lacking)
            await super().startup(sockets)
            return
        await super().startup([])
        if self.started:
            acceptor = self._acceptor(guard, sockets, loop)
            acceptor.start()
            self.servers.append(acceptor)  # type: ignore[arg-type]  # It is closed and waited for, no more.

    def _guard_protocol(self, guard: Guard) -> None:
        config: Any = self.config
        config.timeout_keep_alive = guard.deadlines.keep_alive
        config.http_protocol_class = guarded_protocol(
            config.http_protocol_class, deadlines=guard.deadlines, limits=guard.limits, log=guard.log
        )

    def _acceptor(self, guard: Guard, sockets: list[socket.socket], loop: asyncio.AbstractEventLoop) -> Acceptor:
        config: Any = self.config
        return Acceptor(
            sockets,
            create=partial(
                config.http_protocol_class,
                config=config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
                _loop=loop,
            ),
            context=config.ssl,
            door=guard.door,
            log=guard.log,
            handshake=guard.deadlines.handshake.total_seconds(),
        )


def what_is_missing(server: Any, loop: Any) -> list[str]:
    """Return the names of what the acceptor needs and does not find."""
    config = getattr(server, "config", None)
    owners = (
        (config, "http_protocol_class"),
        (config, "ssl"),
        (server, "server_state"),
        (getattr(server, "lifespan", None), "state"),
    )
    lacking = [name for owner, name in owners if not hasattr(owner, name)]
    # A loop may have a method only to say that it does not do that: the one of Windows cannot watch a socket.
    nothing = asyncio.AbstractEventLoop
    needed = ("connect_accepted_socket", "add_reader")
    return lacking + [n for n in needed if getattr(type(loop), n, None) in {None, getattr(nothing, n)}]


def _say_what_is_missing(lacking: list[str]) -> None:
    events.emit(
        AREA,
        "unguarded_listener",
        reason=f"uvicorn {uvicorn.__version__} or the event loop lacks {', '.join(lacking)}: uvicorn's own listener "
        "serves. Refused handshakes are not reported, and no limit for one address holds.",
        requirement="v5.0.0-15.2.2",
        severity=logging.ERROR,
    )
