"""Who may connect, and how often at once: v5.0.0-15.2.2, 13.1.2 and 12.3.5. Pure: no socket and no clock.

One client is one IPv4 address or one IPv6 network of 64 bits: whoever has one address of it has them all (RFC 6177,
RFC 4941). Behind a proxy all clients are that one, so the networks of proxies are not counted apart.
"""

import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ...connection import Networks
from ...connection.networks import UNIX
from ...errors import ConfigurationError

Denial = Literal["peer_not_allowed", "too_many_connections", "too_many_from_address", "too_many_handshakes"]

REASONS: Final[dict[Denial, str]] = {
    "peer_not_allowed": "The peer is in none of the networks that may connect.",
    "too_many_connections": "As many connections as allowed are open.",
    "too_many_from_address": "As many connections as allowed are open from this address.",
    "too_many_handshakes": "As many handshakes as allowed are under way from this address.",
}
_MAPPED: Final = b"\x00" * 10 + b"\xff\xff"  # ::ffff:0:0/96, RFC 4291 section 2.5.5.2
_MOST: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Who may connect, and how many connections there may be in one process.

    Attributes:
        peers: the only networks that may connect, in CIDR notation; none named, everybody may.
        uncounted: networks that are counted with all, and not by address: proxies.
        connections: open at once.
        connections_per_address: open at once from one address, or one IPv6 /64.
        handshakes_per_address: not yet done with their TLS handshake, from one address, or one IPv6 /64.

    Raises:
        ConfigurationError: a network is none, or a number no limit.
    """

    peers: Sequence[str] = ()
    uncounted: Sequence[str] = ()
    connections: int = 1000
    connections_per_address: int = 100
    handshakes_per_address: int = 32

    def __post_init__(self) -> None:
        Networks(self.peers, argument="Admission(peers=...)")
        Networks(self.uncounted, argument="Admission(uncounted=...)")
        for name in ("connections", "connections_per_address", "handshakes_per_address"):
            given = getattr(self, name)
            if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= _MOST:
                raise ConfigurationError(f"Admission({name}={given!r}) is no limit.", fix=f"Use 1 to {_MOST}.")


@dataclass(slots=True, eq=False)
class Place:
    """One connection's place among all. It is given back once, however often one says so."""

    door: "Door"
    key: str
    shaking: bool = True
    held: bool = True

    def established(self) -> None:
        """The handshake is done."""
        if self.shaking:
            self.shaking = False
            self.door.leave(self.door.handshakes, self.key)

    def release(self) -> None:
        """The connection is gone."""
        if self.held:
            self.held = False
            self.established()
            self.door.leave(self.door.connections, self.key)
            self.door.total -= 1


@dataclass(slots=True, eq=False)
class Door:
    """Counts the connections of a process, on whatever port they came.

    Attributes:
        admission: the rules.
        total: connections open.
        connections: open, by client.
        handshakes: under way, by client.
    """

    admission: Admission
    total: int = 0
    connections: Counter[str] = field(default_factory=Counter)
    handshakes: Counter[str] = field(default_factory=Counter)
    _peers: Networks = field(init=False)
    _uncounted: Networks = field(init=False)

    def __post_init__(self) -> None:
        self._peers, self._uncounted = Networks(self.admission.peers), Networks(self.admission.uncounted)

    def enter(self, peer: str) -> Place | Denial:
        """Return a place for one more connection, or why there is none.

        Args:
            peer: an address, or `unix`.
        """
        rules = self.admission
        if self._peers and peer not in self._peers:
            return "peer_not_allowed"
        if self.total >= rules.connections:
            return "too_many_connections"
        key = "" if peer == UNIX or (self._uncounted and peer in self._uncounted) else client_of(peer)
        if key and self.connections[key] >= rules.connections_per_address:
            return "too_many_from_address"
        if key and self.handshakes[key] >= rules.handshakes_per_address:
            return "too_many_handshakes"
        self.total += 1
        self.connections[key] += 1
        self.handshakes[key] += 1
        return Place(self, key)

    @staticmethod
    def leave(counter: Counter[str], key: str) -> None:
        """Count one less; nothing is kept of clients that are gone."""
        counter[key] -= 1
        if counter[key] <= 0:
            del counter[key]


def client_of(address: str) -> str:
    """Return what counts as one client: the IPv4 address, or the first 64 bits of the IPv6 one.

    >>> client_of("::ffff:192.0.2.1"), client_of("2001:db8:0:1::2")
    ('192.0.2.1', '2001:db8:0:1::/64')
    """
    if ":" not in address:
        return address
    packed = socket.inet_pton(socket.AF_INET6, address)
    if packed.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return f"{socket.inet_ntop(socket.AF_INET6, packed[:8] + bytes(8))}/64"


def peer_of(name: Any) -> str:
    """Return the address in what a socket calls its peer, or `unix`; `unknown` is in no network.

    >>> peer_of(("fe80::1%eth0", 443, 0, 2)), peer_of(""), peer_of(None)
    ('fe80::1', 'unix', 'unknown')
    """
    if isinstance(name, tuple) and name:
        return str(name[0]).partition("%")[0]  # A zone is the host's own business.
    return UNIX if isinstance(name, str | bytes) else "unknown"
