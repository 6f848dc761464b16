"""The certificate a peer has to show to be heard at all: a CDN's own, on its way to the origin (v5.0.0-12.3.5).

A CDN's CA issues for all of its customers or for itself alone; the identities say which is meant here. Not checked
here: the certificate; the origin lock does that, on what the transport's own handshake saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import ConfigurationError
from .identity import IdentityPattern
from .policy import ClientCertificates


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """Who may connect, by certificate.

    Attributes:
        certificates: the CAs, and the revocation lists, of these certificates alone.
        identities: one of these has to be in the certificate; texts as IdentityPattern takes them.

    Raises:
        ConfigurationError: no identity is named, or one is none.
    """

    certificates: ClientCertificates
    identities: Sequence[str] = field(kw_only=True)
    patterns: tuple[IdentityPattern, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.certificates, ClientCertificates):
            raise ConfigurationError(
                f"PeerCertificate() got a {type(self.certificates).__name__}, not a ClientCertificates.",
                fix='Write PeerCertificate(ClientCertificates(trust="cdn-ca.pem"), identities=["dns:cdn.example"]).',
            )
        if isinstance(self.identities, str) or not isinstance(self.identities, Sequence) or not self.identities:
            raise ConfigurationError(
                f"PeerCertificate(identities={self.identities!r}) names nobody; its CA may issue to anybody.",
                fix='List whom it is issued to, such as identities=["dns:origin-pull.cdn.example"].',
            )
        object.__setattr__(self, "patterns", tuple(IdentityPattern.parse(one) for one in self.identities))
