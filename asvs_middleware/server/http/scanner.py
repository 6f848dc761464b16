"""Strict HTTP/1.1 in front of the server's parser: it is given only bytes that were judged. v5.0.0-4.2.1.

uvicorn's parsers differ in what they let through, and a proxy in front is a further one. So a scanner stands between
the socket and the parser: it holds a head back until the whole of it was judged, knows where the body ends, and thereby
where the next head begins. What it refuses the parser never sees. Pure: bytes in, bytes out.

Not here: HTTP/2, whose frames are the parser's business, and WebSocket after the handshake.
"""

import re
from enum import IntEnum
from typing import Final

from ...errors import MessageRefused
from .chunks import ChunkedBody
from .glance import bytes_to_come
from .head import CHUNKED, Head, HeadLimits, fault_of, judge_beginning, judge_head

_END: Final = b"\r\n\r\n"
_FORBIDDEN: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n|\Z)")
_CR, _LF = b"\r\n"


class Stage(IntEnum):
    """Where in the stream of requests a connection is."""

    IDLE = 0
    """Nothing of the next request is there."""
    HEAD = 1
    """A head has begun."""
    BODY = 2
    """A body of known length, or in chunks, has not ended."""
    OVER = 3
    """Nothing further is read: the last request is there, or one was refused."""


_IDLE, _BODY = Stage.IDLE, Stage.BODY  # An enumeration's members are slow to look up.


class RequestScanner:
    """Lets through what may go on to the parser.

    Attributes:
        stage: where the stream is after the last bytes.
        refusal: why the stream ended, once something was refused. What `feed` returned before that is good.
    """

    __slots__ = ("_checked", "_chunks", "_held", "_last", "_left", "_limits", "_line_is_good", "refusal", "stage")

    def __init__(self, limits: HeadLimits | None = None) -> None:
        self._limits = limits or HeadLimits()
        self._held = b""  # The beginning of a head, or of a chunk's first line.
        self._checked = 0  # So many bytes of that head hold nothing forbidden.
        self._line_is_good = False  # Its first line was judged.
        self._last = False
        self._left = 0
        self._chunks: ChunkedBody | None = None
        self.stage = Stage.IDLE
        self.refusal: MessageRefused | None = None

    def feed(self, data: bytes) -> bytes:
        """Return what the parser may see now; look at `refusal` afterwards. Never raises."""
        if self.stage is _IDLE and not self._held:
            missing = bytes_to_come(data, self._limits)
            if missing > 0:
                self._begin_body(missing, last=False)
            if missing >= 0:
                return data
        elif self.stage is _BODY and self._chunks is None and len(data) < self._left:
            self._left -= len(data)
            return data
        return self._feed_parts(data)

    def _feed_parts(self, data: bytes) -> bytes:
        good = list[bytes]()
        if self._held:
            data, self._held = self._held + data, b""
        at = 0
        try:
            while at < len(data):
                before, at = at, self._step(data, at, good)
                if at == before:
                    self._held = data[at:]
                    break
        except MessageRefused as refusal:
            self.stage, self.refusal, self._held = Stage.OVER, refusal, b""
        return good[0] if len(good) == 1 else b"".join(good)

    def _step(self, data: bytes, at: int, good: list[bytes]) -> int:
        """Take one head or one part of a body, and return where it ends: at `at` where more bytes are needed."""
        if self.stage is _BODY:
            return self._body(data, at, good)
        if self.stage is Stage.OVER:
            return len(data)  # RFC 9112 section 9.6: nothing behind the last request is processed.
        return self._head(data, at, good)

    def _head(self, data: bytes, at: int, good: list[bytes]) -> int:
        if self.stage is _IDLE:
            if data[at] == _CR:  # RFC 9112 section 2.2: one empty line may stand before it.
                if len(data) == at + 1:
                    return at
                if data[at + 1] == _LF:
                    self.stage = Stage.HEAD
                    return at + 2
            self.stage = Stage.HEAD
        end = data.find(_END, at + max(0, self._checked - 3))
        if end < 0:
            self._judge_beginning(data[at:])
            return at
        head = judge_head(data[at : end + 4], self._limits)
        if head.upgrades and len(data) > end + 4:
            raise MessageRefused("Bytes follow the request for a WebSocket.", code="data_after_upgrade")
        self._checked, self._line_is_good = 0, False
        good.append(self._enter(head))
        return end + 4

    def _judge_beginning(self, head: bytes) -> None:
        """Refuse now what no further byte can mend: its end may never come. Each byte is looked at once."""
        if _FORBIDDEN.search(head, max(0, self._checked - 1)):
            raise fault_of(head)
        self._checked = len(head)
        if not self._line_is_good or len(head) > self._limits.size:
            self._line_is_good = judge_beginning(head, self._limits)

    def _body(self, data: bytes, at: int, good: list[bytes]) -> int:
        chunks = self._chunks
        if chunks is None:
            end = min(at + self._left, len(data))
            self._left -= end - at
            ended = not self._left
        else:
            end = chunks.scan(data, at)
            ended = chunks.done
        good.append(data[at:end])
        if ended:
            self.stage = Stage.OVER if self._last else _IDLE
        return end

    def _enter(self, head: Head) -> bytes:
        """Begin what follows a good head."""
        if head.body:
            self._begin_body(head.body, last=head.last)
        else:
            self.stage = Stage.OVER if head.last else _IDLE
        return head.wire

    def _begin_body(self, length: int, *, last: bool) -> None:
        self.stage, self._left, self._last = _BODY, length, last
        self._chunks = ChunkedBody() if length == CHUNKED else None
