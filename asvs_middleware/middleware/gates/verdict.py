"""What a gate may say: nothing, a refusal, or a redirect."""

from collections.abc import Callable
from dataclasses import dataclass

from ...connection import Connection
from ...errors import AccessDenied


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send a person's browser to the same page over TLS (308, RFC 9110 section 15.4.9)."""

    location: str


Verdict = AccessDenied | Redirect | None
Gate = Callable[[Connection], Verdict]
