"""New TLS connections per second, by one worker and by two: `python -m tests.benchmarks.workers`.

The command is run as it is deployed, on loopback. Each client connects, asks once and hangs up, so that nothing is
resumed; a client is a process of its own, and all of them share the machine with the server. The figures of one run
are compared with each other only: runs with one and with two workers take turns, and the ratio is the median of those
of each turn.
"""

import argparse
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from asvs_middleware.server.pki import write_development_pki

APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.workers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each kind (%(default)s)")
    parser.add_argument("--seconds", type=float, default=3, help="of one run (%(default)s)")
    parser.add_argument("--clients", type=int, default=4, help="processes that connect (%(default)s)")
    parser.add_argument("--loop", default="auto", help="asyncio, uvloop or auto (%(default)s)")
    chosen = parser.parse_args()
    taken: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as name, ProcessPoolExecutor(chosen.clients) as clients:
        folder = Path(name)
        (folder / "benchmarked.py").write_text(APP)
        write_development_pki(folder, at=datetime.now(UTC))
        for _ in range(chosen.rounds):
            for workers, rates in taken.items():
                with served(folder, workers=workers, loop=chosen.loop) as port:
                    arguments = [(folder / "ca.pem", port, chosen.seconds)] * chosen.clients
                    rates.append(sum(clients.map(connections_per_second, arguments)))
    for workers, rates in taken.items():
        shown = ", ".join(f"{rate:.0f}" for rate in rates)
        print(f"{workers} worker(s): {median(rates):.0f} new connections per second ({shown})")
    ratios = sorted(two / one for one, two in zip(taken[1], taken[2], strict=True))
    print(f"ratio of two to one: {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


@contextmanager
def served(folder: Path, *, workers: int, loop: str) -> Iterator[int]:
    """Run the command until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    ready = folder / "ready"
    command = [sys.executable, "-m", "asvs_middleware", "serve", "benchmarked:app", "--app-dir", str(folder)]
    command += ["--certfile", str(folder / "server.pem"), "--keyfile", str(folder / "server.key")]
    command += ["--port", str(port), "--workers", str(workers), "--loop", loop, "--ready-file", str(ready)]
    command += ["--no-access-log", "--log-level", "error"]
    with subprocess.Popen(command) as process:
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise SystemExit("The server did not start.")
                time.sleep(0.02)
            yield port
        finally:
            process.terminate()


def connections_per_second(arguments: tuple[Path, int, float]) -> float:
    """Connect again and again, with one request each."""
    ca, port, seconds = arguments
    context = ssl.create_default_context(cafile=ca)
    count, begun = 0, time.perf_counter()
    while (passed := time.perf_counter() - begun) < seconds:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as connection,
        ):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            connection.recv(4096)
        count += 1
    return count / passed


if __name__ == "__main__":
    main()
