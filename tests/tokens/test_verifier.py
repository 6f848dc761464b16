"""From a raw token to a proof: the hostile tokens here are correctly signed, unless their row says otherwise."""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.utils import base64url_encode

from asvs_middleware.errors import AccessDenied, DependencyUnavailable, TokenRefused
from asvs_middleware.tokens import AccessTokenVerifier, Tokens

pytestmark = pytest.mark.anyio

ISSUER, AUDIENCE = "https://idp.example", "https://api.example"


@pytest.mark.parametrize("key", ["ec-1", "ed-1", "rs-1"])
async def test_good_token(issuer: Any, verifier: AccessTokenVerifier, key: str) -> None:
    """A token of the issuer, for us, in time, is proved; with each default kind of key."""
    issuer.publish("ec-1", "ed-1", "rs-1")
    token = await verifier.verify(issuer.token(key))
    assert (token.subject, token.scopes) == ("user-1", {"orders:read", "orders:write"})
    assert verifier.health().age == timedelta(0)


async def test_second_use_is_recalled(issuer: Any, verifier: AccessTokenVerifier) -> None:
    """The same token gives the same proof without another signature check."""
    raw = issuer.token()
    assert await verifier.verify(raw) is await verifier.verify(raw)


async def test_recalled_token_expires(issuer: Any, verifier: AccessTokenVerifier, clock: Any) -> None:
    """The cache never outlives the token's own dates."""
    raw = issuer.token(exp=int(clock.now) + 60)
    await verifier.verify(raw)
    clock.now += 89
    await verifier.verify(raw)
    clock.now += 1
    for _ in range(2):
        with pytest.raises(TokenRefused, match="expired"):
            await verifier.verify(raw)


async def test_recalled_token_is_not_used_before_its_time(
    issuer: Any, verifier: AccessTokenVerifier, clock: Any
) -> None:
    """A clock put back finds nbf in the cache too."""
    raw = issuer.token(nbf=int(clock.now))
    await verifier.verify(raw)
    clock.now -= 31
    with pytest.raises(TokenRefused, match="does not hold yet"):
        await verifier.verify(raw)


async def test_withdrawn_key_takes_its_tokens_along(issuer: Any, verifier: AccessTokenVerifier, clock: Any) -> None:
    """When the issuer withdraws a key, a cached token signed with it is refused."""
    issuer.publish("ec-1", "ec-2")
    raw = issuer.token(exp=int(clock.now) + 3600)
    await verifier.verify(raw)
    issuer.publish("ec-2")
    clock.now += 600
    with pytest.raises(TokenRefused, match="no key that the token names"):
        await verifier.verify(raw)


async def test_unchanged_keys_keep_the_cache(issuer: Any, verifier: AccessTokenVerifier, clock: Any) -> None:
    """A renewal that brings the same keys costs no signature check."""
    raw = issuer.token(exp=int(clock.now) + 3600)
    first = await verifier.verify(raw)
    clock.now += 600
    assert await verifier.verify(raw) is first
    assert issuer.key_fetches == 2


async def test_recalled_token_needs_living_keys(issuer: Any, verifier: AccessTokenVerifier, clock: Any) -> None:
    """Keys too old to serve are too old for the cache as well."""
    raw = issuer.token(exp=int(clock.now) + 100_000)
    await verifier.verify(raw)
    issuer.down = True
    clock.now += 4200
    with pytest.raises(DependencyUnavailable, match="Fetching failed"):
        await verifier.verify(raw)


async def test_cold_failure_is_no_401(issuer: Any, verifier: AccessTokenVerifier) -> None:
    """A token that could not be checked is not a bad token."""
    issuer.down = True
    with pytest.raises(DependencyUnavailable, match="Fetching failed") as refused:
        await verifier.verify(issuer.token())
    assert not isinstance(refused.value, TokenRefused)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
async def test_typ(issuer: Any, verifier: AccessTokenVerifier, typ: str) -> None:
    """RFC 9068 section 4; media types have no case."""
    assert await verifier.verify(issuer.token(header={"typ": typ}))


