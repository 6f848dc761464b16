"""Scopes (RFC 6749 section 3.3): v5.0.0-10.3.2. What a scope permits is the app's business, not ours."""

import re
from typing import Final

from ..errors import ConfigurationError

_SCOPE_TOKEN: Final = re.compile(r"[!#-\[\]-~]+")
"""1*NQCHAR: visible ASCII without the quotation mark and the backslash, so it can stand in a quoted-string as it is."""


def scope_token(text: str) -> str:
    """Return text if it is one scope.

    Raises:
        ConfigurationError: it is not; the message says which of the usual slips it was.

    >>> scope_token("orders:read")
    'orders:read'
    """
    if is_scope_token(text):
        return text
    if isinstance(text, str) and all(map(is_scope_token, text.split(" "))):
        raise ConfigurationError(
            f"{text!r} holds several scopes in one text.", fix=f"Give them one by one: {text.split(' ')!r}."
        )
    raise ConfigurationError(
        f"{text!r} is not a scope.",
        fix="Use visible ASCII characters except the quotation mark and the backslash (RFC 6749 section 3.3).",
    )


def is_scope_token(text: object) -> bool:
    """Tell whether text is one scope."""
    return isinstance(text, str) and _SCOPE_TOKEN.fullmatch(text) is not None


def parse_scope(value: object) -> frozenset[str]:
    """Return the scopes of a `scope` claim: a text with single spaces (RFC 9068 section 2.2.3), or a list of scopes.

    Raises:
        ValueError: neither. Nothing is guessed: a doubled space or one odd member refuses the whole claim.
    """
    if value == "":
        return frozenset()  # Some issuers write no scope this way; it grants nothing.
    scopes = value.split(" ") if isinstance(value, str) else value
    if not isinstance(scopes, list) or not all(map(is_scope_token, scopes)):
        raise ValueError("not a list of scopes")
    return frozenset(scopes)
