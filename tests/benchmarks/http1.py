"""What strict HTTP costs, and reading the peer: `python -m tests.benchmarks.http1`. CPU time, in memory.

uvicorn's own protocol classes are driven with a transport that sends to nobody, so neither sockets nor TLS are in the
figures: the share of the scanner is larger here than on any wire. Everything takes turns in rounds of random order.
"""

import argparse
import asyncio
import gc
import platform
import random
import ssl
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import process_time_ns
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from asvs_middleware.connection import Connection, Networks, connection_reader, presented_chain
from asvs_middleware.connection.transport import read_transport
from asvs_middleware.server.http.extension import with_tls_extension
from asvs_middleware.server.http.protocol import guarded_protocol
from asvs_middleware.server.http.scanner import RequestScanner
from asvs_middleware.server.pki import write_development_pki
from asvs_middleware.server.policy import ServerPolicy

API = (
    b"GET /orders?page=2 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: python-httpx/0.28.1\r\nAccept: */*\r\n"
    b"Accept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\nAuthorization: Bearer " + b"e" * 500 + b"\r\n\r\n"
)
PAGE = (
    b"GET /index.html HTTP/1.1\r\nHost: www.example.com\r\n"
    + b"".join(b"Sec-Ch-Field-%d: %s\r\n" % (number, b"v" * 45) for number in range(12))
    + b"Cookie: "
    + b"c" * 300
    + b"\r\n\r\n"
)
POST = API.replace(b"GET", b"POST")[:-2] + b"Content-Length: 200\r\n\r\n" + b"x" * 200
KINDS = {"API call": API, "page": PAGE, "POST": POST}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Nowhere(asyncio.Transport):
    """A transport that sends to nobody."""

    def __init__(self, **known: Any) -> None:
        super().__init__()
        self._known = known

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._known.get(name, default)

    def write(self, data: Any) -> None: ...
    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...
    def abort(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def get_write_buffer_size(self) -> int:
        return 0


def scanned(base: Callable[..., Any]) -> Callable[..., Any]:
    """Put the scanner alone in front of a protocol."""

    def connection(**given: Any) -> Any:
        protocol, scanner = base(**given), RequestScanner()
        receive = protocol.data_received
        protocol.data_received = lambda data: receive(scanner.feed(data))
        return protocol

    return connection


async def requests(make: Callable[..., Any], config: uvicorn.Config, sent: bytes, count: int) -> float:
    """Return CPU nanoseconds for each of so many requests on one connection."""
    protocol = make(config=config, server_state=ServerState(), app_state={}, _loop=asyncio.get_running_loop())
    protocol.connection_made(Nowhere(peername=("192.0.2.1", 1), sockname=("192.0.2.2", 443)))
    started = process_time_ns()
    for _ in range(count):
        protocol.data_received(sent)
        await asyncio.sleep(0)
    taken = process_time_ns() - started
    protocol.connection_lost(None)
    return taken / count


def run(runner: asyncio.Runner, make: Callable[..., Any], config: uvicorn.Config, sent: bytes, count: int) -> float:
    """Run them in an event loop of their own."""
    return runner.run(requests(make, config, sent, count))


def turns(variants: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Give each variant its turn in every round."""
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        gc.collect()
        for name in random.sample(list(variants), len(variants)):
            taken[name].append(variants[name]())
    return taken


def strictness(rounds: int, count: int) -> None:
    """Print a table for each parser."""
    for parser in ("h11", "httptools", "zttp"):
        if not find_spec(parser):
            continue
        config: Any = uvicorn.Config(app, http=parser, lifespan="off", log_level="critical", access_log=False)
        config.load()
        base = config.http_protocol_class
        ways = {"uvicorn": base, "scanner in front": scanned(base), "guarded": guarded_protocol(base)}
        with asyncio.Runner() as runner:
            variants = {
                f"{kind}, {way}": partial(run, runner, make, config, sent, count)
                for kind, sent in KINDS.items()
                for way, make in ways.items()
            }
            taken = turns(variants, rounds)
        print(f"\n## {parser}\n\n| request | us | +us | x |\n|---|---|---|---|")
        for name, own in taken.items():
            bare = taken[f"{name.partition(',')[0]}, uvicorn"]
            ratio = median(a / b for a, b in zip(own, bare, strict=True))
            more = median(a - b for a, b in zip(own, bare, strict=True))
            print(f"| {name} | {median(own) / 1e3:.2f} | {more / 1e3:.2f} | {ratio:.3f} |")


class Cycle:
    """What uvicorn binds `receive` to."""

    def __init__(self, tls: ssl.SSLObject) -> None:
        self.transport = Nowhere(ssl_object=tls, peername=("192.0.2.1", 1))

    async def receive(self) -> Any: ...


def handshake(folder: Path) -> ssl.SSLObject:
    """Return the server's end of a connection on which the client showed a certificate."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    policy = ServerPolicy(
        certfile=folder / "server.pem", keyfile=folder / "server.key", client_ca=folder / "clients-ca.pem"
    )
    far = policy.context(datetime.now(UTC)).wrap_bio(to_server, to_client, server_side=True)
    trusting = ssl.create_default_context(cafile=folder / "ca.pem")
    trusting.load_cert_chain(folder / "client.pem", folder / "client.key")
    near = trusting.wrap_bio(to_client, to_server, server_hostname="localhost")
    for end in (near, far, near, far):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return far


def peer(rounds: int, count: int) -> None:
    """Print what it takes to know the client's chain, for each request of a connection."""
    with tempfile.TemporaryDirectory() as name:
        write_development_pki(Path(name), at=datetime.now(UTC))
        tls = handshake(Path(name))
    receive, scopes = Cycle(tls).receive, list[Scope]()
    plain: Scope = {"type": "http", "scheme": "https", "headers": [(b"host", b"a.example")], "extensions": {}}

    def keep(scope: Scope, receive: Receive, send: Send) -> Any:
        scopes[:] = [scope]

    layer: Any = with_tls_extension(keep)
    layer(plain, receive, None)
    read = connection_reader(Networks(()))
    found: dict[str, Connection] = {"the transport": read(plain, receive), "the extension": read(scopes[0], receive)}

    def timed(run: Callable[[], object]) -> float:
        started = process_time_ns()
        for _ in range(count):
            run()
        return (process_time_ns() - started) / count

    variants: dict[str, Callable[[], float]] = {
        f"the chain, by {way}": partial(timed, partial(presented_chain, one)) for way, one in found.items()
    }
    variants["the transport's facts"] = partial(timed, lambda: read_transport(plain, receive))
    variants["filling in the extension"] = partial(timed, lambda: layer(plain, receive, None))
    print("\n## The peer, for each request\n\n| what | us |\n|---|---|")
    for name, own in turns(variants, rounds).items():
        print(f"| {name} | {median(own) / 1e3:.3f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.http1")
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--count", type=int, default=500, help="requests in one turn (%(default)s)")
    chosen = parser.parse_args()
    print(f"Python {platform.python_version()}, uvicorn {uvicorn.__version__}")
    strictness(chosen.rounds, chosen.count)
    peer(chosen.rounds, chosen.count * 4)


if __name__ == "__main__":
    main()
