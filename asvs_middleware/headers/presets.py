"""The headers of the presets `api` and `web`, by ASVS level, as bytes made once.

docs/explanation/defaults.md gives each default its reason. No header is sent that does not earn its place: the
server checks and writes each of them on every response.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ..errors import ConfigurationError
from . import csp, hsts, permissions, referrer
from .csp import NONCE, ContentSecurityPolicy
from .hsts import HSTSPolicy

Pair = tuple[bytes, bytes]
Pairs = tuple[Pair, ...]
Preset = Literal["api", "web"]

CSP_NAME: Final = b"content-security-policy"
NO_STORE: Final = (b"cache-control", b"no-store")  # v5.0.0-14.3.2, v4.0.3-8.2.1


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadersPolicy:
    """What the response headers say. A None takes the preset's own value for the level.

    Attributes:
        hsts: Strict-Transport-Security.
        csp: Content-Security-Policy.
        referrer: the Referrer-Policy token.
        permissions: features to open, with their allowlists; all others are closed.
    """

    hsts: HSTSPolicy | None = None
    csp: ContentSecurityPolicy | None = None
    referrer: str | None = None
    permissions: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HeaderSet:
    """One preset's headers, rendered.

    Attributes:
        always: on every response.
        hsts: only over TLS and for domain names.
        csp: the policy for a response without a nonce.
        csp_around_nonce: its pieces, to be joined with a nonce.
    """

    always: Pairs
    hsts: Pair
    csp: Pair
    csp_around_nonce: tuple[bytes, ...]


def header_set(preset: Preset, policy: HeadersPolicy, *, level: int) -> HeaderSet:
    """Render the headers of a preset at an ASVS level (1, 2 or 3)."""
    chosen_csp = policy.csp or (API_CSP if preset == "api" else web_csp(level))
    chosen_hsts = policy.hsts or default_hsts(level)
    chosen_referrer = referrer.render(policy.referrer or _REFERRER[preset])
    _check_csp(chosen_csp, level)
    _check_hsts(chosen_hsts, level)
    _check_referrer(chosen_referrer, level)
    pieces = tuple(piece.encode("ascii") for piece in csp.render_around_nonce(chosen_csp))
    return HeaderSet(
        always=(
            (b"x-content-type-options", b"nosniff"),  # v4.0.3-14.4.4, v5.0.0-3.4.4
            (b"referrer-policy", chosen_referrer.encode("ascii")),
            (b"permissions-policy", permissions.render(policy.permissions).encode("ascii")),
            (b"cross-origin-opener-policy", b"same-origin"),  # v5.0.0-3.4.8
            (b"cross-origin-resource-policy", b"same-origin"),  # v5.0.0-3.5.8
            _ONLY[preset],
        ),
        hsts=(b"strict-transport-security", hsts.render(chosen_hsts).encode("ascii")),
        csp=(CSP_NAME, csp.render(chosen_csp).encode("ascii")),
        csp_around_nonce=pieces,
    )


def default_hsts(level: int) -> HSTSPolicy:
    """Return a year; from level 2 subdomains too, as v5.0.0-3.4.1 asks."""
    return HSTSPolicy(include_subdomains=level >= 2)


API_CSP: Final = ContentSecurityPolicy(
    {
        "default-src": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
)


def web_csp(level: int) -> ContentSecurityPolicy:
    """Return the page policy: own scripts and nonces below level 3, nonces alone at level 3 (v5.0.0-3.4.3)."""
    scripts = [NONCE, "'strict-dynamic'"] if level >= 3 else ["'self'", NONCE]
    return ContentSecurityPolicy(
        {
            "default-src": ["'none'"],
            "script-src": scripts,
            "style-src": ["'self'", NONCE],
            "img-src": ["'self'", "data:"],
            "font-src": ["'self'"],
            "connect-src": ["'self'"],
            "manifest-src": ["'self'"],
            "base-uri": ["'none'"],
            "object-src": ["'none'"],
            "form-action": ["'self'"],
            "frame-ancestors": ["'none'"],
            "upgrade-insecure-requests": [],
        }
    )


_REFERRER: Final[dict[Preset, str]] = {"api": "no-referrer", "web": "strict-origin-when-cross-origin"}
_ONLY: Final[dict[Preset, Pair]] = {
    # JSON loads nothing, so nothing can break; a page's images and widgets could.
    "api": (b"cross-origin-embedder-policy", b"require-corp"),
    # v4.0.3-14.4.7 asks for it beside frame-ancestors; v5.0.0-3.4.6 calls it obsolete.
    "web": (b"x-frame-options", b"DENY"),
}


_ANYWHERE: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:|(?:[a-z][a-z0-9+.-]*://)?\*(?::(?:\*|[0-9]+))?(?:/.*)?)\Z", re.IGNORECASE
)
"""A scheme alone, or any host."""
_HARMLESS: Final = frozenset({"'report-sample'", "'strict-dynamic'", "'wasm-unsafe-eval'", "'unsafe-hashes'"})


def _check_csp(policy: ContentSecurityPolicy, level: int) -> None:
    if level < 2:
        return
    for directive in ("object-src", "base-uri"):
        if list(policy.directives.get(directive, ())) != ["'none'"]:
            raise ConfigurationError(
                f"The Content-Security-Policy lacks {directive} 'none', which v5.0.0-3.4.3 asks for at level {level}.",
                fix=f"Add {directive}: [\"'none'\"], or state level=1.",
            )
    if not {"script-src", "default-src"} & set(policy.directives):
        raise ConfigurationError(
            f"The Content-Security-Policy lets scripts come from anywhere; v5.0.0-3.4.3 forbids it at level {level}.",
            fix="Add script-src with an allowlist, nonces or hashes, or default-src: [\"'none'\"].",
        )
    for directive in ("script-src", "script-src-elem", "script-src-attr"):
        _check_scripts(directive, policy.directives.get(directive, ()), level)
    if "script-src" not in policy.directives:
        _check_scripts("default-src", policy.directives["default-src"], level)
    if any(_ANYWHERE.match(source) for source in policy.directives.get("frame-ancestors", ())):
        raise ConfigurationError(
            f"The Content-Security-Policy's frame-ancestors lets any site frame a page; v5.0.0-3.4.6, level {level}.",
            fix="Name the origins that may.",
        )
    if "frame-ancestors" not in policy.directives:
        raise ConfigurationError(
            f"The Content-Security-Policy lacks frame-ancestors, which v5.0.0-3.4.6 asks for at level {level}.",
            fix="Add frame-ancestors: [\"'none'\"], or the origins that may frame the pages.",
        )


def _check_scripts(directive: str, sources: Sequence[str], level: int) -> None:
    named = [source for source in sources if source == NONCE or source.startswith("'sha")]
    if "'strict-dynamic'" in sources and named:
        return  # Browsers then ignore hosts, schemes and 'unsafe-inline' (CSP 3 section 8.2).
    anywhere = [source for source in sources if _ANYWHERE.match(source)]
    inline = ["'unsafe-inline'"] * ("'unsafe-inline'" in sources and not named)
    if anywhere or inline:
        raise ConfigurationError(
            f"The Content-Security-Policy's {directive} holds {', '.join(anywhere + inline)}, so injected script runs; "
            f"v5.0.0-3.4.3 forbids it at level {level}.",
            fix="Name the hosts, or use NONCE or hashes.",
        )
    unnamed = [source for source in sources if source not in named and source != "'none'"]
    if level >= 3 and directive != "script-src-attr" and [one for one in unnamed if one not in _HARMLESS]:
        raise ConfigurationError(
            "The Content-Security-Policy allows scripts without nonce or hash; v5.0.0-3.4.3 asks for them at level 3.",
            fix=f"Leave nothing but NONCE, hashes and 'strict-dynamic' in {directive}, or state level=2.",
        )


def _check_hsts(policy: HSTSPolicy, level: int) -> None:
    if level >= 2 and not policy.include_subdomains:
        raise ConfigurationError(
            f"HSTSPolicy(include_subdomains=False) is not enough for level {level}: v5.0.0-3.4.1 asks for subdomains.",
            fix="Leave include_subdomains out, or state level=1.",
        )


def _check_referrer(policy: str, level: int) -> None:
    if level >= 2 and policy in {"unsafe-url", "no-referrer-when-downgrade"}:
        raise ConfigurationError(
            f"Referrer-Policy {policy} tells other sites paths and queries; v5.0.0-3.4.5 forbids it at level {level}.",
            fix='Use "strict-origin-when-cross-origin" or "no-referrer".',
        )
