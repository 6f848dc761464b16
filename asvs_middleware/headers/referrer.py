"""Referrer-Policy: v4.0.3-14.4.6, v5.0.0-3.4.5."""

from ..names import known

TOKENS = frozenset({
    "no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin",
    "strict-origin", "strict-origin-when-cross-origin", "unsafe-url",
})  # fmt: skip

LEAKS = frozenset({"unsafe-url", "no-referrer-when-downgrade"})
"""What sends paths and queries to other sites."""


def render(policy: str) -> str:
    """Return the field value, which is the policy's own name.

    >>> render("no-referrer")
    'no-referrer'
    """
    return known(policy, TOKENS, where="Referrer-Policy")
