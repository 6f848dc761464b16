"""What revocation costs: `python -m tests.benchmarks.revocation`, from the folder of the project.

Looking a certificate up on a list of one and on a list of a hundred thousand; reading such a list, and how long the
event loop waits for its turn meanwhile; how much memory it takes. The ratio of the first two is what counts: a look-up
does not grow with the list. Times are of one run on one machine.
"""

import argparse
import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from asvs_middleware.certificates.revocation.crl import RevocationList, read_lists
from asvs_middleware.certificates.revocation.fetched import Fetched
from asvs_middleware.certificates.revocation.lists import Revocation, read_revocation
from asvs_middleware.certificates.revocation.ocsp import Answer
from asvs_middleware.certificates.revocation.ocsp_responder import Responder
from asvs_middleware.certificates.revocation.policy import RevocationPolicy
from asvs_middleware.server.pki import DevelopmentCA

NOW = datetime.now(UTC)
CA = DevelopmentCA.root("Clients", at=NOW)
LEAF = CA.issue_client("batch", dns=["batch.example"], at=NOW).certificate


def a_list(count: int, *, reasons: bool = False) -> bytes:
    """Return a list of so many serial numbers of 20 bytes, signed with P-256."""
    entries = b"".join(_entry(number, reasons=reasons) for number in range(count))
    # Put together by hand: the library's builder compares each serial number with all before.
    start, end = (f"{one:%y%m%d%H%M%S}Z".encode() for one in (NOW - timedelta(hours=1), NOW + timedelta(days=7)))
    number = _tagged(0xA0, _sequence(_sequence(bytes.fromhex("0603551d14"), _tagged(4, b"\2\1\1"))))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    name = CA.certificate.subject.public_bytes()
    signed = _sequence(b"\2\1\1", algorithm, name, _tagged(23, start), _tagged(23, end), _tagged(0x30, entries), number)
    signature = b"\0" + CA.key.sign(signed, ec.ECDSA(SHA256()))
    return _sequence(signed, algorithm, _tagged(3, signature))


def _entry(number: int, *, reasons: bool) -> bytes:
    serial = b"\x02\x14" + b"\x4f" + number.to_bytes(19)
    reason = _sequence(_sequence(bytes.fromhex("0603551d15"), b"\4\3\x0a\1\1")) if reasons else b""
    return _sequence(serial, _tagged(23, f"{NOW:%y%m%d%H%M%S}Z".encode()), reason)


def _tagged(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + content


def _sequence(*parts: bytes) -> bytes:
    return _tagged(0x30, b"".join(parts))


def nanoseconds(work: Callable[[], object], rounds: int = 9, count: int = 20_000) -> float:
    """Return the median time of one call."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter_ns()
        for _ in range(count):
            work()
        taken.append((time.perf_counter_ns() - began) / count)
    return median(taken)


def look_up(data: bytes) -> float:
    """Return what one check of a chain of two costs against this list."""
    revocation, chain = read_revocation([("list", data)], [CA.certificate]), [LEAF, CA.certificate]
    return nanoseconds(lambda: revocation.check(chain, NOW))


def membership(found: RevocationList) -> float:
    """Return what the look-up in the set alone costs."""
    serial, serials = LEAF.serial_number, found.serials
    return nanoseconds(lambda: serial in serials)


def answered() -> float:
    """Return what a check costs where a responder has answered before."""
    revocation = Revocation({}, RevocationPolicy(responders=[Responder(url="https://ocsp.example")]))
    fetched, chain = Fetched(), [LEAF, CA.certificate]
    fetched.keep(LEAF, CA.certificate, Answer("good", NOW - timedelta(hours=1), NOW + timedelta(hours=1)))
    return nanoseconds(lambda: revocation.check(chain, NOW, fetched))


def memory(data: bytes, count: int) -> float:
    """Return how many bytes one serial number takes once the list was read."""
    gc.collect()
    tracemalloc.start()
    held = read_lists(data, [CA.certificate], "list")
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return taken / count if held else 0.0


def reading(data: bytes) -> tuple[float, float, float]:
    """Return seconds to read the list in a thread, and the longest that a turn of the loop was late, idle and then."""

    async def run() -> tuple[float, float, float]:
        late = list[float]()

        async def beat() -> None:
            while True:
                began = time.perf_counter()
                await asyncio.sleep(0.001)
                late.append(time.perf_counter() - began - 0.001)

        beating = asyncio.create_task(beat())
        await asyncio.sleep(0.3)
        idle = max(late)
        late.clear()
        began = time.perf_counter()
        await asyncio.to_thread(read_lists, data, [CA.certificate], "list")
        seconds = time.perf_counter() - began
        beating.cancel()
        return seconds, idle, max(late)

    return asyncio.run(run())


def main() -> None:
    """Print the figures as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--serials", type=int, default=100_000)
    count = parser.parse_args().serials
    one, many = a_list(1), a_list(count)
    ((_, found),) = read_lists(many, [CA.certificate], "list")
    few, lots = look_up(one), look_up(many)
    print(f"Python {sys.version.split()[0]}, {count:,} serial numbers\n")
    print("| what | figure |\n|---|---|")
    print(f"| look-up in the set alone | {membership(found):.0f} ns |")
    print(f"| check of a leaf, list of 1 | {few:.0f} ns |")
    print(f"| check of a leaf, list of {count:,} | {lots:.0f} ns, {lots / few:.2f} times |")
    print(f"| check of a leaf, OCSP answer kept | {answered():.0f} ns |")
    print(f"| memory for each serial number | {memory(many, count):.0f} bytes |")
    for name, data in (("", many), (", each with a reason", a_list(count, reasons=True))):
        seconds, idle, late = reading(data)
        print(
            f"| reading {len(data) / 1e6:.1f} MB{name} | {seconds * 1000:.0f} ms in a thread; "
            f"the loop was late by {late * 1000:.0f} ms at most (idle: {idle * 1000:.0f} ms) |"
        )
    print(f"| bytes of a list in DER, for each serial number | {len(many) / count:.0f} |")


if __name__ == "__main__":
    main()
