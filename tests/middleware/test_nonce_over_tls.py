"""Nonces of many visitors at once, over a real server: each page has its own, and its header the same."""

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Iterator

import httpx
import pytest
import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, csp_nonce, public, secure

pytestmark = pytest.mark.anyio

TOGETHER = 200
open_to_all = public(reason="nothing secret here")


def an_app() -> Starlette:
    here = 0
    all_here = asyncio.Event()

    async def arrived() -> None:
        """Wait until every request is in the app: none is answered before the last has come."""
        nonlocal here
        here += 1
        if here == TOGETHER:
            all_here.set()
        await all_here.wait()

    @open_to_all
    async def page(request: Request) -> Response:
        before = csp_nonce(request)
        await arrived()
        return HTMLResponse(f'<script nonce="{before}"></script><style nonce="{csp_nonce(request)}"></style>')

    @open_to_all
    async def without(request: Request) -> Response:
        await arrived()
        return HTMLResponse("<p>x")

    return Starlette(routes=[Route("/page", page), Route("/without", without)])


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def url(ca: trustme.CA) -> Iterator[str]:
    app = secure(an_app(), SecurityPolicy.web(hosts=["localhost"]))
    listener = socket.create_server(("127.0.0.1", 0), backlog=TOGETHER)
    with ca.issue_cert("localhost").private_key_and_cert_chain_pem.tempfile() as pem:
        config = uvicorn.Config(app, ssl_certfile=pem, log_level="warning", proxy_headers=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"https://localhost:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=20)


async def test_two_hundred_visitors_at_once(url: str, ca: trustme.CA) -> None:
    """Every second one asks for a nonce; nobody gets another's, and who did not ask gets none."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    limits = httpx.Limits(max_connections=TOGETHER)
    async with httpx.AsyncClient(verify=context, base_url=url, limits=limits, timeout=60, trust_env=False) as client:
        paths = ["/page", "/without"] * (TOGETHER // 2)
        responses = await asyncio.gather(*(client.get(path) for path in paths))
    nonces = []
    for path, response in zip(paths, responses, strict=True):
        in_page = set(re.findall(r'nonce="([^"]+)"', response.text))
        in_header = set(re.findall(r"'nonce-([^']+)'", response.headers["content-security-policy"]))
        assert in_page == in_header
        assert len(in_page) == (path == "/page")
        assert (response.headers.get("cache-control") == "private, no-store") is (path == "/page")
        nonces += in_page
    assert len(set(nonces)) == TOGETHER // 2
