"""One layer: gates, then the app, then the headers; whatever the app does with a refusal, it stands."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from asvs_middleware.connection import Hosts, Networks, connection_reader
from asvs_middleware.connection.exchange import SCOPE_KEY, exchange_of
from asvs_middleware.errors import AccessDenied, Misconfigured, TokenRefused
from asvs_middleware.headers import HeadersPolicy, header_set
from asvs_middleware.middleware import Fused, Limits, Watch, dresser, host_gate, plaintext_gate, undressed
from asvs_middleware.middleware.gates.limits import ordinary

Call = Callable[..., Any]
Events = Callable[[], list[dict[str, Any]]]

API, WEB = (header_set(preset, HeadersPolicy(), level=2) for preset in ("api", "web"))
READ = connection_reader(Networks([]))
DRESS = dresser("api", api=API, web=WEB)
EXTENSION = {"extensions": {"websocket.http.response": {}}}
NOTHING_TO_SEE: dict[str, Any] = {
    "nothing_to_guard": lambda _exchange: False,
    "before_body": lambda _exchange: None,
    "before_start": lambda _exchange, _start: None,
    "backstop": lambda _exchange, _start: None,
}
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
BODY = {"type": "http.response.body", "body": b"the app's own"}
PAGE = (b"accept", b"text/html")

pytestmark = pytest.mark.anyio


class Guard:
    """Stands for access.Guard where a layer has to have one."""

    async def verify(self, mark: Any, connection: Any) -> Any:
        raise AssertionError("nothing here is marked")


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send(START)
    await send(BODY)


async def unreachable(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("it was reached")


def layer(app: Any, **parts: Any) -> Any:
    looks = {name: parts.pop(name) for name in Watch._fields if name in parts}
    watch = Watch(**{**NOTHING_TO_SEE, **looks}) if looks else None
    return Fused(app, **{"read": READ, "dress": DRESS, "watch": watch, **parts})


def refuse(scope: Any) -> TokenRefused:
    """Do what a guard does: note the refusal where the layer sees it."""
    exchange = exchange_of(scope)
    assert exchange is not None
    exchange.refusal = TokenRefused("no token")
    return exchange.refusal


def has_every_header(found: Any) -> bool:
    return dict([*API.always, API.hsts, API.csp]).items() <= found.headers.items()


# What passes, and what never reaches the app.


async def test_a_response_is_dressed(call: Call) -> None:
    """The app's own fields and body, and every header once."""
    found = await call(layer(hello))
    assert (found.status, found.body, found.raised) == (200, b"the app's own", None)
    assert found.headers[b"content-type"] == b"text/plain"
    assert has_every_header(found)
    assert START["headers"] == [(b"content-type", b"text/plain")]


async def test_the_lifespan_passes() -> None:
    """Start-up and shutdown are no request: nothing is read, judged or wrapped."""
    passed: list[Any] = []

    async def app(*given: Any) -> None:
        passed.extend(given)

    given = [{"type": "lifespan"}, object(), object()]
    await layer(app, gates=[lambda _connection: AccessDenied("r")])(*given)
    assert [a is b for a, b in zip(passed, given, strict=True)] == [True, True, True]


@pytest.mark.parametrize("kind", ["webtransport", "HTTP", "", "http.request"])
async def test_an_unknown_kind_of_scope_is_refused(call: Call, kind: str) -> None:
    """What nothing here can check does not pass unchecked: v5.0.0-16.5.3."""
    found = await call(layer(unreachable), type=kind)
    assert isinstance(found.raised, Misconfigured)
    assert f"a scope of type {kind!r}, which nothing here can check" in str(found.raised)
    assert not found.sent


