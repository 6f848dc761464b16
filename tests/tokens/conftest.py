"""An issuer with real keys, a clock that stands still, and a fetcher that serves documents from memory."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import anyio
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from asvs_middleware.tokens import AccessTokenVerifier, Tokens

ISSUER = "https://idp.example"
AUDIENCE = "https://api.example"
NOW = 1_800_000_000.0
METADATA_URL = f"{ISSUER}/.well-known/oauth-authorization-server"
JWKS_URL = f"{ISSUER}/keys"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@cache
def private_key(name: str) -> Any:
    """Return the test key of that name; the same one for the whole run."""
    if name.startswith("ec"):
        return ec.generate_private_key(ec.SECP256R1())
    if name.startswith("ed"):
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(name: str, **members: Any) -> dict[str, Any]:
    """Return the public JWK of a test key, with its name as kid."""
    key = private_key(name).public_key()
    importer = {"ec": ECAlgorithm, "ed": OKPAlgorithm, "rs": RSAAlgorithm}[name[:2]]
    jwk = importer.to_jwk(key, as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, "kid": name, **members}


@dataclass
class Clock:
    """Seconds since the epoch, moved by hand."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Issuer:
    """Signs tokens and serves its documents; the fetcher is the issuer itself."""

    keys: list[str] = field(default_factory=lambda: ["ec-1"])
    documents: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    down: bool = False
    delay: float = 0

    def __post_init__(self) -> None:
        self.serve(METADATA_URL, {"issuer": ISSUER, "jwks_uri": JWKS_URL})
        self.publish(*self.keys)

    def serve(self, url: str, document: object) -> None:
        self.documents[url] = json.dumps(document).encode()

    def publish(self, *names: str) -> None:
        self.serve(JWKS_URL, {"keys": [public_jwk(name) for name in names]})

    async def fetch(self, url: str, *, max_bytes: int) -> bytes:
        self.fetched.append(url)
        await anyio.sleep(self.delay)
        if self.down:
            raise ConnectionError("https://user:secret@idp.example refused")
        return self.documents[url][: max_bytes + 1]

    @property
    def key_fetches(self) -> int:
        return self.fetched.count(JWKS_URL)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return good claims with these changes; ... leaves a claim out."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "user-1",
            "client_id": "client-1",
            "jti": "1",
            "iat": int(NOW),
            "exp": int(NOW) + 300,
            "scope": "orders:read orders:write",
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not ...}

    def token(self, key: str = "ec-1", *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return a correctly signed access token."""
        payload = json.dumps(self.claims(**changes)).encode()
        return self.sign(payload, key, header)

    def sign(self, payload: bytes, key: str = "ec-1", header: dict[str, Any] | None = None) -> str:
        """Return a JWS over any bytes."""
        algorithm = {"ec": "ES256", "ed": "EdDSA", "rs": "RS256"}[key[:2]]
        headers = {"alg": algorithm, "typ": "at+jwt", "kid": key, **(header or {})}
        members = {name: value for name, value in headers.items() if value is not ...}
        return sign_segments(json.dumps(members).encode(), payload, key, members.get("alg", algorithm))


def sign_segments(header: bytes, payload: bytes, key: str, algorithm: str = "ES256") -> str:
    """Return header.payload.signature over exactly these bytes."""
    signing_input = b".".join(jwt.utils.base64url_encode(part) for part in (header, payload))
    signer = jwt.get_algorithm_by_name(algorithm)
    signature = signer.sign(signing_input, private_key(key))
    return (signing_input + b"." + jwt.utils.base64url_encode(signature)).decode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="session")
def one_for_all() -> tuple[Issuer, AccessTokenVerifier]:
    """Return an issuer and its verifier for tests that try many tokens."""
    one = Issuer()
    return one, AccessTokenVerifier(Tokens(ISSUER, audience=AUDIENCE), fetcher=one, clock=Clock())


@pytest.fixture(scope="session")
def jwk() -> Callable[..., dict[str, Any]]:
    return public_jwk


@pytest.fixture(scope="session")
def signed() -> Callable[..., str]:
    return sign_segments


@pytest.fixture
def verifier(issuer: Issuer, clock: Clock) -> AccessTokenVerifier:
    return AccessTokenVerifier(Tokens(ISSUER, audience=AUDIENCE), fetcher=issuer, clock=clock)
