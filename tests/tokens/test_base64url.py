"""Base64url has one spelling for each value."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.tokens.base64url import ALPHABET, decode


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"Zg", b"f", id="one byte"),
        pytest.param(b"Zm8", b"fo", id="two bytes"),
        pytest.param(b"Zm9v", b"foo", id="three bytes"),
        pytest.param(b"-_-_", b"\xfb\xff\xbf", id="the two characters of its own"),
    ],
)
def test_decode(segment: bytes, expected: bytes) -> None:
    """The one spelling is read."""
    assert decode(segment) == expected


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param(b"Zg==", id="padding"),
        pytest.param(b"Zm8=", id="one padding character"),
        pytest.param(b"Zm9v=", id="padding that is not needed"),
        pytest.param(b"Zm9vZ", id="length 1 mod 4"),
        pytest.param(b"Zh", id="non-zero trailing bits, one byte"),
        pytest.param(b"Zm9", id="non-zero trailing bits, two bytes"),
        pytest.param(b"+/+/", id="the alphabet of plain base64"),
        pytest.param(b"Zm 9v", id="space inside"),
        pytest.param(b"Zm9v\n", id="line end"),
        pytest.param(b" Zm9v", id="leading space"),
        pytest.param(b"Zm\x009", id="NUL"),
        pytest.param(b"Zm\xc3\xa9", id="not ASCII"),
        pytest.param(b"====", id="nothing but padding"),
    ],
)
def test_second_spellings_are_refused(segment: bytes) -> None:
    """GHSA-hxm8-2xgr-2p9m: whatever another decoder would skip or repair is refused."""
    with pytest.raises(ValueError, match="one spelling"):
        decode(segment)


@given(st.one_of(st.binary(max_size=40), st.lists(st.sampled_from(ALPHABET + b"=+/\n"), max_size=40).map(bytes)))
def test_decode_is_the_inverse_of_encode_and_of_nothing_else(segment: bytes) -> None:
    """A segment is read exactly when encoding the value gives the segment back."""
    try:
        value = decode(segment)
    except ValueError:
        padded = segment + b"=" * (-len(segment) % 4)
        foreign = any(character not in ALPHABET for character in segment)
        assert foreign or len(segment) % 4 == 1 or urlsafe_b64encode(urlsafe_b64decode(padded)) != padded
    else:
        assert urlsafe_b64encode(value).rstrip(b"=") == segment
