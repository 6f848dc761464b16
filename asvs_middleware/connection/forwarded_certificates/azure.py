"""Azure App Service: X-ARR-ClientCert, base64 of the leaf in DER.

Azure passes on whatever certificate the client holds the key of and verifies nothing else: all depends on
ClientCertificates. Paths excluded from client certificates, and plaintext requests, carry none.
"""

from .decoding import CERTIFICATE, Chain, Format, Values, base64_der


def decode(values: Values) -> Chain:
    """Return the leaf."""
    text = values[CERTIFICATE]
    return (base64_der(text),) if text else ()


AZURE = Format("azure", {CERTIFICATE: "x-arr-clientcert"}, decode)
