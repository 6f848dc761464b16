"""Gates, headers and guard made ASGI, and the one place that fuses them into a layer."""

from .classes import SecurityHeadersMiddleware, TLSOnlyMiddleware
from .dress import dresser, undressed
from .fuse import ExposedCredentialHook, fuse
from .host import host_gate
from .nonce import csp_nonce
from .plaintext import plaintext_gate

__all__ = [
    "ExposedCredentialHook",
    "SecurityHeadersMiddleware",
    "TLSOnlyMiddleware",
    "csp_nonce",
    "dresser",
    "fuse",
    "host_gate",
    "plaintext_gate",
    "undressed",
]
