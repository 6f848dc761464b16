"""Serve an app with uvicorn in a thread, on a free port of the loopback address.

The server of production in small: real sockets, real TLS, the app's own lifespan. uvicorn's reading of forwarded
fields is off, as the package's own is in place. Logging is left as the test has set it.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Final, Literal

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..connection import Hosts, is_public_name
from ..errors import ConfigurationError

LOOPBACK: Final = "127.0.0.1"


@contextmanager
def served(
    app: ASGIApp,
    context: ssl.SSLContext | None,
    *,
    lifespan: Literal["auto", "off"] = "auto",
    patience: float = 30.0,
) -> Iterator[int]:
    """Serve the app and give its port; stop it at the end.

    Args:
        app: an ASGI app.
        context: of the server; None is plaintext.
        lifespan: whether the app's lifespan runs.
        patience: seconds it may take to start, and to stop.

    Raises:
        ConfigurationError: the app did not start, or did not stop.
    """
    observed = _Observed(app)
    config = uvicorn.Config(
        observed,
        interface="asgi3",
        ws="websockets-sansio" if find_spec("websockets") else "auto",  # The other one warns of its own end.
        log_config=None,
        lifespan=lifespan,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    config.load()
    config.ssl = context
    server = uvicorn.Server(config)
    listener = socket.create_server((LOOPBACK, 0))
    thread = threading.Thread(target=_run, args=(server, listener), name="asvs-rehearsal", daemon=True)
    thread.start()
    try:
        _wait(server, thread, observed, patience)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(patience)
    if thread.is_alive():
        raise ConfigurationError(
            f"The app did not stop within {patience:.0f} seconds.", fix="Look for what its lifespan waits for."
        )


class _Observed:
    """Passes everything through and remembers why a start failed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.failure: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app."""
        await self._app(scope, receive, self._noting(send) if scope["type"] == "lifespan" else send)

    def _noting(self, send: Send) -> Send:
        async def noting(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                self.failure = str(message.get("message", "")).strip()
            await send(message)

        return noting


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    with listener, suppress(SystemExit):  # uvicorn's way to say that the start failed; _wait says why.
        server.run([listener])


def _wait(server: uvicorn.Server, thread: threading.Thread, observed: _Observed, patience: float) -> None:
    until = time.monotonic() + patience
    while not server.started and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.005)
    if not server.started:
        raise ConfigurationError(
            f"The app did not start: {observed.failure or 'nothing says why'}.",
            fix="Start it with a server once and read the log.",
        )


def served_host(hosts: Hosts) -> str:
    """Return the first host HSTS may be sent for, or the first; `www` in the place of a wildcard."""
    names = [f"www{name[1:]}" if name.startswith("*.") else name for name in hosts.given]
    return next((name for name in names if is_public_name(name.encode("ascii"))), names[0])
