"""An ordinary request, told at a glance: most are, and Python has to look at every one of them.

Ordinary is an HTTP/1.1 request with a known method, a path, one Host, no body or one of known length, and a connection
that stays. It is what `judge_head` lets through unchanged; all else, and all that is refused, goes there.
"""

import re
from typing import Final

from ...connection.host import parse_host
from ...errors import HostRefused
from .head import FIELDS, FRAMING, LENGTH, METHODS, ORIGIN_FORM, HeadLimits

_ORDINARY: Final = re.compile(rb"([A-Z-]++) (" + ORIGIN_FORM + rb") HTTP/1\.1\r\n" + FIELDS + rb"\r\n")

UNCLEAR: Final = -1


def bytes_to_come(data: bytes, limits: HeadLimits) -> int:
    """Return how much of the body is missing where the data is one ordinary request without more; else UNCLEAR."""
    found = _ORDINARY.match(data)
    if found is None or found[1] not in METHODS:
        return UNCLEAR
    end = found.end()
    if end > limits.size or found.end(2) - found.start(2) > limits.target or data.count(b"\n", 0, end) > limits.fields:
        return UNCLEAR
    host = length = None
    for name, value in FRAMING.findall(data, 0, end):
        known = name.lower()
        if known == b"host" and host is None:
            host = value
        elif known == b"content-length" and length is None and LENGTH.match(value):
            length = value
        elif known != b"connection" or value != b"keep-alive":
            return UNCLEAR
    if host is None:
        return UNCLEAR
    try:
        parse_host(host)
    except HostRefused:
        return UNCLEAR
    return max(UNCLEAR, end - len(data) + (0 if length is None else int(length)))