async def test_gates_are_judged_in_order(call: Call) -> None:
    """The first verdict answers; those after it are not asked, and the app is not called."""
    asked = []

    def gate(name: str, verdict: Any) -> Any:
        return lambda connection: (asked.append(name), verdict)[1]

    first, second = AccessDenied("r", code="first"), AccessDenied("r", code="second")
    gates = [gate("a", None), gate("b", first), gate("c", second)]
    found = await call(layer(unreachable, gates=gates))
    assert found.problem["type"].endswith("first")
    assert asked == ["a", "b"]
    assert has_every_header(found)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "api.example.com@evil.example", "api.example.com.evil.example"]
)
async def test_nobody_is_redirected_to_a_foreign_host(call: Call, host: str) -> None:
    """The Host gate stands before the plaintext gate."""
    gates = [host_gate(Hosts(["api.example.com"])), plaintext_gate(redirect_pages=True, https_port=443)]
    app = layer(unreachable, gates=gates)

    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "headers": [(b"host", host.encode()), PAGE]}, receive, send)

    found = await call(foreign, scheme="http")
    assert found.status in {400, 421}
    assert b"location" not in found.headers
    assert (await call(app, PAGE, scheme="http")).headers[b"location"] == b"https://api.example.com/"


async def test_what_the_app_sees(call: Call) -> None:
    """Its scope carries the exchange while it runs, and nothing that the client only claimed."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((exchange_of(scope), scope["headers"], await receive()))
        await hello(scope, receive, send)

    await call(layer(app), (b"x-real-ip", b"203.0.113.5"), messages=[{"type": "http.request", "body": b"asked"}])
    [(exchange, headers, message)] = seen
    assert exchange is not None
    assert headers == [(b"host", b"api.example.com")]
    assert message["body"] == b"asked"
    assert exchange_of(exchange.connection.scope) is None  # Let go: scope and exchange would keep each other alive.


@pytest.mark.parametrize("verifier", [None, Guard()], ids=["without a guard", "with a guard"])
async def test_callers_are_not_shared_between_requests(call: Call, verifier: Any) -> None:
    """Servers give every request one `state` of the lifespan; what a guard writes there stays in its request."""
    shared = {"pool": object()}
    states: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        states.append(scope["state"])

    await call(layer(app, verifier=verifier), state=shared)
    assert states == [shared]
    assert (states[0] is shared) is (verifier is None)


@pytest.mark.parametrize("given", [{}, {"state": None}], ids=["missing", "None"])
async def test_a_guard_finds_a_state(call: Call, given: dict[str, Any]) -> None:
    """Also where the server gives none."""
    states: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        states.append(scope["state"])

    await call(layer(app, verifier=Guard()), **given)
    assert states == [{}]


async def test_messages_before_the_start_pass(call: Call) -> None:
    """Extensions such as early hints are the server's and the app's affair."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.early_hint", "links": [b"</style.css>"]})
        await hello(scope, receive, send)

    assert (await call(layer(app))).types[0] == "http.response.early_hint"


# Errors of the app.


async def test_an_error_before_the_start(call: Call, events: Events) -> None:
    """A last answer with every header (v5.0.0-16.5.4); the error goes on to the server, and no caller sees it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("password=s3cret")

    found = await call(layer(app))
    assert (found.status, found.problem["type"]) == (500, "urn:asvs-middleware:problem:internal_error")
    assert has_every_header(found)
    assert isinstance(found.raised, RuntimeError)
    [event] = events()
    assert (event["requirement"], event["code"]) == ("v5.0.0-16.5.4", "internal_error")
    assert "s3cret" not in f"{event}{found.sent}"


async def test_an_error_after_the_start(call: Call, events: Events) -> None:
    """The response has begun; the server breaks it off, so the error has to reach it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        raise RuntimeError("late")

    found = await call(layer(app))
    assert found.types == ["http.response.start"]
    assert isinstance(found.raised, RuntimeError)
    assert not events()


async def test_an_error_before_a_websocket_is_accepted(call: Call) -> None:
    """The handshake is answered 500 where the server can send that."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("early")

    found = await call(layer(app), type="websocket", **EXTENSION)
    assert (found.status, type(found.raised)) == (500, RuntimeError)


async def test_a_cancelled_request_is_not_answered() -> None:
    """The client went away or the server stops: that is no error of the app's."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    async def send(message: Any) -> None:
        raise AssertionError("it was answered")

    scope = {"type": "http", "method": "GET", "path": "/", "scheme": "https", "headers": []}
    with pytest.raises(asyncio.CancelledError, match=r"^$"):
        await layer(app)(scope, object(), send)


# Refusals from inside the app.


async def raising(scope: Any, receive: Any, send: Any) -> None:
    raise refuse(scope)


async def swallowing(scope: Any, receive: Any, send: Any) -> None:
    refuse(scope)


