"""What trusted proxies say about a request in X-Forwarded-Proto, -For and -Host: v5.0.0-4.1.3 and v5.0.0-15.3.4.

They count only when the transport peer is a trusted proxy; trust.py says which, and which family of fields. Not read:
X-Forwarded-Port, -Prefix, -Server, -Ssl and the fields of single vendors.
"""

import re
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from .networks import UNIX, is_address

PROTO: Final = b"x-forwarded-proto"
FOR: Final = b"x-forwarded-for"
HOST: Final = b"x-forwarded-host"
LONGEST_NODE: Final = 64
"""Bytes of an address with brackets, zone and port that are worth a memory."""
SECURE: Final = frozenset({b"https", b"wss"})
_NODE: Final = re.compile(r"(\[(?P<literal>[^\]]+)\]|(?P<bare>[^:]+))(:[0-9]{1,5})?\Z")  # RFC 7239 section 6.

Pairs = Iterable[tuple[bytes, bytes]]
_Element = TypeVar("_Element")


class Forwarded(NamedTuple):
    """The client's side of the outermost trusted proxy; None where no proxy says.

    Attributes:
        client: the address the outermost trusted proxy saw.
        secure: whether the client spoke TLS to it.
        host: the Host the client sent to it.
        readable: False where the field breaks its grammar; nothing is believed of it then.
    """

    client: str | None
    secure: bool | None
    host: bytes | None
    readable: bool = True


def read_forwarded(pairs: Pairs, *, peer: str, trusted: Container[str | None], hops: int | None = None) -> Forwarded:
    """Follow the chain from the nearest proxy outwards and stop at the first address that is not trusted.

    Each trusted proxy appends one element to each list, so the element of the outermost trusted one counts from the
    right. A list shorter than the chain (a proxy that replaces instead of appending) counts from its left end. A value
    that cannot be read makes the request plaintext or its client unknown, never more trusted.

    Args:
        pairs: the header fields.
        peer: the transport's peer, a trusted proxy.
        trusted: what knows a trusted proxy by its address.
        hops: how many proxies there are; the addresses between them are then not looked at.
    """
    lists: dict[bytes, list[bytes]] = {PROTO: [], FOR: [], HOST: []}
    for name, value in pairs:
        if name in lists:
            lists[name] += (element.strip() for element in value.split(b","))
    client, passed = walk(lists[FOR], address_in, peer=peer, trusted=trusted, hops=hops)
    proto = _element(lists[PROTO], passed)
    return Forwarded(
        client=client,
        secure=None if proto is None else proto.lower() in SECURE,
        host=_element(lists[HOST], passed),
    )


def walk(
    elements: Sequence[_Element],
    address_of: Callable[[_Element], str | None],
    *,
    peer: str,
    trusted: Container[str | None],
    hops: int | None,
) -> tuple[str | None, int]:
    """Return the client's address, and how many elements from the right its own stands.

    With `hops` that is a given; where the list has no such element the client is unknown. Otherwise it is the first
    address from the right that is not trusted.
    """
    if hops is not None:
        return (address_of(elements[-hops]) if hops <= len(elements) else None), hops
    address: str | None = peer
    passed = 0
    for element in reversed(elements):
        if address not in trusted:
            break
        address = address_of(element)
        passed += 1
    return address if address != UNIX else None, max(passed, 1)


def address_in(element: bytes) -> str | None:
    """Return the address of one element, in any of the forms proxies write; None for what is none."""
    text = element.decode("latin-1").strip('"')
    if is_address(text):
        return text
    node = _NODE.match(text)
    address = node and (node["literal"] or node["bare"])
    return address if address and is_address(address) else None


def _element(elements: list[bytes], hops: int) -> bytes | None:
    if not elements:
        return None
    return elements[-hops] if hops <= len(elements) else elements[0]
