"""Envoy, and meshes built on it: X-Forwarded-Client-Cert.

Elements stand between commas, one for each proxy that appended; only the last is the nearest proxy's own. An element
is `Key=value` pairs between semicolons: By, Hash, Cert, Chain, Subject, URI, DNS. A value in double quotes may hold
commas, semicolons and, behind a backslash, quotes. Cert and Chain are percent-encoded PEM, Chain with the leaf; Hash
is the SHA-256 of the leaf in hexadecimal and has to agree. By, Subject, URI and DNS are not read: the certificate
says so itself. An element without a whole certificate is refused, since nothing in it can be verified again.
"""

import hmac
import re
from hashlib import sha256
from typing import Final

from .decoding import CERTIFICATE, Chain, Format, Values, escaped_pem, malformed, refused, single, with_leaf

_PAIR: Final = re.compile(r'[ \t]*([A-Za-z]+)=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^",;]*))(,|;|\Z)')
_REPEATABLE: Final = frozenset({"by", "uri", "dns"})


def decode(values: Values) -> Chain:
    """Return the certificates of the last element."""
    text = values[CERTIFICATE]
    if not text:
        return ()
    element = elements(text)[-1]
    cert, chain = escaped_pem(element.get("cert", "")), escaped_pem(element.get("chain", ""))
    if not cert and not chain:
        raise refused(
            "forwarded_without_certificate",
            "X-Forwarded-Client-Cert holds no Cert and no Chain, so there is nothing to verify: let the proxy send "
            "them (set_current_client_cert_details: cert, chain).",
        )
    found = with_leaf(single(cert), chain) if cert else chain
    # A Chain begins with the leaf, so after another Cert there would be two.
    if cert and chain and found is not chain:
        raise refused("forwarded_contradiction", "Cert and Chain begin with different certificates.")
    if "hash" in element and not hmac.compare_digest(element["hash"].lower(), sha256(found[0]).hexdigest()):
        raise refused("forwarded_contradiction", "Hash is that of another certificate.")
    return found


def elements(text: str) -> list[dict[str, str]]:
    """Split the field. Keys come in lower case; of a key that may repeat, the first value is kept."""
    found, at = [dict[str, str]()], 0
    while pair := _PAIR.match(text, at):
        key, quoted, bare, end = pair[1].lower(), pair[2], pair[3], pair[4]
        if key in found[-1] and key not in _REPEATABLE:
            raise refused("forwarded_duplicate", "X-Forwarded-Client-Cert repeats a key.")
        found[-1].setdefault(key, bare if quoted is None else quoted)
        if not end:
            return found
        if end == ",":
            found.append({})
        at = pair.end()
    raise malformed("made of Key=value pairs")


ENVOY = Format("envoy", {CERTIFICATE: "x-forwarded-client-cert"}, decode)
