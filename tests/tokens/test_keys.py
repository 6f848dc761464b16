"""Key sets: what is imported, what is left out, and what refuses the whole set."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.utils import base64url_encode

from asvs_middleware.errors import DependencyUnavailable, TokenRefused
from asvs_middleware.tokens.algorithms import KEY_KINDS
from asvs_middleware.tokens.jws import parse_compact
from asvs_middleware.tokens.keys import KeySet, parse_key_set, verify_signature

Jwk = Callable[..., dict[str, Any]]
ALL = tuple(KEY_KINDS)


def key_set(*jwks: object, algorithms: tuple[str, ...] = ALL) -> KeySet:
    return parse_key_set(json.dumps({"keys": jwks}).encode(), algorithms=algorithms)


def number(value: int) -> str:
    return base64url_encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()


@pytest.mark.parametrize(
    ("name", "members", "expected"),
    [
        pytest.param("ec-1", {}, {"ES256"}, id="EC P-256"),
        pytest.param("ed-1", {}, {"EdDSA"}, id="Ed25519"),
        pytest.param("rs-1", {}, {"RS256", "PS256"}, id="RSA without alg"),
        pytest.param("rs-1", {"alg": "PS256"}, {"PS256"}, id="RSA with alg"),
        pytest.param("ec-1", {"use": "sig", "key_ops": ["verify"]}, {"ES256"}, id="use and key_ops"),
    ],
)
def test_key_is_bound_to_its_algorithms(jwk: Jwk, name: str, members: dict[str, Any], expected: set[str]) -> None:
    """The key says what it verifies, or its type does; the token has no say."""
    (key,) = key_set(jwk(name, **members), algorithms=("ES256", "EdDSA", "RS256", "PS256")).keys
    assert set(key.algorithms) == expected


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"use": "enc"}, id="use enc"),
        pytest.param({"use": None}, id="use null"),
        pytest.param({"key_ops": ["encrypt"]}, id="key_ops without verify"),
        pytest.param({"key_ops": "verify"}, id="key_ops is no list"),
        pytest.param({"key_ops": []}, id="key_ops empty"),
        pytest.param({"alg": "HS256"}, id="CVE-2024-33663: HS256 on an EC key"),
        pytest.param({"alg": "RS256"}, id="alg of another type"),
        pytest.param({"alg": "ES384"}, id="alg of another curve"),
        pytest.param({"alg": None}, id="alg null"),
        pytest.param({"alg": ["ES256"]}, id="alg list"),
        pytest.param({"kty": "RSA"}, id="kty of another key"),
        pytest.param({"kty": ["EC"]}, id="kty list"),
        pytest.param({"kty": None}, id="kty null"),
        pytest.param({"crv": "P-384"}, id="crv of another key"),
        pytest.param({"crv": "secp256k1"}, id="unknown crv"),
        pytest.param({"x": None}, id="x null"),
        pytest.param({"x": ""}, id="x empty"),
        pytest.param({"x": "AAAA"}, id="x too short"),
        pytest.param({"x": "é"}, id="x not ASCII"),
        pytest.param({"x": "A" * 10_000}, id="x too long"),
        pytest.param({"y": number(1).rjust(43, "A")}, id="point not on the curve"),
        pytest.param({"kid": 7}, id="kid number"),
        pytest.param({"kid": None}, id="kid null"),
        pytest.param({"kid": "k" * 257}, id="kid too long"),
    ],
)
def test_unusable_key_is_left_out(jwk: Jwk, change: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """The rest of the set still serves, and one event tells why; the JWK itself is never logged."""
    caplog.set_level(logging.INFO, "asvs_middleware.tokens")
    keys = key_set(jwk("ec-1", **change), jwk("ed-1"))
    assert set(keys.by_kid) == {"ed-1"}
    (record,) = caplog.records
    assert record.message == "key_skipped"
    assert jwk("ec-1")["x"] not in str(record.__dict__)


@pytest.mark.parametrize("entry", [None, 1, "key", [], True])
def test_entry_that_is_no_object_is_left_out(jwk: Jwk, entry: object) -> None:
    """RFC 7517 section 5.1: implementations skip what they do not understand."""
    assert set(key_set(entry, jwk("ec-1")).by_kid) == {"ec-1"}


@pytest.mark.parametrize(
    ("bits", "exponent"),
    [
        pytest.param(1024, 65537, id="1024 bits"),
        pytest.param(2047, 65537, id="2047 bits"),
        pytest.param(8193, 65537, id="8193 bits"),
        pytest.param(2048, 1, id="exponent 1"),
        pytest.param(2048, 2, id="even exponent"),
        pytest.param(2048, (1 << 65) + 1, id="exponent that slows each verification down"),
    ],
)
def test_rsa_out_of_range_is_left_out(jwk: Jwk, bits: int, exponent: int) -> None:
    """Short moduli are weak; long ones and long exponents make every verification slow."""
    odd = {"kty": "RSA", "kid": "odd", "n": number((1 << bits) - 1), "e": number(exponent)}
    assert set(key_set(odd, jwk("ec-1")).by_kid) == {"ec-1"}


def test_roca_key_is_left_out(jwk: Jwk) -> None:
    """CVE-2017-15361: a modulus with the fingerprint of the broken generator."""
    roca = {"kty": "RSA", "kid": "roca", "n": number(65537**130), "e": "AQAB"}
    assert set(key_set(roca, jwk("rs-1")).by_kid) == {"rs-1"}


@pytest.mark.parametrize(
    ("entries", "match"),
    [
        pytest.param([{"kty": "oct", "k": "c2VjcmV0"}], "private or symmetric", id="symmetric key"),
        pytest.param([{"kty": "oct"}], "private or symmetric", id="symmetric key without its secret"),
        pytest.param([{"kty": "RSA", "d": "AQAB"}], "private or symmetric", id="private RSA key"),
        pytest.param([{"kty": "AKP", "priv": "AQAB"}], "private or symmetric", id="private key of a later kind"),
        pytest.param([{"kid": "a"}, {"kid": "a"}], "same kid twice", id="kid twice"),
        pytest.param([], "no key that can be used", id="empty"),
        pytest.param([{}], "no key that can be used", id="nothing usable"),
        pytest.param([{}] * 101, "at most 100 keys", id="101 keys"),
        pytest.param(None, "at most 100 keys", id="no list"),
        pytest.param({}, "at most 100 keys", id="an object"),
    ],
)
def test_set_is_refused_whole(jwk: Jwk, entries: Any, match: str) -> None:
    """A set that holds a secret is compromised; one that is ambiguous or empty is of no use."""
    good = [jwk("ec-1")] if isinstance(entries, list) and match != "no key that can be used" else []
    document = json.dumps({"keys": entries + good if isinstance(entries, list) else entries}).encode()
    with pytest.raises(DependencyUnavailable, match=match):
        parse_key_set(document, algorithms=ALL)


@pytest.mark.parametrize(
    ("document", "match"),
    [
        pytest.param(b"<html>", "not a strict JSON document", id="HTML"),
        pytest.param(b"[]", "not a JSON object", id="list"),
        pytest.param(b'{"keys":[],"keys":[]}', "not a strict JSON document", id="keys twice"),
        pytest.param(b" " * (512 * 1024 + 1), "larger than", id="512 KiB and one byte"),
    ],
)
def test_no_key_set(document: bytes, match: str) -> None:
    """The document is judged like a token: strictly."""
    with pytest.raises(DependencyUnavailable, match=match):
        parse_key_set(document, algorithms=ALL)


def test_private_key_of_every_kind_is_noticed(jwk: Jwk) -> None:
    """A published private RSA or EC key refuses the set, it does not crash the importer."""
    private = [
        RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048), as_dict=True),
        ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True),
    ]
    for entry in private:
        with pytest.raises(DependencyUnavailable, match="private or symmetric"):
            key_set(entry, jwk("ec-1"))


def test_key_without_kid(jwk: Jwk) -> None:
    """A token without kid is accepted when one key fits its algorithm, and only then."""
    nameless = jwk("ec-1")
    del nameless["kid"]
    keys = key_set(nameless, jwk("ed-1"))
    assert keys.key(None, "ES256") is keys.keys[0]
    assert keys.key(None, "EdDSA") is keys.by_kid["ed-1"]
    assert keys.key(None, "RS256") is None
    assert key_set(nameless, jwk("ec-2")).key(None, "ES256") is None
    assert keys.key("ec-1", "ES256") is None


def test_generation(jwk: Jwk) -> None:
    """It changes with a key, a kid or a binding, and with nothing else."""
    first = key_set(jwk("ec-1"), jwk("rs-1")).generation
    assert key_set(jwk("rs-1"), jwk("ec-1", x5t="whatever")).generation == first
    assert key_set(jwk("ec-1")).generation != first
    assert key_set(jwk("ec-2", kid="ec-1"), jwk("rs-1")).generation != first
    assert key_set(jwk("ec-1"), jwk("rs-1", alg="RS256")).generation != first
    assert key_set(jwk("ec-1"), jwk("rs-1", kid="rs-2")).generation != first


@pytest.mark.parametrize("name", ["ec-1", "ed-1", "rs-1"])
@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256", "PS256", "RS512"])
def test_only_the_bound_algorithm_verifies(jwk: Jwk, signed: Callable[..., str], name: str, algorithm: str) -> None:
    """CVE-2026-48523: for every key and every alg in the header, only the bound pair passes."""
    native = {"ec": "ES256", "ed": "EdDSA", "rs": "RS256"}[name[:2]]
    (key,) = key_set(jwk(name, alg=native)).keys
    raw = signed(json.dumps({"alg": algorithm}).encode(), b"foo", name, native)
    jws = parse_compact(raw, algorithms=frozenset(ALL))
    if algorithm == native:
        assert verify_signature(jws, key) == b"foo"
    else:
        with pytest.raises(TokenRefused, match="bound to"):
            verify_signature(jws, key)


@pytest.mark.parametrize("name", ["ec-1", "ed-1", "rs-1"])
def test_signature_of_another_form(jwk: Jwk, signed: Callable[..., str], name: str) -> None:
    """One byte more, one less, one bit turned: none verifies, and none raises anything but our refusal."""
    native = {"ec": "ES256", "ed": "EdDSA", "rs": "RS256"}[name[:2]]
    (key,) = key_set(jwk(name)).keys
    raw = signed(json.dumps({"alg": native}).encode(), b"foo", name, native)
    signature = parse_compact(raw, algorithms=frozenset(ALL)).signature
    head = raw.rpartition(".")[0]
    for wrong in (
        signature + b"\0",
        b"\0" + signature,
        signature[:-1],
        bytes(len(signature)),
        b"\xff" * len(signature),
    ):
        changed = f"{head}.{base64url_encode(wrong).decode()}"
        with pytest.raises(TokenRefused, match="signature does not verify"):
            verify_signature(parse_compact(changed, algorithms=frozenset(ALL)), key)


def test_a_signature_of_rsassa_pss_keeps_its_leading_zeros(jwk: Jwk, signed: Callable[..., str]) -> None:
    """RFC 8017 section 8.1.2: as long as the modulus. OpenSSL takes a shorter spelling of the same number, too."""
    (key,) = key_set(jwk("rs-1"), algorithms=("PS256",)).keys
    while True:  # One signature in 256 begins with a zero.
        jws = parse_compact(signed(b'{"alg":"PS256"}', b"foo", "rs-1", "PS256"), algorithms=frozenset(ALL))
        if jws.signature[0] == 0:
            break
    assert verify_signature(jws, key) == b"foo"
    for other in (jws.signature[1:], b"\0" + jws.signature):
        with pytest.raises(TokenRefused, match="signature does not verify"):
            verify_signature(replace(jws, signature=other), key)


def test_an_ecdsa_signature_has_a_twin(jwk: Jwk, signed: Callable[..., str]) -> None:
    """(r, n - s) verifies as (r, s) does, by the nature of ECDSA: a deny list looks at jti or header.payload."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    (key,) = key_set(jwk("ec-1")).keys
    jws = parse_compact(signed(b'{"alg":"ES256"}', b"foo", "ec-1"), algorithms=frozenset(ALL))
    r, s = jws.signature[:32], int.from_bytes(jws.signature[32:], "big")
    twin = replace(jws, signature=r + (order - s).to_bytes(32, "big"))
    assert twin.signature != jws.signature
    assert twin.signing_input == jws.signing_input
    assert verify_signature(twin, key) == verify_signature(jws, key) == b"foo"


members = st.sampled_from(["kty", "crv", "kid", "alg", "use", "key_ops", "x", "y", "n", "e", "d"])
values = st.sampled_from(["EC", "RSA", "OKP", "P-256", "Ed25519", "ES256", "sig", "AQAB", "A" * 43, "A" * 342, "", "é"])
odd = st.none() | st.booleans() | st.integers() | st.lists(st.text(max_size=3), max_size=2) | values


@given(st.lists(st.dictionaries(members, odd, max_size=8) | odd, max_size=4) | odd)
def test_never_another_exception(entries: object) -> None:
    """Any document: usable keys, or our refusal."""
    document = json.dumps({"keys": entries}).encode()
    try:
        keys = parse_key_set(document, algorithms=ALL)
    except DependencyUnavailable:
        return
    assert keys.keys
