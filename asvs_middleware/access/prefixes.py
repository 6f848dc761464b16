"""Marks on path prefixes, and the paths that waive a mark round them: both are known before routing, by the path.

v5.0.0-8.2.1, v5.0.0-8.3.1. The layer asks before the app is called, and every router of the app asks again (watch.py),
so that a middleware that writes the path anew leads nobody past a mark. Nothing of this is there in an app that uses
neither.
"""

from collections.abc import Container, Mapping, Sequence
from posixpath import normpath
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from ..connection.exchange import Exchange, exchange_of
from ..errors import ConfigurationError
from .covers import PREFIX, Cover, asked, contradiction
from .enforce import authorize, waives
from .marks import Marking, Place, Public, Sensitive

Waived = Mapping[tuple[str, str], frozenset[Place]]
"""Which marks a request need not meet, by path below the app and method (`WEBSOCKET`, or `*` for each)."""

_LINE_FEED: Final = "\n"
"""At the end of a path Starlette's patterns pass it: `$` does."""

ANY: Final = "*"
WEBSOCKET: Final = "WEBSOCKET"

ROOT: Final = "asvs_middleware.root_path"
"""The scope's member with the root_path of an app that is mounted in another one; each has mounts of its own."""


class PrefixMarks:
    """The marks of path prefixes, compiled.

    Args:
        marks: `sensitive(...)` or `public(...)` by prefix; a prefix begins and ends with a slash and covers the path
            without its last slash too.

    Attributes:
        proved: every mark that asks for a proof, as it stands round a path.
        all: every proof that is asked for at some path.

    Raises:
        ConfigurationError: a prefix is none, or a mark is none, or two contradict each other.
    """

    def __init__(self, marks: Mapping[str, Marking]) -> None:
        own = {_prefix(prefix): _marking(prefix, given) for prefix, given in marks.items()}
        self._chains = {prefix: _chain(prefix, own) for prefix in own}
        self._asked = {prefix: asked(None, chain) for prefix, chain in self._chains.items()}
        # The longest first: the first that is found is the innermost.
        self._lengths = sorted({len(prefix) for prefix in own}, reverse=True)
        self._first = {_first(prefix) for prefix in own}
        self._everywhere = "/" in own
        proved = (one for chain in self._chains.values() for one in chain if isinstance(one.mark, Sensitive))
        self.proved: tuple[Cover, ...] = tuple(dict.fromkeys(proved))
        self.all: tuple[Sensitive, ...] = tuple(dict.fromkeys(one for marks in self._asked.values() for one in marks))

    def __bool__(self) -> bool:
        return bool(self._chains)

    def covers(self, path: str) -> tuple[Cover, ...]:
        """Return the marks round a path, the outermost first."""
        path = path.removesuffix(_LINE_FEED) + "/"  # /admin is what /admin/ is, as far as a mark goes.
        return next((self._chains[path[:size]] for size in self._lengths if path[:size] in self._chains), ())

    def marks(self, path: str) -> tuple[Sensitive, ...] | None:
        """Return what has to be proved at a path; nothing if it is public, None if no prefix covers it.

        A path whose first segment no prefix has costs the same however many there are.
        """
        path = path.removesuffix(_LINE_FEED)
        if not self._everywhere and _first(path) not in self._first:
            return None
        path += "/"
        table = self._asked
        for length in self._lengths:
            found = table.get(path[:length])
            if found is not None:
                return found
        return None


def by_path(app: ASGIApp, prefixes: PrefixMarks, waived: Waived) -> ASGIApp:
    """Return the app behind the marks of its prefixes, as the layer asks for them, of requests alone."""

    def guarded(scope: Scope, receive: Receive, send: Send) -> Any:
        root = scope.get("root_path")
        if "app_root_path" in scope:  # An app round this one has mounts, and its root_path is no word about this one's.
            scope[ROOT] = root
        exchange = exchange_of(scope)
        if waived and exchange is not None:
            note_waivers(exchange, scope, waived, paths_at(("",), scope), anew=True)
        marks = unproven(prefixes, scope, root, exchange)
        return after(marks, app, scope, receive, send) if marks else app(scope, receive, send)

    return guarded


