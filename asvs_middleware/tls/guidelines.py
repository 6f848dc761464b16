"""TLS guidelines as dated data: v5.0.0-12.1.1 (versions), 12.1.2 (suites), 4.0.3-9.1.2 and 9.1.3.

The guidelines were Mozilla's Server Side TLS and are kept up as TLSRef; a profile names the version it comes from, so
that evidence says which rule was applied. Nothing here is silently "the latest": a new version is a new name.

A profile here never offers more than its guideline, and may offer less: the DHE suites that 5.7 lists are left out,
since they need a parameter file, and 5.8 dropped them. What a guideline says of certificates and of lifetimes is
recorded and leads to advice, not to a refusal. Its "OCSP stapling" is not recorded: Python's ssl cannot staple.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from ..names import known

_TLS_1_3_SUITES: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_TLS_1_2_SUITES: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
_CURVES: Final = ("prime256v1", "secp384r1")
_GROUPS: Final = ("X25519", "prime256v1", "secp384r1")
_GROUPS_WITH_ML_KEM: Final = ("X25519MLKEM768", *_GROUPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guideline:
    """What one profile of one published guideline allows. Suites, groups and curves have OpenSSL's names, best first.

    Attributes:
        name: profile and version, as it is chosen.
        source: whose guideline it is.
        published: when; of 5.7 only the month is known.
        oldest: the oldest version of TLS.
        newest: the newest one.
        tls_1_3_suites: for TLS 1.3.
        tls_1_2_suites: for TLS 1.2; all of them have forward secrecy and authenticated encryption.
        groups: for key exchange; X25519MLKEM768 needs OpenSSL 3.5.
        rsa: a certificate with an RSA key may be used.
        certificate_curves: of the keys of ECDSA certificates.
        longest_lifetime: of a certificate.
    """

    name: str
    source: str
    published: date
    oldest: ssl.TLSVersion
    newest: ssl.TLSVersion
    tls_1_3_suites: tuple[str, ...]
    tls_1_2_suites: tuple[str, ...]
    groups: tuple[str, ...]
    rsa: bool
    certificate_curves: tuple[str, ...]
    longest_lifetime: timedelta


def _intermediate(version: str, publisher: str, published: date, groups: tuple[str, ...]) -> Guideline:
    return Guideline(
        name=f"intermediate-{version}",
        source=f"{publisher} {version}, intermediate",
        published=published,
        oldest=ssl.TLSVersion.TLSv1_2,
        newest=ssl.TLSVersion.TLSv1_3,
        tls_1_3_suites=_TLS_1_3_SUITES,
        tls_1_2_suites=_TLS_1_2_SUITES,
        groups=groups,
        rsa=True,
        certificate_curves=_CURVES,
        longest_lifetime=timedelta(days=366),
    )


def _modern(version: str, publisher: str, published: date, groups: tuple[str, ...]) -> Guideline:
    return Guideline(
        name=f"modern-{version}",
        source=f"{publisher} {version}, modern",
        published=published,
        oldest=ssl.TLSVersion.TLSv1_3,
        newest=ssl.TLSVersion.TLSv1_3,
        tls_1_3_suites=_TLS_1_3_SUITES,
        tls_1_2_suites=(),
        groups=groups,
        rsa=False,
        certificate_curves=_CURVES,
        longest_lifetime=timedelta(days=90),
    )


_TLSREF: Final = "TLSRef (Mozilla Server Side TLS)"
_MOZILLA: Final = "Mozilla Server Side TLS"
_VERSIONS: Final = (
    ("6.0", _TLSREF, date(2026, 4, 6), _GROUPS_WITH_ML_KEM),
    ("5.8", _TLSREF, date(2026, 4, 6), _GROUPS_WITH_ML_KEM),
    ("5.7", _MOZILLA, date(2023, 5, 1), _GROUPS),
)

DEFAULT_PROFILE: Final = "intermediate-6.0"

GUIDELINES: Final[Mapping[str, Guideline]] = MappingProxyType(
    {profile.name: profile for version in _VERSIONS for profile in (_intermediate(*version), _modern(*version))}
)


def guideline(profile: str) -> Guideline:
    """Return the guideline of that name.

    Raises:
        ConfigurationError: there is none; the message says which one was probably meant.

    >>> guideline("modern-6.0").oldest.name
    'TLSv1_3'
    """
    return GUIDELINES[known(profile, GUIDELINES, where="The list of TLS profiles")]
