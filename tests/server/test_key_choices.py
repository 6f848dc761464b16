"""Several pairs of certificate and key, and a password in a file."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.pki import DevelopmentCA
from asvs_middleware.server.policy import ServerPolicy
from asvs_middleware.tls.files import read_profile

FILES: dict[str, Any] = {"certfile": "a.pem", "keyfile": "a.key"}


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        pytest.param({"other_certificates": "rsa.pem"}, "holds a str that is no pair", id="a path"),
        pytest.param({"other_certificates": ["rsa.pem"]}, "holds a str that is no pair", id="a list of paths"),
        pytest.param({"other_certificates": [("a", "b", "c")]}, "holds a tuple that is no pair", id="three"),
        pytest.param({"other_certificates": [("a", "")]}, "holds a tuple that is no pair", id="an empty path"),
        pytest.param({"other_certificates": [("a", 1)]}, "holds a tuple that is no pair", id="a number"),
        pytest.param(
            {"keyfile_password": "secret", "keyfile_password_file": "file"}, "gives the password twice", id="twice"
        ),
        pytest.param({"profile": "modern-6.0", "profile_file": "file"}, "gives the profile twice", id="two profiles"),
        pytest.param({"profile_file": ""}, r"profile_file=''\) is no path", id="no path"),
        pytest.param(
            {"certfile": None, "keyfile": None, "uds": "/run/a.sock", "other_certificates": [("a", "b")]},
            "no first certificate",
            id="no first one",
        ),
    ],
)
def test_wrong_choices_stop_the_start_up(choices: dict[str, Any], message: str) -> None:
    """Each message says what to write instead, and none holds the password."""
    with pytest.raises(ConfigurationError, match=message) as refused:
        ServerPolicy(**FILES | choices)
    assert "secret" not in str(refused.value)


def test_a_list_becomes_a_tuple() -> None:
    """A policy does not change once it is made."""
    policy = ServerPolicy(**FILES, other_certificates=[["rsa.pem", Path("rsa.key")]])  # type: ignore[list-item]
    assert policy.other_certificates == (("rsa.pem", Path("rsa.key")),)


@pytest.mark.parametrize("given", ["hunter2-my-key-password", "hunter2", "-----BEGIN 1.2", "a b c 1.0"])
def test_another_file_is_not_repeated(given: str, tmp_path: Path) -> None:
    """v5.0.0-16.2.5: by mistake it may be the one with the password."""
    (tmp_path / "profile").write_text(given)
    with pytest.raises(ConfigurationError, match="profile") as refused:
        read_profile("profile_file", tmp_path / "profile")
    assert given not in str(refused.value)


def test_a_profile_that_cannot_be_read_twice(tmp_path: Path) -> None:
    """A pipe would hold up whoever looks at the files."""
    os.mkfifo(tmp_path / "profile")
    with pytest.raises(ConfigurationError, match="no file that can be read again and again"):
        read_profile("profile_file", tmp_path / "profile")


def test_a_password_file_opens_the_key(tmp_path: Path) -> None:
    """It is read whenever a context is built, so that a renewed key may come with a new password."""
    at = datetime.now(UTC)
    issued = DevelopmentCA.root("Test", at=at).issue_server("localhost", at=at)
    policy = ServerPolicy(
        certfile=tmp_path / "own.pem", keyfile=tmp_path / "own.key", keyfile_password_file=tmp_path / "password"
    )
    (tmp_path / "own.pem").write_bytes(issued.pem)
    for name in ("own.key", "password"):
        (tmp_path / name).touch(mode=0o600)
    for password in (b"correct horse", b"battery staple"):
        key = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
        (tmp_path / "own.key").write_bytes(key)
        (tmp_path / "password").write_bytes(password + b"\n")
        policy.context(at)
    (tmp_path / "password").write_text("wrong")
    with pytest.raises(ConfigurationError, match=r"keyfile=.*own.key"):
        policy.context(at)
    replace(policy, keyfile_password="battery staple", keyfile_password_file=None).context(at)
