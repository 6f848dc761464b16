"""One guard round whatever protocol uvicorn speaks on a connection: v5.0.0-4.2.1, 15.2.2 and 13.1.3.

All bytes of a connection go through it, in and out. A scanner in front of the parser lets only strict HTTP/1.1 through
(`scanner`); what the client owes, and for how long, is judged by `deadlines`. It stands between the transport and
the protocol by asyncio's own two interfaces, so the same guard serves every parser, HTTP/2 and WebSocket.

Of uvicorn's protocols it uses what uvicorn's server does, and what `protocol_facts` reads off them.

Not scanned: HTTP/2, which is no text and whose frames zttp judges; WebSocket once its handshake was handed over.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from ..accept.refusals import RefusalLog
from .connection import GuardedConnection, Rules
from .deadlines import Deadlines, timetable
from .head import HeadLimits


def guarded_protocol(
    base: Callable[..., Any],
    *,
    deadlines: Deadlines | None = None,
    limits: HeadLimits | None = None,
    log: RefusalLog | None = None,
) -> Callable[..., GuardedConnection]:
    """Return what makes guarded connections, for `uvicorn.Config.http_protocol_class`.

    Args:
        base: the class of uvicorn's that is guarded.
        deadlines: how long clients may take.
        limits: how large a request's head may be.
        log: where late clients are reported.
    """
    rules = Rules(deadlines=timetable(deadlines or Deadlines()), limits=limits or HeadLimits(), log=log or RefusalLog())

    def connection(*, _loop: asyncio.AbstractEventLoop | None = None, **given: Any) -> GuardedConnection:
        loop = _loop or asyncio.get_running_loop()
        return GuardedConnection(base(_loop=loop, **given), rules, loop)

    return connection
