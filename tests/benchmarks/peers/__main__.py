"""What this package and its Python peers do, seen: `python -m tests.benchmarks.peers` prints a table in Markdown.

Wants a virtual environment of its own, with Python 3.12 or newer for Django 6.1:
    pip install -e . secure==2.0.1 Secweb==2.0.0 fastapi-guard==8.1.2 Django==6.1.3
Peers that are not installed are left out. docs/explanation/peers.md has the table and how to read it.
"""

import logging
import platform
import warnings

from .probes import ROWS
from .subjects import subjects


def main() -> None:
    """Ask everybody everything."""
    logging.disable(logging.CRITICAL)  # Each is made to fail on purpose.
    warnings.simplefilter("ignore")
    compared = subjects()
    print(f"Python {platform.python_version()}\n")
    print(f"| | {' | '.join(one.title for one in compared)} |")
    print("|" + "---|" * (len(compared) + 1))
    for question, answer in ROWS.items():
        print(f"| {question} | {' | '.join(answer(one) for one in compared)} |", flush=True)


if __name__ == "__main__":
    main()