async def test_a_check_before_the_start_that_falls_over(call: Call) -> None:
    """What is no refusal goes up like any error of the app, and nothing of the response is sent."""

    async def broken() -> None:
        raise RuntimeError("the check is broken")

    found = await call(layer(hello, before_start=lambda _exchange, _start: broken()))
    assert (found.status, type(found.raised)) == (500, RuntimeError)
    assert b"the app's own" not in found.body
    assert has_every_header(found)


async def answering_itself(scope: Any, receive: Any, send: Any) -> None:
    refuse(scope)
    await hello(scope, receive, send)


async def answering_twice(scope: Any, receive: Any, send: Any) -> None:
    refuse(scope)
    await hello(scope, receive, send)
    await hello(scope, receive, send)


async def failing_after_it(scope: Any, receive: Any, send: Any) -> None:
    refuse(scope)
    await hello(scope, receive, send)
    raise RuntimeError("the app's handler for refusals is broken")


async def failing_because_of_it(scope: Any, receive: Any, send: Any) -> None:
    refuse(scope)
    raise RuntimeError("the app's handler for refusals is broken")


@pytest.mark.parametrize(
    "app", [raising, swallowing, answering_itself, answering_twice, failing_after_it, failing_because_of_it]
)
async def test_a_refusal_stands(call: Call, events: Events, app: Any) -> None:
    """Whatever the app makes of it, the caller gets the refusal, once, and nothing of the app's own."""
    found = await call(layer(app))
    assert (found.status, found.raised) == (401, None)
    assert found.types == ["http.response.start", "http.response.body"]
    assert has_every_header(found)
    assert b"the app's own" not in found.body
    assert [event["code"] for event in events()] == ["token_refused"]


async def test_a_refusal_after_the_start_is_reported(call: Call, events: Events) -> None:
    """It cannot be answered any more; it is not lost either."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        raise refuse(scope)

    found = await call(layer(app))
    assert found.types == ["http.response.start"]
    assert isinstance(found.raised, TokenRefused)
    assert [event["code"] for event in events()] == ["token_refused"]


async def test_a_refusal_swallowed_after_the_start_is_reported(call: Call, events: Events) -> None:
    """A WebSocket was accepted before anybody asked who it is."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        refuse(scope)
        await send({"type": "websocket.close", "code": 1008})

    found = await call(layer(app), type="websocket")
    assert found.types == ["websocket.accept", "websocket.close"]
    assert [event["code"] for event in events()] == ["token_refused"]


async def test_the_backstop_replaces_a_response(call: Call, events: Events) -> None:
    """It sees the exchange and the start; what the app wanted to send is dropped."""
    seen: list[Any] = []

    def backstop(exchange: Any, start: Any) -> AccessDenied:
        seen.append((exchange.connection.method, start["status"]))
        return Misconfigured("ran without a proof")

    found = await call(layer(hello, backstop=backstop))
    assert (found.status, found.types) == (500, ["http.response.start", "http.response.body"])
    assert b"the app's own" not in found.body
    assert seen == [("GET", 200)]
    assert [event["reason"] for event in events()] == ["ran without a proof"]


@pytest.mark.parametrize("start", ["websocket.accept", "websocket.http.response.start", "websocket.close"])
async def test_the_backstop_sees_every_way_a_websocket_begins(call: Call, start: str) -> None:
    """Accepting is the response: it must not get past."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": start, "status": 200, "headers": []})
        await send({"type": "websocket.send", "text": "the app's own"})

    found = await call(layer(app, backstop=lambda *_: AccessDenied("r")), type="websocket")
    assert found.sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


# Before the body is read.


async def test_the_mark_is_looked_at_before_the_body(call: Call) -> None:
    """A verification that refuses comes before the first byte; the app's own reading fails with it."""
    arrived: list[Any] = []

    def before_body(exchange: Any) -> Awaitable[None]:
        async def verification() -> None:
            raise refuse(exchange.connection.scope)

        return verification()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        arrived.append(await receive())

    found = await call(layer(app, before_body=before_body))
    assert (found.status, found.raised, arrived) == (401, None, [])


