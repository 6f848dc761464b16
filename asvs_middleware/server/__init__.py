"""Serving an app over hardened TLS, and the development PKI to try it with.

Names are loaded when they are first used: the development PKI needs no server.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .accept.limits import Admission
    from .http.deadlines import Deadlines
    from .http.head import HeadLimits
    from .keys.expiry import certificate_seconds_left
    from .launcher import serve
    from .policy import ServerPolicy

__all__ = ["Admission", "Deadlines", "HeadLimits", "ServerPolicy", "certificate_seconds_left", "serve"]

_FILE = {
    "Admission": "accept.limits",
    "Deadlines": "http.deadlines",
    "HeadLimits": "http.head",
    "ServerPolicy": "policy",
    "certificate_seconds_left": "keys.expiry",
    "serve": "launcher",
}


def __getattr__(name: str) -> Any:
    if name not in _FILE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_FILE[name]}", __name__), name)
