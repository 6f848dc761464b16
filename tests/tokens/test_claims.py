"""The claims: exact types, exact values."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import TokenRefused
from asvs_middleware.tokens import VerifiedToken
from asvs_middleware.tokens.claims import parse_claims, verify_claims

ISSUER = "https://idp.example"
AUDIENCE = frozenset({"https://api.example", "api"})
NOW = 1_800_000_000
THUMBPRINT = "A" * 43
GOOD: dict[str, Any] = {"iss": ISSUER, "aud": "api", "sub": "user-1", "iat": NOW, "exp": NOW + 300}


def verified(max_lifetime: float = float("inf"), **changes: Any) -> VerifiedToken:
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    return verify_claims(
        parse_claims(json.dumps(claims).encode()),
        issuer=ISSUER,
        audience=AUDIENCE,
        now=NOW,
        leeway=30,
        max_lifetime=max_lifetime,
    )


def test_everything_read() -> None:
    """The proof holds what the guard needs, in types that need no second look."""
    token = verified(
        client_id="c", scope="a b", auth_time=NOW - 60, acr="urn:loa:2", cnf={"x5t#S256": THUMBPRINT}, nbf=NOW, jti="1"
    )
    assert (token.issuer, token.subject, token.client_id, token.acr) == (ISSUER, "user-1", "c", "urn:loa:2")
    assert token.scopes == {"a", "b"}
    assert token.expires_at == datetime.fromtimestamp(NOW + 300, UTC)
    assert token.auth_time == datetime.fromtimestamp(NOW - 60, UTC)
    assert token.certificate_thumbprint == bytes(32)


def test_the_least_read() -> None:
    """What is not there is None, or no scope at all."""
    token = verified(iat=...)
    assert (token.client_id, token.auth_time, token.acr, token.certificate_thumbprint) == (None, None, None, None)
    assert token.scopes == frozenset()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": ["other", "https://api.example"]}, id="one of several audiences"),
        pytest.param({"exp": NOW - 29}, id="expired within the leeway"),
        pytest.param({"exp": NOW + 0.5}, id="fraction of a second"),
        pytest.param({"nbf": NOW + 30}, id="nbf within the leeway"),
        pytest.param({"auth_time": NOW + 30}, id="auth_time within the leeway"),
        pytest.param({"iat": NOW + 30}, id="iat within the leeway"),
        pytest.param({"scope": ["a", "b"]}, id="scope as a list"),
        pytest.param({"max_lifetime": 300}, id="lives exactly as long as allowed"),
    ],
)
def test_accepted(changes: dict[str, Any]) -> None:
    """The edges that still hold."""
    assert verified(**changes).subject == "user-1"


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        pytest.param({"iss": ...}, "iss is not", id="no iss"),
        pytest.param({"iss": [ISSUER]}, "iss is not", id="iss list"),
        pytest.param({"iss": "https://idp"}, "iss is not", id="CVE-2024-53861: prefix of the issuer"),
        pytest.param({"iss": "idp.example"}, "iss is not", id="CVE-2024-53861: part of the issuer"),
        pytest.param({"iss": ISSUER + "/"}, "iss is not", id="trailing slash"),
        pytest.param({"iss": ISSUER + ".evil.example"}, "iss is not", id="issuer and more"),
        pytest.param({"iss": ISSUER.upper()}, "iss is not", id="capitals"),
        pytest.param(
            {"iss": "https://\N{CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I}dp.example"}, "iss is not", id="IDN"
        ),
        pytest.param({"iss": ""}, "iss is not", id="empty iss"),
        pytest.param({"aud": ...}, "aud is missing", id="no aud"),
        pytest.param({"aud": None}, "aud is missing", id="aud null"),
        pytest.param({"aud": 1}, "aud is missing", id="aud number"),
        pytest.param({"aud": {"api": 1}}, "aud is missing", id="aud object"),
        pytest.param({"aud": ["api", 1]}, "aud is missing", id="aud list with a number"),
        pytest.param({"aud": [["api"]]}, "aud is missing", id="aud list in a list"),
        pytest.param({"aud": []}, "another audience", id="aud empty list"),
        pytest.param({"aud": "ap"}, "another audience", id="part of an audience"),
        pytest.param({"aud": "api.evil"}, "another audience", id="audience and more"),
        pytest.param({"aud": "API"}, "another audience", id="audience in capitals"),
        pytest.param({"aud": "api https://api.example"}, "another audience", id="two audiences in one text"),
        pytest.param({"exp": ...}, "no exp", id="no exp"),
        pytest.param({"exp": None}, "exp is not a date", id="exp null"),
        pytest.param({"exp": str(NOW + 300)}, "exp is not a date", id="exp text"),
        pytest.param({"exp": True}, "exp is not a date", id="exp true"),
        pytest.param({"exp": [NOW]}, "exp is not a date", id="exp list"),
        pytest.param({"exp": 10**300}, "exp is not a date", id="exp beyond every calendar"),
        pytest.param({"exp": 253402300800}, "exp is not a date", id="year 10000"),
        pytest.param({"exp": -1}, "exp is not a date", id="negative exp"),
        pytest.param({"exp": 0}, "is expired", id="exp zero"),
        pytest.param({"exp": NOW - 30}, "is expired", id="expired, the leeway used up"),
        pytest.param({"exp": NOW * 1000}, "exp is not a date", id="milliseconds"),
        pytest.param({"nbf": NOW + 31}, "does not hold yet", id="nbf to come"),
        pytest.param({"nbf": "0"}, "nbf is not a date", id="nbf text"),
        pytest.param({"nbf": None}, "nbf is not a date", id="nbf null"),
        pytest.param({"iat": NOW + 31}, "issued in the future", id="iat to come"),
        pytest.param({"iat": False}, "iat is not a date", id="iat false"),
        pytest.param({"max_lifetime": 299}, "lives longer", id="lives too long"),
        pytest.param({"max_lifetime": 299, "iat": ...}, "lives longer", id="lives nobody knows how long"),
        pytest.param({"sub": ...}, "sub is missing", id="no sub"),
        pytest.param({"sub": ""}, "sub is missing", id="empty sub"),
        pytest.param({"sub": 7}, "sub is not text", id="sub number"),
        pytest.param({"client_id": 7}, "client_id is not text", id="client_id number"),
        pytest.param({"client_id": None}, "client_id is not text", id="client_id null"),
        pytest.param({"jti": 7}, "jti is not text", id="jti number"),
        pytest.param({"acr": ["a"]}, "acr is not text", id="acr list"),
        pytest.param({"auth_time": "now"}, "auth_time is not a date", id="auth_time text"),
        pytest.param({"auth_time": NOW + 31}, "login lies in the future", id="auth_time to come"),
        pytest.param({"scope": "a  b"}, "scope is not a list", id="doubled space"),
        pytest.param({"scope": None}, "scope is not a list", id="scope null"),
        pytest.param({"scope": ["a b"]}, "scope is not a list", id="scope list with a space"),
        pytest.param({"cnf": {"jkt": THUMBPRINT}}, "not checked here", id="DPoP-bound token as a bearer token"),
        pytest.param({"cnf": {"x5t#S256": THUMBPRINT, "jkt": "x"}}, "not checked here", id="bound in two ways"),
        pytest.param({"cnf": {}}, "not checked here", id="cnf empty"),
        pytest.param({"cnf": None}, "not checked here", id="cnf null"),
        pytest.param({"cnf": [THUMBPRINT]}, "not checked here", id="cnf list"),
        pytest.param({"cnf": "x5t#S256"}, "not checked here", id="cnf text"),
        pytest.param({"cnf": {"x5t#S256": THUMBPRINT + "="}}, "not a SHA-256", id="thumbprint with padding"),
        pytest.param({"cnf": {"x5t#S256": "A" * 42 + "B"}}, "not a SHA-256", id="thumbprint with trailing bits"),
        pytest.param({"cnf": {"x5t#S256": "A" * 40}}, "not a SHA-256", id="thumbprint too short"),
        pytest.param({"cnf": {"x5t#S256": ""}}, "not a SHA-256", id="thumbprint empty"),
        pytest.param({"cnf": {"x5t#S256": "é" * 43}}, "not a SHA-256", id="thumbprint not ASCII"),
        pytest.param({"cnf": {"x5t#S256": None}}, "not a SHA-256", id="thumbprint null"),
    ],
)
def test_refused(changes: dict[str, Any], match: str) -> None:
    """A claim that is missing, of another type or not as it must be refuses the token."""
    with pytest.raises(TokenRefused, match=match) as refused:
        verified(**changes)
    assert refused.value.code == "invalid_token"


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'"text"', id="text"),
        pytest.param(b'{"exp":1,"exp":9999999999}', id="exp twice"),
        pytest.param(b'{"sub":"a","sub":"b"}', id="sub twice"),
        pytest.param(b'{"exp":NaN}', id="exp NaN"),
        pytest.param(b'{"exp":Infinity}', id="exp Infinity"),
        pytest.param(b'{"exp":1e400}', id="exp 1e400"),
        pytest.param(b'{"sub":"\\ud800"}', id="lone surrogate in sub"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param("{}".encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"a":' + b"[" * 2900 + b"]" * 2900 + b"}", id="2,900 nested arrays"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", id="integer of 5,000 digits"),
    ],
)
def test_payload_that_is_refused(payload: bytes) -> None:
    """The payload is one strict JSON object."""
    with pytest.raises(TokenRefused, match="payload is not a"):
        parse_claims(payload)


def test_claims_are_read_only_to_the_bottom() -> None:
    """One token serves many requests: no handler can change what the next one sees."""
    claims = verified(groups=["a", {"b": ["c"]}]).claims
    assert claims["groups"][0] == "a"
    assert claims["groups"][1]["b"] == ("c",)
    with pytest.raises(TypeError, match="does not support item assignment"):
        claims["sub"] = "admin"  # type: ignore[index]
    with pytest.raises(TypeError, match="does not support item assignment"):
        claims["groups"][1]["b"] = ()


def test_proof_cannot_be_made_by_hand() -> None:
    """Only a verification makes one; a copy with other members is none."""
    token = verified()
    with pytest.raises((TypeError, ValueError), match="seal"):
        replace(token, subject="admin")
    with pytest.raises(TypeError, match=r"comes from AccessTokenVerifier\.verify"):
        replace(token, subject="admin", seal=object())


def test_repr_names_issuer_and_subject_only() -> None:
    """Claims may hold personal data, and a repr ends up in a log."""
    assert repr(verified(email="a@b.example")) == f"VerifiedToken(issuer={ISSUER!r}, subject='user-1')"


names = st.sampled_from([*GOOD, "nbf", "scope", "cnf", "acr", "auth_time", "client_id", "jti", "other"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([NOW, NOW + 9, ISSUER, "api", "a"])
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=2)
)


@given(st.dictionaries(names, anything))
def test_never_another_exception(changes: dict[str, Any]) -> None:
    """Any claims: a proof for exactly this issuer and audience, or our refusal."""
    try:
        token = verified(**changes)
    except TokenRefused:
        return
    assert token.issuer == ISSUER
    assert token.claims["aud"] == "api" or "api" in token.claims["aud"]
