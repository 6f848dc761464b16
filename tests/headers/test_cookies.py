"""Cookies: v5.0.0-3.3.1 to 3.3.4. What is missing is added or reported; what the app said stays."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import CookiePolicy
from asvs_middleware.headers.cookies import Fault, mended, mender, parse

REPAIR = CookiePolicy()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(b"id=1", b"id=1; Secure; HttpOnly; SameSite=Lax", id="bare"),
        pytest.param(b"id=1;", b"id=1; Secure; HttpOnly; SameSite=Lax", id="a semicolon at the end"),
        pytest.param(b"id=1; secure; HTTPONLY; samesite=strict", None, id="everything, in any letters"),
        pytest.param(b"id=1; Path=/; SameSite=None", b"id=1; Path=/; SameSite=None; Secure; HttpOnly", id="None stays"),
        pytest.param(
            b"id=1; SameSite=Lux; Secure; HttpOnly",
            b"id=1; SameSite=Lux; Secure; HttpOnly; SameSite=Lax",
            id="misspelt: the last one counts",
        ),
        pytest.param(b"__Host-id=1; Path=/; Secure; HttpOnly; SameSite=Lax", None, id="a __Host- name"),
        pytest.param(b"no equals sign", None, id="not a cookie"),
        pytest.param(b"=1", None, id="no name"),
        pytest.param(b"id=1\x00", None, id="a control character"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_repair(value: bytes, expected: bytes | None) -> None:
    """Missing attributes are added at the end; whatever cannot be read goes out as it is."""
    assert mended(value, REPAIR)[0] == (value if expected is None else expected)


@pytest.mark.parametrize(
    ("value", "missing"),
    [
        (b"id=1", ["Secure", "HttpOnly", "SameSite", "a __Host- or __Secure- name"]),
        (b"__Secure-id=1; Secure; HttpOnly; SameSite=Lax; Domain=example.com", []),
        (b"__Host-id=1; Path=/; Secure; HttpOnly; SameSite=Lax", []),
        (b"__Host-id=1; Secure; HttpOnly; SameSite=Lax", ["Path=/ without Domain, which a __Host- name asks for"]),
        (
            b"__host-id=1; Path=/; Domain=x; Secure; HttpOnly; SameSite=Lax",
            ["Path=/ without Domain, which a __Host- name asks for"],
        ),
    ],
)
def test_report(value: bytes, missing: list[str]) -> None:
    """A name is the app's own, and can only be reported; the value is never told."""
    result, faults = mended(value, CookiePolicy(repair=False))
    assert result == value
    assert [fault.missing for fault in faults] == missing
    assert all("1" not in fault.name for fault in faults)


def test_a_cookie_scripts_read() -> None:
    """Named, it needs no HttpOnly; another does."""
    policy = CookiePolicy(readable=["csrf"], same_site="Strict")
    assert mended(b"csrf=1", policy)[0] == b"csrf=1; Secure; SameSite=Strict"
    assert b"HttpOnly" in mended(b"id=1", policy)[0]


def test_over_plaintext() -> None:
    """There a browser would drop a Secure cookie: the plaintext is the fault, not the cookie."""
    result, faults = mended(b"id=1", REPAIR, over_tls=False)
    assert result == b"id=1; HttpOnly; SameSite=Lax"
    assert "Secure" not in {fault.missing for fault in faults}


def test_each_fault_is_told_once() -> None:
    """However often the cookie is set, and with a memory that has an end."""
    told: list[Fault] = []
    mend = mender(REPAIR, told.append)
    for _ in range(3):
        assert mend(b"id=1; Secure; HttpOnly", True) == b"id=1; Secure; HttpOnly; SameSite=Lax"
    assert [(fault.name, fault.requirement) for fault in told] == [("id", "v5.0.0-3.3.2"), ("id", "v5.0.0-3.3.1")]
    for number in range(1000):
        mend(b"id%d=1" % number, True)
    assert len(told) == 256


@pytest.mark.parametrize(
    ("choices", "message"),
    [({"same_site": "lax"}, "Did you mean 'Lax'"), ({"readable": "csrf"}, r"Write a list: \['csrf'\]")],
)
def test_a_policy_that_cannot_be_right(choices: Any, message: str) -> None:
    """A misspelt value would be sent to every browser."""
    with pytest.raises(ConfigurationError, match=message):
        CookiePolicy(**choices)


@given(st.binary(max_size=40) | st.text("aA=;, Secure\x00\n-_Hostd", max_size=40).map(str.encode))
def test_any_field(value: bytes) -> None:
    """The app's cookie stands first and unchanged, and what is mended needs no more mending."""
    result, _ = mended(value, REPAIR)
    assert result.startswith(value.rstrip(b"; \t"))
    assert mended(result, REPAIR)[0] == result
    before, after = parse(value), parse(result)
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert after.name == before.name
        assert {b"secure", b"httponly", b"samesite"} <= set(after.attributes)
