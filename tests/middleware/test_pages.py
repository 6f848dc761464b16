"""Pages under a strict policy: templates and the index of a single-page app."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, csp_nonce, public, secure
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import csp_hash
from asvs_middleware.middleware import jinja_globals, spa_index
from asvs_middleware.middleware.response.pages import _around_nonce

pytestmark = pytest.mark.anyio

INDEX = """<!doctype html>
<html><head>
<!-- <script>no tag at all</script> -->
<link rel="icon" href="/i.svg"><link rel="stylesheet" href="/a.css">
<LINK REL="modulepreload" href="/b.js">
<style>p { color: red }</style>
<script type="module" src="/a.js"></script>
</head><body><div id="app"></div>
<script>document.write("<script>1<\\/script>")</script></body></html>
"""
open_to_all = public(reason="nothing secret here")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """The index.html of a build."""
    file = tmp_path / "index.html"
    file.write_text(INDEX, encoding="utf-8")
    return file


def app_with(endpoint: Any, *, preset: Any = "web", level: Any = 2) -> Any:
    policy = SecurityPolicy(preset=preset, hosts=["api.example.com"], level=level)
    return secure(Starlette(routes=[Route("/{path:path}", open_to_all(endpoint))]), policy)


@pytest.mark.parametrize("preset", ["api", "web", "mixed"])
@pytest.mark.parametrize("level", [1, 2, 3])
async def test_a_nonce_in_every_tag(index: Path, preset: Any, level: Any, ask: Any) -> None:
    """Each script, style and loaded style sheet carries the nonce of this response, and nothing else is changed."""
    app = app_with(spa_index(index), preset=preset, level=level)
    first, second = [await ask(app, "/any/page") for _ in range(2)]
    nonces = re.findall(r'nonce="([^"]+)"', first.text)
    assert len(nonces) == 5
    assert len(set(nonces)) == 1
    assert f"'nonce-{nonces[0]}'" in first.headers["content-security-policy"]
    assert first.text.replace(f' nonce="{nonces[0]}"', "") == INDEX
    assert 'rel="icon" nonce' not in first.text
    assert "<!-- <script>no tag" in first.text
    assert first.headers["cache-control"] == "private, no-store"
    assert nonces[0] not in second.text


async def test_hashes_instead(index: Path, ask: Any) -> None:
    """The file goes out as it is, may be kept by caches that ask again, and its inline code is named in the policy."""
    app = app_with(spa_index(str(index), allow="hashes"))
    response = await ask(app)
    assert response.text == INDEX
    policy = response.headers["content-security-policy"]
    assert csp_hash('document.write("<script>1<\\/script>")') in policy
    assert csp_hash("p { color: red }") in policy
    assert response.headers["cache-control"] == "no-cache"
    again = await ask(app, headers={"if-none-match": response.headers["etag"]})
    assert again.status_code == 304
    assert again.text == ""
    assert "content-security-policy" not in again.headers
    assert (await ask(app, headers={"if-none-match": '"other"'})).status_code == 200


async def test_a_page_without_inline_code(tmp_path: Path, ask: Any) -> None:
    """There is nothing to name, and nothing is."""
    file = tmp_path / "index.html"
    file.write_text('<script src="/a.js"></script>')
    response = await ask(app_with(spa_index(file, allow="hashes")))
    assert "sha256" not in response.headers["content-security-policy"]


async def test_the_file_is_read_once(index: Path, ask: Any) -> None:
    """No request touches a file."""
    app = app_with(spa_index(index))
    index.unlink()
    assert (await ask(app)).status_code == 200


@pytest.mark.parametrize("allow", ["nonce", "hashes"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b'<button onclick="go()">', "code in attributes, .*button onclick. Move it", id="event handler"),
        pytest.param(b'<p style="color: red">', "p style", id="style attribute"),
        pytest.param(b"<p>\xff", "cannot be read: UnicodeDecodeError. Name the index.html", id="not UTF-8"),
        pytest.param(None, "cannot be read: FileNotFoundError", id="no file"),
    ],
)
def test_a_file_that_cannot_work(tmp_path: Path, allow: Any, content: bytes | None, message: str) -> None:
    """Said when the route is made: in a browser it would fail without a word."""
    file = tmp_path / "index.html"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        spa_index(file, allow=allow)


def test_a_nonce_in_the_file(tmp_path: Path) -> None:
    """One nonce for everyone is none."""
    file = tmp_path / "index.html"
    file.write_text('<script nonce="abc">1</script>')
    with pytest.raises(ConfigurationError, match="has a nonce of its own, which would be the same for everyone"):
        spa_index(file)


def test_a_misspelt_way(index: Path) -> None:
    """Two ways are known."""
    with pytest.raises(ConfigurationError, match="Did you mean 'hashes'"):
        spa_index(index, allow="hash")


@given(
    st.lists(
        st.sampled_from(["<script>", "</script>", "<style", ">", "<!--", "-->", "\n", "\r\n", "\r", "ü𝄞", "<a b=c>"])
    )
)
def test_any_page_comes_back_whole(parts: list[str]) -> None:
    """Cut apart and joined it is the same text, whatever its line ends; every cut stands behind the name of a tag."""
    html = "".join(parts)
    pieces = _around_nonce(html, "index.html")
    assert "".join(pieces) == html
    assert all(piece.lower().endswith(("<script", "<style")) for piece in pieces[:-1])


async def test_templates(ask: Any) -> None:
    """Jinja gets the function under the name that templates use."""

    async def page(request: Request) -> Response:
        return HTMLResponse(jinja_globals()["csp_nonce"](request))

    response = await ask(app_with(page))
    assert f"'nonce-{response.text}'" in response.headers["content-security-policy"]
    assert jinja_globals() == {"csp_nonce": csp_nonce}
