"""What a proof costs: one token or one certificate, verified for the first time and again, against the bare library."""

import tempfile
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import PolicyBuilder, Store
from starlette.types import ASGIApp, Receive, Scope, Send

from asvs_middleware.certificates import ClientCertificates, ClientCertificateVerifier, IdentityPattern
from asvs_middleware.server.pki import DevelopmentCA
from asvs_middleware.tokens import AccessTokenVerifier

from .harness import Section, Variant
from .issuer import AUDIENCE, ISSUER, Issuer
from .layers import bare

MORE_TOKENS = 4200
"""More than the verifier keeps, so that a token is forgotten before its turn comes again."""

MORE_CERTIFICATES = 1100
"""The same for certificates."""


def of_tokens(*, more: int = MORE_TOKENS) -> Section:
    """Return ES256 access tokens verified in several ways."""
    issuer = Issuer()
    known, many = [issuer.token()], [issuer.token(number) for number in range(more)]
    key = issuer.key.public_key()
    options = {"algorithms": ["ES256"], "audience": AUDIENCE, "issuer": ISSUER}
    signed = [_es256(token) for token in many]

    def ours(tokens: list[str]) -> ASGIApp:
        verifier = AccessTokenVerifier(issuer.tokens(), fetcher=issuer)
        return each(verifier.verify, tokens)

    return _section(
        "Verification of an access token (ES256)",
        {
            "signature alone (cryptography)": each(lambda one: key.verify(*one, ec.ECDSA(SHA256())), signed),
            "PyJWT decode": each(lambda token: jwt.decode(token, key, **options), many),
            "ours, first time": ours(many),
            "ours, again": ours(known),
        },
    )


def of_certificates(*, more: int = MORE_CERTIFICATES) -> Section:
    """Return client certificates verified in several ways, with a revocation list."""
    at = datetime.now(UTC)
    ca = DevelopmentCA.root("Clients", at=at)
    key = ec.generate_private_key(ec.SECP256R1())
    many = [ca.issue_client("Batch", uris=[f"spiffe://example.org/{n}"], at=at, key=key).der for n in range(more)]
    store = Store([ca.certificate])

    def alone(der: bytes) -> object:
        return (
            PolicyBuilder()
            .store(store)
            .time(at)
            .build_client_verifier()
            .verify(x509.load_der_x509_certificate(der), [])
        )

    def ours(certificates: list[bytes]) -> ASGIApp:
        verifier = ClientCertificateVerifier(_policy(ca, at))
        return each(lambda der: verifier.verify(der, at=at), certificates)

    return _section(
        "Verification of a client certificate (P-256, one CA, with a revocation list)",
        {
            "path alone (cryptography), no list": each(alone, many),
            "ours, first time": ours(many),
            "ours, again": ours(many[:1]),
        },
    )


def of_chains(*, more: int = MORE_CERTIFICATES) -> Section:
    """Return clients of an intermediate CA, which they send along, verified in several ways, without a list."""
    at = datetime.now(UTC)
    ca = DevelopmentCA.root("Clients", at=at)
    below = ca.issue_authority("Batch", at=at)
    key = ec.generate_private_key(ec.SECP256R1())
    many = [below.issue_client("Batch", uris=[f"spiffe://example.org/{n}"], at=at, key=key).der for n in range(more)]
    sent = [below.der]
    store = Store([ca.certificate])

    def alone(der: bytes) -> object:
        chain = [x509.load_der_x509_certificate(one) for one in (der, *sent)]
        return PolicyBuilder().store(store).time(at).build_client_verifier().verify(chain[0], chain[1:])

    def ours(certificates: list[bytes], pattern: IdentityPattern | None = None) -> ASGIApp:
        verifier = ClientCertificateVerifier(_policy(ca, None))

        def verify(der: bytes) -> object:
            proof = verifier.admit((der, *sent), at=at)
            return proof if pattern is None or proof is None else pattern.matches(proof)

        return each(verify, certificates)

    return _section(
        "Verification of a client certificate (P-256, chain of 3, no list)",
        {
            "path alone (cryptography)": each(alone, many),
            "ours, first time": ours(many),
            "ours, again": ours(many[:1]),
            "ours, again, and one SPIFFE pattern": ours(many[:1], IdentityPattern("spiffe://example.org/")),
            "ours, again, and one distinguished name": ours(many[:1], IdentityPattern("dn:CN=Batch,O=Example")),
        },
    )


def each(verify: Callable[[Any], Any], inputs: Iterable[Any]) -> ASGIApp:
    """Return an app that verifies the next input at every request."""
    turn = cycle(inputs)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found = verify(next(turn))
        if isinstance(found, Awaitable):
            await found

    return app


def _section(title: str, apps: dict[str, ASGIApp]) -> Section:
    """Return the section; the first app is what the others are compared with."""
    first = next(iter(apps))
    return Section(title=title, variants=[Variant(name, bare, app, first) for name, app in apps.items()])


def _es256(token: str) -> tuple[bytes, bytes]:
    """Return signature and signed bytes, as the library takes them."""
    signed, _, signature = token.encode().rpartition(b".")
    raw = jwt.utils.base64url_decode(signature)
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")), signed


def _policy(ca: DevelopmentCA, listed_at: datetime | None) -> ClientCertificates:
    with tempfile.TemporaryDirectory() as folder:
        trust, crl = Path(folder, "ca.pem"), Path(folder, "ca.crl")
        trust.write_bytes(ca.pem)
        if listed_at is None:
            return ClientCertificates(trust=trust)
        crl.write_bytes(ca.crl(at=listed_at).public_bytes(Encoding.PEM))
        return ClientCertificates(trust=trust, crls=[crl])
