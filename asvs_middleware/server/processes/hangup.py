"""SIGHUP asks for a reload, and until somebody hears it, it must not be what ends the process: v5.0.0-15.2.2.

Its default action is the end. A service manager, or a deploy hook, may send it while the app is still being imported
or connects to its database; nothing is lost when it is passed over then, for the first look reads every file.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def passed_over() -> Iterator[None]:
    """Ignore SIGHUP until a handler is put in its place, and put back at the end what was there before.

    It holds across `os.execve`. In a thread beside the main one it does nothing: there no signal can be chosen.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGHUP"):
        yield
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        # None: a handler that Python did not install, and cannot put back.
        signal.signal(signal.SIGHUP, signal.SIG_DFL if before is None else before)