@pytest.mark.parametrize("typ", [..., "JWT", "", "dpop+jwt", "logout+jwt", "at+jwt ", "at+jwtx", "x-at+jwt", "id+jwt"])
async def test_other_typ(issuer: Any, verifier: AccessTokenVerifier, typ: Any) -> None:
    """An ID token, a DPoP proof or a logout token is no access token (v5.0.0-9.2.2)."""
    with pytest.raises(TokenRefused, match="typ is not that of an access token"):
        await verifier.verify(issuer.token(header={"typ": typ}))


@pytest.mark.parametrize(("typ", "passes"), [(..., True), ("JWT", True), ("at+jwt", True), ("dpop+jwt", False)])
async def test_waived_typ(issuer: Any, clock: Any, typ: Any, passes: bool) -> None:
    """The waiver lets untyped tokens pass, and not those typed as something else."""
    tokens = Tokens(ISSUER, audience=AUDIENCE, dangerously_accept_untyped="issuer predates RFC 9068")
    verifier = AccessTokenVerifier(tokens, fetcher=issuer, clock=clock)
    raw = issuer.token(header={"typ": typ})
    if passes:
        assert await verifier.verify(raw)
    else:
        with pytest.raises(TokenRefused, match="typ is not"):
            await verifier.verify(raw)


async def test_max_lifetime(issuer: Any, clock: Any) -> None:
    """A token that lives longer than the policy allows is refused while it is still young."""
    tokens = Tokens(ISSUER, audience=AUDIENCE, max_lifetime=timedelta(minutes=4))
    verifier = AccessTokenVerifier(tokens, fetcher=issuer, clock=clock)
    with pytest.raises(TokenRefused, match="lives longer"):
        await verifier.verify(issuer.token())


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"jwk": {"kty": "EC"}}, id="known kid"),
        pytest.param({"jwk": {"kty": "EC"}, "kid": "x"}, id="unknown kid"),
        pytest.param({"jwk": {"kty": "EC"}, "kid": ...}, id="no kid"),
        pytest.param({"jku": "https://evil.example/keys", "kid": "x"}, id="jku"),
        pytest.param({"x5u": "https://evil.example/c"}, id="x5u"),
        pytest.param({"x5c": ["AAAA"]}, id="x5c"),
        pytest.param({"crit": ["b64"], "b64": False}, id="b64"),
    ],
)
async def test_cve_2026_27962(issuer: Any, verifier: AccessTokenVerifier, header: dict[str, Any]) -> None:
    """A key or link in the header: refused, and not one request goes out."""
    with pytest.raises(TokenRefused, match=r"brings its own key|crit or b64"):
        await verifier.verify(issuer.token(header=header))
    assert issuer.fetched == []


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(lambda key: key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), id="PEM"),
        pytest.param(lambda key: key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), id="DER"),
        pytest.param(lambda key: key.public_bytes(Encoding.PEM, PublicFormat.PKCS1), id="PKCS1"),
        pytest.param(lambda key: key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH), id="OpenSSH"),
        pytest.param(lambda key: jwt.algorithms.RSAAlgorithm.to_jwk(key).encode(), id="JWK"),
    ],
)
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_cve_2022_29217(
    issuer: Any, verifier: AccessTokenVerifier, jwk: Any, secret: Callable[[Any], bytes], algorithm: str
) -> None:
    """CVE-2017-11424, CVE-2024-33663, CVE-2024-37568: a public key is no HMAC secret, in none of its forms."""
    issuer.publish("rs-1")
    public = jwt.PyJWK(jwk("rs-1")).key
    head = base64url_encode(json.dumps({"alg": algorithm, "typ": "at+jwt", "kid": "rs-1"}).encode())
    signing_input = head + b"." + base64url_encode(json.dumps(issuer.claims()).encode())
    digest = hmac.digest(secret(public), signing_input, getattr(hashlib, algorithm.replace("HS", "sha")))
    with pytest.raises(TokenRefused, match="alg is not in the allow list"):
        await verifier.verify((signing_input + b"." + base64url_encode(digest)).decode())


async def test_allow_list_is_the_policys(issuer: Any, clock: Any) -> None:
    """CVE-2026-48523: with the key's algorithm taken out of the allow list the key serves no more."""
    issuer.publish("ec-1", "rs-1")
    tokens = Tokens(ISSUER, audience=AUDIENCE, algorithms=("RS256",))
    verifier = AccessTokenVerifier(tokens, fetcher=issuer, clock=clock)
    with pytest.raises(TokenRefused, match="alg is not in the allow list"):
        await verifier.verify(issuer.token("ec-1"))
    assert await verifier.verify(issuer.token("rs-1"))


