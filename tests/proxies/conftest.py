"""Real proxies in front of a secured app, each with the very file its how-to shows: only the two ports are others."""

import random
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asvs_middleware import ClientCertificates, SecurityPolicy, public, secure, sensitive
from asvs_middleware.connection import ForwardedCertificates
from asvs_middleware.server.pki import DevelopmentCA, Issued

PAGE = Path(__file__).parents[2] / "docs/how-to/behind-a-proxy-with-mtls.md"
SUBJECT = "spiffe://localhost/"

COMMANDS = {
    "nginx.conf": ["nginx", "-p", ".", "-c", "nginx.conf", "-g", "daemon off; pid nginx.pid; error_log stderr;"],
    "haproxy.cfg": ["haproxy", "-db", "-f", "haproxy.cfg"],
    "haproxy-rfc9440.cfg": ["haproxy", "-db", "-f", "haproxy-rfc9440.cfg"],
    "Caddyfile": ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
    "httpd.conf": ["apache2", "-X", "-d", ".", "-f", "httpd.conf"],
}


@dataclass(frozen=True)
class Proxy:
    """A running proxy, and clients for it."""

    port: int
    app_port: int
    folder: Path

    def get(
        self,
        path: str = "/batch",
        *,
        client: str | None = None,
        headers: Any = (),
        port: int = 0,
        source: str | None = None,
    ) -> httpx.Response:
        """Ask once, over a connection of its own: the proxy, or whoever listens at the port, from an address."""
        certs = self.folder / "certs"
        context = ssl.create_default_context(cafile=certs / "ca.pem")
        if client is not None:
            context.load_cert_chain(certs / f"{client}.pem", certs / f"{client}.key")
        transport = httpx.HTTPTransport(verify=context, local_address=source, trust_env=False)
        with httpx.Client(transport=transport) as http:
            return http.get(f"https://localhost:{port or self.port}{path}", headers=list(headers))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `certs/`: what `asvs certs` writes, and clients with something wrong."""
    folder = tmp_path_factory.mktemp("proxies")
    folder.chmod(0o755)
    (folder / "certs").mkdir()
    at = datetime.now(UTC)
    root, clients = DevelopmentCA.root("Servers", at=at), DevelopmentCA.root("Clients", at=at)
    below, foreign = clients.issue_authority("Clients below", at=at), DevelopmentCA.root("Clients", at=at)

    def client(ca: DevelopmentCA, name: str, *, issued: datetime = at) -> Issued:
        return ca.issue_client(name, uris=[SUBJECT + name], at=issued)

    made = {
        "server": root.issue_server("localhost", "127.0.0.1", at=at),
        "client": client(clients, "client"),
        "deep": client(below, "deep"),
        "revoked": client(clients, "revoked"),
        "foreign": client(foreign, "foreign"),
        "expired": client(clients, "expired", issued=at - timedelta(days=200)),
        "proxy": client(clients, "proxy"),
    }
    lists = clients.crl([made["revoked"].certificate], at=at), below.crl(at=at)
    files = {
        "ca.pem": root.pem,
        "clients-ca.pem": clients.pem,
        "clients-below.pem": below.pem,
        "haproxy.pem": made["server"].pem + made["server"].key_pem,
        "clients.crl": b"".join(one.public_bytes(Encoding.PEM) for one in lists),
        **{f"{name}.pem": one.pem for name, one in made.items()},
        **{f"{name}.key": one.key_pem for name, one in made.items()},
    }
    for name, content in files.items():
        (folder / "certs" / name).write_bytes(content)
    return folder


def secured(folder: Path, form: str) -> Any:
    """Return the app: one route for a client with a certificate, and one that says which fields arrived."""

    @sensitive(client_certificate=SUBJECT)
    async def batch(request: Request) -> JSONResponse:
        return JSONResponse(request.state.caller.subject[1])

    @public(reason="shows what arrived in a test")
    async def fields(request: Request) -> JSONResponse:
        return JSONResponse(request.headers.items())

    certs = folder / "certs"
    policy = SecurityPolicy.api(
        hosts=["localhost"],
        trusted_proxies=["127.0.0.0/8"],
        client_certificates=ClientCertificates(
            trust=certs / "clients-ca.pem", crls=[certs / "clients.crl"], intermediates=[certs / "clients-below.pem"]
        ),
        forwarded_certificates=ForwardedCertificates(form, peers=["127.0.0.1"]),
    )
    return secure(Starlette(routes=[Route("/batch", batch), Route("/fields", fields)]), policy)


@contextmanager
def serving(app: Any, folder: Path) -> Iterator[int]:
    """Serve over TLS, as a server that asks every peer for a certificate: the proxy may have one of its own."""
    certs = folder / "certs"
    config = uvicorn.Config(
        app,
        log_level="warning",
        lifespan="off",
        ssl_certfile=certs / "server.pem",
        ssl_keyfile=certs / "server.key",
        ssl_ca_certs=str(certs / "clients-ca.pem"),
        ssl_cert_reqs=ssl.CERT_OPTIONAL,
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()


def free_port() -> int:
    """Return a port for a program that opens it itself, on every address: none of those connections are made from."""
    while True:
        port = random.randrange(15_000, 32_000)
        with suppress(OSError), socket.create_server(("", port)):
            return port


@contextmanager
def running(name: str, text: str, folder: Path, app_port: int) -> Iterator[Proxy]:
    """Run the proxy with this configuration until it accepts connections, and end it afterwards."""
    port = free_port()
    (folder / name).write_text(text.replace("8443", str(port)).replace("8000", str(app_port)))
    if name == "httpd.conf" and not (folder / "modules").exists():
        (folder / "modules").symlink_to("/usr/lib/apache2/modules")
    log = folder / f"{name}.log"
    environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with log.open("wb") as said:
        process = subprocess.Popen(COMMANDS[name], cwd=folder, stdout=said, stderr=said, env=environment)
    try:
        until = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.02)
        yield Proxy(port, app_port, folder)
    finally:
        process.terminate()
        process.wait(timeout=10)


def shown(name: str) -> str:
    """Return a file as the how-to shows it."""
    [text] = re.findall(rf"^```\w*\n(# {re.escape(name)}\n.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(text)


@pytest.fixture(scope="session")
def behind(folder: Path) -> Callable[..., AbstractContextManager[Proxy]]:
    """Run the app behind a proxy: `with behind("nginx.conf", "nginx") as proxy`."""

    @contextmanager
    def behind(name: str, form: str, *, change: Callable[[str], str] = str) -> Iterator[Proxy]:
        program = COMMANDS[name][0]
        if shutil.which(program, path="/usr/sbin:/usr/bin:/bin") is None:
            pytest.skip(f"{program} is not installed: apt-get install {PACKAGES[program]}")
        text = change(shown(name))
        with serving(secured(folder, form), folder) as port, running(name, text, folder, port) as proxy:
            yield proxy

    return behind


PACKAGES = {"nginx": "nginx-light", "haproxy": "haproxy", "caddy": "caddy", "apache2": "apache2-bin"}
