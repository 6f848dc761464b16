"""Several processes, one service: the command as it is deployed, and its supervisor in this process."""

import errno
import json
import os
import pickle
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server import ServerPolicy, serve
from asvs_middleware.server.launcher import opened
from asvs_middleware.server.pki import write_development_pki
from asvs_middleware.server.processes.supervisor import Supervisor
from asvs_middleware.server.processes.worker_main import main, work
from asvs_middleware.server.processes.worker_process import interpreter_options
from asvs_middleware.server.processes.workers import Link, Order

APP = """
import asyncio, os, socket, time
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from asvs_middleware import SecurityPolicy, public, secure

page = public(reason="a page for the tests")

@page
async def home(request):
    connection = request.receive.__self__.transport.get_extra_info("socket")
    delay = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    return JSONResponse({"pid": os.getpid(), "no_delay": bool(delay), "openssl": os.environ.get("OPENSSL_CONF")})

@page
async def slow(request):
    await asyncio.sleep(float(request.query_params["seconds"]))
    return JSONResponse("answered")

@page
async def end(request):
    os._exit(7)

@page
async def stuck(request):
    time.sleep(60)

routes = [Route("/", home), Route("/slow", slow), Route("/end", end), Route("/stuck", stuck)]
app = secure(Starlette(routes=routes), SecurityPolicy.web(hosts=["localhost"]))

async def forgotten(request): ...

unguarded = secure(
    Starlette(routes=[Route("/forgotten", forgotten)]), SecurityPolicy.api(hosts=["localhost"], default="deny")
)

async def short_lived(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    asyncio.get_running_loop().call_later(0.1, os._exit, 9)
    await receive()
"""

BEHIND_A_PROXY = {"uds": "app.sock", "certfile": None, "keyfile": None}
FILES = ("--certfile", "server.pem", "--keyfile", "server.key")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an app, and a PKI that may be replaced."""
    folder = tmp_path_factory.mktemp("project")
    write_development_pki(folder, at=datetime.now(UTC))
    (folder / "served_by_workers.py").write_text(APP)
    (folder / "cannot_be_imported.py").write_text("1 / 0")
    return folder


@dataclass
class Program:
    """`asvs serve`, running."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    plaintext_port: int
    log: Path
    ready: Path

    def say(self, text: bytes, *, tls: bool = True) -> bytes:
        """Send bytes, and return what comes until the connection is closed."""
        with socket.create_connection(("localhost", self.port), timeout=30) as raw:
            context = ssl.create_default_context(cafile=self.folder / "ca.pem")
            connection = context.wrap_socket(raw, server_hostname="localhost") if tls else raw
            with connection, connection.makefile("rb") as answer:
                connection.sendall(text)
                return answer.read()

    def ask(self, path: str = "/", **settings: Any) -> Any:
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        url = f"https://localhost:{self.port}{path}"
        return httpx.get(url, verify=context, trust_env=False, timeout=30, **settings).json()

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]


