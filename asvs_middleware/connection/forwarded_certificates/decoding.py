"""What the formats have in common: roles, refusals, and strict decoding of base64, PEM and concatenated DER.

Whatever cannot be decoded is refused and never taken for "no certificate": a proxy that sends nonsense is broken, or
somebody writes through it. One spelling for each value: base64 is canonical (RFC 4648 section 3.5), padding included.
Not checked here: that the bytes are a certificate.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

from ...errors import CertificateRefused

Chain = tuple[bytes, ...]
"""DER certificates, leaf first; empty where the client showed none."""

Values = Mapping[str, str]
"""What the fields hold, by role, without white space round it: an empty text where there is none."""

CERTIFICATE: Final = "certificate"
CHAIN: Final = "chain"
VERDICT: Final = "verdict"
REVOKED: Final = "revoked"
PRESENT: Final = "present"

# Written so that each byte is looked at once: a repeated group that can match in two ways would take for ever to fail.
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*", re.ASCII)
_ESCAPED: Final = re.compile(r"[!-$&-~]*(?:%[0-9A-Fa-f]{2}[!-$&-~]*)*\Z")
_SEQUENCE: Final = 0x30


@dataclass(frozen=True, slots=True)
class Format:
    """One way of forwarding a certificate.

    Attributes:
        name: what an operator calls it.
        fields: the names of the fields that are read, by role.
        decode: returns the chain, or raises CertificateRefused.
        renamable: the proxy's operator chooses the names, so ours may.
        companions: fields the same proxy sends about the certificate; never read, and taken from strangers.
    """

    name: str
    fields: Mapping[str, str]
    decode: Callable[[Values], Chain]
    renamable: bool = False
    companions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))


def refused(reason_code: str, reason: str) -> CertificateRefused:
    """Return a refusal. The reason never holds what was sent."""
    return CertificateRefused(reason, facts={"reason_code": reason_code})


def malformed(what: str) -> CertificateRefused:
    """Return the refusal of a field that cannot be decoded."""
    return refused("forwarded_malformed", f"The forwarded certificate is not {what}.")


def agreed(*, shown: bool, verified: bool, clean: bool) -> bool:
    """Tell whether there is a certificate to decode, from its presence and the proxy's verdict.

    Args:
        shown: the field holds something.
        verified: the verdict is that of a good certificate.
        clean: the verdict is that of no certificate, or there is none.

    Raises:
        CertificateRefused: they do not agree.
    """
    if shown and not verified:
        raise refused("forwarded_unverified", "A certificate was forwarded that the proxy does not say it verified.")
    if not shown and not clean:
        raise refused("forwarded_contradiction", "The proxy judged a client certificate and did not forward it.")
    return shown


def belongs(chain: str, certificate: str) -> None:
    """Return if there is a certificate that the chain belongs to, or neither."""
    if chain and not certificate:
        raise refused("forwarded_contradiction", "A chain was forwarded without the certificate it belongs to.")


def base64_der(text: str) -> bytes:
    """Decode one base64 value.

    Raises:
        CertificateRefused: it is empty, holds another character, or is not in its one spelling.
    """
    try:
        der = b64decode(text, validate=True)
    except ValueError:  # Not ASCII, not the alphabet, not the length.
        raise malformed("base64") from None
    if not der or b64encode(der).decode("ascii") != text:
        raise malformed("base64")
    return der


def escaped_pem(text: str) -> Chain:
    """Decode percent-encoded PEM: one certificate or more. A plus sign is a plus sign, not a space (RFC 3986)."""
    if not _ESCAPED.match(text):
        raise malformed("percent-encoded")
    return pem(unquote(text, encoding="latin-1"))


def pem(text: str) -> Chain:
    """Decode PEM certificates (RFC 7468), with any white space between lines, and nothing between or after them."""
    found, at = list[bytes](), 0
    while at < len(text):
        block = _PEM.match(text, at)
        if block is None:
            raise malformed("PEM")
        found.append(base64_der("".join(block[1].split())))
        at = block.end()
    return tuple(found)


def single(chain: Chain) -> bytes:
    """Return the only certificate."""
    if len(chain) != 1:
        raise malformed("a single certificate")
    return chain[0]


def concatenated_der(data: bytes) -> Chain:
    """Split DER certificates that stand one after the other: each is a SEQUENCE that says its length (X.690 8.1.3)."""
    found, at = list[bytes](), 0
    while at < len(data):
        end = _end_of_sequence(data, at)
        found.append(data[at:end])
        at = end
    return tuple(found)


def _end_of_sequence(data: bytes, at: int) -> int:
    head = data[at : at + 2]
    if len(head) < 2 or head[0] != _SEQUENCE:
        raise malformed("DER")
    start, length = at + 2, head[1]
    if length > 0x80:
        start += length - 0x80
        length = int.from_bytes(data[at + 2 : start], "big")
    elif length == 0x80:  # The indefinite form is BER's.
        raise malformed("DER")
    if start + length > len(data):
        raise malformed("DER")
    return start + length


def with_leaf(leaf: bytes, rest: Chain) -> Chain:
    """Return the chain; the leaf may stand at the head of the rest, too, and then it has to be the same."""
    return rest if rest[:1] == (leaf,) else (leaf, *rest)
