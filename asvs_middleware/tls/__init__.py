"""TLS contexts that follow a dated guideline: build one for a server or a client, and say what is in force."""

from .client import HandshakeHook, client_context, verified_chain
from .describe import describe
from .guidelines import DEFAULT_PROFILE, GUIDELINES, Guideline, guideline
from .server import ClientCertificateMode, server_context

__all__ = [
    "DEFAULT_PROFILE",
    "GUIDELINES",
    "ClientCertificateMode",
    "Guideline",
    "HandshakeHook",
    "client_context",
    "describe",
    "guideline",
    "server_context",
    "verified_chain",
]
