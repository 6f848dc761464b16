"""Check the header fields of one response: v5.0.0-3.4.1, 3.4.3 to 3.4.6, 3.4.8, 4.1.1, 14.3.2; v4.0.3-14.4.1 to 14.4.7.

Each field must be there once and say what the level asks for; a 304 may leave it as it was stored. Not
checked, since one response cannot show it: that *every* response is like this, that a nonce is new each time
(v5.0.0-3.4.3), that the body is of the type it claims, what CORS permits (v5.0.0-3.4.2), cookies, and a CSP report
destination (v5.0.0-3.4.7).
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, Literal

from ..asvs import check_level
from ..headers.caching import directives
from ..headers.isolation import OPENERS
from ..headers.judged import FRAMING, LOADING, REFERRER, Miss, asked, framing, loading, referrer
from ..middleware.response.wardrobe import NOT_MODIFIED
from .seen import Finding, Seen, seen

YEAR: Final = 31_536_000
"""Seconds."""

_HSTS: Final = ("v5.0.0-3.4.1", "v4.0.3-14.4.5")
_NOSNIFF: Final = ("v5.0.0-3.4.4", "v4.0.3-14.4.4")
_OPENER: Final = ("v5.0.0-3.4.8",)
_TYPE: Final = ("v5.0.0-4.1.1", "v4.0.3-14.4.1")
_CACHE: Final = ("v5.0.0-14.3.2",)
_CLEAR: Final = ("v5.0.0-12.2.1",)

_OF_THE_HOST: Final = "strict-transport-security"

_ONCE: Final = {
    _OF_THE_HOST: _HSTS,
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
    check_level(level, owner="assert_headers")
    return judged(seen(response), level)


def judged(at: Seen, level: int) -> list[Finding]:
    """Return what a response that was read misses, with the ids that the level asks for."""
    found = (finding for check in _CHECKS for finding in check(at, level) if not left_as_stored(at, finding.field))
    return [replace(one, requirements=asked(one.requirements, level) or one.requirements) for one in found]


def left_as_stored(at: Seen, field: str) -> bool:
    """Whether a response says nothing in this field since another does: a 304 updates what was stored by what it has.

    RFC 9111 section 4.3.4: what a 304 does not send stays as it was stored, and what it sends is judged. HSTS is of the
    host and of no stored response (RFC 6797 section 7.1), so that every response has to send it.
    """
    return at.status == NOT_MODIFIED and field != _OF_THE_HOST and not at.values(field)


def shown(at: Seen) -> frozenset[str]:
    """Return the ids that this response says something about."""
    return frozenset().union(*(ids for field, ids in _JUDGED.items() if not left_as_stored(at, field)))


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
    name = _OF_THE_HOST
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
    policy, frame_options = at.value(name), at.value("x-frame-options")
    yield from (finding_of(miss, name) for miss in loading(policy, level, document=at.is_document))
    # At level 1 either field is enough, and the one that is there is judged.
    framed = "x-frame-options" if level < 2 and frame_options and not policy else name
    yield from (finding_of(miss, framed) for miss in framing(policy, frame_options, level))


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
    if at.status in {401, 403} and not kept_nowhere(at):
        yield Finding(requirements=_CACHE, field=name, seen=_shown(at, name), remedy="Send no-store with a refusal.")


def kept_nowhere(at: Seen) -> bool:
    """Whether no cache may keep the response; what caches read in different ways does not say so.

    Beside `must-understand` caches that understand the status may keep it all the same (RFC 9111 section 5.2.2.3).
    """
    said = directives(", ".join(at.values("cache-control")).encode("latin-1", "replace")) or ()
    words = {one.lower() for one in said}
    return b"no-store" in words and b"must-understand" not in words


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

_JUDGED: Final = {
    _OF_THE_HOST: _HSTS,
    "content-security-policy": (*LOADING, *FRAMING),
    "x-content-type-options": _NOSNIFF,
    "referrer-policy": REFERRER,
    "cross-origin-opener-policy": _OPENER,
    "content-type": _TYPE,
}
"""The ids that one response over TLS says something about, by field; v5.0.0-3.4.8 where it is a document."""
