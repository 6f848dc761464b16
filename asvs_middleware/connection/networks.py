"""Sets of networks with a membership test that costs O(log n), whatever their number."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from socket import AF_INET, AF_INET6, inet_pton
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

    __slots__ = ("_four", "_sixteen", "given", "unix")

    def __init__(self, networks: Iterable[str], *, argument: str = "networks") -> None:
        if isinstance(networks, str):
            raise ConfigurationError(f"{argument}={networks!r} is one text.", fix=f"Write a list: [{networks!r}].")
        self.given: tuple[str, ...] = tuple(networks)
        self.unix = UNIX in self.given
        parsed = [_network(one, argument) for one in self.given if one != UNIX]
        self._four = _bounds([net for net in parsed if isinstance(net, IPv4Network)])
        self._sixteen = _bounds([net for net in parsed if isinstance(net, IPv6Network)])

    def __contains__(self, address: str | None) -> bool:
        """Whether the address lies in one of the networks; an IPv4-mapped IPv6 address counts as IPv4."""
        try:
            packed = inet_pton(AF_INET6 if ":" in address else AF_INET, address)  # type: ignore[operator, arg-type]
        except (OSError, ValueError, TypeError):  # No address: unix, or None, which is nobody.
            return self.unix and address == UNIX
        if len(packed) == 4:
            bounds = self._four
        elif packed.startswith(_MAPPED):
            bounds, packed = self._four, packed[12:]
        else:
            bounds = self._sixteen
        # Where an interval begins and where it ends take turns, so an odd number of them below is inside.
        return bisect_right(bounds, packed) % 2 == 1

    def __bool__(self) -> bool:
        return bool(self.given)


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address, without brackets, port or zone.

    >>> is_address("2001:db8::1"), is_address("10.0.0.1:80")
    (True, False)
    """
    try:
        inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError):  # ValueError: a NUL or a surrogate inside.
        return False
    return True


def _bounds(networks: Sequence[_Network]) -> list[bytes]:
    """Return each interval's first address and what comes right after its last; one byte more is after it."""
    merged = collapse_addresses(networks)
    return [bound for net in merged for bound in (net[0].packed, net[-1].packed + b"\0")]


def _network(text: str, argument: str) -> IPv4Network | IPv6Network:
    network = None if text == "*" else _unmapped(_parse(text, argument))
    if network is None or network.prefixlen == 0:
        raise ConfigurationError(
            f"{argument} may not hold {text!r}: whoever connects would be one of them.",
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
