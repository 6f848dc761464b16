"""What is said of lists and answers that come, or do not: v5.0.0-16.2.1, 16.3.3; never of a client."""

import logging
from datetime import datetime

from ...errors import AccessDenied, ASVSMiddlewareError
from ...events import emit
from .crl import RevocationList

REQUIREMENT = "v5.0.0-12.1.4"


def say_refreshed(found: RevocationList, *, source: str, at: datetime) -> None:
    """Say that a newer list is in force."""
    emit(
        "certificates",
        "revocation_refreshed",
        reason=f"A newer revocation list of {found.issuer} is in force.",
        requirement=REQUIREMENT,
        severity=logging.INFO,
        source=shown(source),
        issuer=found.issuer,
        number=str(found.number),  # Up to 160 bits, and loggers know 64.
        revoked=len(found.serials),
        seconds_left=int((found.next_update - at).total_seconds()),
    )


def say_failed(fault: str, *, source: str) -> None:
    """Say that a source gave nothing that could be used; what is in force stays."""
    emit(
        "certificates",
        "revocation_failed",
        reason=f"What is in force stays. {fault}",
        requirement=REQUIREMENT,
        severity=logging.ERROR,
        source=shown(source),
    )


def say_stale(found: RevocationList, *, until: datetime) -> None:
    """Say that a list ended and there is no newer one."""
    emit(
        "certificates",
        "revocation_stale",
        reason=f"The revocation list of {found.issuer} ended, and there is no newer one. "
        f"From {until:%Y-%m-%d %H:%M} UTC on the CA's certificates are refused.",
        requirement=REQUIREMENT,
        severity=logging.ERROR,
        issuer=found.issuer,
        number=str(found.number),
    )


def shown(source: str) -> str:
    """Return an address without what is behind a question mark: there may be a secret."""
    return source.partition("?")[0]


def fault_of(error: Exception) -> str:
    """Our own reasons in full; of a foreign exception the class only, for its text may hold anything."""
    if isinstance(error, AccessDenied):
        return error.reason
    return str(error) if isinstance(error, ASVSMiddlewareError) else f"It cannot be had: {type(error).__name__}."
