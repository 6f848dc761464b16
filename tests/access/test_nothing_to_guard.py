"""Which responses may start without the guard's last looks: only those in which these would find nothing."""

import functools
from itertools import product
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.endpoints import HTTPEndpoint

from asvs_middleware import public, sensitive
from asvs_middleware.access.enforce import backstop, before_start, nothing_to_guard
from asvs_middleware.connection import Networks, connection_reader
from asvs_middleware.connection.exchange import NO_PROOFS, Exchange, Means
from asvs_middleware.connection.glance import UNTOLD

marking, other = sensitive(scopes="read"), sensitive(scopes="write")
PROOFS: dict[str, Any] = {"no proof": NO_PROOFS, "its proof": {marking.mark: 1}, "another's proof": {other.mark: 1}}


async def plain(request: Any) -> None:
    """An endpoint nobody marked."""


@public(reason="open to everybody here")
async def opened(request: Any) -> None:
    """An endpoint that asks for nothing."""


async def inner(request: Any) -> None:
    """An endpoint that is registered in place of what its mark made of it."""


async def of_nobody(request: Any) -> None:
    """An endpoint with something else in the place of a mark."""


class Class(HTTPEndpoint):
    """An endpoint that is no function."""


marked = marking(inner)
of_nobody.__asvs_mark__ = ["no mark"]  # type: ignore[attr-defined]  # Functions take any.
documented = next(route.endpoint for route in FastAPI().routes if route.path == "/docs")  # type: ignore[attr-defined]

ENDPOINTS: dict[str, Any] = {
    "none": None,
    "unmarked": plain,
    "public": opened,
    "marked": marked,
    "marked, registered by mistake": inner,
    "with no mark of ours": of_nobody,
    "documentation": documented,
    "partial": functools.partial(plain),
    "class": Class,
    "marked class": marking(type("Marked", (HTTPEndpoint,), {})),
}


async def receive() -> Any:
    raise AssertionError("nobody reads here")


async def send(message: Any) -> None:
    raise AssertionError(f"{message} was sent")


def an_exchange(endpoint: Any, proofs: Any = NO_PROOFS, *, covered: bool = False, routed: bool = True) -> Exchange:
    """Make the exchange of a GET that was led to this endpoint."""
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], **({"router": 1} if routed else {})}
    if endpoint is not None:
        scope["endpoint"] = endpoint
    exchange = Exchange(scope, receive, send, Means(connection_reader(Networks([])), None), 2, UNTOLD)
    exchange.proofs, exchange.covered = proofs, covered
    return exchange


@pytest.mark.parametrize(
    ("endpoint", "proofs", "covered", "settled"),
    [
        pytest.param("marked", "its proof", False, True, id="proven"),
        pytest.param("marked", "no proof", False, False, id="not proven"),
        pytest.param("marked", "another's proof", False, False, id="something else proven"),
        pytest.param("marked", "no proof", True, False, id="not proven, in a marked mount"),
        pytest.param("public", "no proof", False, True, id="public"),
        pytest.param("unmarked", "no proof", False, False, id="unmarked"),
        pytest.param("unmarked", "no proof", True, True, id="unmarked, in a marked mount"),
        pytest.param("documentation", "no proof", True, False, id="documentation"),
        pytest.param("with no mark of ours", "its proof", True, False, id="no mark of ours"),
        pytest.param("none", "its proof", True, False, id="no endpoint"),
    ],
)
def test_what_is_settled_under_deny(endpoint: str, proofs: str, covered: bool, settled: bool) -> None:
    """What a mark asks for has to be there; what has none has to be in a place that asked."""
    look = nothing_to_guard(deny_unmarked=True)
    assert look(an_exchange(ENDPOINTS[endpoint], PROOFS[proofs], covered=covered)) is settled


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("proofs", PROOFS)
def test_the_last_looks_would_find_nothing(endpoint: str, proofs: str) -> None:
    """Whatever the first look lets through, the other two let through as well, whatever is sent."""
    for deny, covered, routed, status in product((False, True), (False, True), (False, True), (200, 304, 404, 405)):
        exchange = an_exchange(ENDPOINTS[endpoint], PROOFS[proofs], covered=covered, routed=routed)
        start = {"type": "http.response.start", "status": status, "headers": []}
        if nothing_to_guard(deny_unmarked=deny)(exchange):
            assert before_start(exchange, start) is None
            assert backstop(deny_unmarked=deny, waived={("/", "GET")})(exchange, start) is None
