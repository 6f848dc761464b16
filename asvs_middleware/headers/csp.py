"""Content-Security-Policy (CSP 3): v4.0.3-14.4.3, v4.0.3-14.4.7, v5.0.0-3.4.3 and v5.0.0-3.4.6 (frame-ancestors).

A policy is written once with the NONCE source where a nonce may stand. A response that asked for no nonce gets the
policy without that source and without what counts for nothing beside it, which is stricter; one that asked gets the
request's own. Every policy is checked when it is made, one made for a single request too: no value can end its
directive (`;`), its policy (`,`) or its field. csp_grammar.py has what may stand where.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ..errors import ConfigurationError
from ..names import known
from .csp_grammar import DIRECTIVES, FALLBACKS, NONCE, STYLE_NONCE, check

__all__ = [
    "DIRECTIVES",
    "NONCE",
    "STYLE_NONCE",
    "ContentSecurityPolicy",
    "render",
    "render_around_both",
    "render_around_nonce",
    "render_around_style_nonce",
]

_MARK, _STYLE_MARK = "\0", "\1"


@dataclass(frozen=True, slots=True)
class ContentSecurityPolicy:
    """Directives and their source expressions, in the order they are sent.

    Raises:
        ConfigurationError: an unknown directive, a keyword without its quotes, 'none' beside other sources, a
            value that has no place in its directive, a character that would end the list.
    """

    directives: Mapping[str, Sequence[str]]

    def __post_init__(self) -> None:
        for name, sources in self.directives.items():
            check(name, sources)
        frozen = MappingProxyType({name: tuple(sources) for name, sources in self.directives.items()})
        object.__setattr__(self, "directives", frozen)

    def replace(self, **directives: Sequence[str] | None) -> "ContentSecurityPolicy":
        """Return a policy with these directives instead (`script_src=[...]`); None leaves one out."""
        given = {_spelt(name): sources for name, sources in directives.items()}
        merged = {**self.directives, **given}
        return ContentSecurityPolicy({name: sources for name, sources in merged.items() if sources is not None})

    def append(self, **directives: Sequence[str]) -> "ContentSecurityPolicy":
        """Return a policy that allows these too (`img_src=["https://cdn.example"]`), everything else unchanged.

        A fetch directive that is not there starts from the one a browser asks in its place, so that naming one more
        host never takes away those allowed before. What is added to 'none' replaces it.

        >>> policy = ContentSecurityPolicy({"default-src": ["'self'"]})
        >>> render(policy.append(img_src=["data:"]))
        "default-src 'self'; img-src 'self' data:"
        """
        merged = dict(self.directives)
        for name, sources in (
            (known(_spelt(name), DIRECTIVES, where=_WHERE), given) for name, given in directives.items()
        ):
            check(name, sources)
            before = next(
                (self.directives[one] for one in (name, *FALLBACKS.get(name, ())) if one in self.directives), ()
            )
            merged[name] = list(dict.fromkeys([*(one for one in before if one != "'none'" or not sources), *sources]))
        return ContentSecurityPolicy(merged)

    def value(self, *, nonce: str | None = None, style_nonce: str | None = None) -> str:
        """Return the field value, for a policy that is made for one request and set on its response.

        Args:
            nonce: that of the response, `csp_nonce(request)`, which takes the place of NONCE.
            style_nonce: the one for style sheets, `csp_nonce(request, "style")`, for STYLE_NONCE.

        Raises:
            ConfigurationError: a nonce is no base64 text.

        >>> ContentSecurityPolicy({"script-src": [NONCE]}).value(nonce="R4nd0m")
        "script-src 'nonce-R4nd0m'"
        """
        given = {NONCE: nonce, STYLE_NONCE: style_nonce}
        return _marked(self, {name: _plain(one) for name, one in given.items() if one is not None})


_WHERE = "Content-Security-Policy"
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\Z")


def _plain(nonce: object) -> str:
    if isinstance(nonce, str) and _BASE64.match(nonce):
        return nonce
    raise ConfigurationError("A nonce is no base64 text.", fix="Give csp_nonce(request), or leave it out.")


def render(policy: ContentSecurityPolicy) -> str:
    """Return the field value for a response that asked for no nonce.

    >>> render(ContentSecurityPolicy({"script-src": ["'self'", NONCE], "style-src": [NONCE]}))
    "script-src 'self'; style-src 'none'"
    """
    return _marked(policy, {})


def render_around_nonce(policy: ContentSecurityPolicy) -> tuple[str, ...]:
    """Return the field value for a response with a nonce, in pieces that go between the nonces.

    Joined with a nonce they are the value; one piece alone means the policy has no place for one.

    >>> "R4nd0m".join(render_around_nonce(ContentSecurityPolicy({"script-src": [NONCE, "'strict-dynamic'"]})))
    "script-src 'nonce-R4nd0m' 'strict-dynamic'"
    """
    return tuple(_marked(policy, {NONCE: _MARK}).split(_MARK))


def render_around_style_nonce(policy: ContentSecurityPolicy) -> tuple[str, ...]:
    """Return the pieces for a response that asked for a style nonce alone."""
    return tuple(_marked(policy, {STYLE_NONCE: _STYLE_MARK}).split(_STYLE_MARK))


def render_around_both(policy: ContentSecurityPolicy) -> tuple[tuple[str, ...], ...]:
    """Return the pieces for a response with both nonces: the outer go round the one for scripts.

    >>> both = render_around_both(ContentSecurityPolicy({"script-src": [NONCE], "style-src": [STYLE_NONCE]}))
    >>> "R4".join("S5".join(inner) for inner in both)
    "script-src 'nonce-R4'; style-src 'nonce-S5'"
    """
    marked = _marked(policy, {NONCE: _MARK, STYLE_NONCE: _STYLE_MARK})
    return tuple(tuple(piece.split(_STYLE_MARK)) for piece in marked.split(_MARK))


def _marked(policy: ContentSecurityPolicy, marks: Mapping[str, str]) -> str:
    """Return the value with a mark where each nonce of the response goes."""
    return "; ".join(" ".join([name, *_with_marks(sources, marks)]) for name, sources in policy.directives.items())


def _with_marks(sources: Sequence[str], marks: Mapping[str, str]) -> list[str]:
    kept = [source for source in sources if source not in _NONCES or source in marks]
    if len(kept) != len(sources) and not any(source in marks for source in kept):
        kept = _without_nonce(kept)
    return [f"'nonce-{marks[source]}'" if source in marks else source for source in kept]


_NONCES = frozenset({NONCE, STYLE_NONCE})


def _without_nonce(sources: Sequence[str]) -> list[str]:
    """Drop what browsers ignore beside a nonce (CSP 3 section 6.7.3): without the nonce, it would count again."""
    kept = [source for source in sources if source != "'unsafe-inline'"]
    if "'strict-dynamic'" in kept:
        kept = [source for source in kept if source.startswith("'") and source != "'self'"]
    return ["'none'"] if kept in ([], ["'strict-dynamic'"]) else kept


def _spelt(name: str) -> str:
    return name.replace("_", "-")
