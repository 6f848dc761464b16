"""Where a page opened over plaintext is sent: to a configured host and port, and nowhere else."""

from typing import Any

import pytest

from asvs_middleware.connection import Hosts
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.middleware import check_https_port
from asvs_middleware.middleware.gates.https_ports import tls_authority

MAP = {
    "example.com:8080": "example.com:8443",
    "example.com": "www.example.com",
    "www.example.com:80": "www.example.com:9443",
    "[::1]:8080": "[0::1]:8443",
}


@pytest.mark.parametrize(
    ("https_port", "host", "expected"),
    [
        pytest.param(443, b"Example.com:8080", "example.com", id="the default port is left out"),
        pytest.param(8443, b"example.com:80", "example.com:8443", id="one port for all"),
        pytest.param(8443, b"[0::1]", "[::1]:8443", id="one port, IPv6"),
        pytest.param(MAP, b"EXAMPLE.com:8080", "example.com:8443", id="host and port"),
        pytest.param(MAP, b"example.com:81", "www.example.com", id="the host on any other port"),
        pytest.param(MAP, b"example.com", "www.example.com", id="the host without a port"),
        pytest.param(MAP, b"www.example.com", "www.example.com:9443", id="no port is 80"),
        pytest.param(MAP, b"www.example.com:8080", "www.example.com", id="a port that is not listed"),
        pytest.param(MAP, b"api.example.com:8080", "api.example.com", id="a host that is not listed"),
        pytest.param(MAP, b"[0:0::1]:8080", "[::1]:8443", id="IPv6 in another spelling"),
    ],
)
def test_tls_authority(https_port: Any, host: bytes, expected: str) -> None:
    """What is listed goes where the list says; everything else keeps its host."""
    assert tls_authority(https_port)(host) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(0, "is no port", id="0"),
        pytest.param(65536, "is no port", id="too high"),
        pytest.param(True, "is no port", id="True"),
        pytest.param("443", "is no port", id="a text"),
        pytest.param(None, "is no port", id="nothing"),
        pytest.param({}, "says nothing", id="an empty mapping"),
        pytest.param({"example.com": "https://example.com"}, "which is no host", id="a URL"),
        pytest.param({"example.com": "example.com/a"}, "which is no host", id="a path"),
        pytest.param({"example.com": "a@evil.example"}, "which is no host", id="user information"),
        pytest.param({"example.com": "example.com:0"}, "which is no host", id="port 0"),
        pytest.param({"example.com": "example.com:99999"}, "which is no host", id="a port too high"),
        pytest.param({"example.com": 8443}, "holds 8443", id="a number"),
        pytest.param({8080: "example.com"}, "holds 8080", id="a number for a host"),
        pytest.param({"example.com": "b\u00fccher.example"}, "which is no host", id="a U-label"),
        pytest.param({"evil.example": "example.com"}, "not among the hosts", id="a host that is not ours"),
    ],
)
def test_what_cannot_be_right(given: Any, message: str) -> None:
    """Refused while the app is built."""
    with pytest.raises(ConfigurationError, match=message):
        check_https_port(given, Hosts(["example.com", "*.example.com"]), argument="https_port")


@pytest.mark.parametrize(
    "given", [443, 8443, {"example.com": "example.com:8443"}, {"a.example.com:8080": "cdn.example"}]
)
def test_what_can(given: Any) -> None:
    """A port, or a mapping from hosts of ours."""
    check_https_port(given, Hosts(["example.com", "*.example.com"]), argument="https_port")
