"""nginx, its Kubernetes ingress, and Apache: the leaf as percent-encoded PEM, and the proxy's verdict beside it.

nginx sends `$ssl_client_escaped_cert` and `$ssl_client_verify`: SUCCESS, NONE or FAILED:reason. Apache sends
`%{escape:%{SSL_CLIENT_CERT}}` and `%{SSL_CLIENT_VERIFY}`: the same, and GENEROUS for what it did not verify. The
names are the operator's; unless told otherwise, those of the Kubernetes ingress for nginx. The chain is not sent:
name intermediate CAs in ClientCertificates(intermediates=...).
"""

from .decoding import CERTIFICATE, VERDICT, Chain, Format, Values, agreed, escaped_pem, single


def decode(values: Values) -> Chain:
    """Return the leaf the proxy found good."""
    certificate, verdict = values[CERTIFICATE], values[VERDICT]
    clean = verdict in {"", "NONE"}
    if not agreed(shown=bool(certificate), verified=verdict == "SUCCESS", clean=clean):
        return ()
    return (single(escaped_pem(certificate)),)


NGINX = Format(
    "nginx",
    {CERTIFICATE: "ssl-client-cert", VERDICT: "ssl-client-verify"},
    decode,
    renamable=True,
    companions=("ssl-client-subject-dn", "ssl-client-issuer-dn"),
)
APACHE = Format("apache", {CERTIFICATE: "x-client-cert", VERDICT: "x-client-verify"}, decode, renamable=True)
