"""A field that both the app and the policy set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.headers import HeadersPolicy, header_set
from asvs_middleware.headers.merge import NO_STORE, merged, permissions, unshared

OURS = b"camera=(), usb=();report-to=reports"


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        pytest.param(b"camera=(self)", b"camera=(self), usb=();report-to=reports", id="one opened"),
        pytest.param(b"fullscreen=*", b"camera=(), usb=();report-to=reports, fullscreen=*", id="one of its own"),
        pytest.param(
            b'camera=(self "https://a.example"), usb=()', b'camera=(self "https://a.example"), usb=()', id="all of them"
        ),
        pytest.param(
            b"camera=(),camera=(self)", b"camera=(self), usb=();report-to=reports", id="twice: the last counts"
        ),
        pytest.param(b"camera;report-to=x", b"camera;report-to=x, usb=();report-to=reports", id="a bare member"),
        pytest.param(
            b'camera=("a" "b");x=?0;y=1.5', b'camera=("a" "b");x=?0;y=1.5, usb=();report-to=reports', id="rich"
        ),
        pytest.param(b"", OURS, id="an empty dictionary"),
        pytest.param(b"camera=(self), ", OURS, id="a comma at the end"),
        pytest.param(b"camera=(self", OURS, id="an open bracket"),
        pytest.param(b"camera (self)", OURS, id="no equals sign"),
        pytest.param(b"camera 'self'; usb 'none'", OURS, id="the syntax of Feature-Policy"),
        pytest.param(b"Camera=()", OURS, id="a key in capitals"),
        pytest.param(b"camera=()\r\n", OURS, id="a line end"),
        pytest.param(b"camera=(),,usb=()", OURS, id="an empty member"),
    ],
)
def test_permissions(theirs: bytes, expected: bytes) -> None:
    """The app's members count, ours fill the rest; a field no browser would read is replaced by ours."""
    assert permissions(theirs, OURS) == expected


@given(st.binary(max_size=40) | st.text('camerusb=(),;*" \\?1.', max_size=40).map(str.encode))
def test_any_permissions(theirs: bytes) -> None:
    """Whatever the app wrote, every feature of ours is named in what goes out."""
    found = permissions(theirs, OURS)
    assert b"camera" in found
    assert b"usb" in found
    assert permissions(found, OURS) == found


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        pytest.param(b"public, max-age=60", b"private, max-age=60", id="public"),
        pytest.param(b"s-maxage=9, max-age=60", b"private, max-age=60", id="an age for shared caches"),
        pytest.param(b"Public", b"private", id="in capitals"),
        pytest.param(b"max-age=60, , immutable", b"private, max-age=60, immutable", id="an empty member"),
        pytest.param(b"", b"private", id="empty"),
        pytest.param(b"PRIVATE, max-age=60", b"PRIVATE, max-age=60", id="private already"),
        pytest.param(b"no-store", b"no-store", id="not stored at all"),
        pytest.param(b'private="set-cookie"', b'private, private="set-cookie"', id="private for one field only"),
    ],
)
def test_unshared(theirs: bytes, expected: bytes) -> None:
    """No shared cache keeps it; how long the caller's own does is the app's affair."""
    assert unshared(theirs, NO_STORE[1]) == expected


def test_every_line_of_a_list_counts() -> None:
    """RFC 9110 section 5.3: several lines are one list; what goes out is one line, where the first stood."""
    theirs = [(b"a", b"1"), (b"Permissions-Policy", b"usb=(self)"), (b"b", b"2"), (b"permissions-policy", b"midi=()")]
    assert merged(theirs, [(b"permissions-policy", OURS)]) == [
        (b"a", b"1"),
        (b"permissions-policy", b"camera=(), usb=(self), midi=()"),
        (b"b", b"2"),
    ]


def test_our_own_permissions_survive_a_merge() -> None:
    """What the presets send is a dictionary that this reader understands."""
    ours = dict(header_set("web", HeadersPolicy(permissions={"camera": ["self", "https://a.example"]}), level=2).always)
    assert permissions(b"", ours[b"permissions-policy"]) == ours[b"permissions-policy"]
    assert b'camera=(self "https://a.example")' in permissions(b"usb=(self)", ours[b"permissions-policy"])


def test_other_fields_are_the_app_s() -> None:
    """Whatever is no list: one value, and the app's own where it has one, whatever its letters."""
    theirs = [(b"X-Frame-Options", b"SAMEORIGIN"), (b"Cache-Control", b"public")]
    ours = [(b"x-frame-options", b"DENY"), (b"cache-control", b"no-cache"), (b"referrer-policy", b"no-referrer")]
    assert merged(theirs, ours) == [*theirs, (b"referrer-policy", b"no-referrer")]
