"""Cache-Control (RFC 9111 section 5.2.2): v4.0.3-8.2.1, v5.0.0-14.3.2 for browsers, v5.0.0-14.2.2 for caches between.

`no-store` alone says all there is to say: `Pragma` and `Expires` are for caches that no longer exist.

A value is read by its grammar (RFC 9111 section 5.2, RFC 9110 section 5.6), and narrower: caches differ in what they
make of an escaped quote or of bytes outside ASCII. Not checked: whether a cache knows a directive, or what one says.
"""

import re
from datetime import timedelta
from typing import Final

from ..errors import ConfigurationError
from .fields import field_value

NAME: Final = b"cache-control"
NO_STORE: Final = "no-store"
SENSITIVE: Final = "private, no-store"
"""For what was made for one caller: `private` is heeded by shared caches that are configured to overrule no-store."""

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_ELEMENT: Final = re.compile(rb'[ \t]*+(%b(?:=(?:%b|"[\t !#-\[\]-~]*+"))?)?[ \t]*+(,|\Z)' % (_TOKEN, _TOKEN))


def render(
    *,
    max_age: timedelta | None = None,
    private: bool = True,
    must_revalidate: bool = False,
    immutable: bool = False,
) -> str:
    """Return a value that allows caching for a while; without max_age one that forbids it.

    Raises:
        ConfigurationError: the age is no duration, or something was said about a copy that may not be kept.

    >>> render(), render(max_age=timedelta(hours=1), private=False, immutable=True)
    ('private, no-store', 'public, max-age=3600, immutable')
    """
    if max_age is None:
        if must_revalidate or immutable or not private:
            raise ConfigurationError(
                "Cache-Control without max_age forbids to keep a copy, so nothing more can be said about it.",
                fix="Add max_age=timedelta(...), or leave the rest out.",
            )
        return SENSITIVE
    if not isinstance(max_age, timedelta) or max_age < timedelta(0):
        raise ConfigurationError(
            f"Cache-Control max_age={max_age!r} is no duration.", fix="Use a timedelta such as timedelta(hours=1)."
        )
    directives = ["private" if private else "public", f"max-age={int(max_age.total_seconds())}"]
    directives += ["must-revalidate"] * must_revalidate
    directives += ["immutable"] * immutable
    return ", ".join(directives)


def directives(value: bytes) -> list[bytes] | None:
    """Return the directives as they were written; None for what is not plainly a list of them.

    >>> directives(b'private, no-cache="set-cookie, x-a"'), directives(b'public, ext="a, private')
    ([b'private', b'no-cache="set-cookie, x-a"'], None)
    """
    found: list[bytes] = []
    at = 0
    while True:
        match = _ELEMENT.match(value, at)
        if match is None:
            return None
        if match[1]:  # A recipient passes over empty elements (RFC 9110 section 5.6.1.2).
            found.append(match[1])
        if not match[2]:
            return found
        at = match.end()


def checked(argument: str, value: object) -> str:
    """Return a configured value if it is one.

    Raises:
        ConfigurationError: it is no field value, or not plainly a list of directives.

    >>> checked("cache_control", "public, max-age=60")
    'public, max-age=60'
    """
    given = field_value(argument, value)
    if directives(given.encode("ascii")):
        return given
    raise ConfigurationError(
        f"{argument}={given!r} is no list of Cache-Control directives.",
        fix='Write it like "private, max-age=60": names with = and a value, commas between them.',
    )
