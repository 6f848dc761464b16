"""A clients CA, and a server that says which certificate the handshake showed."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from asvs_middleware import ClientCertificates
from asvs_middleware.server.pki import DevelopmentCA, Issued


@dataclass(frozen=True)
class Clients:
    """Clients with certificates: one is in order, one was revoked, one comes from somebody else's CA."""

    policy: ClientCertificates
    batch: Issued
    other: Issued
    revoked: Issued
    foreign: Issued


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    now = datetime.now(UTC)
    ca, stranger = DevelopmentCA.root("Clients", at=now), DevelopmentCA.root("Strangers", at=now)
    revoked = ca.issue_client("Revoked", uris=["spiffe://example.org/batch/revoked"], at=now)
    folder: Path = tmp_path_factory.mktemp("clients")
    (folder / "ca.pem").write_bytes(ca.pem)
    (folder / "clients.crl").write_bytes(ca.crl([revoked.certificate], at=now).public_bytes(Encoding.PEM))
    return Clients(
        policy=ClientCertificates(trust=folder / "ca.pem", crls=[folder / "clients.crl"]),
        batch=ca.issue_client("Batch", uris=["spiffe://example.org/batch/nightly"], at=now),
        other=ca.issue_client("Other", dns=["other.example.org"], at=now),
        revoked=revoked,
        foreign=stranger.issue_client("Foreign", uris=["spiffe://example.org/batch/nightly"], at=now),
    )


@pytest.fixture
def showing() -> Callable[[Any, Issued | None], Any]:
    """Serve an app as a TLS server does that writes the client's certificate into the scope (ASGI's tls extension)."""

    def server(app: Any, shown: Issued | None) -> Any:
        chain = [] if shown is None else [ssl.DER_cert_to_PEM_cert(shown.der)]

        async def serve(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "extensions": {"tls": {"client_cert_chain": chain}}}, receive, send)

        return serve

    return server


@pytest.fixture
def bound_to() -> Callable[[Issued], dict[str, str]]:
    """Return the claim that binds a token to a certificate (RFC 8705 section 3.1)."""

    def cnf(to: Issued) -> dict[str, str]:
        return {"x5t#S256": jwt.utils.base64url_encode(sha256(to.der).digest()).decode()}

    return cnf
