"""What may stand in which directive: CSP 3 section 6, Trusted Types section 5.3, HTML for the sandbox. v5.0.0-3.4.3.

A browser drops what it does not understand without a word, and the policy is then another than the one written. So
each directive is held to its own grammar. Not checked: that the hosts named are worth trusting.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final

from ..errors import ConfigurationError
from ..names import known

NONCE: Final = "'nonce'"
"""Stands for the nonce of the response in a list of sources."""

STYLE_NONCE: Final = "'style-nonce'"
"""Stands for a second nonce, for style sheets alone: a leaked one then starts no script."""

FALLBACKS: Final[dict[str, tuple[str, ...]]] = {
    "child-src": ("default-src",),
    "connect-src": ("default-src",),
    "default-src": (),
    "font-src": ("default-src",),
    "frame-src": ("child-src", "default-src"),
    "img-src": ("default-src",),
    "manifest-src": ("default-src",),
    "media-src": ("default-src",),
    "object-src": ("default-src",),
    "script-src": ("default-src",),
    "script-src-attr": ("script-src", "default-src"),
    "script-src-elem": ("script-src", "default-src"),
    "style-src": ("default-src",),
    "style-src-attr": ("style-src", "default-src"),
    "style-src-elem": ("style-src", "default-src"),
    "worker-src": ("child-src", "script-src", "default-src"),
}
"""Every fetch directive with those a browser asks in its absence, in that order (section 6.8.3)."""

OTHERS: Final = frozenset({
    "base-uri", "form-action", "frame-ancestors", "report-to", "report-uri", "require-trusted-types-for", "sandbox",
    "trusted-types", "upgrade-insecure-requests", "webrtc",
})  # fmt: skip
DIRECTIVES: Final = frozenset(FALLBACKS) | OTHERS

GONE: Final = {
    "block-all-mixed-content": "upgrade-insecure-requests",
    "disown-opener": "Cross-Origin-Opener-Policy",
    "navigate-to": "form-action",
    "plugin-types": "object-src",
    "prefetch-src": "default-src",
    "referrer": "Referrer-Policy",
    "reflected-xss": "script-src",
    "require-sri-for": "Integrity-Policy",
}
"""Directives that no browser honours any more, and what does their work."""

_CODE: Final = frozenset({
    "default-src", "script-src", "script-src-attr", "script-src-elem", "style-src", "style-src-attr",
    "style-src-elem", "worker-src",
})  # fmt: skip
_FOR_CODE: Final = frozenset({
    "'strict-dynamic'", "'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'", "'wasm-unsafe-eval'",
    "'trusted-types-eval'", "'inline-speculation-rules'", "'report-sample'", "'report-sha256'", "'report-sha384'",
    "'report-sha512'", NONCE,
})  # fmt: skip
_STYLES: Final = frozenset({"style-src", "style-src-elem"})
_KEYWORDS: Final = _FOR_CODE | {"'none'", "'self'", "'script'", "'allow-duplicates'", "'allow'", "'block'", STYLE_NONCE}
_SANDBOX: Final = frozenset({
    "allow-downloads", "allow-forms", "allow-modals", "allow-orientation-lock", "allow-pointer-lock", "allow-popups",
    "allow-popups-to-escape-sandbox", "allow-presentation", "allow-same-origin", "allow-scripts",
    "allow-storage-access-by-user-activation", "allow-top-navigation", "allow-top-navigation-by-user-activation",
    "allow-top-navigation-to-custom-protocols",
})  # fmt: skip

_HASH: Final = re.compile(r"'sha(256|384|512)-[A-Za-z0-9+/_-]+={0,2}'\Z")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\Z")
_HOST: Final = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*://)?"
    r"(\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?)"
    r"(:([0-9]{1,5}|\*))?"
    r"(/[A-Za-z0-9/:@!$&()*+=~._%-]*)?\Z"  # Section 2.3.1; a browser ends it at "?" and "#", and at "'" a reader would.
)
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&*+.^_`|~-]+\Z")
_REFERENCE: Final = re.compile(r"(https://[A-Za-z0-9._-]+(:[0-9]{1,5})?)?/[A-Za-z0-9/:@!$&()*+=~._%?-]*\Z")
_POLICY_NAME: Final = re.compile(r"[A-Za-z0-9=_/@.%#-]+\Z")
_UNQUOTED: Final = frozenset({"report-to", "sandbox", "trusted-types", "report-uri"})


def check(directive: str, sources: Sequence[str]) -> None:
    """Refuse a directive that a browser would read otherwise than it was meant.

    Raises:
        ConfigurationError: the directive is unknown or gone, or a value has no place in it.
    """
    if directive in GONE:
        raise ConfigurationError(
            f"Content-Security-Policy {directive} is honoured by no browser.", fix=f"Use {GONE[directive]} instead."
        )
    known(directive, DIRECTIVES, where="Content-Security-Policy")
    if isinstance(sources, str):
        raise ConfigurationError(
            f"Content-Security-Policy {directive}={sources!r} is one text.",
            fix=f"Write a list of source expressions: [{', '.join(map(repr, sources.split()))}].",
        )
    if not isinstance(sources, Collection):
        raise ConfigurationError(
            f"Content-Security-Policy {directive}={sources!r} is no list.",
            fix="Write a list of source expressions, such as [\"'self'\"].",
        )
    for source in sources:
        _check_one(directive, source)
    if "'none'" in sources and len(sources) > 1:
        raise ConfigurationError(
            f"Content-Security-Policy {directive} holds 'none' beside other sources: browsers then ignore it.",
            fix="Drop 'none', or everything else.",
        )
    _check_number(directive, len(sources))


def _check_one(directive: str, source: object) -> None:
    text = source if isinstance(source, str) else ""
    quoted = f"'{text}'"
    if directive not in _UNQUOTED and (quoted.lower() in _KEYWORDS or _HASH.match(quoted)):
        raise ConfigurationError(
            f"Content-Security-Policy {directive} holds {text} without its quotes, which would name a host.",
            fix=f'Write "{quoted}".',
        )
    if _belongs(directive, text):
        return
    if directive == "sandbox":
        known(text, _SANDBOX, where="Content-Security-Policy sandbox")
    if _is_keyword(text):
        raise ConfigurationError(
            f"Content-Security-Policy {directive} holds {text}, which has no meaning there.",
            fix=_PLACE.get(text, "Leave it out."),
        )
    raise ConfigurationError(
        f"Content-Security-Policy {directive} holds {source!r}, which is no source expression.",
        fix="Use a keyword in single quotes, a host, a scheme or a hash; one list item for each.",
    )


_PLACE: Final = {
    NONCE: "A nonce stands in script-src and style-src.",
    STYLE_NONCE: "The style nonce stands in style-src and style-src-elem.",
}


def _belongs(directive: str, text: str) -> bool:
    if directive in _OWN_GRAMMAR:
        return _OWN_GRAMMAR[directive](text)
    if text in {"'none'", "'self'"} or _SCHEME.match(text) or _HOST.match(text):
        return True
    if directive in _CODE:
        return text in _FOR_CODE or bool(_HASH.match(text)) or (text == STYLE_NONCE and directive in _STYLES)
    return False


_OWN_GRAMMAR: Final[dict[str, Callable[[str], bool]]] = {
    "report-to": lambda text: bool(_TOKEN.match(text)),
    "report-uri": lambda text: bool(_REFERENCE.match(text)),
    "require-trusted-types-for": lambda text: text == "'script'",
    "sandbox": lambda text: text in _SANDBOX,
    "trusted-types": lambda text: text in {"'none'", "'allow-duplicates'", "*"} or bool(_POLICY_NAME.match(text)),
    "upgrade-insecure-requests": lambda _text: False,
    "webrtc": lambda text: text in {"'allow'", "'block'"},
}


def _is_keyword(text: str) -> bool:
    return text in _KEYWORDS or bool(_HASH.match(text))


_EXACTLY_ONE: Final = frozenset({"report-to", "require-trusted-types-for", "webrtc"})
_MAY_BE_EMPTY: Final = frozenset({"sandbox", "trusted-types", "upgrade-insecure-requests"})


def _check_number(directive: str, number: int) -> None:
    if (directive in _EXACTLY_ONE and number != 1) or (directive == "report-uri" and not number):
        raise ConfigurationError(
            f"Content-Security-Policy {directive} takes {'one value' if directive in _EXACTLY_ONE else 'a location'}, "
            f"not {number}.",
            fix=f"Write {directive}: [...] with {'exactly' if directive in _EXACTLY_ONE else 'at least'} one.",
        )
    if not number and directive not in _MAY_BE_EMPTY:
        raise ConfigurationError(
            f"Content-Security-Policy {directive} is an empty list, which browsers read as 'none'.",
            fix="Write [\"'none'\"] if that is meant, or leave the directive out.",
        )
