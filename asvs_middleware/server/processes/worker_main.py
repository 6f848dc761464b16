"""A worker: a process of its own that serves the app on sockets it was given, and tells its supervisor how it goes.

v5.0.0-13.3.2, 15.2.2. It is started as a fresh interpreter, and not forked: the app, its threads and OpenSSL start from
nothing, with the environment made for them. When the supervisor is gone, it ends in order, and no port stays taken by
orphans. Its process group is its own: Ctrl+C is the supervisor's to hear.
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ...errors import ConfigurationError
from ..launcher import run_here
from ..listeners import Listeners
from ..logs import events_on_stderr
from ..target import load_app
from .again import settle
from .hangup import passed_over
from .workers import NOT_RIGHT, Link, Order


def main(descriptor: int) -> None:
    """Run the process: what the supervisor's command line calls.

    Args:
        descriptor: of the socket to the supervisor.
    """
    with socket.socket(fileno=descriptor) as end:
        sys.exit(work(Link(end)))


def work(link: Link) -> int:
    """Serve as ordered, and return the exit code. What the app's own module raises is not caught: see load_app()."""
    settle()
    order = link.order()
    with ExitStack() as entered:
        entered.enter_context(passed_over())
        if order.log_format is not None:
            entered.enter_context(events_on_stderr(level=order.policy.log_level, log_format=order.log_format))
        listeners = entered.enter_context(_inherited(order))
        try:
            app = load_app(order.target, app_dir=order.app_dir, factory=order.factory)
            run_here(app, order.policy, listeners, announcements=(link,), lifeline=link, **order.settings)
        except ConfigurationError as error:
            link.failed(error)
            return NOT_RIGHT
    return 0


@contextmanager
def _inherited(order: Order) -> Iterator[Listeners]:
    with ExitStack() as opened:
        yield Listeners(
            *(
                # Family and protocol are read from the descriptor: asyncio sets TCP_NODELAY only where it sees TCP.
                [opened.enter_context(socket.socket(fileno=descriptor)) for descriptor in descriptors]
                for descriptors in (order.tls, order.plaintext)
            )
        )