async def test_a_verification_that_passes(call: Call) -> None:
    """The body comes after it; once the mark is settled nobody looks again."""
    looked: list[str] = []

    def before_body(exchange: Any) -> Awaitable[None] | None:
        looked.append("looked")
        if len(looked) == 1:
            return None  # Routing is not done yet.
        exchange.settled = True
        return asyncio.sleep(0)

    bodies: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        bodies.extend([(await receive())["body"] for _ in "123"])

    messages = [{"type": "http.request", "body": part} for part in (b"a", b"b", b"c")]
    await call(layer(app, before_body=before_body), messages=messages)
    assert (looked, bodies) == (["looked", "looked"], [b"a", b"b", b"c"])


# WebSockets.


async def test_an_accepted_websocket_is_left_alone(call: Call) -> None:
    """No header of a document belongs on it, and its close is its own."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept", "headers": [(b"a", b"b")]})
        await send({"type": "websocket.send", "text": "hello"})
        await send({"type": "websocket.close", "code": 1000})

    found = await call(layer(app), type="websocket")
    assert found.sent[0] == {"type": "websocket.accept", "headers": [(b"a", b"b")]}
    assert found.types == ["websocket.accept", "websocket.send", "websocket.close"]


async def closing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.close", "code": 4000})
    await send({"type": "websocket.close", "code": 4000})


async def test_a_websocket_the_app_refused(call: Call, events: Events) -> None:
    """It is answered 403 with every header where the server can send them; the app's refusal is no event of ours."""
    found = await call(layer(closing), type="websocket", **EXTENSION)
    assert (found.status, found.body) == (403, b"")
    assert has_every_header(found)
    assert (await call(layer(closing), type="websocket")).types == ["websocket.close"]
    assert not events()


async def test_a_response_the_app_gave_to_a_handshake_is_dressed(call: Call) -> None:
    """With the extension an app may answer a handshake itself."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"none"})

    found = await call(layer(app), type="websocket", **EXTENSION)
    assert (found.status, found.body) == (404, b"none")
    assert has_every_header(found)


# A credential in clear.


def over_plaintext(hook: Any) -> Any:
    gate = plaintext_gate(redirect_pages=True, https_port=443)
    return layer(unreachable, gates=[gate], on_exposed_credential=hook)


TOKEN = (b"authorization", b"Bearer s3cret")


async def test_the_hook_gets_the_connection(call: Call) -> None:
    """It can find the credential there and revoke it; it runs before the answer."""
    told: list[Any] = []
    found = await call(over_plaintext(lambda connection: told.append(connection.authorization)), TOKEN, scheme="http")
    assert (found.status, told) == (403, [(b"Bearer s3cret",)])


async def test_the_hook_may_wait(call: Call) -> None:
    """A coroutine function is awaited."""
    told: list[Any] = []

    async def hook(connection: Any) -> None:
        await asyncio.sleep(0)
        told.append(connection)

    assert (await call(over_plaintext(hook), TOKEN, scheme="http")).status == 403
    assert len(told) == 1


@pytest.mark.parametrize("pairs", [[], [PAGE], [(b"cookie", b"a=b")]], ids=["nothing", "a page", "a cookie"])
async def test_the_hook_is_left_alone_without_a_credential(call: Call, pairs: Any) -> None:
    """Nothing was exposed that could be revoked."""

    def hook(connection: Any) -> None:
        raise AssertionError("it was called")

    assert (await call(over_plaintext(hook), *pairs, scheme="http")).status in {308, 403}


def raising_at_once(connection: Any) -> None:
    raise RuntimeError("s3cret")


async def raising_later(connection: Any) -> None:
    raise RuntimeError("s3cret")


@pytest.mark.parametrize(
    ("hook", "error"),
    [
        pytest.param(raising_at_once, "RuntimeError", id="at once"),
        pytest.param(raising_later, "RuntimeError", id="later"),
        pytest.param(lambda connection: True, "TypeError", id="returns what cannot be awaited"),
    ],
)
async def test_a_hook_that_fails_changes_nothing(call: Call, events: Events, hook: Any, error: str) -> None:
    """The request is refused all the same, and the failure is logged without what it said."""
    found = await call(over_plaintext(hook), TOKEN, scheme="http")
    assert (found.status, found.raised) == (403, None)
    failed, refused = events()
    assert failed["event"] == "exposed_credential_hook_failed"
    assert failed["reason"] == f"on_exposed_credential raised {error}."
    assert refused["event"] == "plaintext_refused"
    assert "s3cret" not in f"{failed}{refused}"


# Layers within each other.


async def test_two_layers_are_one(call: Call) -> None:
    """Each header once, one answer, one event."""
    once, twice = await call(layer(hello)), await call(layer(layer(hello)))
    assert once.sent == twice.sent


@pytest.mark.parametrize("inner", [None, Guard()], ids=["headers inside", "a secured app inside"])
async def test_a_refusal_inside_two_layers(call: Call, events: Events, inner: Any) -> None:
    """It is answered and told once."""
    found = await call(layer(layer(raising, verifier=inner), verifier=Guard()))
    assert (found.status, found.raised) == (401, None)
    assert has_every_header(found)
    assert [event["code"] for event in events()] == ["token_refused"]


async def test_an_error_inside_two_layers(call: Call, events: Events) -> None:
    """It is answered and told once, and goes on to the server."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("early")

    found = await call(layer(layer(app)))
    assert (found.status, type(found.raised)) == (500, RuntimeError)
    assert len(events()) == 1


