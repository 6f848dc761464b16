"""Whether newer revocation lists may take the place of those in force: v5.0.0-12.1.4, RFC 5280 section 5.2.3.

Whoever can put an old list back lets everybody in again who was struck off since. So the number of a list never goes
back while the process runs, whether it comes from a file or over the network, and a list that is not in force
never takes the place of one. A list that stays as it is holds nothing else up, stale or not.
"""

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509

from ...errors import ConfigurationError
from .crl import RevocationList, issuer_key
from .lists import Revocation


def refuse_worse(
    before: Revocation | None, after: Revocation | None, issuers: Iterable[x509.Certificate], at: datetime
) -> None:
    """Refuse the lists of files if one of a CA that is still trusted is gone, or no step forward.

    Args:
        before: in force.
        after: to take its place.
        issuers: the CAs that are trusted from then on.
        at: now.

    Raises:
        ConfigurationError: names the CA, and what is wrong with its list.
    """
    keys = {issuer_key(one) for one in issuers}
    new = after.lists if after else {}
    for key, old in (before.lists if before else {}).items():
        if key[0] not in keys:
            continue
        if key not in new:
            raise ConfigurationError(
                f"The list of {old.issuer} is not among the revocation lists any more.",
                fix="Put it back, or take the CA out of those that are trusted.",
            )
        refuse_worse_list(old, new[key], at)


def refuse_worse_list(old: RevocationList | None, new: RevocationList, at: datetime) -> None:
    """Refuse a list that is older than the one in force, or not in force itself.

    Raises:
        ConfigurationError: names the CA, and what is wrong.
    """
    if old == new:
        return
    if old is not None and new.number < old.number:
        raise ConfigurationError(
            f"The revocation list of {new.issuer} has the number {new.number}, below the former one's.",
            fix="Give the newest list; if the CA began to count anew, restart.",
        )
    if old is not None and new.age < old.age:
        raise ConfigurationError(
            f"The revocation list of {new.issuer} has the number of the former one, and is older.",
            fix="Give the newest list.",
        )
    if at < new.this_update:
        raise ConfigurationError(
            f"The revocation list of {new.issuer} is in force from {new.this_update:%Y-%m-%d %H:%M} UTC only.",
            fix="Give one of now; if it is, one of the clocks is wrong.",
        )
    if at >= new.next_update:
        raise ConfigurationError(
            f"The revocation list of {new.issuer} is in force until {new.next_update:%Y-%m-%d %H:%M} UTC only.",
            fix="Give a current list; until then its clients would all be refused.",
        )
