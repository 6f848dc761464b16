"""Read the fields of a request once more that a glance told to be ordinary: v5.0.0-4.1.3, v5.0.0-15.3.4.

A glance keeps no fields (glance.py), so whoever asks for the facts of such a request afterwards has its fields read
again. These two read what there is to an ordinary one; they take nothing on trust, and answer None where only the whole
look (facts.py) can tell.
"""

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final

from .field_names import WRITTEN_BY_PROXIES, X_FORWARDED
from .proxies import FOR, HOST, LONGEST_NODE, PROTO, address_in

Pairs = Iterable[tuple[bytes, bytes]]
Values = tuple[bytes, ...]

_READ_HERE: Final = frozenset({FOR, PROTO, HOST})
_node = lru_cache(maxsize=1024)(address_in)


class OrdinaryFields:
    """The fields that tell something, and those that tell too much.

    Args:
        certificates: names of fields that may hold a forwarded certificate.
    """

    __slots__ = ("_closely", "_telling")

    def __init__(self, certificates: Collection[bytes]) -> None:
        self._telling = WRITTEN_BY_PROXIES.union(certificates, {b"host", b"authorization"})
        self._closely = (self._telling - X_FORWARDED) | _READ_HERE

    def straight(self, pairs: Pairs) -> tuple[bytes | None, Values] | None:
        """Return Host and Authorization of what came straight from a client: nothing is forwarded."""
        telling = self._telling
        host: bytes | None = None
        authorization: Values = ()
        for name, value in pairs:
            if name not in telling:  # Asked first: most fields are none of ours.
                continue
            if name == b"authorization":
                authorization += (value,)
            elif name == b"host" and host is None:
                host = value
            else:
                return None
        return host, authorization

    def one_hop(self, pairs: Pairs) -> tuple[bytes, str, Values] | None:
        """Return Host, client and Authorization of what one proxy passed on that ends TLS: each field once.

        The peer has to be a trusted proxy, and either the only one or the only one that counts.
        """
        telling, closely = self._telling, self._closely
        host: bytes | None = None
        client: str | None = None
        secure = False
        authorization: Values = ()
        for name, value in pairs:
            if name not in telling:
                continue
            if name == b"authorization":
                authorization += (value,)
            elif name == b"host" and host is None:
                host = value
            elif name == FOR and client is None:
                client = _node(value) if len(value) <= LONGEST_NODE else None
                if client is None:
                    return None
            elif name == PROTO and not secure and value == b"https":
                secure = True
            elif name == HOST and value == host and b"," not in value and value == value.strip():
                continue
            elif name in closely:
                return None
        if host is None or client is None or not secure:
            return None
        return host, client, authorization
