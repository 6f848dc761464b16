"""Permissions-Policy: powerful features closed unless the app opens them (Permissions Policy section 5.2, RFC 9651).

No ASVS requirement asks for it by name; it narrows what injected script could do (v5.0.0-3.4.3).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ..errors import ConfigurationError
from ..names import known

FEATURES: Final = (
    "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "idle-detection", "magnetometer",
    "microphone", "midi", "payment", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
"""Closed on every response: what reaches a sensor, a device, money or the screen. Those Chromium knows, 2026-11-21."""

FURTHER: Final = (
    "ambient-light-sensor", "aria-notify", "attribution-reporting", "autoplay", "battery", "bluetooth",
    "browsing-topics", "captured-surface-control", "ch-device-memory", "ch-downlink", "ch-dpr", "ch-ect",
    "ch-prefers-color-scheme", "ch-prefers-reduced-motion", "ch-prefers-reduced-transparency", "ch-rtt",
    "ch-save-data", "ch-ua", "ch-ua-arch", "ch-ua-bitness", "ch-ua-form-factors", "ch-ua-full-version",
    "ch-ua-full-version-list", "ch-ua-high-entropy-values", "ch-ua-mobile", "ch-ua-model", "ch-ua-platform",
    "ch-ua-platform-version", "ch-ua-wow64", "ch-viewport-height", "ch-viewport-width", "ch-width", "clipboard-read",
    "clipboard-write", "compute-pressure", "cross-origin-isolated", "deferred-fetch", "deferred-fetch-minimal",
    "digital-credentials-create", "digital-credentials-get", "document-domain", "encrypted-media", "fullscreen",
    "gamepad", "identity-credentials-get", "interest-cohort", "keyboard-map", "language-detector", "language-model",
    "local-fonts", "local-network", "local-network-access", "loopback-network", "media-playback-while-not-visible",
    "on-device-speech-recognition", "otp-credentials", "picture-in-picture", "private-state-token-issuance",
    "private-state-token-redemption", "publickey-credentials-create", "publickey-credentials-get",
    "speaker-selection", "storage-access", "summarizer", "sync-xhr", "translator", "unload", "web-share",
    "window-management",
)  # fmt: skip
"""Left to the browser's default unless named: pages use them in plain ways, or a browser warns about the name.

From the standard's registry, the specifications that define them, and Chromium 156's own list, 2026-11-21; browsers
differ in what they know. Those in `ch-` hand client hints on to other origins.
"""


def render(opened: Mapping[str, Sequence[str]], *, closed: Sequence[str] = FEATURES) -> str:
    """Return the field value, a structured dictionary: every feature closed but the opened ones.

    Args:
        opened: feature to allowlist; an item is `self`, `*` or an origin such as `https://maps.example`. An empty
            list closes a feature that is not closed by default.
        closed: the features named in any case.

    >>> render({"camera": ["self"]})[:46]
    'accelerometer=(), camera=(self), display-captu'
    """
    for feature in (*opened, *closed):
        known(feature, FEATURES + FURTHER, where="Permissions-Policy")
    named = dict.fromkeys((*closed, *opened))
    return ", ".join(f"{feature}={_allowlist(feature, opened.get(feature, ()))}" for feature in named)


def _allowlist(feature: str, items: Sequence[str]) -> str:
    if isinstance(items, str):
        raise ConfigurationError(
            f"Permissions-Policy {feature}={items!r} is one text.", fix=f"Write a list: [{items!r}]."
        )
    return f"({' '.join(item if item in ('self', '*') else _origin(feature, item) for item in items)})"


def _origin(feature: str, item: object) -> str:
    text = item if isinstance(item, str) else ""
    host = text.removeprefix("https://")
    if host in {"", text} or not host.isascii() or not host.isprintable() or set(host) & set('"\\ /;,()'):
        raise ConfigurationError(
            f"Permissions-Policy {feature} holds {item!r}, which is no allowlist item.",
            fix='Use "self", "*" or an https origin such as "https://maps.example".',
        )
    return f'"{text}"'
