"""Every response an app can give carries every header of its preset, each once, whoever made the response."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from fastapi import FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from asvs_middleware import SecurityPolicy, csp_nonce, public, secure, sensitive

pytestmark = pytest.mark.anyio
open_to_all = public(reason="nothing secret here")


@open_to_all
async def json(request: Request) -> Response:
    return JSONResponse({"x": 1})


@open_to_all
async def page(request: Request) -> Response:
    return HTMLResponse("<p>x")


@open_to_all
async def page_with_nonce(request: Request) -> Response:
    return HTMLResponse(f'<script nonce="{csp_nonce(request)}"></script>')


@open_to_all
async def not_modified(request: Request) -> Response:
    return Response(status_code=304, headers={"etag": '"1"'})


@open_to_all
async def stream(request: Request) -> Response:
    return StreamingResponse(iter([b"x", b"y"]), media_type="text/plain")


@open_to_all
async def file(request: Request) -> Response:
    return FileResponse(Path(__file__))


@open_to_all
async def moved(request: Request) -> Response:
    return RedirectResponse("/json")


@open_to_all
async def error(request: Request) -> Response:
    raise HTTPException(418, headers={"x-own": "1"})


@open_to_all
async def boom(request: Request) -> Response:
    raise RuntimeError("boom")


@open_to_all
async def own_headers(request: Request) -> Response:
    response = PlainTextResponse("x", headers={"referrer-policy": "same-origin", "X-Content-Type-Options": "nosniff"})
    response.raw_headers.append((b"Content-Security-Policy", b"default-src 'self'"))
    return response


@sensitive(scopes="read")
async def secret(request: Request) -> Response:
    return JSONResponse("secret")


@open_to_all
async def closing(websocket: WebSocket) -> None:
    await websocket.close()


@sensitive(scopes="read")
async def secret_socket(websocket: WebSocket) -> None:
    await websocket.accept()


ENDPOINTS = {
    "/json": json,
    "/page": page,
    "/nonce": page_with_nonce,
    "/same": not_modified,
    "/stream": stream,
    "/file": file,
    "/moved": moved,
    "/error": error,
    "/boom": boom,
    "/own": own_headers,
    "/secret": secret,
}
SOCKETS = {"/closing": closing, "/secret-socket": secret_socket}


def inner() -> Starlette:
    return Starlette(routes=[Route("/page", page), Route("/secret", secret)])


def starlette_app() -> Any:
    return Starlette(
        routes=[
            *(Route(path, endpoint) for path, endpoint in ENDPOINTS.items()),
            *(WebSocketRoute(path, endpoint) for path, endpoint in SOCKETS.items()),
            Mount("/in", app=inner()),
            Mount("/files", app=open_to_all(StaticFiles(directory=Path(__file__).parent))),
        ]
    )


def fastapi_app() -> Any:
    app = FastAPI()
    for path, endpoint in ENDPOINTS.items():
        app.add_api_route(path, endpoint, methods=["GET"], response_model=None)
    for path, endpoint in SOCKETS.items():
        app.add_api_websocket_route(path, endpoint)

    @app.get("/typed/{number}")
    @open_to_all
    async def typed(number: int) -> int:
        return number

    app.mount("/in", inner())
    app.mount("/files", open_to_all(StaticFiles(directory=Path(__file__).parent)))
    return app


def raw_app() -> Any:
    inside = starlette_app()
    inside.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])

    @open_to_all
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await inside(scope, receive, send)

    return app


@dataclass
class Ask:
    """One request and what is known of the answer beforehand."""

    path: str
    status: int
    kind: Literal["api", "web"] = "api"
    no_store: bool = False
    hsts: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)
    only: str = ""


PREFLIGHT = {"origin": "https://shop.example", "access-control-request-method": "GET"}
DENIAL = {"type": "websocket", "extensions": {"websocket.http.response": {}}}
OWN, FOREIGN = {"origin": "https://api.example.com"}, {"origin": "https://evil.example"}
PAGE = {"accept": "text/html,*/*"}

MATRIX = {
    "200": Ask("/json", 200),
    "200, a page": Ask("/page", 200, "web"),
    "200, a page with a nonce": Ask("/nonce", 200, "web", no_store=True),
    "HEAD": Ask("/page", 200, "web", members={"method": "HEAD"}, only="starlette raw"),
    "HEAD, FastAPI": Ask("/page", 405, members={"method": "HEAD"}, only="fastapi"),
    "304": Ask("/same", 304),
    "404": Ask("/nothing", 404),
    "405": Ask("/json", 405, members={"method": "POST"}),
    "422": Ask("/typed/x", 422, only="fastapi"),
    "slash redirect": Ask("/json/", 307),
    "redirect": Ask("/moved", 307),
    "HTTPException": Ask("/error", 418),
    "500": Ask("/boom", 500),
    "stream": Ask("/stream", 200),
    "file": Ask("/file", 200),
    "static file": Ask("/files/test_matrix.py", 200),
    "static file, part": Ask("/files/test_matrix.py", 206, headers={"range": "bytes=0-1"}),
    "static file, missing": Ask("/files/nothing", 404),
    "mounted": Ask("/in/page", 200, "web"),
    "mounted, 404": Ask("/in/nothing", 404),
    "mounted, 401": Ask("/in/secret", 401, no_store=True),
    "preflight": Ask("/secret", 200, headers=PREFLIGHT, members={"method": "OPTIONS"}),
    "preflight of a stranger": Ask(
        "/x", 400, headers={**PREFLIGHT, "origin": "https://x"}, members={"method": "OPTIONS"}
    ),
    "sensitive": Ask("/secret", 200, no_store=True, headers={"authorization": "read"}),
    "401": Ask("/secret", 401, no_store=True),
    "401, another origin": Ask("/secret", 401, no_store=True, headers={"origin": "https://shop.example"}),
    "403": Ask("/secret", 403, no_store=True, headers={"authorization": "write"}),
    "foreign host": Ask("/json", 421, no_store=True, headers={"host": "evil.example"}),
    "malformed host": Ask("/json", 400, no_store=True, hsts=False, headers={"host": "a b"}),
    "IP address": Ask("/json", 200, hsts=False, headers={"host": "192.0.2.1"}),
    "localhost": Ask("/json", 200, hsts=False, headers={"host": "localhost:8443"}),
    "plaintext": Ask("/json", 403, no_store=True, hsts=False, members={"scheme": "http"}),
    "plaintext page": Ask("/page", 0, no_store=True, hsts=False, headers=PAGE, members={"scheme": "http"}),
    "WebSocket closed": Ask("/closing", 403, no_store=True, headers=OWN, members=DENIAL),
    "WebSocket 401": Ask("/secret-socket", 401, no_store=True, headers=OWN, members=DENIAL),
    "WebSocket without a route": Ask("/nothing", 403, no_store=True, headers=OWN, members=DENIAL),
    "WebSocket of another site": Ask("/secret-socket", 403, no_store=True, headers=FOREIGN, members=DENIAL),
    "WebSocket plaintext": Ask("/closing", 403, no_store=True, hsts=False, members={**DENIAL, "scheme": "ws"}),
}


APPS = {"starlette": starlette_app, "fastapi": fastapi_app, "raw": raw_app}


@pytest.mark.parametrize(
    ("name", "case"),
    [
        pytest.param(name, case, id=f"{name}: {situation}")
        for name in APPS
        for situation, case in MATRIX.items()
        if name in (case.only or name)
    ],
)
@pytest.mark.parametrize("preset", ["api", "web", "mixed"])
async def test_headers(preset: Any, name: str, case: Ask, idp: Any, drive: Any) -> None:
    """All of the preset's, each once; HSTS over TLS and for names; no-store on what a proof was needed for."""
    policy = SecurityPolicy(
        preset=preset, hosts=["api.example.com", "192.0.2.1", "localhost"], tokens=idp.tokens(), default="deny"
    )
    app = APPS[name]()
    if name == "starlette":
        app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
    app = secure(app, policy)
    if name == "fastapi":
        app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
    headers = dict(case.headers)
    if "authorization" in headers:
        headers = idp.bearer(headers["authorization"])
    wire = await drive(app, case.path, headers=headers, **case.members)

    status = case.status or (403 if preset == "api" else 308)
    assert wire.status == status
    kind = preset if preset != "mixed" else case.kind
    chosen = policy.web_headers if kind == "web" else policy.api_headers
    expected = dict(chosen.always)
    clear = case.members.get("scheme") in {"http", "ws"}  # upgrade-insecure-requests would break a page there.
    expected[b"content-security-policy"] = (chosen.in_clear if clear else chosen.policies)[0].plain
    if status == 304 and preset != "api":
        del expected[b"content-security-policy"]
    if status == 304 and preset == "mixed":
        expected = {key: value for key, value in expected.items() if dict(policy.web_headers.always).get(key) == value}
    if case.hsts:
        expected[chosen.hsts[0]] = chosen.hsts[1]
    if case.no_store:
        # What the layer answers itself says so itself; on what the app answered it has to hold for shared caches too.
        expected[b"cache-control"] = b"private, no-store" if status == 200 else b"no-store"

    counted = Counter(key.lower() for key, _ in wire.headers)
    fields = {key.lower(): value for key, value in wire.headers}
    ours = {key for pairs in (policy.api_headers, policy.web_headers) for key, _ in pairs.always} | {
        b"content-security-policy",
        b"strict-transport-security",
        b"cache-control",
    }
    assert {key: counted[key] for key in counted if key in ours} == dict.fromkeys(expected, 1)
    if case.path == "/nonce":
        nonce = wire.sent[1]["body"].split(b'"')[1]
        with_nonce = nonce.join(chosen.csp_around_nonce)
        assert fields.pop(b"content-security-policy") == with_nonce
        del expected[b"content-security-policy"]
    assert {key: fields[key] for key in expected} == expected


