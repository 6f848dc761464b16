"""Where it is looked up whether a certificate was revoked, and what may go without: v5.0.0-12.1.4.

Every source is named here, in advance. No address is taken from a certificate that somebody presents, unless its host
is on the list: else whoever has a certificate of ours could make this process call any host (v5.0.0-13.2.4).
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

from ...errors import ConfigurationError
from ...names import quoted
from ...waivers import Waiver
from .ocsp_responder import Responder

LONGEST_GRACE: Final = timedelta(days=3)
SHORT_LIFE: Final = timedelta(days=7)
"""What the CA/Browser Forum takes for short-lived since 2026-03-15 (Baseline Requirements section 1.6.1)."""

MOST_OFTEN: Final = timedelta(minutes=1)
LEAST_OFTEN: Final = timedelta(days=1)


@runtime_checkable
class Outbound(Protocol):
    """Whoever says whom to trust over TLS; OutboundPolicy does."""

    def ssl_context(self) -> ssl.SSLContext:
        """Return the context of a client."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationPolicy:
    """Sources beside files, and exceptions. Given one, revocation is checked even where there is no file.

    Args:
        lists: URLs of complete revocation lists, fetched while the app runs. Any CA of `trust` and `intermediates`
            may have signed them.
        distribution_points: hosts, each "host" or "host:port", whose lists are fetched where a certificate of a
            verified chain names them and no other list covers it.
        responders: OCSP responders. The certificates of their CAs are asked for one by one, whether or not there
            is a list as well; see Responder.
        every: between two looks for newer lists, 1 minute to 1 day. Where a list cannot be had, it is tried again
            after a minute.
        grace: for how long a list is used after its nextUpdate, 3 days at most. Zero: from nextUpdate on, its CA's
            certificates are refused.
        exempt_up_to: certificates of clients that hold for at most this long, 7 days at most, pass without a list.
            What is on a list is refused all the same.
        exempt_no_rev_avail: certificates of clients in which the CA says that it publishes no revocation
            information (RFC 9608) pass as well, however long they hold.
        outbound: whom to trust over https: an OutboundPolicy. The public web unless given.
        dangerously_over_http: the reason for fetching over plaintext. Lists and answers are signed, so nobody can
            change them on the way; but anybody there can hold newer ones back until the last one's nextUpdate, and
            sees whose certificates are asked about.

    Raises:
        ConfigurationError: an argument cannot be right.
    """

    lists: Sequence[str] = ()
    distribution_points: Sequence[str] = ()
    responders: Sequence[Responder] = ()
    every: timedelta = timedelta(minutes=15)
    grace: timedelta = timedelta(0)
    exempt_up_to: timedelta | None = None
    exempt_no_rev_avail: bool = False
    outbound: Outbound | None = None
    dangerously_over_http: str | None = None
    waivers: tuple[Waiver, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for argument, kind in (("lists", str), ("distribution_points", str), ("responders", Responder)):
            object.__setattr__(self, argument, _several(argument, getattr(self, argument), kind))
        _check_time("every", self.every, MOST_OFTEN, LEAST_OFTEN)
        _check_time("grace", self.grace, timedelta(0), LONGEST_GRACE)
        if self.exempt_up_to is not None:
            _check_time("exempt_up_to", self.exempt_up_to, timedelta(minutes=1), SHORT_LIFE)
        if not isinstance(self.exempt_no_rev_avail, bool):
            raise ConfigurationError(
                f"RevocationPolicy(exempt_no_rev_avail={self.exempt_no_rev_avail!r}) is neither True nor False.",
                fix="Write exempt_no_rev_avail=True, or leave it out.",
            )
        if not isinstance(self.outbound, Outbound | None):
            raise ConfigurationError(
                f"RevocationPolicy(outbound=...) is a {type(self.outbound).__name__}.",
                fix='Write outbound=OutboundPolicy.internal(ca="internal-ca.pem"), or leave it out.',
            )
        object.__setattr__(self, "waivers", _waivers(self.dangerously_over_http))
        for url in (*self.lists, *(one.url for one in self.responders)):
            _check_url(url, over_http=bool(self.waivers))

    @property
    def fetches(self) -> bool:
        """Whether anything has to be fetched."""
        return bool(self.lists or self.distribution_points or self.responders)


def _waivers(reason: str | None) -> tuple[Waiver, ...]:
    if reason is None:
        return ()
    control = "RevocationPolicy(dangerously_over_http=...)"
    return (Waiver(control=control, requirement="v5.0.0-12.3.1", reason=reason),)


def _several(argument: str, given: object, kind: type) -> tuple[object, ...]:
    # A text is a sequence of letters, and each would be a host.
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise ConfigurationError(
            f"RevocationPolicy({argument}={given!r}) is no list.", fix=f"Write {argument}=[...], with one or more."
        )
    for one in given:
        if not isinstance(one, kind):
            raise ConfigurationError(
                f"RevocationPolicy({argument}=...) holds a {type(one).__name__}.", fix=f"Give a {kind.__name__} each."
            )
    return tuple(given)


def _check_time(argument: str, given: object, least: timedelta, most: timedelta) -> None:
    if not isinstance(given, timedelta) or not least <= given <= most:
        raise ConfigurationError(
            f"RevocationPolicy({argument}={given!r}) is no time of that kind.",
            fix=f"Give a timedelta from {least} to {most}.",
        )


def _check_url(url: str, *, over_http: bool) -> None:
    """Check what can be checked here; whether it names a host, outbound says when the fetcher is made."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigurationError(
            f"RevocationPolicy got {quoted(url)}, which is no URL.", fix='Write "https://crl.example/ca.crl".'
        ) from None
    if parts.scheme == "http" and not over_http:
        raise ConfigurationError(
            f"RevocationPolicy got {quoted(url)}, which is not https.",
            fix='Use https; if the CA offers none, add dangerously_over_http="the reason, in three words or more".',
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ConfigurationError(
            f"RevocationPolicy got {quoted(url)}, from which nothing can be fetched.",
            fix='Write "https://crl.example/ca.crl"; LDAP and files are not fetched.',
        )
