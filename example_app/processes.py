"""Start the three services with `asvs serve`, wait until they answer, and stop them."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_urlsafe

from .pki import make_pki
from .settings import VARIABLE, Settings

READY_WITHIN = 30.0  # Seconds; a cold start on a small machine takes five.


@contextmanager
def everything_running() -> Iterator[Settings]:
    """Run issuer, partner and payments service over TLS on free ports; stop them at the end, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="example-app-") as made, ExitStack() as stack:
        folder = Path(made)
        ports = _free_ports(4)
        settings = Settings(
            folder=folder,
            payments_port=ports[0],
            plaintext_port=ports[1],
            issuer_port=ports[2],
            partner_port=ports[3],
            client_secret=token_urlsafe(24),
            partner_pins=make_pki(folder),
        )
        settings.save(folder / "settings.json")
        plaintext = ["--redirect-port", str(settings.plaintext_port)]
        for name, port, options in (
            ("issuer", settings.issuer_port, []),
            ("partner", settings.partner_port, []),
            ("payments", settings.payments_port, plaintext),
        ):
            stack.enter_context(_serving(settings, name, port, options))
        yield settings


@contextmanager
def _serving(settings: Settings, name: str, port: int, options: list[str]) -> Iterator[None]:
    log = settings.file(f"{name}.log")
    command = [sys.executable, "-m", "asvs_middleware", "serve", f"example_app.{name}:app", "--port", str(port)]
    command += ["--certfile", str(settings.file(f"{name}.pem")), "--keyfile", str(settings.file(f"{name}.key"))]
    command += ["--client-ca", str(settings.file("clients-ca.pem")), *options]
    environment = {**os.environ, VARIABLE: str(settings.file("settings.json"))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, cwd=Path(__file__).parents[1]
        )
    try:
        _wait_for(port, process, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"A service did not start:\n{log.read_text(errors='replace')}")


def _free_ports(count: int) -> list[int]:
    """Return ports nobody listens on now. Held open together, so that no two are the same."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]
