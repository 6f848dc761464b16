"""The `tls` extension reaches the app on every protocol, and through whatever wraps `receive`."""

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from asvs_middleware import ClientCertificates, SecurityPolicy, secure, sensitive
from asvs_middleware.server.http.extension import subject_of, with_tls_extension
from asvs_middleware.server.policy import ServerPolicy

KEYS = {"server_cert", "client_cert_chain", "client_cert_name", "client_cert_error", "tls_version", "cipher_suite"}


async def tell(request: Request) -> JSONResponse:
    """Return the extension, and spoil it for later requests if it were shared."""
    tls = request.scope["extensions"]["tls"]
    told = dict(tls)
    tls.clear()
    return JSONResponse(told)


async def tell_websocket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(websocket.scope["extensions"]["tls"])
    await websocket.close()


TELLING = Starlette(routes=[Route("/", tell), WebSocketRoute("/ws", tell_websocket)])


@sensitive(client_certificate="spiffe://localhost/client")
async def who(request: Request) -> JSONResponse:
    certificate = request.state.caller.certificate
    return JSONResponse([subject_of(one) for one in certificate.chain])


@sensitive(client_certificate=True)
async def who_websocket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(len(websocket.state.caller.certificate.chain))
    await websocket.close()


def secured(pki: Path) -> Starlette:
    app = Starlette(routes=[Route("/who", who), WebSocketRoute("/ws", who_websocket)])
    certificates = ClientCertificates(trust=pki / "clients-ca.pem", crls=[pki / "clients.crl"])
    return secure(app, SecurityPolicy.api(hosts=["localhost"], client_certificates=certificates))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_it_says(version: ssl.TLSVersion, serving: Any, pki: Path) -> None:
    """Every member of version 0.2, the same for each request of a connection, and no object shared between them."""
    with serving(TELLING, client_ca=pki / "clients-ca.pem") as served:
        context = served.context(client=True)
        context.minimum_version = context.maximum_version = version
        with httpx.Client(verify=context, base_url=served.url, trust_env=False) as client:
            first, second = client.get("/").json(), client.get("/").json()
        with served.client() as anonymous:
            nobody = anonymous.get("/").json()
    assert first == second
    assert first.keys() == KEYS
    assert first["tls_version"] == {ssl.TLSVersion.TLSv1_2: 0x0303, ssl.TLSVersion.TLSv1_3: 0x0304}[version]
    assert first["cipher_suite"] in {0x1301, 0x1302, 0x1303, 0xC02B}
    assert (
        first["server_cert"]
        == (pki / "server.pem").read_text().partition("-----END")[0] + "-----END CERTIFICATE-----\n"
    )
    assert first["client_cert_chain"][0] == (pki / "client.pem").read_text()
    client_certificate = x509.load_pem_x509_certificate((pki / "client.pem").read_bytes())
    assert first["client_cert_name"] == client_certificate.subject.rfc4514_string()
    assert first["client_cert_error"] is None
    assert (nobody["client_cert_chain"], nobody["client_cert_name"]) == ([], None)


