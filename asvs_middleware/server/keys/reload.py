"""Put new certificates, keys, CAs, lists and another profile in force without a restart: v5.0.0-13.3.4, 12.1.1 to 4.

A thread looks at the files every few seconds (`watching`). What has changed, and has then stayed the same from one
look to the next, is read as a whole; SIGHUP has it read at once. Everything is built and checked before anything is
exchanged (`reload_parts`), so that a pair that does not match, half a file or an expired certificate changes nothing:
what was in force stays, and one event says why, not one for each look. Files that change while they are read are
read again: certificates that belong together are never taken from two sets.

From time to time the same files are read anew as well. That ends the TLS sessions and the ticket keys of before, and
finds what a look at the outside of a file cannot see.

Connections that are open stay open. Where the app verifies client certificates, the next request on one of them is
judged by the new trust; the handshake's own judgement is not repeated.

For the launcher, and for each of several workers, which reload on their own:

    reloader = Reloader.of(policy, verifier=None if stack is None else stack.guard.certificates, hosts=..., at=at)
    ... ssl_context_factory=lambda _config, _default: reloader.context     # describe and self-test: `.context.current`
    reloader.attach(asyncio.get_running_loop())    # once the app is up: the thread, and SIGHUP in a main thread
    reloader.stop()                                # in shutdown

The supervisor of several workers passes SIGHUP on to each. A worker that is started later reads the files as they are
then; with a bad pair on the disk it cannot start, while those before it go on.
"""

import asyncio
import logging
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from ... import events
from ...certificates import ClientCertificateVerifier
from ...errors import ConfigurationError
from ...tls.reload import ReloadableContext
from ..policy import ServerPolicy
from .reload_parts import ClientFiles, Commit, Part, ServerFiles
from .watching import FilePath, Snapshot, changed, snapshot

ROTATE: Final = timedelta(hours=1)
ROTATE_WITH_CLIENTS: Final = timedelta(minutes=10)
"""For as long may a session be resumed, at most: with client certificates, also unchecked by OpenSSL."""

_TRIES: Final = 5
_BREATH: Final = 0.05
_LAST_LOOK: Final = 2.0
_CHANGING: Final[Snapshot] = (("files that do not come to rest",),)


def _now() -> datetime:
    return datetime.now(UTC)


