"""describe() tells what is in force, not what was asked for."""

import json
import ssl
from datetime import datetime
from pathlib import Path

import pytest

from asvs_middleware.tls import client_context, describe, guideline, server_context


@pytest.mark.parametrize("profile", ["intermediate-6.0", "modern-6.0"])
def test_a_server(profile: str, pki: Path, at: datetime) -> None:
    """Exactly the versions and suites of the profile, and the settings that go with client certificates."""
    chosen = guideline(profile)
    said = describe(
        server_context(
            certfile=pki / "server.pem",
            keyfile=pki / "server.key",
            client_ca=pki / "ca.pem",
            client_certificates="required",
            profile=profile,
            at=at,
        )
    )
    assert sorted(said["suites"]) == sorted(chosen.tls_1_3_suites + chosen.tls_1_2_suites)  # type: ignore[arg-type]
    assert (said["oldest_version"], said["newest_version"]) == (chosen.oldest.name, chosen.newest.name)
    for name, value in {
        "compression": False,
        "renegotiation": False,
        "tickets": False,
        "server_preference": True,
        "verify_mode": "CERT_REQUIRED",
        "security_level": 2,
        "trust_anchors": 1,
        "openssl": ssl.OPENSSL_VERSION,
    }.items():
        assert said[name] == value, name


def test_a_client(pki: Path, at: datetime) -> None:
    """A client checks names and chains to the letter; JSON can hold the answer."""
    said = describe(client_context(trust=pki / "ca.pem", at=at))
    assert said["check_hostname"] is True
    assert {"VERIFY_X509_STRICT", "VERIFY_X509_PARTIAL_CHAIN"} <= set(said["verify_flags"])  # type: ignore[arg-type]
    assert json.loads(json.dumps(said)) == said


def test_a_context_of_somebody_else() -> None:
    """Python's own default is described as it is, weaknesses included."""
    said = describe(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    assert (said["tickets"], said["verify_mode"]) == (True, "CERT_NONE")
    assert any("SHA256" in name and "GCM" not in name for name in said["suites"])  # type: ignore[union-attr]
