"""Saying that the app is up, and that it is about to stop, to whoever sends it requests: v5.0.0-15.2.2.

Each way has two moments: `ready` once both ports answer, `stopping` before the first of them stops to. Load balancers
and service managers so stop sending before anything is refused. None of them holds a secret or a fact of the app.
"""

import logging
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from ... import events
from ...errors import ConfigurationError

_NOTIFY: Final = "NOTIFY_SOCKET"


Facts = Mapping[str, str | int | None]


class Announcement(Protocol):
    """One way to say it. They are called in the server's loop, and do not fail."""

    def ready(self, facts: Facts) -> None:
        """Say that requests are answered now."""

    def stopping(self) -> None:
        """Say that they soon will not be."""

    def reloaded(self, facts: Facts) -> None:
        """Say, where somebody waits for it, that files were read again; from any thread."""


class Quiet:
    """A way that says nothing of reloading."""

    def reloaded(self, facts: Facts) -> None:
        """Say nothing."""


class Log(Quiet):
    """Two events, with how the app is served."""

    def ready(self, facts: Facts) -> None:
        """Write the one of the start."""
        events.emit(
            "server",
            "sys_startup",
            reason="The app is served over TLS." if facts.get("profile") else "The app is served to a proxy.",
            requirement="v5.0.0-12.2.1",
            severity=logging.INFO,
            **facts,
        )

    def stopping(self) -> None:
        """Write the one of the end."""
        events.emit(
            "server",
            "sys_shutdown",
            reason="Requests under way are answered, then the server ends.",
            requirement="v5.0.0-16.2.1",
            severity=logging.INFO,
        )


class ReadyFile(Quiet):
    """A file that is there while the app is up, for probes that look at files. It holds the process's number.

    Raises:
        ConfigurationError: it cannot be written there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if self.path.is_dir() or not os.access(self.path.parent, os.W_OK):
            raise ConfigurationError(
                f"ready_file={str(path)!r} cannot be written.", fix="Name a file in a folder this user may write to."
            )
        self.stopping()  # One of an earlier run, which came to a sudden end, would promise too much.

    def ready(self, facts: Facts) -> None:  # noqa: ARG002  # An Announcement.
        """Write it, in one step: whoever sees the file sees all of it."""
        new = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with suppress(OSError):
            new.write_text(f"{os.getpid()}\n", encoding="ascii")
            new.replace(self.path)

    def stopping(self) -> None:
        """Remove it."""
        with suppress(OSError):
            self.path.unlink()


class ServiceManager:
    """systemd's protocol of notifications (sd_notify(3)), for units of `Type=notify` and `Type=notify-reload`."""

    def __init__(self, address: str) -> None:
        # A leading at sign stands for the null byte of the abstract namespace.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    def ready(self, facts: Facts) -> None:
        """Say READY, and where."""
        self._say("READY=1", f"MAINPID={os.getpid()}", f"STATUS=Serving {facts.get('url')}")

    def reloaded(self, facts: Facts) -> None:
        """Say RELOADING, and READY, which `Type=notify-reload` waits for after its SIGHUP."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        self.ready(facts)

    def stopping(self) -> None:
        """Say STOPPING."""
        self._say("STOPPING=1")

    def _say(self, *lines: str) -> None:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(lines).encode(), self._address)


class Probe(Quiet):
    """What a request for one path of the plaintext port is answered, before any gate: probes know addresses only."""

    def __init__(self) -> None:
        self.up = False

    def ready(self, facts: Facts) -> None:  # noqa: ARG002  # An Announcement.
        """Answer 200 from now on."""
        self.up = True

    def stopping(self) -> None:
        """Answer 503 from now on."""
        self.up = False

    def before(self, app: ASGIApp, path: str) -> ASGIApp:
        """Return the app with the probe in front: GET and HEAD for exactly this path."""

        async def layer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"] != path or scope["method"] not in {"GET", "HEAD"}:
                await app(scope, receive, send)
                return
            text = b"ready\n" if self.up else b"stopping\n"
            headers = [
                (b"content-type", b"text/plain"),
                (b"content-length", str(len(text)).encode()),
                (b"cache-control", b"no-store"),
            ]
            await send({"type": "http.response.start", "status": 200 if self.up else 503, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else text})

        return layer


def of_process(ready_file: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> tuple[Announcement, ...]:
    """Return the ways that concern the whole service, however many processes it has.

    Args:
        ready_file: where to write one; None writes none.
        environ: NOTIFY_SOCKET names systemd's socket, where it started this.
    """
    file = () if ready_file is None else (ReadyFile(ready_file),)
    manager = (ServiceManager(environ[_NOTIFY]),) if environ.get(_NOTIFY) else ()
    return (*file, *manager)
