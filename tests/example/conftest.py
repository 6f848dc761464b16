"""The whole example, running, and a browser to look at it with."""

import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from asvs_middleware.certificates.pins import spki_sha256
from example_app.processes import everything_running
from example_app.settings import Settings

QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr", "--v=0",
    "--virtual-time-budget=8000",
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    """What a person would see: the document after its scripts ran, and what the console said."""

    document: str
    console: tuple[str, ...]


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """Issuer, partner and payments service, as `./example_app/run --serve` leaves them."""
    with everything_running() as running:
        yield running


@pytest.fixture
def browse(settings: Settings, tmp_path: Path) -> Callable[[str], Page]:
    """Open a page in Chromium, which trusts the service's key and nothing else of ours."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    certificate = x509.load_pem_x509_certificate(settings.file("payments.pem").read_bytes())
    spki = b64encode(spki_sha256(certificate.public_bytes(Encoding.DER))).decode("ascii")

    def open_page(path: str) -> Page:
        command = [chromium, *QUIET, f"--user-data-dir={tmp_path}", f"--ignore-certificate-errors-spki-list={spki}"]
        ran = subprocess.run(
            [*command, "--dump-dom", f"{settings.payments}{path}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Page(ran.stdout, tuple(re.findall(r'CONSOLE[^"]*"(.*)", source', ran.stderr)))

    return open_page
