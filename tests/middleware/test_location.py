"""A redirect to ourselves that forgets TLS is put right; any other stays what it is."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.middleware import undressed
from asvs_middleware.middleware.response.location import secure_location, secure_locations


@pytest.mark.parametrize(
    ("value", "host", "expected"),
    [
        pytest.param(b"http://a.example/b/", b"a.example", b"https://a.example/b/", id="a trailing slash added"),
        pytest.param(b"HTTP://A.example", b"a.example", b"https://a.example", id="capitals"),
        pytest.param(b"http://a.example:80/b", b"a.example", b"https://a.example/b", id="the port of plaintext"),
        pytest.param(b"http://a.example:443/b", b"a.example", b"https://a.example/b", id="the port of TLS"),
        pytest.param(b"http://a.example:8443/b", b"a.example:8443", b"https://a.example:8443/b", id="our port"),
        pytest.param(b"http://a.example/b", b"a.example:8443", b"https://a.example:8443/b", id="our port left out"),
        pytest.param(b"http://a.example?b=c", b"a.example", b"https://a.example?b=c", id="a query"),
        pytest.param(b"http://[0::1]/b", b"[::1]", b"https://[::1]/b", id="IPv6"),
        pytest.param(b"http://b.example/", b"a.example", None, id="another host"),
        pytest.param(b"http://a.example.evil.example/", b"a.example", None, id="our name as a prefix"),
        pytest.param(b"http://a.example@evil.example/", b"a.example", None, id="user information"),
        pytest.param(b"http://evil.example#a.example", b"a.example", None, id="our name behind"),
        pytest.param(
            b"http://a.example\\@evil.example/",
            b"a.example",
            b"https://a.example\\@evil.example/",
            id="a backslash is a slash",
        ),
        pytest.param(b"http://a.example:8080/b", b"a.example", None, id="another port"),
        pytest.param(b"https://a.example/", b"a.example", None, id="TLS already"),
        pytest.param(b"/b", b"a.example", None, id="a path"),
        pytest.param(b"//a.example/b", b"a.example", None, id="without a scheme"),
        pytest.param(b"http:/a.example", b"a.example", None, id="one slash"),
        pytest.param(b"http://", b"a.example", None, id="no host"),
        pytest.param(b"http://a.example/", b"", None, id="a malformed Host"),
        pytest.param(b"", b"a.example", None, id="empty"),
    ],
)
def test_secure_location(value: bytes, host: bytes, expected: bytes | None) -> None:
    """Ours alone."""
    assert secure_location(value, host) == (value if expected is None else expected)


@given(st.binary(max_size=40) | st.from_regex(rb"http://[a-z.:@/\\?#]{0,20}", fullmatch=True))
def test_any_location(value: bytes) -> None:
    """Left as it is, or ours over TLS."""
    found = secure_location(value, b"a.example")
    assert found == value or found.startswith(b"https://a.example")


@pytest.mark.parametrize(
    ("status", "scheme", "host", "rewritten"),
    [
        pytest.param(307, "https", b"api.example.com", True, id="a redirect"),
        pytest.param(201, "https", b"api.example.com", True, id="something made"),
        pytest.param(200, "https", b"api.example.com", False, id="a page"),
        pytest.param(307, "http", b"api.example.com", False, id="over plaintext"),
        pytest.param(307, "https", None, False, id="no host"),
    ],
)
def test_secure_locations(
    an_exchange: Callable[..., Any], status: int, scheme: str, host: Any, rewritten: bool
) -> None:
    """On redirects over TLS, whatever the app calls the field; its own message stays as it was."""
    before = b"http://api.example.com/b"
    message = {"type": "http.response.start", "status": status, "headers": [(b"Location", before), (b"x-a", before)]}
    exchange = an_exchange(scheme=scheme, host=host)
    found = secure_locations(undressed)(exchange, message)
    assert found["headers"] == [(b"Location", b"https" + before[4:] if rewritten else before), (b"x-a", before)]
    assert message["headers"][0][1] == before
    assert secure_locations(undressed)(exchange, {"type": "http.response.start", "status": status})["status"] == status
