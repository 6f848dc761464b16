"""The Authorization header (RFC 6750 section 2.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import TokenRefused
from asvs_middleware.tokens import bearer_token


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([], None, id="no header"),
        pytest.param([b"Bearer abc"], "abc", id="usual"),
        pytest.param([b"bEARER abc"], "abc", id="the scheme has no case"),
        pytest.param([b"Bearer   abc"], "abc", id="1*SP"),
        pytest.param([b"Bearer a-._~+/b=="], "a-._~+/b==", id="every character of a b64token"),
    ],
)
def test_bearer_token(values: list[bytes], expected: str | None) -> None:
    """One header, one token."""
    assert bearer_token(values) == expected


@pytest.mark.parametrize(
    ("values", "status", "challenge"),
    [
        pytest.param(
            [b"Bearer a", b"Bearer a"], 400, b'Bearer error="invalid_request"', id="CVE-2025-64527: two headers"
        ),
        pytest.param([b"Bearer a", b"Basic a"], 400, b'Bearer error="invalid_request"', id="two schemes"),
        pytest.param([b"", b""], 400, b'Bearer error="invalid_request"', id="two empty ones"),
        pytest.param([b"Basic dTpw"], 401, b"Bearer", id="another scheme"),
        pytest.param([b"DPoP a.b.c"], 401, b"Bearer", id="DPoP"),
        pytest.param([b""], 401, b"Bearer", id="empty"),
        pytest.param([b"Bearerabc"], 401, b"Bearer", id="no space"),
        pytest.param([b"Bearer\tabc"], 401, b"Bearer", id="tab"),
        pytest.param([b" Bearer abc"], 401, b"Bearer", id="leading space"),
        pytest.param([b"Bearer"], 401, b'Bearer error="invalid_token"', id="scheme alone"),
        pytest.param([b"Bearer "], 401, b'Bearer error="invalid_token"', id="scheme and space"),
        pytest.param([b"Bearer a b"], 401, b'Bearer error="invalid_token"', id="two tokens in one header"),
        pytest.param([b"Bearer a, Bearer b"], 401, b'Bearer error="invalid_token"', id="joined headers"),
        pytest.param([b'Bearer {"payload":1}'], 401, b'Bearer error="invalid_token"', id="JSON"),
        pytest.param([b"Bearer a=b"], 401, b'Bearer error="invalid_token"', id="padding inside"),
        pytest.param([b"Bearer \xc3\xa9"], 401, b'Bearer error="invalid_token"', id="not ASCII"),
        pytest.param([b"Bearer a\n"], 401, b'Bearer error="invalid_token"', id="line end"),
        pytest.param([b"Bearer " + b"a" * 8193], 401, b'Bearer error="invalid_token"', id="8 KiB and one byte"),
    ],
)
def test_refused(values: list[bytes], status: int, challenge: bytes) -> None:
    """Nothing is guessed, and the challenge says only what RFC 6750 section 3.1 asks for."""
    with pytest.raises(TokenRefused, match=r"Authorization header|longer than 8192") as refused:
        bearer_token(values)
    assert refused.value.status == status
    ((name, value),) = refused.value.headers
    assert name == b"www-authenticate"
    assert value.startswith(challenge)
    assert value == challenge or challenge != b"Bearer"


@given(st.lists(st.binary(max_size=20) | st.binary(max_size=20).map(b"Bearer ".__add__), max_size=3))
def test_never_another_exception(values: list[bytes]) -> None:
    """Any headers: a token of b64token characters, None for none, or our refusal."""
    try:
        token = bearer_token(values)
    except TokenRefused:
        return
    assert token is None or token.isascii()
    assert (token is None) == (not values)
