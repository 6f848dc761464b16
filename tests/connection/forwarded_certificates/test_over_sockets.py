"""The matrix: what is forged x format x peer, through secure() and uvicorn over real TLS. v5.0.0-4.1.3, 12.1.3."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asvs_middleware import ClientCertificates, SecurityPolicy, public, secure, sensitive
from asvs_middleware.connection import ForwardedCertificates
from asvs_middleware.connection.forwarded_certificates import FORMATS
from asvs_middleware.server.pki import DevelopmentCA, Issued

Fields = list[tuple[str, str]]
Write = Callable[..., dict[str, str]]

PEER, PROXY, STRANGER = "127.0.0.1", "127.0.0.2", "127.0.0.3"
OUTCOMES = {
    "client_certificate_missing": "missing",
    "client_certificate_refused": "refused",
    "client_certificate_identity": "identity",
}


class PKI:
    """A CA for clients, one for servers, and one that nobody trusts."""

    def __init__(self, folder: Path) -> None:
        self.at = datetime.now(UTC)
        self.folder = folder
        self.servers, self.clients, self.foreign = (
            DevelopmentCA.root(name, at=self.at) for name in ("Servers", "Clients", "Foreign")
        )
        self.server = self.servers.issue_server("localhost", "127.0.0.1", at=self.at)
        self.good, self.other = self.client("client"), self.client("other")
        self.strange = self.client("client", ca=self.foreign)
        (folder / "ca.pem").write_bytes(self.clients.pem)
        for name, one in {"server": self.server, "other": self.other}.items():
            (folder / f"{name}.pem").write_bytes(one.pem)
            (folder / f"{name}.key").write_bytes(one.key_pem)

    def client(self, name: str, *, ca: DevelopmentCA | None = None) -> Issued:
        return (ca or self.clients).issue_client(name, uris=[f"spiffe://localhost/{name}"], at=self.at)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    return PKI(tmp_path_factory.mktemp("pki"))


def secured(pki: PKI, form: str) -> Any:
    @sensitive(client_certificate="spiffe://localhost/")
    async def who(request: Request) -> JSONResponse:
        caller = request.state.caller
        assert caller.certificate.source == ("tls" if request.client.host == STRANGER else f"forwarded:{form}")
        return JSONResponse(caller.subject[1].rpartition("/")[2])

    @public(reason="shows what arrived in a test")
    async def fields(request: Request) -> JSONResponse:
        return JSONResponse([name for name, _ in request.headers.items()])

    policy = SecurityPolicy.api(
        hosts=["127.0.0.1"],
        trusted_proxies=[PEER, PROXY],
        client_certificates=ClientCertificates(trust=pki.folder / "ca.pem"),
        forwarded_certificates=ForwardedCertificates(form, peers=[PEER]),
    )
    return secure(Starlette(routes=[Route("/who", who), Route("/fields", fields)]), policy)


Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask(pki: PKI) -> Iterator[Ask]:
    """Ask the app of one format, from one address, with or without a certificate of one's own."""
    apps = {form: secured(pki, form) for form in FORMATS}

    async def dispatch(scope: Any, receive: Any, send: Any) -> None:
        """Hand over to one app; `receive` is the server's own, so the transport stays in sight."""
        _, form, path = scope["path"].split("/")
        await apps[form]({**scope, "path": f"/{path}", "raw_path": f"/{path}".encode()}, receive, send)

    config = uvicorn.Config(
        dispatch,
        lifespan="off",
        log_level="warning",
        ssl_certfile=pki.folder / "server.pem",
        ssl_keyfile=pki.folder / "server.key",
        ssl_ca_certs=str(pki.folder / "ca.pem"),
        ssl_cert_reqs=ssl.CERT_OPTIONAL,
    )
    server, listener = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    base = f"https://127.0.0.1:{listener.getsockname()[1]}"
    clients: dict[Any, httpx.Client] = {}

    def ask(form: str, path: str, fields: Fields, *, source: str = PEER, own: bool = False) -> Any:
        if (source, own) not in clients:
            context = ssl.create_default_context(cadata=pki.servers.pem.decode())
            if own:
                context.load_cert_chain(pki.folder / "other.pem", pki.folder / "other.key")
            transport = httpx.HTTPTransport(verify=context, local_address=source, trust_env=False)
            clients[source, own] = httpx.Client(transport=transport, base_url=base)
        response = clients[source, own].get(f"/{form}/{path}", headers=fields)
        if response.status_code == 403:
            return OUTCOMES[response.json()["type"].rpartition(":")[2]]
        assert response.status_code == 200
        return response.json()

    yield ask
    for client in clients.values():
        client.close()
    server.should_exit = True
    thread.join(timeout=20)
    listener.close()


