"""Profile `dev`: plaintext from this machine to a name of this machine, and from nowhere else."""

from collections.abc import Callable
from typing import Any

import pytest

from asvs_middleware.connection import Connection, Networks, connection_reader
from asvs_middleware.errors import TLSRequired
from asvs_middleware.middleware import plaintext_gate, unless_local

Make = Callable[..., Connection]
judge = unless_local(plaintext_gate(redirect_pages=False, https_port=443))
HERE = ("127.0.0.1", 4711)


@pytest.mark.parametrize(
    ("members", "passes"),
    [
        pytest.param({"client": HERE, "host": b"localhost:8000"}, True, id="localhost"),
        pytest.param({"client": ("::1", 1), "host": b"[::1]:8000"}, True, id="IPv6"),
        pytest.param({"client": HERE, "host": b"127.0.0.1"}, True, id="by address"),
        pytest.param({"client": HERE, "host": b"api.example.com"}, False, id="a public name"),
        pytest.param({"client": HERE, "host": None}, False, id="no host"),
        pytest.param({"client": ("192.0.2.7", 1), "host": b"localhost"}, False, id="from elsewhere"),
        pytest.param({"client": None, "host": b"localhost"}, False, id="from nobody knows where"),
        pytest.param({"client": ("192.0.2.7", 1), "host": b"localhost", "scheme": "https"}, True, id="over TLS"),
    ],
)
def test_unless_local(a_connection: Make, members: Any, passes: bool) -> None:
    """What the gate inside lets through passes in any case."""
    verdict = judge(a_connection(**members))
    assert verdict is None if passes else isinstance(verdict, TLSRequired)


def test_a_trusted_proxy_here_is_not_a_developer() -> None:
    """Its clients are elsewhere."""
    read = connection_reader(Networks(["127.0.0.1"]))
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "headers": [(b"host", b"localhost"), (b"x-forwarded-proto", b"http")],
        "client": HERE,
    }

    async def receive() -> dict[str, Any]:
        return {}

    assert isinstance(judge(read(scope, receive)), TLSRequired)
