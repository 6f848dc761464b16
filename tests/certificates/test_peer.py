"""The certificate a peer has to show: whose, and whom it may name."""

from pathlib import Path
from typing import Any

import pytest

from asvs_middleware.certificates import ClientCertificates, IdentityPattern, PeerCertificate
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.pki import DevelopmentCA


@pytest.fixture
def certificates(ca: DevelopmentCA, tmp_path: Path) -> ClientCertificates:
    (tmp_path / "ca.pem").write_bytes(ca.pem)
    return ClientCertificates(trust=tmp_path / "ca.pem")


def test_identities_are_patterns(certificates: ClientCertificates) -> None:
    """They are written as in @sensitive(client_certificate=...)."""
    peer = PeerCertificate(certificates, identities=["Pull.CDN.example", "spiffe://cdn.example/edge/"])
    assert peer.patterns == (
        IdentityPattern.parse("dns:pull.cdn.example"),
        IdentityPattern.parse("spiffe://cdn.example/edge/"),
    )


@pytest.mark.parametrize(
    ("identities", "message"),
    [
        pytest.param([], r"identities=\[\]\) names nobody; its CA may issue to anybody.*List whom", id="nobody"),
        pytest.param("dns:pull.cdn.example", "names nobody", id="one text"),
        pytest.param(None, "names nobody", id="nothing"),
        pytest.param(["*.cdn.example"], "is not a host name", id="a wildcard"),
        pytest.param([5], "IdentityPattern 5", id="a number"),
    ],
)
def test_identities_that_cannot_be_right(certificates: ClientCertificates, identities: Any, message: str) -> None:
    """A CA without identities would let in all of its customers."""
    with pytest.raises(ConfigurationError, match=message):
        PeerCertificate(certificates, identities=identities)


def test_no_certificates() -> None:
    """A path is not enough: the policy of these certificates is one of its own."""
    with pytest.raises(ConfigurationError, match=r"got a str, not a ClientCertificates.*Write PeerCertificate\("):
        PeerCertificate("cdn-ca.pem", identities=["dns:cdn.example"])  # type: ignore[arg-type]
