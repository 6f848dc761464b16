"""The keys and certificates of the example: new at each start, in a folder of their own."""

import os
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from asvs_middleware.certificates.pins import render_pin, spki_sha256
from asvs_middleware.server.pki import DevelopmentCA, Issued


def make_pki(folder: Path) -> tuple[str, ...]:
    """Write every key and certificate; return the partner's pins: its own key, and its CA's as the spare."""
    now = datetime.now(UTC)
    root = DevelopmentCA.root("Example root", at=now)
    servers = root.issue_authority("Example servers", at=now)
    clients = DevelopmentCA.root("Example clients", at=now)
    strangers = DevelopmentCA.root("Somebody else's clients", at=now)
    local = ("localhost", "127.0.0.1", "::1")
    partner = servers.issue_server(*local, at=now)
    revoked = clients.issue_client("Batch 2", uris=["spiffe://payments.example/batch/revoked"], at=now)
    issued = {
        "payments": servers.issue_server(*local, "payments.example", at=now),
        "issuer": servers.issue_server(*local, at=now),
        "partner": partner,
        "service": clients.issue_client("Payments service", dns=["payments.internal"], at=now),
        "customer": clients.issue_client("Customer", uris=["spiffe://payments.example/customer/1"], at=now),
        "batch": clients.issue_client("Batch 1", uris=["spiffe://payments.example/batch/nightly"], at=now),
        "revoked": revoked,
        "stranger": strangers.issue_client("Stranger", uris=["spiffe://payments.example/batch/nightly"], at=now),
    }
    for name, one in issued.items():
        _write(folder / f"{name}.pem", one.pem)
        _write(folder / f"{name}.key", one.key_pem)
    _write(folder / "ca.pem", root.pem)
    _write(folder / "clients-ca.pem", clients.pem)
    _write(folder / "clients.crl", clients.crl([revoked.certificate], at=now).public_bytes(Encoding.PEM))
    signing = ec.generate_private_key(ec.SECP256R1())
    _write(folder / "signing.key", signing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return tuple(_pin(one) for one in (partner, servers))


def _pin(one: Issued) -> str:
    return render_pin(spki_sha256(one.der))


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
