"""Permissions-Policy: every feature is closed but the opened ones."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers.permissions import FEATURES, FURTHER, render


def allowlists(value: str) -> dict[str, str]:
    """Read the field back: feature to what stands in its parentheses."""
    return dict(re.fullmatch(r"([a-z-]+)=\(([^()]*)\)", item).groups() for item in value.split(", "))  # type: ignore[union-attr]


def test_everything_is_closed() -> None:
    """By default no feature is open, and each is named once."""
    assert allowlists(render({})) == dict.fromkeys(FEATURES, "")


def test_every_feature_has_one_place() -> None:
    """Closed by default or left to the browser, never both; what is newer than the registry is there too."""
    assert not set(FEATURES) & set(FURTHER)
    assert list(FURTHER) == sorted(FURTHER)
    for name in ("language-model", "local-network-access", "digital-credentials-get", "ch-ua-model", "translator"):
        assert allowlists(render({name: []}))[name] == ""


@pytest.mark.parametrize(
    ("items", "allowlist"),
    [
        pytest.param(["self"], "self", id="this origin"),
        pytest.param(["*"], "*", id="every origin"),
        pytest.param(["self", "https://maps.example"], 'self "https://maps.example"', id="another origin too"),
        pytest.param(["https://maps.example:8443"], '"https://maps.example:8443"', id="with a port"),
        pytest.param(["https://*.maps.example"], '"https://*.maps.example"', id="all below a name"),
        pytest.param([], "", id="nobody"),
    ],
)
def test_one_feature_is_opened(items: list[str], allowlist: str) -> None:
    """Only that one changes; origins are strings in quotes (RFC 9651)."""
    assert allowlists(render({"geolocation": items})) == {**dict.fromkeys(FEATURES, ""), "geolocation": allowlist}


@pytest.mark.parametrize(
    ("opened", "message"),
    [
        pytest.param(
            {"geo-location": ["self"]}, "does not know 'geo-location'.*Did you mean 'geolocation'", id="misspelt"
        ),
        pytest.param({"camera": ["'self'"]}, 'no allowlist item.*Use "self"', id="quotes, as CSP has them"),
        pytest.param({"camera": "self"}, r"is one text\. Write a list: \['self'\]", id="one text instead of a list"),
        pytest.param({"camera": ["none"]}, "no allowlist item", id="none"),
        pytest.param({"camera": ["maps.example"]}, "no allowlist item", id="a host"),
        pytest.param({"camera": ["http://maps.example"]}, "no allowlist item", id="plaintext"),
        pytest.param({"camera": ["https://"]}, "no allowlist item", id="no host"),
        pytest.param({"camera": ["https://maps.example/"]}, "no allowlist item", id="a path"),
        pytest.param({"camera": ['https://a"b']}, "no allowlist item", id="the closing quote"),
        pytest.param({"camera": ["https://a\\"]}, "no allowlist item", id="an escape"),
        pytest.param({"camera": ["https://a), usb=(*"]}, "no allowlist item", id="another feature"),
        pytest.param({"camera": ["https://a\r\nx: y"]}, "no allowlist item", id="another field"),
        pytest.param({"camera": ["https://bücher.example"]}, "no allowlist item", id="not ASCII"),
    ],
)
def test_what_is_no_policy_stops_the_start_up(opened: Any, message: str) -> None:
    """A misspelt feature would stay open, a bad item would end the list."""
    with pytest.raises(ConfigurationError, match=message):
        render(opened)


@given(st.lists(st.text(max_size=20) | st.text('"\\ ;,()=a*\n', max_size=12).map("https://{}".format), max_size=3))
def test_no_item_can_open_another_feature(items: list[str]) -> None:
    """Whatever is accepted stays within the parentheses of its own feature."""
    try:
        value = render({"camera": items})
    except ConfigurationError:
        return
    found = allowlists(value)
    assert {feature for feature, allowlist in found.items() if allowlist} <= {"camera"}
    assert len(found["camera"].split()) == len(items)
