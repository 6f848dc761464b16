"""Whatever comes, through the whole of secure(): an answer or our error, one event, never a pass the tables forbid.

The tables are written here a second time, in the plainest way, over what was sent: what the app saw is held against
them. The apps live through the whole run, so that what passed once also meets the quick ways of the layer.
"""

import json
from typing import Any

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from asvs_middleware import SecurityPolicy, Tokens, public, secure, sensitive
from asvs_middleware.connection import TrustedProxies
from asvs_middleware.middleware import CrossOrigin, Limits, Probe, cross_origin

OURS, PROXY, STRANGER = "api.example.com", "10.0.0.9", "192.0.2.7"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
PARTNER = b"https://partner.example"
ALLOWED = {b"https://api.example.com", b"https://api.example.com:443", b"https://spa.example"}
RAN: list[str] = []
open_to_all = public(reason="nothing secret here")


@open_to_all
async def page(request: Request) -> Response:
    RAN.append("page")
    return PlainTextResponse("x")


@open_to_all
@cross_origin(allow=[PARTNER.decode()], reason="their shop posts here")
async def hook(request: Request) -> Response:
    RAN.append("hook")
    return PlainTextResponse("x")


@sensitive(scopes="pay")
async def pay(request: Request) -> Response:
    RAN.append("pay")
    return PlainTextResponse("x")


@open_to_all
async def chat(websocket: WebSocket) -> None:
    RAN.append("chat")
    await websocket.accept()


@sensitive(scopes="pay")
async def secret_chat(websocket: WebSocket) -> None:
    RAN.append("secret chat")
    await websocket.accept()


class Nobody:
    """An issuer that serves nothing: no token is ever good."""

    async def fetch(self, url: str, *, max_bytes: int) -> bytes:
        raise ConnectionError("the issuer is down")


def an_app(preset: Any, proxies: Any) -> Any:
    every = [*METHODS, "TRACE", "TRACK", "CONNECT", "x"]
    routes = [
        Route("/page", page, methods=every),
        Route("/hook", hook, methods=every),
        Route("/pay", pay, methods=every),
        WebSocketRoute("/chat", chat),
        WebSocketRoute("/secret", secret_chat),
    ]
    policy = SecurityPolicy(
        preset=preset,
        hosts=[OURS],
        trusted_proxies=proxies,
        tokens=Tokens("https://idp.example.com", audience="https://api.example.com", outbound=Nobody()),
        cross_origin=CrossOrigin(allowed_origins=["https://spa.example"]),
        limits=Limits(fields=12),
        probes=[Probe(path="/page", networks=["198.51.100.0/24"])],
    )
    return secure(Starlette(routes=routes), policy)


NOBODY = an_app("web", [])
X_FORWARDED = an_app("mixed", [f"{PROXY}/32"])
FORWARDED = an_app("web", TrustedProxies([f"{PROXY}/32"], fields="forwarded"))
FAMILY = {NOBODY: (), X_FORWARDED: (b"x-forwarded-proto",), FORWARDED: (b"forwarded",)}

