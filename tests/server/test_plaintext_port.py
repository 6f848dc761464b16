"""The plaintext port redirects pages, refuses everything else, and never calls the user's app."""

import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from asvs_middleware import SecurityPolicy, public, secure
from asvs_middleware.connection import Connection
from asvs_middleware.errors import TLSRequired
from asvs_middleware.middleware import Limits, Probe
from asvs_middleware.server.plaintext import nothing

PAGE = {"accept": "text/html,application/xhtml+xml"}


class Recorder:
    """An app that writes down what reaches it, and the hook of its policy."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.exposed: list[str | None] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        self.reached.append(scope["path"])
        await PlainTextResponse("reached")(scope, receive, send)

    async def hook(self, connection: Connection) -> None:
        self.exposed.append(connection.client)

    def secured(self, preset: Any, **choices: Any) -> Any:
        return secure(
            self,
            SecurityPolicy(
                preset=preset,
                hosts=["localhost"],
                default="allow",
                trusted_proxies=["127.0.0.1", "::1"],
                on_exposed_credential=self.hook,
                **choices,
            ),
        )


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Whatever a test sends to the plaintext port, nothing of it may reach the app; probes have a path of their own."""
    recorder = Recorder()
    yield recorder
    assert set(recorder.reached) <= {"/over-tls", "/health"}


def over_plaintext(served: Any, method: str = "GET", **request: Any) -> httpx.Response:
    with httpx.Client(base_url=served.plaintext_url, trust_env=False) as client:
        return client.request(method, "/a%20b?c=d", **request)


@pytest.mark.parametrize(
    ("preset", "method", "headers", "expected"),
    [
        pytest.param("web", "GET", PAGE, 308, id="a page"),
        pytest.param("mixed", "HEAD", PAGE, 308, id="the head of a page"),
        pytest.param("api", "GET", PAGE, 403, id="an API has no pages"),
        pytest.param("mixed", "GET", {}, 403, id="a call"),
        pytest.param("mixed", "POST", PAGE, 403, id="a form"),
        pytest.param("mixed", "GET", {**PAGE, "authorization": "Bearer x"}, 403, id="a credential"),
        pytest.param("mixed", "GET", {"host": "evil.test"}, 421, id="a call to another host"),
        pytest.param("mixed", "GET", {**PAGE, "host": "evil.test"}, 421, id="a page of another host"),
        pytest.param("mixed", "GET", {"x-forwarded-proto": "https"}, 403, id="said to be TLS by a trusted proxy"),
        pytest.param("mixed", "GET", {"forwarded": "proto=https"}, 403, id="the same in RFC 7239"),
    ],
)
def test_http(
    *, preset: Any, method: str, headers: dict[str, str], expected: int, recorder: Recorder, serving: Any
) -> None:
    """v5.0.0-4.1.2 and 12.2.1: only a page is redirected; a refusal is a problem document and ends the connection."""
    with serving(recorder.secured(preset)) as served:
        response = over_plaintext(served, method, headers=headers)
        assert response.status_code == expected
        if expected == 308:
            assert response.headers["location"] == f"{served.url}/a%20b?c=d"
        else:
            assert response.headers["content-type"] == "application/problem+json"
        if expected == 403:
            assert response.json()["type"] == "urn:asvs-middleware:problem:tls_required"
            assert response.headers["connection"] == "close"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "server" not in response.headers
        assert "strict-transport-security" not in response.headers  # RFC 6797 section 7.2
        with served.client() as client:
            assert client.get("/over-tls").text == "reached"


def test_an_exposed_credential_is_told_to_the_hook(recorder: Recorder, serving: Any, caplog: Any) -> None:
    """The operator hears of it to revoke it: the hook of the policy, and a critical event without the credential."""
    with serving(recorder.secured("api")) as served:
        over_plaintext(served, headers={"authorization": "Bearer s3cret"})
    assert len(recorder.exposed) == 1
    assert [record.levelno for record in caplog.records if record.message == "plaintext_refused"] == [logging.CRITICAL]
    assert "s3cret" not in str([vars(record) for record in caplog.records])


@pytest.mark.parametrize(
    ("method", "headers", "limits", "expected"),
    [
        pytest.param("TRACE", PAGE, {}, 405, id="a method nobody uses"),
        pytest.param("DELETE", PAGE, {"methods": ["GET"]}, 405, id="a method the operator left out"),
        pytest.param("GET", {**PAGE, "x-a": "a" * 200}, {"field_bytes": 300}, 431, id="fields too large"),
        pytest.param("GET", {**PAGE, "x-a": "a", "x-b": "b"}, {"fields": 5}, 431, id="too many fields"),
        pytest.param("GET", PAGE, {"fields": 20}, 308, id="within the limits"),
    ],
)
def test_limits(
    *, method: str, headers: dict[str, str], limits: dict[str, Any], expected: int, recorder: Recorder, serving: Any
) -> None:
    """v5.0.0-13.4.4 and 4.1.4: the limits of the policy hold on this port too."""
    with serving(recorder.secured("web", limits=Limits(**limits))) as served:
        response = over_plaintext(served, method, headers=headers)
    assert response.status_code == expected
    assert ("allow" in response.headers) is (expected == 405)


