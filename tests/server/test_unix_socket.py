"""A unix socket behind a proxy: who may connect, what is replaced, and whom the app believes."""

import os
import socket
import ssl
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, public, secure
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.launcher import opened, server_for
from asvs_middleware.server.policy import ServerPolicy
from asvs_middleware.server.processes.unix_socket import listening_on


@public(reason="a page for the tests")
async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.url.scheme} {request.client and request.client.host}")


def an_app(*proxies: str) -> Starlette:
    policy = SecurityPolicy.api(hosts=["localhost"], trusted_proxies=proxies)
    return secure(Starlette(routes=[Route("/", home)]), policy)


@contextmanager
def served(app: Any, policy: ServerPolicy) -> Iterator[httpx.Client]:
    context = ssl.create_default_context()
    with opened(policy) as listeners:
        server = server_for(app, policy, listeners)
        thread = threading.Thread(target=server.run, args=(listeners.tls,))
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            if policy.certfile is not None:
                context.load_verify_locations(Path(policy.certfile).with_name("ca.pem"))
            transport = httpx.HTTPTransport(uds=os.fspath(policy.uds or ""), verify=context)
            with httpx.Client(transport=transport) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def test_behind_a_proxy(tmp_path: Path) -> None:
    """The proxy's word counts for scheme and address; without it the connection is plaintext, and refused."""
    policy = ServerPolicy(uds=tmp_path / "app.sock", log_level="warning")
    with served(an_app("unix"), policy) as client:
        headers = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}
        assert client.get("http://localhost/", headers=headers).text == "https 192.0.2.7"
        assert client.get("http://localhost/").status_code == 403
    assert not (tmp_path / "app.sock").exists()


def test_tls_to_the_proxy(tmp_path: Path, pki: Path) -> None:
    """With a certificate TLS is spoken on the socket as well."""
    policy = ServerPolicy(
        uds=tmp_path / "app.sock", certfile=pki / "server.pem", keyfile=pki / "server.key", log_level="warning"
    )
    with served(an_app(), policy) as client:
        assert client.get("https://localhost/").status_code == 200


def test_an_app_that_trusts_nobody(tmp_path: Path) -> None:
    """v5.0.0-12.3.3: every request would be refused, so the start says so."""
    policy = ServerPolicy(uds=tmp_path / "app.sock")
    with opened(policy) as listeners, pytest.raises(ConfigurationError, match=r"Add .unix. to SecurityPolicy"):
        server_for(an_app("10.0.0.0/8"), policy, listeners)


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o620])
def test_permissions(mode: int, tmp_path: Path) -> None:
    """They are there as soon as the socket is, and the process's own mask is put back."""
    before = os.umask(0o022)
    try:
        with listening_on(tmp_path / "s", mode=mode) as listener:
            assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == mode
            assert listener.getsockname() == str(tmp_path / "s")
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_a_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    """A server that was killed could not remove it."""
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "s"))
    left.close()
    with listening_on(tmp_path / "s", mode=0o600), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))
    assert not (tmp_path / "s").exists()


def test_a_successor_keeps_its_socket(tmp_path: Path) -> None:
    """What is removed at the end is our own."""
    with listening_on(tmp_path / "s", mode=0o600):
        (tmp_path / "s").unlink()
        with socket.socket(socket.AF_UNIX) as successor:
            successor.bind(str(tmp_path / "s"))
    assert (tmp_path / "s").exists()


def test_a_socket_that_is_gone(tmp_path: Path) -> None:
    """Somebody removed it meanwhile: nothing to do."""
    with listening_on(tmp_path / "s", mode=0o600):
        (tmp_path / "s").unlink()


def a_file(path: Path) -> socket.socket | None:
    path.write_text("precious")
    return None


def a_server(path: Path) -> socket.socket | None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


def another_kind(path: Path) -> socket.socket | None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(path))
    return listener


@pytest.mark.parametrize(
    ("there", "name", "message"),
    [
        pytest.param(a_file, "s", "something else stands there", id="a file"),
        pytest.param(a_server, "s", "a server answers there", id="another server"),
        pytest.param(another_kind, "s", "cannot be opened: Protocol wrong type", id="a datagram socket"),
        pytest.param(None, "missing/s", "No such file or directory", id="no folder"),
        pytest.param(None, "n" * 150, "path too long", id="too long for a socket"),
        pytest.param(None, "a\0b", "cannot be opened", id="a null byte"),
    ],
)
def test_places_that_are_not_ours(there: Any, name: str, message: str, tmp_path: Path) -> None:
    """Nothing that somebody else put there is touched, and one sentence says what is wrong."""
    held = None if there is None else there(tmp_path / name)
    try:
        with pytest.raises(ConfigurationError, match=message), listening_on(tmp_path / name, mode=0o600):
            raise AssertionError("It was opened.")
        assert there is None or (tmp_path / name).exists()
    finally:
        if held is not None:
            held.close()