FACTS: dict[bytes, list[bytes]] = {
    b"host": [b"api.example.com", b"API.example.com:443", b"evil.example", b"api.example.com@evil.example", b""],
    b"origin": [*ALLOWED, PARTNER, b"https://evil.example", b"http://api.example.com", b"null"],
    b"sec-fetch-site": [b"same-origin", b"same-site", b"cross-site", b"none"],
    b"sec-fetch-mode": [b"navigate", b"cors", b"no-cors", b"websocket"],
    b"x-forwarded-proto": [b"https", b"http", b"https,http", b"HTTPS", b"wss"],
    b"x-forwarded-for": [b"203.0.113.5", b"10.0.0.9", b"203.0.113.5, 10.0.0.9", b"[2001:db8::7]:4711", b"unknown"],
    b"x-forwarded-host": [b"api.example.com", b"evil.example"],
    b"forwarded": [b"for=203.0.113.5;proto=https", b"proto=https;host=evil.example", b"proto=http", b'for="'],
    b"authorization": [b"Bearer eyJhbGciOiJub25lIn0.e30.", b"Basic YTpi", b"Bearer"],
    b"cookie": [b"session=1"],
    b"accept": [b"text/html"],
    b"access-control-request-method": [b"POST"],
    b"transfer-encoding": [b"chunked"],
    b"content-length": [b"1", b"-1"],
    b"x_forwarded_proto": [b"https"],
    b"x y": [b""],
}
A_FIELD = st.sampled_from(sorted(FACTS)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(FACTS[name]) | st.binary(max_size=10))
)
THE_HOST = (b"host", OURS.encode())
GOOD: list[list[tuple[bytes, bytes]]] = [
    [],
    [THE_HOST],
    [THE_HOST],
    [THE_HOST, (b"x-forwarded-for", b"203.0.113.5"), (b"x-forwarded-proto", b"https")],
    [THE_HOST, (b"forwarded", b"for=203.0.113.5;proto=https")],
    [THE_HOST, (b"origin", b"https://api.example.com"), (b"sec-fetch-site", b"same-origin")],
    [THE_HOST, (b"origin", PARTNER), (b"sec-fetch-site", b"cross-site")],
]
FIELDS = st.builds(
    lambda good, more, filled: [*good, *more, *[(b"x-a", b"a")] * filled],
    st.sampled_from(GOOD),
    st.just([]) | st.lists(A_FIELD, max_size=1) | st.lists(A_FIELD, max_size=6),
    st.sampled_from([0, 0, 0, 0, 0, 0, 0, 12]),
)
SCOPES = st.fixed_dictionaries(
    {
        "to": st.sampled_from([("http", "/page"), ("http", "/hook"), ("websocket", "/chat")])
        | st.sampled_from([("http", "/pay"), ("websocket", "/secret"), ("http", "//page"), ("http", "/none")])
        | st.tuples(st.sampled_from(["http", "websocket"]), st.sampled_from(["/page", "/hook", "/chat", "/", "*"])),
        "method": st.sampled_from(["GET", "GET", "POST", "POST", *METHODS, "TRACE", "CONNECT", "x", "get", "POST "]),
        "tls": st.sampled_from([True, True, True, False]),
        "http_version": st.sampled_from(["1.1", "1.1", "1.0", "2"]),
        "client": st.sampled_from([(STRANGER, 1), (PROXY, 1), ("198.51.100.1", 1), ("::ffff:10.0.0.9", 1), None]),
        "headers": FIELDS,
        "denial": st.booleans(),
    }
)


def scope_of(drawn: dict[str, Any]) -> dict[str, Any]:
    """Return the scope a server would open."""
    members = {**drawn}
    members["type"], members["path"] = members.pop("to")
    plain, over_tls = ("ws", "wss") if members["type"] == "websocket" else ("http", "https")
    members["scheme"] = over_tls if members.pop("tls") else plain
    members["extensions"] = {"websocket.http.response": {}} if members.pop("denial") else {}
    if members["type"] == "websocket":
        del members["method"]
    return {
        "asgi": {"version": "3.0"},
        "raw_path": members["path"].encode(),
        "query_string": b"",
        "root_path": "",
        **members,
    }


def driven(app: Any, scope: dict[str, Any]) -> list[dict[str, Any]]:
    """Run one scope without a server; what was sent."""
    sent: list[dict[str, Any]] = []
    waiting = [{"type": "websocket.connect"}] if scope["type"] == "websocket" else []

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": f"{scope['type']}.disconnect", "code": 1000}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    anyio.run(app, scope, receive, send)
    return sent


def sent_by(pairs: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for one, value in pairs if one == name]


def may_pass(app: Any, scope: dict[str, Any]) -> bool:
    """Say what every request that reached an endpoint has to have been, by the tables of the gates."""
    pairs = scope["headers"]
    through_proxy = app is not NOBODY and scope["client"] is not None and scope["client"][0].endswith(PROXY)
    claims = {b"forwarded", b"x-forwarded-proto", b"x-forwarded-for", b"x-forwarded-host", b"x_forwarded_proto"}
    said = b",".join(value.lower() for name in FAMILY[app] for value in sent_by(pairs, name))
    if through_proxy:
        secure = scope["scheme"] in {"https", "wss"} or b"https" in said or b"wss" in said
    else:
        secure = scope["scheme"] in {"https", "wss"} and not any(name in claims for name, _ in pairs)
    probe = (
        *(scope["path"] == "/page", scope.get("method") in {"GET", "HEAD"}, not sent_by(pairs, b"cookie")),
        *(scope["client"] == ("198.51.100.1", 1), not sent_by(pairs, b"authorization")),
    )
    hosts = [value.lower() for value in sent_by(pairs, b"host")]
    by_proxy = [OURS.encode() in value for value in sent_by(pairs, b"x-forwarded-host")] if through_proxy else []
    ours = len(hosts) == 1 and (hosts[0] in {OURS.encode(), f"{OURS}:443".encode()} or any(by_proxy) or all(probe))
    framed = sent_by(pairs, b"transfer-encoding")
    fits = len(pairs) <= 12 and not sent_by(pairs, b"x y")
    fits = fits and not (framed and (scope["http_version"] != "1.1" or sent_by(pairs, b"content-length")))
    origins, sites = sent_by(pairs, b"origin"), sent_by(pairs, b"sec-fetch-site")
    partners = ALLOWED | ({PARTNER} if scope["path"] == "/hook" else set())
    if scope["type"] == "websocket":
        nameless = app is X_FORWARDED and not origins and bool(sent_by(pairs, b"authorization"))
        return ours and fits and secure and (nameless or (len(origins) == 1 and origins[0].lower() in partners))
    if scope["method"] not in METHODS or not (ours and fits and (secure or all(probe))):
        return False
    reads = scope["method"] in {"GET", "HEAD"}
    preflight = scope["method"] == "OPTIONS" and len(origins) == 1
    vouched = sites in ([b"same-origin"], [b"none"])
    named = len(origins) == 1 and origins[0].lower() in partners
    return reads or preflight or vouched or named or not (origins or sites)


