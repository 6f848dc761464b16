"""What an outbound connection can be refused for.

ASVSMiddlewareError
├── OutboundTLSError            the peer is not trusted; also an ssl.SSLCertVerificationError
│   └── PinMismatch             its key is not pinned
└── OutboundRefused             a request or a response breaks the policy; also a TransportError of the HTTP library
    ├── PlaintextRefused        not https
    ├── HostNotAllowed          not on the list
    │   └── CrossOriginRedirect on the list, but reached by a redirect from elsewhere
    ├── RequestContradiction    the request says one host here and another one there
    ├── ResponseTooLarge
    └── TotalTimeExceeded

HTTP libraries turn an SSLCertVerificationError into their own ConnectError and keep ours as its cause. Any other kind
of exception would pass them unhandled, and asyncio would log it as a fault of its own.
"""

import ssl
from functools import cache
from typing import Any, ClassVar

from ..errors import ASVSMiddlewareError


class OutboundTLSError(ASVSMiddlewareError, ssl.SSLCertVerificationError):
    """The TLS peer was refused before any application data was sent.

    `rule` is what it broke: chain, name, dates, certificate, handshake, or a code of PinRefused.
    """

    event: ClassVar[str] = "tls_backend_fail"

    def __init__(self, host: str, rule: str, reason: str, *, verify_code: int = 0) -> None:
        super().__init__(ssl.SSL_ERROR_SSL, f"{host}: {reason}")
        self.host, self.rule = host, rule
        # The members that ssl gives its own errors, for libraries that read them.
        self.library, self.reason = "asvs_middleware", reason
        self.verify_code, self.verify_message = verify_code, reason


class PinMismatch(OutboundTLSError):
    """The chain is good and holds none of the pinned keys."""

    event: ClassVar[str] = "tls_pin_mismatch"


class OutboundRefused(ASVSMiddlewareError):
    """A request was not sent, or its response not read to the end. The message names no path, query or header value."""

    requirement: ClassVar[str] = "v5.0.0-13.2.6"


class PlaintextRefused(OutboundRefused):
    """The URL of this hop is not https (v5.0.0-12.2.1, 12.3.3)."""

    requirement: ClassVar[str] = "v5.0.0-12.2.1"


class HostNotAllowed(OutboundRefused):
    """The policy does not list this host and port (v5.0.0-13.2.4)."""

    requirement: ClassVar[str] = "v5.0.0-13.2.4"


class CrossOriginRedirect(HostNotAllowed):
    """A redirect leads to another origin: header fields meant for the first one would travel along."""


class RequestContradiction(OutboundRefused):
    """The request names another host, or credentials, beside its URL: what was judged is not what would be sent."""

    requirement: ClassVar[str] = "v5.0.0-12.3.2"


class ResponseTooLarge(OutboundRefused):
    """The body passes the policy's limit, or is compressed, so that its size cannot be known."""


class TotalTimeExceeded(OutboundRefused):
    """Connecting, sending and reading took longer, together, than the policy allows."""


@cache
def in_library(ours: Any, theirs: Any) -> Any:
    """Return our class as a kind of a class of the HTTP library, so that one code serves httpx and httpx2."""
    return type(ours.__name__, (ours, theirs), {"__module__": ours.__module__, "__doc__": ours.__doc__})
