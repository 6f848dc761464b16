"""What may be a field name and a field value (RFC 9110 sections 5.1 and 5.5): nothing that would start another field.

Narrower than the RFC on purpose: printable ASCII, names in the lower case that ASGI asks for.
"""

import re
from typing import Final

from ..errors import ConfigurationError

_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+\Z")
_VALUE: Final = re.compile(r"[!-~]([\t -~]*[!-~])?\Z")


def field_name(argument: str, name: object) -> str:
    """Return the name if it is one.

    Raises:
        ConfigurationError: it is none, or not in lower case.

    >>> field_name("extra", "x-robots-tag")
    'x-robots-tag'
    """
    if isinstance(name, str) and _NAME.match(name):
        return name
    raise ConfigurationError(
        f"{argument} holds {name!r}, which is no field name.", fix='Write it in lower case: "x-robots-tag".'
    )


def field_value(argument: str, value: object) -> str:
    """Return the value if it is one.

    Raises:
        ConfigurationError: it is empty, begins or ends with a space, or holds more than printable ASCII.

    >>> field_value("cache_control", "no-cache")
    'no-cache'
    """
    if isinstance(value, str) and _VALUE.match(value):
        return value
    raise ConfigurationError(
        f"{argument}={value!r} is no field value.", fix="Use printable ASCII, without a space at either end."
    )
