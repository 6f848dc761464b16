"""Decide whether a caller meets a mark: certificate, token, binding, scopes, age, strength; in that order.

v5.0.0-12.1.3, v5.0.0-9.1.1 to 9.2.3, v5.0.0-10.3.1 to 10.3.5. Not decided here: what the caller may do with which
object (v5.0.0-8.2.2); that is the app's own rule.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256

from ..certificates import ClientCertificateVerifier, VerifiedClientCertificate
from ..certificates.identity import required_identity
from ..connection import Connection, presented_chain
from ..errors import CertificateRefused, Misconfigured
from ..tokens import (
    AccessTokenVerifier,
    VerifiedToken,
    bearer_token,
    insufficient_authentication,
    insufficient_scope,
    invalid_token,
    missing_token,
    verify_binding,
)
from .admission import admitted
from .caller import VerifiedCaller, verified_caller
from .marks import Sensitive


class Guard:
    """Makes proofs out of connections.

    Args:
        tokens: verifies access tokens; None where the policy has none.
        certificates: verifies client certificates; None where the policy has none.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        tokens: AccessTokenVerifier | None,
        certificates: ClientCertificateVerifier | None,
        clock: Callable[[], float],
    ) -> None:
        self.tokens = tokens
        self.certificates = certificates
        self.clock = clock

    async def verify(self, mark: Sensitive, connection: Connection) -> VerifiedCaller:
        """Return the proof that the caller meets the mark.

        Raises:
            AccessDenied: it does not (401, 403), or it cannot be told (503), or nothing here could tell (500).
        """
        chain = presented_chain(connection)
        certificate = None
        if self.certificates is not None:
            attempt = partial(_certificate, self.certificates, mark, connection, chain, self._now())
            certificate = await self.certificates.informed(attempt)
        elif mark.certificate:
            raise Misconfigured("A client certificate is asked for, and the policy has no client_certificates.")
        if not mark.token:
            return verified_caller(None, certificate, mark)
        token = await self._token(mark, connection)
        verify_binding(token, sha256(chain[0]).digest() if chain else None)
        self._check_token(mark, token)
        return verified_caller(token, certificate, mark)

    async def _token(self, mark: Sensitive, connection: Connection) -> VerifiedToken:
        if self.tokens is None:
            raise Misconfigured("An access token is asked for, and the policy has no tokens.")
        raw = bearer_token(connection.authorization)
        if raw is None:
            raise missing_token()
        token = await self.tokens.verify(raw)
        if mark.bound == "mtls" and token.certificate_thumbprint is None:
            raise invalid_token("The token is bound to no certificate.", requirement="v5.0.0-10.3.5")
        return token

    def _check_token(self, mark: Sensitive, token: VerifiedToken) -> None:
        missing = [scope for scope in mark.scopes if scope not in token.scopes]
        if missing:
            raise insufficient_scope(f"The token lacks {', '.join(missing)}.", scopes=mark.scopes)
        if mark.max_age is not None and (token.auth_time is None or self._now() - token.auth_time > mark.max_age):
            raise insufficient_authentication("The login is older than the route allows.", max_age=mark.max_age)
        if mark.acr and token.acr not in mark.acr:
            raise insufficient_authentication("The login is weaker than the route asks for.", acr_values=mark.acr)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)


def _certificate(
    verifier: ClientCertificateVerifier,
    mark: Sensitive,
    connection: Connection,
    chain: tuple[bytes, ...],
    at: datetime,
) -> VerifiedClientCertificate | None:
    """Verify what was shown, asked for or not: a certificate that does not hold is never passed over."""
    certificate = admitted(verifier, connection, chain, at=at)
    if certificate is not None:
        required_identity(mark.identities, certificate)
    elif mark.certificate:
        raise CertificateRefused("No client certificate reached the app.", code="client_certificate_missing")
    return certificate
