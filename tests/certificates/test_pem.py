"""Half a PEM file: refused wherever one is read, before the first connection. v5.0.0-12.3.4 and 13.3.4."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware import ClientCertificates
from asvs_middleware.certificates.pem import is_torn
from asvs_middleware.certificates.revocation.ocsp_responder import Responder
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.pki import DevelopmentCA
from asvs_middleware.tls import client_context, server_context

WHOLE = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(WHOLE, False, id="one block"),
        pytest.param(b"CN=ca -----\n" + WHOLE + b"# the next one\n" + WHOLE + b"end", False, id="text between blocks"),
        pytest.param(WHOLE[:-1], False, id="no newline at the end"),
        pytest.param(WHOLE.replace(b"\n", b"\r\n"), False, id="lines of Windows"),
        pytest.param(WHOLE + WHOLE.replace(b"CERTIFICATE", b"X9.42 DH PARAMETERS"), False, id="a dot in a label"),
        pytest.param(b"", False, id="nothing"),
        pytest.param(b"\x30\x82-----\xff", False, id="DER"),
        pytest.param(WHOLE[:-2], True, id="a dash missing"),
        pytest.param(WHOLE[:40], True, id="half a block"),
        pytest.param(WHOLE[30:] + WHOLE, True, id="the end of another"),
        pytest.param(WHOLE[5:] + WHOLE, True, id="a first line without its dashes"),
        pytest.param(WHOLE + WHOLE[:4], True, id="four dashes of a second"),
        pytest.param(WHOLE + WHOLE[:12], True, id="half the first line of a second"),
        pytest.param(WHOLE + WHOLE[:27], True, id="the first line of a second"),
        pytest.param(WHOLE[:40] + WHOLE, True, id="half a block before a whole one"),
        pytest.param(WHOLE.replace(b"END C", b"END X"), True, id="another end"),
        pytest.param(b"-----BEGIN A-----" * 100_000, True, id="many beginnings"),
        pytest.param(WHOLE + b"-" * 200_000 + b"x", False, id="many dashes"),
    ],
)
def test_torn(data: bytes, expected: bool) -> None:
    """A PEM file is whole when every edge of a block belongs to a whole block; however long, it is told at once."""
    assert is_torn(data) is expected


@given(st.integers(1, 3), st.integers(1, len(WHOLE) - 2))
def test_torn_anywhere(blocks: int, cut: int) -> None:
    """Wherever the last of several blocks is cut, that is seen."""
    assert is_torn(blocks * WHOLE + WHOLE[:cut])


@given(
    st.binary(max_size=200) | st.lists(st.sampled_from([WHOLE, WHOLE[:27], WHOLE[27:], b"-----", b"\n"])).map(b"".join)
)
def test_any_bytes(data: bytes) -> None:
    """Whatever a file holds: an answer."""
    assert is_torn(data) in {True, False}


class Files:
    """A server, a client and their CAs, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.at = folder, datetime.now(UTC)
        root = DevelopmentCA.root("Test", at=self.at)
        own = root.issue_server("localhost", at=self.at)
        crl = root.crl([], at=self.at, number=1).public_bytes(Encoding.PEM)
        held = {"ca.pem": root.pem, "trust.pem": root.pem, "own.pem": own.pem, "own.key": own.key_pem, "ca.crl": crl}
        for name, data in held.items():
            (folder / name).touch(mode=0o600)
            (folder / name).write_bytes(data)

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def server(self) -> Any:
        files = {"certfile": self["own.pem"], "keyfile": self["own.key"], "client_ca": self["ca.pem"]}
        return server_context(**files, client_certificates="optional", at=self.at)

    def client(self) -> Any:
        return client_context(trust=self["ca.pem"], client_certificate=(self["own.pem"], self["own.key"]), at=self.at)

    def clients(self) -> Any:
        return ClientCertificates(trust=self["ca.pem"], crls=[self["ca.crl"]])

    def intermediates(self) -> Any:
        return ClientCertificates(trust=self["trust.pem"], intermediates=[self["ca.pem"]])

    def responder(self) -> Any:
        return Responder(url="https://ocsp.example", issuers=[self["ca.pem"]])


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: data + data[:25], id="half the first line of a second"),
        pytest.param(lambda data: data + data[: len(data) // 2], id="half a second"),
        pytest.param(lambda data: data[: len(data) // 2], id="half of it"),
        pytest.param(lambda data: data[len(data) // 2 :] + data, id="half of another before it"),
    ],
)
@pytest.mark.parametrize(
    ("reader", "name", "argument"),
    [
        pytest.param(Files.server, "own.pem", "certfile", id="a server's certificate"),
        pytest.param(Files.server, "own.key", "keyfile", id="a server's key"),
        pytest.param(Files.server, "ca.pem", "client_ca", id="the CAs of its clients"),
        pytest.param(Files.client, "ca.pem", "trust", id="the CAs a client trusts"),
        pytest.param(Files.client, "own.pem", "certfile", id="a client's certificate"),
        pytest.param(Files.client, "own.key", "keyfile", id="a client's key"),
        pytest.param(Files.clients, "ca.pem", "trust", id="the app's CAs"),
        pytest.param(Files.intermediates, "ca.pem", "intermediates", id="the app's intermediate CAs"),
        pytest.param(Files.responder, "ca.pem", "issuers", id="the CAs of a responder"),
    ],
)
def test_half_a_file_stops_the_start(
    reader: Callable[[Files], Any], name: str, argument: str, spoil: Callable[[bytes], bytes], files: Files
) -> None:
    """Whole, each file is taken; cut off, it is named with what to do. OpenSSL would pass the half block over."""
    reader(files)
    files[name].write_bytes(spoil(files[name].read_bytes()))
    with pytest.raises(ConfigurationError, match=rf"{argument}=.*{name}.* is not whole\. Give all of the file"):
        reader(files)


@pytest.mark.parametrize(
    ("reader", "name", "argument"),
    [
        pytest.param(Files.server, "own.pem", "certfile", id="a server's certificate"),
        pytest.param(Files.client, "own.pem", "certfile", id="a client's certificate"),
        pytest.param(Files.clients, "ca.pem", "trust", id="the app's CAs"),
        pytest.param(Files.responder, "ca.pem", "issuers", id="the CAs of a responder"),
    ],
)
def test_a_version_that_there_is_not(reader: Callable[[Files], Any], name: str, argument: str, files: Files) -> None:
    """RFC 5280 section 4.1.2.1: a certificate of a sixth version is our error, not the parser's."""
    der = ssl.PEM_cert_to_DER_cert(files[name].read_text())
    files[name].write_text(ssl.DER_cert_to_PEM_cert(der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1)))
    with pytest.raises(ConfigurationError, match=f"{argument}=.*{name}"):
        reader(files)
