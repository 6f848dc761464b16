"""What trusted proxies say: followed from the nearest outwards, never past the first that is not trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection import Networks
from asvs_middleware.connection.networks import is_address
from asvs_middleware.connection.proxies import FOR, HOST, PROTO, Forwarded, read_forwarded

TRUSTED = Networks(["10.0.0.0/8", "fd00::/8", "unix"])
CLIENT = "203.0.113.5"


def said(*, peer: str = "10.0.0.9", **fields: str | list[str]) -> Forwarded:
    """Read fields named proto, client and host; a list is one line for each item."""
    names = {"proto": PROTO, "client": FOR, "host": HOST}
    pairs = []
    for field, lines in fields.items():
        pairs += [(names[field], line.encode("latin-1")) for line in ([lines] if isinstance(lines, str) else lines)]
    return read_forwarded(pairs, peer=peer, trusted=TRUSTED)


@pytest.mark.parametrize(
    ("addresses", "client"),
    [
        pytest.param(CLIENT, CLIENT, id="one hop"),
        pytest.param(f"{CLIENT}, 10.0.0.5", CLIENT, id="two hops"),
        pytest.param([CLIENT, "10.0.0.5"], CLIENT, id="two hops on two lines"),
        pytest.param(f"198.51.100.1, {CLIENT}", CLIENT, id="spoofed on the left"),
        pytest.param(f"10.0.0.5, {CLIENT}", CLIENT, id="a trusted address spoofed on the left"),
        pytest.param(["198.51.100.1", f"10.0.0.1, {CLIENT}, 10.0.0.5"], CLIENT, id="spoofed on a line of its own"),
        pytest.param("10.0.0.5, 10.0.0.6", "10.0.0.5", id="all trusted: the outermost"),
        pytest.param("", None, id="empty"),
        pytest.param("unknown", None, id="unknown, as RFC 7239 allows"),
        pytest.param("unix", None, id="our own word for a socket"),
        pytest.param("<script>", None, id="garbage"),
        pytest.param(f"{CLIENT}, garbage", None, id="garbage on the right is not skipped"),
        pytest.param(f"{CLIENT},", None, id="nothing after the comma"),
        pytest.param("10.0.0.5\0", None, id="NUL"),
        pytest.param("٣.0.0.1".encode().decode("latin-1"), None, id="digits of another script"),
        pytest.param(f"{CLIENT}:4711", CLIENT, id="with a port"),
        pytest.param("2001:db8::7", "2001:db8::7", id="IPv6"),
        pytest.param('"[2001:db8::7]:4711"', "2001:db8::7", id="IPv6 quoted, with a port"),
        pytest.param("[2001:db8::7]", "2001:db8::7", id="IPv6 in brackets"),
        pytest.param("[2001:db8::7", None, id="bracket not closed"),
        pytest.param("[2001:db8::7]evil", None, id="something after the bracket"),
        pytest.param(f"{CLIENT}:evil", None, id="no port"),
        pytest.param("fe80::1%eth0", None, id="zone"),
        pytest.param("2001:db8::7, ::ffff:10.0.0.5", "2001:db8::7", id="a trusted hop, IPv4-mapped"),
        pytest.param("2001:db8::7, fd00::1", "2001:db8::7", id="a trusted hop, IPv6"),
    ],
)
def test_the_client_is_the_first_address_that_is_not_trusted(addresses: str | list[str], client: str | None) -> None:
    """Counted from the right, where our own proxies write; what cannot be read is nobody, not somebody further left."""
    assert said(client=addresses).client == client


@pytest.mark.parametrize(
    ("addresses", "proto", "secure"),
    [
        pytest.param(CLIENT, "https", True, id="one hop over TLS"),
        pytest.param(CLIENT, "http", False, id="one hop over plaintext"),
        pytest.param(CLIENT, "HTTPS", True, id="capitals"),
        pytest.param(CLIENT, "wss", True, id="the WebSocket scheme"),
        pytest.param(CLIENT, "ws", False, id="the WebSocket scheme in plaintext"),
        pytest.param(CLIENT, "", False, id="empty"),
        pytest.param(CLIENT, "on", False, id="a word no scheme is"),
        pytest.param(CLIENT, "https;", False, id="nearly"),
        pytest.param(CLIENT, '"https"', False, id="quoted"),
        pytest.param(CLIENT, "https,http", False, id="one hop: the left one is the client's own claim"),
        pytest.param(CLIENT, ["https", "http"], False, id="one hop, the claim on a line of its own"),
        pytest.param(f"{CLIENT}, 10.0.0.5", "https,http", True, id="two hops, plaintext between the proxies"),
        pytest.param(f"{CLIENT}, 10.0.0.5", ["https", "http"], True, id="two hops on two lines"),
        pytest.param(f"{CLIENT}, 10.0.0.5", "http,https", False, id="two hops, TLS only between the proxies"),
        pytest.param(f"{CLIENT}, 10.0.0.5", "https,http,https", False, id="two hops and a claim"),
        pytest.param(f"{CLIENT}, 10.0.0.5", "https", True, id="two hops, the list replaced"),
        pytest.param(f"{CLIENT}, 10.0.0.5", "http", False, id="two hops, the list replaced, plaintext"),
        pytest.param(f"{CLIENT}, 10.0.0.5", "http, https , ", True, id="spaces and a trailing comma"),
        pytest.param(f"{CLIENT}, garbage", "https,http", False, id="garbage is one hop"),
        pytest.param("garbage", "http", False, id="an unknown client over plaintext"),
        pytest.param([], "https", True, id="no list of addresses"),
        pytest.param([], "https,http", False, id="no list of addresses: the nearest proxy counts"),
        pytest.param(CLIENT, [], None, id="no scheme: the proxy does not say"),
    ],
)
def test_the_scheme_is_the_one_the_outermost_trusted_proxy_saw(
    addresses: str | list[str], proto: str | list[str], secure: bool | None
) -> None:
    """Only https and wss are TLS, and only where a trusted proxy wrote them."""
    assert said(client=addresses, proto=proto).secure is secure


@pytest.mark.parametrize(
    ("addresses", "host", "expected"),
    [
        pytest.param(CLIENT, "api.example.com", b"api.example.com", id="one hop"),
        pytest.param(CLIENT, "evil.example, api.example.com", b"api.example.com", id="a claim on the left"),
        pytest.param(f"{CLIENT}, 10.0.0.5", "api.example.com, inner:8000", b"api.example.com", id="two hops"),
        pytest.param(CLIENT, "", b"", id="empty: a host no gate lets through"),
        pytest.param(CLIENT, [], None, id="missing"),
    ],
)
def test_the_host_comes_from_the_same_proxy(addresses: str, host: str | list[str], expected: bytes | None) -> None:
    """X-Forwarded-Host is read at the same place of the chain; the Host gate judges it afterwards."""
    assert said(client=addresses, host=host).host == expected


def test_a_proxy_on_a_unix_socket() -> None:
    """It has no address: the one it forwards counts, and without one the client is not known."""
    assert said(peer="unix", client=CLIENT).client == CLIENT
    assert said(peer="unix").client is None


def test_a_proxy_that_says_nothing_is_the_client() -> None:
    """Without X-Forwarded-For nobody further out is known."""
    assert said() == Forwarded(client="10.0.0.9", secure=None, host=None)


Field = st.sampled_from([PROTO, FOR, HOST])
Claim = st.lists(
    st.tuples(Field, st.binary(max_size=20) | st.sampled_from([b"https", b"10.0.0.5", b"a, b", b","])), max_size=6
)


@given(Claim)
def test_what_a_client_claims_changes_nothing(claims: list[tuple[bytes, bytes]]) -> None:
    """A proxy that appends to each list is believed, whatever its client sent before."""
    own = [(FOR, CLIENT.encode()), (PROTO, b"http"), (HOST, b"api.example.com")]
    found = read_forwarded([*claims, *own], peer="10.0.0.9", trusted=TRUSTED)
    assert found == Forwarded(client=CLIENT, secure=False, host=b"api.example.com")


@given(Claim, st.sampled_from(["10.0.0.9", "unix", "fd00::1"]))
def test_any_fields_are_read(pairs: list[tuple[bytes, bytes]], peer: str) -> None:
    """Whatever stands in them, the client is an address or unknown, and TLS is only what says so."""
    found = read_forwarded(pairs, peer=peer, trusted=TRUSTED)
    assert found.client is None or is_address(found.client)
    if found.secure:
        words = [word.strip().lower() for name, value in pairs if name == PROTO for word in value.split(b",")]
        assert {b"https", b"wss"} & set(words)
