"""Traefik: X-Forwarded-Tls-Client-Cert, the body of each PEM certificate without line ends, separated by commas.

Leaf first, then what the client sent with it. Older releases percent-encoded the whole, and a per cent sign is no
character of base64, so both can be told apart. What Traefik verified depends on its clientAuthType. The field with
-Info behind its name is not read: its text cannot be taken apart without doubt.
"""

from urllib.parse import unquote

from .decoding import CERTIFICATE, Chain, Format, Values, base64_der


def decode(values: Values) -> Chain:
    """Return the chain."""
    text = values[CERTIFICATE]
    if not text:
        return ()
    return tuple(base64_der(body) for body in (unquote(text) if "%" in text else text).split(","))


TRAEFIK = Format(
    "traefik",
    {CERTIFICATE: "x-forwarded-tls-client-cert"},
    decode,
    companions=("x-forwarded-tls-client-cert-info",),
)
