"""A port that is shut to everybody without a client certificate, whatever the route: v5.0.0-12.1.3, v5.0.0-12.3.5.

For `ClientCertificates(required=True)`, also under a server that does not insist in the handshake. It stands inside the
layer, behind the gates that look at Host and TLS and before the app, so that a refusal is answered like any other.
"""

from datetime import UTC, datetime
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from ..connection import Connection, presented_chain
from ..connection.exchange import exchange_of
from ..errors import AccessDenied, CertificateRefused, Misconfigured
from .admission import admitted
from .guard import Guard


def shut(app: ASGIApp, guard: Guard) -> ASGIApp:
    """Return the app behind the question for a certificate. It has to run inside the layer."""

    async def port(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            exchange = exchange_of(scope)
            if exchange is None:
                raise Misconfigured("A port that needs client certificates was reached past the layer that answers.")
            try:
                await _ask(guard, exchange.connection)
            except AccessDenied as refusal:
                exchange.refusal = refusal  # The layer answers it when we return.
                return
        await app(scope, receive, send)

    return port


async def _ask(guard: Guard, connection: Connection) -> None:
    """Refuse whoever shows no certificate, and one that does not hold."""
    if guard.certificates is None:
        raise Misconfigured("A client certificate is required, and nothing verifies one.")
    chain, at = presented_chain(connection), datetime.fromtimestamp(guard.clock(), UTC)
    proof = await guard.certificates.informed(partial(admitted, guard.certificates, connection, chain, at=at))
    if proof is None:  # The policy in force for a rehearsal requires none; the app still does.
        raise CertificateRefused("No client certificate reached the app.", code="client_certificate_missing")
