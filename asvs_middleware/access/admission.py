"""The client certificate of a request, verified as it came here: v5.0.0-12.1.3.

Not decided here: whether the route needs one, and whose.
"""

from collections.abc import Sequence
from datetime import datetime

from ..certificates import ClientCertificateVerifier, VerifiedClientCertificate
from ..connection import Connection
from ..connection.resumption import is_resumed


def admitted(
    verifier: ClientCertificateVerifier, connection: Connection, chain: Sequence[bytes], *, at: datetime
) -> VerifiedClientCertificate | None:
    """Return the proof for what the client showed, or None where it showed nothing and need not.

    Args:
        verifier: of the policy.
        connection: how the certificates came here.
        chain: what `presented_chain` found there.
        at: now.

    Raises:
        AccessDenied: it does not hold (403), or that cannot be told (503).
    """
    forwarded = connection.forwarded
    return verifier.admit(
        chain,
        at=at,
        source="tls" if forwarded is None else forwarded.source,
        # A proxy's session with us says nothing about its session with the client.
        resumed=forwarded is None and is_resumed(connection.transport.tls),
    )
