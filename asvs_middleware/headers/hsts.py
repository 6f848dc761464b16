"""Strict-Transport-Security (RFC 6797): v4.0.3-14.4.5, v5.0.0-3.4.1 and, for the preload list, v5.0.0-3.7.4.

Sent over TLS only and only for domain names (middleware/response/wardrobe.py asks connection.is_public_name). Not
checked: that the domain is on the list, that each subdomain speaks TLS.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final, Self

from ..errors import ConfigurationError
from .shortfall import Shortfall

YEAR: Final = timedelta(days=365)

RAMP: Final = (
    (timedelta(0), timedelta(minutes=5)),
    (timedelta(days=1), timedelta(weeks=1)),
    (timedelta(days=8), timedelta(days=30)),
    (timedelta(days=38), YEAR),
)
"""Days since the start, and the age sent from then on: each step lasts as long as browsers remember the one before."""

_DOMAIN: Final = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preload:
    """The wish to be on the list that browsers ship: a second, explicit act, since it takes months to undo.

    The list's further rules concern the deployment: a valid chain; where plaintext is served, a redirect to TLS on
    the same host first; TLS on `www` where that name exists. `asvs scan` can look at those, a header cannot.

    Attributes:
        domain: the name on the list, without subdomain: the list takes nothing below a registrable domain.
        confirmed: who checked that every subdomain, internal ones too, speaks TLS; a sentence an auditor can read.

    Raises:
        ConfigurationError: the domain is none or begins with `www.`, or the confirmation is under three words.
    """

    domain: str
    confirmed: str

    def __post_init__(self) -> None:
        domain = self.domain if isinstance(self.domain, str) else ""
        if not _DOMAIN.match(domain) or len(domain) > 253 or domain.startswith("www."):
            raise ConfigurationError(
                f"Preload(domain={self.domain!r}) is no domain the preload list takes.",
                fix='Write the registrable domain in lower case, such as "example.com".',
            )
        if not isinstance(self.confirmed, str) or len(self.confirmed.split()) < 3:
            raise ConfigurationError(
                f"Preload(confirmed={self.confirmed!r}) confirms nothing.",
                fix='Say who checked the subdomains, such as confirmed="operations checked every subdomain in May".',
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HSTSPolicy:
    """How long, and for which hosts, browsers must refuse plaintext.

    Attributes:
        max_age: a year or more; less only through ramp_up().
        include_subdomains: every host below this one too, which v5.0.0-3.4.1 asks for from level 2.
        preload: see Preload.
        ramp_started: set by ramp_up(): the day the steps began.

    Raises:
        ConfigurationError: max_age is no timedelta or under a year, or the preload list would refuse the rest.
    """

    max_age: timedelta = YEAR
    include_subdomains: bool = True
    preload: Preload | None = None
    ramp_started: date | None = None

    def __post_init__(self) -> None:
        steps = {age for _, age in RAMP} if self.ramp_started is not None else set()
        if not isinstance(self.max_age, timedelta) or (self.max_age < YEAR and self.max_age not in steps):
            raise ConfigurationError(
                f"HSTSPolicy(max_age={self.max_age!r}) is no duration of one year or more.",
                fix="Use timedelta(days=365) or more, leave max_age out, or begin with HSTSPolicy.ramp_up(...).",
            )
        if self.preload is None:
            return
        if not isinstance(self.preload, Preload):
            raise ConfigurationError(
                f"HSTSPolicy(preload={self.preload!r}) would join a list that is slow to leave by one word.",
                fix='Write preload=Preload(domain="example.com", confirmed="...who checked every subdomain...").',
            )
        if not self.include_subdomains or self.max_age < YEAR:
            raise ConfigurationError(
                "HSTSPolicy(preload=...) needs every subdomain on HTTPS, for a year at least.",
                fix="Set include_subdomains=True and end the ramp-up, or drop preload.",
            )

    @classmethod
    def ramp_up(cls, *, started: date, today: date | None = None, include_subdomains: bool = True) -> Self:
        """Return the policy of this day in a careful introduction: 5 minutes, a week, a month, a year.

        The step is chosen when the policy is made: an app that is never restarted stays on its step.

        Args:
            started: the day the header was first sent.
            today: the day to choose for; this day (UTC) unless given.
            include_subdomains: as in the policy.

        Raises:
            ConfigurationError: started is no date, or lies ahead.
        """
        today = today or datetime.now(UTC).date()
        if isinstance(started, datetime) or not isinstance(started, date) or started > today:
            raise ConfigurationError(
                f"HSTSPolicy.ramp_up(started={started!r}) is no day that has come.",
                fix="Write the day the header was first sent, such as date(2026, 11, 1).",
            )
        age = [age for since, age in RAMP if today - started >= since][-1]
        return cls(max_age=age, include_subdomains=include_subdomains, ramp_started=started)

    @property
    def shortfalls(self) -> tuple[Shortfall, ...]:
        """What does not meet v5.0.0-3.4.1 yet: a step of the ramp-up below one year, until its last day."""
        if self.ramp_started is None or self.max_age >= YEAR:
            return ()
        return (
            Shortfall(
                control="hsts",
                requirement="v5.0.0-3.4.1",
                reason=f"HSTS ramp-up: {_spoken(self.max_age)} at present, a year at the end",
                expires=self.ramp_started + RAMP[-1][0],
            ),
        )

    @property
    def next_step(self) -> date | None:
        """The day a restart brings the next step; None where there is none."""
        if self.ramp_started is None:
            return None
        after = (later for (_, age), (later, _) in pairwise(RAMP) if age == self.max_age)
        return next((self.ramp_started + later for later in after), None)


def render(policy: HSTSPolicy) -> str:
    """Return the field value, directives in the order of RFC 6797 section 6.1.

    >>> render(HSTSPolicy())
    'max-age=31536000; includeSubDomains'
    """
    directives = [f"max-age={int(policy.max_age.total_seconds())}"]
    directives += ["includeSubDomains"] * policy.include_subdomains
    directives += ["preload"] * (policy.preload is not None)
    return "; ".join(directives)


def consequence(policy: HSTSPolicy, hosts: tuple[str, ...]) -> str:
    """Return what the policy means for the operator's hosts, in a sentence for the start of the app.

    >>> consequence(HSTSPolicy(), ("api.example.com",))
    'Browsers will refuse plaintext for 365 days for api.example.com and every host below.'
    """
    names = ", ".join(hosts) or "every host served"
    below = " and every host below" if policy.include_subdomains else ""
    listed = f" {policy.preload.domain} asks to be built into browsers." if policy.preload is not None else ""
    step = f" The next step comes with a restart from {policy.next_step}." if policy.next_step is not None else ""
    return f"Browsers will refuse plaintext for {_spoken(policy.max_age)} for {names}{below}.{listed}{step}"


def _spoken(age: timedelta) -> str:
    return f"{age.days} days" if age.days else f"{age.seconds // 60} minutes"
