"""uvicorn's own handling of proxy fields, as it is unless switched off: seen under a real server, undone, and told."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, public, secure

CLAIM = {"x-forwarded-for": "203.0.113.5", "x-forwarded-proto": "https"}


@public(reason="to see what arrives")
async def seen(request: Request) -> JSONResponse:
    return JSONResponse([request.scope["client"][0], request.url.scheme])


Ask = Callable[..., AbstractContextManager[Callable[..., httpx.Response]]]


@pytest.fixture
def served(tmp_path: Path) -> Ask:
    """Serve an app with uvicorn, over TLS or not; gives what asks it."""

    @contextmanager
    def serve(*, tls: bool, trusted: list[str], **settings: Any) -> Iterator[Callable[..., httpx.Response]]:
        app = secure(
            Starlette(routes=[Route("/", seen)]), SecurityPolicy.api(hosts=["localhost"], trusted_proxies=trusted)
        )
        ca, context = trustme.CA(), ssl.create_default_context()
        ca.configure_trust(context)
        pem = tmp_path / "server.pem"
        ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
        config = uvicorn.Config(
            app, port=0, host="127.0.0.1", log_level="error", ssl_certfile=pem if tls else None, **settings
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"{'https' if tls else 'http'}://localhost:{port}/"
        try:
            with httpx.Client(verify=context, trust_env=False, timeout=30) as client:
                yield lambda **headers: client.get(url, headers=headers)
        finally:
            server.should_exit = True
            thread.join(timeout=20)

    return serve


@pytest.mark.parametrize("http", ["h11", "httptools"])
@pytest.mark.parametrize(
    ("tls", "trusted", "status", "arrives"),
    [
        pytest.param(True, [], 200, ["127.0.0.1", "https"], id="TLS, nobody trusted: the peer is the client"),
        pytest.param(False, [], 403, None, id="plaintext, nobody trusted: refused, whatever uvicorn made of it"),
        pytest.param(False, ["127.0.0.1"], 200, ["203.0.113.5", "https"], id="trusted by the policy too"),
    ],
)
def test_its_handling_is_seen(
    *, http: str, tls: bool, trusted: list[str], status: int, arrives: Any, served: Ask, events: Any
) -> None:
    """v5.0.0-15.3.4: uvicorn believes 127.0.0.1 by default; the policy decides, and one event says how to end it."""
    with served(tls=tls, trusted=trusted, http=http) as ask:
        responses = [ask(**CLAIM) for _ in range(3)]
    assert [one.status_code for one in responses] == [status] * 3
    if arrives:
        assert [one.json() for one in responses] == [arrives] * 3
    [told] = [one for one in events() if one["event"] == "proxy_headers_rewritten"]
    assert told["peer"] == "127.0.0.1"
    assert "--no-proxy-headers" in told["reason"]


@pytest.mark.parametrize("trusted", [[], ["127.0.0.1"]])
def test_switched_off_there_is_nothing_to_tell(trusted: list[str], served: Ask, events: Any) -> None:
    """As `asvs serve` has it."""
    with served(tls=True, trusted=trusted, proxy_headers=False) as ask:
        assert ask(**CLAIM).json() == [CLAIM["x-forwarded-for"] if trusted else "127.0.0.1", "https"]
    assert "proxy_headers_rewritten" not in [one["event"] for one in events()]


def test_without_a_claim_there_is_nothing_to_tell(served: Ask, events: Any) -> None:
    """What uvicorn has not rewritten looks like any other request."""
    with served(tls=True, trusted=[]) as ask:
        assert ask().status_code == 200
    assert "proxy_headers_rewritten" not in [one["event"] for one in events()]
