"""Forwarded (RFC 7239): parsed to the letter, followed from the nearest proxy outwards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection import Networks
from asvs_middleware.connection.forwarded import Element, parse_forwarded, read_rfc7239
from asvs_middleware.connection.networks import is_address
from asvs_middleware.connection.proxies import Forwarded

TRUSTED = Networks(["10.0.0.0/8", "fd00::/8", "unix"])
CLIENT = "203.0.113.5"
UNREADABLE = Forwarded(client=None, secure=False, host=None, readable=False)


def said(*lines: str, peer: str = "10.0.0.9", hops: int | None = None) -> Forwarded:
    pairs = [(b"forwarded", line.encode("latin-1")) for line in lines]
    return read_rfc7239([(b"x-forwarded-for", b"198.51.100.9"), *pairs], peer=peer, trusted=TRUSTED, hops=hops)


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        pytest.param("for=192.0.2.43", [Element("192.0.2.43")], id="IPv4"),
        pytest.param('for="192.0.2.43:47011"', [Element("192.0.2.43")], id="IPv4 with a port"),
        pytest.param('for="192.0.2.43:_port"', [Element("192.0.2.43")], id="IPv4 with a hidden port"),
        pytest.param('For="[2001:db8:cafe::17]:4711"', [Element("2001:db8:cafe::17")], id="IPv6 with a port"),
        pytest.param('for="[2001:db8:cafe::17]"', [Element("2001:db8:cafe::17")], id="IPv6"),
        pytest.param("for=unknown", [Element()], id="unknown"),
        pytest.param("for=_gazonk", [Element()], id="obfuscated"),
        pytest.param('for="_SEVKISEK:4711"', [Element()], id="obfuscated with a port"),
        pytest.param("for=unix", [Element()], id="our own word for a socket"),
        pytest.param('for="2001:db8::17"', [Element()], id="IPv6 without brackets"),
        pytest.param('for="[192.0.2.43]"', [Element()], id="IPv4 in brackets"),
        pytest.param('for="192.0.2.43:"', [Element()], id="a colon without a port"),
        pytest.param('for="[fe80::1%eth0]"', [Element()], id="a zone"),
        pytest.param("for=192.0.2", [Element()], id="a short address"),
        pytest.param('for=""', [Element()], id="an empty text"),
        pytest.param(
            "for=192.0.2.60;proto=http;by=203.0.113.43", [Element("192.0.2.60", b"http")], id="for, proto and by"
        ),
        pytest.param(
            "FOR=192.0.2.60;PROTO=HTTPS;Host=api.example.com",
            [Element("192.0.2.60", b"HTTPS", b"api.example.com")],
            id="capitals",
        ),
        pytest.param("for=192.0.2.60 ; proto=http", [Element("192.0.2.60", b"http")], id="spaces round a semicolon"),
        pytest.param(";;for=192.0.2.60;;", [Element("192.0.2.60")], id="empty pairs"),
        pytest.param("for=a, for=192.0.2.1", [Element(), Element("192.0.2.1")], id="two elements"),
        pytest.param(" for=192.0.2.1\t,\tfor=192.0.2.2 ", [Element("192.0.2.1"), Element("192.0.2.2")], id="spaces"),
        pytest.param("for=192.0.2.1,", [Element("192.0.2.1"), Element()], id="an empty element"),
        pytest.param("", [Element()], id="empty"),
        pytest.param('host="a\\"b"', [Element(host=b'a"b')], id="an escaped quote"),
        pytest.param('host="a,b;proto=https"', [Element(host=b"a,b;proto=https")], id="borders inside quotes"),
        pytest.param("secret=x;for=192.0.2.1", [Element("192.0.2.1")], id="a parameter of somebody else's"),
    ],
)
def test_elements(value: str, elements: list[Element]) -> None:
    """Section 4's grammar; a node that is no address is nobody."""
    assert parse_forwarded(value.encode("latin-1")) == tuple(elements)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param('for="192.0.2.1', id="a quote not closed"),
        pytest.param('for="192.0.2.1"x', id="text after a quote"),
        pytest.param('for="a, for="[2001:db8::7]"', id="a quote that would swallow the proxy's element"),
        pytest.param('host="x\\", for=192.0.2.1', id="an escape that would swallow it"),
        pytest.param("for=192.0.2.1:80", id="a colon without quotes"),
        pytest.param("for=[::1]", id="brackets without quotes"),
        pytest.param("for =192.0.2.1", id="a space before ="),
        pytest.param("for= 192.0.2.1", id="a space after ="),
        pytest.param("for=192.0.2.1 proto=https", id="a space instead of a semicolon"),
        pytest.param("for", id="no value"),
        pytest.param("for=", id="an empty value"),
        pytest.param("=192.0.2.1", id="no name"),
        pytest.param("192.0.2.1", id="an address alone"),
        pytest.param("for=192.0.2.1;for=192.0.2.2", id="a parameter twice"),
        pytest.param("for=192.0.2.1;For=192.0.2.1", id="a parameter twice, in capitals"),
        pytest.param("for=192.0.2.1\0", id="NUL"),
        pytest.param('host="a\nb"', id="a line end"),
        pytest.param("for=bücher", id="a letter no token has"),
    ],
)
def test_what_breaks_the_grammar(value: str) -> None:
    """One wrong character, and nothing of the line is believed."""
    assert parse_forwarded(value.encode("latin-1")) is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([f"for={CLIENT};proto=https"], Forwarded(CLIENT, True, None), id="one hop over TLS"),
        pytest.param([f"for={CLIENT};proto=http"], Forwarded(CLIENT, False, None), id="one hop over plaintext"),
        pytest.param([f"for={CLIENT};proto=WSS"], Forwarded(CLIENT, True, None), id="WebSocket, in capitals"),
        pytest.param([f"for={CLIENT};proto=on"], Forwarded(CLIENT, False, None), id="a word no scheme is"),
        pytest.param([f"for={CLIENT}"], Forwarded(CLIENT, None, None), id="no scheme: the proxy does not say"),
        pytest.param(
            [f'for={CLIENT};host="api.example.com:8443"'], Forwarded(CLIENT, None, b"api.example.com:8443"), id="host"
        ),
        pytest.param(
            [f"for={CLIENT};proto=https, for=10.0.0.5;proto=http"],
            Forwarded(CLIENT, True, None),
            id="two hops, plaintext between the proxies",
        ),
        pytest.param(
            [f"for={CLIENT};proto=http", "for=10.0.0.5;proto=https"],
            Forwarded(CLIENT, False, None),
            id="two hops on two lines, TLS only between the proxies",
        ),
        pytest.param(
            [f"for=198.51.100.1;proto=https;host=evil.example, for={CLIENT};proto=http"],
            Forwarded(CLIENT, False, None),
            id="a claim on the left",
        ),
        pytest.param(
            ["for=10.0.0.5;proto=https", f"for={CLIENT};proto=http"],
            Forwarded(CLIENT, False, None),
            id="a trusted address claimed on a line of its own",
        ),
        pytest.param(["for=_hidden;proto=https"], Forwarded(None, True, None), id="a client the proxy hides"),
        pytest.param(["for=unknown;proto=https"], Forwarded(None, True, None), id="a client nobody knows"),
        pytest.param(
            [f"for={CLIENT};proto=https, for=_inner;proto=http"],
            Forwarded(None, False, None),
            id="a hop that hides itself is not passed",
        ),
        pytest.param(
            [f'for={CLIENT};proto=https, for="[fd00::1]:80"'], Forwarded(CLIENT, True, None), id="a trusted hop, IPv6"
        ),
        pytest.param(
            ["garbage", f"for={CLIENT};proto=http"], Forwarded(CLIENT, False, None), id="garbage, not reached"
        ),
        pytest.param([f"for={CLIENT};proto=https", "garbage"], UNREADABLE, id="garbage on the right"),
        pytest.param([f"for={CLIENT};proto=https, garbage"], UNREADABLE, id="garbage in the line"),
        pytest.param(["garbage", "for=10.0.0.5;proto=https"], UNREADABLE, id="garbage behind a trusted hop"),
        pytest.param([""], Forwarded(None, None, None), id="empty"),
        pytest.param([], Forwarded("10.0.0.9", None, None), id="nothing: the proxy is the client"),
    ],
)
def test_the_chain_is_followed_to_the_first_that_is_not_trusted(lines: list[str], expected: Forwarded) -> None:
    """Address, scheme and Host come from one element, the outermost trusted proxy's own."""
    assert said(*lines) == expected


