"""The Host a request names, and the hosts that are ours: v5.0.0-4.1.3.

A redirect, a link and a token's audience are built from it, so it is checked before anything else reads it.
Field grammar: RFC 9110 section 7.2 and RFC 3986 section 3.2.2. Not checked: that DNS points here.
"""

import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from ..errors import ConfigurationError, HostRefused
from ..names import quoted
from .networks import is_address

_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\Z")
_LONGEST: Final = 253 + len(".:65535")
_PORT: Final = re.compile(r"[0-9]{1,5}\Z")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts an app answers for: exact names, `*.suffix`, or IP addresses.

    With a port (`api.example.com:8443`, `[::1]:8443`) that port alone is ours, without one any port. A Host field
    without a port means 443, since nothing is served but TLS.

    Raises:
        ConfigurationError: none is given, or one is no host (a scheme, a bare `*`, an IDN that is no A-label).
    """

    given: Sequence[str]
    places: frozenset[str] = field(init=False, repr=False)
    spellings: frozenset[bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.given, str) or not self.given:
            raise ConfigurationError(
                f"hosts={quoted(self.given)} names no list of hosts.",
                fix='List every name clients use, such as hosts=["api.example.com"].',
            )
        places = tuple(_ours(one) for one in self.given)
        exact = frozenset(place.encode("ascii") for place in places if not place.startswith("*."))
        object.__setattr__(self, "given", places)
        object.__setattr__(self, "places", frozenset(places))
        object.__setattr__(self, "spellings", exact)

    def __contains__(self, raw: bytes) -> bool:
        """Whether the field value names one of ours. A malformed value raises HostRefused with status 400."""
        if raw in self.spellings:
            return True
        name, port = parse_authority(raw)
        ported = f":{443 if port is None else port}"
        return any(place in self.places or place + ported in self.places for place in _places(name))


def _places(name: str) -> Iterator[str]:
    """Return what a name may be configured as: itself, or below a wildcard. One for each label, whatever is ours."""
    yield name
    _, dot, parent = name.partition(".")
    while dot:
        yield f"*.{parent}"
        _, dot, parent = parent.partition(".")


def parse_host(raw: bytes) -> str:
    """Return the lower-case host of a Host field value, without port and without a trailing dot.

    An IPv6 literal keeps its brackets and gets its one canonical spelling (RFC 5952).

    Raises:
        HostRefused: 400, the value is no host: empty, user information, a bad port, a character no host has.

    >>> parse_host(b"API.example.com:8443"), parse_host(b"[0:0::1]:80")
    ('api.example.com', '[::1]')
    """
    return parse_authority(raw)[0]


@lru_cache(maxsize=1024)
def parse_authority(raw: bytes) -> tuple[str, int | None]:
    """Return host and port of a Host field value; see parse_host()."""
    try:
        text = raw.decode("ascii").lower()
    except UnicodeDecodeError:
        raise _malformed() from None
    if text.startswith("["):
        literal, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in literal or not is_address(literal):
            raise _malformed()
        name = _bracketed(literal)
    else:
        name, colon, port = text.partition(":")
        rest = colon + port
        name = name.removesuffix(".")
        if len(name) > 253 or not _NAME.match(name):
            raise _malformed()
    if not rest:
        return name, None
    if not (rest[0] == ":" and _PORT.match(rest[1:]) and int(rest[1:]) <= 65535):
        raise _malformed()
    return name, int(rest[1:])


def _bracketed(literal: str) -> str:
    """Return an IPv6 literal in one spelling; the library's, since ipaddress has changed its own between releases."""
    return f"[{socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, literal))}]"


def is_public_name(raw: bytes) -> bool:
    """Whether a Host value is a domain name other than localhost: the hosts HSTS may be sent for.

    RFC 6797 section 8.1.1 lets clients ignore it for IP addresses; on localhost it would break every other
    project on the developer's machine.

    >>> is_public_name(b"api.example.com"), is_public_name(b"localhost:8443"), is_public_name(b"127.0.0.1")
    (True, False, False)
    """
    return len(raw) <= _LONGEST and _is_public_name(raw)  # Asked before any limit: nothing long is remembered.


@lru_cache(maxsize=1024)
def _is_public_name(raw: bytes) -> bool:
    try:
        name = parse_host(raw)
    except HostRefused:
        return False
    return not (name.startswith("[") or is_address(name) or name == "localhost" or name.endswith(".localhost"))


def _malformed() -> HostRefused:
    return HostRefused("The Host field holds no host.", status=400, code="host_malformed")


def _ours(given: object) -> str:
    """Return the one spelling of a configured host: what a Host field is compared with."""
    problem = f"hosts holds {quoted(given)}, which is no host name."
    fix = 'Write a name without scheme and path, such as "api.example.com", "*.example.com:8443" or "::1".'
    if not isinstance(given, str):
        raise ConfigurationError(problem, fix=fix)
    if not given.isascii():
        raise ConfigurationError(problem, fix=_as_sent(given))
    name = given.lower()
    if is_address(name) and ":" in name:
        return _bracketed(name)
    star = "*." if name.startswith("*.") else ""
    bare = name.removeprefix(star)
    try:
        host, port = parse_authority(bare.encode())
    except HostRefused:
        raise ConfigurationError(problem, fix=fix) from None
    # A last label of digits makes an address or nothing; below a wildcard it would match one.
    numeric = host.rpartition(".")[2].isdecimal()
    if (star and ("." not in host or numeric or host.startswith("["))) or (numeric and not is_address(host)):
        raise ConfigurationError(problem, fix=fix)
    if port == 0 or bare.partition(":")[0].endswith("."):
        raise ConfigurationError(problem, fix=fix)
    return star + host + ("" if port is None else f":{port}")


def _as_sent(name: str) -> str:
    """Say how clients spell an internationalized name: in A-labels (RFC 5890)."""
    try:
        alabel = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        alabel = ""
    # Python's codec is of IDNA 2003, which spells these letters differently from today's browsers.
    if not alabel.isprintable() or not alabel or set(name.lower()) & set("\u00df\u03c2\u200c\u200d"):
        return "Write the A-label clients send, which begins with xn--."
    return f'Write the A-label clients send: "{alabel}".'
