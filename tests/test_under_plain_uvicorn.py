"""Whatever secure() returns, and each middleware as the outermost, is served by a uvicorn that was told nothing.

uvicorn tells an app of ASGI 3 from one of ASGI 2 by a call that is a coroutine function, unless `--interface` says it.
"""

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trustme
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from asvs_middleware import SecurityHeadersMiddleware, SecurityPolicy, TLSOnlyMiddleware, public, secure

POLICY = SecurityPolicy.api(hosts=["localhost"])


@public(reason="nothing secret here")
async def raw(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan here")
    await PlainTextResponse("x")(scope, receive, send)


@public(reason="nothing secret here")
async def page() -> PlainTextResponse:
    return PlainTextResponse("x")


def fast() -> FastAPI:
    app = FastAPI()
    app.get("/")(page)
    return app


APPS = {
    "a secured raw app": lambda: secure(raw, POLICY),
    "a secured Starlette": lambda: secure(Starlette(routes=[Mount("/", raw)]), POLICY),
    "a secured FastAPI": lambda: secure(fast(), POLICY),
    "a secured app in another": lambda: SecurityHeadersMiddleware(secure(raw, POLICY)),
    "headers alone": lambda: SecurityHeadersMiddleware(raw),
    "TLS alone, with headers inside": lambda: TLSOnlyMiddleware(SecurityHeadersMiddleware(raw), hosts=["localhost"]),
}


@pytest.fixture
def ask() -> Callable[[Any], httpx.Response]:
    """Serve an app over TLS with uvicorn's own settings, and ask it once."""
    ca, trusting = trustme.CA(), ssl.create_default_context()
    ca.configure_trust(trusting)

    def ask(app: Any) -> httpx.Response:
        listener = socket.create_server(("127.0.0.1", 0))
        with ca.issue_cert("localhost").private_key_and_cert_chain_pem.tempfile() as pem:
            server = uvicorn.Server(uvicorn.Config(app, ssl_certfile=pem, log_level="warning"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            try:
                with httpx.Client(verify=trusting, trust_env=False, timeout=10) as client:
                    return client.get(f"https://localhost:{listener.getsockname()[1]}/")
            finally:
                server.should_exit = True
                thread.join(timeout=10)

    return ask


@pytest.mark.parametrize("name", APPS)
def test_it_answers(name: str, ask: Callable[[Any], httpx.Response]) -> None:
    """`uvicorn main:app` is enough: the app answers, and its answer has the headers."""
    response = ask(APPS[name]())
    assert (response.status_code, response.text) == (200, "x")
    assert response.headers["x-content-type-options"] == "nosniff"