@pytest.mark.parametrize(
    ("lines", "hops", "expected"),
    [
        pytest.param([f"for={CLIENT};proto=https"], 1, Forwarded(CLIENT, True, None), id="one"),
        pytest.param(["for=10.0.0.5;proto=https"], 1, Forwarded("10.0.0.5", True, None), id="one, a trusted address"),
        pytest.param(
            [f"for=198.51.100.1;proto=https, for={CLIENT};proto=http, for=192.0.2.1;proto=https"],
            2,
            Forwarded(CLIENT, False, None),
            id="two, whatever stands between",
        ),
        pytest.param([f"for={CLIENT};proto=https"], 2, UNREADABLE, id="one of two is missing"),
        pytest.param([f"for={CLIENT};proto=https, garbage"], 2, UNREADABLE, id="garbage within"),
        pytest.param(["garbage", f"for={CLIENT};proto=http"], 1, Forwarded(CLIENT, False, None), id="garbage beyond"),
        pytest.param(["for=_hidden;proto=https"], 1, Forwarded(None, True, None), id="hidden"),
        pytest.param([], 1, Forwarded(None, None, None), id="nothing is said"),
    ],
)
def test_hops(lines: list[str], hops: int, expected: Forwarded) -> None:
    """With a count the client is the element so many from the right, never another."""
    assert said(*lines, hops=hops) == expected


