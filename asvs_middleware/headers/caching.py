"""Cache-Control (RFC 9111 section 5.2.2): v4.0.3-8.2.1, v5.0.0-14.3.2 for browsers, v5.0.0-14.2.2 for caches between.

`no-store` alone says all there is to say: `Pragma` and `Expires` are for caches that no longer exist.
"""

from datetime import timedelta
from typing import Final

from ..errors import ConfigurationError

NAME: Final = b"cache-control"
NO_STORE: Final = "no-store"
SENSITIVE: Final = "private, no-store"
"""For what was made for one caller: `private` is heeded by shared caches that are configured to overrule no-store."""


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
