"""TLS guidelines as dated data: v5.0.0-12.1.1 (versions), 12.1.2 (suites), 4.0.3-9.1.2 and 9.1.3.

The guidelines were Mozilla's Server Side TLS and are kept up as TLSRef; a profile names the version it comes from, so
that evidence says which rule was applied. Nothing here is silently "the latest": a new version is a new name.

Named groups are recorded and not applied: Python cannot choose more than one before 3.15, so OpenSSL's own list is
in force (it has every group named here that the linked OpenSSL knows).
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
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
_GROUPS: Final = ("X25519MLKEM768", "X25519", "prime256v1", "secp384r1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guideline:
    """What one profile of one published guideline allows. Suites and groups have OpenSSL's names, best first."""

    name: str
    source: str
    published: date
    oldest: ssl.TLSVersion
    newest: ssl.TLSVersion
    tls_1_3_suites: tuple[str, ...]
    tls_1_2_suites: tuple[str, ...]
    groups: tuple[str, ...]


DEFAULT_PROFILE: Final = "intermediate-6.0"

GUIDELINES: Final[Mapping[str, Guideline]] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Guideline(
                name="intermediate-6.0",
                source="TLSRef (Mozilla Server Side TLS) 6.0, intermediate",
                published=date(2026, 4, 6),
                oldest=ssl.TLSVersion.TLSv1_2,
                newest=ssl.TLSVersion.TLSv1_3,
                tls_1_3_suites=_TLS_1_3_SUITES,
                tls_1_2_suites=_TLS_1_2_SUITES,
                groups=_GROUPS,
            ),
            Guideline(
                name="modern-6.0",
                source="TLSRef (Mozilla Server Side TLS) 6.0, modern",
                published=date(2026, 4, 6),
                oldest=ssl.TLSVersion.TLSv1_3,
                newest=ssl.TLSVersion.TLSv1_3,
                tls_1_3_suites=_TLS_1_3_SUITES,
                tls_1_2_suites=(),
                groups=_GROUPS,
            ),
        )
    }
)


def guideline(profile: str) -> Guideline:
    """Return the guideline of that name.

    Raises:
        ConfigurationError: there is none; the message says which one was probably meant.

    >>> guideline("modern-6.0").oldest.name
    'TLSv1_3'
    """
    return GUIDELINES[known(profile, GUIDELINES, where="The list of TLS profiles")]
