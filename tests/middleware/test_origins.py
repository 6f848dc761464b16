"""Reading an Origin, and comparing it with ours: v5.0.0-3.5.1 and 4.4.2."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.middleware.gates.origins import Origin, allowed_origins, own_origin, parse_origin

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b"https://shop.example", ("https", "shop.example", 443), id="as browsers write it"),
        pytest.param(b"https://shop.example:443", ("https", "shop.example", 443), id="default port"),
        pytest.param(b"HTTPS://Shop.EXAMPLE", ("https", "shop.example", 443), id="capitals"),
        pytest.param(b"https://shop.example:8443", ("https", "shop.example", 8443), id="a port"),
        pytest.param(b"http://shop.example", ("http", "shop.example", 80), id="plaintext is another origin"),
        pytest.param(b"http://shop.example:443", ("http", "shop.example", 443), id="plaintext on the port of TLS"),
        pytest.param(b"https://[::1]:8443", ("https", "[::1]", 8443), id="IPv6"),
        pytest.param(b"https://[0:0:0:0:0:0:0:1]", ("https", "[::1]", 443), id="IPv6 at length"),
        pytest.param(b"https://192.0.2.7", ("https", "192.0.2.7", 443), id="IPv4"),
        pytest.param(b"https://xn--bcher-kva.example", ("https", "xn--bcher-kva.example", 443), id="A-label"),
        pytest.param(b"null", None, id="null"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"https://", None, id="no host"),
        pytest.param(b"shop.example", None, id="no scheme"),
        pytest.param(b"//shop.example", None, id="an empty scheme"),
        pytest.param(b"https:shop.example", None, id="no slashes"),
        pytest.param(b"https://shop.example/", None, id="trailing slash"),
        pytest.param(b"https://shop.example/a", None, id="path"),
        pytest.param(b"https://shop.example?a", None, id="query"),
        pytest.param(b"https://shop.example#a", None, id="fragment"),
        pytest.param(b"https://shop.example.", None, id="trailing dot"),
        pytest.param(b"https://shop.example.:443", None, id="trailing dot before a port"),
        pytest.param(b"https://shop.example@evil.example", None, id="user information"),
        pytest.param(b"https://shop.example:x@evil.example", None, id="user information with a password"),
        pytest.param(b"https://shop.example:", None, id="an empty port"),
        pytest.param(b"https://shop.example:65536", None, id="a port too high"),
        pytest.param(b"https://shop.example:+443", None, id="a signed port"),
        pytest.param(b"https://shop.example, https://evil.example", None, id="two in one line"),
        pytest.param(b"https://shop.example https://evil.example", None, id="a list of RFC 6454"),
        pytest.param(b" https://shop.example", None, id="a blank before"),
        pytest.param(b"https://shop.example ", None, id="a blank behind"),
        pytest.param(b"https://shop.example\n", None, id="a line feed behind"),
        pytest.param(b"https://shop.example\0", None, id="NUL"),
        pytest.param(b"https://*.example", None, id="a pattern"),
        pytest.param(b"https://[::1", None, id="IPv6 without its end"),
        pytest.param(b"https://[::1]x", None, id="IPv6 with something behind"),
        pytest.param("https://büch.example".encode(), None, id="U-label"),
        pytest.param(b"file://", None, id="a file"),
        pytest.param(b"chrome-extension://abcdef", None, id="an extension"),
        pytest.param(b"wss://shop.example", None, id="the scheme of the handshake"),
        pytest.param(b"javascript://shop.example", None, id="a script"),
    ],
)
def test_parse_origin(raw: bytes, expected: tuple[str, str, int] | None) -> None:
    """One spelling for each origin; what is none is None, and never somebody's."""
    assert parse_origin(raw) == (None if expected is None else Origin(*expected))


@given(st.binary(max_size=60) | st.from_regex(rb"https://[a-z.:@/\[\]0-9-]{0,30}", fullmatch=True))
def test_any_value_is_an_origin_or_none(raw: bytes) -> None:
    """Whatever is sent: no exception, and an origin read is one that reads back the same."""
    origin = parse_origin(raw)
    if origin is not None:
        assert parse_origin(f"{origin.scheme}://{origin.host}:{origin.port}".encode()) == origin


