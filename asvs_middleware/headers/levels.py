"""What a level asks of the headers: a policy that misses it stops the start-up. v5.0.0-3.4.1, 3.4.3, 3.4.5 to 3.4.7."""

import re
from collections.abc import Container, Sequence
from typing import Final

from ..errors import ConfigurationError
from .csp import NONCE, ContentSecurityPolicy
from .hsts import HSTSPolicy
from .reporting import reports_to_somewhere

_ANYWHERE: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:|(?:[a-z][a-z0-9+.-]*://)?\*(?::(?:\*|[0-9]+))?(?:/.*)?)\Z", re.IGNORECASE
)
"""A scheme alone, or any host."""
_HARMLESS: Final = frozenset({"'report-sample'", "'strict-dynamic'", "'wasm-unsafe-eval'", "'unsafe-hashes'"})


def check_csp(policy: ContentSecurityPolicy, level: int, *, waived: Container[str] = frozenset()) -> None:
    """Refuse a policy without what v5.0.0-3.4.3, v5.0.0-3.4.6 and v5.0.0-3.4.7 ask for at the level.

    Args:
        policy: what would be sent.
        level: the ASVS level.
        waived: ids of requirements it may miss.

    Raises:
        ConfigurationError: a directive is missing or too wide.
    """
    if level < 2:
        return
    if "v5.0.0-3.4.3" not in waived:
        _check_loading(policy, level)
    if "v5.0.0-3.4.6" not in waived:
        _check_framing(policy, level)
    if level >= 3 and "v5.0.0-3.4.7" not in waived and not reports_to_somewhere(policy):
        raise ConfigurationError(
            "The Content-Security-Policy names no place for reports, which v5.0.0-3.4.7 asks for at level 3.",
            fix="Set reports=Reports(), or state level=2.",
        )


def _check_loading(policy: ContentSecurityPolicy, level: int) -> None:
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


def _check_framing(policy: ContentSecurityPolicy, level: int) -> None:
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


def check_hsts(policy: HSTSPolicy, level: int) -> None:
    """Refuse a policy for one host alone from level 2: v5.0.0-3.4.1. A ramp-up is a Shortfall, and passes.

    Raises:
        ConfigurationError: subdomains are left out.
    """
    if level >= 2 and not policy.include_subdomains:
        raise ConfigurationError(
            f"HSTSPolicy(include_subdomains=False) is not enough for level {level}: v5.0.0-3.4.1 asks for subdomains.",
            fix="Leave include_subdomains out, or state level=1.",
        )


def check_referrer(policy: str, level: int, *, waived: Container[str] = frozenset()) -> None:
    """Refuse what sends whole addresses to other sites from level 2, where it is not waived: v5.0.0-3.4.5.

    Raises:
        ConfigurationError: it does.
    """
    if level >= 2 and "v5.0.0-3.4.5" not in waived and policy in {"unsafe-url", "no-referrer-when-downgrade"}:
        raise ConfigurationError(
            f"Referrer-Policy {policy} sends paths and queries to other sites; v5.0.0-3.4.5 forbids it at level "
            f"{level}.",
            fix='Use "strict-origin-when-cross-origin" or "no-referrer".',
        )
