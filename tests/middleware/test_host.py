"""A Host that is not ours is refused before anything is built from it: v5.0.0-4.1.3."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection import Hosts
from asvs_middleware.errors import HostRefused
from asvs_middleware.middleware import host_gate

Make = Callable[..., Any]

judge = host_gate(Hosts(["api.example.com", "*.shop.example"]))


@pytest.mark.parametrize("host", [b"api.example.com", b"API.example.com:8000", b"a.shop.example", b"a.b.shop.example."])
def test_ours(a_connection: Make, host: bytes) -> None:
    """Each spelling of a configured host passes."""
    assert judge(a_connection(host=host)) is None


@pytest.mark.parametrize(
    ("host", "status", "code"),
    [
        pytest.param(b"evil.example", 421, "host_refused", id="foreign"),
        pytest.param(b"shop.example", 421, "host_refused", id="the wildcard's own name"),
        pytest.param(b"127.0.0.1", 421, "host_refused", id="our address"),
        pytest.param(b"api.example.com@evil.example", 400, "host_malformed", id="user information"),
        pytest.param(b"", 400, "host_malformed", id="empty"),
        pytest.param(None, 400, "host_malformed", id="missing"),
    ],
)
def test_not_ours(a_connection: Make, host: bytes | None, status: int, code: str) -> None:
    """A foreign Host is misdirected (421), a malformed or missing one is a bad request (400)."""
    refusal = judge(a_connection(host=host))
    assert isinstance(refusal, HostRefused)
    assert (refusal.status, refusal.code, refusal.requirement) == (status, code, "v5.0.0-4.1.3")


def test_two_hosts(a_connection: Make) -> None:
    """Two Host fields are none, even when both are ours."""
    refusal = judge(a_connection((b"host", b"api.example.com")))
    assert isinstance(refusal, HostRefused)
    assert "more than one" in refusal.reason


@pytest.mark.parametrize("host", [b"evil.example", b"not a host", None], ids=["foreign", "malformed", "missing"])
@pytest.mark.parametrize(("scheme", "exposed"), [("http", True), ("https", False)])
def test_a_credential_in_clear_is_exposed_whatever_the_host(
    a_connection: Make, host: bytes | None, scheme: str, exposed: bool
) -> None:
    """Whoever could read it could read it for any host."""
    refusal = judge(a_connection((b"authorization", b"Bearer s3cret"), host=host, scheme=scheme))
    assert isinstance(refusal, HostRefused)
    assert refusal.facts["credential_exposed"] is exposed


@given(st.binary())
def test_any_host_is_ours_or_refused(a_connection: Make, host: bytes) -> None:
    """The gate never raises, and its reason never repeats what was sent."""
    refusal = judge(a_connection(host=host))
    assert refusal is None or isinstance(refusal, HostRefused)
    if isinstance(refusal, HostRefused):
        assert refusal.reason in {"The Host field holds no host.", "The Host is not among the configured hosts."}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/orders", None, id="a path"),
        pytest.param("http://api.example.com/orders", None, id="the same host"),
        pytest.param("http://evil.example/orders", 400, id="another host"),
        pytest.param("http://a.shop.example/orders", 400, id="another one of ours"),
        pytest.param("api.example.com:443", 400, id="no URL"),
    ],
)
def test_an_absolute_target_agrees_with_the_host(a_connection: Make, path: str, status: int | None) -> None:
    """RFC 9112 section 3.2.2: two readers would otherwise believe two hosts."""
    refusal = judge(a_connection(path=path, raw_path=path.encode()))
    if status is None:
        assert refusal is None
    else:
        assert isinstance(refusal, HostRefused)
        assert (refusal.status, refusal.code) == (status, "host_malformed")
        assert "evil" not in refusal.reason


def test_a_port_that_is_asked_for(a_connection: Make) -> None:
    """A host with a port is that port alone; a foreign port is a foreign host."""
    ported = host_gate(Hosts(["api.example.com:8443"]))
    assert ported(a_connection(host=b"api.example.com:8443")) is None
    refusal = ported(a_connection(host=b"api.example.com"))
    assert isinstance(refusal, HostRefused)
    assert refusal.status == 421
