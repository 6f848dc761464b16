"""Which key-exchange groups a context takes or offers: asked, not assumed."""

import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.tls import client_context, guideline, in_force, known_here, server_context
from asvs_middleware.tls.groups import NUMBERS, as_setting, client_hello
from asvs_middleware.tls.hardening import harden

Handshake = Callable[[ssl.SSLContext, ssl.SSLContext], tuple[ssl.SSLObject, ssl.SSLObject]]


@pytest.fixture
def server(pki: Path, at: datetime) -> ssl.SSLContext:
    return server_context(certfile=pki / "server.pem", keyfile=pki / "server.key", at=at)


@pytest.mark.parametrize(
    ("groups", "openssl", "expected"),
    [
        pytest.param(("X25519MLKEM768", "X25519"), (3, 0, 19), ("X25519",), id="OpenSSL 3.0"),
        pytest.param(("X25519MLKEM768", "X25519"), (3, 4, 9), ("X25519",), id="OpenSSL 3.4"),
        pytest.param(("X25519MLKEM768", "X25519"), (3, 5, 0), ("X25519MLKEM768", "X25519"), id="OpenSSL 3.5"),
        pytest.param(("X25519MLKEM768", "X25519"), (4, 0, 0), ("X25519MLKEM768", "X25519"), id="OpenSSL 4.0"),
        pytest.param((), (3, 0, 0), (), id="none"),
    ],
)
def test_known_here(groups: tuple[str, ...], openssl: tuple[int, ...], expected: tuple[str, ...]) -> None:
    """OpenSSL refuses a whole list for one unknown name, so what it lacks is left out."""
    assert known_here(groups, openssl=openssl) == expected


@pytest.mark.parametrize(
    ("openssl", "expected"),
    [
        pytest.param((3, 0, 19), "X25519:prime256v1:secp384r1", id="OpenSSL 3.0"),
        pytest.param((4, 0, 3), "*X25519MLKEM768:*X25519:prime256v1:secp384r1", id="OpenSSL 4.0"),
    ],
)
def test_a_client_sends_two_key_shares(openssl: tuple[int, ...], expected: str) -> None:
    """A peer without ML-KEM need not ask again for the other."""
    assert as_setting(guideline("intermediate-6.0").groups, openssl=openssl) == expected


@pytest.mark.parametrize("group", ["X25519", "prime256v1", "secp384r1", "secp521r1", "X448"])
def test_a_server_is_believed_for_what_it_does(group: str, server: ssl.SSLContext) -> None:
    """The one group of a context is found, and found alone."""
    server.set_ecdh_curve(group)
    assert in_force(server) == (group,)


def test_what_is_found_agrees_with_real_handshakes(
    server: ssl.SSLContext, ca: trustme.CA, handshake: Handshake
) -> None:
    """A client that has one group only gets through exactly where that group was found."""
    found = in_force(server)
    assert found is not None
    for group in ("X25519", "prime256v1", "secp384r1", "secp521r1", "X448", "secp256k1", "brainpoolP256r1"):
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ca.configure_trust(client)
        client.minimum_version = ssl.TLSVersion.TLSv1_3
        client.set_ecdh_curve(group)
        if group in found:
            handshake(client, server)
        else:
            with pytest.raises(ssl.SSLError, match=r"NO_SUITABLE_KEY_SHARE|NO_SUITABLE_GROUPS|NO_SHARED_GROUP|ALERT"):
                handshake(client, server)


def test_a_client_is_read(pki: Path, at: datetime) -> None:
    """What a client offers stands in its ClientHello, with or without a server's name in it."""
    context = client_context(trust=pki / "ca.pem", at=at)
    context.set_ecdh_curve("prime256v1")
    assert in_force(context) == ("prime256v1",)
    context.check_hostname = False
    assert in_force(context) == ("prime256v1",)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda c: setattr(c, "maximum_version", ssl.TLSVersion.TLSv1_2), id="no TLS 1.3"),
        pytest.param(None, id="no certificate"),
    ],
)
def test_a_server_that_does_not_tell(spoil: Callable[[ssl.SSLContext], None] | None, server: ssl.SSLContext) -> None:
    """None is not an empty list: nothing is claimed of a context that cannot be asked."""
    if spoil is None:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    else:
        spoil(server)
    assert in_force(server) is None


def test_a_client_that_does_not_tell() -> None:
    """Suites without elliptic curves in TLS 1.2: no groups are offered."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-GCM-SHA256")
    assert in_force(context) is None


def test_a_server_that_finishes_took_nothing(server: ssl.SSLContext) -> None:
    """A context whose objects say that the handshake is over, after one message, proves nothing."""

    class Finished(ssl.SSLObject):
        def do_handshake(self) -> None:
            """Say nothing went wrong."""

    server.sslobject_class = Finished
    assert in_force(server) is None


def test_python_that_can_choose_does() -> None:
    """From Python 3.15 on the groups of the profile are set on the context itself."""

    class Choosing(ssl.SSLContext):
        chosen = ""

        def set_groups(self, groups: str) -> None:
            self.chosen = groups

    context = Choosing(ssl.PROTOCOL_TLS_SERVER)
    harden(context, guideline("intermediate-6.0"))
    assert context.chosen == as_setting(guideline("intermediate-6.0").groups)


@given(st.integers(0, 0xFFFF))
def test_any_number_can_be_offered(number: int) -> None:
    """The message is well formed for every group, known or not: its lengths say what is there."""
    hello = client_hello(number)
    assert int.from_bytes(hello[3:5]) == len(hello) - 5
    assert int.from_bytes(hello[6:9]) == len(hello) - 9
    assert number.to_bytes(2) in hello


def test_every_group_of_a_guideline_has_a_number() -> None:
    """What a profile names can be asked about."""
    assert {*guideline("intermediate-6.0").groups} <= NUMBERS.keys()
