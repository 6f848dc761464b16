"""Whether a PEM file is there from end to end (RFC 7468): v5.0.0-12.3.4 and 13.3.4.

OpenSSL and others pass over a block that lacks its beginning or its end: a server would lose its intermediate
certificate, or one of the CAs it trusts, and nobody would be told. So every file is looked at before it is parsed.
Not checked here: what is in the blocks.
"""

import re
from typing import Final

from ..errors import ConfigurationError

_EDGE: Final = re.compile(rb"-----(BEGIN|END) ([ -,.-~]++)-----")  # A label is anything but a hyphen.
_HALF_AN_EDGE: Final = re.compile(rb"-----(?:BEGIN|END) |^-++[A-Z0-9. ]*+-*+\Z", re.MULTILINE)


def refuse_torn(data: bytes, where: str) -> None:
    """Refuse a PEM file that begins or ends in the middle of a block; anything that is no PEM is let through.

    Args:
        data: the bytes of the file.
        where: how to name it in the error.

    Raises:
        ConfigurationError: a block is not whole.
    """
    if is_torn(data):
        raise ConfigurationError(
            f"{where} holds a PEM block that is not whole.",
            fix="Give all of the file, with an END line to each BEGIN line; write it beside its place and move it "
            "there.",
        )


def is_torn(data: bytes) -> bool:
    """Tell whether an edge of a block is left without the other one. Text between blocks is a comment.

    >>> is_torn(b"-----BEGIN X-----aaaa-----END X----- and -----BEGIN X")
    True
    """
    if b"-----BEGIN " not in data:
        return False
    begun, outside, at = None, list[bytes](), 0
    for edge in _EDGE.finditer(data):
        kind, label = edge.groups()
        if (kind == b"BEGIN") is not (begun is None) or begun not in {None, label}:
            return True
        if begun is None:
            outside.append(data[at : edge.start()])
            begun = label
        else:
            begun, at = None, edge.end()
    return begun is not None or _HALF_AN_EDGE.search(b"".join((*outside, data[at:]))) is not None
