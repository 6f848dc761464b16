"""Lists and answers over sockets: from named addresses alone, bounded, and as OpenSSL's own responder gives them."""

import asyncio
import contextlib
import http.server
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, secure, sensitive
from asvs_middleware.certificates import ClientCertificates, ClientCertificateVerifier
from asvs_middleware.certificates.revocation.ocsp_responder import Responder
from asvs_middleware.certificates.revocation.policy import RevocationPolicy
from asvs_middleware.certificates.revocation.service import RevocationService
from asvs_middleware.errors import AccessDenied, ConfigurationError, DependencyUnavailable
from asvs_middleware.outbound import OutboundPolicy, revocation_lists
from asvs_middleware.outbound.revocation_lists import RevocationLists, supplied
from asvs_middleware.server.keys.reload_parts import ClientFiles
from asvs_middleware.server.pki import DevelopmentCA, Issued
from asvs_middleware.stack import stack_of

REASON = "the responder speaks http only"
OPENSSL = shutil.which("openssl")


@dataclass
class Site:
    """An HTTP server of a CA; what it answers can be changed while it runs."""

    port: int = 0
    scheme: str = "http"
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    responder: Callable[[bytes], bytes] | None = None
    pause: float = 0.0

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    def url(self, path: str = "/ca.crl") -> str:
        return f"{self.scheme}://{self.host}{path}"


@pytest.fixture
def site() -> Iterator[Callable[..., Site]]:
    """Start such a server, over TLS if given a certificate."""
    with contextlib.ExitStack() as stack:

        def start(leaf: trustme.LeafCert | None = None) -> Site:
            found = Site(scheme="https" if leaf else "http")
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
            if leaf:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                leaf.configure_cert(context)
                server.socket = context.wrap_socket(server.socket, server_side=True)
            found.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(server.server_close)
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return found

        yield start


