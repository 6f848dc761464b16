"""Client certificates: from DER bytes to a proof of who is calling (v5.0.0-12.1.3, v5.0.0-12.1.4, v5.0.0-12.3.5).

`policy` says whom to trust, `leaf` what one certificate says about itself, `spiffe` the grammar of SPIFFE IDs,
`revocation` who was struck off, `verifier` makes the proof and `identity` compares it with what a route asks for.
No socket, clock or environment here: bytes and the time come in as arguments.
"""

from .identity import IdentityPattern
from .peer import PeerCertificate
from .policy import ClientCertificates
from .verifier import ClientCertificateVerifier, VerifiedCertificate

__all__ = [
    "ClientCertificateVerifier",
    "ClientCertificates",
    "IdentityPattern",
    "PeerCertificate",
    "VerifiedCertificate",
]
