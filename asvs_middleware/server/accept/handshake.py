"""What is seen of a TLS handshake that fails, and the alert its client is owed: v5.0.0-12.1.1, 16.3.4.

Event loops close a connection before OpenSSL's alert is sent, and say nothing to anybody. So the context that serves
is wrapped in one that remembers, for each handshake, the socket and the two buffers OpenSSL works on. When the
handshake fails, what OpenSSL would still say goes out on the socket, or, where plaintext came, a short answer.

Public interfaces only: `SSLContext.wrap_bio`, `MemoryBIO`, and `do_handshake` of the one object both loops call it on.
Any context can be wrapped, also one whose certificates are exchanged while it serves.
"""

import logging
import socket
import ssl
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final, NamedTuple, Self

from .handshake_bytes import first_record, server_name, speaks_tls
from .refusals import short_answer

_UNDER_WAY: Final[ContextVar["Handshake | None"]] = ContextVar("handshake", default=None)
_AGAIN: Final = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
_WRONG_PORT: Final = short_answer("400 Bad Request", "This port speaks TLS: use https.")


class Refused(NamedTuple):
    """Why a handshake failed.

    Attributes:
        event: the event's name.
        reason: for a person.
        code: stable, for machines.
        server_name: what the client asked for.
        severity: a level of the logging module.
        requirement: the ASVS id the event serves.
    """

    event: str
    reason: str
    code: str
    server_name: str | None = None
    severity: int = logging.WARNING
    requirement: str = "v5.0.0-16.3.4"


class Handshake:
    """One handshake, from the socket to its end."""

    __slots__ = ("_connection", "_flight", "_incoming", "_outgoing", "_shake", "_tls")

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._flight = b""
        self._tls: Any = None

    def begin(self) -> None:
        """Be the handshake of this task."""
        _UNDER_WAY.set(self)

    def watch(self, tls: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        """Stand in front of the handshake of this object, until `end`."""
        self._tls, self._incoming, self._outgoing, self._shake = tls, incoming, outgoing, tls.do_handshake
        self._tls.do_handshake = self._do_handshake

    def end(self) -> None:
        """Let go: what is bound in a circle is freed late."""
        if self._tls is not None:
            del self._tls.do_handshake, self._shake, self._incoming, self._outgoing
            self._tls = None
        self._flight = b""

    def refused(self, error: BaseException) -> Refused:
        """Return why this handshake failed, from what came and what was raised."""
        name = server_name(self._flight)
        if self._flight and not speaks_tls(self._flight):
            why = "Something else than TLS came to the TLS port."
            return Refused("plaintext_on_tls_port", why, "plaintext", requirement="v5.0.0-12.2.1")
        if isinstance(error, ssl.SSLCertVerificationError):
            why = f"The client certificate was refused: {error.verify_message}."
            return Refused("handshake_refused", why, "client_certificate", name)
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            code = (error.reason or "unknown").lower()
            return Refused("handshake_refused", f"The TLS handshake failed: {code}.", code, name)
        if isinstance(error, ConnectionAbortedError | TimeoutError):
            return Refused("handshake_refused", "The TLS handshake took too long.", "timed_out", name)
        if not isinstance(error, OSError):
            why = f"The server could not begin the handshake: {type(error).__name__}."
            return Refused("handshake_refused", why, "server_fault", name, logging.ERROR)
        # Health checks do no more than connect: nobody was refused.
        severity = logging.WARNING if self._flight else logging.INFO
        return Refused("handshake_refused", "The client left during the handshake.", "client_left", name, severity)

    def _do_handshake(self) -> None:
        self._overhear()
        try:
            if self._flight and not speaks_tls(self._flight):
                raise ssl.SSLError("plaintext")  # OpenSSL would wait for the rest of some records.
            self._shake()
        except _AGAIN:
            raise
        except ssl.SSLError:
            self._say_why()
            raise

    def _overhear(self) -> None:
        """Keep what came before OpenSSL takes it: the only way to it is to take it and put it back."""
        if self._incoming.pending and len(self._flight) < first_record(self._flight):
            came = self._incoming.read()
            self._incoming.write(came)
            self._flight += came

    def _say_why(self) -> None:
        last_words = self._outgoing.read() if speaks_tls(self._flight) else _WRONG_PORT
        with suppress(OSError):  # A full buffer, or nobody there: then there is nobody to tell.
            self._connection.send(last_words)


class WatchedContext(ssl.SSLContext):
    """A context whose handshakes are watched; all else is the business of the one it wraps."""

    _serving: ssl.SSLContext

    def __new__(cls, serving: ssl.SSLContext) -> Self:
        """Make an empty context: it has no certificate, and could serve nobody by itself."""
        made = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        made._serving = serving
        return made

    def __init__(self, serving: ssl.SSLContext) -> None:
        """Wrap a context.

        Args:
            serving: asked anew for each connection.
        """

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Return what the serving context makes; the handshake of this task is told of it."""
        tls = self._serving.wrap_bio(
            incoming, outgoing, server_side=server_side, server_hostname=server_hostname, session=session
        )
        if (handshake := _UNDER_WAY.get()) is not None:
            handshake.watch(tls, incoming, outgoing)
        return tls