def _handler(site: Site) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer(b"")

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers["content-length"])))

        def answer(self, body: bytes) -> None:
            site.asked.append(
                (self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            )
            time.sleep(site.pause)
            status, headers, data = site.answers.get(self.path, (404, {}, b""))
            if site.responder and self.command == "POST":
                status, headers, data = 200, {"content-type": "application/ocsp-response"}, site.responder(body)
            if headers.get("etag") and self.headers["if-none-match"] == headers["etag"]:
                status, data = 304, b""
            self.send_response(status)
            for name, value in {"content-length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # The caller hung up.
                self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def clients(now: datetime) -> DevelopmentCA:
    return DevelopmentCA.root("Clients", at=now)


@pytest.fixture
def client(clients: DevelopmentCA, now: datetime) -> Issued:
    return clients.issue_client("batch", dns=["batch.example"], at=now)


def fetcher(*urls: str, **choices: Any) -> RevocationLists:
    return RevocationLists(RevocationPolicy(lists=urls, dangerously_over_http=REASON, **choices))


def fetch(fetching: RevocationLists, url: str, **choices: Any) -> Any:
    return asyncio.run(fetching.fetch_list(url, **choices))


class TestLists:
    """GET, with an entity tag where there is one."""

    def test_over_tls(self, site: Callable[..., Site], ca: trustme.CA, policy: OutboundPolicy) -> None:
        """Over https the outbound policy says whom to trust."""
        served = site(ca.issue_cert("localhost"))
        served.answers["/ca.crl"] = (200, {"etag": '"1"'}, b"list")
        fetching = RevocationLists(RevocationPolicy(lists=[served.url()], outbound=policy))
        document = fetch(fetching, served.url())
        assert (document.data, document.tag) == (b"list", '"1"')
        assert fetch(fetching, served.url(), tag='"1"') is None
        assert fetch(fetching, served.url(), tag='"0"') == document
        with pytest.raises(DependencyUnavailable, match="A fetch failed: ConnectError"):
            fetch(RevocationLists(RevocationPolicy(lists=[served.url()])), served.url())

    def test_over_http(self, site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> None:
        """With a reason, plaintext is spoken to the named address: no proxy, no compression, no cookie."""
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        served = site()
        served.answers["/ca.crl"] = (200, {"etag": "x" * 300}, b"list")
        document = fetch(fetcher(served.url()), served.url())
        assert (document.data, document.tag) == (b"list", None)  # A tag of that length is not sent back.
        ((method, path, headers, _),) = served.asked
        assert (method, path, headers["accept-encoding"]) == ("GET", "/ca.crl", "identity")
        assert "cookie" not in headers

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            pytest.param((404, {}, b""), "answered with status 404", id="not found"),
            pytest.param((304, {}, b""), "answered with status 304", id="not modified, without a question"),
            pytest.param((206, {}, b"half"), "answered with status 206", id="a part"),
            pytest.param((302, {"location": "/other.crl"}, b""), "answered with status 302", id="a redirect"),
            pytest.param((200, {"content-encoding": "gzip"}, b"x"), "is compressed", id="compressed"),
            pytest.param((200, {}, b"x" * 2000), "longer than 1000 bytes", id="too long"),
        ],
    )
    def test_refused(
        self,
        site: Callable[..., Site],
        monkeypatch: pytest.MonkeyPatch,
        *,
        answer: tuple[int, dict[str, str], bytes],
        message: str,
    ) -> None:
        """v5.0.0-13.2.6: everything but a whole answer within bounds is none."""
        monkeypatch.setattr(revocation_lists, "LARGEST_LIST", 1000)
        served = site()
        served.answers |= {"/ca.crl": answer, "/other.crl": (200, {}, b"other")}
        with pytest.raises(DependencyUnavailable, match=message) as refusal:
            fetch(fetcher(served.url()), served.url())
        assert refusal.value.facts == {"reason_code": "revocation_unavailable"}
        assert [path for _, path, _, _ in served.asked] == ["/ca.crl"]

    def test_too_slow(self, site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> None:
        """The time for all of it is bounded."""
        monkeypatch.setattr(revocation_lists, "LIST_TIME", timedelta(seconds=0.1))
        served = site()
        served.pause = 0.3
        with pytest.raises(DependencyUnavailable, match=r"not over after 0\.1 seconds|Timeout"):
            fetch(fetcher(served.url()), served.url())

    def test_nobody_there(self) -> None:
        """A refused connection is a fetch that failed."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/ca.crl"
        with pytest.raises(DependencyUnavailable, match="A fetch failed: ConnectError"):
            fetch(fetcher(url), url)

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param("http://127.0.0.1:{port}/ca.crl", id="another host"),
            pytest.param("http://localhost:1/ca.crl", id="another port"),
            pytest.param("http://localhost/ca.crl", id="the port of http"),
            pytest.param("https://localhost:{port}/ca.crl", id="https, where http was named"),
            pytest.param("ftp://localhost:{port}/ca.crl", id="another scheme"),
            pytest.param("http://", id="no host"),
            pytest.param("http://[", id="no URL"),
        ],
    )
    def test_addresses(self, site: Callable[..., Site], *, other: str) -> None:
        """v5.0.0-13.2.4: nobody is called whom the operator did not name."""
        served = site()
        served.answers["/ca.crl"] = (200, {}, b"list")
        with pytest.raises(DependencyUnavailable, match="A fetch failed"):
            fetch(fetcher(served.url()), other.format(port=served.port))
        assert served.asked == []

    def test_distribution_points(self, site: Callable[..., Site]) -> None:
        """A host that was named for distribution points is called, over plaintext only with the reason."""
        served = site()
        served.answers["/ca.crl"] = (200, {}, b"list")
        assert fetch(fetcher(distribution_points=[served.host]), served.url()).data == b"list"
        secure = RevocationLists(RevocationPolicy(distribution_points=[served.host]))
        with pytest.raises(DependencyUnavailable, match="not named for plaintext"):
            fetch(secure, served.url())

    @pytest.mark.parametrize("host", ["*.example", "", "crl.example/path", "crl_example:x"])
    def test_refuses_hosts(self, host: str) -> None:
        """What is no exact host stops the start-up."""
        with pytest.raises(ConfigurationError, match="RevocationPolicy got"):
            RevocationLists(RevocationPolicy(distribution_points=[host]))


class TestQuestions:
    """POST, as RFC 6960 appendix A has it."""

    def test_asked(self, site: Callable[..., Site]) -> None:
        """The question is posted as what it is."""
        served = site()
        served.responder = lambda question: question[::-1]
        fetching = fetcher(responders=[Responder(url=served.url("/"))])
        assert asyncio.run(fetching.ask(served.url("/"), b"abc")) == b"cba"
        ((method, path, headers, body),) = served.asked
        assert (method, path, headers["content-type"], body) == ("POST", "/", "application/ocsp-request", b"abc")

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            pytest.param((500, {}, b""), "answered with status 500", id="an error"),
            pytest.param((200, {"content-type": "text/html"}, b"x"), "not of the type", id="a page"),
            pytest.param((200, {}, b"x"), "not of the type", id="no type"),
            pytest.param(
                (200, {"content-type": "application/ocsp-response"}, b"x" * 65537), "longer than 65536", id="too long"
            ),
        ],
    )
    def test_refused(
        self, site: Callable[..., Site], *, answer: tuple[int, dict[str, str], bytes], message: str
    ) -> None:
        """Everything but an answer is none."""
        served = site()
        served.answers["/"] = answer
        with pytest.raises(DependencyUnavailable, match=message):
            asyncio.run(fetcher(responders=[Responder(url=served.url("/"))]).ask(served.url("/"), b"abc"))


@dataclass
class Guarded:
    """A verifier with all that fetches for it."""

    verifier: ClientCertificateVerifier
    service: RevocationService
    now: datetime

    def code(self, client: Issued) -> str:
        """Return what a request with this certificate comes to."""

        async def request() -> str:
            try:
                await self.verifier.informed(lambda: self.verifier.verify(client.der, at=self.now))
            except AccessDenied as refusal:
                return f"{refusal.facts['reason_code']} {refusal.status}"
            return "good"

        return asyncio.run(request())


def guarded(folder: Path, clients: DevelopmentCA, now: datetime, *files: bytes, **choices: Any) -> Guarded:
    (folder / "clients-ca.pem").write_bytes(clients.pem)
    for number, data in enumerate(files):
        (folder / f"{number}.crl").write_bytes(data)
    policy = ClientCertificates(
        trust=folder / "clients-ca.pem",
        crls=[folder / f"{number}.crl" for number in range(len(files))],
        revocation_policy=RevocationPolicy(dangerously_over_http=REASON, **choices),
    )
    verifier = ClientCertificateVerifier(policy)
    service = supplied(verifier)
    assert service is verifier.informant
    assert service
    return Guarded(verifier, service, now)


def test_a_list_end_to_end(
    site: Callable[..., Site], tmp_path: Path, clients: DevelopmentCA, client: Issued, now: datetime
) -> None:
    """From the CA's server to the refusal of the next request, over sockets."""
    served = site()
    checked = guarded(tmp_path, clients, now, lists=[served.url()])
    assert checked.code(client) == "revocation_missing 503"
    for number, revoked in ((1, []), (2, [client.certificate])):
        der = clients.crl(revoked, at=now, number=number).public_bytes(Encoding.DER)
        served.answers["/ca.crl"] = (200, {"etag": f'"{number}"'}, der)
        asyncio.run(checked.service.refresh())
        assert checked.code(client) == ("revoked 403" if revoked else "good")
    asyncio.run(checked.service.refresh())
    assert [headers.get("if-none-match") for _, _, headers, _ in served.asked] == [None, None, '"1"', '"2"']


def test_a_responder_end_to_end(
    site: Callable[..., Site], tmp_path: Path, clients: DevelopmentCA, client: Issued, now: datetime
) -> None:
    """From the question to the answer, over sockets, with the nonce and the CA's signature."""
    served, states = site(), {client.certificate.serial_number: ocsp.OCSPCertStatus.GOOD}

    def answer(question: bytes) -> bytes:
        asked = ocsp.load_der_ocsp_request(question)
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            issuer_name_hash=asked.issuer_name_hash,
            issuer_key_hash=asked.issuer_key_hash,
            serial_number=asked.serial_number,
            algorithm=asked.hash_algorithm,
            cert_status=states.get(asked.serial_number, ocsp.OCSPCertStatus.UNKNOWN),
            this_update=datetime.now(UTC),
            next_update=datetime.now(UTC) + timedelta(hours=1),
            revocation_time=None,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, clients.certificate)
        nonce = asked.extensions.get_extension_for_class(x509.OCSPNonce).value
        return builder.add_extension(nonce, critical=False).sign(clients.key, SHA256()).public_bytes(Encoding.DER)

    served.responder = answer
    checked = guarded(tmp_path, clients, now, responders=[Responder(url=served.url("/"))])
    assert [checked.code(client) for _ in range(3)] == ["good"] * 3
    assert len(served.asked) == 1
    unknown = clients.issue_client("unknown", dns=["unknown.example"], at=now)
    assert checked.code(unknown) == "revocation_unknown 403"


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
@pytest.mark.parametrize("delegated", [False, True], ids=["the CA itself", "a responder of the CA's"])
def test_openssls_responder(tmp_path: Path, clients: DevelopmentCA, now: datetime, *, delegated: bool) -> None:
    """OpenSSL's responder is understood, and what it says of good, revoked and unknown certificates."""
    good, revoked, unknown = (
        clients.issue_client(name, dns=[f"{name}.example"], at=now) for name in ("good", "revoked", "unknown")
    )
    signer: Any = clients
    if delegated:
        signer = clients.issue_client(
            "responder", dns=["ocsp.example"], at=now, purposes=[x509.ExtendedKeyUsageOID.OCSP_SIGNING]
        )
    (tmp_path / "ca.pem").write_bytes(clients.pem)
    (tmp_path / "signer.pem").write_bytes(signer.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "signer.key").write_bytes(signer.key_pem)
    (tmp_path / "index.txt").write_text(
        f"V\t{now + timedelta(days=90):%y%m%d%H%M%SZ}\t\t{good.certificate.serial_number:X}\tunknown\t/CN=good\n"
        f"R\t{now + timedelta(days=90):%y%m%d%H%M%SZ}\t{now:%y%m%d%H%M%SZ}\t{revoked.certificate.serial_number:X}"
        "\tunknown\t/CN=revoked\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = f"ocsp -port {port} -index index.txt -CA ca.pem -rsigner signer.pem -rkey signer.key -ndays 1"
    process = subprocess.Popen(
        [str(OPENSSL), *command.split()], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout
        assert process.stdout.readline().startswith(b"ACCEPT")  # A connection without a question would be its last.
        # The responder's certificate does not say that it needs no check, so a list has to cover it.
        files = [clients.crl(at=now).public_bytes(Encoding.PEM)] if delegated else []
        checked = guarded(tmp_path, clients, now, *files, responders=[Responder(url=f"http://127.0.0.1:{port}/")])
        found = [checked.code(one) for one in (good, revoked, unknown)]
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert found == ["good", "revoked 403", "revocation_unknown 403"]


class TestApp:
    """The whole way: an app, its lifespan, a request that shows a certificate."""

    def app(self, folder: Path, clients: DevelopmentCA, **choices: Any) -> Any:
        @sensitive(client_certificate=True)
        async def secret(request: Request) -> PlainTextResponse:
            return PlainTextResponse("secret")

        (folder / "clients-ca.pem").write_bytes(clients.pem)
        certificates = ClientCertificates(trust=folder / "clients-ca.pem", **choices)
        policy = SecurityPolicy.api(hosts=["api.example.com"], client_certificates=certificates)
        return secure(Starlette(routes=[Route("/secret", secret)]), policy)

    async def status(self, app: Any, client: Issued) -> int:
        """Return what a request with this certificate is answered with."""
        statuses: list[int] = []
        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "https",
            "method": "GET",
            "path": "/secret",
            "query_string": b"",
            "headers": [(b"host", b"api.example.com")],
            "client": ("192.0.2.7", 4711),
            "extensions": {"tls": {"client_cert_chain": [ssl.DER_cert_to_PEM_cert(client.der)]}},
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: dict[str, Any]) -> None:
            statuses.append(message.get("status", 0))

        await app(scope, receive, send)
        return statuses[0]

    @contextlib.asynccontextmanager
    async def started(self, app: Any) -> AsyncIterator[None]:
        """Run the app's lifespan as a server does."""
        up, down = asyncio.Event(), asyncio.Event()

        async def receive() -> dict[str, Any]:
            if not up.is_set():
                return {"type": "lifespan.startup"}
            await down.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: dict[str, Any]) -> None:
            up.set()

        running = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send))
        await up.wait()
        yield
        down.set()
        await running

    def test_lifespan(
        self, site: Callable[..., Site], tmp_path: Path, clients: DevelopmentCA, client: Issued, now: datetime
    ) -> None:
        """The list is there when the app is up; revoked meanwhile, the client is refused on the next request."""
        served = site()
        served.answers["/ca.crl"] = (200, {}, clients.crl(at=now).public_bytes(Encoding.DER))
        choices = RevocationPolicy(lists=[served.url()], dangerously_over_http=REASON)
        app = self.app(tmp_path, clients, revocation_policy=choices)

        async def life() -> list[int]:
            async with self.started(app):
                assert len(served.asked) == 1
                before = await self.status(app, client)
                newer = clients.crl([client.certificate], at=now, number=2)
                served.answers["/ca.crl"] = (200, {}, newer.public_bytes(Encoding.DER))
                await stack_of(app).revocation.refresh()
                return [before, await self.status(app, client)]

        assert asyncio.run(life()) == [200, 403]

    def test_without_lifespan(
        self, site: Callable[..., Site], tmp_path: Path, clients: DevelopmentCA, client: Issued, now: datetime
    ) -> None:
        """Under a server that runs none, the first request has the list fetched; without it, the answer is 503."""
        served = site()
        choices = RevocationPolicy(lists=[served.url()], dangerously_over_http=REASON)
        app = self.app(tmp_path, clients, revocation_policy=choices)
        assert asyncio.run(self.status(app, client)) == 503
        served.answers["/ca.crl"] = (200, {}, clients.crl(at=now).public_bytes(Encoding.DER))
        app = self.app(tmp_path, clients, revocation_policy=choices)
        assert asyncio.run(self.status(app, client)) == 200

    def test_no_revocation(self, tmp_path: Path, clients: DevelopmentCA, client: Issued) -> None:
        """Where nothing is revoked, nothing is fetched."""
        app = self.app(tmp_path, clients)
        assert stack_of(app).revocation is None

        async def life() -> int:
            async with self.started(app):
                return await self.status(app, client)

        assert asyncio.run(life()) == 200
        assert supplied(None) is None

    def test_a_lifespan_that_fails(self, tmp_path: Path, clients: DevelopmentCA, now: datetime) -> None:
        """The app's own error reaches the server as it is, and not in a group."""
        (tmp_path / "clients.crl").write_bytes(clients.crl(at=now).public_bytes(Encoding.DER))
        app = self.app(tmp_path, clients, crls=[tmp_path / "clients.crl"])

        async def receive() -> dict[str, Any]:
            raise ZeroDivisionError

        async def send(message: dict[str, Any]) -> None:
            """Say nothing."""

        with pytest.raises(ZeroDivisionError):
            asyncio.run(app({"type": "lifespan"}, receive, send))


def test_a_reload_wakes(tmp_path: Path, clients: DevelopmentCA, client: Issued, now: datetime) -> None:
    """Where a server reads the files of the policy anew, what is fetched is looked at anew as well."""
    checked = guarded(tmp_path, clients, now)
    part = ClientFiles(checked.verifier)
    part.read(now)()
    assert (checked.verifier.generation, checked.service.is_awake) == (1, True)
    checked.verifier.informant = None
    part.read(now)()
    assert checked.verifier.generation == 2
