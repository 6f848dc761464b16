"""A token issuer, small and real: metadata (RFC 8414), keys, and access tokens (RFC 9068) for clients.

Clients show a secret and get a plain bearer token, or a certificate and get a token bound to it (RFC 8705). For the
demonstration only: one client secret, no consent, no refresh tokens.
"""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asvs_middleware import ClientCertificates, SecurityPolicy, public, secure, sensitive

from .settings import Settings

KEY_ID = "example-1"
AUDIENCE = "https://payments.example"
SCOPES = frozenset({"orders:read", "payments:write"})

settings = Settings.load()


def _signing_key() -> EllipticCurvePrivateKey:
    key = load_pem_private_key(settings.file("signing.key").read_bytes(), None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("signing.key holds another kind of key than P-256.")
    return key


signing_key = _signing_key()


@public(reason="metadata every client reads")
async def metadata(_request: Request) -> JSONResponse:
    """Say where everything is (RFC 8414 section 3)."""
    return JSONResponse(
        {
            "issuer": settings.issuer,
            "jwks_uri": f"{settings.issuer}/keys",
            "token_endpoint": f"{settings.issuer}/token",
            "mtls_endpoint_aliases": {"token_endpoint": f"{settings.issuer}/mtls/token"},
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
        }
    )


@public(reason="public keys every service reads")
async def keys(_request: Request) -> JSONResponse:
    """Publish the public key."""
    public_key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(signing_key.public_key()))
    return JSONResponse({"keys": [{**public_key, "kid": KEY_ID, "use": "sig", "alg": "ES256"}]})


@public(reason="clients authenticate here with their secret")
async def token(request: Request) -> JSONResponse:
    """Give a plain bearer token to a client that knows its secret."""
    form = await _form(request)
    if not hmac.compare_digest(form.get("client_secret", "").encode(), settings.client_secret.encode()):
        return _refused("invalid_client", 401)
    return _answer(form, subject="customer-1", confirmation=None)


@sensitive(client_certificate=True)
async def bound_token(request: Request) -> JSONResponse:
    """Give a client with a certificate a token that works with that certificate only."""
    caller = request.state.caller
    thumbprint = urlsafe_b64encode(caller.certificate.thumbprint).rstrip(b"=").decode("ascii")
    return _answer(await _form(request), subject=caller.subject[1], confirmation={"x5t#S256": thumbprint})


async def _form(request: Request) -> dict[str, str]:
    body = await request.body()
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _answer(form: dict[str, str], *, subject: str, confirmation: dict[str, str] | None) -> JSONResponse:
    scopes = form.get("scope", "").split()
    if form.get("grant_type") != "client_credentials":
        return _refused("unsupported_grant_type", 400)
    if not SCOPES.issuperset(scopes):
        return _refused("invalid_scope", 400)
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": settings.issuer,
        "sub": subject,
        "client_id": subject,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 300,
        "jti": str(uuid4()),
        "scope": " ".join(scopes),
    }
    if confirmation:
        claims["cnf"] = confirmation
    signed = jwt.encode(claims, signing_key, algorithm="ES256", headers={"kid": KEY_ID, "typ": "at+jwt"})
    return JSONResponse({"access_token": signed, "token_type": "Bearer", "expires_in": 300})


def _refused(error: str, status: int) -> JSONResponse:
    return JSONResponse({"error": error}, status_code=status)


app = secure(
    Starlette(
        routes=[
            Route("/.well-known/oauth-authorization-server", metadata),
            Route("/keys", keys),
            Route("/token", token, methods=["POST"]),
            Route("/mtls/token", bound_token, methods=["POST"]),
        ]
    ),
    SecurityPolicy.api(
        hosts=["localhost"],
        client_certificates=ClientCertificates(
            trust=settings.file("clients-ca.pem"), crls=[settings.file("clients.crl")]
        ),
    ),
)
