"""Check the header fields of one response: v5.0.0-3.4.1, 3.4.3 to 3.4.6, 3.4.8, 4.1.1, 14.3.2; v4.0.3-14.4.1 to 14.4.7.

Each field must be there once and say what the level asks for. Not checked, since one response cannot show it: that
*every* response is like this, that a nonce is new each time (v5.0.0-3.4.3), that the body is of the type it claims,
what CORS permits (v5.0.0-3.4.2), cookies, and a CSP report destination (v5.0.0-3.4.7).
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, Literal

from ..errors import ConfigurationError
from ..headers.isolation import OPENERS
from ..headers.judged import FRAMING, LOADING, REFERRER, Miss, asked, framing, loading, referrer
from .seen import Finding, Seen, seen

YEAR: Final = 31_536_000
"""Seconds."""

_HSTS: Final = ("v5.0.0-3.4.1", "v4.0.3-14.4.5")
_NOSNIFF: Final = ("v5.0.0-3.4.4", "v4.0.3-14.4.4")
_OPENER: Final = ("v5.0.0-3.4.8",)
_TYPE: Final = ("v5.0.0-4.1.1", "v4.0.3-14.4.1")
_CACHE: Final = ("v5.0.0-14.3.2",)
_CLEAR: Final = ("v5.0.0-12.2.1",)

_ONCE: Final = {
    "strict-transport-security": _HSTS,
    "content-security-policy": LOADING,
    "x-content-type-options": _NOSNIFF,
    "referrer-policy": REFERRER,
    "x-frame-options": FRAMING,
    "cross-origin-opener-policy": _OPENER,
    "cross-origin-embedder-policy": ("v5.0.0-3.5.8",),
    "cross-origin-resource-policy": ("v5.0.0-3.5.8",),
    "permissions-policy": ("v5.0.0-3.4.3",),
    "content-type": _TYPE,
}
_CHARSETS: Final = frozenset({"utf-8", "utf8", "iso-8859-1", "us-ascii"})
_DIRECTIVE: Final = re.compile(r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*"?([^"]*)"?)?\Z')


def findings(response: Any, *, level: Literal[1, 2, 3] = 2) -> list[Finding]:
    """Return what a response misses; nothing when all is well."""
    if level not in (1, 2, 3):
        raise ConfigurationError(f"level={level!r} is no ASVS level.", fix="Use 1, 2 or 3.")
    return judged(seen(response), level)


def judged(at: Seen, level: int) -> list[Finding]:
    """Return what a response that was read misses, with the ids that the level asks for."""
    found = (finding for check in _CHECKS for finding in check(at, level))
    return [replace(one, requirements=asked(one.requirements, level) or one.requirements) for one in found]


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
    if at.status == 304:
        return  # It updates a stored page; a policy here would replace the one with that page's nonce.
    policy, frame_options = at.value("content-security-policy"), at.value("x-frame-options")
    missed = [*loading(policy, level, document=at.is_document), *framing(policy, frame_options, level)]
    yield from (finding_of(miss, "content-security-policy") for miss in missed)


def _referrer(at: Seen, _level: int) -> Iterator[Finding]:
    yield from (finding_of(miss, "referrer-policy") for miss in referrer(at.values("referrer-policy")))


def finding_of(miss: Miss, field: str) -> Finding:
    """Return what a field misses as a finding."""
    return Finding(requirements=miss.requirements, field=field, seen=miss.seen, remedy=miss.remedy)


def _opener(at: Seen, level: int) -> Iterator[Finding]:
    name = "cross-origin-opener-policy"
    if level >= 3 and at.is_document and at.value(name).partition(";")[0].strip() not in OPENERS:
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


_CHECKS: Final = (
    _each_once,
    _hsts,
    _nosniff,
    _content_security,
    _referrer,
    _opener,
    _content_type,
    _cache,
)

JUDGED: Final = frozenset().union(_HSTS, LOADING, _NOSNIFF, REFERRER, FRAMING, _OPENER, _TYPE)
"""The ids that one response over TLS always says something about; v5.0.0-3.4.8 where it is a document."""