@pytest.mark.parametrize("dress", [DRESS, undressed], ids=["headers inside", "gates inside"])
@pytest.mark.parametrize("pairs", [[], [(b"x-forwarded-proto", b"http")]], ids=["", "with a claim"])
async def test_a_layer_inside_does_not_blind_the_backstop(call: Call, dress: Any, pairs: Any) -> None:
    """The endpoint that routing finds further in is the one the outer guard judges."""

    def backstop(exchange: Any, start: Any) -> AccessDenied | None:
        return AccessDenied("unmarked") if exchange.connection.scope.get("endpoint") == "unmarked" else None

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["endpoint"] = "unmarked"
        await hello(scope, receive, send)

    trusting = connection_reader(Networks(["192.0.2.0/24"]))
    outer = layer(layer(app, dress=dress), verifier=Guard(), backstop=backstop, read=trusting)
    found = await call(outer, *pairs)
    assert (found.status, found.body.count(b"the app's own")) == (403, 0)


@pytest.mark.parametrize("outer", [DRESS, undressed], ids=["headers outside", "gates outside"])
@pytest.mark.parametrize("inner", [DRESS, undressed], ids=["headers inside", "gates inside"])
async def test_the_guard_outside_is_the_guard(call: Call, outer: Any, inner: Any) -> None:
    """A layer without a guard does not hide the one that has it."""
    guard = Guard()
    found: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(exchange_of(scope).means.verifier)  # type: ignore[union-attr]

    await call(layer(layer(app, dress=inner), dress=outer, verifier=guard))
    assert found == [guard]


async def test_a_secured_app_inside_a_secured_app_keeps_its_own_guard(call: Call) -> None:
    """Each has its own endpoint and proofs; after the inner one the outer exchange is there again."""
    own = Guard()
    found: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(exchange_of(scope).means.verifier)  # type: ignore[union-attr]
        scope["endpoint"] = "the inner one"

    inner = layer(app, verifier=own)

    async def between(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)
        found.append("endpoint" in scope)
        found.append(exchange_of(scope).means.verifier is not own)  # type: ignore[union-attr]

    await call(layer(between, verifier=Guard()))
    assert found == [own, False, True]


async def test_whatever_stands_under_our_key_is_no_exchange(call: Call) -> None:
    """A stray value there is overwritten, not believed."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert exchange_of(scope) is not None
        await hello(scope, receive, send)

    found = await call(layer(app, verifier=Guard()), **{SCOPE_KEY: "stray"})
    assert (found.status, found.raised) == (200, None)


async def test_more_hosts_than_are_kept() -> None:
    """What is known of hosts at a glance stays bounded, and forgetting it changes no answer."""
    app = layer(hello, gates=[host_gate(Hosts(["*.example.com"]))], ordinary=ordinary(Limits()))
    for number in range(1100):
        sent: list[Any] = []

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        named = [(b"host", b"h%d.example.com" % number)]
        scope = {"type": "http", "method": "GET", "scheme": "https", "path": "/", "headers": named}
        await app(scope, None, send)
        assert sent[0]["status"] == 200
        assert API.hsts in sent[0]["headers"]
