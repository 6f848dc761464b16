"""Hashes for inline code that cannot carry a nonce, such as a static page: v5.0.0-3.4.3, CSP 3 section 6.7.3.

A hash allows one exact text. Not covered: scripts and styles inside SVG or MathML, whose text an HTML parser reads
otherwise, and code in attributes, which is named so that it can be moved.
"""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512
from html.parser import HTMLParser
from typing import Final, Literal

from ..errors import ConfigurationError
from ..names import known
from .csp import ContentSecurityPolicy

_ALGORITHMS: Final = {"sha256": sha256, "sha384": sha384, "sha512": sha512}
_RUN: Final = frozenset({
    "", "module", "importmap", "speculationrules", "text/javascript", "application/javascript", "text/ecmascript",
    "application/ecmascript", "application/x-javascript", "application/x-ecmascript", "text/x-javascript",
    "text/x-ecmascript", "text/jscript", "text/livescript",
})  # fmt: skip


def csp_hash(text: str, *, algorithm: Literal["sha256", "sha384", "sha512"] = "sha256") -> str:
    r"""Return the source expression that allows this inline script or style: everything between its tags, exactly.

    Line ends count as a browser reads them from a page, as `\n` alone.

    >>> csp_hash("alert('Hello, world.');")
    "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
    """
    known(algorithm, _ALGORITHMS, where="csp_hash(algorithm=)")
    read = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    digest = _ALGORITHMS[algorithm](read.encode("utf-8", "replace")).digest()
    return f"'{algorithm}-{b64encode(digest).decode('ascii')}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineCode:
    """What a page holds that a policy without 'unsafe-inline' has to allow.

    Attributes:
        scripts: hashes for script-src, each once, in the order of the page.
        styles: hashes for style-src.
        attributes: element and attribute of code no hash of ours allows, such as `button onclick`.
    """

    scripts: tuple[str, ...]
    styles: tuple[str, ...]
    attributes: tuple[str, ...]

    def allowed_by(self, policy: ContentSecurityPolicy) -> ContentSecurityPolicy:
        """Return the policy with these hashes added.

        Raises:
            ConfigurationError: the page has code in attributes, which would silently not run.
        """
        if self.attributes:
            raise ConfigurationError(
                f"The page has code in attributes, which a hash cannot allow: {', '.join(self.attributes)}.",
                fix="Move it into a script (addEventListener) or a style sheet.",
            )
        wanted = {"script_src": self.scripts, "style_src": self.styles}
        return policy.append(**{name: hashes for name, hashes in wanted.items() if hashes})


def inline_code(html: str, *, algorithm: Literal["sha256", "sha384", "sha512"] = "sha256") -> InlineCode:
    """Return the inline code of a static page, such as the index.html of a single-page app.

    Data blocks (`type="application/json"`) need no hash and get none.

    Raises:
        ConfigurationError: the page holds what no parser makes sense of.
    """
    known(algorithm, _ALGORITHMS, where="inline_code(algorithm=)")
    page = _Page()
    try:
        page.feed(html)
        page.close()
    except AssertionError as error:  # What html.parser raises for a malformed `<![`.
        raise ConfigurationError(
            f"The page is no HTML that can be read: {error}.", fix="Look for '<![' outside of a script."
        ) from None
    return InlineCode(
        scripts=_each_once(csp_hash(text, algorithm=algorithm) for text in page.scripts),
        styles=_each_once(csp_hash(text, algorithm=algorithm) for text in page.styles),
        attributes=_each_once(page.attributes),
    )


def _each_once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.attributes: list[str] = []
        self._open: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [f"{tag} {name}" for name, _ in attrs if name == "style" or name.startswith("on")]
        given = {name: value or "" for name, value in reversed(attrs)}  # Of two with one name the first counts.
        self._open = None
        if tag == "style":
            self._open = self.styles
        elif tag == "script" and "src" not in given and given.get("type", "").strip().lower() in _RUN:
            self._open = self.scripts
        if self._open is not None:
            self._open.append("")

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._open[-1] += data

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  # The name is html.parser's.
        self._open = None
