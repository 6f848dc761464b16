"""Being up is said once both ports answer, and taken back before one of them stops to."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.launcher import server_for
from asvs_middleware.server.listeners import listening, port_of
from asvs_middleware.server.policy import ServerPolicy
from asvs_middleware.server.processes.readiness import Log, Probe, ReadyFile, ServiceManager, of_process


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await PlainTextResponse("the app")(scope, receive, send)


def test_a_ready_file(tmp_path: Path) -> None:
    """It comes whole, and goes; one of an earlier run is gone before anything starts."""
    path = tmp_path / "ready"
    path.write_text("of an earlier run")
    file = ReadyFile(path)
    assert not path.exists()
    file.ready({})
    assert path.read_text().strip().isdigit()
    assert [one.name for one in tmp_path.iterdir()] == ["ready"]
    file.stopping()
    file.stopping()
    assert not path.exists()


def test_a_ready_file_whose_folder_goes_away(tmp_path: Path) -> None:
    """A probe that fails is for the probe to report: the server goes on."""
    folder = tmp_path / "run"
    folder.mkdir()
    file = ReadyFile(folder / "ready")
    folder.rmdir()
    file.ready({})
    file.stopping()
    file.reloaded({})


@pytest.mark.parametrize("name", ["missing/ready", "."], ids=["no folder", "a folder"])
def test_a_ready_file_that_cannot_be_written(name: str, tmp_path: Path) -> None:
    """The start stops, and not the probe hours later."""
    with pytest.raises(ConfigurationError, match=r"ready_file=.* cannot be written. Name a file in a folder"):
        ReadyFile(tmp_path / name)


@pytest.fixture(params=["a path", "the abstract namespace"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """The socket of a service manager, and its address as systemd writes it."""
    address = str(tmp_path / "notify") if request.param == "a path" else f"@asvs-test-{tmp_path.name}-{id(request)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        listener.settimeout(30)
        yield address, listener


def test_a_service_manager(manager: tuple[str, socket.socket]) -> None:
    """sd_notify(3): READY with the process's number, RELOADING with the time and READY again, STOPPING."""
    address, listener = manager
    (announcement,) = of_process(None, {"NOTIFY_SOCKET": address})
    announcement.ready({"url": "https://localhost:8443"})
    announcement.reloaded({"url": "https://localhost:8443"})
    announcement.stopping()
    said = [listener.recv(1000).decode().splitlines() for _ in range(4)]
    assert said[0][0] == said[2][0] == "READY=1"
    assert "STATUS=Serving https://localhost:8443" in said[0]
    assert said[1][0] == "RELOADING=1"
    assert said[1][1].startswith("MONOTONIC_USEC=")
    assert said[3] == ["STOPPING=1"]


def test_a_service_manager_that_is_gone(tmp_path: Path) -> None:
    """Nobody hears it, and nothing fails."""
    ServiceManager(str(tmp_path / "nobody")).stopping()


def test_what_concerns_the_process(tmp_path: Path) -> None:
    """Nothing is said that nobody asked for."""
    assert of_process(None, {}) == of_process(None, {"NOTIFY_SOCKET": ""}) == ()
    assert len(of_process(tmp_path / "ready", {"NOTIFY_SOCKET": "@x"})) == 2


def test_the_log_says_how_it_is_served(caplog: pytest.LogCaptureFixture) -> None:
    """Both moments are events; behind a proxy TLS is not claimed."""
    caplog.set_level("INFO", logger="asvs_middleware")
    for facts in ({"profile": "intermediate-6.0"}, {"profile": None}):
        Log().ready(facts)
        Log().reloaded(facts)
    Log().stopping()
    assert caplog.messages == ["sys_startup", "sys_startup", "sys_shutdown"]
    assert [one.asvs["reason"] for one in caplog.records][:2] == [
        "The app is served over TLS.",
        "The app is served to a proxy.",
    ]


def test_the_probe(pki: Path) -> None:
    """200 while the app is up; 503 while it drains, when requests are still taken; all else goes to the gates."""
    policy = ServerPolicy(
        certfile=pki / "server.pem",
        keyfile=pki / "server.key",
        port=0,
        redirect_port=0,
        ready_path="/ready",
        ready_file=pki / "ready-of-probe",
        drain=timedelta(seconds=0.5),
        log_level="warning",
    )
    with listening(policy) as listeners:
        url = f"http://127.0.0.1:{port_of(listeners.plaintext)}"
        server = server_for(app, policy, listeners)
        thread = threading.Thread(target=server.run, args=(listeners.tls,))
        thread.start()
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            while not server.started:
                time.sleep(0.01)
            up = client.get("/ready")
            assert (up.status_code, up.text, up.headers["cache-control"]) == (200, "ready\n", "no-store")
            head = client.head("/ready")
            assert (head.status_code, head.content) == (200, b"")
            assert client.post("/ready").status_code == 403
            assert client.get("/ready/").status_code == 403
            server.should_exit = True
            seen = set[Any]()
            deadline = time.monotonic() + 30
            while 503 not in seen and time.monotonic() < deadline:
                seen.add(client.get("/ready").status_code)
            assert 503 in seen
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize("plaintext", [0, None], ids=["two ports", "one port"])
def test_a_drain_ends_with_a_second_signal(plaintext: int | None, pki: Path) -> None:
    """Whoever has no time to wait for load balancers says so again."""
    policy = ServerPolicy(
        certfile=pki / "server.pem",
        keyfile=pki / "server.key",
        port=0,
        redirect_port=plaintext,
        drain=timedelta(minutes=5),
        log_level="warning",
    )
    with listening(policy) as listeners:
        server = server_for(app, policy, listeners)
        thread = threading.Thread(target=server.run, args=(listeners.tls,))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        server.handle_exit(15, None)
        time.sleep(0.3)
        assert thread.is_alive()
        server.handle_exit(15, None)
        thread.join(20)
        assert not thread.is_alive()
    server._captured_signals.clear()


def test_a_probe_alone() -> None:
    """Before the app was up nothing is promised."""
    assert not Probe().up
