"""What an untrusted peer claims about TLS: kept only to explain a redirect that would never end."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection import Networks, connection_reader
from asvs_middleware.connection.claims import claims_tls


@pytest.mark.parametrize(
    ("name", "value", "claimed"),
    [
        pytest.param(b"x-forwarded-proto", b"https", True, id="https"),
        pytest.param(b"x-forwarded-proto", b"HTTPS", True, id="in capitals"),
        pytest.param(b"x-forwarded-proto", b"wss", True, id="wss"),
        pytest.param(b"x-forwarded-proto", b"https, http", True, id="two proxies"),
        pytest.param(b"x-forwarded-proto", b"http", False, id="plaintext"),
        pytest.param(b"x-forwarded-proto", b"httpsx", False, id="another word"),
        pytest.param(b"x-forwarded-proto", b"", False, id="empty"),
        pytest.param(b"X-Forwarded-Scheme", b"https", True, id="another field, in capitals"),
        pytest.param(b"x-forwarded-ssl", b"on", True, id="a switch"),
        pytest.param(b"front-end-https", b"On", True, id="a switch in capitals"),
        pytest.param(b"x-forwarded-ssl", b"off", False, id="a switch that is off"),
        pytest.param(b"forwarded", b"for=192.0.2.1;proto=https", True, id="RFC 7239"),
        pytest.param(b"forwarded", b'for=192.0.2.1; PROTO="https", for=10.0.0.1', True, id="RFC 7239, quoted"),
        pytest.param(b"forwarded", b"proto=http;for=192.0.2.1", False, id="RFC 7239, plaintext"),
        pytest.param(b"forwarded", b"notproto=https", False, id="RFC 7239, another parameter"),
        pytest.param(b"x-other", b"https", False, id="a field nobody means"),
    ],
)
def test_a_claim(name: bytes, value: bytes, claimed: bool) -> None:
    """Each field a proxy says it with, in the spellings proxies use."""
    assert claims_tls([(b"accept", b"*/*"), (name, value)]) is claimed


@given(st.lists(st.tuples(st.sampled_from([b"forwarded", b"x-forwarded-proto", b"x-forwarded-ssl"]), st.binary())))
def test_any_claim_is_an_answer(pairs: list[tuple[bytes, bytes]]) -> None:
    """Whatever the peer sends."""
    assert claims_tls(pairs) in {True, False}


@pytest.mark.parametrize(
    ("trusted", "claimed"), [pytest.param([], True, id="untrusted"), pytest.param(["10.0.0.9"], False, id="trusted")]
)
def test_a_claim_is_kept_and_not_believed(
    a_scope: Callable[..., Any], receive: Any, trusted: list[str], claimed: bool
) -> None:
    """From an untrusted peer it makes nothing secure; from a trusted one it is no claim."""
    found = connection_reader(Networks(trusted))(a_scope((b"x-forwarded-proto", b"https")), receive)
    assert (found.claims_tls, found.secure) == (claimed, not claimed)
