"""JSON in which every reader sees the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.tokens.strict_json import DEEPEST, parse_object


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"{}", {}, id="empty"),
        pytest.param(b' {"a": [1, 1.5, true, null, "x"]}\n', {"a": [1, 1.5, True, None, "x"]}, id="every kind"),
        pytest.param(b'{"a":"\\ud83d\\ude00"}', {"a": "\N{GRINNING FACE}"}, id="surrogate pair in escapes"),
        pytest.param('{"é":"ü"}'.encode(), {"é": "ü"}, id="UTF-8"),
        pytest.param(b'{"a":{"b":1},"c":{"b":2}}', {"a": {"b": 1}, "c": {"b": 2}}, id="same name at two places"),
        pytest.param(b'{"a":[' + b",".join([b"[]"] * 40) + b"]}", {"a": [[]] * 40}, id="wide, not deep"),
        pytest.param(b'{"\\u0061":{"b":["\\u0062"]}}', {"a": {"b": ["b"]}}, id="escapes in names"),
    ],
)
def test_parse_object(text: bytes, expected: dict[str, Any]) -> None:
    """Ordinary documents are read."""
    assert parse_object(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"{} {}", id="two documents"),
        pytest.param(b'{"a":1,}', id="trailing comma"),
        pytest.param(b'{"a":1,"a":1}', id="duplicate member"),
        pytest.param(b'{"a":1,"\\u0061":2}', id="duplicate member, one escaped"),
        pytest.param(b'{"x":{"a":1,"a":2}}', id="duplicate member further in"),
        pytest.param(b'{"a":NaN}', id="NaN"),
        pytest.param(b'{"a":Infinity}', id="Infinity"),
        pytest.param(b'{"a":-Infinity}', id="-Infinity"),
        pytest.param(b'{"a":1e400}', id="1e400"),
        pytest.param(b'{"a":' + b"1" * 5000 + b"}", id="integer of 5,000 digits"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"a":"\xff"}', id="no UTF-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="surrogate in UTF-8"),
        pytest.param(b'{"a":"\\ud800"}', id="lone surrogate in a value"),
        pytest.param(b'{"\\udc00":1}', id="lone surrogate in a name"),
        pytest.param(b'{"a":[{"b":"\\udfff"}]}', id="lone surrogate further in"),
        pytest.param(b'{"a":"\n"}', id="control character"),
        pytest.param(b'{"a":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", id="one level too deep"),
        pytest.param(b'{"a":' * 20 + b"1" + b"}" * 20, id="objects too deep"),
        pytest.param(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="100,000 levels"),
    ],
)
def test_not_strict(text: bytes) -> None:
    """What two parsers could read differently is refused, with one sentence."""
    with pytest.raises(ValueError, match="not a strict JSON document"):
        parse_object(text)


@pytest.mark.parametrize("text", [b"[]", b'"a"', b"1", b"null", b"true"])
def test_not_an_object(text: bytes) -> None:
    """A header, a claims set, metadata and a key set are objects."""
    with pytest.raises(ValueError, match="not a JSON object"):
        parse_object(text)


def test_the_deepest_allowed() -> None:
    """The bound is the same on every version of Python."""
    inner = DEEPEST - 1
    assert parse_object(b'{"a":' + b"[" * inner + b"]" * inner + b"}")["a"]


@given(st.binary(max_size=60) | st.text('{}[]":,\\u0d8ae1.- ', max_size=60).map(str.encode))
def test_never_another_exception(text: bytes) -> None:
    """Any bytes: an object that encodes as UTF-8, or a ValueError."""
    try:
        value = parse_object(text)
    except ValueError:
        return
    assert json.dumps(value, ensure_ascii=False).encode("utf-8")