def paths_at(places: Sequence[str], scope: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the path below the app that a request has come to in a router that stands there, whatever is written.

    One, where the root_path tells which of several places it is; else one for each.

    >>> paths_at(["/m"], {"path": "/m/a", "root_path": "/m"}), paths_at(["/m"], {"path": "/a", "root_path": ""})
    (('/m/a',), ('/m/a',))
    """
    root = scope.get("root_path") or ""
    below = path_below(scope["path"], root)
    fitting = [place for place in places if root.endswith(place)]
    return tuple(place + below for place in ([max(fitting, key=len)] if fitting else places))


def unproven(
    prefixes: PrefixMarks,
    scope: Mapping[str, Any],
    root: str | None,
    exchange: Exchange | None,
    at: Sequence[str] = (),
) -> tuple[Sensitive, ...]:
    """Return the marks of the path, in every reading, that have not been proved; note if a prefix covers it.

    Args:
        prefixes: the marks.
        scope: of the request, whose path a middleware may have written anew.
        root: the root_path of the app that the prefixes are those of.
        exchange: of the request; None where it was served past its layer, and gets no further than a mark.
        at: the path below that app by the place of the router; several, where it has several.
    """
    if exchange is not None and exchange.happened is not None and PREFIX in waives(exchange):
        return ()
    path = below = scope["path"]
    if root:
        below = path_below(path, root)
    marks = prefixes.marks(below)
    for one in at:
        if one != below:
            there = prefixes.marks(one)
            marks = there if marks is None else (*marks, *(there or ()))
    if marks is not None and exchange is not None:
        exchange.covered = True
    if path is not below:
        # A proxy that does not take root_path off, or puts it on twice: the mark holds for either reading.
        marks = (*(marks or ()), *(prefixes.marks(path) or ()))
    if "//" in path or "/." in path or "\\" in path:
        # An app that serves files reads another path than the router: the mark holds for that one too.
        for one in (below, path, *at):
            marks = (*(marks or ()), *(prefixes.marks(as_a_file(one)) or ()))
        if climbs(path):  # Out of a mount, and back in by the name of the folder, which only the app knows.
            marks = (*(marks or ()), *prefixes.all)
    if not marks or (exchange is not None and exchange.refusal is None and _held(marks, exchange.proofs)):
        return ()
    return marks


def root_of(scope: Mapping[str, Any]) -> str | None:
    """Return the root_path of the app whose layer carries the request, behind any number of its mounts."""
    found: str | None = scope[ROOT] if ROOT in scope else scope.get("app_root_path", scope.get("root_path"))
    return found


def as_a_file(path: str) -> str:
    r"""Return the path as an app reads it that serves files: one slash for several, dot segments resolved.

    >>> as_a_file("/files//a/../private/./x"), as_a_file("/files\\private")
    ('/files/private/x', '/files/private')
    """
    return normpath(f"/{path}".replace("\\", "/")).replace("//", "/")


def climbs(path: str) -> bool:
    """Whether the path has a segment of two dots. Clients take these out (RFC 3986 section 5.2.4); a browser has none.

    >>> climbs("/files/../static/x"), climbs("/files/..x")
    (True, False)
    """
    return ".." in path.replace("\\", "/").split("/")


def path_below(path: str, root: str) -> str:
    """Return the path as the router compares it: without root_path, where it begins with that (ASGI's HTTP section)."""
    rest = path.removeprefix(root)
    return rest if rest[:1] in {"", "/"} else path


async def after(marks: tuple[Sensitive, ...], app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Call the app once all marks are proved."""
    for mark in marks:
        await authorize(scope, mark)
    await app(scope, receive, send)


def note_waivers(exchange: Exchange, scope: Scope, waived: Waived, at: Sequence[str], *, anew: bool) -> None:
    """Note which marks the path waives.

    A middleware may lead the request from a path that waives to one that does not. So the app's own router notes it
    anew, and every router behind it takes back what the path does not waive where that router stands. The backstop
    sees to it that the endpoint is one that waives.

    Args:
        exchange: of the request.
        scope: of the request, whose path a middleware may have written anew.
        waived: what each path waives.
        at: the path below the app that the request has come to; several, where it cannot be told.
        anew: whether what was noted before is forgotten.
    """
    if not anew and not exchange.waives:
        return
    method = WEBSOCKET if scope["type"] == "websocket" else scope["method"]
    each = [waived.get((one, method)) or waived.get((one, ANY)) or frozenset[Place]() for one in at]
    found = each[0].intersection(*each[1:]) if anew else exchange.waives.intersection(*each)
    if found or exchange.waives:
        exchange.waives = found


def _held(marks: tuple[Sensitive, ...], proofs: Container[Any]) -> bool:
    """Whether the layer asked for all of them, as it has where no middleware wrote the path anew."""
    for mark in marks:  # noqa: SIM110  # A generator costs as much as all else here.
        if mark not in proofs:
            return False
    return True


def _first(path: str) -> str:
    """Return the first segment, with the slash before it."""
    end = path.find("/", 1)
    return path if end < 0 else path[:end]


def _chain(prefix: str, own: Mapping[str, Sensitive | Public]) -> tuple[Cover, ...]:
    chain: tuple[Cover, ...] = ()
    for outer in sorted((one for one in own if prefix.startswith(one)), key=len):
        mark = own[outer]
        problem = contradiction(mark, chain)
        if problem:
            raise ConfigurationError(f"The marked prefix {outer!r} {problem}.", fix="Change one of the two.")
        if isinstance(mark, Public):
            chain, mark = (), Public(reason=mark.reason)
        chain = (*chain, Cover(PREFIX, outer, mark))
    return chain


def _prefix(given: object) -> str:
    if (
        not isinstance(given, str)
        or not (given.startswith("/") and given.endswith("/"))
        or "//" in given
        or not {"{", "}", "?", "#", "%", "*", "\\"}.isdisjoint(given)
        or not {".", ".."}.isdisjoint(given.split("/"))
    ):
        raise ConfigurationError(
            f"{given!r} is no path prefix that can be marked.",
            fix='Write it as the app sees it, decoded, with a slash at both ends, such as "/admin/".',
        )
    return given


def _marking(prefix: str, given: object) -> Sensitive | Public:
    if not isinstance(given, Marking):
        raise ConfigurationError(
            f"The prefix {prefix!r} is marked with a {type(given).__name__}.",
            fix='Write sensitive(...) or public(reason="...").',
        )
    if prefix == "/" and isinstance(given.mark, Public):
        raise ConfigurationError('public(...) for "/" opens the whole app.', fix='State default="allow" instead.')
    return given.mark
