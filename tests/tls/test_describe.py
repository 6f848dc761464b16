"""describe() tells what is in force, not what was asked for."""

import json
import platform
import ssl
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from asvs_middleware.tls import client_context, describe, guideline, server_context
from asvs_middleware.tls.describe import missing


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
    assert sorted(said.suites) == sorted(chosen.tls_1_3_suites + chosen.tls_1_2_suites)
    assert (said.oldest_version, said.newest_version) == (chosen.oldest.name, chosen.newest.name)
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
        assert getattr(said, name) == value, name


def test_a_client(pki: Path, at: datetime) -> None:
    """A client checks names and chains to the letter; JSON can hold the answer."""
    said = describe(client_context(trust=pki / "ca.pem", at=at))
    assert said.check_hostname is True
    assert {"VERIFY_X509_STRICT", "VERIFY_X509_PARTIAL_CHAIN"} <= set(said.verify_flags)
    assert {"X25519", "prime256v1", "secp384r1"} <= set(said.groups)
    assert json.loads(json.dumps(said.as_dict())) == said.as_dict()
    assert {one["requirement"] for one in said.as_dict()["missing"]} >= {"v5.0.0-12.1.5"}


def test_a_context_of_somebody_else() -> None:
    """Python's own default is described as it is, weaknesses included."""
    said = describe(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    assert (said.tickets, said.verify_mode) == (True, "CERT_NONE")
    assert any("SHA256" in name and "GCM" not in name for name in said.suites)
    assert "groups: not told" in str(said)  # It has no certificate, and so refuses every group.


def test_for_a_person(pki: Path, at: datetime) -> None:
    """The lines of a start: versions, suites, groups; then what is not to be had here, and who owes it."""
    context = server_context(certfile=pki / "server.pem", keyfile=pki / "server.key", at=at)
    context.set_ecdh_curve("X25519")
    lines = str(describe(context)).splitlines()
    assert lines[0] == f"TLSv1_2 to TLSv1_3 by {ssl.OPENSSL_VERSION}, Python {platform.python_version()}"
    assert lines[2:4] == ["groups: X25519", "session tickets: on; peer's certificate: CERT_NONE"]
    assert describe(context).facts() == {
        "versions": "TLSv1_2 to TLSv1_3",
        "groups": "X25519",
        "openssl": ssl.OPENSSL_VERSION,
        "python": platform.python_version(),
        "not_here": "; ".join(one.what for one in describe(context).missing),
    }
    assert all(line.startswith("not here: ") and ". Owed by " in line for line in lines[4:])


NEWEST: dict[str, Any] = {"openssl": (4, 0, 0), "choosable": True}


@pytest.mark.parametrize(
    ("groups", "build", "client", "expected"),
    [
        pytest.param(
            ("X25519",), {"openssl": (3, 0, 19), "choosable": False}, False, [2, 2, 5, 4, 3, 1], id="of today"
        ),
        pytest.param(("X25519MLKEM768",), NEWEST, False, [5, 4, 3, 1], id="Python 3.15, OpenSSL 4"),
        pytest.param(("X25519",), NEWEST, False, [2, 5, 4, 3, 1], id="a profile from before ML-KEM"),
        pytest.param(("X25519MLKEM768",), NEWEST, True, [5], id="a client"),
    ],
)
def test_what_is_missing(groups: tuple[str, ...], build: dict[str, Any], client: bool, expected: list[int]) -> None:
    """Each gap names its requirement; none is claimed where the build can do it."""
    found = missing(groups, client=client, **build)
    wanted = [f"v5.0.0-12.1.{number}" if number > 1 else "v5.0.0-12.2.1" for number in expected]
    assert [one.requirement for one in found] == wanted
    assert all(one.what and one.why and one.owed_by for one in found)
