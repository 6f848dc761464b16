"""A thread beside the requests: started once, stopped when asked, gone with its object."""

import gc
import threading
import time
from collections.abc import Callable

from asvs_middleware.connection.watch import Watch


class Looking:
    """Counts looks, and tells that there was one."""

    def __init__(self) -> None:
        self.looks = 0
        self.looked = threading.Event()

    def look(self) -> None:
        self.looks += 1
        self.looked.set()


def threads() -> int:
    return sum(one.name == "asvs-peer-ranges" for one in threading.enumerate())


def within(seconds: float, what: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.005)
    return what()


def test_it_looks_until_it_is_stopped() -> None:
    """One thread, however often it is started; a daemon; and it can be started again."""
    looking = Looking()
    watch = Watch(looking.look, every=0.01)
    assert not watch.running
    for _ in range(2):
        watch.start()
    assert watch.running
    assert threads() == 1
    assert within(30, lambda: looking.looks > 2)
    watch.stop()
    assert within(30, lambda: not watch.running)
    assert threads() == 0
    looks = looking.looks
    watch.start()
    assert within(30, lambda: looking.looks > looks)
    watch.stop()
    assert within(30, lambda: threads() == 0)


def test_it_keeps_no_process_alive() -> None:
    """The thread is a daemon, and stopping it does not wait for the end of a pause."""
    looking = Looking()
    watch = Watch(looking.look, every=3600)
    watch.start()
    assert looking.looked.wait(30)
    [thread] = [one for one in threading.enumerate() if one.name == "asvs-peer-ranges"]
    assert thread.daemon
    watch.stop()
    thread.join(20)
    assert not thread.is_alive()


def test_it_ends_with_its_object() -> None:
    """An app that is dropped leaves no thread behind."""
    looking = Looking()
    Watch(looking.look, every=0.01).start()
    assert looking.looked.wait(30)
    del looking
    gc.collect()
    assert within(30, lambda: threads() == 0)


def test_nothing_to_look_at() -> None:
    """Then there is no thread, and none is missed."""
    watch = Watch(Looking().look, every=None)
    watch.start()
    assert watch.running
    assert threads() == 0
    watch.stop()
