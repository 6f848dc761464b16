"""Response headers: policies and pure functions that render them. No ASGI here."""

from .csp import NONCE, ContentSecurityPolicy
from .hsts import HSTSPolicy
from .presets import CSP_NAME, NO_STORE, HeaderSet, HeadersPolicy, Pair, Pairs, Preset, header_set

__all__ = [
    "CSP_NAME",
    "NONCE",
    "NO_STORE",
    "ContentSecurityPolicy",
    "HSTSPolicy",
    "HeaderSet",
    "HeadersPolicy",
    "Pair",
    "Pairs",
    "Preset",
    "header_set",
]
