"""Every way to weaken a default leaves a Waiver: a name, a reason, and an end if one was given."""

from dataclasses import dataclass
from datetime import date

from .errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One control switched off on purpose.

    Raises:
        ConfigurationError: the reason is shorter than three words.
    """

    control: str
    requirement: str
    reason: str
    expires: date | None = None

    def __post_init__(self) -> None:
        stated_reason(self.reason, for_what=self.control)


def stated_reason(reason: str, *, for_what: str) -> str:
    """Return the reason if an auditor could read it: three words at least.

    >>> stated_reason("load balancer probe", for_what="@public")
    'load balancer probe'
    """
    if not isinstance(reason, str) or len(reason.split()) < 3:
        raise ConfigurationError(
            f"{for_what} needs a reason, not {reason!r}.",
            fix='Write at least three words an auditor can read, such as reason="load balancer probe".',
        )
    return reason
