"""Sets of networks with a membership test that costs O(log n), whatever their number."""

import socket
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import TypeVar

from ..errors import ConfigurationError

UNIX = "unix"
"""The name a peer on a unix socket goes by: it has no address."""

_Network = TypeVar("_Network", IPv4Network, IPv6Network)
_MAPPED = b"\x00" * 10 + b"\xff\xff"  # ::ffff:0:0/96, RFC 4291 section 2.5.5.2


class Networks:
    """The addresses an operator named, as merged intervals.

    Args:
        networks: addresses or networks in CIDR notation (`10.0.0.0/8`, `2001:db8::1`), or `unix`.
        argument: the operator's word for them, for messages.

    Raises:
        ConfigurationError: every address (`*`, `0.0.0.0/0`, `::/0`), host bits set, a zone, or not a network.
    """

    __slots__ = ("_intervals", "given", "unix")

    def __init__(self, networks: Iterable[str], *, argument: str = "networks") -> None:
        if isinstance(networks, str):
            raise ConfigurationError(f"{argument}={networks!r} is one text.", fix=f"Write a list: [{networks!r}].")
        self.given: tuple[str, ...] = tuple(networks)
        self.unix = UNIX in self.given
        parsed = [_network(one, argument) for one in self.given if one != UNIX]
        self._intervals = {
            4: _intervals([net for net in parsed if isinstance(net, IPv4Network)]),
            16: _intervals([net for net in parsed if isinstance(net, IPv6Network)]),
        }

    def __contains__(self, address: str | None) -> bool:
        """Whether the address lies in one of the networks; an IPv4-mapped IPv6 address counts as IPv4."""
        if address is None:
            return False
        if address == UNIX:
            return self.unix
        packed = _packed(address)
        if packed is None:
            return False
        firsts, lasts = self._intervals[len(packed)]
        at = bisect_right(firsts, packed) - 1
        return at >= 0 and packed <= lasts[at]

    def __bool__(self) -> bool:
        return bool(self.given)


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address, without brackets, port or zone.

    >>> is_address("2001:db8::1"), is_address("10.0.0.1:80")
    (True, False)
    """
    return _packed(text) is not None


def _packed(address: str) -> bytes | None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        packed = socket.inet_pton(family, address)
    except (OSError, ValueError):  # ValueError: a NUL or a surrogate inside.
        return None
    return packed[12:] if packed.startswith(_MAPPED) else packed


def _intervals(networks: Sequence[_Network]) -> tuple[list[bytes], list[bytes]]:
    merged = list(collapse_addresses(networks))
    return [net[0].packed for net in merged], [net[-1].packed for net in merged]


def _network(text: str, argument: str) -> IPv4Network | IPv6Network:
    network = None if text == "*" else _unmapped(_parse(text, argument))
    if network is None or network.prefixlen == 0:
        raise ConfigurationError(
            f"{argument} may not hold {text!r}: whoever connects could then say what it likes about the client.",
            fix='Name the networks your proxies connect from, such as "10.0.0.0/8", or "unix".',
        )
    return network


def _parse(text: object, argument: str) -> IPv4Network | IPv6Network:
    """Return the network; ip_network() alone would take numbers, and drop an IPv6 zone without a word."""
    try:
        if not isinstance(text, str) or "%" in text:
            raise ValueError("only addresses and CIDR notation as text, without a zone")
        return ip_network(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{argument} holds {text!r}, which is no network: {error}.",
            fix='Write an address or a network without host bits, such as "10.0.0.7" or "10.0.0.0/8".',
        ) from error


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= 96:
        return ip_network(f"{mapped}/{network.prefixlen - 96}")
    return network
