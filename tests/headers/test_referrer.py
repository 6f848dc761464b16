"""Referrer-Policy: v5.0.0-3.4.5."""

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers.referrer import TOKENS, render


@pytest.mark.parametrize("token", sorted(TOKENS))
def test_every_token_of_the_specification(token: str) -> None:
    """The field value is the token itself."""
    assert render(token) == token


@pytest.mark.parametrize(
    ("token", "message"),
    [
        pytest.param("no-referer", "Did you mean 'no-referrer'", id="misspelt"),
        pytest.param("No-Referrer", "Referrer-Policy does not know 'No-Referrer'", id="capitals"),
        pytest.param("no-referrer, unsafe-url", "does not know", id="two"),
        pytest.param("no-referrer\n", "does not know", id="line end"),
        pytest.param("", "Choose from: no-referrer, ", id="empty"),
    ],
)
def test_anything_else_stops_the_start_up(token: str, message: str) -> None:
    """A misspelt policy would leave the browser's own in force."""
    with pytest.raises(ConfigurationError, match=message):
        render(token)
