"""The policy's say at the end of each TLS handshake, before the first byte of a request: v5.0.0-12.3.2, 16.3.4.

Pins are looked up by the name that was asked for and verified, in its one spelling. A TLS failure is logged here,
once, whatever library uses the context: v4.0.3-9.2.5. No network, no file and no lock: this runs on the event loop.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ..certificates.pins import PinRefused, Pins, verify_pins
from ..events import emit
from ..tls.client import Peer, verified_chain
from .errors import OutboundTLSError, PinMismatch
from .origin import one_spelling

_RULES: Final = {9: "dates", 10: "dates", 18: "chain", 19: "chain", 20: "chain", 21: "chain", 62: "name", 64: "name"}
"""By OpenSSL's verify codes (X509_V_ERR_...)."""

_told: ContextVar[list[str | None] | None] = ContextVar("asvs_middleware_outbound_handshakes", default=None)


@contextmanager
def handshakes_noted(in_list: list[str | None]) -> Iterator[None]:
    """Append the TLS version of each handshake that is completed inside."""
    token = _told.set(in_list)
    try:
        yield
    finally:
        _told.reset(token)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeJudge:
    """Pins by host, and the clock their expiry is read against."""

    pins: Mapping[str, Pins]
    clock: Callable[[], datetime]

    def completed(self, peer: Peer) -> None:
        """Refuse a peer whose verified chain holds none of the keys pinned for its name."""
        host = _name(peer.server_hostname)
        pins = self.pins.get(host)
        if pins is not None:
            self._compare(peer, host, pins)
        if (told := _told.get()) is not None:
            told.append(peer.version())

    def _compare(self, peer: Peer, host: str, pins: Pins) -> None:
        try:
            verify_pins(verified_chain(peer), pins, at=self.clock())
        except PinRefused as refused:
            raise _logged(PinMismatch(host, refused.code, refused.reason)) from refused
        except ssl.SSLError as error:
            raise _logged(PinMismatch(host, "chain_missing", str(error.strerror))) from error

    def failed(self, host: str | None, error: ssl.SSLError) -> ssl.SSLError:
        """Return OpenSSL's refusal, or the peer's, as one of our errors."""
        return refusal(_name(host), error)


def refusal(host: str, error: ssl.SSLError) -> OutboundTLSError:
    """Return an OutboundTLSError with what OpenSSL found, and log it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        rule = _RULES.get(error.verify_code, "certificate")
        return _logged(OutboundTLSError(host, rule, error.verify_message, verify_code=error.verify_code))
    return _logged(OutboundTLSError(host, "handshake", error.reason or type(error).__name__))


def hung_up(host: str) -> OutboundTLSError:
    """Return an error for a peer that ended a new connection before it answered, and log it.

    With TLS 1.3 a server refuses a client's certificate after the client's side of the handshake is over. The reset
    that follows may overtake the alert, so that the client is never told why.
    """
    reason = "The peer ended a new connection before it answered; it may have refused our certificate, or missed one."
    return _logged(OutboundTLSError(host, "handshake", reason))


def _logged(error: OutboundTLSError) -> OutboundTLSError:
    emit(
        "outbound",
        error.event,
        reason=error.reason,
        requirement="v5.0.0-16.3.4",
        also="v4.0.3-9.2.5",
        host=error.host,
        rule=error.rule,
        verify_code=error.verify_code,
    )
    return error


def _name(server_hostname: str | None) -> str:
    return one_spelling((server_hostname or "").rstrip("."))
