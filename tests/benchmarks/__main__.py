"""What the layers cost: `python -m tests.benchmarks`, from the folder of the project, in a venv with `.[bench]`.

    python -m tests.benchmarks                      # every section, as Markdown
    python -m tests.benchmarks raw --rounds 41      # one section, more rounds
    python -m tests.benchmarks --instructions       # the raw section in instructions; needs valgrind and cc

Peers that are not installed are left out. The figures of two runs, or of two machines, cannot be compared; their
ratios can. docs/explanation/performance.md says how to read them.
"""

import argparse
import platform
from importlib.metadata import version
from importlib.util import find_spec
from itertools import zip_longest

from .connections import on_connections, on_networks
from .correctness import Findings, inspect
from .harness import Row, Section, measure
from .instructions import count
from .layers import on_a_raw_app
from .outgoing import making_clients
from .parts import at_the_least
from .routes import on_many_routes, on_ten_routes, on_the_way_to_a_proof
from .served import measured_served
from .stacked import fused_and_stacked
from .verification import of_certificates, of_chains, of_tokens

SECTIONS = {
    "raw": on_a_raw_app,
    "stacked": fused_and_stacked,
    "parts": at_the_least,
    "routes": on_ten_routes,
    "marks": on_the_way_to_a_proof,
    "many-routes": on_many_routes,
    "tokens": of_tokens,
    "certificates": of_certificates,
    "chains": of_chains,
    "clients": making_clients,
    "networks": on_networks,
    "connections": on_connections,
}
SERVED = "served"
PACKAGES = ("starlette", "uvicorn", "cryptography", "pyjwt", "httpx", "secure", "Secweb")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.partition("\n")[0])
    names = [*SECTIONS, SERVED]
    parser.add_argument("sections", nargs="*", choices=[[], *names], metavar="section", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=21, help="how often each variant has its turn (%(default)s)")
    parser.add_argument("--milliseconds", type=float, default=5, help="of one turn (%(default)s)")
    parser.add_argument("--instructions", action="store_true", help="count instructions with callgrind instead")
    chosen = parser.parse_args()
    print(f"Python {platform.python_version()}, {', '.join(_installed())}\n")
    for name in chosen.sections or names:
        if chosen.instructions and name not in {"raw", "stacked", "parts"}:
            continue
        if name == SERVED:
            print("\n".join(["## uvicorn, CPU time of the server\n", *served(chosen.rounds), ""]))
            continue
        section = SECTIONS[name]()
        findings = [inspect(variant) for variant in section.variants] if section.inspected else []
        if chosen.instructions:
            lines = table(section, count(section), findings, unit="kinstr")
        else:
            lines = table(section, measure(section, rounds=chosen.rounds, milliseconds=chosen.milliseconds), findings)
        print("\n".join([f"## {section.title}\n", *lines, ""]))


def served(rounds: int) -> list[str]:
    """Return the lines of the table of the server section; the last column is of the whole, not of what is added."""
    lines = ["| variant | us | +us | x bare | x floor |", "|---|---|---|---|---|"]
    for row in measured_served(rounds=rounds):
        cells = [row.name, f"{row.total:.2f}", f"{row.added:.2f}", _ratio(row.to_baseline), _ratio(row.to_floor or 0)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def table(section: Section, rows: list[Row], findings: list[Findings], *, unit: str = "us") -> list[str]:
    """Return the lines of a Markdown table; with findings where there are any, one for each row."""
    columns = ["variant", unit, f"+{unit}", "x baseline"]
    columns += ["x floor"] if section.floor else []
    columns += ["headers added", "refuses", "faults"] if findings else []
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for row, seen in zip_longest(rows, findings):
        cells = [row.name, f"{row.total:.3f}", f"{row.added:.3f}", _ratio(row.to_baseline)]
        if section.floor:
            cells.append("" if row.to_floor is None else _ratio(row.to_floor))
        if seen is not None:
            cells += [str(seen.added), ", ".join(seen.refuses), ", ".join(seen.faults) or "none"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def _installed() -> list[str]:
    return [f"{name} {version(name)}" for name in PACKAGES if find_spec(name.replace("pyjwt", "jwt"))]


if __name__ == "__main__":
    main()
