"""Caddy: base64 of the leaf in DER, from `{http.request.tls.client.certificate_der_base64}`.

Without a certificate Caddy 2.6 sends the placeholder itself, which is no certificate then. What Caddy verified
depends on its client_auth mode: `request` and `require` verify nothing. It knows no revocation lists. The name is the
operator's.
"""

from .decoding import CERTIFICATE, Chain, Format, Values, base64_der

_UNFILLED = "{http.request.tls.client.certificate_der_base64}"


def decode(values: Values) -> Chain:
    """Return the leaf."""
    text = values[CERTIFICATE]
    return () if text in {"", _UNFILLED} else (base64_der(text),)


CADDY = Format("caddy", {CERTIFICATE: "x-client-cert"}, decode, renamable=True)