@pytest.mark.parametrize("make", [starlette_app, fastapi_app], ids=["starlette", "fastapi"])
@pytest.mark.parametrize("preset", ["api", "web", "mixed"])
async def test_own_headers_win(preset: Any, make: Any, drive: Any, idp: Any) -> None:
    """What the endpoint says itself stays as it is, in whatever case it is written, and is not said twice."""
    policy = SecurityPolicy(preset=preset, hosts=["api.example.com"], tokens=idp.tokens())
    wire = await drive(secure(make(), policy), "/own")
    fields = Counter(key.lower() for key, _ in wire.headers)
    assert max(fields.values()) == 1
    found = {key.lower(): value for key, value in wire.headers}
    assert found[b"referrer-policy"] == b"same-origin"
    assert found[b"content-security-policy"] == b"default-src 'self'"
    assert found[b"cross-origin-opener-policy"] == b"same-origin"


@pytest.mark.parametrize("path", ["/closing", "/secret-socket", "/nothing"])
async def test_websocket_refused_by_a_server_without_responses(path: str, idp: Any, drive: Any) -> None:
    """Where the server cannot send a response to a handshake, it is closed before it was accepted."""
    policy = SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens())
    wire = await drive(secure(starlette_app(), policy), path, type="websocket")
    assert [one["type"] for one in wire.sent] == ["websocket.close"]
    assert wire.sent[0]["code"] == 1008


async def test_the_apps_message_is_not_changed(drive: Any) -> None:
    """A response object may be sent twice; what was added for one request is not in the next."""
    shared = JSONResponse({"x": 1})

    @open_to_all
    async def endpoint(request: Request) -> Response:
        return shared

    app = secure(Starlette(routes=[Route("/x", endpoint)]), SecurityPolicy.api(hosts=["api.example.com"]))
    first, second = await drive(app, "/x"), await drive(app, "/x")
    assert first.headers == second.headers
    assert len(shared.raw_headers) == 2
