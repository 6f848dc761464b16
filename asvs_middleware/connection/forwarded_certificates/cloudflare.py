"""Cloudflare: RFC 9440 fields made by a transform rule, with both verdicts beside them.

`cf.tls_client_auth.cert_rfc9440` and `cert_chain_rfc9440` are filled for certificates that are invalid, expired or
self-signed, too, so `cert_verified` has to come along, and `cert_revoked`, since a revoked one counts as verified.
All four are the operator's to name. A certificate above 10 KiB comes as an empty text, which its verdict then
contradicts.
"""

from .decoding import CERTIFICATE, CHAIN, REVOKED, VERDICT, Chain, Format, Values, agreed
from .rfc9440 import decode as decode_rfc9440


def decode(values: Values) -> Chain:
    """Return the chain of a certificate that was verified and is not revoked."""
    verdict, revoked = values[VERDICT], values[REVOKED]
    agreed(
        shown=bool(values[CERTIFICATE]),
        verified=verdict == "true" and revoked == "false",
        clean={verdict, revoked} <= {"", "false"},
    )
    return decode_rfc9440(values)


CLOUDFLARE = Format(
    "cloudflare",
    {
        CERTIFICATE: "client-cert",
        CHAIN: "client-cert-chain",
        VERDICT: "client-cert-verified",
        REVOKED: "client-cert-revoked",
    },
    decode,
    renamable=True,
    companions=("cf-client-cert-der-base64", "cf-client-cert-sha256"),
)
