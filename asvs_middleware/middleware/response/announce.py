"""What the headers mean for a deployment, said once when the app starts: v5.0.0-3.4.1."""

import logging
from collections.abc import Sequence

from ... import events
from ...headers import HeadersPolicy, default_hsts
from ...headers.hsts import consequence
from ...waivers import Waiver


def header_waivers(policy: HeadersPolicy) -> tuple[Waiver, ...]:
    """Return what the headers leave open on purpose, for SecurityPolicy.waivers."""
    return tuple(
        Waiver(control=one.control, requirement=one.requirement, reason=one.reason, expires=one.expires)
        for one in policy.shortfalls
    )


def announce(policy: HeadersPolicy, *, level: int, hosts: Sequence[str], waivers: Sequence[Waiver] = ()) -> None:
    """Write what browsers will refuse from now on, and what is left open on purpose: by the headers, and elsewhere."""
    if policy.profile != "dev":
        hsts = policy.hsts or default_hsts(level)
        if hsts.include_subdomains:
            events.emit(
                "headers",
                "hsts_covers_subdomains",
                reason=consequence(hsts, tuple(hosts)),
                requirement="v5.0.0-3.4.1",
                severity=logging.INFO,
                max_age=int(hsts.max_age.total_seconds()),
            )
    for waiver in dict.fromkeys((*header_waivers(policy), *waivers)):
        announce_waiver(waiver)


def announce_waiver(waiver: Waiver) -> None:
    """Write one thing that is left open on purpose."""
    events.emit(
        "headers",
        "requirement_waived",
        reason=waiver.reason,
        requirement=waiver.requirement,
        control=waiver.control,
        expires=None if waiver.expires is None else waiver.expires.isoformat(),
    )
