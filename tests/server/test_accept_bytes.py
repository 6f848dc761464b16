"""The bytes that tell TLS from plaintext, and the name in a ClientHello."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.server.accept.handshake_bytes import HANDSHAKE_FAILURE, alert, server_name, speaks_tls


def client_hello(name: str | None) -> bytes:
    """What OpenSSL really sends."""
    context = ssl.create_default_context()
    context.check_hostname = False
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def in_records(hello: bytes, size: int) -> bytes:
    """The same message in records of this size (RFC 8446 section 5.1 allows it)."""
    message = hello[5:]
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(hello[:3] + len(part).to_bytes(2) + part for part in parts)


HELLO = client_hello("api.example.com")


def test_the_name_in_a_real_hello() -> None:
    """It is found in one record and in many, and None where none was sent."""
    assert server_name(HELLO) == "api.example.com"
    assert server_name(in_records(HELLO, 50)) == "api.example.com"
    assert server_name(client_hello(None)) is None


@pytest.mark.parametrize(
    "flight",
    [
        pytest.param(HELLO.replace(b"api.example.com", b"api.example\xff\xfe\xfd\xfc"), id="a name that is no ASCII"),
        pytest.param(HELLO.replace(b"\x00\x00\x0fapi", b"\x07\x00\x0fapi"), id="a name of another kind"),
        pytest.param(HELLO.replace(b"\x00\x00\x0fapi", b"\x00\x00\x00api"), id="an empty name"),
        pytest.param(HELLO[:5] + b"\x02" + HELLO[6:], id="no ClientHello"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="plaintext"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_no_name(flight: bytes) -> None:
    """What is not there, or not readable, is no name."""
    assert server_name(flight) is None


@given(st.binary(max_size=300), st.integers(0, len(HELLO)), st.integers(0, len(HELLO)))
def test_any_bytes(noise: bytes, cut: int, at: int) -> None:
    """Whatever comes, cut off or overwritten anywhere: a value, and never more than 255 characters."""
    for flight in (noise, HELLO[:cut], HELLO[:at] + noise + HELLO[at + len(noise) :], b"\x16\x03\x01" + noise):
        name = server_name(flight)
        assert name is None or (name.isascii() and 0 < len(name) <= 255)


@pytest.mark.parametrize(
    ("first", "tls"),
    [
        pytest.param(HELLO, True, id="a ClientHello"),
        pytest.param(b"\x16", True, id="its first byte"),
        pytest.param(b"\x16\x03", True, id="its first two"),
        pytest.param(b"\x16\x02", False, id="another version"),
        pytest.param(b"GET / HTTP/1.1", False, id="HTTP"),
        pytest.param(b"\x80\x2e\x01\x03\x01", False, id="SSL 2"),
        pytest.param(b"", False, id="nothing"),
    ],
)
def test_speaks_tls(first: bytes, tls: bool) -> None:
    """A handshake record of TLS, and nothing else."""
    assert speaks_tls(first) is tls


def test_a_client_understands_the_alert() -> None:
    """OpenSSL reads it as what it is."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="api.example.com")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    incoming.write(alert(HANDSHAKE_FAILURE))
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        client.do_handshake()
