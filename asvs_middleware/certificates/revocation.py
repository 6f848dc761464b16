"""Certificate revocation lists (RFC 5280 section 5 and 6.3.3): v5.0.0-12.1.4.

A list is read and its signature checked once, when the policy is made; a look-up then is one set membership,
whatever the size of the list. Only complete lists that name their issuer's own certificates are taken: delta,
indirect and partitioned ones are refused at start-up, because a certificate missing from them proves nothing.
Not here: OCSP, and fetching a newer list; give the policy fresh files before `nextUpdate`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import ConfigurationError, DependencyUnavailable
from .leaf import extension, refused
from .pins import spki_sha256

_PEM_LIST: Final = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_BROKEN_HASHES: Final = (hashes.MD5, hashes.SHA1)
_PARTIAL: Final = (x509.DeltaCRLIndicator, x509.IssuingDistributionPoint)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """The serial numbers one issuer struck off, and from when until when the list may be relied on."""

    serials: frozenset[int]
    number: int
    this_update: datetime
    next_update: datetime

    @property
    def age(self) -> tuple[datetime, int]:
        """What a newer list of the same issuer has more of."""
        return self.this_update, self.number


@dataclass(frozen=True, slots=True)
class Revocation:
    """The newest list of each issuer. The key is the issuer's name and public key, so no namesake can answer."""

    lists: Mapping[bytes, RevocationList]

    def check(self, chain: Sequence[x509.Certificate], at: datetime) -> tuple[datetime, datetime]:
        """Check every certificate of a verified chain but the last, its trust anchor.

        Returns:
            From when, and until just before when, the answer holds.

        Raises:
            CertificateRefused: revoked.
            DependencyUnavailable: an issuer's list is missing, stale or not in force yet. That is our fault and not
                the client's, and never a pass.
        """
        start, end = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        for certificate, issuer in pairwise(chain):
            current = self._current(issuer, at)
            if certificate.serial_number in current.serials:
                raise refused(
                    "revoked",
                    f"The certificate with serial number {certificate.serial_number:x} is revoked.",
                    requirement="v5.0.0-12.1.4",
                )
            start, end = max(start, current.this_update), min(end, current.next_update)
        return start, end

    def _current(self, issuer: x509.Certificate, at: datetime) -> RevocationList:
        found = self.lists.get(issuer_key(issuer))
        if found is None:
            raise DependencyUnavailable(
                f"There is no revocation list of {issuer.subject.rfc4514_string()}.",
                facts={"reason_code": "revocation_missing"},
            )
        if not found.this_update <= at < found.next_update:
            raise DependencyUnavailable(
                f"The revocation list of {issuer.subject.rfc4514_string()} is in force from "
                f"{found.this_update.isoformat()} until {found.next_update.isoformat()} only.",
                facts={"reason_code": "revocation_stale"},
            )
        return found


def read_revocation(sources: Iterable[tuple[str, bytes]], issuers: Sequence[x509.Certificate]) -> Revocation:
    """Parse and check the lists, and keep the newest of each issuer.

    Args:
        sources: for each file, how to name it in an error, and its bytes: PEM (one list or more) or DER.
        issuers: the CA certificates that may have signed them.

    Raises:
        ConfigurationError: a file is not a list, or not one that can be relied on.
    """
    newest: dict[bytes, RevocationList] = {}
    for where, data in sources:
        for one in _lists_in(data, where):
            key, found = _read_list(one, issuers, where)
            if key not in newest or newest[key].age < found.age:
                newest[key] = found
    return Revocation(newest)


def _lists_in(data: bytes, where: str) -> list[bytes]:
    """Return each list of a file. Text between them is a comment, unless it may be what is left of a newer list."""
    found: list[bytes] = _PEM_LIST.findall(data)
    if not found:
        return [data]
    rest = _PEM_LIST.sub(b"", data)
    if b"-----" in rest or not rest.isascii():
        raise ConfigurationError(
            f"{where} holds something beside whole lists.",
            fix="Write the file anew, and in one step: the end of it may be missing.",
        )
    return found


def issuer_key(issuer: x509.Certificate) -> bytes:
    """Return 32 bytes that stand for one issuer: its name and its public key, and nothing of its certificate."""
    return sha256(issuer.subject.public_bytes() + spki_sha256(issuer.public_bytes(Encoding.DER))).digest()


def _read_list(data: bytes, issuers: Sequence[x509.Certificate], where: str) -> tuple[bytes, RevocationList]:
    try:
        crl = x509.load_pem_x509_crl(data) if data.startswith(b"-----BEGIN") else x509.load_der_x509_crl(data)
        fault, number = _fault(crl), extension(crl, x509.CRLNumber)
        signer = next((issuer for issuer in issuers if _signed(crl, issuer)), None)
        serials = frozenset(entry.serial_number for entry in crl)
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
    return issuer_key(signer), RevocationList(serials, number.crl_number, crl.last_update_utc, crl.next_update_utc)


def _fault(crl: x509.CertificateRevocationList) -> str | None:
    """Return why a list cannot be relied on. A complete list of an issuer's own certificates has nothing critical."""
    if isinstance(crl.signature_hash_algorithm, _BROKEN_HASHES):
        return f"is signed with {crl.signature_hash_algorithm.name}"
    for item in crl.extensions:
        if item.critical or isinstance(item.value, _PARTIAL):
            return f"carries {item.oid.dotted_string}: it is partial, delta or indirect, or not understood"
    if any(item.critical for entry in crl for item in entry.extensions):
        return "has an entry with a critical extension: it is indirect, or not understood"
    return None


def _signed(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """RFC 5280 section 6.3.3 (f): cRLSign is needed where there is a key usage at all."""
    usage = extension(issuer, x509.KeyUsage)
    if crl.issuer != issuer.subject or (usage and not usage.crl_sign):
        return False
    return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # Another key type raises: refused.
