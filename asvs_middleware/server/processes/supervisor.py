"""Several processes, one service: start them, restart one that dies, pass signals on, and end all in order.

v5.0.0-15.2.2, 16.2.1 and 16.3.4. The supervisor holds the ports and nothing else: it imports no app and reads no
request. SIGTERM and SIGINT end the workers once their requests are answered; a second one ends them at once. SIGHUP
reaches each worker. A worker that dies is replaced, after a pause that doubles while it keeps dying; one that cannot
start at all stops the service as long as none ever served.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from ... import events
from ...errors import ConfigurationError
from ..keys.groups import release
from ..listeners import Listeners
from .readiness import Announcement
from .worker_process import Ending, Worker
from .workers import Order

PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
SETTLED: Final = 60.0
"""Seconds a worker lives before its predecessors' deaths are forgotten."""

MARGIN: Final = 5.0
"""Seconds a worker gets beyond what its requests get, before it is killed."""

Environment = Callable[[], Mapping[str, str]]


class Supervisor:
    """Keeps workers running until a signal, or until none can start.

    Args:
        order: what each of them does, with the descriptors of the ports.
        listeners: the open ports; the supervisor's own copies are closed when the end begins.
        environ: makes the environment of one worker.
        announcements: how it is said that the service is up.
        grace: seconds the workers take to end in order; None is for ever.
        pause: seconds before a worker that died is replaced, the first time.
        margin: seconds a worker gets beyond its grace before it is killed.
    """

    def __init__(
        self,
        order: Order,
        listeners: Listeners,
        *,
        environ: Environment,
        announcements: Iterable[Announcement] = (),
        grace: float | None,
        pause: float = PAUSE,
        margin: float = MARGIN,
    ) -> None:
        self._count, self._packed, self._descriptors = order.policy.workers, order.packed(), order.tls + order.plaintext
        self._listeners, self._environ = listeners, environ
        self._announcements = tuple(announcements)
        self._grace, self._pause, self._margin = grace, pause, margin
        self.workers: dict[int, Worker] = {}
        self._stopping, self._forced = asyncio.Event(), asyncio.Event()
        self._was_up = self._is_up = False
        self._facts: Mapping[str, str | int | None] = {}
        self._failure: ConfigurationError | None = None
        self._heard: list[signal.Signals] = []
        self._reload_late = set[int]()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> None:
        """Serve until the end; a signal that asked for it is raised again afterwards, as by one process alone.

        Raises:
            ConfigurationError: no worker could start.
        """
        asyncio.run(self.supervise())
        if self._failure is not None:
            raise self._failure
        if self._heard:
            signal.raise_signal(self._heard[0])

    async def supervise(self) -> None:
        """Start the workers, keep them, and end them."""
        loop = self._loop = asyncio.get_running_loop()
        # Elsewhere than in the main thread no signal arrives: whoever runs it there uses call_soon().
        ours = threading.current_thread() is threading.main_thread()
        for number in (signal.SIGINT, signal.SIGTERM) if ours else ():
            loop.add_signal_handler(number, self.stop, number)
        if ours:
            loop.add_signal_handler(signal.SIGHUP, self.reload)
        keeping = [asyncio.create_task(self._keep(number)) for number in range(self._count)]
        await self._stopping.wait()
        if self._is_up:
            self._say_stopping()
        self._signal_all(signal.SIGTERM)
        for one in (*self._listeners.tls, *self._listeners.plaintext):
            one.close()  # Or strangers would wait in a queue that nobody reads any more.
        await self._ended(keeping)

    def stop(self, heard: signal.Signals | None = None) -> None:
        """End in order; called again, at once."""
        if self._stopping.is_set():
            self._forced.set()
        self._stopping.set()
        if heard is not None:
            self._heard.append(heard)

    def reload(self) -> None:
        """Have each worker read its files again."""
        for number, worker in self.workers.items():
            if worker.up:
                worker.send(signal.SIGHUP)
            else:  # Without a handler yet it would die of it, and it may have read the old files.
                self._reload_late.add(number)
        for announcement in self._announcements:
            announcement.reloaded(self._facts)

    def call_soon(self, what: Callable[[], None]) -> None:
        """Have the running supervisor do something, such as `stop`; from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # It has ended meanwhile.
                self._loop.call_soon_threadsafe(what)

    async def _keep(self, number: int) -> None:
        """Keep one worker running."""
        pause = self._pause
        while not self._stopping.is_set():
            ending = await self._live(number)
            if self._stopping.is_set():
                return
            if not self._was_up:
                self._failure = ending.failure or ConfigurationError(
                    f"A worker ended with status {ending.status} before it served.", fix="The log above says why."
                )
                self._stopping.set()
                return
            pause = self._pause if ending.lived > SETTLED else pause
            _emit_end(number, ending, pause=0 if ending.planned else pause)
            if not ending.planned:
                await self._wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _live(self, number: int) -> Ending:
        """Start one worker, hear what it says, and return how it ended."""
        environ = dict[str, str]()
        try:
            environ = dict(self._environ())
            worker = self.workers[number] = await Worker.start(self._packed, self._descriptors, environ)
        except ConfigurationError as error:
            return Ending(None, None, 0, error)
        except OSError as error:
            release(environ)
            why = f"No worker can be started: {error.strerror}."
            return Ending(None, None, 0, ConfigurationError(why, fix="Leave the service more memory, files or room."))
        if self._stopping.is_set():
            worker.send(signal.SIGTERM)
        async for message in worker.messages():
            self._hear(number, worker, message)
        release(environ)  # What it did not live to remove.
        self._see_who_is_up()
        return worker.ending

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _hear(self, number: int, worker: Worker, message: Mapping[str, Any]) -> None:
        if message["is"] == "failed":
            worker.failure = ConfigurationError(message["problem"], fix=message["fix"])
            return
        worker.up = message["is"] == "ready"
        if worker.up:
            worker.served = True
            self._facts = {**message["facts"], "workers": self._count}
            if number in self._reload_late:
                self._reload_late.remove(number)
                worker.send(signal.SIGHUP)
        self._see_who_is_up()

    def _see_who_is_up(self) -> None:
        """All must be up for the start; from then on, one is enough."""
        up = [worker.up for worker in self.workers.values()]
        is_up = any(up) if self._was_up else len(up) == self._count and all(up)
        if is_up and not self._is_up and not self._stopping.is_set():
            self._was_up = True
            self._say_ready()
        elif self._is_up and not is_up:
            self._say_stopping()

    def _say_ready(self) -> None:
        self._is_up = True
        for announcement in self._announcements:
            announcement.ready(self._facts)

    def _say_stopping(self) -> None:
        self._is_up = False
        for announcement in self._announcements:
            announcement.stopping()

    async def _ended(self, keeping: list[asyncio.Task[None]]) -> None:
        """Wait for the workers: as long as their requests may take, unless the end is forced; then kill them."""
        forced = asyncio.create_task(self._forced.wait())
        ended = asyncio.create_task(_all(keeping))
        limit = None if self._grace is None else self._grace + self._margin
        await asyncio.wait((ended, forced), timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done() and forced.done():
            self._signal_all(signal.SIGTERM)
            await asyncio.wait({ended}, timeout=self._margin)
        if not ended.done():
            self._signal_all(signal.SIGKILL)
        forced.cancel()
        await ended

    def _signal_all(self, number: signal.Signals) -> None:
        for worker in self.workers.values():
            worker.send(number)


async def _all(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        await task


def _emit_end(number: int, ending: Ending, *, pause: float) -> None:
    events.emit(
        "server",
        "sys_restart" if ending.planned else "sys_crash",
        reason="A worker has served its requests." if ending.planned else str(ending.failure or "A worker died."),
        requirement="v5.0.0-16.3.4",
        severity=logging.INFO if ending.planned else logging.ERROR,
        worker=number,
        pid=ending.pid,
        status=ending.status,
        seconds_lived=round(ending.lived, 1),
        restart_in=pause,
    )
