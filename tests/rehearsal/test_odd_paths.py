"""Paths as no browser writes them, over a socket: servers hand them on, and apps that serve files resolve them."""

import socket
import ssl
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from asvs_middleware import SecurityPolicy, Tokens, secure, sensitive
from asvs_middleware.rehearsal import Authorities, rehearse


def answer(origin: httpx.URL, authorities: Authorities, path: str) -> bytes:
    """Send one request with this very path, and return all that comes back."""
    context = ssl.create_default_context(cafile=str(authorities.ca_file))
    request = f"GET {path} HTTP/1.1\r\nHost: {origin.netloc.decode()}\r\nConnection: close\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", origin.port or 443), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=origin.host) as connection,
    ):
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="module")
def served(
    authorities: Authorities, tokens: Tokens, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.URL, str]]:
    """Where the app is, and the name of the folder it serves."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "private").mkdir()
    (folder / "private" / "key").write_text("secret")
    (folder / "open").write_text("open")
    app = FastAPI(openapi_url=None)
    app.mount("/files", StaticFiles(directory=folder))

    @app.get("/admin")
    async def admin() -> str:
        return "secret"

    marks = {"/files/private/": sensitive(scopes="files"), "/admin/": sensitive(scopes="admin")}
    secure(app, SecurityPolicy.web(hosts=["api.example.com"], tokens=tokens, marks=marks))
    with rehearse(app, authorities=authorities) as rehearsal:
        yield httpx.URL(rehearsal.url), folder.name


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/files/open", b"200", id="what is open"),
        pytest.param("/files/private/key", b"401", id="what is marked"),
        pytest.param("/files//private/key", b"401", id="two slashes"),
        pytest.param("/files/./private/key", b"401", id="a dot"),
        pytest.param("/files/x/../private/key", b"401", id="two dots"),
        pytest.param("/files/x/%2e%2e/private/key", b"401", id="two dots, encoded"),
        pytest.param("/files/x%2f..%2fprivate/key", b"401", id="slashes, encoded"),
        pytest.param("/files/%2fprivate/key", b"401", id="a second slash, encoded"),
        pytest.param("/files/../{folder}/private/key", b"401", id="out of the mount, and back in by its folder"),
        pytest.param("/files/%2e%2e/{folder}/private/key", b"401", id="the same, encoded"),
        pytest.param("/files/..%2f{folder}%2fprivate%2fkey", b"401", id="the same, in one segment"),
        pytest.param("/files/..%5c{folder}/private/key", b"401", id="the same, with a backslash"),
        pytest.param("/admin", b"401", id="a marked page"),
        pytest.param("/admin%0a", b"401", id="a line feed at the end"),
        pytest.param("/admin/%0a", b"401", id="a line feed behind the slash"),
        pytest.param("/admin%0a%0a", b"404", id="two of them are another page"),
    ],
)
def test_a_marked_folder(path: str, status: bytes, authorities: Authorities, served: tuple[httpx.URL, str]) -> None:
    """v5.0.0-8.2.1: no spelling of a path leads past the mark of its prefix."""
    origin, folder = served
    came = answer(origin, authorities, path.format(folder=folder))
    assert came.split(b" ")[1] == status
    assert b"secret" not in came
