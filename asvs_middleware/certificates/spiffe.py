"""SPIFFE IDs (the SPIFFE-ID and X509-SVID standards): v5.0.0-12.3.5.

One spelling per identity, so that comparing text is comparing identities: lower-case scheme and trust domain, no
query, fragment, user, port, percent-encoding, nor a segment that is empty, `.` or `..`. Not checked here: the rest of
the certificate (`svid`), and who may issue for a trust domain: name the issuer in the IdentityPattern for that.
"""

import re
from typing import Final

SCHEME: Final = "spiffe://"
LONGEST: Final = 2048
"""Bytes of one SPIFFE ID, SPIFFE-ID section 2.3."""

_TRUST_DOMAIN: Final = re.compile(r"[a-z0-9._-]{1,255}")
_SEGMENT: Final = re.compile(r"[a-zA-Z0-9._-]+")


def is_spiffe(uri: str) -> bool:
    """Tell whether uri claims the SPIFFE scheme, in any spelling: a claim in a wrong one is a fault, not another URI.

    >>> is_spiffe("SPIFFE://example.org/batch")
    True
    """
    return uri[:7].lower() == "spiffe:"


def trust_domain(uri: str) -> str:
    """Return the trust domain of a SPIFFE ID.

    >>> trust_domain("spiffe://example.org/batch")
    'example.org'
    """
    return uri.removeprefix(SCHEME).partition("/")[0]


def fault_of_authority(uri: str) -> str | None:
    """Return what is wrong with the SPIFFE ID of a CA, or None: it is a trust domain, and no workload in it."""
    if "/" in uri.removeprefix(SCHEME):
        return "it has a path, and a CA's may have none"
    return fault(f"{uri}/x")


def fault(uri: str) -> str | None:
    """Return what is wrong with the SPIFFE ID of a workload, or None.

    >>> fault("spiffe://example.org/batch/nightly")
    >>> fault("spiffe://example.org/batch//nightly")
    'a path segment is empty, dotted or holds a character other than letters, digits, ".", "-" and "_"'
    """
    if len(uri) > LONGEST:
        return f"it is longer than {LONGEST} bytes"
    if not uri.startswith(SCHEME):
        return "it does not start with spiffe:// in lower case"
    domain, *path = uri.removeprefix(SCHEME).split("/")
    if not _TRUST_DOMAIN.fullmatch(domain):
        return 'its trust domain is not made of lower-case letters, digits, ".", "-" and "_" alone'
    if not path:
        return "it names a trust domain and no workload in it"
    if not all(_SEGMENT.fullmatch(segment) and segment not in {".", ".."} for segment in path):
        return 'a path segment is empty, dotted or holds a character other than letters, digits, ".", "-" and "_"'
    return None
