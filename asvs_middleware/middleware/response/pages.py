"""Pages under a strict policy: the nonce for templates, and the index.html of a single-page app. v5.0.0-3.4.3.

The file is read and taken apart once, when the route is made; a request only joins the pieces. Not looked at: what the
scripts load themselves, which `'strict-dynamic'` or the policy's hosts have to allow.
"""

from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from html.parser import HTMLParser
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ...errors import ConfigurationError
from ...headers import CSP, InlineCode, inline_code
from ...names import known
from ..routes.route_headers import headers
from .nonce import csp_nonce

Page = Callable[[Request], Awaitable[Response]]

_LINKS: Final = frozenset({"stylesheet", "modulepreload", "preload"})


def jinja_globals() -> dict[str, Callable[..., str]]:
    """Return what templates need: `templates.env.globals.update(jinja_globals())`.

    In a template: `<script nonce="{{ csp_nonce(request) }}">`. Starlette passes `request` to every template.
    """
    return {"csp_nonce": csp_nonce}


def spa_index(path: str | Path, *, allow: Literal["nonce", "hashes"] = "nonce") -> Page:
    """Return the endpoint that serves an index.html with its own scripts and styles allowed, and no others.

    It has the headers of the `web` preset whatever the app's, and wants a mark like any endpoint.

    Args:
        path: the file, in UTF-8, as the build left it.
        allow: `nonce` puts a new nonce into every tag of each response, which no cache may keep; `hashes` sends the
            file as it is, for caches that ask again, with its inline code named in the policy. At level 3 a script
            from a file needs the nonce.

    Raises:
        ConfigurationError: the file cannot be read, has code in attributes, or nonces of its own.
    """
    known(allow, {"nonce", "hashes"}, where="spa_index(allow=)")
    html = _read(Path(path))
    code = inline_code(html)
    if code.attributes:
        raise ConfigurationError(
            f"{path} has code in attributes, which neither nonce nor hash allows: {', '.join(code.attributes)}.",
            fix="Move it into a script (addEventListener) or a style sheet.",
        )
    return _with_nonce(html, path) if allow == "nonce" else _with_hashes(html, code)


def _with_nonce(html: str, path: str | Path) -> Page:
    pieces = _around_nonce(html, path)

    @headers(preset="web")
    async def index(request: Request) -> Response:
        return HTMLResponse(f' nonce="{csp_nonce(request)}"'.join(pieces))

    return index


def _with_hashes(html: str, code: InlineCode) -> Page:
    body = html.encode()
    etag = f'"{sha256(body).hexdigest()}"'
    kept = {"etag": etag, "cache-control": "no-cache"}
    named = {name: hashes for name, hashes in (("script_src", code.scripts), ("style_src", code.styles)) if hashes}

    async def index(request: Request) -> Response:
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=kept)
        return HTMLResponse(body, headers=kept)

    return headers(preset="web", csp=CSP.append(**named))(index) if named else headers(preset="web")(index)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")  # Line ends stay what they are.
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"spa_index({str(path)!r}) cannot be read: {type(error).__name__}.",
            fix="Name the index.html of the build, in UTF-8.",
        ) from None


def _around_nonce(html: str, path: str | Path) -> list[str]:
    tags = _Tags(html)
    tags.feed(html)
    tags.close()
    if tags.has_nonce:
        raise ConfigurationError(
            f"{path} has a nonce of its own, which would be the same for everyone.",
            fix="Build it without one; it is put in for each response.",
        )
    cuts = [0, *tags.ends, len(html)]
    return [html[start:end] for start, end in pairwise(cuts)]


class _Tags(HTMLParser):
    """Finds where the name of each tag ends that a nonce belongs in; text inside scripts and comments is no tag."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ends: list[int] = []
        self.has_nonce = False
        self._lines = list(accumulate((len(line) for line in _lines(html)), initial=0))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in reversed(attrs)}
        if tag in {"script", "style"} or (
            tag == "link" and not _LINKS.isdisjoint(given.get("rel", "").lower().split())
        ):
            line, column = self.getpos()
            self.ends.append(self._lines[line - 1] + column + 1 + len(tag))
            self.has_nonce = self.has_nonce or "nonce" in given


def _lines(html: str) -> Iterator[str]:
    r"""Yield the lines as html.parser counts them, by `\n` alone."""
    start = 0
    while (end := html.find("\n", start)) >= 0:
        yield html[start : end + 1]
        start = end + 1
