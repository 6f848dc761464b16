"""Count instructions with callgrind: unlike time they hardly change from run to run, so a gate can stand on them.

The interpreter runs under valgrind and tells it through a small C library when the requests of one variant begin and
end. System calls do not show: a nonce costs more time than it costs instructions.
"""

import asyncio
import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .harness import Row, Section, requests, rows

REQUESTS = 2000

_COUNTERS = """
#include <valgrind/callgrind.h>
void begin(void) { CALLGRIND_START_INSTRUMENTATION; CALLGRIND_ZERO_STATS; CALLGRIND_TOGGLE_COLLECT; }
void end(void) { CALLGRIND_TOGGLE_COLLECT; CALLGRIND_DUMP_STATS; CALLGRIND_STOP_INSTRUMENTATION; }
"""


def count(section: Section) -> list[Row]:
    """Return the rows of the raw section in thousands of instructions per request."""
    compiler = shutil.which("cc")
    if shutil.which("valgrind") is None or compiler is None:
        raise SystemExit("Counting instructions needs valgrind (with its headers) and cc.")
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "counters.c"), Path(folder, "counters.so")
        source.write_text(_COUNTERS)
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
        output = Path(folder, "callgrind.out")
        subprocess.run(
            ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no", "-q",
             f"--callgrind-out-file={output}",
             sys.executable, "-m", "tests.benchmarks.instructions", library, section.title],
            check=True, env={**os.environ, "PYTHONHASHSEED": "0"},
        )  # fmt: skip
        taken = {
            variant.name: [_total(Path(f"{output}.{number}")) / REQUESTS]
            for number, variant in enumerate(section.variants, start=1)
        }
    return rows(section, taken)


def _total(dump: Path) -> int:
    found = re.search(r"^(?:totals|summary): (\d+)", dump.read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"callgrind wrote no total into {dump.name}.")
    return int(found[1])


def inside(library: str, title: str) -> None:
    """Run the section of this title under callgrind; count() starts this."""
    from .layers import on_a_raw_app
    from .parts import at_the_least
    from .stacked import fused_and_stacked

    [section] = [made for made in (on_a_raw_app(), fused_and_stacked(), at_the_least()) if made.title == title]

    counters = ctypes.CDLL(library)
    with asyncio.Runner() as runner:
        for variant in section.variants:
            app = variant.wrap(variant.app)
            runner.run(requests(app, variant, 200))
            counters.begin()
            runner.run(requests(app, variant, REQUESTS))
            counters.end()


if __name__ == "__main__":
    inside(*sys.argv[1:])
