"""A real `asvs serve` for public scanners: the command itself, in a process of its own, with its own PKI."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from asvs_middleware.server.pki import DevelopmentCA

ROOT = Path(__file__).parents[2]
HOST = "api.example.com"

APP = f"""
from asvs_middleware import SecurityPolicy, public, secure
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


@public(reason="a page to scan")
async def page(request):
    return PlainTextResponse("Hello.")


app = secure(Starlette(routes=[Route("/", page)]), SecurityPolicy.web(hosts=["{HOST}"]))
"""

Serve = Callable[..., int]


@pytest.fixture(scope="session")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the app, the CA, and the pairs ec.pem/ec.key and rsa.pem/rsa.key."""
    folder, at = tmp_path_factory.mktemp("scanned"), datetime.now(UTC)
    (folder / "scanned_app.py").write_text(APP)
    root = DevelopmentCA.root("Scanned root", at=at)
    (folder / "ca.pem").write_bytes(root.pem)
    issuing = root.issue_authority("Scanned servers", at=at)
    for name, key in (("ec", None), ("rsa", rsa.generate_private_key(65537, 2048))):
        issued = issuing.issue_server(HOST, at=at, days=89, key=key)  # type: ignore[arg-type]  # RSA is for tests.
        own: CertificateIssuerPrivateKeyTypes = key or issued.key
        (folder / f"{name}.pem").write_bytes(issued.pem)
        (folder / f"{name}.key").touch(mode=0o600)
        (folder / f"{name}.key").write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder


@contextmanager
def serving(folder: Path, pair: str, *options: str) -> Iterator[int]:
    command = [sys.executable, "-m", "asvs_middleware", "serve", "scanned_app:app", "--app-dir", str(folder)]
    first, _, second = pair.partition("+")
    files = ["--certfile", str(folder / f"{first}.pem"), "--keyfile", str(folder / f"{first}.key")]
    if second:
        files += ["--other-certificate", str(folder / f"{second}.pem"), str(folder / f"{second}.key")]
    log = folder / f"{pair}{''.join(options)}.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [*command, *files, "--port", "0", "--log-format", "json", *options],
            cwd=ROOT,
            stderr=stderr,
            stdout=subprocess.DEVNULL,
        )
    try:
        yield port_in(log, process)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def port_in(log: Path, process: subprocess.Popen[bytes]) -> int:
    """Wait for the event of the start, and return the port it names."""
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        text = log.read_text()
        if started := [line for line in text.splitlines(keepends=True) if "sys_startup" in line and "\n" in line]:
            assert "groups_not_limited" not in text
            return int(urlsplit(json.loads(started[0])["url"]).port or 0)
        time.sleep(0.05)
    raise AssertionError(f"asvs serve did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def serve(scanned: Path) -> Iterator[Serve]:
    """Return the port of a server with this pair, or "ec+rsa", and these options; one server for each question."""
    running = dict[tuple[str, ...], int]()
    with ExitStack() as stack:

        def serve(pair: str, *options: str) -> int:
            if (pair, *options) not in running:
                running[pair, *options] = stack.enter_context(serving(scanned, pair, *options))
            return running[pair, *options]

        yield serve


def program(name: str, where: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(str(one) for one in ROOT.glob(".venv*/bin")))
    if found is None:
        pytest.skip(f"{name} is not here: {where}")
    return found


@pytest.fixture(scope="session")
def sslscan() -> str:
    """The program sslscan."""
    return program("sslscan", "apt-get install sslscan")


@pytest.fixture(scope="session")
def testssl() -> str:
    """The program testssl, as Debian calls it."""
    return program("testssl", "apt-get install testssl.sh")


@pytest.fixture(scope="session")
def sslyze_program() -> str:
    """The program sslyze, from an environment of its own."""
    return program("sslyze", "python -m venv .venv-sslyze && .venv-sslyze/bin/pip install sslyze==6.3.1")
