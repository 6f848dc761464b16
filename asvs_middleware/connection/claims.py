"""What an untrusted peer claims about TLS. Never believed: it only explains why a redirect would go round in circles.

v5.0.0-4.1.3. The fields are removed before the app sees them (facts.py).
"""

import re
from collections.abc import Iterable
from typing import Final

_SCHEMES: Final = frozenset({
    b"x-forwarded-proto", b"x-forwarded-protocol", b"x-forwarded-scheme", b"x-scheme", b"x-url-scheme",
})  # fmt: skip
_SWITCHES: Final = frozenset({b"front-end-https", b"x-forwarded-ssl"})
_SECURE: Final = frozenset({b"https", b"wss"})
_FORWARDED_PROTO: Final = re.compile(rb'(?:\A|[;,\s])proto="?(?:https|wss)(?:"|[;,\s]|\Z)', re.IGNORECASE)


def claims_tls(pairs: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a forwarded field says that the client spoke TLS to somebody.

    >>> claims_tls([(b"x-forwarded-proto", b"https")]), claims_tls([(b"forwarded", b"for=192.0.2.1;proto=http")])
    (True, False)
    """
    return any(_claims(name.lower(), value) for name, value in pairs)


def _claims(name: bytes, value: bytes) -> bool:
    if name in _SCHEMES:
        return any(element.strip().lower() in _SECURE for element in value.split(b","))
    if name in _SWITCHES:
        return value.strip().lower() == b"on"
    return name == b"forwarded" and _FORWARDED_PROTO.search(value) is not None
