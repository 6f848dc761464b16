"""The certificate the client showed: from the server's `tls` extension, else from the handshake. v5.0.0-12.1.3."""

import ssl
from collections.abc import Callable
from typing import Any

import pytest
import trustme

from asvs_middleware.connection import Networks, connection_reader, presented_chain
from asvs_middleware.errors import CertificateRefused

Make = Callable[..., Any]

CA = trustme.CA()
PEM, ISSUER_PEM = (blob.bytes().decode() for blob in (CA.issue_cert("client.test").cert_chain_pems[0], CA.cert_pem))
DER, ISSUER_DER = map(ssl.PEM_cert_to_DER_cert, (PEM, ISSUER_PEM))

read = connection_reader(Networks(["10.0.0.0/8"]))


def chain(a_scope: Make, receive: Any, tls: object, *, peer: str = "192.0.2.1") -> tuple[bytes, ...]:
    scope = a_scope(scheme="https", client=(peer, 1), extensions={"tls": tls})
    return presented_chain(read(scope, receive))


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        pytest.param({"client_cert_chain": (PEM, ISSUER_PEM)}, (DER, ISSUER_DER), id="PEM chain, as version 0.2 says"),
        pytest.param({"client_cert_chain": [PEM]}, (DER,), id="a list of one"),
        pytest.param({"client_cert_chain": (DER, ISSUER_DER)}, (DER, ISSUER_DER), id="DER chain"),
        pytest.param({"client_cert_chain": (pem for pem in (PEM,))}, (DER,), id="an iterator"),
        pytest.param({"client_cert": DER}, (DER,), id="DER leaf"),
        pytest.param({"client_cert": PEM}, (DER,), id="PEM leaf"),
        pytest.param({"client_cert": DER, "client_cert_chain": [DER, ISSUER_DER]}, (DER, ISSUER_DER), id="both"),
        pytest.param({"client_cert": DER, "client_cert_chain": ()}, (DER,), id="DER leaf, and no chain before 3.13"),
        pytest.param({"client_cert_chain": ()}, (), id="empty chain: the client showed none"),
        pytest.param({"client_cert_chain": None, "client_cert": None}, (), id="nothing in it"),
        pytest.param({"server_cert": PEM}, (), id="the server's own is not the client's"),
        pytest.param({}, (), id="empty"),
        pytest.param(None, (), id="None"),
    ],
)
def test_the_extension(a_scope: Make, receive: Any, tls: object, expected: tuple[bytes, ...]) -> None:
    """Every spelling in use gives the same DER certificates, leaf first."""
    assert chain(a_scope, receive, tls) == expected


@pytest.mark.parametrize(
    "tls",
    [
        pytest.param({"client_cert_chain": ["no certificate"]}, id="text"),
        pytest.param({"client_cert_chain": [PEM, "no certificate"]}, id="text after a certificate"),
        pytest.param({"client_cert_chain": PEM}, id="one text instead of a list"),
        pytest.param({"client_cert_chain": DER}, id="one DER instead of a list"),
        pytest.param({"client_cert_chain": [None]}, id="None in the list"),
        pytest.param({"client_cert_chain": 4711}, id="a number"),
        pytest.param({"client_cert": 4711}, id="a number as leaf"),
        pytest.param({"client_cert": PEM.replace("M", "é")}, id="not ASCII"),
        pytest.param(
            {"client_cert": "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"}, id="broken base64"
        ),
        pytest.param({"client_cert": ISSUER_DER, "client_cert_chain": [DER]}, id="a leaf that is not the chain's"),
        pytest.param("text", id="the extension is a text"),
        pytest.param([PEM], id="the extension is a list"),
    ],
)
def test_what_is_no_certificate_is_refused(a_scope: Make, receive: Any, tls: object) -> None:
    """It is neither passed on nor taken for "no certificate", and nothing of it is in the message."""
    with pytest.raises(
        CertificateRefused, match=r"^The server's tls extension holds a .* that cannot be read\.$"
    ) as error:
        chain(a_scope, receive, tls)
    assert error.value.facts == {"reason_code": "malformed"}


@pytest.mark.parametrize(
    "tls",
    [
        pytest.param({"client_cert_chain": [PEM], "client_cert_error": "revoked"}, id="with the chain"),
        pytest.param({"client_cert": PEM, "client_cert_error": "revoked"}, id="with the leaf"),
        pytest.param({"client_cert_error": "revoked"}, id="without the certificate"),
    ],
)
def test_what_the_server_could_not_verify_is_refused(a_scope: Make, receive: Any, tls: object) -> None:
    """The extension's client_cert_error is the server's no, whatever stands beside it; its text is not repeated."""
    with pytest.raises(CertificateRefused, match=r"^The server could not verify the client certificate\.$") as error:
        chain(a_scope, receive, tls)
    assert error.value.facts == {"reason_code": "refused_by_server"}


@pytest.mark.parametrize("error", [None, ""])
def test_a_server_without_objection(a_scope: Make, receive: Any, error: object) -> None:
    """No text means that nothing was found."""
    assert chain(a_scope, receive, {"client_cert": PEM, "client_cert_error": error}) == (DER,)


@pytest.mark.parametrize("extensions", [None, {}, {"tls": None}, {"websocket.http.response": {}}])
def test_no_extension_and_no_transport(a_scope: Make, receive: Any, extensions: object) -> None:
    """Where nobody knows of a certificate there is none."""
    assert presented_chain(read(a_scope(extensions=extensions), receive)) == ()