def test_a_proxy_on_a_unix_socket() -> None:
    """It has no address: the one it forwards counts, and without one the client is not known."""
    assert said(f"for={CLIENT}", peer="unix").client == CLIENT
    assert said(peer="unix").client is None


Text = st.binary(max_size=30) | st.text('for=pth;, "\\[]:._1a', max_size=30).map(str.encode)


@given(st.lists(Text, max_size=4))
def test_what_a_client_claims_changes_nothing_or_is_refused(claims: list[bytes]) -> None:
    """A proxy that appends its element to the client's line is believed, or nobody is."""
    own = f'for="{CLIENT}:4711";proto=http;host=api.example.com'.encode()
    joined = b", ".join([*claims, own])
    found = read_rfc7239([(b"forwarded", joined)], peer="10.0.0.9", trusted=TRUSTED)
    assert found in (Forwarded(CLIENT, False, b"api.example.com"), UNREADABLE)
    lines = [(b"forwarded", line) for line in [*claims, own]]
    assert read_rfc7239(lines, peer="10.0.0.9", trusted=TRUSTED) == Forwarded(CLIENT, False, b"api.example.com")


@given(st.lists(Text, max_size=4), st.sampled_from(["10.0.0.9", "unix", "fd00::1"]), st.none() | st.integers(1, 4))
def test_any_fields_are_read(values: list[bytes], peer: str, hops: int | None) -> None:
    """Whatever stands in them, the client is an address or unknown, and TLS is only what says so."""
    found = read_rfc7239([(b"forwarded", value) for value in values], peer=peer, trusted=TRUSTED, hops=hops)
    assert found.client is None or is_address(found.client)
    if found.secure:
        assert b"https" in b"".join(values).lower() or b"wss" in b"".join(values).lower()


@given(st.integers(1, 5), st.binary(max_size=60))
def test_parsing_is_a_value(times: int, value: bytes) -> None:
    """Any bytes are elements or None."""
    line = parse_forwarded(value * times)
    assert line is None or all(isinstance(one, Element) for one in line)


def test_a_long_field_is_parsed_in_one_pass() -> None:
    """Neither many elements, nor a long text that is never closed, takes another look at what was read."""
    assert len(parse_forwarded(b"for=192.0.2.1," * 5_000) or ()) == 5_001
    assert parse_forwarded(b'for="' + b"\\a" * 30_000) is None
    assert parse_forwarded(b"for=1" + b" " * 60_000 + b"x") is None
