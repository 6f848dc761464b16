"""One worker as its supervisor sees it: a process, what it says, and how it ended."""

import asyncio
import json
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from ...errors import ConfigurationError


class Ending(NamedTuple):
    """How a worker ended.

    Attributes:
        pid: its number; None if it never had one.
        status: its exit code, or the negative number of a signal; None likewise.
        lived: seconds.
        failure: why it did not serve, where that is known.
        served: it was up before it ended.
    """

    pid: int | None
    status: int | None
    lived: float
    failure: ConfigurationError | None
    served: bool = False

    @property
    def planned(self) -> bool:
        """It ended in order by itself: it has served as many requests as it should."""
        return self.status == 0 and self.served


class Worker:
    """A running process.

    Attributes:
        process: of the worker.
        up: it serves.
        served: it did at some time.
        failure: why it does not, as it said itself.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.process = process
        self.up = self.served = False
        self.failure: ConfigurationError | None = None
        self._begun = time.monotonic()
        self._reader, self._writer = reader, writer

    @classmethod
    async def start(cls, packed: bytes, descriptors: Iterable[int], environ: Mapping[str, str]) -> "Worker":
        """Start a fresh interpreter, with the modules this one would find, and give it its order.

        Raises:
            OSError: the system has no room for a process.
        """
        ours, theirs = socket.socketpair()
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; "
            f"from asvs_middleware.server.processes.worker_main import main; main({theirs.fileno()})"
        )
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *interpreter_options(),
                "-c",
                code,
                env=environ,
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *descriptors),
                process_group=0,
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(packed)
        return cls(process, reader, writer)

    async def messages(self) -> AsyncIterator[Any]:
        """Yield what the worker says, until it ends."""
        with suppress(ConnectionError):  # It was killed while it still had something to read.
            while line := await self._reader.readline():
                yield json.loads(line)
        self._writer.close()
        await self.process.wait()
        self.up = False

    def send(self, number: signal.Signals) -> None:
        """Send a signal; to one that has ended there is nothing to send."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    @property
    def ending(self) -> Ending:
        """How it ended."""
        return Ending(
            self.process.pid, self.process.returncode, time.monotonic() - self._begun, self.failure, self.served
        )


def interpreter_options(flags: Any = sys.flags, warn_options: Iterable[str] = tuple(sys.warnoptions)) -> list[str]:
    """Return the options this interpreter was started with, as far as they change what code does.

    Args:
        flags: as `sys.flags`.
        warn_options: as `sys.warnoptions`.
    """
    return [
        *["-O"] * flags.optimize,
        *["-I"] * flags.isolated,
        *["-X", "dev"] * flags.dev_mode,
        *(f"-W{option}" for option in warn_options),
    ]
