"""SPKI pins: the keys a named peer may have. v5.0.0-12.3.2, v4.0.3-9.2.1, RFC 7469 section 2.4.

A pin is the SHA-256 of a certificate's SubjectPublicKeyInfo. It is compared with the chain that was *verified*, never
with the one the peer sent: anybody can append a certificate to what is sent. The hash is taken over the bytes as they
stand in the certificate; encoding the key again gives another hash for RSA-PSS keys.

Not checked here: signatures, names, dates and revocation. The chain must have passed those before.
"""

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import ClassVar, Final

from ..errors import AccessDenied, ConfigurationError

_VERIFIED: Final = object()
_SCHEME: Final = "sha256/"


class PinRefused(AccessDenied):
    """The peer's chain holds no pinned key, or that could not be found out.

    `code` is one of: pin_mismatch, pins_expired, chain_missing, certificate_malformed.
    """

    status, code, title = 503, "pin_mismatch", "A connection this needs is not trusted"
    event: ClassVar[str] = "tls_pin_mismatch"
    requirement = "v5.0.0-12.3.2"


@dataclass(frozen=True, slots=True, init=False)
class Pins:
    """The keys one host may show, at least two, so that a lost key does not cut the connection.

    Args:
        pins: "sha256/" and 32 bytes in Base64, as curl, OkHttp and RFC 7469 write them. One of them is a spare: a key
            that is kept ready, or the key of the issuing CA.
        expires: last day (UTC) on which the pins hold; after it every connection is refused until they are renewed.

    Raises:
        ConfigurationError: fewer than two pins, one that is no SHA-256, a duplicate, or no date.
    """

    hashes: tuple[bytes, ...]
    expires: date | None

    def __init__(self, *pins: str, expires: str | date | None = None) -> None:
        hashes = tuple(_parse_pin(pin) for pin in pins)
        if len(set(hashes)) < max(2, len(hashes)):
            raise ConfigurationError(
                f"Pins() got {len(hashes)} pins, of which {len(set(hashes))} differ.",
                fix="Give at least two different pins: the key in use, and a spare one kept safe.",
            )
        object.__setattr__(self, "hashes", hashes)
        object.__setattr__(self, "expires", _parse_date(expires))


@dataclass(frozen=True, slots=True)
class PinnedPeer:
    """Proof that a verified chain holds a pinned key. Only verify_pins() makes one.

    `certificate` is the peer's own, in DER; `pin` the hash that matched; `depth` where in the chain (0 is the peer).
    """

    certificate: bytes = field(repr=False)
    pin: bytes = field(repr=False)
    depth: int
    _seal: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self._seal is not _VERIFIED:
            raise TypeError("PinnedPeer comes from verify_pins(), never from a constructor call.")


def verify_pins(chain: Sequence[bytes], pins: Pins, *, at: datetime) -> PinnedPeer:
    """Return the proof that one key of the verified chain is pinned.

    Args:
        chain: DER certificates as verified, the peer's own first. Never the chain as sent.
        pins: what the peer may show.
        at: now; must be aware.

    Raises:
        PinRefused: no key matches, the pins have expired, the chain is empty, or a certificate is no DER.
    """
    if pins.expires is not None and at.astimezone(UTC).date() > pins.expires:
        raise PinRefused(
            f"The pins expired at the end of {pins.expires}. Renew them, with a new date.", code="pins_expired"
        )
    if not chain:
        raise PinRefused(
            "There is no verified chain to compare the pins with: a resumed TLS session has none.",
            code="chain_missing",
        )
    found = [spki_sha256(certificate) for certificate in chain]
    for depth, spki in enumerate(found):
        if any(hmac.compare_digest(spki, pin) for pin in pins.hashes):
            return PinnedPeer(chain[0], spki, depth, _VERIFIED)
    raise PinRefused(
        f"The peer's key is {render_pin(found[0])}, and neither it nor a key above it is pinned. "
        "If the peer changed its key on purpose, add this pin; if not, treat it as an attack."
    )


