"""An issuer of access tokens with a real key, whose documents are served from memory: nothing here opens a socket."""

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from asvs_middleware import Tokens

ISSUER = "https://idp.example"
AUDIENCE = "https://api.example.com"
_JWKS = f"{ISSUER}/keys"


class Issuer:
    """Signs tokens with ES256 and is the fetcher of its own documents."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        jwk = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        self._documents: dict[str, dict[str, Any]] = {
            f"{ISSUER}/.well-known/oauth-authorization-server": {"issuer": ISSUER, "jwks_uri": _JWKS},
            _JWKS: {"keys": [{**{k: v for k, v in jwk.items() if k != "key_ops"}, "kid": "1"}]},
        }

    async def fetch(self, url: str, *, max_bytes: int) -> bytes:
        """Return a document."""
        return json.dumps(self._documents[url]).encode()[: max_bytes + 1]

    def tokens(self) -> Tokens:
        """Return the policy that accepts this issuer's tokens."""
        return Tokens(ISSUER, audience=AUDIENCE, outbound=self)

    def token(self, number: int = 1) -> str:
        """Return a token that holds for an hour; each number another one."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "user-1",
            "client_id": "client-1",
            "jti": str(number),
            "iat": now,
            "exp": now + 3600,
            "scope": "orders:read orders:write",
        }
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"typ": "at+jwt", "kid": "1"})
