"""Certificate-bound tokens (RFC 8705 section 3)."""

from dataclasses import replace
from hashlib import sha256

import pytest
from jwt.utils import base64url_encode

from asvs_middleware.errors import TokenRefused
from asvs_middleware.tokens import VerifiedToken, verify_binding
from asvs_middleware.tokens.claims import verify_claims

OURS, OTHER = sha256(b"ours").digest(), sha256(b"other").digest()


def a_token(bound: bool) -> VerifiedToken:
    claims = {"iss": "i", "aud": "a", "sub": "s", "exp": 100}
    cnf = {"cnf": {"x5t#S256": base64url_encode(OURS).decode()}} if bound else {}
    return verify_claims({**claims, **cnf}, issuer="i", audience={"a"}, now=0, leeway=0)


@pytest.mark.parametrize(
    ("bound", "thumbprint", "method"),
    [
        pytest.param(True, OURS, "mtls", id="bound, with its certificate"),
        pytest.param(False, None, None, id="plain bearer token"),
        pytest.param(False, OURS, None, id="plain bearer token over mTLS"),
    ],
)
def test_holds(bound: bool, thumbprint: bytes | None, method: str | None) -> None:
    """The proof says which binding was checked; a plain token is none, whatever certificate came along."""
    token = a_token(bound)
    binding = verify_binding(token, thumbprint)
    assert binding.token is token
    assert binding.method == method


@pytest.mark.parametrize(
    ("thumbprint", "match"),
    [
        pytest.param(None, "and none came", id="no certificate"),
        pytest.param(OTHER, "another certificate", id="another certificate"),
        pytest.param(b"", "another certificate", id="empty thumbprint"),
        pytest.param(OURS[:31], "another certificate", id="part of the thumbprint"),
    ],
)
def test_stolen_token(thumbprint: bytes | None, match: str) -> None:
    """Whoever does not hold the certificate cannot use the token: 401 invalid_token."""
    with pytest.raises(TokenRefused, match=match) as refused:
        verify_binding(a_token(bound=True), thumbprint)
    assert refused.value.code == "invalid_token"
    assert refused.value.requirement == "v5.0.0-10.3.5"


def test_proof_cannot_be_made_by_hand() -> None:
    """Only verify_binding() makes one."""
    binding = verify_binding(a_token(bound=False), None)
    with pytest.raises(TypeError, match=r"comes from verify_binding"):
        replace(binding, method="mtls", seal=object())
