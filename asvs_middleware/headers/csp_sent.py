"""Read a Content-Security-Policy the way a browser does (CSP 3 section 2.2.1), to judge what was really sent.

Not judged: whether the hosts named are worth trusting, and whether a nonce is new with every response.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Directives = Mapping[str, tuple[str, ...]]

_NONCE: Final = re.compile(r"'nonce-([A-Za-z0-9+/_-]+={0,2})'\Z", re.IGNORECASE)
_HASH: Final = re.compile(r"'sha(256|384|512)-[A-Za-z0-9+/_-]+={0,2}'\Z", re.IGNORECASE)
_ANYTHING: Final = re.compile(
    r"(?:https?|wss?|data|blob|filesystem):|(?:[a-z][a-z0-9+.-]*://)?\*(?::(?:[0-9]+|\*))?(?:/.*)?", re.IGNORECASE
)
"""A scheme anybody can serve, or the host `*`, whatever scheme, port or path stands beside it (CSP 3 section 2.3.1)."""

_HARMLESS: Final = frozenset({
    "'none'", "'report-sample'", "'report-sha256'", "'report-sha384'", "'report-sha512'", "'strict-dynamic'",
    "'trusted-types-eval'", "'unsafe-hashes'", "'wasm-unsafe-eval'",
})  # fmt: skip
"""Keywords of scripts that alone let none run."""

_SPACE: Final = re.compile(r"[\t\n\f\r ]+")

SHORTEST_NONCE: Final = 22
"""Characters of base64 that hold 128 bits (CSP 3 section 7.1)."""


@dataclass(frozen=True, slots=True)
class SentPolicy:
    """One policy as it was sent.

    Attributes:
        directives: by lower-case name; of two with one name browsers take the first, and so does this.
        repeated: names that stand there twice.
    """

    directives: Directives
    repeated: tuple[str, ...]

    def sources(self, name: str, *fallbacks: str) -> tuple[str, ...] | None:
        """Return the sources of the first directive there is, keywords in lower case; None without any."""
        found = next((self.directives[one] for one in (name, *fallbacks) if one in self.directives), None)
        return None if found is None else tuple(_lowered(source) for source in found)


def parse(value: str) -> SentPolicy:
    """Return the policy of a field value without commas.

    >>> parse("Default-Src 'self'; object-src 'none'").sources("script-src", "default-src")
    ("'self'",)
    """
    directives: dict[str, tuple[str, ...]] = {}
    repeated = []
    for text in value.split(";"):
        name, *sources = [part for part in _SPACE.split(text) if part] or [""]
        name = name.lower()
        if name in directives:
            repeated.append(name)
        elif name:
            directives[name] = tuple(sources)
    return SentPolicy(directives, tuple(dict.fromkeys(repeated)))


def is_none(sources: tuple[str, ...] | None) -> bool:
    """Whether nothing at all is allowed: an empty list means the same as 'none'."""
    return sources is not None and (not sources or sources == ("'none'",))


def allows_any_script(sources: tuple[str, ...]) -> bool:
    """Whether an injected script would run: an allowlist of everything, or inline script without nonce or hash."""
    if trusts_only_named_scripts(sources):
        # A nonce or a hash switches 'unsafe-inline' off; 'strict-dynamic' the hosts and schemes too.
        return "'strict-dynamic'" not in sources and _allows_any_host(sources)
    return "'unsafe-inline'" in sources or _allows_any_host(sources)


def trusts_only_named_scripts(sources: tuple[str, ...]) -> bool:
    """Whether the list holds a nonce or a hash."""
    return any(_NONCE.match(source) or _HASH.match(source) for source in sources)


def short_nonces(sources: tuple[str, ...]) -> bool:
    """Whether a nonce is shorter than 128 bits."""
    nonces = [match[1].rstrip("=") for source in sources if (match := _NONCE.match(source))]
    return any(len(nonce) < SHORTEST_NONCE for nonce in nonces)


def frames_anyone(sources: tuple[str, ...]) -> bool:
    """Whether any site may frame the page."""
    return _allows_any_host(sources)


def unnamed_scripts(sources: tuple[str, ...]) -> list[str]:
    """Return the sources that let script run which neither a nonce nor a hash names, as a browser counts them.

    Beside `'strict-dynamic'` browsers pass over hosts and schemes, and never over `'unsafe-eval'`.
    """
    left = [source for source in sources if not (_NONCE.match(source) or _HASH.match(source) or source in _HARMLESS)]
    if "'strict-dynamic'" in sources:
        return [source for source in left if source == "'unsafe-eval'"]
    if trusts_only_named_scripts(sources):
        return [source for source in left if source != "'unsafe-inline'"]
    return left


def _allows_any_host(sources: tuple[str, ...]) -> bool:
    return any(_ANYTHING.fullmatch(source) for source in sources)


def _lowered(source: str) -> str:
    return source if _NONCE.match(source) or _HASH.match(source) else source.lower()