@pytest.mark.parametrize("http", ["h11", "httptools"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_the_chain_reaches_the_caller(http: str, loop: str, serving: Any, pki: Path) -> None:
    """v5.0.0-12.1.3: verified at the handshake, verified again by the guard, with both protocols on both loops."""
    with serving(secured(pki), client_ca=pki / "clients-ca.pem", settings={"http": http, "loop": loop}) as served:
        with served.client(client=True) as client:
            response = client.get("/who")
        assert [name.partition(",")[0] for name in response.json()] == [
            "CN=Development client",
            "CN=Development clients",
        ]
        with served.client() as client:
            assert client.get("/who").json()["type"].endswith("client_certificate_missing")
        with connect(
            f"wss://localhost:{served.port}/ws", ssl=served.context(client=True), open_timeout=30
        ) as websocket:
            assert websocket.recv(timeout=30) == "2"


class WrapsReceive:
    """What BaseHTTPMiddleware and telemetry do: the server's transport is out of reach behind it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def wrapped() -> Message:
            return await receive()

        await self.app(scope, wrapped, send)


def test_the_chain_reaches_an_app_behind_other_middleware(serving: Any, pki: Path) -> None:
    """The extension is in the scope, so wrapping `receive` hides nothing."""
    with (
        serving(WrapsReceive(secured(pki)), client_ca=pki / "clients-ca.pem") as served,
        served.client(client=True) as client,
    ):
        assert len(client.get("/who").json()) == 2


def test_websocket(serving: Any, pki: Path) -> None:
    """A WebSocket's scope has it too, beside the extensions of the server."""
    with (
        serving(TELLING, client_ca=pki / "clients-ca.pem") as served,
        connect(f"wss://localhost:{served.port}/ws", ssl=served.context(client=True), open_timeout=30) as websocket,
    ):
        assert "BEGIN CERTIFICATE" in str(websocket.recv(timeout=30))


class Connected:
    """A server's protocol, as far as `receive` gives a way to its transport."""

    def __init__(self, tls: ssl.SSLObject) -> None:
        self.transport = self
        self._known = {"ssl_object": tls}

    def get_extra_info(self, name: str) -> Any:
        return self._known.get(name)

    async def receive(self) -> Message:
        return {"type": "http.disconnect"}


def handshake(pki: Path) -> ssl.SSLObject:
    """Return the server's end of a connection made in memory."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ServerPolicy(certfile=pki / "server.pem", keyfile=pki / "server.key").context(datetime.now(UTC))
    far = context.wrap_bio(to_server, to_client, server_side=True)
    trusting = ssl.create_default_context(cafile=pki / "ca.pem")
    near = trusting.wrap_bio(to_client, to_server, server_hostname="localhost")
    for step in (near.do_handshake, far.do_handshake):
        with pytest.raises(ssl.SSLWantReadError, match="did not complete"):
            step()
    near.do_handshake()
    far.do_handshake()
    return far


def written(scope: Scope, pki: Path, **given: Any) -> Any:
    """Return the extension an app sees in this scope, on a TLS connection without a client certificate."""
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    async def send(_message: Message) -> None: ...

    before = str(scope)
    receive = Connected(handshake(pki)).receive
    anyio.run(with_tls_extension(app, **given), scope, receive, send)  # type: ignore[arg-type]
    assert str(scope) == before
    return (seen[0].get("extensions") or {}).get("tls")


@pytest.mark.parametrize(
    ("scope", "members"),
    [
        pytest.param({"type": "lifespan"}, None, id="lifespan"),
        pytest.param({"type": "http", "extensions": None}, 6, id="extensions is None"),
        pytest.param({"type": "websocket", "extensions": {"other": {}}}, 6, id="beside another"),
        pytest.param({"type": "http", "extensions": {"tls": None}}, 6, id="the server's is None"),
        pytest.param({"type": "unknown"}, None, id="another type of scope"),
    ],
)
def test_where_it_is_written(scope: Scope, members: int | None, pki: Path) -> None:
    """Only where a request is, and never into the server's dict."""
    found = written(scope, pki)
    assert (found if members is None else len(found)) == members


@pytest.mark.parametrize(
    ("theirs", "stays"),
    [
        pytest.param(
            {"server_cert": "S", "client_cert_chain": ["C"], "client_cert_name": "CN=c", "tls_version": 1},
            {"server_cert": "S", "client_cert_chain": ["C"], "client_cert_name": "CN=c", "tls_version": 1},
            id="version 0.2",
        ),
        pytest.param({"client_cert_chain": ("C",), "spec_version": "0.3"}, {"client_cert_chain": ("C",)}, id="a chain"),
        pytest.param({"client_cert": b"D"}, {"client_cert": b"D", "client_cert_chain": ()}, id="a leaf"),
        pytest.param({"client_cert_chain": ()}, {"client_cert_chain": ()}, id="a chain that is empty"),
        pytest.param({"client_cert_error": "expired"}, {"client_cert_error": "expired"}, id="a fault"),
    ],
)
def test_what_the_server_says_stays(theirs: dict[str, Any], stays: dict[str, Any], pki: Path) -> None:
    """All shapes proposed so far are kept, and filled up to version 0.2."""
    found = written({"type": "http", "extensions": {"tls": theirs}}, pki)
    assert found.keys() == KEYS | theirs.keys()
    assert {name: found[name] for name in stays} == stays
    assert found["cipher_suite"] == 0x1302


def test_plaintext_has_none() -> None:
    """The extension is forbidden where no TLS is spoken."""
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    async def nothing(*_: Any) -> Any: ...

    anyio.run(with_tls_extension(app), {"type": "http", "scheme": "http"}, nothing, nothing)  # type: ignore[arg-type]
    assert "extensions" not in seen[0]


def test_what_is_no_mapping_is_left(pki: Path) -> None:
    """What has no shape at all is not repaired: whoever reads the certificate refuses it."""
    assert written({"type": "http", "extensions": {"tls": "spoilt"}}, pki) == "spoilt"


def test_the_servers_own_certificate(pki: Path) -> None:
    """As text, or asked for by connection: the files may be exchanged while others are open."""
    scope = {"type": "http"}
    assert written(scope, pki)["server_cert"] is None
    assert written(scope, pki, server_cert="PEM")["server_cert"] == "PEM"
    assert written(scope, pki, server_cert=lambda tls: tls.version())["server_cert"] == "TLSv1.3"


@pytest.mark.parametrize("certificate", [b"", b"\x30\x00"], ids=["nothing", "an empty sequence"])
def test_what_cannot_be_read_has_no_subject(certificate: bytes) -> None:
    """It is refused where the chain is verified."""
    assert subject_of(certificate) is None


@given(st.binary(max_size=64))
def test_any_bytes_have_a_subject_or_none(certificate: bytes) -> None:
    """Never an exception: what cannot be read is refused where the chain is verified."""
    assert subject_of(certificate) is None
