"""ServerPolicy: wrong values stop the start-up with the sentence that repairs them."""

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.policy import ServerPolicy

FILES: dict[str, Any] = {"certfile": "server.pem", "keyfile": "server.key"}


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        pytest.param({"certfile": ""}, r"certfile=''\) is no path", id="empty certfile"),
        pytest.param({"keyfile": None}, r"keyfile=None\) is no path", id="no keyfile"),
        pytest.param({"client_ca": ""}, r"client_ca=''\) is no path", id="empty client_ca"),
        pytest.param({"client_ca": 1}, r"client_ca=1\) is no path. Give the path", id="client_ca is a number"),
        pytest.param({"client_certificates": "require"}, "Did you mean 'required'", id="misspelt mode"),
        pytest.param({"client_certificates": "required"}, "names nobody.*Add client_ca", id="required without CA"),
        pytest.param({"host": ""}, r"host=''\) is no address", id="empty host"),
        pytest.param({"host": None}, r"host=None\) is no address", id="no host"),
        pytest.param({"port": -1}, r"port=-1\) is no port. Use 0 to 65535", id="negative port"),
        pytest.param({"port": 65536}, r"port=65536\) is no port", id="port too high"),
        pytest.param({"port": "8443"}, r"port='8443'\) is no port", id="port as text"),
        pytest.param({"port": True}, r"port=True\) is no port", id="port as boolean"),
        pytest.param({"redirect_port": 1.5}, r"redirect_port=1.5\) is no port", id="redirect_port as float"),
        pytest.param({"public_port": 0}, r"public_port=0\) is no port. Use 1 to 65535", id="public_port 0"),
        pytest.param({"redirect_port": 8443}, "one port two tasks. Choose another", id="the same port twice"),
        pytest.param({"profile": "modern"}, "Did you mean 'modern-6.0'", id="misspelt profile"),
        pytest.param({"log_level": "trace"}, "does not know 'trace'", id="trace would log credentials"),
    ],
)
def test_wrong_choices(choices: dict[str, Any], message: str) -> None:
    """Each message names the argument and its value, and holds the fix."""
    with pytest.raises(ConfigurationError, match=message):
        ServerPolicy(**{**FILES, **choices})


def test_any_free_port_may_be_taken_twice() -> None:
    """0 means any, so it is no conflict with itself."""
    assert ServerPolicy(**FILES, port=0, redirect_port=0).redirect_port == 0


def test_the_password_is_not_shown() -> None:
    """v5.0.0-16.2.5: a policy is printed in errors and logs."""
    assert "correct horse" not in repr(ServerPolicy(**FILES, keyfile_password="correct horse"))


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        pytest.param({}, ssl.CERT_NONE, id="nobody is asked"),
        pytest.param({"client_ca": "clients-ca.pem"}, ssl.CERT_OPTIONAL, id="the routes decide"),
        pytest.param(
            {"client_ca": "clients-ca.pem", "client_certificates": "required"},
            ssl.CERT_REQUIRED,
            id="all must show one",
        ),
    ],
)
def test_context(choices: dict[str, Any], expected: ssl.VerifyMode, pki: Path) -> None:
    """v5.0.0-12.1.3: client certificates are asked for as soon as their CAs are named."""
    choices = {name: pki / value if name == "client_ca" else value for name, value in choices.items()}
    policy = ServerPolicy(certfile=pki / "server.pem", keyfile=pki / "server.key", **choices)
    assert policy.context(datetime.now(UTC)).verify_mode is expected
