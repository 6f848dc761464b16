"""What a key costs: `python -m tests.benchmarks.handshakes`. CPU time of the server's side of TLS handshakes in memory.

All kinds of key take turns in rounds of random order, and so do ways to make a context; only ratios of one run say
something. The cost of a handshake with RSA-4096 stands in an advice (tls/own_certificate.py).
"""

import argparse
import platform
import random
import ssl
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time_ns

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from asvs_middleware.server.pki import DevelopmentCA
from asvs_middleware.tls import describe, in_force, server_context

KEYS: dict[str, Callable[[], CertificateIssuerPrivateKeyTypes]] = {
    "P-256": partial(ec.generate_private_key, ec.SECP256R1()),
    "P-384": partial(ec.generate_private_key, ec.SECP384R1()),
    "RSA 2048": partial(rsa.generate_private_key, 65537, 2048),
    "RSA 3072": partial(rsa.generate_private_key, 65537, 3072),
    "RSA 4096": partial(rsa.generate_private_key, 65537, 4096),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.handshakes")
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--count", type=int, default=20, help="handshakes, or contexts, in one turn (%(default)s)")
    chosen = parser.parse_args()
    print(f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}")
    with tempfile.TemporaryDirectory() as name:
        folder, at = Path(name), datetime.now(UTC)
        servers = {kind: server_context(**files(folder, kind, at), at=at) for kind in KEYS}
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(folder / "ca.pem")
        shaking = {kind: partial(server_side, client, server) for kind, server in servers.items()}
        show("A handshake, the server's side", shaking, chosen.rounds, chosen.count)
        contexts: dict[str, Callable[[], int]] = {
            "bare SSLContext": partial(timed, partial(ssl.SSLContext, ssl.PROTOCOL_TLS_SERVER)),
            "server_context, P-256": partial(timed, partial(server_context, **files(folder, "P-256", at), at=at)),
            "in_force, all groups": partial(timed, partial(in_force, servers["P-256"])),
            "describe": partial(timed, partial(describe, servers["P-256"])),
        }
        show("A context", contexts, chosen.rounds, chosen.count)


def show(title: str, variants: dict[str, Callable[[], int]], rounds: int, count: int) -> None:
    """Print a table: CPU microseconds, and the median of the ratios to the first variant within one round."""
    taken: dict[str, list[int]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name in random.sample(list(variants), len(variants)):
            taken[name].append(sum(variants[name]() for _ in range(count)))
    first = next(iter(taken.values()))
    print(f"\n## {title}\n\n| variant | us | x first |\n|---|---|---|")
    for name, times in taken.items():
        ratio = median(mine / theirs for mine, theirs in zip(times, first, strict=True))
        print(f"| {name} | {median(times) / count / 1000:.0f} | {ratio:.2f} |")


def timed(work: Callable[[], object]) -> int:
    """Return the CPU nanoseconds of one call."""
    begin = process_time_ns()
    work()
    return process_time_ns() - begin


def server_side(client: ssl.SSLContext, server: ssl.SSLContext) -> int:
    """Return the CPU nanoseconds the server's side of one handshake takes."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    far = server.wrap_bio(to_server, to_client, server_side=True)
    spent, waiting = 0, {near, far}
    while waiting:
        for end in (near, far):
            begin = process_time_ns()
            try:
                end.do_handshake()
                waiting.discard(end)
            except ssl.SSLWantReadError:
                pass
            spent += process_time_ns() - begin if end is far else 0
    return spent


_ca: list[DevelopmentCA] = []


def files(folder: Path, kind: str, at: datetime) -> dict[str, Path]:
    """Write a certificate with this kind of key, once, and return the arguments of a context."""
    if not _ca:
        _ca.append(DevelopmentCA.root("Benchmark", at=at))
        (folder / "ca.pem").write_bytes(_ca[0].pem)
    found = {"certfile": folder / f"{kind}.pem", "keyfile": folder / f"{kind}.key"}
    if not found["certfile"].exists():
        key = KEYS[kind]()
        found["certfile"].write_bytes(_ca[0].issue_server("localhost", at=at, key=key).pem)  # type: ignore[arg-type]
        found["keyfile"].touch(mode=0o600)
        found["keyfile"].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return found


if __name__ == "__main__":
    main()
