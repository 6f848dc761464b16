"""The site of site.py and the example over TLS, and the scanners that mark them."""

import functools
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from asvs_middleware.server.launcher import server_for
from asvs_middleware.server.listeners import listening, port_of
from asvs_middleware.server.pki import write_development_pki
from asvs_middleware.server.policy import ServerPolicy
from tests.scores import site
from tests.scores.place import Site

HERE = Path(__file__).parent
NODE_AT_LEAST = 20


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    write_development_pki(folder, [site.HOST], at=datetime.now(UTC))
    return folder


@pytest.fixture(scope="session")
def served(pki: Path) -> Iterator[Callable[[str], Site]]:
    """Serve the site under a policy, once for each; `served("web-2")`."""
    with ExitStack() as running:

        @functools.cache
        def serve(policy: str) -> Site:
            files = {"certfile": pki / "server.pem", "keyfile": pki / "server.key"}
            choices = ServerPolicy(**files, port=0, redirect_port=0, log_level="critical")  # type: ignore[arg-type]
            listeners = running.enter_context(listening(choices))
            server = server_for(site.app_of(site.policy_of(policy, default="allow")), choices, listeners)
            thread = threading.Thread(target=server.run, args=(listeners.tls,))
            thread.start()
            running.callback(thread.join, timeout=10)
            running.callback(setattr, server, "should_exit", True)
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            assert listeners.plaintext is not None
            return Site(site.HOST, port_of(listeners.tls), port_of(listeners.plaintext), pki / "ca.pem")

        yield serve


@pytest.fixture(scope="session")
def node() -> str:
    """Node, with the scanners installed beside this file."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip().lstrip("v").partition(".")[0]) < NODE_AT_LEAST:
        pytest.skip(f"node {version.strip()} is older than {NODE_AT_LEAST}")
    if not (HERE / "node_modules").is_dir():
        pytest.skip("the scanners are not installed: run `npm ci` in tests/scores")
    return found


def run(node: str, script: str, *arguments: str, given: str = "", **environment: str) -> Any:
    """Run a script beside this file and return what it printed."""
    ran = subprocess.run(
        [node, str(HERE / script), *arguments],
        input=given,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="session")
def observatory(node: str) -> Callable[..., dict[str, Any]]:
    """Scan a site with the MDN HTTP Observatory, and mark further responses of it."""

    def scan(one: Site, *targets: str) -> dict[str, Any]:
        ports = ["--https", str(one.port)]
        ports += [] if one.plaintext_port is None else ["--http", str(one.plaintext_port)]
        paths = [target.replace(" ", ":") for target in targets]
        found = run(node, "observatory.mjs", "--host", one.host, *ports, *paths, NODE_EXTRA_CA_CERTS=str(one.ca))
        assert isinstance(found, dict)
        return found

    return scan


@pytest.fixture(scope="session")
def csp_evaluator(node: str) -> Callable[[list[str]], list[list[dict[str, Any]]]]:
    """Judge policies with csp_evaluator."""

    def judge(policies: list[str]) -> list[list[dict[str, Any]]]:
        found = run(node, "csp_evaluator.mjs", given=json.dumps(policies))
        assert isinstance(found, list)
        return found

    return judge
