"""The guard of one connection: the protocol to the transport, and beside the transport to uvicorn's protocol.

v5.0.0-4.2.1, 15.2.2 and 13.1.3. See `protocol`, which makes it.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast

from ... import events
from ...errors import MessageRefused
from ..accept.handshake_bytes import HANDSHAKE_FAILURE, alert, server_name, speaks_tls
from ..accept.limits import client_of, peer_of
from ..accept.refusals import RefusalLog, short_answer
from .deadlines import Timetable, Wait
from .facts import holds_body_back, keeps_back, owes_body, speaks_http, under_way
from .head import HeadLimits
from .scanner import RequestScanner, Stage
from .sending import sent
from .transport import ObservedTransport

_LINGER: Final = 1.0
"""Seconds for a client to take its last answer: closed at once, what it still sends would undo the answer."""

_IDLE, _HEAD, _BODY = Stage.IDLE, Stage.HEAD, Stage.BODY  # An enumeration's member is slow to look up.
_GONE: Final = asyncio.Protocol()
_RESOURCES: Final = "v5.0.0-15.2.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is the same for all connections of a port."""

    deadlines: Timetable
    limits: HeadLimits
    log: RefusalLog


class GuardedConnection(asyncio.Protocol):
    """Lets through what is strict HTTP, answers what is not, and ends what is late.

    Attributes:
        on_lost: called once when the connection is gone.
        ended: nothing is sent any more, whatever the protocol still writes.
    """

    def __init__(self, inner: Any, rules: Rules, loop: asyncio.AbstractEventLoop) -> None:
        self._inner, self._rules, self._loop = inner, rules, loop
        self.on_lost: Callable[[], None] | None = None
        self.ended = False
        self._scanner: RequestScanner | None = None  # None is HTTP/2, or a WebSocket.
        self._plaintext = self._upgraded = False
        self._deaf = False  # What still comes is not looked at.
        self._begun = False  # The first bytes came.
        self._served = False  # A request was let through.
        self._wrote = False  # The answer to the last request, or to one before it, has begun.
        self._expects = False  # The client waits to be told to go on with the body.
        self._paused = self._closing = False
        self._pending = False  # The client has not taken all that was sent when it was last looked at.
        self._since = self._last = self._taken = 0.0
        self._received = self._mark = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and look after a while what has come of it."""
        self._real = cast("asyncio.Transport", transport)
        self._peer = peer_of(transport.get_extra_info("peername"))
        tls = transport.get_extra_info("ssl_object")
        self._plaintext = tls is None
        if tls is None or tls.selected_alpn_protocol() != "h2":
            self._scanner = RequestScanner(self._rules.limits)
        self._since = self._last = self._taken = self._loop.time()
        self._timer = self._loop.call_later(self._rules.deadlines.pace, self._look)
        self._inner.connection_made(ObservedTransport(self._real, self))

    def data_received(self, data: bytes) -> None:
        """Let through what the scanner finds good."""
        if self._deaf:
            return
        now = self._loop.time()
        scanner = self._scanner
        if scanner is None:
            kept = keeps_back(self._inner)
            self._inner.data_received(data)
            if kept or under_way(self._inner):
                self._last = now
            if self._closing and not keeps_back(self._inner):
                self._real.close()
            return
        self._last = now
        if not self._begun:
            self._begun = True
            if self._plaintext and speaks_tls(data):
                self._refuse_tls(data)
                return
        was = scanner.stage
        good = scanner.feed(data)
        stage = scanner.stage
        if stage is not was or (good and stage is _HEAD):
            self._since, self._received = now, 0
        else:
            self._received += len(data)
        if good:
            self._served = True
            if stage is not _IDLE and was is not _BODY:
                self._wrote = under_way(self._inner)
                begins = stage is _BODY
            else:
                begins = False
            self._inner.data_received(good)
            if begins:
                self._expects = holds_body_back(self._inner)
        if scanner.refusal is not None:
            self._refuse(scanner.refusal)

    def eof_received(self) -> bool | None:
        """Hand on."""
        kept: bool | None = self._inner.eof_received()
        return kept

    def pause_writing(self) -> None:
        """Hand on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and let go of everything: what is bound in a circle is freed late."""
        self._timer.cancel()
        self._deaf = self.ended = True
        inner, self._inner = self._inner, _GONE
        try:
            inner.connection_lost(exc)
        finally:
            if self.on_lost is not None:
                self.on_lost()

    def writes(self) -> bool:
        """Something is about to be written; return whether it may."""
        if self.ended:
            return False
        # In HTTP/2 an answer to a ping is no sign of life: only the streams are.
        if self._scanner is not None or under_way(self._inner):
            self._last = self._loop.time()
            self._served = True
        self._wrote = True
        if self._expects:
            self._expects, self._since = False, self._last
        return True

    def closes(self) -> bool:
        """The protocol is done; return whether nothing is kept back. Asked twice, it is closed all the same."""
        self._closing = not self._closing and keeps_back(self._inner)
        return not self._closing

    def reading(self, resumed: bool) -> None:
        """The protocol stopped or resumed reading: while it does not read, the client cannot be late."""
        self._paused = not resumed
        if resumed:
            self._since = self._last = self._loop.time()
            self._received = 0

    def switched(self, protocol: Any) -> None:
        """Another protocol takes over: the one ALPN chose, or WebSocket."""
        self._inner = protocol
        if not speaks_http(protocol):
            self._upgraded, self._scanner, self._wrote = True, None, False
            self._since = self._loop.time()

    def _look(self) -> None:
        """End what is late, or look again: not later than the next deadline, whichever begins in the meantime."""
        now, deadlines = self._loop.time(), self._rules.deadlines
        taken = sent(self._real)
        if not self._pending or taken.mark != self._mark:
            self._mark, self._taken = taken.mark, now
        self._pending = taken.pending or keeps_back(self._inner)
        # Where nobody can say what was taken under TLS, there is time to take it all the same.
        hidden = self._wrote and not (taken.certain or self._plaintext)
        pending = self._pending or (hidden and now < self._last + deadlines.sending)
        if not pending and self._real.is_closing():
            self._real.abort()  # All was taken; what is missing is a goodbye.
            return
        wait = self._wait()
        # The bytes of HTTP/2 belong to many streams: there the pauses are judged alone.
        since = math.inf if wait is Wait.BODY and self._scanner is None else self._since
        if pending and wait in {Wait.FIRST, Wait.IDLE, Wait.SERVER}:
            wait, since = Wait.SENDING, self._taken
        left = deadlines.due(wait, since=since, last=self._last, received=self._received) - now
        if left > 0:
            self._timer = self._loop.call_later(min(left, deadlines.pace), self._look)
        else:
            self._cut(wait)

    def _wait(self) -> Wait:
        if self._upgraded:
            return Wait.SERVER if self._wrote else Wait.UPGRADE
        if self._paused:
            return Wait.SERVER
        stage = None if self._scanner is None else self._scanner.stage
        if stage is _HEAD:
            return Wait.HEAD
        if stage is _BODY:
            return Wait.SERVER if self._expects and not self._received else Wait.BODY
        if under_way(self._inner):
            return Wait.BODY if stage is None and owes_body(self._inner) else Wait.SERVER
        return Wait.IDLE if self._served else Wait.FIRST

    def _cut(self, wait: Wait) -> None:
        """End a connection whose client is late."""
        if wait is not Wait.IDLE:
            self._report(
                "slow_client",
                f"The connection was closed: it waited too long for {wait}.",
                # Browsers open connections in advance, and never use them.
                severity=logging.INFO if wait is Wait.FIRST else logging.WARNING,
                deadline=wait.name.lower(),
            )
        if wait in {Wait.FIRST, Wait.IDLE}:
            self._inner.shutdown()
            self._end()
        elif wait is Wait.SENDING:
            self._real.abort()
        elif wait is Wait.HEAD:
            self._answer_in_turn(408)
        else:
            self._answer_at_once(503 if wait is Wait.UPGRADE else 408)

    def _refuse(self, refusal: MessageRefused) -> None:
        self._report(
            refusal.event, refusal.reason, requirement=refusal.requirement, code=refusal.code, status=refusal.status
        )
        if under_way(self._inner) and owes_body(self._inner):
            self._answer_at_once(refusal.status, refusal.headers)
        else:
            self._answer_in_turn(refusal.status, refusal.headers)

    def _refuse_tls(self, data: bytes) -> None:
        self._report(
            "tls_on_plaintext_port",
            "A TLS handshake came to the port for plaintext.",
            requirement="v5.0.0-12.2.1",
            server_name=server_name(data),
        )
        self._real.write(alert(HANDSHAKE_FAILURE))
        self._end()

    def _answer_in_turn(self, status: int, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """Answer, unless an earlier request still is: then that one's answer is the last."""
        if under_way(self._inner):
            self._deaf = True
            self._inner.shutdown()
        else:
            self._answer(status, headers)

    def _answer_at_once(self, status: int, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """Answer in place of the app, or break off what it has begun to answer."""
        if self._wrote:
            self._real.abort()
        else:
            self._answer(status, headers)

    def _answer(self, status: int, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        phrase = HTTPStatus(status).phrase
        self._real.write(short_answer(f"{status} {phrase}", phrase, headers))
        self._end()

    def _end(self) -> None:
        """Close for good; a client that does not notice is cut off."""
        self._deaf = self.ended = True
        self._timer.cancel()
        self._timer = self._loop.call_later(_LINGER, self._real.abort)
        if self._real.can_write_eof():
            self._real.write_eof()  # Closed on both sides at once, bytes that still come would reset it.
        else:
            self._real.close()

    def _report(
        self,
        event: str,
        reason: str,
        *,
        requirement: str = _RESOURCES,
        severity: int = logging.WARNING,
        **facts: events.Fact,
    ) -> None:
        self._rules.log.report(
            event,
            reason=reason,
            requirement=requirement,
            severity=severity,
            key=client_of(self._peer),
            later=self._loop.call_later,
            peer=self._peer,
            **facts,
        )
