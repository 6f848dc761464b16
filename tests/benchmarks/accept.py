"""What guarding connections costs a server: `python -m tests.benchmarks.accept`, from the folder of the project.

Three ways to listen take turns in one process, on asyncio and on uvloop: asyncio's `create_server` with uvicorn's own
protocol, the same with the guarded protocol, and the acceptor with the guarded protocol. Clients are other processes.
What is counted is the CPU time of the server for one new TLS connection with one request, and for one request on a
connection that is kept; the ratios are medians over the rounds.
"""

import argparse
import asyncio
import random
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send

from asvs_middleware.server.accept.acceptor import Acceptor
from asvs_middleware.server.accept.limits import Admission, Door
from asvs_middleware.server.accept.refusals import RefusalLog
from asvs_middleware.server.http.deadlines import Deadlines
from asvs_middleware.server.http.protocol import guarded_protocol
from asvs_middleware.server.pki import write_development_pki
from asvs_middleware.server.policy import ServerPolicy

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: benchmark\r\nAccept: */*\r\n\r\n"
BASE, PROTOCOL, GUARDED = "create_server", "create_server, guarded protocol", "acceptor, guarded protocol"
CLIENTS = 4


async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def clients(orders: Connection, folder: Path) -> None:
    """Connect and ask as often as told, in a process of its own."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")

    def ask(port: int, connections: int, requests: int) -> None:
        for _ in range(connections):
            with (
                socket.create_connection(("127.0.0.1", port)) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as connection,
            ):
                for _ in range(requests):
                    connection.sendall(GET)
                    answer = b""
                    while not answer.endswith(b"ok"):
                        answer += connection.recv(4096)

    with ThreadPoolExecutor(CLIENTS) as pool:
        while order := orders.recv():
            list(pool.map(ask, *zip(*[order] * CLIENTS, strict=True)))
            orders.send(None)


async def measured(orders: Connection, ports: dict[str, int], *, rounds: int, order: tuple[int, int]) -> list[str]:
    """Return the lines of a table: CPU and clock of each way to listen, and ratios to the first."""
    connections, requests = order
    loop, random_order = asyncio.get_running_loop(), random.Random(7)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ports}
    for number in range(rounds + 1):
        for name in random_order.sample(list(ports), len(ports)):
            done = asyncio.Event()
            loop.add_reader(orders.fileno(), done.set)
            cpu, clock = process_time(), perf_counter()
            orders.send((ports[name], connections, requests))
            await done.wait()
            if number:  # The first round warms up.
                taken[name].append((process_time() - cpu, perf_counter() - clock))
            loop.remove_reader(orders.fileno())
            orders.recv()
    units = CLIENTS * connections * (requests if connections == 1 else 1)
    lines = list[str]()
    for name, results in taken.items():
        cpus = [base[0] / one[0] for base, one in zip(taken[BASE], results, strict=True)]
        clocks = [base[1] / one[1] for base, one in zip(taken[BASE], results, strict=True)]
        lines.append(
            f"| {name} | {median(cpu for cpu, _ in results) / units * 1e6:.1f} | {median(cpus):.3f} "
            f"| {units / median(clock for _, clock in results):.0f} | {median(clocks):.3f} |"
        )
    return lines


def a_listener() -> socket.socket:
    """Open a socket that says it is TCP: or asyncio leaves small packets waiting, and that is all one would see."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    return listener


async def listening(context: ssl.SSLContext, parser: str, run: Callable[[dict[str, int]], Any]) -> None:
    """Listen in all three ways and run the measurement."""
    config = uvicorn.Config(app, http=parser, access_log=False, log_level="error", lifespan="off")
    config.load()
    base: Any = config.http_protocol_class
    guarded = guarded_protocol(base, deadlines=Deadlines(idle=timedelta(minutes=5)))
    state = uvicorn.Server(config).server_state
    given = {"config": config, "server_state": state, "app_state": {}, "_loop": asyncio.get_running_loop()}
    plain, other, third = (a_listener() for _ in range(3))
    servers = [
        await asyncio.get_running_loop().create_server(partial(base, **given), sock=plain, ssl=context),
        await asyncio.get_running_loop().create_server(partial(guarded, **given), sock=other, ssl=context),
    ]
    door = Door(Admission(connections_per_address=1000, handshakes_per_address=1000))
    acceptor = Acceptor(
        [third], create=partial(guarded, **given), context=context, door=door, log=RefusalLog(), handshake=10
    )
    acceptor.start()
    await run({name: s.getsockname()[1] for name, s in ((BASE, plain), (PROTOCOL, other), (GUARDED, third))})
    acceptor.close()
    await acceptor.wait_closed()
    third.close()
    for server in servers:
        server.close()


@contextmanager
def client_process(folder: Path) -> Iterator[Connection]:
    """Start the clients, and end them."""
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=clients, args=(theirs, folder))
    process.start()
    try:
        yield ours
    finally:
        ours.send(None)
        process.join()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.accept", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--connections", type=int, default=40, help="of each of four clients in one turn (%(default)s)")
    parser.add_argument("--requests", type=int, default=400, help="on one kept connection in one turn (%(default)s)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_development_pki(folder, at=datetime.now(UTC))
        policy = ServerPolicy(certfile=folder / "server.pem", keyfile=folder / "server.key")
        context = policy.context(datetime.now(UTC))
        for loop in ("asyncio", "uvloop"):
            for http in ("h11", "httptools"):
                factory = uvicorn.Config(app, loop=loop).get_loop_factory()
                for title, order in (
                    ("new connections", (chosen.connections, 1)),
                    ("requests on kept connections", (1, chosen.requests)),
                ):
                    print(
                        f"\n{loop}, {http}: {title}\n\n| way | CPU us | x CPU | per second | x |\n|---|---|---|---|---|"
                    )

                    async def run(ports: dict[str, int], order: tuple[int, int] = order) -> None:
                        with client_process(folder) as orders:
                            lines = await measured(orders, ports, rounds=chosen.rounds, order=order)
                        print("\n".join(lines))

                    with asyncio.Runner(loop_factory=factory) as runner:
                        runner.run(listening(context, http, run))


if __name__ == "__main__":
    main()
