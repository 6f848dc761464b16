"""A Content-Security-Policy as it goes out: the bytes made once, and what is left to do for a nonce.

One configuration gives two fields, an enforced policy and a report-only one, with the same nonces in both.
"""

from dataclasses import dataclass
from typing import Final

from . import csp
from .csp import ContentSecurityPolicy

ENFORCED: Final = b"content-security-policy"
REPORT_ONLY: Final = b"content-security-policy-report-only"


@dataclass(frozen=True, slots=True)
class PolicyField:
    """One field in the pieces that go between the nonces of a response.

    Attributes:
        name: the field's name.
        plain: the value for a response that asked for no nonce.
        around_nonce: pieces for one that asked for a nonce.
        around_style_nonce: pieces for one that asked for a style nonce alone.
        around_both: pieces for both: the outer go round the nonce, the inner round the style nonce.
    """

    name: bytes
    plain: bytes
    around_nonce: tuple[bytes, ...]
    around_style_nonce: tuple[bytes, ...]
    around_both: tuple[tuple[bytes, ...], ...]

    def pair(self, nonce: bytes | None, style_nonce: bytes | None) -> tuple[bytes, bytes]:
        """Return name and value for a response with these nonces."""
        if nonce is not None and style_nonce is not None:
            return self.name, nonce.join([style_nonce.join(inner) for inner in self.around_both])
        if nonce is not None:
            return self.name, nonce.join(self.around_nonce)
        if style_nonce is not None:
            return self.name, style_nonce.join(self.around_style_nonce)
        return self.name, self.plain


def field_of(policy: ContentSecurityPolicy, *, name: bytes = ENFORCED) -> PolicyField:
    """Return the field of a policy.

    >>> field_of(ContentSecurityPolicy({"script-src": [csp.NONCE]})).pair(b"R4", None)
    (b'content-security-policy', b"script-src 'nonce-R4'")
    """
    return PolicyField(
        name=name,
        plain=csp.render(policy).encode("ascii"),
        around_nonce=_bytes(csp.render_around_nonce(policy)),
        around_style_nonce=_bytes(csp.render_around_style_nonce(policy)),
        around_both=tuple(_bytes(inner) for inner in csp.render_around_both(policy)),
    )


def report_only(policy: ContentSecurityPolicy) -> ContentSecurityPolicy:
    """Return the policy without the directives that browsers ignore, with a warning, in a report-only one."""
    return policy.replace(sandbox=None, upgrade_insecure_requests=None)


def _bytes(pieces: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(piece.encode("ascii") for piece in pieces)
