"""A bound on the whole of a sync request: v5.0.0-13.2.6.

HTTP libraries bound each read, so a server that sends one byte now and then holds a thread for ever. In async code a
cancel scope ends that. In sync code nothing can interrupt a read, so the socket itself is told how much time is left.
Not bounded in sync code: name resolution, which belongs to the operating system, and connecting to more than one
address of a name, for each of which HTTP libraries wait in turn.
"""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_ends: ContextVar[float | None] = ContextVar("asvs_middleware_outbound_deadline", default=None)


@contextmanager
def ends_at(moment: float) -> Iterator[None]:
    """Bound handshakes, reads and writes of bounded sockets in this thread; the moment is one of time.monotonic()."""
    token = _ends.set(moment)
    try:
        yield
    finally:
        _ends.reset(token)


def bounded(base: type[ssl.SSLSocket]) -> type[ssl.SSLSocket]:
    """Return the socket class with handshakes, reads and writes that keep to ends_at()."""
    return type("BoundedSSLSocket", (_BoundedSSLSocket, base), {})


class _BoundedSSLSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        _shorten(self)
        super().do_handshake(block)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        _shorten(self)
        return super().recv(buflen, flags)

    def send(self, data: Any, flags: int = 0) -> int:
        _shorten(self)
        return super().send(data, flags)


def _shorten(sock: ssl.SSLSocket) -> None:
    moment = _ends.get()
    if moment is None:
        return
    left = moment - time.monotonic()
    if left <= 0:
        raise TimeoutError("The time for the whole request is over.")
    own = sock.gettimeout()
    sock.settimeout(left if own is None else min(own, left))
