"""What a body is, said so that no browser guesses: v5.0.0-4.1.1, v4.0.3-14.4.1; for calls v4.0.3-14.4.2, v5.0.0-3.2.1.

RFC 9110 section 8.3, RFC 6266. Not checked: that the body is what the field says.
"""

from functools import lru_cache
from typing import Final

from ..errors import ConfigurationError

ATTACHMENT_NAME: Final = "api.json"

_XML: Final = (b"+xml", b"/xml")


@lru_cache(maxsize=256)
def with_charset(value: bytes) -> bytes:
    """Return a Content-Type with `charset=utf-8` where a text type names none; any other as it is.

    JSON has no charset (RFC 8259 section 11). A charset that was given stays: only the app knows.

    >>> with_charset(b"text/html"), with_charset(b"application/json")
    (b'text/html; charset=utf-8', b'application/json')
    """
    media, *parameters = value.split(b";")
    kind = media.strip().lower()
    if not (kind.startswith(b"text/") or kind.endswith(_XML) or kind in _SCRIPTS):
        return value
    if any(one.partition(b"=")[0].strip().lower() == b"charset" for one in parameters):
        return value
    return value.rstrip(b"; \t") + b"; charset=utf-8"


_SCRIPTS: Final = frozenset({b"application/javascript"})


def attachment(name: str = ATTACHMENT_NAME) -> str:
    """Return the Content-Disposition of a call's answer, which nobody should open as a page.

    Raises:
        ConfigurationError: the name is no plain file name.

    >>> attachment()
    'attachment; filename="api.json"'
    """
    plain = isinstance(name, str) and name.isascii() and name.replace("-", "a").replace("_", "a").replace(".", "a")
    if not plain or not plain.isalnum() or name.startswith("."):
        raise ConfigurationError(
            f"attachment={name!r} is no plain file name.", fix='Use letters, digits, "-", "_" and ".": "api.json".'
        )
    return f'attachment; filename="{name}"'
