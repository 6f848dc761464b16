"""What a server spends on a request: uvicorn as a process of its own, asked over kept-alive connections.

The CPU time of the server's process is read from the kernel, so that the client's share and the waiting do not count.
`python -m tests.benchmarks.served NAME` is that process.
"""

import asyncio
import os
import random
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import monotonic

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .harness import HOST, Row
from .layers import answering, bare, full_policy

CONNECTIONS = 16
REQUEST = (
    b"GET /9 HTTP/1.1\r\nHost: " + HOST + b"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101\r\n"
    b"Accept: application/json\r\nAccept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n"
    b"Cookie: theme=dark\r\n\r\n"
)


def over_tls(app: ASGIApp) -> ASGIApp:
    """Return the app as it is called behind TLS: handshakes and ciphers are left out of the comparison."""

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["scheme"] = "https"

        async def unbound() -> Message:
            return await receive()

        await app(scope, unbound, send)

    return told


def floor(app: ASGIApp) -> ASGIApp:
    """Do the least: add the headers our layer adds."""
    policy = full_policy(default="allow")
    pairs = [*policy.web_headers.always, policy.web_headers.hsts, policy.web_headers.csp]

    def layer(scope: Scope, receive: Receive, send: Send) -> object:
        def on_send(message: Message) -> object:
            if message["type"] == "http.response.start":
                message["headers"] = message["headers"] + pairs
            return send(message)

        return app(scope, receive, on_send)  # type: ignore[arg-type]

    return layer  # type: ignore[return-value]


def ours(app: ASGIApp) -> ASGIApp:
    from asvs_middleware import secure

    return secure(app, full_policy(default="allow"))


VARIANTS = {"bare": bare, "floor, the same headers": floor, "ours, full": ours}


def serve(name: str) -> None:
    """Serve one variant and print its port."""
    app = over_tls(VARIANTS[name](answering))
    config = uvicorn.Config(
        app, port=0, lifespan="off", log_level="error", access_log=False, proxy_headers=False, loop="uvloop",
        http="httptools",
    )  # fmt: skip
    listening = config.bind_socket()
    listening.listen(CONNECTIONS)  # The client may come before the server looks.
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(config).run([listening])


def measured_served(*, rounds: int) -> list[Row]:
    """Return the rows: CPU microseconds of the server's process for each request."""
    taken: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with ExitStack() as stack:
        servers = {}
        for name in VARIANTS:
            command = [sys.executable, "-m", "tests.benchmarks.served", name]
            server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(server.terminate)
            assert server.stdout is not None
            servers[name] = server.pid, int(server.stdout.readline())
        for number in range(rounds + 1):
            for name in random.sample(list(VARIANTS), len(VARIANTS)):
                pid, port = servers[name]
                before = _cpu(pid)
                count = asyncio.run(_ask(port, seconds=0.5))
                if number:  # The first round warms up.
                    taken[name].append((_cpu(pid) - before) / count / 1000)
    least = taken["floor, the same headers"]
    return [
        Row(
            name=name,
            total=median(found),
            added=median(own - base for own, base in zip(found, taken["bare"], strict=True)),
            to_baseline=median(own / base for own, base in zip(found, taken["bare"], strict=True)),
            to_floor=median(own / base for own, base in zip(found, least, strict=True)),
        )
        for name, found in taken.items()
    ]


def _cpu(pid: int) -> int:
    """Return the nanoseconds a process has run."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


async def _ask(port: int, *, seconds: float) -> int:
    ends = monotonic() + seconds
    return sum(await asyncio.gather(*(_one_connection(port, ends) for _ in range(CONNECTIONS))))


async def _one_connection(port: int, ends: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    try:
        while monotonic() < ends:
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"The server answered {head[:40]!r}.")
            await reader.readexactly(2)
            count += 1
    finally:
        writer.close()
    return count


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    serve(sys.argv[1])
