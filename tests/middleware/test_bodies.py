"""How much body, and for how long: v5.0.0-15.2.2."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, public, secure
from asvs_middleware.errors import RequestRefused
from asvs_middleware.middleware import Limits
from asvs_middleware.middleware.gates.bodies import bounded_bodies, content_length_gate

Call = Callable[..., Any]
Make = Callable[..., Any]
Events = Callable[[], list[dict[str, Any]]]


@public(reason="for the test")
async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


@public(reason="for the test")
async def swallowing(request: Request) -> PlainTextResponse:
    try:
        await request.body()
    except Exception:
        return PlainTextResponse("all is well")
    raise AssertionError("it was read")


@public(reason="for the test")
async def streaming(request: Request) -> StreamingResponse:
    async def back() -> Any:
        yield b"begun"
        async for chunk in request.stream():
            yield chunk

    return StreamingResponse(back())


def an_app(limits: Limits) -> Any:
    endpoints = (echo, swallowing, streaming)
    app = Starlette(routes=[Route(f"/{one.__name__}", one, methods=["POST"]) for one in endpoints])
    return secure(app, SecurityPolicy.api(hosts=["api.example.com"], limits=limits))


def refusals(events: Events) -> list[dict[str, Any]]:
    return [event for event in events() if "status" in event]


def chunks(*bodies: bytes) -> list[dict[str, Any]]:
    last = len(bodies) - 1
    return [{"type": "http.request", "body": body, "more_body": at < last} for at, body in enumerate(bodies)]


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/echo", "/swallowing"])
@pytest.mark.parametrize(
    "bodies", [pytest.param([b"x" * 11], id="at once"), pytest.param([b"x" * 6, b"x" * 5, b""], id="in pieces")]
)
async def test_a_body_too_large(drive: Call, events: Events, path: str, bodies: list[bytes]) -> None:
    """413, whatever the app makes of it; one event; HTTP/1 does not go on behind it."""
    wire = await drive(an_app(Limits(body_bytes=10)), path, method="POST", incoming=chunks(*bodies))
    assert wire.status == 413
    assert (b"connection", b"close") in wire.headers
    [event] = refusals(events)
    assert (event["event"], event["code"]) == ("input_validation_fail", "body_too_large")


@pytest.mark.anyio
async def test_a_body_that_fits(drive: Call) -> None:
    """The limit is the size that is still accepted; the end of the connection afterwards is nobody's body."""
    wire = await drive(
        an_app(Limits(body_bytes=10, body_seconds=5)), "/echo", method="POST", incoming=chunks(b"x" * 6, b"x" * 4)
    )
    assert (wire.status, wire.sent[-1]["body"]) == (200, b"x" * 10)


@pytest.mark.anyio
async def test_a_response_that_has_begun(drive: Call, events: Events) -> None:
    """It cannot be taken back: it breaks off, and the event is written all the same."""
    asgi = {"version": "3.0", "spec_version": "2.4"}  # Starlette then leaves `receive` to the endpoint alone.
    app = an_app(Limits(body_bytes=3))
    wire = await drive(app, "/streaming", method="POST", incoming=chunks(b"xx", b"xx"), asgi=asgi)
    assert wire.status == 200
    assert wire.raised is not None
    assert [event["code"] for event in refusals(events)] == ["body_too_large"]


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/echo", "/swallowing"])
async def test_a_body_too_slow(drive: Call, events: Events, path: str) -> None:
    """408 once the client has kept the app waiting for longer than is allowed."""
    first = {"type": "http.request", "body": b"x", "more_body": True}
    async with asyncio.timeout(5):
        wire = await drive(an_app(Limits(body_seconds=0.05)), path, method="POST", incoming=[first])
    assert wire.status == 408
    [event] = refusals(events)
    assert event["code"] == "body_timeout"


@pytest.mark.anyio
async def test_waits_add_up_and_the_app_s_own_time_does_not() -> None:
    """A drop now and then does not begin the time anew; what the app does in between is not the client's fault."""
    now = 0.0
    received: list[Any] = []

    async def receive() -> dict[str, Any]:
        nonlocal now
        now += 0.4
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal now
        while True:
            received.append(await receive())
            now += 100

    bounded = bounded_bodies(app, Limits(body_seconds=1), clock=lambda: now)
    with pytest.raises(Exception, match="408"):
        await bounded({"type": "http", "path": "/"}, receive, None)  # type: ignore[arg-type]
    assert len(received) == 3  # Three waits of 0.4 seconds; the fourth is not begun.


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_nothing_but_http_is_watched(kind: str) -> None:
    """What is no request body goes by untouched."""
    passed: list[Any] = []

    async def app(*given: Any) -> None:
        passed.extend(given)

    given = [{"type": kind}, object(), object()]
    await bounded_bodies(app, Limits(body_bytes=1))(*given)  # type: ignore[arg-type]
    assert [a is b for a, b in zip(passed, given, strict=True)] == [True, True, True]


@pytest.mark.anyio
async def test_a_client_that_leaves() -> None:
    """A disconnect is passed on; the transport is found where code behind the layer looks for it."""

    class Cycle:
        transport = object()

        async def receive(self) -> dict[str, Any]:
            return {"type": "http.disconnect"}

    cycle = Cycle()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert receive.__self__.transport is cycle.transport
        assert (await receive())["type"] == "http.disconnect"
        assert (await receive())["type"] == "http.disconnect"

    await bounded_bodies(app, Limits(body_bytes=1))({"type": "http"}, cycle.receive, None)  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_outside_a_layer() -> None:
    """Without a layer there is nobody to answer, and the limit holds all the same."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"xx", "more_body": False}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    with pytest.raises(Exception, match="413"):
        await bounded_bodies(app, Limits(body_bytes=1))({"type": "http", "http_version": "2"}, receive, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "status"),
    [
        pytest.param([], None, id="none"),
        pytest.param([b"10"], None, id="as much as may be"),
        pytest.param([b"0010"], None, id="leading zeros"),
        pytest.param([b"0"], None, id="nothing"),
        pytest.param([b"11"], 413, id="one too many"),
        pytest.param([b"9" * 5000], 413, id="more digits than Python would read"),
        pytest.param([b"5", b"11"], 413, id="two"),
        pytest.param([b""], 400, id="empty"),
        pytest.param([b"-1"], 400, id="negative"),
        pytest.param([b"+1"], 400, id="signed"),
        pytest.param([b"1_0"], 400, id="Python's own way"),
        pytest.param([b"5, 5"], 400, id="a list"),
        pytest.param([b"0x5"], 400, id="hexadecimal"),
        pytest.param([" \u0665".encode()], 400, id="digits of another script"),
    ],
)
def test_content_length(a_connection: Make, values: list[bytes], status: int | None) -> None:
    """A body that says it is too large is refused before any of it is read."""
    verdict = content_length_gate(10)(a_connection(*((b"content-length", value) for value in values)))
    assert (verdict and verdict.status) == status


@given(st.lists(st.binary(max_size=20)))
def test_any_content_length_is_judged(a_connection: Make, values: Iterable[bytes]) -> None:
    """Whatever it says."""
    verdict = content_length_gate(10)(a_connection(*((b"content-length", value) for value in values)))
    assert verdict is None or isinstance(verdict, RequestRefused)


@pytest.mark.anyio
async def test_a_length_is_refused_by_the_policy(drive: Call) -> None:
    """The gate is there where a size is configured."""
    headers = {"content-length": "11"}
    wire = await drive(an_app(Limits(body_bytes=10)), "/echo", method="POST", headers=headers)
    assert (wire.status, wire.received) == (413, 0)
