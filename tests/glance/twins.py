"""Two layers round apps that are alike: one with the short ways of an ordinary request, and one without any of them.

Both get the same requests in the same order. What an app sees, what is answered, raised and logged must not differ.
"""

import asyncio
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import pytest

from asvs_middleware.connection.exchange import exchange_of
from asvs_middleware.middleware import Fused
from tests.glance.answered import ANSWERED, FORGED
from tests.glance.asked import ASKED
from tests.glance.drafts import Draft, Recipe, draft
from tests.glance.policies import Layered

ODDITIES = ASKED | ANSWERED
NONCE = re.compile(rb"'nonce-([^']+)'")
KEY = "asvs_middleware"
_made = Fused.__init__

App = Any
Told = tuple[list[Any], list[dict[str, Any]]]


def in_full(layer: Fused, app: App, **given: Any) -> None:
    """Make a layer without the short ways; the one place that knows how they are switched off.

    Nothing is ordinary, so that every gate judges every request. And every exchange is eventful from the start, so that
    every response is looked at and dressed like one in which something happened (decision 0011 promises both).
    """

    def eventful(scope: Any, receive: Any, send: Any) -> Any:
        exchange = exchange_of(scope)
        if exchange is not None:
            exchange.answered = exchange.answered  # That it is set makes it eventful, and not what it is set to.
        return app(scope, receive, send)

    eventful.app = app  # type: ignore[attr-defined]  # As every middleware keeps what it wraps.
    _made(layer, eventful, **{**given, "ordinary": None})


@contextmanager
def without_short_ways() -> Iterator[None]:
    """Whatever layer is made in here looks at everything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fused, "__init__", in_full)
        yield


class Records(logging.Handler):
    """Keeps the security events, as an operator's log has them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.kept: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append({name: fact for name, fact in record.asvs.items() if name != "time"})  # type: ignore[attr-defined]


@contextmanager
def recorded() -> Iterator[list[dict[str, Any]]]:
    """Give the events that are written meanwhile; they go nowhere else."""
    logger, records = logging.getLogger(KEY), Records()
    was = logger.level, logger.propagate
    logger.addHandler(records)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield records.kept
    finally:
        logger.removeHandler(records)
        logger.setLevel(was[0])
        logger.propagate = was[1]


class Twins:
    """The two layers: number 0 has the short ways.

    Args:
        layered: the app with its layer, which is made twice.
        primed: what both are asked first, after one ordinary request: layers are made when they are first called.
    """

    def __init__(self, layered: Layered, *primed: Recipe) -> None:
        self._limits = layered.limits
        self._kept: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        self._nonces: set[str] = set()
        self._loop = asyncio.new_event_loop()  # A Runner sets a signal handler for each request.
        self._apps = [layered.make()]
        self.told(0, Recipe())
        with without_short_ways():
            self._apps.append(layered.make())
            self.told(1, Recipe())
        for recipe in primed:
            self.compare(recipe)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.close()

    def compare(self, *requests: Recipe) -> None:
        """Ask both the same, all requests at the same time."""
        assert self.told(0, *requests) == self.told(1, *requests), requests

    def told(self, twin: int, *requests: Recipe) -> Told:
        """Return what requests that are under way at the same time come to."""
        return self.run(twin, *(self.draft(twin, base, *map(ODDITIES.get, rows)) for base, rows in requests))

    def draft(self, twin: int, base: str, *oddities: Any) -> Draft:
        """Return a request for one of them."""
        return draft(base, oddities, limits=self._limits, kept=self._kept[twin])

    def run(self, twin: int, *drafts: Draft) -> Told:
        """Return what drafts come to, and the events, with nonces by their number."""
        with recorded() as events:
            found = self._loop.run_until_complete(_together(self._apps[twin], drafts))
        heard = []
        for made, (sent, raised) in zip(drafts, found, strict=True):
            self._check_nonces(made, sent)
            heard.append((made.plan.seen, _plainly(made, sent), raised, made.server.asked, _left(made.scope)))
        return heard, events

    def _check_nonces(self, made: Draft, sent: list[dict[str, Any]]) -> None:
        """A nonce is of one response, and is in it only because it was asked for."""
        given = set(made.plan.nonces)
        assert given.isdisjoint(self._nonces), "a nonce came a second time"
        self._nonces |= given
        for message in sent:
            for _, value in message.get("headers") or ():
                assert {one.decode() for one in NONCE.findall(value)} <= given, "a nonce nobody asked for"


async def _together(app: App, drafts: Sequence[Draft]) -> list[tuple[list[dict[str, Any]], str | None]]:
    if len(drafts) == 1:
        return [await _run(app, drafts[0])]
    return await asyncio.gather(*(_run(app, made) for made in drafts))


async def _run(app: App, made: Draft) -> tuple[list[dict[str, Any]], str | None]:
    """Run one request as a server does; what is sent is kept as it was at that moment."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append({**message, **({"headers": _fields(message)} if "headers" in message else {})})

    try:
        await app(made.scope, made.receive, send)
    except Exception as error:
        return sent, repr(error)
    return sent, None


def _fields(message: Any) -> Any:
    given = message["headers"]
    return None if given is None else [tuple(pair) for pair in given]


def _plainly(made: Draft, sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what was sent with the number of each nonce in its place."""
    numbers = {nonce.encode(): b"#%d" % number for number, nonce in enumerate(made.plan.nonces)}

    def plain(value: bytes) -> bytes:
        for nonce, number in numbers.items():
            value = value.replace(nonce, number)
        return value

    for message in sent:
        if "body" in message:
            message["body"] = plain(message["body"])
        if message.get("headers"):
            message["headers"] = [(name, plain(value)) for name, value in message["headers"]]
    return sent


def _left(scope: dict[str, Any]) -> dict[str, Any]:
    """Return the server's scope when all is over, without what the app and its frameworks have put there."""
    kept = {name: scope.get(name, "missing") for name in ("scheme", "client", "path", "type", KEY)}
    kept["state"] = sorted(scope.get("state") or ())
    return kept | {"headers": [pair for pair in scope["headers"] if pair != FORGED]}
