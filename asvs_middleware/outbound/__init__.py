"""Outbound HTTPS: one policy for each external system, and clients that cannot leave it.

v5.0.0-12.2.1, 12.3.1 to 12.3.5, 13.2.4, 13.2.6, 16.3.4; v4.0.3-9.2.1 to 9.2.3, 9.2.5.

`policy` is what an operator chooses, `handshake` judges the peer before the first byte of a request, `guard` judges
each request, `transport` is the one place all of them pass, `auth` binds a token to one origin.
"""

from ..certificates.pins import Pins
from .auth import BearerFor
from .errors import (
    CrossOriginRedirect,
    HostNotAllowed,
    OutboundRefused,
    OutboundTLSError,
    PinMismatch,
    PlaintextRefused,
    RequestContradiction,
    ResponseTooLarge,
    TotalTimeExceeded,
)
from .policy import OutboundPolicy

__all__ = [
    "BearerFor",
    "CrossOriginRedirect",
    "HostNotAllowed",
    "OutboundPolicy",
    "OutboundRefused",
    "OutboundTLSError",
    "PinMismatch",
    "Pins",
    "PlaintextRefused",
    "RequestContradiction",
    "ResponseTooLarge",
    "TotalTimeExceeded",
]
