"""What the test suites of others ask for, exactly: a profile sets what the operator left open, and overrules nothing.

`oshp`: the validator of the OWASP Secure Headers Project, as of 2024-09-02. It compares whole values, asks for
`no-store` on every answer and for a header that does nothing for most apps.
`mozilla`: the MDN HTTP Observatory, 2026-08, full marks: the presets already have all but COEP on pages.
`dev`: a developer's machine, where TLS may be missing; HeadersPolicy.shortfalls names what it leaves open.
"""

from dataclasses import replace
from typing import Final

from .hsts import HSTSPolicy
from .isolation import Isolation
from .policy import HeadersPolicy

Pair = tuple[bytes, bytes]

OSHP_PERMISSIONS: Final = (
    "accelerometer=(), autoplay=(), camera=(), cross-origin-isolated=(), display-capture=(), encrypted-media=(), "
    "fullscreen=(), geolocation=(), gyroscope=(), keyboard-map=(), magnetometer=(), microphone=(), midi=(), "
    "payment=(), picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), sync-xhr=(self), "
    "usb=(), web-share=(), xr-spatial-tracking=(), clipboard-read=(), clipboard-write=(), gamepad=(), hid=(), "
    "idle-detection=(), interest-cohort=(), serial=(), unload=()"
)

OSHP_CLEAR_SITE_DATA: Final = ("cache", "cookies", "storage")
"""What the suite wants of the log-out; clear_site_data.py says why it is no default."""


def with_profile(policy: HeadersPolicy) -> HeadersPolicy:
    """Return the policy with the profile's values where the operator chose none."""
    if policy.profile == "oshp":
        return replace(
            policy,
            hsts=policy.hsts or HSTSPolicy(),
            referrer=policy.referrer or "no-referrer",
            isolation=policy.isolation or Isolation(embedder="require-corp"),
            removes=() if policy.removes is None else policy.removes,
        )
    if policy.profile == "mozilla":
        return replace(policy, isolation=policy.isolation or Isolation(embedder="credentialless"))
    return policy


def further(policy: HeadersPolicy) -> tuple[Pair, ...]:
    """Return the fields only a profile sends."""
    if policy.profile != "oshp":
        return ()
    return ((b"x-permitted-cross-domain-policies", b"none"), (b"cache-control", b"no-store, max-age=0"))