OPEN = {"/page": "page", "/hook": "hook", "/chat": "chat"}
HUMDRUM = {"to": ("http", "/page"), "method": "GET", "tls": True, "http_version": "1.1", "denial": True}


@settings(max_examples=600)
@given(app=st.sampled_from([NOBODY, X_FORWARDED, FORWARDED]), drawn=SCOPES)
@example(app=NOBODY, drawn={**HUMDRUM, "client": (STRANGER, 1), "headers": [THE_HOST]})
@example(app=NOBODY, drawn={**HUMDRUM, "tls": False, "client": (STRANGER, 1), "headers": [THE_HOST]})
@example(
    app=X_FORWARDED,
    drawn={
        **HUMDRUM,
        "tls": False,
        "client": (PROXY, 1),
        "headers": [THE_HOST, (b"x-forwarded-for", b"203.0.113.5"), (b"x-forwarded-proto", b"https")],
    },
)
def test_any_request(app: Any, drawn: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """One answer; a refusal of ours has one event and every header; only what the tables allow reaches an endpoint."""
    caplog.clear()
    caplog.set_level("INFO", logger="asvs_middleware.access")
    RAN.clear()
    scope = scope_of(drawn)
    sent = driven(app, {**scope})
    if RAN:
        assert may_pass(app, scope)
        assert [OPEN.get(scope["path"], "page")] == RAN, "an endpoint ran that asks for a token, or another one"
    starts = [one for one in sent if one["type"].endswith(".start")]
    ends = [one for one in sent if one["type"] in {"websocket.close", "websocket.accept"}]
    refusals = [one.__dict__["asvs"] for one in caplog.records if "status" in getattr(one, "asvs", {})]
    if scope["type"] == "http":
        assert len(starts) == 1
    elif RAN:
        assert [one["type"] for one in ends] == ["websocket.accept"]
    else:
        assert len(starts) + len(ends) == 1
    ours = False
    for start in starts:
        names = [name for name, _ in start["headers"]]
        assert names.count(b"x-content-type-options") == names.count(b"content-security-policy") == 1
        ours = (b"content-type", b"application/problem+json") in start["headers"]
        if ours and scope.get("method") != "HEAD":
            body = json.loads(b"".join(one.get("body", b"") for one in sent))
            assert body["type"].startswith("urn:asvs-middleware:problem:")
    if starts:
        assert len(refusals) == ours
        assert start["status"] in {200, 308, 400, 401, 403, 404, 405, 421, 431, 503}
    else:
        assert len(refusals) <= 1


@settings(max_examples=150)
@given(headers=FIELDS, method=st.sampled_from(METHODS))
def test_any_request_that_may_pass_does(headers: Any, method: str) -> None:
    """The other way round, where the tables leave no doubt: the oracle above is not simply always content."""
    kept = [pair for pair in headers if pair[0] in {b"host", b"accept", b"cookie", b"sec-fetch-mode"}][:12]
    scope = scope_of({**HUMDRUM, "method": method, "client": (STRANGER, 1), "headers": kept})
    RAN.clear()
    sent = driven(NOBODY, {**scope})
    assert (sent[0]["status"] == 200) is (RAN == ["page"]) is may_pass(NOBODY, scope)