async def test_rs256_key_does_not_verify_for_another_key(issuer: Any, verifier: AccessTokenVerifier) -> None:
    """The kid of one key with the signature of another is a forgery, in both directions."""
    issuer.publish("ec-1", "ec-2", "rs-1")
    with pytest.raises(TokenRefused, match="signature does not verify"):
        await verifier.verify(issuer.token("ec-2", header={"kid": "ec-1"}))
    with pytest.raises(TokenRefused, match="bound to"):
        await verifier.verify(issuer.token("ec-1", header={"kid": "rs-1"}))


async def test_every_changed_character_refuses(issuer: Any, verifier: AccessTokenVerifier) -> None:
    """No character of a token can be exchanged: header, payload or signature."""
    raw = issuer.token()
    await verifier.verify(raw)
    for place in range(0, len(raw), 3):
        changed = raw[:place] + ("A" if raw[place] != "A" else "B") + raw[place + 1 :]
        with pytest.raises(TokenRefused):  # The reason depends on the place.
            await verifier.verify(changed)


async def test_second_spelling_of_a_cached_token(issuer: Any, verifier: AccessTokenVerifier) -> None:
    """A deny list or a cache that knows a token knows its only spelling."""
    raw = issuer.token()
    await verifier.verify(raw)
    for other in (raw + "=", raw + "\n", " " + raw, raw + ".", raw.replace(".", "=.", 1)):
        with pytest.raises(TokenRefused, match=r"base64url|three segments"):
            await verifier.verify(other)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        pytest.param({"exp": ...}, "no exp", id="no exp"),
        pytest.param({"iss": ISSUER + "/"}, "iss is not", id="CVE-2024-53861"),
        pytest.param({"aud": "other"}, "another audience", id="another audience"),
        pytest.param({"cnf": {"jkt": "x"}}, "not checked here", id="bound by DPoP"),
    ],
)
async def test_signed_and_wrong(
    issuer: Any, verifier: AccessTokenVerifier, changes: dict[str, Any], match: str
) -> None:
    """A good signature does not make up for a wrong claim; nothing refused is cached."""
    raw = issuer.token(**changes)
    for _ in range(2):
        with pytest.raises(TokenRefused, match=match):
            await verifier.verify(raw)


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"exp":1,"exp":2}', b"\xff", b'{"a":NaN}'])
async def test_signed_payload_that_is_no_claims_set(issuer: Any, verifier: AccessTokenVerifier, payload: bytes) -> None:
    """The issuer's signature does not excuse a payload that two parsers read differently."""
    with pytest.raises(TokenRefused, match="payload is not"):
        await verifier.verify(issuer.sign(payload))


async def test_the_token_is_never_told(
    issuer: Any, verifier: AccessTokenVerifier, caplog: pytest.LogCaptureFixture
) -> None:
    """No part of a token in a message, an event or a repr."""
    caplog.set_level(logging.DEBUG)
    secret_parts: list[str] = []
    for raw in (
        issuer.token(),
        issuer.token(exp=1),
        issuer.token("ec-2", header={"kid": "ec-1"}),
        issuer.token() + "=",
    ):
        secret_parts += raw.split(".")[1:]
        try:
            told = repr(await verifier.verify(raw))
        except TokenRefused as refused:
            told = repr(refused) + repr(refused.headers) + repr(refused.facts)
        assert not any(part in told for part in secret_parts)
    assert not any(part in caplog.text for part in secret_parts)


@given(st.text(max_size=80) | st.text("eyJhbGciOiJFUzI1NiJ9.-_=", max_size=80))
def test_never_another_exception(text: str) -> None:
    """Any text: our refusal, without a request for keys."""

    class Nobody:
        async def fetch(self, url: str, *, max_bytes: int) -> bytes:
            raise AssertionError(url)

    verifier = AccessTokenVerifier(Tokens(ISSUER, audience=AUDIENCE), fetcher=Nobody())
    with pytest.raises(AccessDenied):  # Which refusal does not matter here.
        asyncio.run(verifier.verify(text))  # type: ignore[arg-type]