@contextmanager
def program(folder: Path, *options: str, target: str = "served_by_workers:app") -> Iterator[Program]:
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as too:
        port, plaintext_port = free.getsockname()[1], too.getsockname()[1]
    log, ready = folder / f"log-{port}", folder / f"ready-{port}"
    command = [sys.executable, "-m", "asvs_middleware", "serve", target, *FILES, "--port", str(port)]
    command += ["--redirect-port", str(plaintext_port), "--ready-file", str(ready), "--log-format", "json", *options]
    with log.open("wb") as output, subprocess.Popen(command, cwd=folder, stderr=output, stdout=output) as process:
        try:
            until(lambda: ready.exists() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield Program(process, folder, port, plaintext_port, log, ready)
        finally:
            process.kill()


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "It took too long."
        time.sleep(0.02)
    return found


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.fixture(scope="module")
def two(project: Path) -> Iterator[Program]:
    with program(project, "--workers", "2", "--client-ca", "clients-ca.pem", "--ready-path", "/ready") as running:
        yield running


def pids(two: Program) -> set[int]:
    """Return the processes that answer; both do, sooner or later."""
    with ThreadPoolExecutor(8) as threads:
        return {one["pid"] for one in threads.map(lambda _: two.ask(), range(24))}


def test_both_answer(two: Program) -> None:
    """Without TCP_NODELAY a handshake waits for a timer of 40 ms, which is what uvicorn's own workers do."""
    assert two.ask()["no_delay"]
    until(lambda: len(pids(two)) == 2)
    (event,) = two.events("sys_startup")
    assert event["workers"] == 2


def test_groups_are_limited_in_each(two: Program) -> None:
    """v5.0.0-12.1.2: OpenSSL was configured for the workers, and for nothing that the app may start."""
    assert {two.ask()["openssl"] for _ in range(8)} == {os.environ.get("OPENSSL_CONF")}
    assert not two.events("groups_not_limited")
    for curve, taken in {"prime256v1": True, "secp521r1": False}.items():
        context = ssl.create_default_context(cafile=two.folder / "ca.pem")
        context.set_ecdh_curve(curve)
        for _ in range(4):
            with socket.create_connection(("localhost", two.port), timeout=30) as raw:
                if taken:
                    context.wrap_socket(raw, server_hostname="localhost").close()
                    continue
                with pytest.raises((ssl.SSLError, ConnectionError), match=r"EOF|alert|handshake|reset"):
                    context.wrap_socket(raw, server_hostname="localhost")


def test_a_worker_that_dies_is_replaced(two: Program) -> None:
    """v5.0.0-15.2.2: the other one serves meanwhile, and the event says which process died of what."""
    before = until(lambda: len(found := pids(two)) == 2 and found)
    with pytest.raises(httpx.HTTPError, match=r"."):
        two.ask("/end")
    (event,) = until(lambda: two.events("sys_crash"))
    assert (event["status"], event["restart_in"]) == (7, 0.5)
    assert two.ask()["pid"] in before - {event["pid"]}
    after = until(lambda: len(found := pids(two)) == 2 and found)
    assert len(after & before) == 1


def test_reloading_ends_nobody(two: Program) -> None:
    """SIGHUP is passed on: each worker serves by a new PKI, and none of them was started again."""
    before = until(lambda: len(found := pids(two)) == 2 and found)
    write_development_pki(two.folder, at=datetime.now(UTC), force=True)
    two.process.send_signal(signal.SIGHUP)
    asked = until(lambda: len(found := {one["pid"] for one in two.events("reloaded") if one["asked"]}) == 2 and found)
    assert until(lambda: len(found := pids(two)) == 2 and found) == before == asked


def test_everything_together(two: Program) -> None:
    """What each part promises holds in the processes that serve: one glance at each."""
    assert two.say(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", tls=False).startswith(b"HTTP/1.1 400 ")
    assert two.say(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    plaintext = f"http://localhost:{two.plaintext_port}"
    assert httpx.get(f"{plaintext}/ready", trust_env=False).text == "ready\n"
    page = httpx.get(f"{plaintext}/a", headers={"accept": "text/html"}, trust_env=False)
    assert (page.status_code, page.headers["location"]) == (308, f"https://localhost:{two.port}/a")
    assert httpx.post(plaintext, trust_env=False).status_code == 403
    context = ssl.create_default_context(cafile=two.folder / "ca.pem")
    context.load_cert_chain(two.folder / "client.pem", two.folder / "client.key")
    answer = httpx.get(f"https://localhost:{two.port}/?token=s3cret", verify=context, trust_env=False)
    assert answer.status_code == 200
    assert {"content-security-policy", "x-content-type-options", "date"} <= answer.headers.keys()
    assert "server" not in answer.headers
    assert "s3cret" not in two.log.read_text()


def test_the_end_in_order(two: Program) -> None:
    """SIGTERM: readiness is taken back first, requests under way are answered, and the status is the signal's."""
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(two.ask, "/slow?seconds=3")
        time.sleep(1)
        two.process.terminate()
        until(lambda: not two.ready.exists())
        assert not answer.done()
        until(lambda: refused(two.port))
        assert answer.result() == "answered"
    assert two.process.wait(20) == -signal.SIGTERM
    assert len(two.events("sys_shutdown")) == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_signal_does_not_wait(workers: str, project: Path) -> None:
    """Whoever has no time to wait says so again."""
    with program(project, "--workers", workers) as running, ThreadPoolExecutor(1) as threads:
        answer = threads.submit(running.ask, "/slow?seconds=20")
        time.sleep(0.3)
        running.process.terminate()
        time.sleep(0.3)
        begun = time.monotonic()
        running.process.terminate()
        assert running.process.wait(20) == -signal.SIGTERM
        assert time.monotonic() - begun < 15
        assert isinstance(answer.exception(), httpx.HTTPError)


def test_workers_do_not_outlive_their_supervisor(project: Path) -> None:
    """A supervisor that is killed takes the port with it, once requests under way are answered."""
    with program(project, "--workers", "2") as running:
        running.process.kill()
        until(lambda: refused(running.port))


def test_one_process_replaces_itself(project: Path) -> None:
    """Its number is the one the service manager started, and its groups are limited."""
    with program(project) as running:
        assert running.ask()["pid"] == running.process.pid
        assert not running.events("groups_not_limited")
        assert int(running.ready.read_text()) == running.process.pid


def a_policy(project: Path, **choices: Any) -> ServerPolicy:
    files = {"certfile": project / "server.pem", "keyfile": project / "server.key"}
    return ServerPolicy(**{**files, "port": 0, "workers": 2, "log_level": "warning", **choices})


def test_serve_by_name(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The function does what the command does; after Ctrl+C it returns, and both ports are free."""
    caplog.set_level("INFO", logger="asvs_middleware")

    def interrupt() -> None:
        try:
            until(lambda: "sys_startup" in caplog.messages)
            os.kill(os.getpid(), signal.SIGHUP)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    policy = a_policy(project, redirect_port=0, log_level="info")
    serve("served_by_workers:app", policy, app_dir=str(project), log_format="text")
    thread.join()
    (event,) = [record.asvs for record in caplog.records if record.message == "sys_startup"]
    for url in (event["url"], event["plaintext_url"]):
        assert refused(int(url.rpartition(":")[2]))


@pytest.mark.parametrize(
    ("target", "choices", "message"),
    [
        pytest.param("served_by_workers:unguarded", {}, "/forgotten", id="an unguarded route"),
        pytest.param("served_by_workers:ap", {}, "Did you mean 'app'", id="a misspelt name"),
        pytest.param("cannot_be_imported:app", {}, "ended with status 1 before it served", id="the app's own error"),
        pytest.param("served_by_workers:app", {"keyfile": "none.key"}, "'none.key' cannot be read", id="no key"),
        pytest.param("cannot_be_imported:app", {"workers": 1}, "ended with status|division", id="one process"),
        pytest.param("served_by_workers:app", BEHIND_A_PROXY, "trusts no proxy on a unix socket", id="behind a proxy"),
    ],
)
def test_what_cannot_start(target: str, choices: dict[str, Any], message: str, project: Path) -> None:
    """The sentence comes from the worker, once, however many there are; no port stays open."""
    if choices.get("uds"):
        choices = {**choices, "uds": project / "app.sock"}
    with pytest.raises((ConfigurationError, ZeroDivisionError), match=message):
        serve(target, a_policy(project, **choices), app_dir=str(project))


def test_an_app_that_is_no_name(project: Path) -> None:
    """Several processes cannot share an object."""
    with pytest.raises(ConfigurationError, match=r"cannot be served by 2 workers.*Name it: serve\(.main"):
        serve(lambda scope, receive, send: None, a_policy(project))  # type: ignore[arg-type,return-value]


def an_order(project: Path, target: str = "served_by_workers:app", **choices: Any) -> Order:
    return Order(target=target, app_dir=str(project), policy=a_policy(project, **choices))


@contextmanager
def supervised(order: Order, *, seconds: float = 20, **settings: Any) -> Iterator[tuple[Supervisor, int]]:
    """Run a supervisor in a thread, without signals."""
    with opened(order.policy) as listeners:
        port = listeners.tls[0].getsockname()[1]
        chosen = {"environ": os.environ.copy, "grace": 5, **settings}
        supervisor = Supervisor(order.on(listeners), listeners, **chosen)
        thread = threading.Thread(target=supervisor.run)
        thread.start()
        try:
            yield supervisor, port
        finally:
            until(lambda: supervisor.workers)
            supervisor.call_soon(supervisor.stop)
            thread.join(seconds)
            assert not thread.is_alive()


def seen(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    return [record.asvs for record in caplog.records if record.message == name]


class Said:
    """An announcement that is kept."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def ready(self, facts: Any) -> None:
        self.said.append("ready")

    def stopping(self) -> None:
        self.said.append("stopping")

    def reloaded(self, facts: Any) -> None:
        self.said.append("reloaded")


def test_a_worker_that_keeps_dying(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The pause doubles; the service is ready only while somebody serves."""
    said = Said()
    order = an_order(project, "served_by_workers:short_lived", workers=1)
    with supervised(order, pause=0.05, announcements=[said]):
        until(lambda: len(seen(caplog, "sys_crash")) == 3)
    pauses = [event["restart_in"] for event in seen(caplog, "sys_crash")][:3]
    assert pauses == [0.05, 0.1, 0.2]
    assert said.said[:3] == ["ready", "stopping", "ready"]
    assert said.said[-1] == "stopping"


def test_a_worker_that_has_served_its_requests(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    """limit_max_requests: it is replaced at once, and nothing is wrong."""
    caplog.set_level("INFO", logger="asvs_middleware")
    order = Order(
        target="served_by_workers:app",
        app_dir=str(project),
        policy=a_policy(project, workers=1),
        settings={"limit_max_requests": 1, "access_log": False},
    )
    context = ssl.create_default_context(cafile=project / "ca.pem")
    said = Said()
    with supervised(order, announcements=[said]) as (_, port):
        until(lambda: said.said)
        httpx.get(f"https://localhost:{port}/", verify=context, trust_env=False)
        (event,) = until(lambda: seen(caplog, "sys_restart"))
        until(lambda: said.said.count("ready") >= 2)
    assert (event["status"], event["restart_in"]) == (0, 0)
    assert not seen(caplog, "sys_crash")


def test_a_worker_that_ends_before_it_serves(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Exit code 0 is no order to start the next one at once: an app that leaves while it is imported would spin."""
    caplog.set_level("INFO", logger="asvs_middleware")
    (project / "leaves.py").write_text(LEAVES)
    gone = project / "gone"
    with supervised(an_order(project, "leaves:app", workers=1), pause=0.05) as (supervisor, _):
        until(lambda: any(worker.up for worker in supervisor.workers.values()))
        gone.touch()
        supervisor.workers[0].send(signal.SIGKILL)
        until(lambda: len(seen(caplog, "sys_crash")) >= 3)
    gone.unlink()
    crashes = seen(caplog, "sys_crash")[:3]
    assert [(one["status"], one["restart_in"]) for one in crashes] == [(-9, 0.05), (0, 0.1), (0, 0.2)]
    assert not seen(caplog, "sys_restart")


LEAVES = """
import pathlib, sys

if pathlib.Path(__file__).with_name("gone").exists():
    sys.exit(0)

async def app(scope, receive, send): ...
"""


def test_reload_reaches_a_worker_that_is_starting(project: Path) -> None:
    """A signal before it has a handler would be its death: it gets it once it serves."""
    said = Said()
    with supervised(an_order(project, workers=1), announcements=[said]) as (supervisor, _):
        until(lambda: supervisor.workers)
        supervisor.call_soon(supervisor.reload)
        until(lambda: "ready" in said.said)
        time.sleep(0.2)
        (worker,) = supervisor.workers.values()
        assert worker.process.returncode is None
        supervisor.call_soon(supervisor.reload)
        until(lambda: said.said.count("reloaded") == 2)
    assert said.said == ["reloaded", "ready", "reloaded", "stopping"]


@pytest.mark.parametrize(("grace", "signals"), [(0.2, 1), (60, 2), (None, 2)])
def test_a_worker_that_does_not_end_is_killed(grace: float | None, signals: int, project: Path) -> None:
    """v5.0.0-15.2.2: an app that blocks its process holds nothing up for longer than its grace, or a second signal."""
    said = Said()
    with supervised(an_order(project, workers=1), grace=grace, margin=0.2, announcements=[said]) as (supervisor, port):
        until(lambda: said.said)
        context = ssl.create_default_context(cafile=project / "ca.pem")
        with socket.create_connection(("localhost", port), timeout=30) as raw:
            stuck = context.wrap_socket(raw, server_hostname="localhost")
            stuck.sendall(b"GET /stuck HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(0.3)
            begun = time.monotonic()
            for _ in range(signals):
                supervisor.call_soon(supervisor.stop)
            (worker,) = supervisor.workers.values()
            until(lambda: worker.process.returncode is not None)
            stuck.close()
        assert time.monotonic() - begun < 15
    assert worker.process.returncode == -signal.SIGKILL


def test_stopped_while_starting(project: Path) -> None:
    """The end may come before the beginning; a supervisor that never was up says nothing."""
    said, found = Said(), list[Supervisor]()

    def environ() -> dict[str, str]:
        until(lambda: found)
        found[0].stop()
        return os.environ.copy()

    with supervised(an_order(project, workers=1), announcements=[said], environ=environ) as (supervisor, _):
        found.append(supervisor)
    (worker,) = supervisor.workers.values()
    assert worker.process.returncode == -signal.SIGTERM
    assert not said.said


def test_a_system_without_room(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At the start it is one sentence; later the service goes on with those it has, and tries again."""
    order, given = an_order(project, workers=1), list[int]()

    def environ() -> dict[str, str]:
        given.append(len(given))
        if len(given) in {1, 3}:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.environ.copy()

    with opened(order.policy) as listeners:
        supervisor = Supervisor(order.on(listeners), listeners, environ=environ, grace=1)
        supervisor.call_soon(supervisor.stop)  # Nothing runs yet, so nothing ends.
        with pytest.raises(ConfigurationError, match=r"No worker can be started: No space left.*Leave the"):
            supervisor.run()
    short = an_order(project, "served_by_workers:short_lived", workers=1)
    with supervised(short, environ=environ, pause=0.02):
        until(lambda: len(given) == 4)
    crashes = seen(caplog, "sys_crash")
    assert [(event["pid"] is None, event["status"]) for event in crashes[:2]] == [(False, 9), (True, None)]
    assert "No space left" in crashes[1]["reason"]


def test_an_environment_that_cannot_be_made(project: Path) -> None:
    """What is configured for OpenSSL, or a profile's file, may be wrong: the start ends with that sentence."""
    order = an_order(project, workers=2)

    def environ() -> dict[str, str]:
        raise ConfigurationError("There is no such profile.", fix="Name another.")

    said = list[str]()

    def run() -> None:
        try:
            supervisor.run()
        except ConfigurationError as error:
            said.append(str(error))

    with opened(order.policy) as listeners:
        supervisor = Supervisor(order.on(listeners), listeners, environ=environ, grace=1)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(20)
    assert said == ["There is no such profile. Name another."]


def test_work_in_this_process(project: Path) -> None:
    """A worker is ordered over a socket, says when it is ready, and ends when the other end is gone."""
    ours, theirs = socket.socketpair()
    with ours, theirs, opened(a_policy(project)) as listeners, ThreadPoolExecutor(1) as threads:
        copies = listeners._replace(tls=[one.dup() for one in listeners.tls])
        order = Order(target="served_by_workers:app", app_dir=str(project), policy=a_policy(project), log_format="text")
        given = order.on(copies)
        for one in copies.tls:
            one.detach()
        ours.sendall(given.packed())
        status = threads.submit(work, Link(theirs))
        ours.settimeout(30)
        with ours.makefile("rb") as messages:
            assert json.loads(messages.readline())["is"] == "ready"
            ours.shutdown(socket.SHUT_WR)
            assert json.loads(messages.readline()) == {"is": "stopping"}
        assert status.result(10) == 0


def test_work_that_cannot_be_done(project: Path) -> None:
    """The reason goes to the supervisor."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(an_order(project, "served_by_workers:unguarded").packed())
        with pytest.raises(SystemExit, match="2"):
            main(theirs.detach())
        message = json.loads(ours.recv(10_000))
    assert message["is"] == "failed"
    assert "/forgotten" in message["problem"]


def test_a_supervisor_that_is_gone(project: Path) -> None:
    """Before the order: the worker ends. Afterwards: nobody hears it."""
    ours, theirs = socket.socketpair()
    with theirs:
        ours.close()
        with pytest.raises(SystemExit, match="2"):
            Link(theirs).order()
        Link(theirs).stopping()


def test_orders_are_whole_and_hold_no_surprises(project: Path) -> None:
    """v5.0.0-16.2.5: what cannot be given to another process is said; a password is in no message."""
    order = an_order(project, keyfile_password="correct horse")
    assert "correct horse" not in repr(order)
    assert pickle.loads(order.packed()[4:]) == order
    with pytest.raises(ConfigurationError, match=r"cannot be given to another process. Use text, numbers and paths"):
        Order(target="a:b", policy=order.policy, settings={"log_config": lambda: None}).packed()


@pytest.mark.parametrize(
    ("flags", "warnings", "expected"),
    [
        pytest.param({}, [], [], id="none"),
        pytest.param({"optimize": 2}, [], ["-O", "-O"], id="-OO"),
        pytest.param({"isolated": 1, "dev_mode": True}, ["error"], ["-I", "-X", "dev", "-Werror"], id="all others"),
    ],
)
def test_interpreter_options(flags: dict[str, int], warnings: list[str], expected: list[str]) -> None:
    """Workers run the code as the supervisor does: an app that relies on `-O` or on warnings meets no surprise."""
    every = SimpleNamespace(**{"optimize": 0, "isolated": 0, "dev_mode": False, **flags})
    assert interpreter_options(every, warnings) == expected
