"""The example keeps its promises: the tour, the printed commands, and the pages in a real browser."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from example_app.settings import Settings
from example_app.tour import take_tour

ROOT = Path(__file__).parents[2]


def test_every_step_of_the_tour_is_as_expected(settings: Settings) -> None:
    """Each of the at least thirty requests shows exactly what the tour says it has to show."""
    outcomes = take_tour(settings)
    assert len(outcomes) >= 30
    assert [f"{o.step.name}: expected {o.step.expected}, seen {o.seen}" for o in outcomes if not o.as_expected] == []


def test_inline_script_runs_under_its_nonce_alone(settings: Settings, browse: Callable) -> None:
    """The script with the nonce runs; the one without is blocked, and the console says why."""
    page = browse("/")
    assert "The script ran under its nonce." in page.document
    assert len(page.console) == 1
    assert "Content Security Policy" in page.console[0]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_documentation_works_in_a_browser(browse: Callable, path: str) -> None:
    """The page shows the operations, and its policy blocks nothing it needs."""
    page = browse(path)
    assert "/payments" in page.document
    assert "Take a batch job" in page.document or "Batch" in page.document
    # ReDoc loads its maker's logo from its maker; that stays out, and is all that does.
    assert [line for line in page.console if "logo-mini.svg" not in line] == []
    tags = re.findall(r"<(?:script|link|style)\b[^>]*>", page.document)
    assert [tag for tag in tags if tag.startswith(("<script", "<link")) and 'nonce="' not in tag] == []
    assert [tag for tag in tags if "text/css" in tag and not re.search(r'type="text/css" rel="stylesheet"', tag)] == []


def test_commands_printed_by_serve_work() -> None:
    """`--serve` prints curl lines; pasted into a shell, each gets an answer from the running example."""
    command = [sys.executable, "-m", "example_app", "--serve"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("Ctrl-C"):
                break
        commands = [line for line in lines if re.match(r"curl |[A-Z]+=\$\(curl ", line)]
        script = "\n".join(["set -e", *(f"{one.replace('curl ', 'curl -sS ', 1)}; echo" for one in commands)])
        ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
    assert len(commands) >= 8
    assert ran.stderr == ""
    for told in ('"status":"up"', "tls_required", "308", '"job"', '"customer"', '"receipt"'):
        assert told in ran.stdout, told


def test_second_start_is_independent(settings: Settings) -> None:
    """Another instance beside the first takes other ports and stops without leaving anything behind."""
    ran = subprocess.run(
        [sys.executable, "-m", "example_app"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"(\d+) of \1 as expected", ran.stdout)