HERE = ["127.0.0.0/8", "::1"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "networks", "expected"),
    [
        pytest.param("GET", "/health", {}, HERE, 200, id="a probe"),
        pytest.param("HEAD", "/health", {"host": "127.0.0.1:8080"}, HERE, 200, id="it names the node's address"),
        pytest.param("POST", "/health", {}, HERE, 403, id="another method"),
        pytest.param("GET", "/healthy", {}, HERE, 403, id="another path"),
        pytest.param("GET", "/health/", {}, HERE, 403, id="a path below"),
        pytest.param("GET", "/health", {}, ["203.0.113.0/24"], 403, id="from elsewhere"),
        pytest.param("GET", "/health", {"authorization": "Bearer x"}, HERE, 403, id="with a credential"),
        pytest.param("GET", "/health", {"cookie": "a=b"}, HERE, 403, id="with a cookie"),
        pytest.param("GET", "/health", {"x-forwarded-for": "203.0.113.9"}, HERE, 403, id="passed on by a proxy"),
        pytest.param("GET", "/health", {"x-forwarded-proto": "https"}, HERE, 403, id="said to be TLS by a proxy"),
        pytest.param("GET", "/health", PAGE, HERE, 200, id="a probe by a browser"),
    ],
)
def test_probes(
    *,
    method: str,
    path: str,
    headers: dict[str, str],
    networks: list[str],
    expected: int,
    recorder: Recorder,
    serving: Any,
) -> None:
    """The one thing that reaches the app, which judges it again; answered without HSTS and without cookies."""
    probes = [Probe(path="/health", networks=networks)]
    with (
        serving(recorder.secured("api", probes=probes)) as served,
        httpx.Client(base_url=served.plaintext_url, trust_env=False) as client,
    ):
        response = client.request(method, path, headers=headers)
    assert response.status_code == expected
    assert recorder.reached == (["/health"] if expected == 200 else [])
    assert not {"strict-transport-security", "set-cookie"} & set(response.headers)


def test_a_probe_finds_what_the_lifespan_left(serving: Any) -> None:
    """The app was started for the TLS port; a health check asks the same database here."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, str]]:
        yield {"database": "up"}

    async def health(request: Request) -> PlainTextResponse:
        response = PlainTextResponse(request.state.database)
        response.set_cookie("session", "s3cret")
        return response

    routes = [Route("/health", public(reason="load balancer probe")(health))]
    policy = SecurityPolicy.api(hosts=["localhost"], probes=[Probe(path="/health", networks=HERE)])
    with serving(secure(Starlette(routes=routes, lifespan=lifespan), policy)) as served:
        response = httpx.get(f"{served.plaintext_url}/health", trust_env=False)
    assert (response.text, "set-cookie" in response.headers) == ("up", False)


HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.mark.parametrize("http", ["h11", "httptools"])
@pytest.mark.parametrize("ws", ["websockets-sansio", "wsproto", "none"])
def test_websocket(http: str, ws: str, recorder: Recorder, serving: Any, caplog: Any) -> None:
    """v5.0.0-4.4.1: `ws://` is refused at the handshake, also where the server knows no WebSockets."""
    with (
        serving(recorder.secured("mixed"), settings={"http": http, "ws": ws}) as served,
        socket.create_connection(("localhost", served.plaintext_port), timeout=30) as raw,
    ):
        raw.sendall(HANDSHAKE)
        answer = b"".join(iter(lambda: raw.recv(1000), b""))
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"application/problem+json" in answer
    assert b"tls_required" in answer
    (event,) = [record.asvs for record in caplog.records if record.message == "plaintext_refused"]
    assert event["kind"] == ("http" if ws == "none" else "websocket")


def test_redirects_lead_to_the_public_port(recorder: Recorder, serving: Any) -> None:
    """Where something in front translates ports, its number counts; 443 is left out."""
    with serving(recorder.secured("web"), public_port=443) as served:
        assert over_plaintext(served, headers=PAGE).headers["location"] == "https://localhost/a%20b?c=d"


def test_without_a_policy_nothing_is_redirected(recorder: Recorder, serving: Any, caplog: Any) -> None:
    """Nobody said which hosts are ours, so a redirect could lead anywhere; and the log says what is missing."""
    with serving(recorder) as served:
        response = over_plaintext(served, headers=PAGE)
        assert (response.status_code, response.headers["content-type"]) == (403, "application/problem+json")
        with served.client() as client:
            assert client.get("/over-tls").text == "reached"
    (event,) = [record.asvs for record in caplog.records if record.message == "app_without_policy"]
    assert "This Recorder is not secured. Call secure(app, policy)" in event["reason"]


def test_tls_only(recorder: Recorder, serving: Any) -> None:
    """Without redirect_port there is no plaintext port, and plaintext on the TLS port reaches no app."""
    with serving(recorder.secured("web"), plaintext=False) as served:
        assert served.plaintext_port is None
        with socket.create_connection(("localhost", served.port), timeout=30) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 400 ")
    assert recorder.reached == []


def test_behind_the_gates_is_a_refusal() -> None:
    """v5.0.0-16.5.3: if a gate ever let something through, nothing would be served."""
    with pytest.raises(TLSRequired, match="Nothing is served over plaintext"):
        anyio.run(nothing, {"type": "http"}, None, None)
