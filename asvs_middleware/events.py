"""Security events: one structured record for each refusal, through the standard library's logging.

v5.0.0-16.2.1 (when, where, who, what), 16.2.2 (UTC), 16.2.5 (no secrets), 16.3.1 to 16.3.4, 16.4.1 (no log injection).

The message is the event's name; every fact is a member of `record.asvs`, a plain dict of text, numbers and booleans,
so that JSON formatters and structlog take it as it is. Names follow the OWASP Application Logging Vocabulary where
it has one. Not done here: shipping or protecting the log (v5.0.0-16.4.2, 16.4.3).
"""

import logging
from datetime import UTC, datetime
from typing import Final

Fact = str | int | float | bool | None

LONGEST_FACT: Final = 256
"""Characters kept of one fact: a hostile value cannot fill the log."""


def emit(
    area: str,
    event: str,
    *,
    reason: str,
    requirement: str,
    severity: int = logging.WARNING,
    **facts: Fact,
) -> None:
    """Write one event to the logger `asvs_middleware.<area>`.

    Args:
        area: the room that speaks: connection, access, tokens, certificates, outbound, server, ...
        event: the event's name, stable, snake_case.
        reason: what was found, for a person. Never a secret: the caller sees to that.
        requirement: the ASVS id the event serves.
        severity: a level of the logging module.
        facts: further members. Text is escaped (control characters, non-ASCII line ends) and cut to 256 characters.
    """
    logger = logging.getLogger(f"asvs_middleware.{area}")
    if not logger.isEnabledFor(severity):
        return
    record = {
        "event": event,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "reason": reason,
        "requirement": requirement,
        **facts,
    }
    logger.log(severity, event, extra={"asvs": {name: printable(fact) for name, fact in record.items()}})


def printable(fact: Fact) -> Fact:
    """Return text without a character that could start a new log line or a terminal command, cut to 256.

    >>> printable("a\\nb")
    'a\\\\nb'
    """
    if not isinstance(fact, str):
        return fact
    if not fact.isprintable():
        fact = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in fact)
    return fact if len(fact) <= LONGEST_FACT else f"{fact[: LONGEST_FACT - 1]}…"


logging.getLogger("asvs_middleware").addHandler(logging.NullHandler())
