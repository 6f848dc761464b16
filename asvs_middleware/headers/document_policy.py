"""Document-Policy: what a page may do to its own rendering (WICG Document Policy, Chromium).

No ASVS requirement asks for it. It is never sent unless chosen.
"""

from collections.abc import Mapping
from typing import Final

from ..errors import ConfigurationError
from ..names import known

FEATURES: Final = frozenset({
    "document-write", "expect-no-linked-resources", "force-load-at-top", "include-js-call-stacks-in-crash-reports",
    "js-profiling", "lossless-images-max-bpp", "lossless-images-strict-max-bpp", "lossy-images-max-bpp",
    "no-font-display-late-swap", "oversized-images", "sync-script", "sync-xhr", "unsized-media",
})  # fmt: skip
"""Features proposed for it or in use with Chromium, 2026-11-21. Most browsers heed none of them."""


def render(features: Mapping[str, bool | int | float], *, endpoint: str | None = None) -> str:
    """Return the field value, a structured dictionary (RFC 9651): a switch or a number for each feature.

    Raises:
        ConfigurationError: nothing is named, a name is misspelt, or a value is neither switch nor number.

    >>> render({"document-write": False, "js-profiling": True, "oversized-images": 2.0}, endpoint="reports")
    'document-write=?0;report-to=reports, js-profiling;report-to=reports, oversized-images=2.0;report-to=reports'
    """
    if not features:
        raise ConfigurationError("Document-Policy names no feature.", fix="Name one, or leave document_policy out.")
    to = "" if endpoint is None else f";report-to={endpoint}"
    return ", ".join(
        f"{known(name, FEATURES, where='Document-Policy')}{_value(name, value)}{to}" for name, value in features.items()
    )


def _value(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "" if value else "=?0"
    if isinstance(value, int | float) and 0 <= value < 1_000_000:
        return f"={round(value, 3)}"
    raise ConfigurationError(
        f"Document-Policy {name}={value!r} is neither a switch nor a number.",
        fix="Use True, False or a number below 1000000.",
    )
