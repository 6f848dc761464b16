"""Client certificates: from DER bytes to a proof of who is calling (v5.0.0-12.1.3, v5.0.0-12.1.4, v5.0.0-12.3.5).

`policy` says whom to trust, `leaf` what one certificate says about itself, `path` who vouches for it, `svid` and
`spiffe` what SPIFFE asks for, `revocation` who was struck off, by lists (`crl`) and answers (`ocsp`) that
`revocation_service` has fetched. `verifier` puts these in order and makes the `proof`,
`verdicts` gives it again, and `identity` compares it with what a route asks for.
No socket, clock or environment here: bytes and the time come in as arguments.
"""

from .identity import IdentityPattern
from .peer import PeerCertificate
from .policy import ClientCertificates
from .proof import VerifiedClientCertificate
from .revocation.ocsp_responder import Responder
from .revocation.policy import RevocationPolicy
from .verifier import ClientCertificateVerifier

__all__ = [
    "ClientCertificateVerifier",
    "ClientCertificates",
    "IdentityPattern",
    "PeerCertificate",
    "Responder",
    "RevocationPolicy",
    "VerifiedClientCertificate",
]
