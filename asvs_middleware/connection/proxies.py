"""What trusted proxies say about a request: v5.0.0-4.1.3 and v5.0.0-15.3.4.

X-Forwarded-Proto, -For and -Host count only when the transport peer lies in a configured network. From anyone else
they are removed, so that no code behind this point can believe them.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from .networks import UNIX, Networks, is_address

PROTO: Final = b"x-forwarded-proto"
FOR: Final = b"x-forwarded-for"
HOST: Final = b"x-forwarded-host"
FORWARDED: Final = frozenset({PROTO, FOR, HOST, b"forwarded", b"x-forwarded-port", b"x-real-ip"})
_NODE: Final = re.compile(r"(\[(?P<literal>[^\]]+)\]|(?P<bare>[^:]+))(:[0-9]{1,5})?\Z")  # RFC 7239 section 6.


class Forwarded(NamedTuple):
    """The client's side of the outermost trusted proxy; None where no proxy says."""

    client: str | None
    secure: bool | None
    host: bytes | None


def read_forwarded(pairs: Iterable[tuple[bytes, bytes]], *, peer: str, trusted: Networks) -> Forwarded:
    """Follow the chain from the nearest proxy outwards and stop at the first address that is not trusted.

    Each trusted proxy appends one element to each list, so the element of the outermost trusted one counts from the
    right. A list shorter than the chain (a proxy that replaces instead of appending) counts from its left end. A value
    that cannot be read makes the request plaintext or its client unknown, never more trusted.
    """
    lists: dict[bytes, list[bytes]] = {PROTO: [], FOR: [], HOST: []}
    for name, value in pairs:
        if name in lists:
            lists[name] += (element.strip() for element in value.split(b","))
    client, hops = _client(lists[FOR], peer=peer, trusted=trusted)
    proto = _element(lists[PROTO], hops)
    return Forwarded(
        client=client,
        secure=None if proto is None else proto.lower() in {b"https", b"wss"},
        host=_element(lists[HOST], hops),
    )


def _client(elements: list[bytes], *, peer: str, trusted: Networks) -> tuple[str | None, int]:
    """Return the first untrusted address from the right, and how many trusted hops lie before it."""
    address: str | None = peer
    hops = 0
    for element in reversed(elements):
        if address not in trusted:
            break
        address = _address(element)
        hops += 1
    return address if address != UNIX else None, max(hops, 1)


def _address(element: bytes) -> str | None:
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
