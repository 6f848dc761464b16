"""Resumed TLS sessions: OpenSSL checks no certificate then, so what it once accepted must not count for ever."""

import ssl
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.connection.resumption import is_resumed
from asvs_middleware.connection.transport import read_transport
from asvs_middleware.server.keys.reload import ROTATE
from asvs_middleware.server.keys.reload_parts import ClientFiles
from asvs_middleware.stack import stack_of

LOOPS = ("asyncio", "uvloop")
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def resumed(request: Request) -> JSONResponse:
    return JSONResponse(is_resumed(read_transport(request.scope, request.receive).tls))


@public(reason="a page for the tests")
async def home(request: Request) -> JSONResponse:
    return resumed(request)


@sensitive(client_certificate="spiffe://example.org/batch")
async def batch(request: Request) -> JSONResponse:
    return resumed(request)


def an_app(folder: Any, *, clients: bool = True) -> Starlette:
    routes = [Route("/", home), *([Route("/batch", batch)] if clients else [])]
    certificates = folder.certificates if clients else None
    return secure(Starlette(routes=routes), SecurityPolicy.api(hosts=["localhost"], client_certificates=certificates))


class Client:
    """Connects with one context, and presents the session of its first connection ever after."""

    def __init__(self, served: Any, version: ssl.TLSVersion, *, certificate: str | None) -> None:
        self.served = served
        self.context = served.folder.context(certificate, minimum_version=version, maximum_version=version)
        self.session: ssl.SSLSession | None = None

    def get(self, path: str) -> tuple[int, bool]:
        """Return the status, and whether the client's end says that the session was resumed."""
        with self.served.connect(self.context, self.session) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while part := connection.recv(4096):
                answer += part
            if not answer:
                raise ConnectionError("closed before an answer")
            self.session = self.session or connection.session
            status = int(answer.split()[1])
            if status == 200:  # The server's end says the same.
                assert answer.endswith(b"true" if connection.session_reused else b"false")
            return status, connection.session_reused


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", ["optional", "required"])
def test_a_client_revoked_after_its_first_handshake(
    mode: str, version: ssl.TLSVersion, loop: str, reloading: Any, folder: Any
) -> None:
    """v5.0.0-12.1.4: it is refused, though it presents its old session; and so is its CA, once that is removed."""
    tls = {"client_ca": folder.path / "clients-ca.pem", "client_certificates": mode}
    with reloading(an_app(folder), folder, loop=loop, **tls) as served:
        client = Client(served, version, certificate="a")
        assert client.get("/batch") == (200, False)
        folder.revoke(("a", folder.client["a"]))
        served.settle()
        assert client.get("/batch") == (403, False)
        folder.trust("b")
        served.settle()
        with pytest.raises((ssl.SSLError, ConnectionError), match=r"(?i)alert|EOF|reset|closed|broken"):
            client.get("/batch")


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_that_is_resumed_all_the_same(
    version: ssl.TLSVersion, loop: str, reloading: Any, folder: Any
) -> None:
    """Without tickets TLS 1.2 still resumes, from the server's cache, until the next reload. OpenSSL then checks
    nothing; the app does, and refuses who was revoked meanwhile.
    """
    app = an_app(folder)
    with reloading(app, folder, loop=loop, client_ca=folder.path / "clients-ca.pem") as served:
        client = Client(served, version, certificate="a")
        assert client.get("/batch") == (200, False)
        reused = version == ssl.TLSVersion.TLSv1_2
        assert client.get("/batch") == (200, reused)
        folder.revoke(("a", folder.client["a"]))
        ClientFiles(stack_of(app).guard.certificates).read(folder.now)()  # The app's part alone: the context stays.
        assert client.get("/batch") == (403, reused)
        folder.revoke(("a", None))
        served.settle()
        assert client.get("/batch") == (200, False)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_end_with_their_context(version: ssl.TLSVersion, loop: str, reloading: Any, folder: Any) -> None:
    """Where no client certificate is asked for sessions are resumed, until files or an hour have changed."""
    at = folder.now
    with reloading(an_app(folder, clients=False), folder, loop=loop, clock=lambda: at) as served:
        served.reloader.look()
        client = Client(served, version, certificate=None)
        assert [client.get("/"), client.get("/")] == [(200, False), (200, True)]
        at = folder.now + ROTATE - timedelta(seconds=1)
        served.reloader.look()
        assert client.get("/") == (200, True)
        at = folder.now + ROTATE
        served.reloader.look()
        assert client.get("/") == (200, False)


def test_without_tls() -> None:
    """What has no TLS object has resumed nothing."""
    assert is_resumed(None) is False


def test_no_ticket_for_clients_with_certificates(reloading: Any, folder: Any) -> None:
    """v5.0.0-12.1.3: also from a context that was put in force later."""
    with reloading(an_app(folder), folder, client_ca=folder.path / "clients-ca.pem") as served:
        for _ in range(2):
            for version in VERSIONS:
                client = Client(served, version, certificate="a")
                client.get("/batch")
                assert client.session is None or not client.session.has_ticket
            served.reloader.look(asked=True)
