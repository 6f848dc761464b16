"""Plaintext stays away from the app: v5.0.0-12.2.1, 4.1.2 and 4.4.1."""

from collections.abc import Callable
from types import NoneType
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import TLSRequired
from asvs_middleware.middleware import plaintext_gate
from asvs_middleware.middleware.gates.verdict import Redirect

Make = Callable[..., Any]

PAGE = (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")

pages = plaintext_gate(redirect_pages=True, https_port=443)
calls = plaintext_gate(redirect_pages=False, https_port=443)


@pytest.mark.parametrize(
    ("members", "pairs", "expected"),
    [
        pytest.param({"scheme": "https"}, [PAGE], None, id="a page over TLS"),
        pytest.param({"scheme": "https", "method": "POST"}, [], None, id="a call over TLS"),
        pytest.param({"type": "websocket", "scheme": "wss"}, [], None, id="a WebSocket over TLS"),
        pytest.param({}, [PAGE], Redirect, id="a person opens a page"),
        pytest.param({"method": "HEAD"}, [PAGE], Redirect, id="a browser asks for the head of a page"),
        pytest.param({}, [PAGE, (b"cookie", b"session=1")], Redirect, id="a page with a cookie"),
        pytest.param({}, [(b"accept", b"application/json")], TLSRequired, id="a script calls"),
        pytest.param({}, [(b"accept", b"*/*")], TLSRequired, id="curl"),
        pytest.param({}, [], TLSRequired, id="nothing is said"),
        pytest.param({"method": "POST"}, [PAGE], TLSRequired, id="a form is sent"),
        pytest.param({"method": "PUT"}, [PAGE], TLSRequired, id="PUT"),
        pytest.param({"method": "OPTIONS"}, [PAGE], TLSRequired, id="a preflight"),
        pytest.param({"method": "get"}, [PAGE], TLSRequired, id="a method in small letters is another method"),
        pytest.param({}, [PAGE, (b"authorization", b"Bearer x")], TLSRequired, id="a page with Authorization"),
        pytest.param({}, [PAGE, (b"authorization", b"")], TLSRequired, id="an empty Authorization"),
        pytest.param({}, [PAGE, (b"x-api-key", b"x")], TLSRequired, id="a page with an API key"),
        pytest.param({"type": "websocket"}, [PAGE], TLSRequired, id="WebSocket handshake"),
        pytest.param({"scheme": "HTTPS"}, [], TLSRequired, id="a scheme no server writes"),
        pytest.param({"scheme": "http"}, [PAGE, (b"x-forwarded-proto", b"https")], TLSRequired, id="a spoofed scheme"),
        pytest.param({"host": None}, [PAGE], TLSRequired, id="a page without a host"),
    ],
)
def test_judge(a_connection: Make, members: Any, pairs: Any, expected: type | None) -> None:
    """Only what is known to be TLS passes; only a person's page is redirected; whatever is unknown is refused."""
    assert type(pages(a_connection(*pairs, **members))) is (expected or NoneType)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_an_api_never_redirects(a_connection: Make, method: str) -> None:
    """Where no pages are served, a redirect would hide from a client that it leaks what it sends."""
    assert isinstance(calls(a_connection(PAGE, method=method)), TLSRequired)


@pytest.mark.parametrize(
    ("members", "pairs", "exposed", "requirement"),
    [
        pytest.param({}, [], False, "v5.0.0-4.1.2", id="nothing exposed"),
        pytest.param({}, [(b"cookie", b"a=b")], False, "v5.0.0-4.1.2", id="a cookie"),
        pytest.param({}, [(b"authorization", b"Bearer s3cret")], True, "v5.0.0-4.1.2", id="a token"),
        pytest.param({}, [(b"x-api-key", b"s3cret")], True, "v5.0.0-4.1.2", id="an API key"),
        pytest.param(
            {"type": "websocket"}, [(b"authorization", b"s3cret")], True, "v5.0.0-4.4.1", id="a token for a WebSocket"
        ),
    ],
)
def test_an_exposed_credential_is_known(
    a_connection: Make, members: Any, pairs: Any, exposed: bool, requirement: str
) -> None:
    """The refusal says whether a secret was sent in clear, and never which."""
    refusal = calls(a_connection(*pairs, **members))
    assert isinstance(refusal, TLSRequired)
    assert refusal.facts == {"credential_exposed": exposed}
    assert ("has to be replaced" in refusal.reason) is exposed
    assert "s3cret" not in refusal.reason
    assert refusal.requirement == requirement


@pytest.mark.parametrize(
    ("members", "location"),
    [
        pytest.param({}, "https://api.example.com/", id="the root"),
        pytest.param({"host": b"API.Example.com:80"}, "https://api.example.com/", id="port and capitals go"),
        pytest.param({"host": b"api.example.com."}, "https://api.example.com/", id="trailing dot goes"),
        pytest.param({"host": b"[::1]:8080"}, "https://[::1]/", id="IPv6"),
        pytest.param({"raw_path": b"/a/b"}, "https://api.example.com/a/b", id="path"),
        pytest.param({"raw_path": b"/a%2Fb%20c"}, "https://api.example.com/a%2Fb%20c", id="percent-encoding stays"),
        pytest.param(
            {"raw_path": b"/a", "query_string": b"b=c&d=%20"}, "https://api.example.com/a?b=c&d=%20", id="query"
        ),
        pytest.param(
            {"raw_path": b"/a?b=c"}, "https://api.example.com/a", id="a server that leaves the query in the path"
        ),
        pytest.param(
            {"raw_path": b"/a?b=c", "query_string": b"b=c"}, "https://api.example.com/a?b=c", id="and gives it too"
        ),
        pytest.param(
            {"query_string": b"u=http://x/?y"}, "https://api.example.com/?u=http://x/?y", id="URL in the query"
        ),
        pytest.param({"query_string": None}, "https://api.example.com/", id="no query"),
        pytest.param({"raw_path": b"//evil.example"}, "https://api.example.com/evil.example", id="two slashes"),
        pytest.param(
            {"raw_path": b"///evil.example//x"}, "https://api.example.com/evil.example//x", id="three slashes"
        ),
        pytest.param({"raw_path": b"/\\evil.example"}, "https://api.example.com/%5Cevil.example", id="backslash"),
        pytest.param({"raw_path": b"@evil.example"}, "https://api.example.com/@evil.example", id="no slash, an at"),
        pytest.param({"raw_path": b".evil.example"}, "https://api.example.com/.evil.example", id="no slash, a dot"),
        pytest.param({"raw_path": b":8443"}, "https://api.example.com/:8443", id="no slash, a port"),
        pytest.param(
            {"raw_path": b"http://evil.example/"}, "https://api.example.com/http://evil.example/", id="absolute form"
        ),
        pytest.param(
            {"raw_path": b"/a\r\nset-cookie: x=y"},
            "https://api.example.com/a%0D%0Aset-cookie:%20x=y",
            id="a second field",
        ),
        pytest.param(
            {"query_string": b"\r\n\0"}, "https://api.example.com/?%0D%0A%00", id="a second field in the query"
        ),
        pytest.param({"raw_path": "/ü".encode()}, "https://api.example.com/%C3%BC", id="not ASCII"),
        pytest.param({"raw_path": b'/"<#>'}, "https://api.example.com/%22%3C%23%3E", id="what no URL holds"),
        pytest.param({"raw_path": b"", "path": "/a"}, "https://api.example.com/a", id="no raw path"),
        pytest.param(
            {"raw_path": None, "path": "/50%/ü?"},
            "https://api.example.com/50%25/%C3%BC%3F",
            id="a decoded path is encoded again",
        ),
        pytest.param({"raw_path": None, "path": "/\udc80"}, "https://api.example.com/%ED%B2%80", id="surrogate"),
        pytest.param({"raw_path": None, "path": ""}, "https://api.example.com/", id="no path"),
    ],
)
def test_where_a_page_is_redirected_to(a_connection: Make, members: Any, location: str) -> None:
    """The same page on the same host: path and query as they were sent, and never a way out of them."""
    assert pages(a_connection(PAGE, **members)) == Redirect(location)


@pytest.mark.parametrize(
    ("port", "location"), [(443, "https://api.example.com/a"), (8443, "https://api.example.com:8443/a")]
)
def test_the_port_of_the_redirect(a_connection: Make, port: int, location: str) -> None:
    """TLS may be served elsewhere; the port of the plaintext request says nothing about it."""
    judge = plaintext_gate(redirect_pages=True, https_port=port)
    assert judge(a_connection(PAGE, host=b"api.example.com:8080", raw_path=b"/a")) == Redirect(location)


@pytest.mark.parametrize(
    ("https_port", "host", "pairs", "loops"),
    [
        pytest.param(443, b"api.example.com", [(b"x-forwarded-proto", b"https")], True, id="the page asked for"),
        pytest.param(443, b"API.example.com:443", [(b"x-forwarded-proto", b"https")], True, id="with the port of TLS"),
        pytest.param(443, b"api.example.com", [(b"forwarded", b"proto=https")], True, id="in the words of RFC 7239"),
        pytest.param(443, b"api.example.com", [(b"x-forwarded-ssl", b"on")], True, id="by a switch"),
        pytest.param(443, b"api.example.com", [(b"x-forwarded-proto", b"http")], False, id="a proxy says plaintext"),
        pytest.param(443, b"api.example.com", [(b"x-forwarded-for", b"192.0.2.9")], False, id="a proxy says nothing"),
        pytest.param(443, b"api.example.com", [], False, id="no proxy"),
        pytest.param(8443, b"api.example.com", [(b"x-forwarded-proto", b"https")], False, id="TLS is on another port"),
        pytest.param(8443, b"api.example.com:8443", [(b"x-forwarded-proto", b"https")], True, id="this was that port"),
        pytest.param(
            {"api.example.com": "www.example.com"}, b"api.example.com", [(b"x-forwarded-proto", b"https")], False,
            id="TLS is on another host",
        ),
    ],
)  # fmt: skip
def test_a_redirect_that_would_come_back_is_explained(
    a_connection: Make, https_port: Any, host: bytes, pairs: Any, loops: bool
) -> None:
    """Behind a proxy that speaks TLS and is not trusted, a redirect has no end: a refusal names the setting."""
    judge = plaintext_gate(redirect_pages=True, https_port=https_port)
    verdict = judge(a_connection(PAGE, *pairs, host=host))
    if not loops:
        assert isinstance(verdict, Redirect)
        return
    assert isinstance(verdict, TLSRequired)
    assert (verdict.status, verdict.code, verdict.requirement) == (403, "redirect_loop", "v5.0.0-4.1.3")
    assert "192.0.2.7" in verdict.reason
    assert "trusted_proxies" in verdict.reason
    assert verdict.facts == {"credential_exposed": False, "setting": "trusted_proxies"}


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_path_leads_elsewhere(a_connection: Make, raw_path: bytes, query: bytes) -> None:
    """Whatever was asked for, the location is one line of ASCII on our own host."""
    redirect = pages(a_connection(PAGE, raw_path=raw_path, query_string=query))
    assert isinstance(redirect, Redirect)
    assert redirect.location.isascii()
    assert redirect.location.isprintable()
    assert not set(redirect.location) & set(' \\"<>#')
    parts = urlsplit(redirect.location)
    assert (parts.scheme, parts.netloc) == ("https", "api.example.com")
    assert parts.path[1:2] != "/"
