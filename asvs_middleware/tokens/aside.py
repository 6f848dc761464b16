"""Work that nobody waits for."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

_RUNNING: Final[set[asyncio.Task[None]]] = set()
"""The loop holds its tasks weakly; whoever wants them to finish holds them too."""


async def run_aside(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start work and return at once.

    Where the loop knows no task without a parent (trio), the work is done before this returns: whoever comes past
    pays for it, which is slower for that one caller and never wrong.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        await work()
        return
    task = loop.create_task(work())
    _RUNNING.add(task)
    task.add_done_callback(_RUNNING.discard)
