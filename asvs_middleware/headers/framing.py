"""X-Frame-Options beside frame-ancestors: v4.0.3-14.4.7 asks for both, v5.0.0-3.4.6 calls the first obsolete.

It follows from the policy, so that the two cannot contradict each other: a browser that heeds frame-ancestors
ignores it, and an old one has only `DENY` and `SAMEORIGIN` (RFC 7034).
"""

from .csp import ContentSecurityPolicy

NAME = "x-frame-options"


def render(policy: ContentSecurityPolicy) -> str | None:
    """Return the value that goes with a policy; None where an old browser cannot be told.

    >>> render(ContentSecurityPolicy({"frame-ancestors": ["'self'"]}))
    'SAMEORIGIN'
    """
    ancestors = list(policy.directives.get("frame-ancestors", ["'none'"]))
    return {"'none'": "DENY", "'self'": "SAMEORIGIN"}.get(ancestors[0]) if len(ancestors) == 1 else None
