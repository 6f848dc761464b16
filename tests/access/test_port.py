"""A port that needs a client certificate, certificates that come in several ways, and patterns on routes."""

import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.access.admission import admitted
from asvs_middleware.access.guard import Guard
from asvs_middleware.access.port import shut
from asvs_middleware.certificates import ClientCertificateVerifier, IdentityPattern
from asvs_middleware.certificates.leaf import digests
from asvs_middleware.connection import Networks, connection_reader, presented_chain
from asvs_middleware.errors import ConfigurationError, Misconfigured
from asvs_middleware.server import ServerPolicy, serve
from asvs_middleware.server.pki import write_development_pki
from asvs_middleware.stack import stack_of
from asvs_middleware.tls import server_context

pytestmark = pytest.mark.anyio


@public(reason="open to whoever may connect")
async def endpoint(request: Request) -> JSONResponse:
    return JSONResponse({})


@sensitive(client_certificate=True)
async def marked(request: Request) -> JSONResponse:
    proof = request.state.caller.certificate
    return JSONResponse({"source": proof.source, "resumed": proof.resumed})


def an_app(clients: Any, **choices: Any) -> Any:
    policy = SecurityPolicy.api(hosts=["api.example.com"], client_certificates=replace(clients.policy, **choices))
    return secure(Starlette(routes=[Route("/public", endpoint), Route("/marked", marked)]), policy)


@pytest.mark.parametrize(
    ("choices", "shown", "status", "code"),
    [
        pytest.param({}, None, 200, None, id="per route: nobody is asked"),
        pytest.param({}, "foreign", 200, None, id="per route: a stranger is not looked at"),
        pytest.param({"required": True}, "batch", 200, None, id="whole port: shown"),
        pytest.param({"required": True}, None, 403, "client_certificate_missing", id="whole port: none"),
        pytest.param({"required": True}, "foreign", 403, "client_certificate_refused", id="whole port: a stranger"),
        pytest.param({"required": True}, "revoked", 403, "client_certificate_refused", id="whole port: revoked"),
        pytest.param(
            {"required": True, "identities": ["spiffe://example.org/batch/"]}, "batch", 200, None, id="one of those"
        ),
        pytest.param(
            {"required": True, "identities": ["spiffe://example.org/batch/"]},
            "other",
            403,
            "client_certificate_identity",
            id="none of those",
        ),
    ],
)
async def test_public_routes(
    *, choices: Any, shown: Any, status: int, code: str | None, clients: Any, showing: Any, ask: Any, events: Any
) -> None:
    """`required` shuts the whole port, public routes too, on every request and not only on the first."""
    app = showing(an_app(clients, **choices), shown and getattr(clients, shown))
    for _ in range(3):
        response = await ask(app, "/public")
        assert response.status_code == status
        assert code is None or response.json()["type"].endswith(f":{code}")
    assert [event["code"] for event in events() if "code" in event] == [code] * 3 * (code is not None)


async def test_each_request_is_looked_at(clients: Any, showing: Any, ask: Any) -> None:
    """Who was let in clears the way for nobody else."""
    app = an_app(clients, required=True)
    for shown, status in [(clients.batch, 200), (None, 403), (clients.batch, 200), (clients.foreign, 403)]:
        assert (await ask(showing(app, shown), "/public")).status_code == status


async def test_websockets(clients: Any, showing: Any, drive: Any) -> None:
    """A WebSocket handshake is a request."""
    wire = await drive(showing(an_app(clients, required=True), None), "/public", type="websocket")
    assert "websocket.accept" not in [message["type"] for message in wire.sent]


async def test_identities_without_required(clients: Any, showing: Any, ask: Any) -> None:
    """The policy's identities hold beside the route's, wherever a certificate is looked at."""
    app = an_app(clients, identities=["spiffe://example.org/batch/"])
    assert (await ask(showing(app, clients.batch), "/marked")).status_code == 200
    assert (await ask(showing(app, clients.other), "/marked")).status_code == 403
    assert (await ask(showing(app, clients.other), "/public")).status_code == 200


