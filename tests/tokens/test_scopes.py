"""Scopes (RFC 6749 section 3.3)."""

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.tokens import scope_token
from asvs_middleware.tokens.scopes import parse_scope


@pytest.mark.parametrize("text", ["read", "orders:read", "https://api.example/read", "!#[]~"])
def test_scope_token(text: str) -> None:
    """Visible ASCII but the quotation mark and the backslash."""
    assert scope_token(text) == text


@pytest.mark.parametrize(
    ("text", "match"),
    [
        pytest.param("read write", r"Give them one by one: \['read', 'write'\]", id="two in one text"),
        pytest.param("", "is not a scope", id="empty"),
        pytest.param(" read", "is not a scope", id="leading space"),
        pytest.param('re"ad', "Use visible ASCII", id="quotation mark"),
        pytest.param("re\\ad", "Use visible ASCII", id="backslash"),
        pytest.param("lésen", "Use visible ASCII", id="not ASCII"),
        pytest.param("read\n", "Use visible ASCII", id="line end"),
        pytest.param(None, "None is not a scope", id="no text"),
    ],
)
def test_no_scope_token(text: str, match: str) -> None:
    """A slip in a mark stops the start-up with the sentence that repairs it."""
    with pytest.raises(ConfigurationError, match=match):
        scope_token(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("", set(), id="empty text"),
        pytest.param("a", {"a"}, id="one"),
        pytest.param("a b a", {"a", "b"}, id="several, one twice"),
        pytest.param(["a", "b"], {"a", "b"}, id="list"),
        pytest.param([], set(), id="empty list"),
    ],
)
def test_parse_scope(value: object, expected: set[str]) -> None:
    """A text with single spaces, or a list of scopes."""
    assert parse_scope(value) == expected


@pytest.mark.parametrize(
    "value", ["a  b", " a", "a ", 'a "b"', "a\tb", ["a b"], ["a", 1], ["a", ""], 1, None, {"a": 1}]
)
def test_parse_scope_refuses(value: object) -> None:
    """One odd member refuses the whole claim."""
    with pytest.raises(ValueError, match="not a list of scopes"):
        parse_scope(value)
