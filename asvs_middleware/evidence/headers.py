"""Check the header fields of one response: v5.0.0-3.4.1, 3.4.3 to 3.4.6, 3.4.8, 4.1.1, 14.3.2; v4.0.3-14.4.1 to 14.4.7.

Each field must be there once and say what the level asks for. Not checked, since one response cannot show it: that
*every* response is like this, that a nonce is new each time (v5.0.0-3.4.3), that the body is of the type it claims,
what CORS permits (v5.0.0-3.4.2), cookies, and a CSP report destination (v5.0.0-3.4.7).
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from ..errors import ConfigurationError
from ..headers.referrer import TOKENS
from . import csp
from .seen import Finding, Seen, seen

YEAR: Final = 31_536_000
"""Seconds."""

_HSTS: Final = ("v5.0.0-3.4.1", "v4.0.3-14.4.5")
_CSP: Final = ("v5.0.0-3.4.3", "v4.0.3-14.4.3")
_NOSNIFF: Final = ("v5.0.0-3.4.4", "v4.0.3-14.4.4")
_REFERRER: Final = ("v5.0.0-3.4.5", "v4.0.3-14.4.6")
_FRAMING: Final = ("v5.0.0-3.4.6", "v4.0.3-14.4.7")
_OPENER: Final = ("v5.0.0-3.4.8",)
_TYPE: Final = ("v5.0.0-4.1.1", "v4.0.3-14.4.1")
_CACHE: Final = ("v5.0.0-14.3.2",)
_CLEAR: Final = ("v5.0.0-12.2.1",)

_ONCE: Final = {
    "strict-transport-security": _HSTS,
    "content-security-policy": _CSP,
    "x-content-type-options": _NOSNIFF,
    "referrer-policy": _REFERRER,
    "x-frame-options": _FRAMING,
    "cross-origin-opener-policy": _OPENER,
    "cross-origin-embedder-policy": ("v5.0.0-3.5.8",),
    "cross-origin-resource-policy": ("v5.0.0-3.5.8",),
    "permissions-policy": ("v5.0.0-3.4.3",),
    "content-type": _TYPE,
}
_LEAKS: Final = frozenset({"unsafe-url", "no-referrer-when-downgrade"})
_OPENERS: Final = frozenset({"same-origin", "same-origin-allow-popups"})
_CHARSETS: Final = frozenset({"utf-8", "utf8", "iso-8859-1", "us-ascii"})
_DIRECTIVE: Final = re.compile(r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*"?([^"]*)"?)?\Z')


def findings(response: Any, *, level: Literal[1, 2, 3] = 2) -> list[Finding]:
    """Return what a response misses; nothing when all is well."""
    if level not in (1, 2, 3):
        raise ConfigurationError(f"level={level!r} is no ASVS level.", fix="Use 1, 2 or 3.")
    return judged(seen(response), level)


def judged(at: Seen, level: int) -> list[Finding]:
    """Return what a response that was read misses at the level."""
    return [finding for check in _CHECKS for finding in check(at, level)]


def _each_once(at: Seen, _level: int) -> Iterator[Finding]:
    for name, requirements in _ONCE.items():
        values = at.values(name)
        if len(values) > 1:
            yield Finding(
                requirements=requirements,
                field=name,
                seen=f"{len(values)} times: {' | '.join(values)}",
                remedy="Send it once: what browsers make of two differs. Look for a second middleware or a proxy.",
            )


def _hsts(at: Seen, level: int) -> Iterator[Finding]:
    name = "strict-transport-security"
    if not at.over_tls:
        if at.status < 300:
            yield Finding(
                requirements=_CLEAR,
                field="scheme",
                seen=f"http, answered with {at.status}",
                remedy="Refuse plaintext, and make this request over https.",
            )
        return
    if not at.named_host:
        return
    directives = _hsts_directives(at.value(name))
    age = (directives or {}).get("max-age", "")
    if directives is None or not re.fullmatch("[0-9]+", age, re.ASCII) or int(age[:12]) < YEAR:
        yield Finding(
            requirements=_HSTS,
            field=name,
            seen=_shown(at, name),
            remedy=f"Send max-age={YEAR} or more, each directive once.",
        )
    elif level >= 2 and "includesubdomains" not in directives:
        yield Finding(requirements=_HSTS, field=name, seen=_shown(at, name), remedy="Add includeSubDomains.")


def _hsts_directives(value: str) -> dict[str, str] | None:
    """Return the directives (RFC 6797 section 6.1); None for a field that browsers ignore."""
    directives: dict[str, str] = {}
    for text in filter(None, (part.strip() for part in value.split(";"))):
        match = _DIRECTIVE.match(text)
        if match is None or match[1].lower() in directives:
            return None
        directives[match[1].lower()] = match[2] or ""
    return directives


def _nosniff(at: Seen, _level: int) -> Iterator[Finding]:
    name = "x-content-type-options"
    if at.value(name).lower() != "nosniff":
        yield Finding(requirements=_NOSNIFF, field=name, seen=_shown(at, name), remedy="Send nosniff.")


def _content_security(at: Seen, level: int) -> Iterator[Finding]:
    name = "content-security-policy"
    if at.status == 304:
        return  # It updates a stored page; a policy here would replace the one with that page's nonce.
    value = at.value(name)
    policy = csp.parse(value)

    def missed(what: str, remedy: str) -> Finding:
        return Finding(requirements=_CSP, field=name, seen=what, remedy=remedy)

    if not policy.directives:
        yield missed(_shown(at, name), "Send a policy; a report-only one stops nothing.")
        return
    if "," in value:
        yield missed("two policies in one field", "Send one policy; a comma ends a policy.")
    for repeated in policy.repeated:
        yield missed(f"{repeated} twice", "Write each directive once: browsers ignore the second.")
    if level < 2:
        return
    for directive in ("object-src", "base-uri"):
        if not csp.is_none(policy.sources(directive)):
            yield missed(_told(policy, directive), f"Send {directive} 'none'.")
    yield from _scripts(policy, missed, nonce_needed=level >= 3 and at.is_document)


def _scripts(policy: csp.SentPolicy, missed: Callable[[str, str], Finding], *, nonce_needed: bool) -> Iterator[Finding]:
    """Judge what script may run: elements and event handlers each have a directive that may stand for them."""
    kinds = [policy.sources(kind, "script-src", "default-src") for kind in ("script-src-elem", "script-src-attr")]
    for sources in dict.fromkeys(kinds):
        if sources is None:
            yield missed("neither script-src nor default-src", "Say where scripts may come from.")
        elif csp.allows_any_script(sources):
            yield missed(f"scripts from {' '.join(sources)}", "Name hosts, or use nonces or hashes.")
        elif csp.short_nonces(sources):
            yield missed("a nonce of less than 128 bits", "Use csp_nonce(), which has 144.")
    elements = kinds[0]
    if nonce_needed and elements and not (csp.is_none(elements) or csp.trusts_only_named_scripts(elements)):
        yield missed(f"scripts from {' '.join(elements)}", "At level 3 a page needs nonces or hashes.")


def _framing(at: Seen, level: int) -> Iterator[Finding]:
    name = "content-security-policy"
    if at.status == 304:
        return
    sources = csp.parse(at.value(name)).sources("frame-ancestors")
    if sources is not None and not csp.frames_anyone(sources):
        return
    if level < 2 and sources is None and at.value("x-frame-options").upper() in {"DENY", "SAMEORIGIN"}:
        return
    yield Finding(
        requirements=_FRAMING,
        field=name,
        seen="no frame-ancestors" if sources is None else f"frame-ancestors {' '.join(sources)}",
        remedy="Send frame-ancestors 'none', or the origins that may frame it.",
    )


def _referrer(at: Seen, _level: int) -> Iterator[Finding]:
    name = "referrer-policy"
    tokens = [token.strip().lower() for token in ",".join(at.values(name)).split(",")]
    known = [token for token in tokens if token in TOKENS]
    if not known or known[-1] in _LEAKS:  # Browsers take the last one they know.
        yield Finding(
            requirements=_REFERRER,
            field=name,
            seen=_shown(at, name),
            remedy="Send no-referrer or strict-origin-when-cross-origin: path and query stay with us.",
        )


def _opener(at: Seen, level: int) -> Iterator[Finding]:
    name = "cross-origin-opener-policy"
    if level >= 3 and at.is_document and at.value(name).partition(";")[0].strip() not in _OPENERS:
        yield Finding(requirements=_OPENER, field=name, seen=_shown(at, name), remedy="Send same-origin.")


def _content_type(at: Seen, _level: int) -> Iterator[Finding]:
    name = "content-type"
    if at.has_body and "/" not in at.media_type:
        yield Finding(requirements=_TYPE, field=name, seen=_shown(at, name), remedy="Say what the body is.")
    media = at.media_type
    if media.startswith("text/") or media.endswith(("+xml", "/xml")):
        parameters = (part.partition("=") for part in at.value(name).split(";")[1:])
        charsets = [value.strip(' "').lower() for key, _, value in parameters if key.strip().lower() == "charset"]
        if len(charsets) != 1 or charsets[0] not in _CHARSETS:
            yield Finding(requirements=_TYPE, field=name, seen=_shown(at, name), remedy="Add charset=utf-8.")


def _cache(at: Seen, _level: int) -> Iterator[Finding]:
    name = "cache-control"
    directives = {part.strip().lower() for part in ",".join(at.values(name)).split(",")}
    if at.status in {401, 403} and "no-store" not in directives:
        yield Finding(requirements=_CACHE, field=name, seen=_shown(at, name), remedy="Send no-store with a refusal.")


def _shown(at: Seen, name: str) -> str:
    return at.value(name) or ("empty" if at.values(name) else "absent")


def _told(policy: csp.SentPolicy, directive: str) -> str:
    sources = policy.directives.get(directive)
    return f"no {directive}" if sources is None else f"{directive} {' '.join(sources)}"


_CHECKS: Final = (
    _each_once,
    _hsts,
    _nosniff,
    _content_security,
    _framing,
    _referrer,
    _opener,
    _content_type,
    _cache,
)

JUDGED: Final = frozenset().union(_HSTS, _CSP, _NOSNIFF, _REFERRER, _FRAMING, _OPENER, _TYPE)
"""The ids that one response over TLS always says something about; v5.0.0-3.4.8 where it is a document."""
