"""The certificates of a ServerPolicy, read once more for what the TLS context does not tell: advice and expiry.

v5.0.0-12.1.2, 12.1.4, 12.2.2, 13.3.4. By then the context was built, so that whatever cannot work is refused already.
"""

import os
from collections.abc import Collection
from datetime import datetime

from ... import events
from ...tls import Guideline, Lifetime, advise, read_chain
from ..policy import ServerPolicy


def lifetimes(policy: ServerPolicy) -> dict[str, Lifetime]:
    """Return the lifetime of each certificate by the path of its file, for `ExpiryWatch`.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    return {path: Lifetime.of(read_chain("certfile", path)[0]) for path in _paths(policy)}


def give_advice(policy: ServerPolicy, *, profile: Guideline, hosts: Collection[str], at: datetime) -> None:
    """Write an event `certificate_advice` for each thing that could be better.

    Args:
        policy: of the server.
        profile: what it follows.
        hosts: those of the app's SecurityPolicy; empty where there is none.
        at: now; aware.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    for path in _paths(policy):
        for one in advise(read_chain("certfile", path), hosts=hosts, at=at, profile=profile):
            events.emit(
                "server",
                "certificate_advice",
                reason=f"{one.problem} {one.fix}",
                requirement=one.requirement,
                certificate=path,
                advice=one.code,
            )


def _paths(policy: ServerPolicy) -> list[str]:
    first = () if policy.certfile is None else (policy.certfile,)
    return [os.fspath(path) for path in (*first, *(certfile for certfile, _ in policy.other_certificates))]
