"""Clear-Site-Data: what a browser forgets when a session ends. v5.0.0-14.3.1.

For the answer to a log-out, over TLS alone (browsers ignore it otherwise). `cookies` and `storage` unless said
otherwise, and never `cache` unasked: clearing it has stalled log-outs in Chromium for tens of seconds, and a page
under `no-store` leaves nothing there.
"""

from collections.abc import Sequence
from typing import Final

from ..errors import ConfigurationError
from ..names import known

NAME: Final = b"clear-site-data"
TYPES: Final = (
    "cache",
    "clientHints",
    "cookies",
    "executionContexts",
    "prefetchCache",
    "prerenderCache",
    "storage",
    "*",
)
AT_LOGOUT: Final = ("cookies", "storage")


def render(types: Sequence[str] = AT_LOGOUT) -> str:
    """Return the field value: quoted strings, as the standard has them.

    Raises:
        ConfigurationError: nothing is named, or a type is misspelt.

    >>> render()
    '"cookies","storage"'
    """
    if isinstance(types, str) or not types:
        raise ConfigurationError(
            f"Clear-Site-Data {types!r} names no list of types.", fix='Write ["cookies", "storage"].'
        )
    return ",".join(f'"{known(one, TYPES, where="Clear-Site-Data")}"' for one in dict.fromkeys(types))
