"""Communication security for ASGI apps, tied to OWASP ASVS.

The paved path. Names are loaded when they are first used: importing the package alone costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .access import VerifiedCaller, public, sensitive
    from .certificates import ClientCertificates
    from .errors import ASVSMiddlewareError, ConfigurationError
    from .headers import ContentSecurityPolicy, HeadersPolicy, HSTSPolicy
    from .middleware import SecurityHeadersMiddleware, TLSOnlyMiddleware, csp_nonce
    from .policy import SecurityPolicy
    from .stack import secure
    from .tokens import Tokens

__version__ = "0.1.0"

__all__ = [
    "ASVSMiddlewareError",
    "ClientCertificates",
    "ConfigurationError",
    "ContentSecurityPolicy",
    "HSTSPolicy",
    "HeadersPolicy",
    "SecurityHeadersMiddleware",
    "SecurityPolicy",
    "TLSOnlyMiddleware",
    "Tokens",
    "VerifiedCaller",
    "csp_nonce",
    "public",
    "secure",
    "sensitive",
]

_ROOM = {
    "ASVSMiddlewareError": "errors",
    "ClientCertificates": "certificates",
    "ConfigurationError": "errors",
    "ContentSecurityPolicy": "headers",
    "HSTSPolicy": "headers",
    "HeadersPolicy": "headers",
    "SecurityHeadersMiddleware": "middleware",
    "SecurityPolicy": "policy",
    "TLSOnlyMiddleware": "middleware",
    "Tokens": "tokens",
    "VerifiedCaller": "access",
    "csp_nonce": "middleware",
    "public": "access",
    "secure": "stack",
    "sensitive": "access",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_ROOM[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
