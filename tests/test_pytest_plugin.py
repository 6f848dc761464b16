"""The plugin as a user has it: a pytest run of its own, with nothing but a conftest.py."""

import subprocess
import sys

import fastapi
import pytest

from asvs_middleware import rehearsal
from asvs_middleware.server import pki

pytest_plugins = ["pytester"]

MAIN = """
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI

from asvs_middleware import ClientCertificates, SecurityPolicy, Tokens, public, secure, sensitive
from asvs_middleware.server.pki import DevelopmentCA

clients = Path(__file__).with_name("clients-ca.pem")
clients.write_bytes(DevelopmentCA.root("Clients", at=datetime.now(UTC)).pem)
app = FastAPI()

@app.get("/orders")
@sensitive(scopes="orders:read")
async def orders() -> list[str]:
    return ["one"]

@app.post("/batch")
@sensitive(client_certificate="spiffe://example.org/batch/")
async def batch() -> str:
    return "done"

@app.get("/health")
@public(reason="load balancer probe")
async def health() -> str:
    return "ok"

secure(app, SecurityPolicy.api(
    hosts=["api.example.com"],
    tokens=Tokens("https://idp.example.com", audience="https://api.example.com"),
    client_certificates=ClientCertificates(trust=clients),
))
bare = FastAPI()
"""

CONFTEST = """
import pytest

@pytest.fixture
def asvs_app():
    from main import app
    return app
"""

TESTS = """
import ssl
import httpx
import pytest

def test_headers(asvs):
    response = asvs.get("/orders")
    assert isinstance(response, httpx.Response)
    asvs.assert_headers(response, level=2)

def test_every_route_is_guarded(asvs):
    assert "GET       /orders  401" in str(asvs.assert_guarded())

def test_good(asvs):
    certificate = asvs.client_certificate(uris=["spiffe://example.org/batch/a"])
    token = asvs.token(scopes="orders:read", certificate=certificate)
    assert asvs.get("/orders", token=token, certificate=certificate).json() == ["one"]
    assert asvs.post("/batch", certificate=certificate).json() == "done"
    assert asvs.get("/orders", token=asvs.token(expires_in=-60)).status_code == 401
"""


@pytest.fixture(autouse=True)
def no_modules_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """In process the inner run finds what the outer one imported, and what it imports itself is forgotten after it.

    So a `main` of another test is hidden from it, and compiled modules, which come but once, are loaded before it.
    """
    assert {one.__name__ for one in (fastapi, pki, rehearsal)} <= set(sys.modules)
    for name in ("main", "needs"):
        monkeypatch.delitem(sys.modules, name, raising=False)


USES_THE_FIXTURE = "def test_it(asvs): asvs.assert_guarded()"


@pytest.mark.parametrize("isolated", [False, True], ids=["in process", "in a process of its own"])
def test_the_example(pytester: pytest.Pytester, isolated: bool) -> None:
    """The example of the documentation runs, with warnings as errors, and leaves none."""
    pytester.makepyfile(main=MAIN, conftest=CONFTEST, test_orders=TESTS)
    run = pytester.runpytest_subprocess if isolated else pytester.runpytest_inprocess
    result = run("-W", "error", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=3)
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*warning*")


def test_the_ini_option(pytester: pytest.Pytester) -> None:
    """Without a fixture the app is the one the configuration names."""
    pytester.makeini("[pytest]\nasvs_app = main:app\npythonpath = .")
    pytester.makepyfile(main=MAIN, test_it=USES_THE_FIXTURE)
    pytester.runpytest_inprocess("--strict-config").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("place", "line"),
    [
        pytest.param("", "*asvs_app='' names no app. Write a fixture asvs_app*", id="none"),
        pytest.param("main", "*asvs_app='main' names no app*", id="no name"),
        pytest.param("maim:app", "*is not on the path. Add pythonpath*", id="no such module"),
        pytest.param("main.app:app", "*is not on the path*", id="no such submodule"),
        pytest.param("main:ap", "*main has no ap.*", id="no such name"),
        pytest.param("main:bare", "*This FastAPI is not secured. Call secure(app, policy)*", id="not secured"),
        pytest.param("needs:app", "*ModuleNotFoundError: No module named 'nothing_of_this_name'*", id="broken import"),
    ],
)
def test_what_cannot_be_rehearsed(pytester: pytest.Pytester, place: str, line: str) -> None:
    """Whatever is wrong with the app's place, the message says what to write; a broken import keeps its traceback."""
    pytester.makeini(f"[pytest]\nasvs_app = {place}\npythonpath = .")
    pytester.makepyfile(main=MAIN, needs="import nothing_of_this_name", test_it=USES_THE_FIXTURE)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([line])


def test_a_failure_is_short(pytester: pytest.Pytester) -> None:
    """A failing check shows the test's line and the table, and none of our own frames."""
    test = "def test_it(asvs): asvs.assert_headers(__import__('httpx').Response(200))"
    pytester.makepyfile(main=MAIN, conftest=CONFTEST, test_it=test)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: The response (200) misses * requirement(s) at level 2:"])
    result.stdout.no_fnmatch_line("*rehearsal*headers.py*")


def test_costs_nothing_for_others(pytester: pytest.Pytester) -> None:
    """A run that uses no fixture of ours loads none of our rooms, nor what they need."""
    pytester.makepyfile("""
        import sys

        def test_it(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("asvs_middleware.pytest_plugin")
            ours = {name for name in sys.modules if name.startswith("asvs_middleware")}
            assert ours == {"asvs_middleware", "asvs_middleware.pytest_plugin"}
            assert not {"cryptography", "starlette", "uvicorn", "httpx", "jwt"} & set(sys.modules)
    """)
    # Other plugins of this machine may load what they like.
    command = [sys.executable, "-m", "pytest", "-p", "asvs_middleware.pytest_plugin", "-q", "-p", "no:cacheprovider"]
    result = subprocess.run(
        command,
        cwd=pytester.path,
        env={"PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
