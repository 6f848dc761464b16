"""What is left open on purpose is told: by the stack, when the app starts, by explain() and in the route matrix."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from asvs_middleware import SecurityPolicy, public, secure
from asvs_middleware.connection.trust import dangerously_trust_any_proxy
from asvs_middleware.headers import CSP
from asvs_middleware.middleware import (
    CrossOrigin,
    dangerously_below_level,
    dangerously_cross_origin,
    headers,
    waivers_of,
)
from asvs_middleware.rehearsal.explain import explain
from asvs_middleware.stack import stack_of

pytestmark = pytest.mark.anyio
END = date(2027, 1, 1)
FRAMED = dangerously_below_level("v5.0.0-3.4.6", reason="partners frame this page")
open_to_all = public(reason="nothing secret here")


@open_to_all
@dangerously_cross_origin(reason="every request is signed", expires=END)
async def hook(request: Request) -> PlainTextResponse:
    return PlainTextResponse("x")


@open_to_all
@headers(csp=CSP.replace(frame_ancestors=["https://portal.example"]), waiver=FRAMED)
async def framed(request: Request) -> PlainTextResponse:
    return PlainTextResponse("x")


@open_to_all
async def plain(request: Request) -> PlainTextResponse:
    return PlainTextResponse("x")


def an_app() -> Any:
    files = StaticFiles(directory=Path(__file__).parent)
    outside = dangerously_cross_origin(reason="marked as it is mounted")(open_to_all(files))
    app = Starlette(
        routes=[
            Route("/hook/{number:int}", hook, methods=["POST"]),
            Route("/framed", framed),
            Route("/plain", plain),
            Mount("/files", app=outside),
        ]
    )
    policy = SecurityPolicy.web(
        hosts=["api.example.com"],
        trusted_proxies=dangerously_trust_any_proxy(reason="only the proxy reaches it"),
        cross_origin=CrossOrigin(dangerously_accept_requests="tokens in all forms"),
    )
    return secure(app, policy)


BY_ROUTE = {
    "/hook/{number:int}": ["@dangerously_cross_origin"],
    "/framed": [FRAMED.control],
    "/plain": [],
    "/files/*": ["@dangerously_cross_origin"],
}
BY_POLICY = ["dangerously_trust_any_proxy(...)", "CrossOrigin(dangerously_accept_requests=...)"]


def test_of_each_route() -> None:
    """By a mark on the endpoint or on what is mounted, and by the headers; known before the app starts."""
    stack = stack_of(an_app())
    told = {one.path: [each.control for each in waivers_of(one, stack.headers, stack.app)] for one in stack.entries()}
    assert told == BY_ROUTE


def test_of_everything() -> None:
    """Policy first, then routes, each once."""
    controls = [one.control for one in stack_of(an_app()).waivers]
    assert controls == [*BY_POLICY, *(each for of_one in BY_ROUTE.values() for each in of_one)]


async def test_when_the_app_starts(ask: Any, events: Any) -> None:
    """One event for each, with its end; a second request tells nothing."""
    app = an_app()
    for _ in range(2):
        await ask(app, "/plain")
    told = [one for one in events() if one["event"] == "requirement_waived"]
    assert sorted(one["control"] for one in told) == sorted(one.control for one in stack_of(app).waivers)
    assert {one["expires"] for one in told} == {None, END.isoformat()}


@pytest.mark.parametrize(
    ("path", "method", "own"),
    [
        pytest.param("/hook/1", "POST", [("v5.0.0-3.5.1", "every request is signed")], id="another origin"),
        pytest.param("/framed", "GET", [("v5.0.0-3.4.6", "partners frame this page")], id="headers"),
        pytest.param("/files/x", "GET", [("v5.0.0-3.5.1", "marked as it is mounted")], id="a mount"),
        pytest.param("/plain", "GET", [], id="the policy's own"),
    ],
)
def test_explained(path: str, method: str, own: list[tuple[str, str]]) -> None:
    """What holds for a path: its own, then the policy's."""
    of_policy = [("v5.0.0-4.1.3", "only the proxy reaches it"), ("v5.0.0-3.5.1", "tokens in all forms")]
    told = explain(an_app(), path, method)
    assert list(told.waived) == [*own, *of_policy]
    assert all(f"Waived: {requirement} ({reason})" in str(told) for requirement, reason in told.waived)
