"""The ports are opened before anything else, all or none."""

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.listeners import listening, port_of
from asvs_middleware.server.policy import ServerPolicy


def a_policy(**choices: Any) -> ServerPolicy:
    return ServerPolicy(**{"certfile": "server.pem", "keyfile": "server.key", "port": 0, **choices})


def test_a_port_in_use_is_named_and_nothing_stays_open() -> None:
    """When the second port cannot be had, the first is given back."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        first, second = taken.getsockname()[1], other.getsockname()[1]
        taken.close()
        with (
            pytest.raises(
                ConfigurationError, match=rf"redirect_port={second} on host '127.0.0.1' cannot be opened: Add"
            ),
            listening(a_policy(port=first, redirect_port=second)),
        ):
            pytest.fail("opened")
        with listening(a_policy(port=first)) as listeners:
            assert port_of(listeners.tls) == first
            assert listeners.plaintext == []


@pytest.mark.parametrize(
    ("host", "message"),
    [
        pytest.param("192.0.2.1", "port=0 on host '192.0.2.1' cannot be opened: Cannot assign", id="not ours"),
        pytest.param("no-such-host.invalid", "'no-such-host.invalid' has no address", id="unknown name"),
        pytest.param("a\0b", "has no address of this machine", id="NUL"),
        pytest.param("x" * 64 + ".test", "has no address of this machine", id="label too long"),
        pytest.param("https://localhost", "has no address of this machine", id="a URL"),
    ],
)
def test_hosts_that_cannot_be_listened_on(host: str, message: str) -> None:
    """One sentence, whatever the resolver makes of it."""
    with (
        pytest.raises(ConfigurationError, match=message + ".*Choose an address of this machine"),
        listening(a_policy(host=host)),
    ):
        pytest.fail("opened")


def test_a_socket_that_cannot_be_had() -> None:
    """Where the system gives no socket (no IPv6 in the kernel, no file left to open) the port is named, too."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open() as highest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest.fileno() + 1, before[1]))
        try:
            with (
                pytest.raises(ConfigurationError, match=r"port=0 on host '127.0.0.1' cannot be opened: Too many open"),
                listening(a_policy(host="127.0.0.1")),
            ):
                pytest.fail("opened")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)


@settings(max_examples=30)
@given(st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=0xFFFF), min_size=1, max_size=8))
def test_any_host_is_opened_or_refused(host: str) -> None:
    """Never another exception."""
    with (
        pytest.raises(ConfigurationError, match="has no address of this machine"),
        listening(a_policy(host=f"{host}.invalid")),
    ):
        pytest.fail("a name under .invalid has no address")


def test_every_address_of_a_name_has_the_same_port() -> None:
    """A client may choose the address family; asyncio is told that these are TCP (it sets TCP_NODELAY then)."""
    with listening(a_policy(host="localhost", redirect_port=0)) as listeners:
        for sockets in listeners:
            assert {one.getsockname()[1] for one in sockets} == {port_of(sockets)}
            assert {one.proto for one in sockets} == {socket.IPPROTO_TCP}


def test_ipv6() -> None:
    """An IPv6 address serves IPv6 alone."""
    with listening(a_policy(host="::1")) as listeners:
        (listener,) = listeners.tls
        assert listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


TELLS_ITS_BACKLOG = """
import os, socket

def backlogs():
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            one = socket.socket(fileno=os.dup(descriptor))
        except OSError:
            continue
        with one:
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                yield int.from_bytes(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)[28:], "little")

async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": f"backlogs: {[*backlogs()]}"})
"""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="Linux alone tells the backlog of a socket")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_backlog_that_was_chosen(workers: str, pki: Path, tmp_path: Path) -> None:
    """--backlog is that of both ports, whoever of several processes opened them."""
    (tmp_path / "tells.py").write_text(TELLS_ITS_BACKLOG)
    files = ["--certfile", str(pki / "server.pem"), "--keyfile", str(pki / "server.key")]
    command = [sys.executable, "-m", "asvs_middleware", "serve", "tells:app", *files, "--workers", workers]
    command += ["--port", "0", "--redirect-port", "0", "--backlog", "7"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30, cwd=tmp_path)
    assert done.returncode == 2
    assert "backlogs: [7, 7]" in done.stderr