def test_behind_a_proxy_there_is_none(a_scope: Make, receive: Any) -> None:
    """The handshake was the proxy's: its certificate must never count as the client's."""
    assert chain(a_scope, receive, {"client_cert_chain": [PEM]}, peer="10.0.0.9") == ()


@pytest.mark.anyio
async def test_the_handshake(a_scope: Make, accepted: Make, ca: trustme.CA, server_tls: Any, client_tls: Make) -> None:
    """Without an extension the transport's TLS object tells: the leaf, and on Python 3.13 what it was verified with."""
    leaf = ca.issue_cert("client.test")
    async with accepted(server=server_tls, client=client_tls(leaf)) as receive:
        found = presented_chain(read(a_scope(), receive))
    der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
    root = ssl.PEM_cert_to_DER_cert(ca.cert_pem.bytes().decode())
    verified = hasattr(ssl.SSLObject, "get_verified_chain")
    assert found == ((der, root) if verified else (der,))


@pytest.mark.anyio
async def test_a_handshake_without_a_certificate(
    a_scope: Make, accepted: Make, server_tls: Any, client_tls: Make
) -> None:
    """A client that was asked and showed none has none."""
    async with accepted(server=server_tls, client=client_tls(None)) as receive:
        assert presented_chain(read(a_scope(), receive)) == ()


@pytest.mark.anyio
async def test_plaintext(a_scope: Make, accepted: Make) -> None:
    """A transport without TLS has none."""
    async with accepted() as receive:
        assert presented_chain(read(a_scope(), receive)) == ()


class Resumed:
    """A TLS object as OpenSSL leaves it where it kept no chain: the leaf only."""

    def getpeercert(self, *, binary_form: bool) -> bytes:
        return DER

    def get_verified_chain(self) -> None:
        return None


class Before313:
    """A TLS object of Python 3.11 and 3.12: it does not know of chains."""

    def getpeercert(self, *, binary_form: bool) -> bytes:
        return DER


@pytest.mark.parametrize("tls", [Resumed(), Before313()], ids=["no chain kept", "no chain known"])
def test_the_leaf_alone(a_scope: Make, receive: Any, tls: Any) -> None:
    """A leaf without its chain is what was shown; `certificates` finds its issuers."""
    connection = read(a_scope(), receive)
    connection = connection._replace(transport=connection.transport._replace(tls=tls), via_proxy=False)
    assert presented_chain(connection) == (DER,)


def with_tls(a_scope: Make, receive: Any, said: object, tls: Any) -> Any:
    """Return a connection of which the server and the handshake both say something."""
    connection = read(a_scope(extensions={"tls": said}), receive)
    return connection._replace(transport=connection.transport._replace(tls=tls), via_proxy=False)


class Shown:
    """A TLS object that knows this chain, and counts how often it is asked."""

    def __init__(self, *chain: bytes) -> None:
        self.chain, self.asked = list(chain), 0

    def getpeercert(self, *, binary_form: bool) -> bytes | None:
        self.asked += 1
        return self.chain[0] if self.chain else None

    def get_verified_chain(self) -> list[bytes]:
        return self.chain


@pytest.mark.parametrize(
    ("said", "shown", "expected"),
    [
        pytest.param([PEM, ISSUER_PEM], [DER, ISSUER_DER], (DER, ISSUER_DER), id="alike"),
        pytest.param([PEM, ISSUER_PEM], [DER], (DER, ISSUER_DER), id="the server knows more"),
        pytest.param([PEM], [DER, ISSUER_DER], (DER, ISSUER_DER), id="the handshake knows more"),
        pytest.param([], [DER], (DER,), id="the server's is empty"),
        pytest.param([], [], (), id="nobody showed one"),
    ],
)
def test_two_sources_that_agree(a_scope: Make, receive: Any, said: Any, shown: Any, expected: Any) -> None:
    """The longer chain of the same leaf."""
    assert presented_chain(with_tls(a_scope, receive, {"client_cert_chain": said}, Shown(*shown))) == expected


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param([PEM], [ISSUER_DER], id="another leaf"),
        pytest.param([PEM], [], id="the handshake knows of none"),
        pytest.param([PEM, ISSUER_PEM], [ISSUER_DER, DER], id="another order"),
    ],
)
def test_two_sources_that_do_not(a_scope: Make, receive: Any, said: Any, shown: Any) -> None:
    """Whoever wrote the extension, it was not the server of this connection: neither of the two is believed."""
    with pytest.raises(CertificateRefused, match="names another client certificate than the handshake") as error:
        presented_chain(with_tls(a_scope, receive, {"client_cert_chain": said}, Shown(*shown)))
    assert error.value.facts == {"reason_code": "two_sources"}


def test_a_handshake_is_read_once(a_scope: Make, receive: Any) -> None:
    """A connection brings many requests, and its handshake does not change; another connection is read anew."""
    tls, other = Shown(DER), Shown(ISSUER_DER)
    for _ in range(3):
        assert presented_chain(with_tls(a_scope, receive, None, tls)) == (DER,)
        assert presented_chain(with_tls(a_scope, receive, None, other)) == (ISSUER_DER,)
    assert (tls.asked, other.asked) == (1, 1)