def der(*issued: Issued) -> tuple[bytes, ...]:
    return tuple(ssl.PEM_cert_to_DER_cert(one.pem.decode()) for one in issued)


def honest(form: str, pki: PKI, write: Write) -> Fields:
    return list(write(form, der(pki.good)).items())


def of_another_format(form: str, pki: PKI, write: Write) -> Fields:
    own = ForwardedCertificates(form, peers=[PEER]).own
    others = [pair for one in FORMATS for pair in write(one, der(pki.good)).items()]
    return [pair for pair in others if pair[0].encode() not in own]


def underscored(form: str, pki: PKI, write: Write) -> Fields:
    return [(name.replace("-", "_"), value) for name, value in honest(form, pki, write)]


def with_lookalike(form: str, pki: PKI, write: Write) -> Fields:
    return [*write(form, der(pki.other)).items(), *underscored(form, pki, write)]


def twice(form: str, pki: PKI, write: Write) -> Fields:
    return [*write(form, der(pki.other)).items(), *honest(form, pki, write)]


def changed(fields: Fields, change: Callable[[str], str]) -> Fields:
    """Change the longest field, which is the certificate."""
    longest = max((value for _, value in fields), key=len)
    return [(name, change(value) if value == longest else value) for name, value in fields]


def cut_short(form: str, pki: PKI, write: Write) -> Fields:
    return changed(honest(form, pki, write), lambda value: value[: len(value) // 2 + 1])


def too_large(form: str, pki: PKI, write: Write) -> Fields:
    return changed(honest(form, pki, write), lambda value: value + "A" * 16_384)


def of_a_foreign_ca(form: str, pki: PKI, write: Write) -> Fields:
    return list(write(form, der(pki.strange)).items())


def nothing(form: str, pki: PKI, write: Write) -> Fields:
    return []


SENT: list[tuple[Callable[..., Fields], str]] = [
    (honest, "client"),
    (nothing, "missing"),
    (of_another_format, "missing"),
    (underscored, "refused"),
    (with_lookalike, "refused"),
    (twice, "refused"),
    (cut_short, "refused"),
    (too_large, "refused"),
    (of_a_foreign_ca, "refused"),
]


@pytest.mark.parametrize(("sent", "outcome"), SENT, ids=[sent.__name__ for sent, _ in SENT])
def test_the_matrix(*, form: str, sent: Any, outcome: str, pki: PKI, ask: Ask, write: Write) -> None:
    """Only what the configured peer writes in its format counts, and never its own certificate.

    From a trusted proxy that forwards no certificates, nothing counts. From a stranger, the one it has itself.
    """
    fields = sent(form, pki, write)
    assert ask(form, "who", fields) == outcome
    assert ask(form, "who", fields, own=True) == outcome
    assert ask(form, "who", fields, source=PROXY) == "missing"
    assert ask(form, "who", fields, source=PROXY, own=True) == "missing"
    assert ask(form, "who", fields, source=STRANGER) == "missing"
    assert ask(form, "who", fields, source=STRANGER, own=True) == "other"


@pytest.mark.parametrize("source", [PEER, PROXY, STRANGER])
def test_what_the_app_sees(form: str, source: str, pki: PKI, ask: Ask, write: Write) -> None:
    """On a public route nothing is refused, and no field is left that did not come from where it should."""
    sent = [*honest(form, pki, write), *underscored(form, pki, write), *of_another_format(form, pki, write)]
    seen = set(ask(form, "fields", sent, source=source)) & {name for name, _ in sent}
    assert seen == ({name for name, _ in honest(form, pki, write)} if source == PEER else set())