@pytest.mark.parametrize(
    ("host", "scheme", "origin", "https_port", "ours"),
    [
        pytest.param(b"api.example.com", "https", b"https://api.example.com", 443, True, id="the same"),
        pytest.param(b"API.example.com:443", "https", b"https://api.example.com", 443, True, id="default port written"),
        pytest.param(b"api.example.com:8443", "https", b"https://api.example.com:8443", 443, True, id="same port"),
        pytest.param(
            b"api.example.com", "https", b"https://api.example.com:8443", 8443, True, id="port lost by a proxy"
        ),
        pytest.param(b"[0::1]", "https", b"https://[::1]", 443, True, id="IPv6 in another spelling"),
        pytest.param(b"api.example.com", "https", b"http://api.example.com", 443, False, id="plaintext page"),
        pytest.param(b"api.example.com", "https", b"http://api.example.com:443", 443, False, id="plaintext, TLS port"),
        pytest.param(b"api.example.com", "https", b"https://api.example.com:8443", 443, False, id="another port"),
        pytest.param(b"api.example.com:8443", "https", b"https://api.example.com", 8443, False, id="without the port"),
        pytest.param(b"api.example.com", "https", b"https://www.example.com", 443, False, id="another host of ours"),
        pytest.param(b"api.example.com", "https", b"https://api.example.com.evil.example", 443, False, id="suffix"),
        pytest.param(b"", "https", b"https://api.example.com", 443, False, id="no Host"),
        pytest.param(b"a@b", "https", b"https://api.example.com", 443, False, id="a malformed Host"),
        pytest.param(b"localhost:8000", "http", b"http://localhost:8000", 443, True, id="plaintext where it is served"),
        pytest.param(b"localhost", "http", b"http://localhost", 443, True, id="plaintext on its default port"),
        pytest.param(
            b"localhost:8000", "http", b"https://localhost:8000", 443, False, id="TLS page, plaintext request"
        ),
    ],
)
def test_own_origin(  # noqa: PLR0917  # One argument for each column.
    a_connection: Make, host: bytes, scheme: str, origin: bytes, https_port: int, ours: bool
) -> None:
    """Scheme, host and port of the request itself; no other host of ours counts."""
    parsed = parse_origin(origin)
    assert parsed is not None
    assert own_origin(a_connection(host=host, scheme=scheme), parsed, https_port=https_port) is ours


@pytest.mark.parametrize(
    ("given_list", "message"),
    [
        pytest.param("https://partner.example", "is no list of origins.*Write a list", id="one text"),
        pytest.param(3, "is no list of origins", id="a number"),
        pytest.param(["*"], r"holds '\*', which is no origin", id="everybody"),
        pytest.param(["https://*.partner.example"], "is no origin", id="a pattern"),
        pytest.param(["null"], "holds 'null'", id="null"),
        pytest.param(["https://partner.example/"], "without a slash at the end", id="a slash"),
        pytest.param(["partner.example"], "Write scheme, host and port", id="no scheme"),
        pytest.param(["https://bücher.example"], "is no origin", id="a U-label"),
        pytest.param([None], "holds None", id="no text"),
        pytest.param(["http://partner.example"], "on the path.*https://partner.example", id="plaintext"),
    ],
)
def test_a_list_that_cannot_be_right(given_list: Any, message: str) -> None:
    """Refused while the app is built, with what to write instead."""
    with pytest.raises(ConfigurationError, match=message):
        allowed_origins(given_list, argument="allowed_origins")


def test_a_list() -> None:
    """Plaintext is accepted for this machine, where pages are developed."""
    given_list = ["https://Partner.example:443", "http://localhost:3000", "http://127.0.0.1", "http://a.localhost"]
    assert allowed_origins(given_list, argument="x") == {
        Origin("https", "partner.example", 443),
        Origin("http", "localhost", 3000),
        Origin("http", "127.0.0.1", 80),
        Origin("http", "a.localhost", 80),
    }
