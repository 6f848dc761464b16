"""A chunked body: where it ends, by a grammar that leaves nothing to interpret. v5.0.0-4.2.1.

RFC 9112 section 7.1. Extensions are plain tokens within a budget, since no app sees them. Trailer fields are refused:
ASGI has no place for them, and httptools' protocol in uvicorn adds them to the header fields of a request that was
already let through.
"""

import re
from typing import Final

from ...errors import MessageRefused

_TCHAR: Final = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"
_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})((?:;[" + _TCHAR + rb"]++(?:=[" + _TCHAR + rb"]++)?)*)\r\n")
_EMPTY: Final = re.compile(rb"\r\n")
_BEGUN: Final = re.compile(rb"(?:[0-9A-Fa-f]{1,15}(?:;[;=" + _TCHAR + rb"]*)?\r?)?\Z")
_LONGEST_LINE: Final = 256
_BUDGET: Final = 1024
"""Bytes of extensions in one body: a byte of data may not be made to cost thousands."""

_SIZE, _DATA_END, _LAST_END = range(3)  # The line that is due, once the data is there.


class ChunkedBody:
    """Follows one body.

    Attributes:
        done: the body has ended.
    """

    __slots__ = ("_left", "_phase", "_spent", "done")

    def __init__(self) -> None:
        self._left = 0
        self._phase = _SIZE
        self._spent = 0
        self.done = False

    def scan(self, data: bytes, at: int) -> int:
        """Return how far the data is good, from `at` on; what is behind that and unfinished must come again.

        Raises:
            MessageRefused: 400. Never while something before the fault is good: that is returned first.
        """
        start = at
        while not self.done:
            if self._left:
                step = min(self._left, len(data) - at)
                at += step
                self._left -= step
                if self._left:
                    break
                self._phase = _DATA_END
            found = (_LINE if self._phase == _SIZE else _EMPTY).match(data, at)
            if found is None:
                if at == start:
                    self._refuse_unless_begun(data, at)
                break
            if self._phase == _SIZE:
                size, extensions = found.groups()
                if self._spent + len(extensions) > _BUDGET:
                    if at > start:
                        break
                    raise MessageRefused(
                        f"The chunk extensions have more than {_BUDGET} bytes.", code="chunk_extensions"
                    )
                self._spent += len(extensions)
                self._left = int(size, 16)
                self._phase = _SIZE if self._left else _LAST_END
            else:
                self.done = self._phase == _LAST_END
                self._phase = _SIZE
            at = found.end()
        return at

    def _refuse_unless_begun(self, data: bytes, at: int) -> None:
        """Refuse what cannot become the line that is due."""
        rest = data[at : at + _LONGEST_LINE]
        if self._phase == _SIZE:
            if len(rest) == _LONGEST_LINE or not _BEGUN.match(rest):
                raise MessageRefused("A chunk does not begin with its size.", code="chunk_size")
        elif rest not in {b"", b"\r"}:
            if self._phase == _LAST_END:
                raise MessageRefused("The body has trailer fields.", code="trailer_fields")
            raise MessageRefused("A chunk is longer than its size says.", code="chunk_data")