def render_pin(spki: bytes) -> str:
    """Return a hash as Pins() takes it.

    >>> render_pin(bytes(32))
    'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='
    """
    return _SCHEME + b64encode(spki).decode("ascii")


def spki_sha256(der: bytes) -> bytes:
    """Return 32 bytes: SHA-256 over the SubjectPublicKeyInfo of a DER certificate, byte for byte.

    Raises:
        PinRefused: the bytes are no certificate.
    """
    start, stop = _spki_slice(der)
    return sha256(der[start:stop]).digest()


# The few DER types on the way to the key: X.690 section 8, RFC 5280 section 4.1.
_INTEGER: Final = 0x02
_BIT_STRING: Final = 0x03
_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_BEFORE_THE_KEY: Final = (_INTEGER, _SEQUENCE, _SEQUENCE, _SEQUENCE, _SEQUENCE)
"""serialNumber, signature, issuer, validity, subject."""


def _spki_slice(der: bytes) -> tuple[int, int]:
    """Return where subjectPublicKeyInfo starts and stops in a Certificate (RFC 5280 section 4.1)."""
    body, stop = _element(der, 0, len(der), _SEQUENCE)
    if stop != len(der):
        raise _malformed("bytes follow the certificate")
    at, end = _element(der, body, stop, _SEQUENCE)  # tbsCertificate
    if der[at : at + 1] == bytes([_VERSION]):  # Absent from version 1 certificates.
        _, at = _element(der, at, end, _VERSION)
    for tag in _BEFORE_THE_KEY:
        _, at = _element(der, at, end, tag)
    inside, after = _element(der, at, end, _SEQUENCE)
    _, key = _element(der, inside, after, _SEQUENCE)  # algorithm
    if _element(der, key, after, _BIT_STRING)[1] != after:
        raise _malformed("bytes follow the key")
    return at, after


def _element(der: bytes, at: int, limit: int, tag: int) -> tuple[int, int]:
    """Return where the content of the element at `at` starts and stops; it must have this tag and end by limit."""
    if at + 2 > limit or der[at] != tag:
        raise _malformed(f"an element of type {tag:#04x} is missing")
    length, at = der[at + 1], at + 2
    if length >= 0x80:
        octets = length & 0x7F
        length = int.from_bytes(der[at : min(at + octets, limit)], "big")
        # DER has one spelling for each length: no indefinite form, no leading zero, no long form below 128.
        if octets == 0 or length < max(0x80, 1 << 8 * (octets - 1)):
            raise _malformed("a length is not in DER")
        at += octets
    if at + length > limit:
        raise _malformed("an element is cut short")
    return at, at + length


def _malformed(reason: str) -> PinRefused:
    return PinRefused(f"The certificate is not DER: {reason}.", code="certificate_malformed")


def _parse_pin(pin: str) -> bytes:
    try:
        scheme, encoded = pin[: len(_SCHEME)], pin[len(_SCHEME) :]
        found = b64decode(encoded, validate=True)
    except (TypeError, ValueError, binascii.Error):
        scheme, found = "", b""
    if scheme != _SCHEME or len(found) != sha256().digest_size or render_pin(found) != pin:
        raise ConfigurationError(
            f"Pins() got {pin!r}, which is no SPKI pin.",
            fix='Write "sha256/" followed by the 44 Base64 characters of a SHA-256.',
        )
    return found


def _parse_date(expires: str | date | None) -> date | None:
    if expires is None or type(expires) is date:  # Not a datetime: it is a date too, and compares with none.
        return expires
    try:
        return date.fromisoformat(expires)  # type: ignore[arg-type]  # Whatever else it is, it is refused here.
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"Pins(expires={expires!r}) is no date.", fix='Write it as "2027-06-30", or leave it out.'
        ) from None
