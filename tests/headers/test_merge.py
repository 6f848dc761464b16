"""A field that both the app and the policy set."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asvs_middleware.headers import HeadersPolicy, header_set
from asvs_middleware.headers.merge import NO_STORE, merged, permissions, unshared

_NOBODY = b"private, no-store"
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
        pytest.param(b"private=1", b"private, private=1", id="private with an argument"),
        pytest.param(b"private, public", b"private", id="both: public goes"),
        pytest.param(b"no-store, must-understand", b"no-store", id="no-store for those who do not understand"),
        pytest.param(b'public, no-cache="a, b"', b'private, no-cache="a, b"', id="a comma between quotes"),
        pytest.param(b'public, ext="a, private', _NOBODY, id="a quote that is not closed"),
        pytest.param(b'public, x="a\\", private', _NOBODY, id="an escaped quote that is not closed"),
        pytest.param(b'public, x="\\"", private', _NOBODY, id="an escape, which some take for the end"),
        pytest.param(b'public, x="a"", private, "', _NOBODY, id="a quote after one that was closed"),
        pytest.param(b'public, x=a"b, private, c"', _NOBODY, id="a quote inside a token"),
        pytest.param(b'private, x="a, public, b"', _NOBODY, id="public between quotes"),
        pytest.param(b'private, x="a, public"', _NOBODY, id="public at the end of a quote"),
        pytest.param(b"private\x0b", _NOBODY, id="a vertical tab"),
        pytest.param(b"public, private\xa0", _NOBODY, id="a space outside ASCII"),
        pytest.param(b"public, private =x", _NOBODY, id="a space before the equals sign"),
        pytest.param(b"public, private=", _NOBODY, id="no value after the equals sign"),
        pytest.param(b"public, private;x", _NOBODY, id="a semicolon"),
        pytest.param(b"public private", _NOBODY, id="no comma"),
    ],
)
def test_unshared(theirs: bytes, expected: bytes) -> None:
    """No shared cache keeps it; how long the caller's own does is the app's affair."""
    assert unshared(theirs) == expected


def _split_at_commas(value: bytes) -> set[bytes]:
    """Read as caches do that know nothing of quotes."""
    return {part.strip(b' \t"').partition(b"=")[0].strip(b' \t"').lower() for part in value.split(b",")}


def _with_quotes(value: bytes, *, escapes: bool) -> set[bytes]:
    """Read as caches do that take what stands between quotes for one value, escapes included or not."""
    names, name, quoted, skip = set(), b"", False, False
    for byte in (value[at : at + 1] for at in range(len(value))):
        if skip:
            skip = False
        elif escapes and quoted and byte == b"\\":
            skip = True
        elif byte == b'"':
            quoted = not quoted
            name += byte
        elif byte == b"," and not quoted:
            names.add(name.strip(b" \t").lower())
            name = b""
        elif not quoted:
            name += byte
    return {one.partition(b"=")[0] for one in (*names, name.strip(b" \t").lower())}


_PIECES = st.sampled_from([
    b"public", b"private", b"no-store", b"s-maxage=9", b"max-age=60", b"x=", b'"', b"\\", b",", b", ", b" ", b"a",
    b"\x0b", b"=", b";", b"\xa0", b"must-understand",
])  # fmt: skip


@given(st.binary(max_size=40) | st.lists(_PIECES, max_size=12).map(b"".join))
@example(b'public, max-age=600, ext="a, private')
@example(b'private, x="a, public, b"')
def test_every_reader_takes_it_for_private(theirs: bytes) -> None:
    """v5.0.0-14.2.2: whatever the app wrote, caches of all kinds read `private` or `no-store`, no leave to share."""
    found = unshared(theirs)
    for names in (_split_at_commas(found), _with_quotes(found, escapes=True), _with_quotes(found, escapes=False)):
        assert names & {b"private", b"no-store"}
        assert not names & {b"public", b"s-maxage", b"proxy-revalidate", b"must-understand"}
    assert unshared(found) == found


def test_every_line_of_a_list_counts() -> None:
    """RFC 9110 section 5.3: several lines are one list; what goes out is one line, where the first stood."""
    theirs = [(b"a", b"1"), (b"Permissions-Policy", b"usb=(self)"), (b"b", b"2"), (b"permissions-policy", b"midi=()")]
    assert merged(theirs, [(b"permissions-policy", OURS)], unshare=False) == [
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
    assert merged(theirs, ours, unshare=False) == [*theirs, (b"referrer-policy", b"no-referrer")]


@pytest.mark.parametrize(
    "ours",
    [
        pytest.param([NO_STORE], id="not to be stored"),
        pytest.param([(b"cache-control", b"no-cache")], id="the operator's own word"),
        pytest.param([(b"cache-control", b"no-store, max-age=0")], id="a profile's"),
        pytest.param([], id="nothing"),
    ],
)
@pytest.mark.parametrize(("unshare", "expected"), [(True, b"private, max-age=60"), (False, b"public, max-age=60")])
def test_no_word_of_ours_makes_it_shared(ours: Any, unshare: bool, expected: bytes) -> None:
    """v5.0.0-14.2.2: what was made for one caller is private, whatever the policy would have said in its place."""
    theirs = [(b"Cache-Control", b"public, max-age=60"), (b"a", b"1")]
    assert [value for _, value in merged(theirs, ours, unshare=unshare)] == [expected, b"1"]


@pytest.mark.parametrize(
    ("name", "lines", "ours", "expected"),
    [
        pytest.param("X-Frame-Options", ["DENY", "DENY"], "SAMEORIGIN", "DENY", id="the same twice"),
        pytest.param("x-frame-options", ["DENY", "SAMEORIGIN"], "DENY", "DENY", id="a contradiction"),
        pytest.param("Cross-Origin-Opener-Policy", ["unsafe-none", "x"], "same-origin", "same-origin", id="another"),
        pytest.param("strict-transport-security", ["max-age=1", "max-age=2"], "max-age=9", "max-age=9", id="two ages"),
        pytest.param("content-security-policy", ["a 'self'", "b 'none'"], "c", "a 'self', b 'none'", id="two policies"),
        pytest.param("referrer-policy", ["no-referrer", "origin"], "same-origin", "no-referrer, origin", id="a list"),
        pytest.param("cache-control", ["public", "max-age=6 "], "no-cache", "public, max-age=6", id="directives"),
    ],
)
def test_several_lines_become_one(name: str, lines: list[str], ours: str, expected: str) -> None:
    """Where the first stood: a list keeps all its members, and what the app contradicts itself about is ours."""
    pairs = [
        (b"a", b"1"),
        *((name.encode(), one.encode()) for one in lines),
        (b"set-cookie", b"x"),
        (b"set-cookie", b"y"),
    ]
    found = merged(pairs, [(name.lower().encode(), ours.encode())], unshare=False)
    assert found == [(b"a", b"1"), (name.lower().encode(), expected.encode()), *pairs[-2:]]


def test_several_lines_made_for_one_caller() -> None:
    """They are one list, so that a `public` in any of them counts."""
    theirs = [(b"cache-control", b"max-age=6"), (b"a", b"1"), (b"Cache-Control", b"public")]
    for ours in ([], [NO_STORE]):
        assert merged(theirs, ours, unshare=True) == [(b"cache-control", b"private, max-age=6"), (b"a", b"1")]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        pytest.param("CDN-Cache-Control", "no-store", id="RFC 9213"),
        pytest.param("cloudflare-cdn-cache-control", "no-store", id="of one CDN"),
        pytest.param("Vercel-CDN-Cache-Control", "no-store", id="of another"),
        pytest.param("x-own-cache-control", "no-store", id="of whoever ends its name so"),
        pytest.param("Surrogate-Control", "no-store", id="Edge Side Includes"),
        pytest.param("edge-control", "no-store", id="Akamai's"),
        pytest.param("X-Accel-Expires", "0", id="nginx's"),
    ],
)
@pytest.mark.parametrize("lines", [["max-age=600"], ["max-age=600", "public"], ["no-store, max-age=1"], ["\xff"]])
def test_what_one_cache_is_told(name: str, kept: str, lines: list[str]) -> None:
    """A cache reads its own field in place of Cache-Control, and is told to keep nothing made for one caller."""
    theirs = [(name.encode(), line.encode("latin-1")) for line in lines]
    around = [(b"a", b"1"), (b"expires", b"0")]
    for ours in ([], [NO_STORE]):
        found = merged([around[0], *theirs, around[1]], ours, unshare=True)
        assert found == [around[0], (name.lower().encode(), kept.encode()), around[1], *ours]
    assert merged(theirs, [NO_STORE], unshare=False) == [*theirs, NO_STORE]


def test_lines_of_what_is_not_ours() -> None:
    """They are the app's affair, and nobody here knows what they mean."""
    theirs = [(b"x-own", b"1"), (b"x-own", b"2"), (b"cross-origin-opener-policy", b"x"), (b"x-frame-options", b"y")]
    ours = [(b"x-own", b"3"), (b"x-frame-options", b"DENY")]
    assert merged([*theirs, theirs[2]], ours, unshare=False) == [*theirs, theirs[2]]


_NAMES = st.sampled_from([b"x-frame-options", b"X-Frame-Options", b"cache-control", b"referrer-policy", b"a", b"A"])


@given(st.lists(st.tuples(_NAMES, st.binary(max_size=8)), max_size=6), st.booleans())
def test_any_fields(theirs: list[tuple[bytes, bytes]], unshare: bool) -> None:
    """What is ours goes out once; everything else as it came and in its order; twice is as good as once."""
    caching = NO_STORE if unshare else (b"cache-control", b"no-cache")
    ours = [(b"x-frame-options", b"DENY"), caching, (b"referrer-policy", b"no-referrer")]
    found = merged(theirs, ours, unshare=unshare)
    for name, _ in ours:
        assert [key.lower() for key, _ in found].count(name) == 1
    assert [pair for pair in found if pair[0] in {b"a", b"A"}] == [pair for pair in theirs if pair[0] in {b"a", b"A"}]
    assert merged(found, ours, unshare=unshare) == found
    said = {name.lower(): value for name, value in found}[b"cache-control"]
    assert not unshare or {b"private", b"no-store"} & {word.strip().lower() for word in said.split(b",")}
