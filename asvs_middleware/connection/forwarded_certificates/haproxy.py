"""HAProxy: `%[ssl_c_der,base64]`, `%[ssl_c_chain_der,base64]` and `%[ssl_c_verify]`.

The chain is one base64 value of concatenated DER. ssl_c_verify is OpenSSL's code: 0 says that there was nothing to
find fault with, a certificate or none; anything else that it failed (`crt-ignore-err` lets such through). The names
are the operator's. HAProxy sends an empty field where there is no certificate.
"""

from .decoding import (
    CERTIFICATE,
    CHAIN,
    VERDICT,
    Chain,
    Format,
    Values,
    agreed,
    base64_der,
    belongs,
    concatenated_der,
    with_leaf,
)


def decode(values: Values) -> Chain:
    """Return the leaf and what the client sent with it."""
    certificate, chain, verdict = values[CERTIFICATE], values[CHAIN], values[VERDICT]
    belongs(chain, certificate)
    if not agreed(shown=bool(certificate), verified=verdict == "0", clean=verdict in {"", "0"}):
        return ()
    return with_leaf(base64_der(certificate), concatenated_der(base64_der(chain)) if chain else ())


HAPROXY = Format(
    "haproxy",
    {CERTIFICATE: "x-ssl-client-cert", CHAIN: "x-ssl-client-chain", VERDICT: "x-ssl-client-verify"},
    decode,
    renamable=True,
    companions=("x-ssl-client-dn", "x-ssl-client-cn", "x-ssl-client-s-dn", "x-ssl-issuer", "x-ssl-client-sha1"),
)
