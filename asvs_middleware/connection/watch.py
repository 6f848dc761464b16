"""A thread that looks at something every so often, beside the requests and never on their way."""

import weakref
from collections.abc import Callable
from threading import Event, Thread


class Watch:
    """Calls a method of an object until it is stopped or the object is gone.

    Args:
        look: a bound method; its object is not kept alive.
        every: seconds between two calls; None means there is nothing to look at, and start() does nothing.
    """

    __slots__ = ("_every", "_look", "_stop", "_thread")

    def __init__(self, look: Callable[[], None], *, every: float | None) -> None:
        self._look = weakref.WeakMethod(look)
        self._every = every
        self._stop = Event()
        self._thread: Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the thread is there, or none is needed. A forked child has lost its parent's."""
        return self._every is None or (self._thread is not None and self._thread.is_alive())

    def start(self) -> None:
        """Start the thread if it is not running. A daemon: it never keeps the process from ending."""
        if self._every is None or self.running:
            return
        self._stop = Event()
        self._thread = Thread(
            target=_watch, args=(self._look, self._stop, self._every), name="asvs-peer-ranges", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it does so at once, unless it is reading a file."""
        self._stop.set()


def _watch(look: "weakref.WeakMethod[Callable[[], None]]", stop: Event, every: float) -> None:
    while not stop.is_set():
        method = look()
        if method is None:
            return
        method()
        del method  # Or the object would live for another pause.
        stop.wait(every)
