"""The Host a request names, and the hosts that are ours: v5.0.0-4.1.3.

A redirect, a link and a token's audience are built from it, so it is checked before anything else reads it.
Field grammar: RFC 9110 section 7.2 and RFC 3986 section 3.2.2. Not checked: that DNS points here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from ..errors import ConfigurationError, HostRefused
from ..names import quoted
from .networks import is_address

_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\Z")
_PORT: Final = re.compile(r"[0-9]{1,5}\Z")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts an app answers for: exact names, `*.suffix`, or IP addresses, without port.

    Raises:
        ConfigurationError: none is given, or one is no host (a port, a scheme, a bare `*`).
    """

    given: Sequence[str]
    exact: frozenset[str] = field(init=False, repr=False)
    suffixes: tuple[str, ...] = field(init=False, repr=False)
    spellings: frozenset[bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.given, str) or not self.given:
            raise ConfigurationError(
                f"hosts={quoted(self.given)} names no list of hosts.",
                fix='List every name clients use, such as hosts=["api.example.com"].',
            )
        names = [_ours(one) for one in self.given]
        exact = frozenset(name for name in names if not name.startswith("*."))
        object.__setattr__(self, "given", tuple(names))
        object.__setattr__(self, "exact", exact)
        object.__setattr__(self, "suffixes", tuple(name[1:] for name in names if name.startswith("*.")))
        object.__setattr__(self, "spellings", frozenset(name.encode("ascii") for name in exact))

    def __contains__(self, raw: bytes) -> bool:
        """Whether the field value names one of ours. A malformed value raises HostRefused with status 400."""
        if raw in self.spellings:
            return True
        name = parse_host(raw)
        return name in self.exact or name.endswith(self.suffixes)


@lru_cache(maxsize=1024)
def parse_host(raw: bytes) -> str:
    """Return the lower-case host of a Host field value, without port and without a trailing dot.

    An IPv6 literal keeps its brackets.

    Raises:
        HostRefused: 400, the value is no host: empty, user information, a bad port, a character no host has.

    >>> parse_host(b"API.example.com:8443"), parse_host(b"[::1]:80")
    ('api.example.com', '[::1]')
    """
    try:
        text = raw.decode("ascii").lower()
    except UnicodeDecodeError:
        raise _malformed() from None
    if text.startswith("["):
        literal, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in literal or not is_address(literal):
            raise _malformed()
        name = f"[{literal}]"
    else:
        name, colon, port = text.partition(":")
        rest = colon + port
        name = name.removesuffix(".")
        if len(name) > 253 or not _NAME.match(name):
            raise _malformed()
    if rest and not (rest[0] == ":" and _PORT.match(rest[1:]) and int(rest[1:]) <= 65535):
        raise _malformed()
    return name


@lru_cache(maxsize=1024)
def is_public_name(raw: bytes) -> bool:
    """Whether a Host value is a domain name other than localhost: the hosts HSTS may be sent for.

    RFC 6797 section 8.1.1 lets clients ignore it for IP addresses; on localhost it would break every other
    project on the developer's machine.

    >>> is_public_name(b"api.example.com"), is_public_name(b"localhost:8443"), is_public_name(b"127.0.0.1")
    (True, False, False)
    """
    try:
        name = parse_host(raw)
    except HostRefused:
        return False
    return not (name.startswith("[") or is_address(name) or name == "localhost" or name.endswith(".localhost"))


def _malformed() -> HostRefused:
    return HostRefused("The Host field holds no host.", status=400, code="host_malformed")


def _ours(given: object) -> str:
    problem = f"hosts holds {quoted(given)}, which is no host name."
    fix = 'Write a name without scheme, port and path, such as "api.example.com", "*.example.com" or "127.0.0.1".'
    if not isinstance(given, str):
        raise ConfigurationError(problem, fix=fix)
    name = given.lower()
    bare = name.removeprefix("*.")
    if is_address(name) and ":" in name:
        return f"[{name}]"
    try:
        parsed = parse_host(bare.encode(errors="replace"))
    except HostRefused:
        raise ConfigurationError(problem, fix=fix) from None
    if parsed != bare or (bare != name and ("." not in bare or is_address(bare))):
        raise ConfigurationError(problem, fix=fix)
    return name
