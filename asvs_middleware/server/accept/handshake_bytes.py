"""The few bytes that tell TLS from plaintext: v5.0.0-12.2.1. RFC 8446 sections 4.1.2, 5.1 and 6; RFC 6066 section 3.

Only what a refusal needs is read: which of the two was spoken, which name was asked for, and how to say no. Whatever
the bytes are, the answer is a value. Nothing here decides who is let in.
"""

from typing import Final

HANDSHAKE_FAILURE: Final = 40
ACCESS_DENIED: Final = 49
INTERNAL_ERROR: Final = 80
"""Alert descriptions, RFC 8446 section 6.2."""

_HEADER: Final = 5
_HANDSHAKE: Final = 0x16
_CLIENT_HELLO: Final = 0x01
_SERVER_NAME: Final = 0
_HOST_NAME: Final = 0
_LONGEST_NAME: Final = 255


def speaks_tls(first: bytes) -> bool:
    """Return whether these can be the first bytes of a TLS connection.

    >>> speaks_tls(bytes([22, 3, 1])), speaks_tls(b"GET / HTTP/1.1"), speaks_tls(bytes([22]))
    (True, False, True)
    """
    return first[:1] == b"\x16" and first[1:2] in {b"", b"\x03"}


def first_record(flight: bytes) -> int:
    """Return how many bytes the first record has, with its header, or at least has.

    >>> first_record(b""), first_record(bytes([22, 3, 1, 2, 0]))
    (5, 517)
    """
    return _HEADER + int.from_bytes(flight[3:_HEADER]) if len(flight) >= _HEADER else _HEADER


def alert(description: int) -> bytes:
    """Return a fatal alert as a record that may be sent before any key is agreed on.

    >>> alert(HANDSHAKE_FAILURE).hex()
    '15030300020228'
    """
    return bytes([0x15, 3, 3, 0, 2, 2, description])


def server_name(flight: bytes) -> str | None:
    """Return the host name a ClientHello asks for, or None where there is none or it is not all there.

    Args:
        flight: what the client has sent so far, from the first record on.
    """
    hello = _handshake_message(flight)
    if hello[:1] != bytes([_CLIENT_HELLO]):
        return None
    fields = _Fields(hello, 4 + 2 + 32)  # Its header, the version and the random.
    fields.vector(1)  # The session id.
    fields.vector(2)  # The suites.
    fields.vector(1)  # The compression methods.
    extensions = _Fields(fields.vector(2))
    while extensions.left:
        kind, content = extensions.number(2), extensions.vector(2)
        if kind == _SERVER_NAME:
            return _host_name(content)
    return None


def _host_name(content: bytes) -> str | None:
    names = _Fields(_Fields(content).vector(2))
    kind, name = names.number(1), names.vector(2)
    if kind != _HOST_NAME or not 0 < len(name) <= _LONGEST_NAME:
        return None
    try:
        return name.decode("ascii")
    except UnicodeDecodeError:
        return None


def _handshake_message(flight: bytes) -> bytes:
    """Return what the leading handshake records hold, without their headers."""
    parts, at = list[bytes](), 0
    while at + _HEADER <= len(flight) and flight[at] == _HANDSHAKE:
        end = at + _HEADER + int.from_bytes(flight[at + 3 : at + _HEADER])
        parts.append(flight[at + _HEADER : end])
        at = end
    return b"".join(parts)


class _Fields:
    """Reads numbers and vectors one after another; behind the end there is nothing but emptiness."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data, self._at = data, at

    @property
    def left(self) -> bool:
        return self._at < len(self._data)

    def number(self, size: int) -> int:
        return int.from_bytes(self._take(size))

    def vector(self, size: int) -> bytes:
        """Return what a length of `size` bytes announces, or as much of it as is there."""
        return self._take(self.number(size))

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken
