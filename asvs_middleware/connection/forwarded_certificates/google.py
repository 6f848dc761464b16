"""Google Cloud's application load balancers: custom fields in the form of RFC 9440, and the verdict beside them.

Filled from `{client_cert_leaf}`, `{client_cert_chain}`, `{client_cert_chain_verified}` and `{client_cert_present}`.
The leaf is empty for a certificate that failed, where the balancer lets such a client through
(ALLOW_INVALID_OR_MISSING), and for one that is too long; both are refused. The names are the operator's. A backend
that another balancer serves without mTLS gets what clients write: each has to set them.
"""

from .decoding import CERTIFICATE, CHAIN, PRESENT, VERDICT, Chain, Format, Values, agreed
from .rfc9440 import decode as decode_rfc9440


def decode(values: Values) -> Chain:
    """Return the chain the balancer verified."""
    verdicts = {values[VERDICT], values[PRESENT]}
    agreed(shown=bool(values[CERTIFICATE]), verified=verdicts == {"true"}, clean=verdicts <= {"", "false"})
    return decode_rfc9440(values)


GOOGLE = Format(
    "google",
    {
        CERTIFICATE: "x-client-cert-leaf",
        CHAIN: "x-client-cert-chain",
        VERDICT: "x-client-cert-chain-verified",
        PRESENT: "x-client-cert-present",
    },
    decode,
    renamable=True,
    companions=(
        "x-client-cert-error",
        "x-client-cert-hash",
        "x-client-cert-serial-number",
        "x-client-cert-spiffe",
        "x-client-cert-uri-sans",
        "x-client-cert-dnsname-sans",
        "x-client-cert-valid-not-before",
        "x-client-cert-valid-not-after",
        "x-client-cert-issuer-dn",
        "x-client-cert-subject-dn",
    ),
)
