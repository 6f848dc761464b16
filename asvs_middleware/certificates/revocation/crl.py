"""Read one certificate revocation list (RFC 5280 section 5): v5.0.0-12.1.4.

A list is parsed and its signature checked once, when it comes; afterwards it is a set of serial numbers and four facts.
Only complete lists of an issuer's own certificates are taken, whole or for a part that the list names (`crl_scope`);
whatever is critical and not understood is a reason to refuse it. Not checked here: whether it is in force, for there
is no clock, and whether it is newer than another (`revocation_change`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ...errors import ConfigurationError
from ..leaf import extension
from ..pins import spki_sha256
from .crl_scope import WHOLE, Scope, fault_of_point, scope_of

BROKEN_HASHES: Final = (hashes.MD5, hashes.SHA1)

_BEGIN: Final = b"-----BEGIN X509 CRL-----"
_END: Final = b"-----END X509 CRL-----"

Key = tuple[bytes, Scope]
"""What a newer list has in common with the one it replaces: the issuer (issuer_key) and what is covered."""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """The serial numbers one issuer struck off, and from when until when the list may be relied on.

    Attributes:
        issuer: who signed it, for people: a distinguished name.
        serials: of the revoked certificates. Those on hold are among them.
        number: grows from one list to the next (section 5.2.3).
        this_update: from when on it may be used.
        next_update: there is a newer one by then.
        scope: which certificates it covers.
    """

    issuer: str
    serials: frozenset[int]
    number: int
    this_update: datetime
    next_update: datetime
    scope: Scope = WHOLE

    @property
    def age(self) -> tuple[int, datetime]:
        """What a newer list has more of. The number comes first: it is there to tell which list replaces which."""
        return self.number, self.this_update


def read_lists(data: bytes, issuers: Sequence[x509.Certificate], where: str) -> list[tuple[Key, RevocationList]]:
    """Return the lists of a file or an answer: PEM, with one list or more, or DER.

    Args:
        data: the bytes.
        issuers: the CA certificates that may have signed them.
        where: how to name it in an error.

    Raises:
        ConfigurationError: it is no list, or none that can be relied on.
    """
    return [_read_list(one, issuers, where) for one in _lists_in(data, where)]


@lru_cache(maxsize=256)
def issuer_key(issuer: x509.Certificate) -> bytes:
    """Return 32 bytes that stand for one issuer: its name and its public key, and nothing of its certificate."""
    return sha256(issuer.subject.public_bytes() + spki_sha256(issuer.public_bytes(Encoding.DER))).digest()


def _lists_in(data: bytes, where: str) -> list[bytes]:
    """Return each list of a file. Text between them is a comment, unless it may be what is left of a newer list."""
    found, rest, at = list[bytes](), list[bytes](), 0
    # Not a regular expression: with many beginnings and no end it would take for ever, and hold up the event loop.
    while (start := data.find(_BEGIN, at)) >= 0 and (end := data.find(_END, start)) >= 0:
        rest.append(data[at:start])
        at = end + len(_END)
        found.append(data[start:at])
    if not found:
        return [data]
    rest.append(data[at:])
    if any(b"-----" in one or not one.isascii() for one in rest):
        raise ConfigurationError(
            f"{where} holds something beside whole lists.",
            fix="Write the file anew, and in one step: the end of it may be missing.",
        )
    return found


def _read_list(data: bytes, issuers: Sequence[x509.Certificate], where: str) -> tuple[Key, RevocationList]:
    try:
        crl = x509.load_pem_x509_crl(data) if data.startswith(b"-----BEGIN") else x509.load_der_x509_crl(data)
        fault, number = _fault(crl), extension(crl, x509.CRLNumber)
        scope = scope_of(extension(crl, x509.IssuingDistributionPoint), crl.issuer)
        signer = next((issuer for issuer in issuers if _signed(crl, issuer)), None)
        serials = frozenset(_serials(crl))
    except _Foreign:
        fault = "has an entry with a critical extension: it is indirect, or not understood"
    except Exception as problem:  # noqa: BLE001  # A refusal: whatever a parser says of this file, it is not a list.
        raise ConfigurationError(
            f"{where} is not a certificate revocation list ({type(problem).__name__}).",
            fix="Give a PEM or DER file such as `openssl ca -gencrl` writes.",
        ) from None
    if fault or not crl.next_update_utc or not number:
        fault = fault or "has no nextUpdate or no CRL number"
        raise ConfigurationError(f"{where} {fault}.", fix="Give a complete list by RFC 5280 section 5.")
    if not signer:
        raise ConfigurationError(
            f"{where} is signed by none of the given CAs with the right to sign lists.",
            fix="Add the certificate of the CA that signed it to trust or intermediates, or drop the list.",
        )
    found = RevocationList(
        signer.subject.rfc4514_string(), serials, number.crl_number, crl.last_update_utc, crl.next_update_utc, scope
    )
    return (issuer_key(signer), scope), found


class _Foreign(Exception):
    """An entry says more than that a certificate of this issuer is revoked."""


def _serials(crl: x509.CertificateRevocationList) -> Iterator[int]:
    for entry in crl:
        if any(item.critical for item in entry.extensions):
            raise _Foreign
        yield entry.serial_number


def _fault(crl: x509.CertificateRevocationList) -> str | None:
    """Return why a list cannot be relied on, whoever signed it."""
    if isinstance(crl.signature_hash_algorithm, BROKEN_HASHES):
        return f"is signed with {crl.signature_hash_algorithm.name}"
    for item in crl.extensions:
        if isinstance(item.value, x509.IssuingDistributionPoint):
            if fault := fault_of_point(item.value):
                return fault
        elif isinstance(item.value, x509.DeltaCRLIndicator):
            return "is a delta list: it says what has changed since another, and not who is revoked"
        elif item.critical:
            return f"carries {item.oid.dotted_string}, which is critical and not understood"
    return None


def _signed(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """RFC 5280 section 6.3.3 (f): cRLSign is needed where there is a key usage at all."""
    usage = extension(issuer, x509.KeyUsage)
    if crl.issuer != issuer.subject or (usage and not usage.crl_sign):
        return False
    return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # Another key type raises: refused.
