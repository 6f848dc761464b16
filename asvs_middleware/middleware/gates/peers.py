"""The origin lock: whoever does not come through the proxy is refused before anything else is looked at.

v5.0.0-4.1.3: a CDN's checks are worth nothing to an app that also answers whoever finds its address. Judged on the
transport's peer and on the transport's own handshake, never on a header field. Not checked: which of a CDN's customers
sent a request; a CDN that connects for all of them from the same networks has to show a certificate of ours.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from ...certificates import ClientCertificateVerifier
from ...certificates.peer import PeerCertificate
from ...connection import Connection
from ...connection.live_peers import AllowedPeers, LivePeers
from ...connection.peer_certificate import handshake_chain
from ...errors import AccessDenied, CertificateRefused, PeerRefused
from .seldom import Seldom
from .verdict import Verdict


def peer_lock(
    allowed: AllowedPeers | None, certificate: PeerCertificate | None, *, clock: Callable[[], float]
) -> "PeerLock | None":
    """Return the origin lock, or None where everybody may connect."""
    if allowed is None and certificate is None:
        return None
    return PeerLock(allowed=allowed, certificate=certificate, clock=clock)


class PeerLock:
    """The first gate. Where networks and a certificate are asked for, a peer has to have both.

    Args:
        allowed: the networks a peer may connect from; None for any.
        certificate: the certificate a peer has to show; None for none.
        clock: seconds since the epoch.

    Attributes:
        refused: how many requests were refused so far.
    """

    def __init__(
        self, *, allowed: AllowedPeers | None, certificate: PeerCertificate | None, clock: Callable[[], float]
    ) -> None:
        self.refused = 0
        self._peers = None if allowed is None else LivePeers(allowed)
        self._patterns = () if certificate is None else certificate.patterns
        self._verifier = None if certificate is None else ClientCertificateVerifier(certificate.certificates)
        self._clock = clock
        self._events = Seldom()

    def judge(self, connection: Connection) -> Verdict:
        """Return None for a peer that may connect; a refusal, with at most one event a minute, for any other."""
        if self._peers is not None:
            if not self._peers.watch.running:  # No lifespan has started it, or this is a forked child.
                self._peers.watch.start()
            if connection.transport.peer not in self._peers:
                return self._refused(connection, PeerRefused("The peer's address is not in allowed_peers."))
        if self._verifier is not None:
            try:
                self._verify(self._verifier, connection)
            except AccessDenied as refusal:
                return self._refused(connection, refusal)
        return None

    def open(self) -> None:
        """Start to look after the files with networks."""
        if self._peers is not None:
            self._peers.watch.start()

    def close(self) -> None:
        """Stop it."""
        if self._peers is not None:
            self._peers.watch.stop()

    def _verify(self, verifier: ClientCertificateVerifier, connection: Connection) -> None:
        tls = connection.transport.tls
        chain = () if tls is None else handshake_chain(tls)
        if not chain:
            raise PeerRefused("The peer showed no certificate in the handshake with this server.")
        try:
            proof = verifier.verify(chain[0], chain[1:], at=datetime.fromtimestamp(self._clock(), UTC))
        except CertificateRefused as refusal:
            raise PeerRefused(refusal.reason, facts=refusal.facts) from refusal
        if not any(pattern.matches(proof) for pattern in self._patterns):
            raise PeerRefused("The peer's certificate holds, and its identity is not the one asked for.")

    def _refused(self, connection: Connection, refusal: AccessDenied) -> AccessDenied:
        self.refused += 1
        # A credential sent in clear is burnt, whoever carried it; that is told in an event of its own.
        exposed = connection.exposes_credentials
        suppressed = self._events.suppressed((connection.transport.peer, exposed), self._clock())
        refusal.facts |= {"credential_exposed": exposed, "suppressed": suppressed}
        refusal.quiet = suppressed is None
        return refusal
