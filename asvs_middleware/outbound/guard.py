"""Which requests may leave, and how much of an answer is read: v5.0.0-12.2.1, 12.3.3, 13.2.4, 13.2.6.

Every hop is judged: the first request, redirects, and what an auth flow sends on the way. The judge reads the
request as it is about to be sent. Not checked here: the peer (the handshake did) and which address a name leads to;
a list of exact hosts is what stands against forged targets.
"""

import ssl
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import h11

from ..events import emit
from .deadline import ends_at
from .errors import (
    CrossOriginRedirect,
    HostNotAllowed,
    OutboundRefused,
    OutboundTLSError,
    PlaintextRefused,
    RequestContradiction,
    ResponseTooLarge,
    TotalTimeExceeded,
    in_library,
)
from .handshake import hung_up, refusal
from .origin import Origin, origin_of

STARTED_AT: Final = "asvs_middleware.origin"
"""Request extension: the origin a request was first sent to. A redirected request gets the extensions of the first."""

_FOREIGN_EXTENSIONS: Final = ("sni_hostname", "target")
"""The first makes TLS verify another name and pools the connection under the URL's; the second sends another target."""

_PHASES: Final = ("connect", "read", "write", "pool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The limits of one client.

    Args:
        http: the HTTP library's module, httpx or httpx2.
        allowed: every origin this client may speak to.
        max_bytes: of one response's body.
        seconds: for one hop, from connecting to the last byte.
    """

    http: Any
    allowed: frozenset[Origin]
    max_bytes: int
    seconds: float

    def admit(self, request: Any) -> "Exchange":
        """Return the exchange that may begin, after marking the request with its origin and its limits.

        Raises:
            OutboundRefused: the request may not leave; nothing was sent, and no connection was made.
        """
        url = request.url
        if url.scheme != "https":
            raise self.refused(PlaintextRefused, url.host, f"the scheme is {url.scheme!r}, and only https is spoken")
        origin = origin_of(url)
        if origin not in self.allowed:
            raise self.refused(HostNotAllowed, origin.host, f"{origin} is not on this client's list")
        if contradiction := _contradiction(request):
            raise self.refused(RequestContradiction, origin.host, contradiction)
        if (first := request.extensions.setdefault(STARTED_AT, origin)) != origin:
            raise self.refused(CrossOriginRedirect, origin.host, f"a redirect leads from {first} to {origin}")
        # Only what is not compressed has a size that is known while it is read.
        request.headers["accept-encoding"] = "identity"
        request.extensions["timeout"] = self._shortened(request.extensions.get("timeout") or {})
        return Exchange(guard=self, host=origin.host, ends=time.monotonic() + self.seconds)

    def refused(self, kind: type[OutboundRefused], host: str, reason: str) -> OutboundRefused:
        """Log a refusal and return the error to raise: ours, and one of the HTTP library's too."""
        emit("outbound", "outbound_refused", reason=reason, requirement=kind.requirement, host=host, rule=kind.__name__)
        theirs = self.http.TimeoutException if kind is TotalTimeExceeded else self.http.TransportError
        both = in_library(kind, theirs)  # type: ignore[arg-type]  # mypy takes an instance's __hash__ for the class's.
        error: OutboundRefused = both(f"{host}: {reason}.")
        return error

    def _shortened(self, timeouts: dict[str, float | None]) -> dict[str, float]:
        given = {phase: timeouts.get(phase) for phase in _PHASES}
        return {phase: self.seconds if own is None else min(own, self.seconds) for phase, own in given.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One admitted request.

    Args:
        guard: whose limits hold.
        host: whom it goes to.
        ends: when it must be over, of time.monotonic().
        handshakes: TLS versions of the connections made for it, as long as nobody has answered.
    """

    guard: Guard
    host: str
    ends: float
    handshakes: list[str | None] = field(default_factory=list)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Bound what is done inside, and log a TLS failure; sync code."""
        http, before = self.guard.http, sys.exception()
        with ends_at(self.ends):
            try:
                yield
            except http.TimeoutException as error:
                if time.monotonic() < self.ends:
                    raise  # The caller's own, shorter limit.
                raise self._too_late() from error
            except http.TransportError as error:
                self._log_tls_failure(error, before=before)
                raise

    @asynccontextmanager
    async def watched_async(self) -> AsyncIterator[None]:
        """Bound what is done inside, and log a TLS failure; asyncio and trio."""
        before = sys.exception()
        try:
            with anyio.fail_after(self.ends - time.monotonic()):
                yield
        except TimeoutError as error:
            raise self._too_late() from error
        except ssl.SSLError as error:  # An alert while reading: anyio and httpcore let it pass as it is.
            raise self.guard.http.ReadError(f"{self.host}: {error.reason}") from refusal(self.host, error)
        except self.guard.http.TransportError as error:
            self._log_tls_failure(error, before=before)
            raise

    def counted(self, so_far: int, response: Any) -> int:
        """Return the number of bytes read if the body may go on.

        Raises:
            ResponseTooLarge: it is over the limit, or compressed although we asked for it as it is.
        """
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise self.guard.refused(
                ResponseTooLarge, self.host, "the response is compressed although it was asked for uncompressed"
            )
        if so_far > self.guard.max_bytes:
            raise self.guard.refused(
                ResponseTooLarge, self.host, f"the response is longer than {self.guard.max_bytes} bytes"
            )
        return so_far

    def _too_late(self) -> OutboundRefused:
        return self.guard.refused(
            TotalTimeExceeded, self.host, f"the exchange was not over after {self.guard.seconds:g} seconds"
        )

    def _log_tls_failure(self, error: BaseException, *, before: BaseException | None) -> None:
        """Log what the peer refused after the handshake, such as our certificate with TLS 1.3; the rest is logged."""
        http, causes = self.guard.http, list(_causes(error, before))
        tls = [one for one in causes if isinstance(one, ssl.SSLError) and not isinstance(one, ssl.SSLWantReadError)]
        if not tls:
            spoke = any(isinstance(cause, h11.ProtocolError) for cause in causes)  # What it said was no HTTP.
            ended = isinstance(error, http.NetworkError | http.RemoteProtocolError) and not spoke
            if ended and "TLSv1.3" in self.handshakes:
                hung_up(self.host)
        elif not isinstance(tls[0], OutboundTLSError):
            refusal(self.host, tls[0])


def _causes(error: BaseException | None, before: BaseException | None) -> Iterator[BaseException]:
    """Yield what led to an error, up to what the caller was handling before. HTTP libraries cut __cause__ in places."""
    while error is not None and error is not before:
        yield error
        error = error.__cause__ or error.__context__


def _contradiction(request: Any) -> str | None:
    """Return what in the request speaks against its URL."""
    if request.url.userinfo:
        return "the URL holds credentials"
    for name in _FOREIGN_EXTENSIONS:
        if name in request.extensions:
            return f"the extension {name!r} leads elsewhere than the URL"
    if request.headers.get_list("host") != [request.url.netloc.decode("ascii")]:
        return "the Host header is not the URL's host"
    return None
