"""What may be a field name and a field value."""

from typing import Any

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers.fields import field_name, field_value


@pytest.mark.parametrize("name", ["x-robots-tag", "a", "x_y", "1~"])
def test_names(name: str) -> None:
    """Tokens (RFC 9110 section 5.6.2), in the lower case that ASGI asks for."""
    assert field_name("extra", name) == name


@pytest.mark.parametrize("name", ["", "X-Robots-Tag", "a b", "a:", "a\r\nb", "ä", "a\n", None, 1])
def test_no_names(name: Any) -> None:
    """Nothing that starts another field, and nothing a server would refuse."""
    with pytest.raises(ConfigurationError, match=r"extra holds .* no field name. Write it in lower case"):
        field_name("extra", name)


@pytest.mark.parametrize("value", ["a", "no-cache", 'a, b; c="d e"', "a\tb"])
def test_values(value: str) -> None:
    """Printable ASCII, with spaces and tabs inside."""
    assert field_value("cache_control", value) == value


@pytest.mark.parametrize("value", ["", " ", "a ", " a", "a\r\nset-cookie: x", "a\0", "ä", "a\n", None, 1])
def test_no_values(value: Any) -> None:
    """Nothing that ends the field."""
    with pytest.raises(ConfigurationError, match=r"cache_control=.* is no field value"):
        field_value("cache_control", value)
