"""Choices of processes, sockets and probes; stores that several processes cannot share; the entrypoint of a project."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware import SecurityPolicy
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.keys.groups import MARK, VARIABLE, is_needed, release
from asvs_middleware.server.policy import ServerPolicy
from asvs_middleware.server.processes.again import settle, started_again, workers_environment
from asvs_middleware.server.processes.hangup import passed_over
from asvs_middleware.server.processes.shared_state import check_shared_state
from asvs_middleware.server.target import entrypoint

FILES: dict[str, Any] = {"certfile": "server.pem", "keyfile": "server.key"}


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        pytest.param({"workers": 0}, r"workers=0\) is no number of processes. Use 1 to 256", id="nobody serves"),
        pytest.param({"workers": True}, r"workers=True\)", id="a truth"),
        pytest.param({"workers": "2"}, r"workers='2'\)", id="text"),
        pytest.param({"workers": 1000}, r"workers=1000\)", id="too many"),
        pytest.param({"uds": ""}, r"uds=''\) is no path", id="an empty path"),
        pytest.param({"uds": "s", "uds_mode": 0o666}, r"uds_mode=0o666\) .*keeps other users out", id="for everybody"),
        pytest.param({"uds": "s", "uds_mode": 0o1660}, r"uds_mode=0o1660\)", id="more than permissions"),
        pytest.param({"uds": "s", "uds_mode": "660"}, r"uds_mode='660'\)", id="a mode as text"),
        pytest.param({"uds": "s", "redirect_port": 80}, "opens a plaintext port behind the proxy", id="both"),
        pytest.param({"uds": "s", "keyfile": None}, r"keyfile=None\) is no path", id="half a pair"),
        pytest.param({"ready_path": "/ready"}, "answered on the plaintext port, and there is none", id="no port"),
        pytest.param({"ready_path": "ready", "redirect_port": 0}, r"ready_path='ready'\) is no path", id="no slash"),
        pytest.param({"ready_path": "/a?b", "redirect_port": 0}, "is no path", id="a query"),
        pytest.param({"ready_path": "/ä", "redirect_port": 0}, "is no path", id="not ASCII"),
        pytest.param({"ready_path": 1, "redirect_port": 0}, "is no path", id="a number"),
        pytest.param({"ready_file": ""}, r"ready_file=''\) is no path", id="an empty file"),
        pytest.param({"drain": 5}, r"drain=5\) is no time", id="seconds as a number"),
        pytest.param({"drain": timedelta(hours=1)}, "between zero and five minutes", id="an hour"),
        pytest.param({"drain": timedelta(seconds=-1)}, "between zero and five minutes", id="negative"),
    ],
)
def test_wrong_choices(choices: dict[str, Any], message: str) -> None:
    """One sentence with the argument, its value and the fix."""
    with pytest.raises(ConfigurationError, match=message):
        ServerPolicy(**{**FILES, **choices})


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | st.integers() | st.text(max_size=6) | st.booleans() | st.floats()
            for name in ("workers", "uds", "uds_mode", "ready_file", "ready_path", "drain", "http2")
        },
    )
)
def test_any_choices(choices: dict[str, Any]) -> None:
    """A policy, or our error."""
    try:
        policy = ServerPolicy(**{**FILES, **choices})
    except ConfigurationError:
        return
    assert 1 <= policy.workers <= 256
    assert not policy.uds_mode & 0o007


def test_tls_may_end_at_a_proxy_on_this_machine_only() -> None:
    """Without a certificate there is no port."""
    assert not ServerPolicy(uds="app.sock").over_tls
    assert ServerPolicy(uds="app.sock", **FILES).over_tls
    with pytest.raises(ConfigurationError, match=r"certfile=None\) is no path"):
        ServerPolicy()
    with pytest.raises(ConfigurationError, match="no certificate to serve with"):
        ServerPolicy(uds="app.sock").context(None)  # type: ignore[arg-type]


@dataclass
class AStore:
    """Stands for what keeps state."""

    url: str


@dataclass
class APolicy:
    """Holds stores in every way a policy may."""

    replay: Any = None
    revoked: Any = ()
    nested: Any = field(default=None)
    itself: Any = None


@pytest.mark.parametrize(
    ("policy", "where"),
    [
        pytest.param(APolicy(replay="memory://"), "APolicy.replay", id="an address"),
        pytest.param(APolicy(revoked=[AStore("memory://x")]), "APolicy.revoked", id="a store in a list"),
        pytest.param(APolicy(nested=APolicy(replay=AStore("memory://"))), "APolicy.nested.replay", id="nested"),
        pytest.param(APolicy(replay="memory://", revoked="memory://"), r"APolicy.replay, APolicy.revoked", id="two"),
    ],
)
def test_state_in_memory_is_for_one_process(policy: Any, where: str) -> None:
    """v5.0.0-10.3.5: what one process has seen, the next one has not; for one alone it is enough."""
    with pytest.raises(ConfigurationError, match=rf"2 workers cannot share .*{where}\. Use a store that all of them"):
        check_shared_state(policy, workers=2)
    check_shared_state(policy, workers=1)


def test_state_that_is_shared() -> None:
    """Addresses of other stores, and policies without any, are in order; a circle is no trap."""
    circle = APolicy(replay="sqlite:///state", revoked=["redis://localhost"])
    circle.itself = circle
    check_shared_state(circle, workers=8)
    check_shared_state(SecurityPolicy.api(hosts=["localhost"]), workers=8)


def test_the_entrypoint_of_a_project(tmp_path: Path) -> None:
    """What FastAPI's own command serves is served here."""
    (tmp_path / "pyproject.toml").write_text('[tool.fastapi]\nentrypoint = "backend.main:app"\n')
    assert entrypoint(str(tmp_path)) == "backend.main:app"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(None, "There is no TARGET. Write module:attribute", id="no file"),
        pytest.param("", "There is no TARGET", id="an empty file"),
        pytest.param("[tool.fastapi]\n", "There is no TARGET", id="no entrypoint"),
        pytest.param("[tool.fastapi]\nentrypoint = 3\n", "There is no TARGET", id="a number"),
        pytest.param("tool = 1", "There is no TARGET", id="tool is no table"),
        pytest.param("[tool]\nfastapi = []", "There is no TARGET", id="fastapi is no table"),
        pytest.param("[tool", "pyproject.toml cannot be read", id="no TOML"),
        pytest.param(b"\xff", "pyproject.toml cannot be read", id="no text"),
    ],
)
def test_projects_without_an_entrypoint(text: str | bytes | None, message: str, tmp_path: Path) -> None:
    """Both ways to name the app are said."""
    if text is not None:
        (tmp_path / "pyproject.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError, match=message):
        entrypoint(str(tmp_path))


def test_a_pyproject_that_is_a_folder(tmp_path: Path) -> None:
    """Another kind of thing of that name is one sentence as well."""
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        entrypoint(str(tmp_path))


def test_started_again() -> None:
    """The same command line, and OpenSSL configured in its environment; the file is gone once it was read."""
    calls: list[Any] = []
    environ = dict[str, str]()
    if not is_needed(environ):
        pytest.skip("this Python sets groups itself")
    policy = ServerPolicy(**FILES)
    started_again(policy, as_program=True, environ=environ, execute=lambda *call: calls.append(call))
    ((program, line, prepared),) = calls
    assert os.path.samefile(program, line[0])
    assert Path(prepared[VARIABLE]).exists()
    started_again(policy, as_program=True, environ=prepared, execute=lambda *call: calls.append(call))
    assert len(calls) == 1
    assert not {VARIABLE, MARK} & prepared.keys()


@pytest.mark.parametrize(
    ("choices", "as_program"),
    [pytest.param(FILES, False, id="called by other code"), pytest.param({"uds": "app.sock"}, True, id="without TLS")],
)
def test_not_started_again(choices: dict[str, Any], as_program: bool) -> None:
    """A process that is not ours to replace, or has no groups, goes on as it is."""

    def execute(*call: Any) -> None:
        raise AssertionError(call)

    started_again(ServerPolicy(**choices), as_program=as_program, environ={}, execute=execute)


def test_the_environment_of_workers() -> None:
    """Prepared as long as this process is not, and TLS is spoken."""
    for policy, environ in ((ServerPolicy(**FILES), {MARK: ""}), (ServerPolicy(uds="app.sock"), {"PATH": "/bin"})):
        assert workers_environment(policy, environ) == environ
    prepared = workers_environment(ServerPolicy(**FILES), {})
    assert (VARIABLE in prepared) == is_needed({})
    release(prepared)


def test_settling_twice() -> None:
    """A process that was not prepared has nothing to remove."""
    environ = {"PATH": "/bin"}
    settle(environ)
    assert environ == {"PATH": "/bin"}


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP on this system")
@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN, lambda number, frame: None])
def test_what_sighup_did_before_it_does_again(before: Any) -> None:
    """While it is passed over it ends nothing; in another thread than the main one nothing is changed."""
    found = signal.signal(signal.SIGHUP, before)
    try:
        with passed_over():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGHUP) is before

        def beside() -> Any:
            with passed_over():
                return signal.getsignal(signal.SIGHUP)

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(beside).result() is before
    finally:
        signal.signal(signal.SIGHUP, found)
