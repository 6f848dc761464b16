"""Rotation under load, and memory: `python -m tests.benchmarks.rotation`.

The command is run as it is deployed, on loopback, with client certificates and a revocation list. Threads ask for a
guarded route, on new connections and on open ones, while certificate, key, client CAs and list are replaced and
SIGHUP is sent, each time once the last change is in force. A request fails when it gets no answer or another than 200.
Other servers are then asked on open connections alone, and on new ones alone, so many times. Memory is what the kernel
finds that the server holds (Rss of smaps_rollup), and, for rotations in this process, what tracemalloc finds allocated
by Python.
"""

import argparse
import gc
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median
from threading import Event

from cryptography.hazmat.primitives.serialization import Encoding

from asvs_middleware import ClientCertificates
from asvs_middleware.certificates import ClientCertificateVerifier
from asvs_middleware.server import ServerPolicy
from asvs_middleware.server.keys.reload import Reloader
from asvs_middleware.server.pki import DevelopmentCA

APP = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from asvs_middleware import ClientCertificates, SecurityPolicy, secure, sensitive

@sensitive(client_certificate="spiffe://example.org/batch")
async def batch(request):
    return PlainTextResponse("batch")

certificates = ClientCertificates(trust="clients-ca.pem", crls=["clients.crl"])
app = secure(
    Starlette(routes=[Route("/", batch)]),
    SecurityPolicy.api(hosts=["localhost"], client_certificates=certificates),
)
"""
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Files:
    """The files of the server, of which each rotation replaces all."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.at = folder, datetime.now(UTC)
        self.root, self.clients = (DevelopmentCA.root(name, at=self.at) for name in ("Servers", "Clients"))
        self.others = DevelopmentCA.root("Other clients", at=self.at)
        self.servers = [self.root.issue_server("localhost", at=self.at) for _ in range(2)]
        client = self.clients.issue_client("batch", uris=["spiffe://example.org/batch"], at=self.at)
        self.numbers = count(1)
        for name, data in {
            "ca.pem": self.root.pem,
            "client.pem": client.pem,
            "client.key": client.key_pem,
            "rotated_app.py": APP.encode(),
        }.items():
            self._write(name, data)
        self.rotate()

    def rotate(self) -> None:
        """Replace every file."""
        number = next(self.numbers)
        server = self.servers[number % 2]
        crls = [one.crl(at=self.at, number=number) for one in (self.clients, self.others)]
        self._write("server.pem", server.pem)
        self._write("server.key", server.key_pem)
        self._write("clients-ca.pem", b"".join(one.pem for one in (self.clients, self.others)[:: 1 - 2 * (number % 2)]))
        self._write("clients.crl", b"".join(crl.public_bytes(Encoding.PEM) for crl in crls))

    def context(self) -> ssl.SSLContext:
        """Return what a client connects with."""
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        context.load_cert_chain(self.folder / "client.pem", self.folder / "client.key")
        return context

    def _write(self, name: str, data: bytes) -> None:
        new = self.folder / f".{name}"
        new.touch(mode=0o600)
        new.write_bytes(data)
        new.replace(self.folder / name)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.rotation", description=__doc__)
    parser.add_argument("--rotations", type=int, default=1000, help="under load, and in process (%(default)s)")
    parser.add_argument("--requests", type=int, default=200_000, help="for the memory of requests (%(default)s)")
    parser.add_argument("--connections", type=int, default=20_000, help="for the memory of connections (%(default)s)")
    parser.add_argument("--loop", default="auto", help="asyncio, uvloop or auto (%(default)s)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        files = Files(Path(name))
        in_process(files, chosen.rotations)
        with served(files, loop=chosen.loop) as (process, log, port), ThreadPoolExecutor(4) as pool:
            under_load(files, process, log, port, rotations=chosen.rotations, pool=pool)
        # Another server: room that the first one has to spare would hide what is lost.
        with served(files, loop=chosen.loop) as (process, _, port):
            answered(files, process, port, requests=chosen.requests, open_anew=False)
        with served(files, loop=chosen.loop) as (process, _, port):
            answered(files, process, port, requests=chosen.connections, open_anew=True)


def in_process(files: Files, rotations: int) -> None:
    """Rotate without a server, and print what each costs and what is left of it."""
    policy = ServerPolicy(
        certfile=files.folder / "server.pem",
        keyfile=files.folder / "server.key",
        client_ca=files.folder / "clients-ca.pem",
    )
    trusted = ClientCertificates(trust=files.folder / "clients-ca.pem", crls=[files.folder / "clients.crl"])
    reloader = Reloader.of(policy, verifier=ClientCertificateVerifier(trusted), at=files.at)

    def turn(times: int) -> list[float]:
        taken = []
        for _ in range(times):
            files.rotate()
            begun = time.perf_counter()
            reloader.look(asked=True)
            taken.append(time.perf_counter() - begun)
        return taken

    milliseconds = 1000 * median(turn(100))
    gc.collect()
    tracemalloc.start()
    turn(20)
    gc.collect()
    before, grown = tracemalloc.get_traced_memory()[0], list[int]()
    for _ in range(10):  # A table that grows once is a step; what is lost each time is a slope.
        turn(rotations // 10)
        gc.collect()
        grown.append(tracemalloc.get_traced_memory()[0] - before)
    tracemalloc.stop()
    print(f"in process: {milliseconds:.2f} ms a reload")
    print(f"bytes of Python grown after each tenth of {rotations} reloads:", ", ".join(map(str, grown)))


def under_load(
    files: Files, process: subprocess.Popen[bytes], log: Path, port: int, *, rotations: int, pool: ThreadPoolExecutor
) -> None:
    """Rotate while clients ask, and print how many requests failed, and the memory of the server."""
    done = Event()
    running = [pool.submit(ask, files, port, done.is_set, open_anew=anew) for anew in (True, True, False, False)]
    held = {}
    for number in range(1, rotations + 1):
        files.rotate()
        process.send_signal(signal.SIGHUP)
        while log.read_bytes().count(b'"event": "reloaded"') < number:
            time.sleep(0.002)
        if number % max(1, rotations // 10) == 0:
            held[number] = resident(process)
    done.set()
    results = [one.result() for one in running]
    asked, failed = (sum(one[place] for one in results) for place in (0, 1))
    print(f"under load: {rotations} rotations, {asked} requests, {failed} failed")
    print("memory after rotations:", ", ".join(f"{number}: {size} KiB" for number, size in held.items()))


def answered(files: Files, process: subprocess.Popen[bytes], port: int, *, requests: int, open_anew: bool) -> None:
    """Ask so many times, and print the memory of the server on the way."""
    held, asked, failed, begun = {0: resident(process)}, 0, 0, time.perf_counter()
    for _ in range(10):
        left = count()
        more, bad = ask(files, port, lambda left=left: next(left) >= requests // 10, open_anew=open_anew)  # type: ignore[misc]
        asked, failed = asked + more, failed + bad
        held[asked] = resident(process)
    seconds = time.perf_counter() - begun
    where = "each on a connection of its own" if open_anew else "on open connections"
    print(f"requests: {asked} counted, {where}, in {seconds:.0f} s, {failed} failed")
    print("memory after requests:", ", ".join(f"{number}: {size} KiB" for number, size in held.items()))


def ask(files: Files, port: int, stop: Callable[[], bool], *, open_anew: bool) -> tuple[int, int]:
    """Ask until it is enough, and return how often, and how many of those failed."""
    context, asked, failed = files.context(), 0, 0
    while not stop():
        try:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
                context.wrap_socket(raw, server_hostname="localhost") as connection,
            ):
                # Or the first request waits 40 ms for the server to acknowledge the handshake: there are no tickets.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while True:
                    asked += 1
                    connection.sendall(REQUEST)
                    failed += not whole_answer(connection).startswith(b"HTTP/1.1 200 ")
                    if open_anew or stop():
                        break
        except (OSError, ValueError):
            failed += 1
    return asked, failed


def whole_answer(connection: ssl.SSLSocket) -> bytes:
    """Return one answer, which ends with its body."""
    answer = b""
    while not answer.endswith(b"\r\n\r\nbatch"):
        part = connection.recv(4096)
        if not part:
            raise ValueError("The connection was closed before the answer.")
        answer += part
        if b" 200 " not in answer[:20]:
            return answer
    return answer


def resident(process: subprocess.Popen[bytes]) -> int:
    """Return the KiB of memory the process holds: a walk over its pages, for VmRSS is an estimate."""
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("Rss:")]
    return int(line.split()[1])


@contextmanager
def served(files: Files, *, loop: str) -> Iterator[tuple[subprocess.Popen[bytes], Path, int]]:
    """Run the command until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    ready, log = files.folder / "ready", files.folder / "log"
    command = [sys.executable, "-m", "asvs_middleware", "serve", "rotated_app:app", "--port", str(port)]
    command += ["--certfile", "server.pem", "--keyfile", "server.key", "--client-ca", "clients-ca.pem"]
    command += ["--loop", loop, "--ready-file", str(ready), "--reload-every", "0", "--log-format", "json"]
    command += ["--no-access-log"]
    with log.open("wb") as output, subprocess.Popen(command, cwd=files.folder, stderr=output) as process:
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise SystemExit(log.read_text())
                time.sleep(0.02)
            yield process, log, port
        finally:
            process.terminate()
            process.wait()
            ready.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
