"""Content-Security-Policy (CSP 3): v4.0.3-14.4.3, v4.0.3-14.4.7, v5.0.0-3.4.3 and v5.0.0-3.4.6 (frame-ancestors).

A policy is written once with the NONCE source where a nonce may stand. A response that asked for no nonce gets the
policy without that source and without what counts for nothing beside it, which is stricter; one that asked gets the
request's own. Not checked: that the hosts named are worth trusting.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ..errors import ConfigurationError
from ..names import known

NONCE: Final = "'nonce'"
"""Stands for the nonce of the request in a list of sources."""

DIRECTIVES: Final = frozenset({
    "base-uri", "child-src", "connect-src", "default-src", "font-src", "form-action", "frame-ancestors", "frame-src",
    "img-src", "manifest-src", "media-src", "object-src", "report-to", "report-uri", "require-trusted-types-for",
    "sandbox", "script-src", "script-src-attr", "script-src-elem", "style-src", "style-src-attr", "style-src-elem",
    "trusted-types", "upgrade-insecure-requests", "worker-src",
})  # fmt: skip

_KEYWORDS: Final = frozenset({
    "'none'", "'self'", "'strict-dynamic'", "'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'", "'report-sample'",
    "'wasm-unsafe-eval'", "'inline-speculation-rules'", "'script'", "'allow-duplicates'", NONCE,
})  # fmt: skip
_HASH: Final = re.compile(r"'sha(256|384|512)-[A-Za-z0-9+/_-]+={0,2}'\Z")
_NAMES_ONLY: Final = frozenset({"report-to", "sandbox", "trusted-types"})
_SOURCE: Final = re.compile(r"[\x21\x23-\x26\x28-\x2b\x2d-\x3a\x3c-\x7e]+\Z")  # VCHAR without " ' , ;


@dataclass(frozen=True, slots=True)
class ContentSecurityPolicy:
    """Directives and their source expressions, in the order they are sent.

    Raises:
        ConfigurationError: an unknown directive, a keyword without its quotes, 'none' beside other sources, a
            character that would end the list.
    """

    directives: Mapping[str, Sequence[str]]

    def __post_init__(self) -> None:
        for name, sources in self.directives.items():
            known(name, DIRECTIVES, where="Content-Security-Policy")
            if isinstance(sources, str):
                raise ConfigurationError(
                    f"Content-Security-Policy {name}={sources!r} is one text.",
                    fix=f"Write a list of source expressions: [{', '.join(map(repr, sources.split()))}].",
                )
            for source in sources:
                _check_source(name, source)
            if "'none'" in sources and len(sources) > 1:
                raise ConfigurationError(
                    f"Content-Security-Policy {name} holds 'none' beside other sources: browsers then ignore it.",
                    fix="Drop 'none', or everything else.",
                )
        frozen = MappingProxyType({name: tuple(sources) for name, sources in self.directives.items()})
        object.__setattr__(self, "directives", frozen)

    def replace(self, **directives: Sequence[str] | None) -> "ContentSecurityPolicy":
        """Return a policy with these directives instead (`script_src=[...]`); None leaves one out."""
        given = {name.replace("_", "-"): sources for name, sources in directives.items()}
        merged = {**self.directives, **given}
        return ContentSecurityPolicy({name: sources for name, sources in merged.items() if sources is not None})


def render(policy: ContentSecurityPolicy) -> str:
    """Return the field value for a response that asked for no nonce.

    >>> render(ContentSecurityPolicy({"script-src": ["'self'", NONCE], "style-src": [NONCE]}))
    "script-src 'self'; style-src 'none'"
    """
    return "; ".join(_directive(name, _without_nonce(sources)) for name, sources in policy.directives.items())


def render_around_nonce(policy: ContentSecurityPolicy) -> tuple[str, ...]:
    """Return the field value for a response with a nonce, in pieces that go between the nonces.

    Joined with a nonce they are the value; one piece alone means the policy has no place for one.

    >>> "R4nd0m".join(render_around_nonce(ContentSecurityPolicy({"script-src": [NONCE, "'strict-dynamic'"]})))
    "script-src 'nonce-R4nd0m' 'strict-dynamic'"
    """
    mark = "\0"
    marked = {
        name: [f"'nonce-{mark}'" if source == NONCE else source for source in sources]
        for name, sources in policy.directives.items()
    }
    return tuple("; ".join(_directive(*pair) for pair in marked.items()).split(mark))


def _directive(name: str, sources: Sequence[str]) -> str:
    return " ".join([name, *sources])


def _without_nonce(sources: Sequence[str]) -> Sequence[str]:
    """Drop the nonce, and what browsers ignore beside it (CSP 3 section 6.7.3): without it, that would count again."""
    if NONCE not in sources:
        return sources
    kept = [source for source in sources if source not in {NONCE, "'unsafe-inline'"}]
    if "'strict-dynamic'" in kept:
        kept = [source for source in kept if source.startswith("'") and source != "'self'"]
    return ["'none'"] if kept in ([], ["'strict-dynamic'"]) else kept


def _check_source(directive: str, source: object) -> None:
    text = source if isinstance(source, str) else ""
    if text in _KEYWORDS or _HASH.match(text):
        return
    quoted = f"'{text}'"
    if (quoted.lower() in _KEYWORDS or _HASH.match(quoted)) and directive not in _NAMES_ONLY:
        raise ConfigurationError(
            f"Content-Security-Policy {directive} holds {text} without its quotes, which would name a host.",
            fix=f'Write "{quoted}".',
        )
    if not _SOURCE.match(text):
        raise ConfigurationError(
            f"Content-Security-Policy {directive} holds {source!r}, which is no source expression.",
            fix="Use a keyword in single quotes, a host, a scheme or a hash; one list item for each.",
        )
