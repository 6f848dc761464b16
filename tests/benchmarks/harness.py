"""Measure ASGI apps against each other in one process, so that only ratios of one run are ever compared.

All variants of a section take turns in rounds, each round in a new random order; a noisy neighbour then slows down all
of them and not one. Process CPU time is counted, not the clock on the wall, and the garbage collector waits for the
end of a round. What is reported are medians over the rounds: of the time, and of the ratios within one round.
"""

import asyncio
import gc
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from statistics import median
from time import process_time_ns
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope

HOST = b"api.example.com"

Wrap = Callable[[ASGIApp], ASGIApp]
Nonce = Callable[[HTTPConnection], object]


def a_scope(authorization: bytes = b"Bearer e30.e30.e30", **changes: Any) -> Scope:
    """Return the scope of a GET with ten header fields, as a server behind TLS makes it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "server": ("192.0.2.1", 443),
        "client": ("198.51.100.7", 50123),
        "scheme": "https",
        "method": "GET",
        "root_path": "",
        "path": "/9",
        "raw_path": b"/9",
        "query_string": b"",
        "headers": [
            (b"host", HOST),
            (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
            (b"accept", b"application/json"),
            (b"accept-language", b"en-GB,en;q=0.5"),
            (b"accept-encoding", b"gzip, deflate, br"),
            (b"authorization", authorization),
            (b"cookie", b"theme=dark"),
            (b"connection", b"keep-alive"),
            (b"sec-fetch-mode", b"cors"),
            (b"sec-fetch-site", b"same-origin"),
        ],
        "state": {},
        **changes,
    }


async def nothing_to_read() -> Message:
    """Read an empty body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def to_nowhere(_message: Message) -> None:
    """Send to nobody."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to do it.

    Attributes:
        name: for the table.
        wrap: puts the middleware round an app.
        app: what runs inside.
        baseline: the variant its added cost is counted from.
        scope: of its requests.
        receive: what the server gives the app to read from.
        nonce: how the app asks for a nonce, where it does.
    """

    name: str
    wrap: Wrap
    app: ASGIApp
    baseline: str
    scope: Scope = field(default_factory=a_scope)
    receive: Receive = nothing_to_read
    nonce: Nonce | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Variants that may be compared.

    Attributes:
        title: what they all do.
        variants: measured in turns.
        floor: the variant whose added cost is the unit, where there is one.
        inspected: whether what the variants do to a response can be looked at before they are timed.
    """

    title: str
    variants: Sequence[Variant]
    floor: str | None = None
    inspected: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: CPU microseconds per request, added ones, and ratios to the baseline and to the floor."""

    name: str
    total: float
    added: float
    to_baseline: float
    to_floor: float | None


async def requests(app: ASGIApp, variant: Variant, count: int) -> int:
    """Return the CPU nanoseconds of this many requests; the copy of the scope that each needs is part of them."""
    receive, scope = variant.receive, variant.scope
    started = process_time_ns()
    for _ in repeat(None, count):
        await app(scope.copy(), receive, to_nowhere)
    return process_time_ns() - started


def measure(section: Section, *, rounds: int, milliseconds: float, seed: int | None = None) -> list[Row]:
    """Run every variant `rounds` times, each time for about so many milliseconds."""
    order = random.Random(seed)
    with asyncio.Runner() as runner:
        apps = {variant.name: variant.wrap(variant.app) for variant in section.variants}

        def run(variant: Variant, count: int) -> float:
            return runner.run(requests(apps[variant.name], variant, count)) / count

        budget = milliseconds * 1e6
        counts = {variant.name: _enough(lambda n, v=variant: run(v, n), budget) for variant in section.variants}
        taken: dict[str, list[float]] = {variant.name: [] for variant in section.variants}
        for _ in repeat(None, rounds):
            gc.collect()
            gc.disable()
            try:
                for variant in order.sample(list(section.variants), len(section.variants)):
                    taken[variant.name].append(run(variant, counts[variant.name]))
            finally:
                gc.enable()
    return rows(section, taken)


def _enough(run: Callable[[int], float], budget: float) -> int:
    """Return how many requests fill the budget; trying it out also warms the variant up."""
    run(1)  # The first request may fetch keys or build routes, and says nothing of the others.
    count = 1
    while count < budget:
        nanoseconds = run(count) * count
        if nanoseconds >= budget / 2:
            return max(1, round(count * budget / nanoseconds))
        count *= 4
    return count


def rows(section: Section, taken: dict[str, list[float]]) -> list[Row]:
    """Return the medians over the rounds; a ratio is one of numbers taken in the same round."""
    baselines = {variant.name: variant.baseline for variant in section.variants}

    def added(name: str) -> list[float]:
        return [own - bare for own, bare in zip(taken[name], taken[baselines[name]], strict=True)]

    def to_floor(name: str) -> float | None:
        if section.floor is None or name == baselines[name]:
            return None
        return median(own / unit for own, unit in zip(added(name), added(section.floor), strict=True) if unit > 0)

    return [
        Row(
            name=name,
            total=median(taken[name]) / 1000,
            added=median(added(name)) / 1000,
            to_baseline=median(own / bare for own, bare in zip(taken[name], taken[baselines[name]], strict=True)),
            to_floor=to_floor(name),
        )
        for name in baselines
    ]
