"""The command `asvs`: what it does, what it prints, and how it fails: one line, exit code 2, no traceback."""

import json
import os
import runpy
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
import httpx
import pytest
from fastapi import FastAPI

import asvs_middleware
from asvs_middleware import __version__
from asvs_middleware.cli import main
from asvs_middleware.cli import serve as serve_command
from asvs_middleware.server.pki import write_development_pki

APP = """
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from asvs_middleware import ClientCertificates, SecurityPolicy, public, secure, sensitive

@public(reason="a page for the tests")
async def home(request):
    return PlainTextResponse("hello")

@sensitive(client_certificate="spiffe://localhost/client")
async def who(request):
    return PlainTextResponse(str(request.state.caller.subject[1]))

async def forgotten(request): ...

def made(routes, **choices):
    return secure(Starlette(routes=routes), SecurityPolicy.web(hosts=["localhost"], **choices))

app = made([Route("/", home)])
unguarded = made([Route("/forgotten", forgotten)], default="deny")
verifying = made(
    [Route("/", home), Route("/who", who)], client_certificates=ClientCertificates(trust="pki/clients-ca.pem")
)
a_number = 3
plain = Starlette()

def create_app():
    return app

from fastapi import APIRouter, FastAPI
from asvs_middleware.middleware import dangerously_cross_origin

inner, outer, part = APIRouter(prefix="/orders"), APIRouter(), FastAPI()

@inner.get("/{number}")
@public(reason="a page for the tests")
async def order(number: int): ...

@inner.post("/hook")
@dangerously_cross_origin(reason="every request is signed")
@public(reason="a page for the tests")
async def hook(): ...

@part.get("/part")
async def of_the_part(): ...

outer.include_router(inner, prefix="/shop")
whole = FastAPI()
whole.include_router(outer, prefix="/v1")
whole.mount("/sub", part)
if hasattr(whole, "frontend"):
    whole.frontend("/pages", directory=".")
whole = secure(whole, SecurityPolicy.web(hosts=["localhost"]))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an app and a development PKI."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "served_by_cli.py").write_text(APP)
    (folder / "wrongly_secured.py").write_text(
        "from asvs_middleware import SecurityPolicy\nSecurityPolicy.api(hosts=[])\n"
    )
    (folder / "lacks_a_secret.py").write_text(OWN_MISTAKE)
    write_development_pki(folder / "pki", at=datetime.now(UTC))
    return folder


OWN_MISTAKE = 'raise PermissionError(13, "Permission denied", "/run/secrets/database")'


@pytest.fixture(autouse=True)
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands run in the project's folder, as they do for a developer."""
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in ("served_by_cli", "wrongly_secured", "lacks_a_secret"):
        sys.modules.pop(name, None)


class Result(NamedTuple):
    """What a command came to. click's own runner mixes both outputs in some of its releases."""

    exit_code: Any
    stdout: str
    stderr: str


Asvs = Callable[..., Result]


@pytest.fixture
def asvs(capsys: pytest.CaptureFixture[str]) -> Asvs:
    """Run the command in this process: `asvs("certs", "--out", "pki")`."""

    def run(*arguments: str) -> Result:
        with pytest.raises(SystemExit, match=r"^[012]$") as ended:
            main(arguments, prog_name="asvs")
        return Result(ended.value.code, *capsys.readouterr())

    return run


CERTIFICATE = ("--certfile", "pki/server.pem", "--keyfile", "pki/server.key")


def test_version_and_help(asvs: Asvs) -> None:
    """Both are there before any room is imported."""
    assert asvs("--version").stdout == f"asvs {__version__}\n"
    assert {"serve", "certs"} <= set(asvs("-h").stdout.split())


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"]])
def test_help_is_fast(arguments: list[str]) -> None:
    """No command imports its room to describe itself."""
    heavy = "{'uvicorn', 'starlette', 'cryptography', 'httpx', 'jwt'}"
    code = f"import sys; from asvs_middleware.cli import main; main({arguments}, standalone_mode=False)"
    checked = f"{code}; sys.exit(bool({heavy} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", checked], check=True, stdout=subprocess.DEVNULL)