class Reloader:
    """Keeps what the files of a server say in force.

    Args:
        server: the server's own certificates and its TLS.
        others: further parts made of files, put in force before the server's own.
        every: between two looks; zero leaves the files to SIGHUP and to `rotate`.
        rotate: between two times that everything is read anew, changed or not.
        clock: the time, aware.
    """

    def __init__(
        self,
        server: ServerFiles,
        others: Sequence[Part] = (),
        *,
        every: timedelta,
        rotate: timedelta,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.server = server
        self.generation = 0
        """How often all of it was put in force anew."""
        self.when_asked: Callable[[], None] = lambda: None
        """Called after each SIGHUP once all is done, in the thread: to tell a service manager."""
        # Whom the app trusts comes first: a client that is let in by the new context is known there already.
        self._parts = (*others, server)
        self._every, self._rotate, self._clock = every, rotate, clock
        # The first look reads everything: the app's own files were read when it was imported, and that is a while ago.
        self._made = datetime.min.replace(tzinfo=UTC)
        self._seen = self._in_force = snapshot(self._paths())
        self._refused: Snapshot | None = None
        self._woken, self._stopping = threading.Event(), False
        self._asked = False
        self._thread: threading.Thread | None = None

    @classmethod
    def of(
        cls,
        policy: ServerPolicy,
        *,
        verifier: ClientCertificateVerifier | None,
        hosts: Collection[str] = (),
        others: Sequence[Part] = (),
        at: datetime,
        clock: Callable[[], datetime] = _now,
    ) -> Self:
        """Read the files of a policy, and return what keeps them in force.

        Args:
            policy: of the server.
            verifier: of the app, where it verifies client certificates.
            hosts: those of the app, for advice on certificates that do not name them.
            others: further parts made of files, such as lists that are kept elsewhere.
            at: now; aware.
            clock: the time from then on.

        Raises:
            ConfigurationError: a file does not hold what it should.
        """
        return cls(
            ServerFiles(policy, hosts=hosts, at=at),
            (*others, *(() if verifier is None else (ClientFiles(verifier),))),
            every=policy.reload_every,
            rotate=ROTATE if policy.client_ca is None else ROTATE_WITH_CLIENTS,
            clock=clock,
        )

    @property
    def context(self) -> ReloadableContext:
        """What the server is given as its TLS context."""
        return self.server.context

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to look, and listen to SIGHUP: in the main thread only, for no other hears signals."""
        self.start()
        if threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGHUP"):
            loop.add_signal_handler(signal.SIGHUP, self.wake)

    def start(self) -> None:
        """Begin to look, in a thread of its own that holds no process back from its end; after stop, do nothing."""
        if self._stopping:
            return
        self.server.expiry.begin()
        self._thread = threading.Thread(target=self._run, name="asvs-reload", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have the files read now, whether they seem to have changed or not. Returns at once."""
        self._asked = True
        self._woken.set()

    def stop(self) -> None:
        """End the thread; what it has begun it ends first, in two seconds: a file system may not answer.

        Called again, or before start, it does nothing.
        """
        self._stopping = True
        self._woken.set()
        self.server.expiry.end()
        if self._thread is not None:
            self._thread.join(_LAST_LOOK)

    def look(self, *, asked: bool = False) -> None:
        """Look at the files once, and do what is due."""
        at = self._clock()
        now = snapshot(self._paths())
        at_rest, self._seen = now == self._seen, now
        if now == self._in_force != self._refused:
            self._refused = None  # What was bad was taken back; should it return, it is news.
        is_new = now not in (self._in_force, self._refused)
        if asked or (at_rest and (is_new or at - self._made >= self._rotate)):
            self._reload(at, asked=asked)
        self.server.expiry.check(at)

    def _run(self) -> None:
        every = self._every or self._rotate
        while not self._stopping:
            asked, self._asked = self._asked, False
            self.look(asked=asked)
            if asked:
                self.when_asked()
            self._woken.wait(every.total_seconds())
            self._woken.clear()

    def _reload(self, at: datetime, *, asked: bool) -> None:
        self._made = at
        try:
            read, commits = self._read(at)
        except _Refused as refusal:
            if asked or refusal.files != self._refused:
                _say_refused(refusal, asked=asked, files=changed(self._in_force, refusal.files))
            self._refused = refusal.files
            return
        files = changed(self._in_force, read)
        for commit in commits:
            commit()
        self._in_force, self._refused = read, None
        self.generation += 1
        if asked or files:
            self._say_done(at, asked=asked, files=files)

    def _read(self, at: datetime) -> tuple[Snapshot, list[Commit]]:
        """Read and check all parts, from files that did not change meanwhile."""
        for _ in range(_TRIES):
            paths = self._paths()
            before, failure = snapshot(paths), None
            try:
                commits = [part.read(at) for part in self._parts]
            except ConfigurationError as error:
                failure = error
            except Exception as error:  # noqa: BLE001  # A refusal: whatever is in a file, the thread goes on.
                failure = ConfigurationError(
                    f"A file could not be read ({type(error).__name__}).", fix="Put the former one back."
                )
            if snapshot(paths) == before:
                if failure is not None:
                    raise _Refused(str(failure), before)
                return before, commits
            time.sleep(_BREATH)
        raise _Refused("The files change faster than they can be read.", _CHANGING)

    def _paths(self) -> list[FilePath]:
        return [path for part in self._parts for path in part.paths()]

    def _say_done(self, at: datetime, *, asked: bool, files: Sequence[str]) -> None:
        left = self.server.expiry.seconds_left(at)
        events.emit(
            "server",
            "reloaded",
            reason="New connections are served by what the files hold now.",
            requirement="v5.0.0-13.3.4",
            severity=logging.INFO,
            files=", ".join(files),
            asked=asked,
            generation=self.generation,
            profile=None if self.server.profile is None else self.server.profile.name,
            seconds_left=int(left) if math.isfinite(left) else None,
            pid=os.getpid(),
        )
        with suppress(ConfigurationError):  # Changed again already: the next look says more.
            self.server.advise(at)


class _Refused(Exception):
    def __init__(self, reason: str, files: Snapshot) -> None:
        super().__init__(reason)
        self.files = files


def _say_refused(refusal: _Refused, *, asked: bool, files: Sequence[str]) -> None:
    events.emit(
        "server",
        "reload_failed",
        reason=f"All stays as it was. {refusal}",
        requirement="v5.0.0-16.5.2",
        severity=logging.ERROR,
        files=", ".join(files) if refusal.files is not _CHANGING else "",
        asked=asked,
        pid=os.getpid(),
    )
