"""RFC 9440: Client-Cert and Client-Cert-Chain, the common form, and the default.

Client-Cert is a structured field Byte Sequence (RFC 8941 section 3.3.5) of the leaf in DER; Client-Cert-Chain a List
of them without the leaf (section 2.3). There is no verdict: its presence says that the proxy verified it. Stricter
than RFC 8941: no parameters, no missing padding, one field line each. `::` is what a proxy writes that fills a
template without a certificate, and is none.

HAProxy and Caddy can write the leaf so; Google Cloud (`google`), Cloudflare (`cloudflare`) and CloudFront in its
passthrough mode write both fields.
"""

from .decoding import CERTIFICATE, CHAIN, Chain, Format, Values, base64_der, belongs, malformed

_EMPTY = "::"


def decode(values: Values) -> Chain:
    """Return the leaf and what follows it."""
    leaf = "" if values[CERTIFICATE] == _EMPTY else values[CERTIFICATE]
    belongs(values[CHAIN], leaf)
    if not leaf:
        return ()
    rest = values[CHAIN].split(",") if values[CHAIN] else []
    return (byte_sequence(leaf), *(byte_sequence(member.strip(" \t")) for member in rest))


def byte_sequence(text: str) -> bytes:
    """Decode `:base64:`."""
    if len(text) < 2 or text[0] != ":" or text[-1] != ":":
        raise malformed("a byte sequence between colons")
    return base64_der(text[1:-1])


RFC9440 = Format("rfc9440", {CERTIFICATE: "client-cert", CHAIN: "client-cert-chain"}, decode)