def test_python_dash_m(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m asvs_middleware` is the same command; importing it runs nothing."""
    monkeypatch.setattr(sys, "argv", ["asvs", "--version"])
    path = str(Path(asvs_middleware.__file__).parent / "__main__.py")
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(path, run_name="__main__")
    assert capsys.readouterr().out == f"asvs {__version__}\n"
    runpy.run_path(path)


def test_certs(tmp_path: Path, asvs: Asvs) -> None:
    """Each file is named, and then the command that uses them, with a path a shell takes as it is."""
    out = tmp_path / "my certs"
    lines = asvs("certs", "--out", str(out), "api.test").stdout.splitlines()
    assert {line.removeprefix("Wrote ") for line in lines[:-1]} == {str(path) for path in out.iterdir()}
    assert lines[-1].startswith(f"Next: asvs serve main:app --certfile '{out}/server.pem' --keyfile '{out}/server.key'")
    assert asvs("certs", "--out", str(out)).exit_code == 2
    assert asvs("certs", "--out", str(out), "--force").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["certs", "--out", "pki"], "pki already holds ca.pem", id="files are there"),
        pytest.param(["certs", "--out", "new", "a b"], "'a b'", id="no host name"),
        pytest.param(["certs", "--out", "/dev/null/x"], "cannot be written", id="no folder"),
        pytest.param(["certs", "--out", ""], "--out is empty. Name a folder", id="an empty variable"),
        pytest.param(["serve", "served_by_cli", *CERTIFICATE], "Write served_by_cli:app.", id="no attribute"),
        pytest.param(["serve", "served_by_cly:app", *CERTIFICATE], "Did you mean 'served_by_cli'", id="near module"),
        pytest.param(["serve", "served_by_cli:ap", *CERTIFICATE], "Did you mean 'app'", id="near attribute"),
        pytest.param(["serve", "served_by_cli:a_number", *CERTIFICATE], "is a int, and no ASGI app", id="no app"),
        pytest.param(["serve", "served_by_cli:create_app", *CERTIFICATE], "add --factory", id="a factory"),
        pytest.param(["serve", "wrongly_secured:app", *CERTIFICATE], "hosts=[] names no list", id="a wrong policy"),
        pytest.param(
            ["serve", "served_by_cli:unguarded", *CERTIFICATE, "--port", "0"], "/forgotten", id="an unguarded route"
        ),
        pytest.param(
            ["serve", "served_by_cli:verifying", *CERTIFICATE, "--port", "0"], "(--client-ca)", id="no client CA"
        ),
        pytest.param(
            ["serve", "served_by_cli:app", "--certfile", "none.pem", "--keyfile", "none.key", "--port", "0"],
            "certfile='none.pem' cannot be read",
            id="no certificate",
        ),
        pytest.param(
            [
                "serve",
                "served_by_cli:app",
                "--certfile",
                "pki/server.pem",
                "--keyfile",
                "pki/client.key",
                "--port",
                "0",
            ],
            "is not the key of",
            id="key of another",
        ),
        pytest.param(["serve", "served_by_cli:app", *CERTIFICATE, "--port", "99999"], "port=99999", id="no port"),
        pytest.param(["serve", "served_by_cli:app", *CERTIFICATE, "--host", "192.0.2.1"], "192.0.2.1", id="not ours"),
        pytest.param(
            ["serve", "served_by_cli:app", *CERTIFICATE, "--redirect-port", "8443"], "two tasks", id="one port twice"
        ),
        pytest.param(
            ["serve", "served_by_cli:app", *CERTIFICATE, "--client-certificates", "required"],
            "Add client_ca",
            id="required of nobody",
        ),
        pytest.param(["serve", "served_by_cli:app", *CERTIFICATE, "--profile", "old"], "'old'", id="no profile"),
        pytest.param(["serve", "served_by_cli:app", *CERTIFICATE, "--log-level", "trace"], "'trace'", id="no level"),
        pytest.param(["serve", "served_by_cli:app", *CERTIFICATE, "--app-dir", "none"], "app_dir=", id="no app folder"),
        pytest.param(["serve"], "There is no TARGET. Write module:attribute", id="no target"),
        pytest.param(
            ["serve", "served_by_cli:app"], "Missing option '--certfile'. See asvs serve --help.", id="no --certfile"
        ),
        pytest.param(["serve", "served_by_cli:app", *CERTIFICATE, "--port", "https"], "'https'", id="a port in words"),
        pytest.param(["serve", "served_by_cli:app", "--uds", "s", "--uds-mode", "rw"], "'rw' is no mode", id="a mode"),
        *[
            pytest.param(["serve", "served_by_cli:app", "--uds", "s", "--uds-mode", mode], "is no mode", id=repr(mode))
            for mode in ("660 ", "6_60", "0o660", "\uff16\uff16\uff10", "-660", "60")
        ],
        pytest.param(
            ["serve", "served_by_cli:unguarded", *CERTIFICATE, "--port", "0", "--workers", "2"], "/forgotten", id="two"
        ),
        pytest.param(
            ["serve", "served_by_cli:app", *CERTIFICATE, "--log-format", "xml"], "'xml' is not", id="no such format"
        ),
        pytest.param(["certs"], "Missing option '--out'. See asvs certs --help.", id="no --out"),
        pytest.param(["srve"], "No such command 'srve'.", id="no such command"),
        pytest.param(["--prot"], "No such option", id="no such option"),
        pytest.param([], "Missing command. See asvs --help.", id="nothing"),
    ],
)
def test_wrong_inputs(arguments: list[str], message: str, asvs: Asvs) -> None:
    """One line that begins with the command's name and holds the fix, wrong usage included; exit code 2."""
    result = asvs(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("asvs: ")
    assert message in line


def numbers() -> list[str]:
    """The options of `asvs serve` that take a number and are not refused whatever it is."""
    octal = ["--uds-mode"]
    given = (one for one in serve_command.params if isinstance(one, click.Option) and not one.hidden)
    return octal + [one.opts[-1] for one in given if isinstance(one.type, type(click.INT) | type(click.FLOAT))]


@pytest.mark.parametrize(
    "text",
    [
        "nan", "inf", "-inf", "-1", "1e400", "9" * 30, "9" * 5000, "", "three", "0x10", "1_0", "\uff11", "-0", "5 ",
        "05", "1e1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("option", numbers())
def test_whatever_is_given_for_a_number(option: str, text: str, asvs: Asvs) -> None:
    """Not a number, endless, negative, huge, or as int() alone would read it: one line, and nothing starts."""
    result = asvs("serve", "served_by_cli:app", *CERTIFICATE, "--port", "0", f"{option}={text}")
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("asvs: ")


def test_mistakes_of_the_app_keep_their_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """What the user's own module raises is not one of ours: an OSError of it is no wrong argument."""
    with pytest.raises(PermissionError, match="/run/secrets/database"):
        main(["serve", "lacks_a_secret:app", *CERTIFICATE], prog_name="asvs")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("which", ["--port", "--redirect-port"])
def test_a_port_in_use(which: str, asvs: Asvs) -> None:
    """Either of them stops the start."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = asvs("serve", "served_by_cli:app", *CERTIFICATE, "--port", "0", which, port)
    assert result.exit_code == 2
    assert f"port={port} on host '127.0.0.1' cannot be opened: Address already in use." in result.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def when_up(port: int, then: Any) -> threading.Thread:
    """Do something once the port answers."""

    def wait() -> None:
        for _ in range(3000):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                time.sleep(0.01)
            else:
                break
        then()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def trusting(project: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=project / "pki" / "ca.pem")


def test_serve_until_interrupted(project: Path, asvs: Asvs) -> None:
    """Ctrl+C ends it with exit code 0; events are JSON on stderr where that was asked for."""
    port, answers = free_port(), list[httpx.Response]()

    def visit() -> None:
        answers.append(httpx.get(f"https://localhost:{port}", verify=trusting(project), trust_env=False))
        answers.append(httpx.get(f"https://localhost:{port}/", headers={"host": "x"}, verify=trusting(project)))
        os.kill(os.getpid(), signal.SIGINT)

    thread = when_up(port, visit)
    result = asvs(
        *("serve", "served_by_cli:create_app", "--factory", *CERTIFICATE),
        *("--port", str(port), "--log-format", "json", "--log-level", "info"),
    )
    thread.join()
    assert result.exit_code == 0
    assert [answer.status_code for answer in answers] == [200, 421]
    events = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    # A call, and not a program; and whoever only looks whether the port is open.
    names = [event["event"] for event in events if event["event"] not in {"groups_not_limited", "handshake_refused"}]
    assert names == ["hsts_covers_subdomains", "sys_startup", "host_refused", "sys_shutdown"]


@contextmanager
def a_process(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "asvs_middleware", "serve", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_sigterm_ends_a_process(project: Path) -> None:
    """Both ports work, with a client certificate too; SIGTERM ends them within two seconds, idle clients or not."""
    port, plaintext_port = free_port(), free_port()
    arguments = ["served_by_cli:verifying", *CERTIFICATE, "--client-ca", "pki/clients-ca.pem"]
    context = trusting(project)
    context.load_cert_chain(project / "pki" / "client.pem", project / "pki" / "client.key")
    with a_process(*arguments, "--port", str(port), "--redirect-port", str(plaintext_port)) as process:
        when_up(port, lambda: None).join()
        with httpx.Client(verify=context, trust_env=False) as client:
            assert client.get(f"https://localhost:{port}/who").text == "uri:spiffe://localhost/client"
            page = client.get(f"http://localhost:{plaintext_port}/", headers={"accept": "text/html"})
            assert page.headers["location"] == f"https://localhost:{port}/"
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == -signal.SIGTERM  # The client keeps its connection for longer.
        _, errors = process.communicate()
    assert "sys_startup" in errors
    assert "Traceback" not in errors


def test_a_process_that_cannot_start() -> None:
    """The same line and exit code outside of tests."""
    with a_process("served_by_cli:unguarded", *CERTIFICATE, "--port", "0") as process:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 2
    assert errors.startswith("asvs: ")
    assert len(errors.splitlines()) == 1


class TestRoutes:
    """`asvs routes`: the matrix, and an exit code a pipeline can go by."""

    def test_a_guarded_app(self, asvs: Asvs) -> None:
        """Nothing to mend: 0, and the table."""
        ran = asvs("routes", "served_by_cli:verifying")
        assert (ran.exit_code, ran.stderr) == (0, "")
        assert "certificate uri:spiffe://localhost/client" in ran.stdout
        assert ran.stdout.endswith("2 routes: 1 sensitive, 1 public.\n")

    def test_an_unguarded_app(self, asvs: Asvs) -> None:
        """One route would stop the start: 1, with the whole matrix all the same."""
        ran = asvs("routes", "served_by_cli:unguarded")
        assert (ran.exit_code, ran.stderr) == (1, "")
        assert "! carries neither @sensitive nor @public" in ran.stdout

    def test_a_factory_as_json(self, asvs: Asvs) -> None:
        """For machines."""
        ran = asvs("routes", "served_by_cli:create_app", "--factory", "--format", "json")
        assert ran.exit_code == 0
        assert [one["path"] for one in json.loads(ran.stdout)] == ["/"]

    def test_a_fastapi_app_in_parts(self, asvs: Asvs) -> None:
        """Included routers, sub-applications and frontends have their whole path; what is waived stands below."""
        ran = asvs("routes", "served_by_cli:whole", "--format", "json")
        rows = {one["path"]: one for one in json.loads(ran.stdout)}
        assert rows["/v1/shop/orders/{number}"]["access"] == "public"
        assert [one["control"] for one in rows["/v1/shop/orders/hook"]["waived"]] == ["@dangerously_cross_origin"]
        assert rows["/sub/part"]["access"] == "unmarked"
        assert ("/pages/*" in rows) is hasattr(FastAPI, "frontend")
        text = asvs("routes", "served_by_cli:whole").stdout
        assert "~ waived v5.0.0-3.5.1 by @dangerously_cross_origin: every request is signed" in text

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            pytest.param(["served_by_cli:ap"], "Did you mean 'app'", id="no such app"),
            pytest.param(["served_by_cli:plain"], "is not secured", id="an app without a policy"),
            pytest.param(["served_by_cli:app", "--format", "xml"], "'xml' is not one of", id="no such format"),
        ],
    )
    def test_what_is_wrong(self, arguments: list[str], message: str, asvs: Asvs) -> None:
        """Something given is not right: 2, and what to write instead."""
        ran = asvs("routes", *arguments)
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert message in ran.stderr
