"""Which proxies are trusted, and in which words they speak: v5.0.0-4.1.3 and v5.0.0-15.3.4.

Trust is a property of the transport's peer. One family of fields counts, the operator's choice; the other one is
removed even when a trusted proxy sends it, for it may hold what the client wrote.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, get_args

from ..errors import ConfigurationError
from ..names import known
from ..waivers import Waiver
from .field_names import LOOKALIKES, RFC_7239, X_FORWARDED
from .forwarded import read_rfc7239
from .networks import Networks
from .proxies import Forwarded, Pairs, read_forwarded

Family = Literal["x-forwarded", "forwarded"]

_READERS: Final[dict[str, Callable[..., Forwarded]]] = {"x-forwarded": read_forwarded, "forwarded": read_rfc7239}
_REMOVED: Final = {"x-forwarded": RFC_7239 | LOOKALIKES, "forwarded": X_FORWARDED | LOOKALIKES}
_MOST_HOPS: Final = 16


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The proxies whose word about the client counts.

    Attributes:
        networks: what they connect from: addresses, networks (CIDR), or `unix`.
        fields: `x-forwarded` reads X-Forwarded-Proto, -For and -Host; `forwarded` reads Forwarded (RFC 7239).
        hops: how many proxies every request passes. The client is then the element so many places from the right,
            and no other: for proxies whose addresses are not known beforehand, between the client and the nearest
            one. None follows the chain for as long as its addresses lie in networks.

    Raises:
        ConfigurationError: a network is none, fields has a third name, or hops is no count.
    """

    networks: Sequence[str]
    fields: Family = field(default="x-forwarded", kw_only=True)
    hops: int | None = field(default=None, kw_only=True)
    within: Networks = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known(self.fields, get_args(Family), where="TrustedProxies(fields=)")
        # bool is an int, and True would be one hop.
        if self.hops is not None and (type(self.hops) is not int or not 0 < self.hops <= _MOST_HOPS):
            raise ConfigurationError(
                f"TrustedProxies(hops={self.hops!r}) is no number of proxies.",
                fix=f"Count the proxies each request passes, 1 to {_MOST_HOPS}, or leave hops out.",
            )
        if not isinstance(self.networks, Collection):
            raise ConfigurationError(
                f"trusted_proxies is a {type(self.networks).__name__}, not a list of networks.",
                fix='Write trusted_proxies=["10.0.0.0/8"].',
            )
        networks = Networks(self.networks, argument="trusted_proxies")
        object.__setattr__(self, "networks", networks.given)
        object.__setattr__(self, "within", networks)

    @classmethod
    def of(cls, given: "Sequence[str] | Networks | TrustedProxies") -> "TrustedProxies":
        """Return the policy that a shorter way of writing it stands for."""
        if isinstance(given, TrustedProxies):
            return given
        return cls(given.given if isinstance(given, Networks) else given)

    def __contains__(self, peer: str | None) -> bool:
        """Whether the peer is a trusted proxy; one whose address nobody knows is not."""
        return peer in self.within

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """What weakens the default."""
        return ()

    @property
    def removed(self) -> frozenset[bytes]:
        """The names of the fields that do not count, even from a trusted proxy."""
        return _REMOVED[self.fields]

    def read(self, pairs: Pairs, *, peer: str) -> Forwarded:
        """Return what the proxies say; peer is one of them."""
        return _READERS[self.fields](pairs, peer=peer, trusted=self, hops=self.hops)


@dataclass(frozen=True, slots=True)
class _AnyProxy(TrustedProxies):
    """Everybody. Only dangerously_trust_any_proxy() makes one."""

    waiver: Waiver = field(kw_only=True)

    def __contains__(self, peer: str | None) -> bool:
        return True

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        return (self.waiver,)


def dangerously_trust_any_proxy(
    *, reason: str, expires: date | None = None, fields: Family = "x-forwarded", hops: int = 1
) -> TrustedProxies:
    """Believe whoever connects, even a peer without an address: for a port that only the proxy can reach.

    Whoever else reaches it chooses its own address, scheme and Host.

    Args:
        reason: for the auditor: what keeps others from the port.
        expires: when this has to be looked at again.
        fields: as for TrustedProxies.
        hops: as for TrustedProxies; there is no following of a chain in which every address is trusted.

    Raises:
        ConfigurationError: the reason is shorter than three words, or another argument is not right.
    """
    if hops is None:
        raise ConfigurationError(
            "dangerously_trust_any_proxy(hops=None) would believe the address the client wrote itself.",
            fix="Count the proxies each request passes.",
        )
    waiver = Waiver(
        control="dangerously_trust_any_proxy(...)", requirement="v5.0.0-4.1.3", reason=reason, expires=expires
    )
    return _AnyProxy((), fields=fields, hops=hops, waiver=waiver)
