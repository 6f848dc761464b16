"""What an operator is told about proxies, once: the commonest mistakes behind one are all silent ones.

v5.0.0-4.1.3, v5.0.0-15.3.4, v5.0.0-16.3.3. Nothing a client sent is repeated but its address.
"""

from typing import Final

from starlette.types import Scope

from .. import events
from .networks import UNIX
from .scope_key import SCOPE_KEY
from .transport import Transport

_TOLD_AT_MOST: Final = 256
_SECURE: Final = frozenset({"https", "wss"})


class Notices:
    """Says each thing once, or once per peer; after 256 peers the point is made.

    Args:
        family: the family of fields that counts.
    """

    __slots__ = ("_family", "_ignored", "_rewriting_told", "_spoofed", "_unreadable")

    def __init__(self, family: str) -> None:
        self._family = family
        self._rewriting_told = False
        self._spoofed: set[str | None] = set()
        self._ignored: set[str | None] = set()
        self._unreadable: set[str | None] = set()

    def untrusted(self, peer: str | None) -> None:
        """Say that the fields of a peer are ignored: it is the commonest mistake behind a proxy."""
        if _is_news(peer, self._spoofed):
            events.emit(
                "connection",
                "proxy_header_spoofed",
                reason=f"Forwarded header fields from {peer} are ignored and removed: it is not in trusted_proxies. "
                "If this is your proxy, add its network to trusted_proxies.",
                requirement="v5.0.0-4.1.3",
                peer=peer,
            )

    def other_family(self, peer: str | None) -> None:
        """Say that a trusted proxy also sends, or lets through, fields that do not count."""
        if _is_news(peer, self._ignored):
            events.emit(
                "connection",
                "proxy_header_ignored",
                reason=f"The proxy {peer} lets through fields that do not count: not of the family {self._family!r}, "
                "or with _ for -. They are removed. If it writes them, choose TrustedProxies(..., fields=...).",
                requirement="v5.0.0-4.1.3",
                peer=peer,
            )

    def unreadable(self, peer: str | None) -> None:
        """Say that what a trusted proxy sends cannot be used: its requests count as plaintext."""
        if _is_news(peer, self._unreadable):
            events.emit(
                "connection",
                "proxy_header_unreadable",
                reason=f"Forwarded from the proxy {peer} breaks RFC 7239, or has fewer elements than hops: the request "
                "counts as plaintext from nobody. Correct the proxy, or TrustedProxies(..., hops=...).",
                requirement="v5.0.0-4.1.3",
                peer=peer,
            )

    def rewritten(self, scope: Scope, transport: Transport) -> None:
        """Say that something before us has put a client or a scheme of its own into the scope."""
        if self._rewriting_told or SCOPE_KEY in scope or not contradicts(scope, transport):
            return  # A layer of ours around this one has put the scope right.
        self._rewriting_told = True
        events.emit(
            "connection",
            "proxy_headers_rewritten",
            reason="The scope's client or scheme is not the transport's: something before this layer rewrote it, such "
            "as uvicorn's own proxy handling. The transport is believed. Switch the other off: "
            "uvicorn --no-proxy-headers, or asvs serve.",
            requirement="v5.0.0-15.3.4",
            peer=transport.peer,
        )


def _is_news(peer: str | None, told: set[str | None]) -> bool:
    if peer in told or len(told) >= _TOLD_AT_MOST:
        return False
    told.add(peer)
    return True


def contradicts(scope: Scope, transport: Transport) -> bool:
    """Whether the scope names another client or scheme than the transport knows.

    A scope without a client and a transport without a peer contradict nothing: the socket may be closed already.
    """
    if (scope.get("scheme") in _SECURE) is not transport.secure:
        return True
    client, peer = scope.get("client"), transport.peer
    if not client or peer is None:
        return False
    return peer == UNIX or (client[0] != peer and str(client[0]).partition("%")[0] != peer)
