"""Permissions-Policy: powerful features closed unless the app opens them.

No ASVS requirement asks for it by name; it narrows what injected script could do (v5.0.0-3.4.3). Features are those
Chromium knows (read 2026-11-21): one it does not know costs a console warning on every page.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ..errors import ConfigurationError
from ..names import known

FEATURES: Final = (
    "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "idle-detection", "magnetometer",
    "microphone", "midi", "payment", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip


def render(opened: Mapping[str, Sequence[str]]) -> str:
    """Return the field value, a structured dictionary (RFC 9651): every feature closed but the opened ones.

    Args:
        opened: feature to allowlist; an item is `self`, `*` or an origin such as `https://maps.example`.

    >>> render({"camera": ["self"]})[:46]
    'accelerometer=(), camera=(self), display-captu'
    """
    for feature in opened:
        known(feature, FEATURES, where="Permissions-Policy")
    return ", ".join(f"{feature}=({_allowlist(feature, opened.get(feature, ()))})" for feature in FEATURES)


def _allowlist(feature: str, items: Sequence[str]) -> str:
    return " ".join(item if item in {"self", "*"} else _origin(feature, item) for item in items)


def _origin(feature: str, item: str) -> str:
    host = item.removeprefix("https://")
    if host in {"", item} or not host.isascii() or not host.isprintable() or set(host) & set('"\\ /;,()'):
        raise ConfigurationError(
            f"Permissions-Policy {feature} holds {item!r}, which is no allowlist item.",
            fix='Use "self", "*" or an https origin such as "https://maps.example".',
        )
    return f'"{item}"'
