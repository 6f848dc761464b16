"""What a header policy leaves open on purpose, and until when. policy.py makes a Waiver of each."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """One control that does not meet its requirement; the members are those of a Waiver."""

    control: str
    requirement: str
    reason: str
    expires: date | None = None
