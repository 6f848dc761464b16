"""What a layer does to responses, looked at before it is timed: speed that comes from missing work is no speed."""

import asyncio
import gc
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import permutations

from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from .harness import Variant, nothing_to_read

Pairs = list[tuple[bytes, bytes]]

PLAIN: Pairs = [(b"content-type", b"text/plain"), (b"content-length", b"0")]

_KNOWN: Pairs = [(b"strict-transport-security", b"max-age=63072000"), (b"x-content-type-options", b"nosniff")]
_COOKIE, _OTHER_COOKIE, _ETAG = (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"etag", b'"1"')

THEIRS: list[Pairs] = [
    PLAIN,
    [(b"X-Frame-Options", b"SAMEORIGIN"), *PLAIN],
    [_COOKIE, _OTHER_COOKIE, *PLAIN],
    *map(list, permutations([*_KNOWN, _COOKIE, _ETAG])),
]
"""What an app may send of its own: headers every layer knows, among others that are none of a layer's business."""


_FOREIGN = {_COOKIE, _OTHER_COOKIE, _ETAG, *PLAIN}


@dataclass(frozen=True, slots=True)
class Findings:
    """What was seen.

    Attributes:
        added: how many headers an ordinary response has that were not the app's.
        refuses: which bad requests never reached the app.
        faults: what is done wrong; empty is right.
    """

    added: int
    refuses: tuple[str, ...]
    faults: tuple[str, ...]


def inspect(variant: Variant) -> Findings:
    """Try a variant on responses that are easy to spoil, and on requests that nobody should serve."""
    return asyncio.run(_inspect(variant))


async def _inspect(variant: Variant) -> Findings:
    probe = _Probe(variant)
    faults: set[str] = set()
    for theirs in THEIRS:
        faults |= await _faults(probe, theirs)
    if variant.nonce is not None:
        one, other = await asyncio.gather(probe.get(PLAIN), probe.get(PLAIN))
        if _value(one, b"content-security-policy") == _value(other, b"content-security-policy"):
            faults.add("gives two requests one nonce")
    if await probe.garbage():
        faults.add("leaves garbage")
    host, *others = variant.scope["headers"]
    # Where a proxy is trusted it is the proxy that says how the client came.
    in_clear = [(name, b"http" if name == b"x-forwarded-proto" else value) for name, value in (host, *others)]
    bad = {
        "plaintext": {"scheme": "http", "headers": in_clear},
        "foreign host": {"headers": [(host[0], b"evil.example"), *others]},
    }
    return Findings(
        added=len(await probe.get(PLAIN)) - len(PLAIN),
        refuses=tuple([word for word, change in bad.items() if not await probe.reaches(change)]),
        faults=tuple(sorted(faults)),
    )


async def _faults(probe: "_Probe", theirs: Pairs) -> set[str]:
    faults: set[str] = set()
    headers = await probe.get(theirs)
    names = [name.lower() for name, _ in headers]
    if probe.changed:
        faults.add("changes the app's message")
    if any(names.count(name) > 1 for name in names if name != b"set-cookie"):
        faults.add("repeats a header")
    if any(pair not in headers for pair in theirs if pair in _FOREIGN):
        faults.add("loses a header")
    return faults


class _Probe:
    """A variant round an app that answers with the headers it is told to."""

    def __init__(self, variant: Variant) -> None:
        self.changed = False
        self._variant = variant
        self._reached = False
        self._headers: Pairs = []
        self._layer = variant.wrap(self._app)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._reached = True
        start: Message = {"type": "http.response.start", "status": 200, "headers": list(self._headers)}
        before = deepcopy(start)
        if self._variant.nonce is not None:
            self._variant.nonce(HTTPConnection(scope))
            await asyncio.sleep(0)  # Another request gets its turn here.
        await send(start)
        await send({"type": "http.response.body", "body": b""})
        self.changed = start != before

    async def get(self, theirs: Pairs) -> Pairs:
        """Return the headers of the response to a good request."""
        self._headers = theirs
        return await self._sent({})

    async def reaches(self, change: Scope) -> bool:
        """Whether a request that differs so reaches the app."""
        self._reached = False
        try:
            await self._sent(change)
        except PermissionError:  # The floor has no better way to refuse.
            return False
        return self._reached

    async def garbage(self) -> bool:
        """Whether a request leaves objects that hold each other, which stay until the collector comes."""
        gc.collect()
        gc.disable()
        try:
            await self.get(PLAIN)
            return gc.collect() > 0
        finally:
            gc.enable()

    async def _sent(self, change: Scope) -> Pairs:
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await self._layer({**self._variant.scope, **change}, nothing_to_read, keep)
        return list(sent[0]["headers"])


def _value(headers: Sequence[tuple[bytes, bytes]], wanted: bytes) -> bytes | None:
    return next((value for name, value in headers if name.lower() == wanted), None)
