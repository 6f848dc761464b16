"""Published vectors: Wycheproof (JWS layer, keys), RFC 7515, RFC 7520, RFC 8037, RFC 8705.

Where a verdict differs from the published one, the vector is listed here with the reason; nothing else may differ.
"""

import base64
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from asvs_middleware.errors import DependencyUnavailable, TokenRefused
from asvs_middleware.tokens import verify_binding
from asvs_middleware.tokens.algorithms import KEY_KINDS
from asvs_middleware.tokens.claims import verify_claims
from asvs_middleware.tokens.jws import parse_compact
from asvs_middleware.tokens.keys import parse_key_set, verify_signature

ALL = tuple(KEY_KINDS)
VECTORS = Path(os.environ.get("ASVS_VECTORS") or Path(__file__).parents[3] / "shared" / "vectors")
needs_vectors = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="the conformance vectors are not here: set ASVS_VECTORS to their folder"
)

SYMMETRIC = "a shared secret: only asymmetric keys are imported"
BOUND = "the key says PS256, the token PS384: a key is bound to its algorithm"
SPELLING = "a foreign character inside a segment: one spelling only"

DEVIATIONS: dict[tuple[str, int], str] = {
    ("json_web_signature", 346): BOUND,
    ("json_web_signature", 350): BOUND,
    ("json_web_signature", 372): SPELLING,
    ("json_web_signature", 373): SPELLING,
    **{("json_web_signature", number): SYMMETRIC for number in (1, 348, 352, 357, 358, 359, 376, 377)},
    **{("json_web_key", number): SYMMETRIC for number in (2, 13, 14, 15)},
    **{("json_web_crypto", number): SYMMETRIC for number in (1, 48)},
}
"""(file, tcId) of every vector marked valid that is refused here. None that is marked invalid is accepted."""


def read(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def as_key_set(group: dict[str, Any]) -> bytes:
    """Return the group's public keys as a document; symmetric groups have private ones only."""
    material = group.get("public") or group["private"]
    keys = material.get("keys", [material])
    # Two keys write ES521 where ES512 is meant (RFC 7518 section 3.1).
    return json.dumps(
        {"keys": [{**key, **({"alg": "ES512"} if key.get("alg") == "ES521" else {})} for key in keys]}
    ).encode()


def accepts(document: bytes, raw: str) -> bool:
    """Run exactly what the verifier runs, up to the signature."""
    try:
        jws = parse_compact(raw, algorithms=frozenset(ALL))
        key = parse_key_set(document, algorithms=ALL).key(jws.kid, jws.algorithm)
        if key is None:
            return False
        verify_signature(jws, key)
    except (TokenRefused, DependencyUnavailable):
        return False
    return True


def wycheproof() -> list[Any]:
    """Return every JWS vector; one placeholder where there are none, so that the skip is seen."""
    if not VECTORS.is_dir():
        return [("", {}, {})]
    return [
        pytest.param(name, group, test, id=f"{name}-{test['tcId']}-{test['comment']}")
        for name in ("json_web_signature", "json_web_key", "json_web_crypto")
        for group in read(f"wycheproof/{name}_test.json")["testGroups"]
        for test in group["tests"]
        if "jws" in test
    ]


@needs_vectors
@pytest.mark.parametrize(("name", "group", "test"), wycheproof())
def test_wycheproof(name: str, group: dict[str, Any], test: dict[str, Any]) -> None:
    """The published verdict, or a listed deviation to the strict side."""
    raw = test["jws"] if isinstance(test["jws"], str) else json.dumps(test["jws"])
    expected = test["result"] == "valid" and (name, test["tcId"]) not in DEVIATIONS
    assert accepts(as_key_set(group), raw) is expected


@needs_vectors
def test_deviations_are_still_deviations() -> None:
    """Every listed vector exists and is marked valid: the list holds no dead rows."""
    valid = {
        (name, test["tcId"])
        for name in ("json_web_signature", "json_web_key", "json_web_crypto")
        for group in read(f"wycheproof/{name}_test.json")["testGroups"]
        for test in group["tests"]
        if test["result"] == "valid"
    }
    assert valid >= set(DEVIATIONS)


@needs_vectors
@pytest.mark.parametrize(("example", "accepted"), [("A1", False), ("A3", True), ("A4", True)])
def test_rfc_7515_appendix_a(example: str, accepted: bool) -> None:
    """A.3 and A.4 verify; A.1 is an HMAC and no key for it can be imported."""
    vectors = read("jose/rfc/rfc7515.json")
    vector = vectors[example]
    raw = ".".join((vector["header"], vector.get("payload", vectors["payload"]), vector["signature"]))
    assert accepts(json.dumps({"keys": [vector["jwk"]]}).encode(), raw) is accepted


PRIVATE = {"d", "p", "q", "dp", "dq", "qi"}


@needs_vectors
@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        pytest.param("rfc7520/jws/4_1.rsa_v15_signature", True, id="RFC 7520 4.1, RS256"),
        pytest.param("rfc7520/jws/4_2.rsa-pss_signature", True, id="RFC 7520 4.2, PS384"),
        pytest.param("rfc7520/jws/4_3.ecdsa_signature", True, id="RFC 7520 4.3, ES512"),
        pytest.param("rfc7520/jws/4_4.hmac-sha2_integrity_protection", False, id="RFC 7520 4.4, HS256"),
        pytest.param("rfc7520/curve25519/jws", True, id="RFC 8037 A.4, EdDSA"),
    ],
)
def test_cookbook(name: str, accepted: bool) -> None:
    """The cookbook's compact signatures verify with the public half of its keys; its private half refuses the set."""
    vector = read(f"jose/{name}.json")
    key, raw = vector["input"]["key"], vector["output"]["compact"]
    public = {member: value for member, value in key.items() if member not in PRIVATE}
    assert accepts(json.dumps({"keys": [public]}).encode(), raw) is accepted
    assert not accepts(json.dumps({"keys": [key]}).encode(), raw)


@needs_vectors
@pytest.mark.parametrize("form", ["json", "json_flat"])
def test_cookbook_json_serialisation(form: str) -> None:
    """The JSON serialisations of the same signature are refused."""
    vector = read("jose/rfc7520/jws/4_1.rsa_v15_signature.json")
    with pytest.raises(TokenRefused, match=r"no JWS in the compact serialisation|three segments"):
        parse_compact(json.dumps(vector["output"][form]), algorithms=frozenset(ALL))


@needs_vectors
def test_rfc_8705_appendix_a() -> None:
    """The thumbprint in cnf is SHA-256 over the DER of the certificate."""
    vector = read("jose/rfc/rfc8705.json")
    claims = {"iss": "i", "aud": "a", "sub": "s", "exp": 100, "cnf": {"x5t#S256": vector["x5t#S256"]}}
    token = verify_claims(claims, issuer="i", audience={"a"}, now=0, leeway=0)
    thumbprint = sha256(base64.b64decode(vector["certificate_b64"])).digest()
    assert verify_binding(token, thumbprint).method == "mtls"