async def test_lifespan(clients: Any, drive: Any) -> None:
    """Starting up is no request."""
    app = an_app(clients, required=True)
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    wire = await drive(app, type="lifespan", incoming=incoming)
    assert [message["type"] for message in wire.sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    await shut(app, Guard(tokens=None, certificates=None, clock=lambda: 0.0))({"type": "lifespan"}, *[receiver] * 2)


async def receiver(*_message: Any) -> dict[str, Any]:
    return {"type": "lifespan.shutdown"}


async def test_past_the_layer(clients: Any, drive: Any) -> None:
    """Where no layer would answer the refusal, nobody is served."""
    guard = Guard(tokens=None, certificates=ClientCertificateVerifier(clients.policy), clock=time.time)
    wire = await drive(shut(Starlette(routes=[Route("/public", endpoint)]), guard), "/public")
    assert isinstance(wire.raised, Misconfigured)
    assert wire.sent == []


async def test_without_a_verifier(clients: Any, showing: Any, ask: Any) -> None:
    """What cannot be verified is not let in."""
    app = an_app(clients, required=True)
    stack_of(app).guard.certificates = None
    assert (await ask(showing(app, clients.batch), "/public")).status_code == 500


async def test_in_a_rehearsal(clients: Any, showing: Any, ask: Any) -> None:
    """The app's own policy shuts the port, also while a test's policy stands in for it."""
    app = an_app(clients, required=True)
    stack_of(app).guard.certificates = ClientCertificateVerifier(clients.policy)
    assert (await ask(showing(app, clients.batch), "/public")).status_code == 200
    assert (await ask(showing(app, None), "/public")).status_code == 403


async def test_unknown_paths(clients: Any, showing: Any, ask: Any) -> None:
    """A stranger does not even learn which paths there are."""
    app = an_app(clients, required=True)
    assert (await ask(showing(app, None), "/nothing")).status_code == 403
    assert (await ask(showing(app, clients.batch), "/nothing")).status_code == 404


@pytest.fixture
def a_connection() -> Callable[[Any], Any]:
    """Read a request of a connection over this TLS object."""
    read = connection_reader(Networks([]))

    class Cycle:
        def __init__(self, tls: Any) -> None:
            self.transport, self.tls = self, tls

        def get_extra_info(self, name: str) -> Any:
            return {"peername": ("192.0.2.7", 1), "ssl_object": self.tls}.get(name)

        async def receive(self) -> None: ...

    scope = {"type": "http", "scheme": "https", "method": "GET", "path": "/", "headers": [(b"host", b"x")]}
    return lambda tls: read({**scope}, Cycle(tls).receive)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_resumed(version: ssl.TLSVersion, tmp_path: Path, clients: Any, a_connection: Any) -> None:
    """A proof says of a resumed session that it is one: a client of TLS 1.2 can still resume, and is verified again."""
    write_development_pki(tmp_path, at=datetime.now(UTC))
    (tmp_path / "me.pem").write_bytes(clients.batch.pem + clients.batch.key_pem)
    server = server_context(
        certfile=tmp_path / "server.pem",
        keyfile=tmp_path / "server.key",
        client_ca=clients.policy.trust,
        client_certificates="required",
        at=datetime.now(UTC),
    )
    client = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    client.maximum_version = client.minimum_version = version
    client.load_cert_chain(tmp_path / "me.pem")
    verifier = ClientCertificateVerifier(clients.policy)
    session, resumed = None, []
    for _ in range(2):
        ours, theirs = handshake(server, client, session)
        session = theirs.session
        connection = a_connection(ours)
        proof = admitted(verifier, connection, presented_chain(connection), at=datetime.now(UTC))
        assert proof is not None
        assert (proof.der, proof.source, proof.resumed) == (clients.batch.der, "tls", ours.session_reused)
        resumed.append(proof.resumed)
    assert resumed == [False, version is ssl.TLSVersion.TLSv1_2]


def handshake(
    server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Return both sides of a finished handshake in memory."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname="localhost", session=session)
    waiting = [theirs, ours]
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)
    return ours, theirs


async def test_patterns_on_routes(clients: Any, showing: Any, ask: Any) -> None:
    """A route may ask for an identity together with the CA that vouches for it."""
    proof = ClientCertificateVerifier(clients.policy).verify(clients.batch.der, at=datetime.now(UTC))
    [_, spki] = digests(proof.chain[1])

    def app(issuer: str) -> Any:
        pattern = IdentityPattern("spiffe://example.org/batch/", issuer=issuer)
        route = sensitive(client_certificate=pattern)(lambda request: JSONResponse({}))
        policy = SecurityPolicy.api(hosts=["api.example.com"], client_certificates=clients.policy)
        return showing(secure(Starlette(routes=[Route("/", route)]), policy), clients.batch)

    assert (await ask(app(spki), "/")).status_code == 200
    assert (await ask(app(digests(clients.foreign.der)[1]), "/")).status_code == 403


def test_the_server_has_to_insist(clients: Any, tmp_path: Path) -> None:
    """`asvs serve` does not start an app that shuts its port with a handshake that does not."""
    write_development_pki(tmp_path, at=datetime.now(UTC))
    policy = ServerPolicy(
        certfile=tmp_path / "server.pem", keyfile=tmp_path / "server.key", client_ca=clients.policy.trust, port=0
    )
    with pytest.raises(ConfigurationError, match="--client-certificates required"):
        serve(an_app(clients, required=True), policy)
