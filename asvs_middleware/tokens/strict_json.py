"""One JSON object in which every reader sees the same: RFC 8259, narrowed as I-JSON does (RFC 7493).

Refused: duplicate members, NaN and Infinity (also as 1e400), anything but UTF-8, a byte order mark, lone surrogates,
deep nesting. Two parsers that disagree about one of these let a token mean one thing to us and another to the next.
"""

from json import JSONDecoder
from math import isfinite
from typing import Any, Final, NoReturn

DEEPEST: Final = 16
"""Levels of arrays and objects. Claims and metadata need five; Python's own limit differs between versions."""


def parse_object(text: bytes) -> dict[str, Any]:
    """Return the object.

    Raises:
        ValueError: no strict JSON object. The message never holds any of it.
    """
    try:
        decoded = text.decode("utf-8")
        value = _DECODER.decode(decoded)
        if decoded.count("{") + decoded.count("[") > DEEPEST or "\\u" in decoded:
            _check_tree(value, DEEPEST)
    except (ValueError, RecursionError):
        raise ValueError("not a strict JSON document") from None
    if type(value) is not dict:
        raise ValueError("not a JSON object")
    return value


def _check_tree(value: object, levels: int) -> None:
    """Refuse what json lets through: too many levels, and text that no UTF-8 can hold."""
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, dict | list):
        if not levels:
            raise ValueError("nested too deeply")
        for inner in value:
            _check_tree(inner, levels - 1)
        if isinstance(value, dict):
            for inner in value.values():
                _check_tree(inner, levels - 1)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError("number out of range")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = JSONDecoder(object_pairs_hook=_distinct, parse_float=_finite, parse_constant=_no_constant)
