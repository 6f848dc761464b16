"""What becomes of a field that both the app and the policy set: v5.0.0-3.4.3, v5.0.0-14.2.2.

The app's own value wins, because it knows the response. Two fields are lists whose members do not contradict each other
and are merged instead: Permissions-Policy (RFC 9651 section 3.2) by feature, Cache-Control (RFC 9111 section 5.2) where
a proof or a nonce was needed, whatever the policy says of caching. There a field for one cache alone, a CDN's or a
proxy's, is made to forbid storing: such a cache reads it in place of Cache-Control (RFC 9213 section 2.2). A
Content-Security-Policy is no list to merge: a second one narrows the first, which breaks the page, so that the app's
own stands alone unless the field is locked (middleware/response/rewrite.py). Several lines of one field become one: of
two that contradict each other browsers take the first, the last or neither.

Not known: what a cache was configured to read under another name, or to keep whatever the fields say.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Final

from .caching import SENSITIVE, directives

Pair = tuple[bytes, bytes]

CACHE_CONTROL: Final = b"cache-control"
NO_STORE: Final = (CACHE_CONTROL, SENSITIVE.encode("ascii"))
"""For what a proof or a nonce was needed for: v5.0.0-14.3.2, v5.0.0-14.2.2, v4.0.3-8.2.1. headers/caching.py."""

_KEY: Final = rb"[a-z*][a-z0-9_.*-]*"
_ITEM: Final = rb'(?:"(?:[^"\\]|\\["\\])*"|\?[01]|-?[0-9]+(?:\.[0-9]+)?|[A-Za-z*][A-Za-z0-9!#$%&\'*+.^_`|~:/-]*)'
_PARAMETERS: Final = rb"(?:;[ ]*%b(?:=%b)?)*" % (_KEY, _ITEM)
_ONE: Final = _ITEM + _PARAMETERS
_INNER_LIST: Final = rb"\([ ]*(?:%b(?:[ ]+%b)*[ ]*)?\)" % (_ONE, _ONE)
_MEMBER: Final = re.compile(rb"[ \t]*((%b)(?:=(?:%b|%b))?%b)[ \t]*" % (_KEY, _ITEM, _INNER_LIST, _PARAMETERS))
_SHARED: Final = frozenset({b"public", b"s-maxage", b"proxy-revalidate", b"must-understand"})
_KEPT_FROM_SHARED: Final = frozenset({b"private", b"no-store"})
_TARGETED: Final = {b"surrogate-control": b"no-store", b"edge-control": b"no-store", b"x-accel-expires": b"0"}
"""Older fields for one cache: of Edge Side Includes, Akamai and nginx, with what forbids storing there."""


_LISTS: Final = frozenset({
    b"cache-control", b"content-security-policy", b"content-security-policy-report-only", b"document-policy",
    b"integrity-policy", b"integrity-policy-report-only", b"referrer-policy", b"reporting-endpoints",
})  # fmt: skip
"""Fields whose lines are one list (RFC 9110 section 5.3), and mean the same in one line."""

_SINGLE: Final = frozenset({
    b"content-disposition", b"cross-origin-embedder-policy", b"cross-origin-embedder-policy-report-only",
    b"cross-origin-opener-policy", b"cross-origin-opener-policy-report-only", b"cross-origin-resource-policy",
    b"origin-agent-cluster", b"strict-transport-security", b"x-content-type-options", b"x-frame-options",
})  # fmt: skip
"""Fields with one value. Sent twice, even the same one twice, most of them count as not sent."""


def merged(theirs: Sequence[Pair], ours: Sequence[Pair], *, unshare: bool) -> list[Pair]:
    """Return the app's fields, then those of ours it does not set; a field both set is there as its rule says.

    Args:
        theirs: the app's fields.
        ours: the policy's, with names in lower case.
        unshare: the response was made for one caller: no shared cache may keep it, whatever ours says or leaves out.

    >>> merged([(b"X-Frame-Options", b"SAMEORIGIN")], [(b"x-frame-options", b"DENY")], unshare=False)
    [(b'X-Frame-Options', b'SAMEORIGIN')]
    """
    present = {name.lower() for name, _ in theirs}
    found = list(theirs) if len(present) == len(theirs) else _each_once(theirs, ours)
    if unshare:
        found = _kept_from_shared_caches(found, present)
    added = []
    for pair in ours:
        name, value = pair
        if name not in present:
            added.append(pair)
        elif name == b"permissions-policy":
            found = _combined(found, name, partial(permissions, ours=value))
    return found + added


def permissions(theirs: bytes, ours: bytes) -> bytes:
    """Return the app's members, and ours for every feature it does not name.

    Browsers drop a malformed field whole and leave every feature open: ours stands in for one.

    >>> permissions(b"camera=(self)", b"camera=(), usb=()")
    b'camera=(self), usb=()'
    """
    said = _members(theirs)
    if said is None:
        return ours
    return b", ".join({**(_members(ours) or {}), **said}.values())


def unshared(theirs: bytes) -> bytes:
    """Return the app's directives for what was made for one caller: that caller's own cache may keep it, no other.

    What is not plainly a list of directives, caches read in different ways: then no cache may keep it.

    >>> unshared(b"public, max-age=60"), unshared(b'public, ext="a, private')
    (b'private, max-age=60', b'private, no-store')
    """
    said = directives(theirs)
    if said is None:
        return NO_STORE[1]
    kept = [one for one in said if not _shares(one)]
    # Some caches split at every comma, also at one between quotes: those may read no `public` either.
    if any(_shares(part.strip(b" \t")) for one in kept for part in one.split(b",")):
        return NO_STORE[1]
    # `private="set-cookie"` keeps one field back and no more, so that only the bare word counts.
    if not any(one.lower() in _KEPT_FROM_SHARED for one in kept):
        kept.insert(0, b"private")
    return theirs if kept == said else b", ".join(kept)


def _shares(directive: bytes) -> bool:
    return directive.partition(b"=")[0].strip(b' \t"').lower() in _SHARED


def targeted(name: bytes) -> bool:
    """Whether a field tells one cache what Cache-Control tells all of them; RFC 9213 has the names end like this.

    >>> [targeted(name) for name in (b"cdn-cache-control", b"surrogate-control", b"cache-control")]
    [True, True, False]
    """
    return name in _TARGETED or name.endswith(b"-cache-control")


def _kept_from_shared_caches(pairs: list[Pair], present: Collection[bytes]) -> list[Pair]:
    if CACHE_CONTROL in present:
        pairs = _combined(pairs, CACHE_CONTROL, unshared)
    for name in filter(targeted, present):
        pairs = list(_with_one(pairs, name, _TARGETED.get(name, b"no-store")))
    return pairs


def _each_once(pairs: Sequence[Pair], ours: Sequence[Pair]) -> list[Pair]:
    """Return the app's fields with one line for each that is ours too; where its own contradict each other, ours."""
    found = list(pairs)
    for name, value in ours:
        lines = [said.strip() for key, said in pairs if key.lower() == name]
        if len(lines) < 2:
            continue
        if name in _LISTS:
            found = list(_with_one(found, name, b", ".join(lines)))
        elif name in _SINGLE:
            found = list(_with_one(found, name, lines[0] if len(set(lines)) == 1 else value))
    return found


def _combined(pairs: list[Pair], name: bytes, rule: Callable[[bytes], bytes]) -> list[Pair]:
    """Replace every line of a field by one, where the first stood (RFC 9110 section 5.3)."""
    lines = [value for key, value in pairs if key.lower() == name]
    return list(_with_one(pairs, name, rule(b", ".join(lines))))


def _with_one(pairs: list[Pair], name: bytes, value: bytes) -> Iterator[Pair]:
    told = False
    for pair in pairs:
        if pair[0].lower() != name:
            yield pair
        elif not told:
            told = True
            yield name, value


def _members(value: bytes) -> dict[bytes, bytes] | None:
    """Return the members of a structured dictionary as they were written; None for none a browser would read."""
    members: dict[bytes, bytes] = {}
    at = 0
    while at < len(value):
        match = _MEMBER.match(value, at)
        if match is None:
            return None
        members[match[2]] = match[1]
        at = match.end()
        if at < len(value):
            if value[at : at + 1] != b"," or not value[at + 1 :].strip():
                return None
            at += 1
    return members
