"""The plaintext port redirects pages, refuses everything else, and never calls the user's app."""

import logging
import socket
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from asvs_middleware import SecurityPolicy, secure
from asvs_middleware.connection import Connection
from asvs_middleware.errors import TLSRequired
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

    def secured(self, preset: Any) -> Any:
        return secure(
            self,
            SecurityPolicy(
                preset=preset,
                hosts=["localhost"],
                default="allow",
                trusted_proxies=["127.0.0.1", "::1"],
                on_exposed_credential=self.hook,
            ),
        )


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Whatever a test sends to the plaintext port, nothing of it may reach the app."""
    recorder = Recorder()
    yield recorder
    assert recorder.reached in ([], ["/over-tls"])


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
        socket.create_connection(("localhost", served.plaintext_port), timeout=5) as raw,
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
        with socket.create_connection(("localhost", served.port), timeout=5) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 400 ")
    assert recorder.reached == []


def test_behind_the_gates_is_a_refusal() -> None:
    """v5.0.0-16.5.3: if a gate ever let something through, nothing would be served."""
    with pytest.raises(TLSRequired, match="Nothing is served over plaintext"):
        anyio.run(nothing, {"type": "http"}, None, None)
