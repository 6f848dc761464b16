"""Base64url without padding, one spelling for each value (RFC 7515 section 2, RFC 4648 sections 3.2 to 3.5).

A second spelling of the same bytes is a second spelling of the same token. So padding, foreign characters and
non-zero trailing bits are refused.

That makes one text of one signature, not one signature of one token: whoever holds a token signed with ECDSA can turn
its (r, s) into (r, n - s), which verifies as well. A deny list must therefore look at `jti`, or at a hash of
header.payload, and never at the whole token.
"""

from binascii import a2b_base64
from typing import Final

ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

_LAST: Final = {0: frozenset(ALPHABET), 2: frozenset(ALPHABET[::16]), 3: frozenset(ALPHABET[::4])}
"""Which characters may stand last, by length modulo 4: those whose unused bits are zero. 1 mod 4 spells nothing."""

_TO_BASE64: Final = bytes.maketrans(b"-_+/=", b"+/***")
"""The two alphabets differ in two characters; those of plain base64 become foreign, and so does padding."""


def decode(segment: bytes) -> bytes:
    """Return the bytes the segment spells; an empty segment spells none.

    Raises:
        ValueError: another spelling, or no base64url at all. The message never holds the segment.

    >>> decode(b"Zm9v")
    b'foo'
    """
    if not segment:
        return b""
    last = _LAST.get(len(segment) % 4)
    if last is None or segment[-1] not in last:
        raise ValueError("not base64url in its one spelling")
    try:
        return a2b_base64(segment.translate(_TO_BASE64) + b"=" * (-len(segment) % 4), strict_mode=True)
    except ValueError:
        raise ValueError("not base64url in its one spelling") from None
