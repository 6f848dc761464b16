"""One pass over a request's header fields gives one immutable Connection; everything later reads that."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, Protocol

from starlette.types import Receive, Scope

from .. import events
from .networks import UNIX, Networks
from .proxies import FORWARDED, read_forwarded
from .transport import Transport, read_transport

_TOLD_AT_MOST = 256
_SECURE = frozenset({"https", "wss"})
_CHANGES_FACTS = FORWARDED | {b"host"}
_READ = _CHANGES_FACTS | {b"authorization"}


class Connection(NamedTuple):
    """What is known about one request before anything is decided.

    Attributes:
        scope: the scope the app gets: scheme, client, Host and forwarded fields already put right.
        transport: what the transport itself says.
        secure: TLS all the way from the client, as far as trusted proxies say.
        host: the raw Host value; None when it is missing or there are several.
        client: the client's address as text, or None when it is not known.
        via_proxy: the transport peer is a trusted proxy, so a TLS certificate would be the proxy's own.
        authorization: every Authorization value, in order.
    """

    scope: Scope
    transport: Transport
    secure: bool
    host: bytes | None
    client: str | None
    via_proxy: bool
    authorization: tuple[bytes, ...]

    def __repr__(self) -> str:
        """Name the two ends: scope and fields hold tokens, cookies and the query (v5.0.0-16.2.5)."""
        return f"Connection(peer={self.transport.peer!r}, client={self.client!r}, secure={self.secure!r})"

    @property
    def method(self) -> str:
        """The request method; a WebSocket handshake is a GET (RFC 6455 section 4.1)."""
        return str(self.scope.get("method", "GET"))

    @property
    def opens_a_page(self) -> bool:
        """Whether this looks like a person opening a page: browsers send no Sec-Fetch-* over plaintext."""
        return (
            self.scope["type"] == "http"
            and self.method in {"GET", "HEAD"}
            and any(name == b"accept" and b"text/html" in value.lower() for name, value in self.scope["headers"])
        )

    @property
    def carries_credentials(self) -> bool:
        """Whether a secret of a non-browser client was sent: Authorization, or a field made for an API key."""
        return bool(self.authorization) or any(name in _KEYS for name, _ in self.scope["headers"])

    @property
    def exposes_credentials(self) -> bool:
        """Whether such a secret came over plaintext, where anybody could read it."""
        return not self.secure and self.carries_credentials


_KEYS = frozenset({b"proxy-authorization", b"x-api-key", b"api-key", b"x-auth-token"})


class Read(Protocol):
    """Reads a request's facts: in full when called, or at a glance."""

    def __call__(self, scope: Scope, receive: Receive) -> Connection:
        """Return everything that is known."""
        ...

    def glance(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the Host of an ordinary request, None of any other.

        Ordinary is what came over TLS, straight from the client, with one Host and no forwarded field: for gates that
        ask for nothing else, two such requests with the same Host are alike.
        """
        ...


class ConnectionReader:
    """Reads connections, with these networks as trusted proxies."""

    __slots__ = ("_is_proxy", "_told", "_trusted", "glance")

    def __init__(self, trusted: Networks) -> None:
        self._trusted = trusted
        self._told: set[str | None] = set()
        # A connection brings many requests of one peer.
        self._is_proxy = lru_cache(maxsize=1024)(trusted.__contains__)
        self.glance = self._glancer()

    def _glancer(self) -> Callable[[Scope, Receive], bytes | None]:
        """Return the glance as a plain function: it runs on every request."""
        is_proxy = self._is_proxy if self._trusted else None
        changes_facts = _CHANGES_FACTS

        def glance(scope: Scope, receive: Receive) -> bytes | None:
            if scope["scheme"] != "https":
                return None
            if getattr(receive, "__self__", None) is None:
                client = scope.get("client")
                peer = client[0] if client else None
            else:
                peer, secure, _, reached = read_transport(scope, receive)
                if not (secure and reached):
                    return None
            if is_proxy is not None and is_proxy(peer):
                return None
            host: bytes | None = None
            for name, value in scope["headers"]:
                if name in changes_facts:
                    if host is not None or name != b"host":
                        return None
                    host = value
            return host

        return glance

    def __call__(self, scope: Scope, receive: Receive) -> Connection:
        transport = read_transport(scope, receive)
        host: bytes | None = None
        hosts = 0
        authorization: tuple[bytes, ...] = ()
        forwarded = False
        for name, value in scope["headers"]:
            if name not in _READ:  # Asked first: most fields are none of ours.
                continue
            if name == b"host":
                host = value
                hosts += 1
            elif name == b"authorization":
                authorization += (value,)
            else:
                forwarded = True
        client = scope.get("client")
        connection = Connection(
            scope=scope,
            transport=transport,
            secure=transport.secure,
            host=host if hosts == 1 else None,
            client=client[0] if client else None,
            via_proxy=self._is_proxy(transport.peer),
            authorization=authorization,
        )
        if connection.via_proxy:
            return _as_the_proxy_says(connection, self._trusted)
        if forwarded or transport.secure is not (scope.get("scheme") in _SECURE):
            return _as_the_transport_says(connection, self._told if forwarded else None)
        return connection


def connection_reader(trusted: Networks) -> Read:
    """Return what reads a Connection, with these networks as trusted proxies."""
    return ConnectionReader(trusted)


def _as_the_proxy_says(connection: Connection, trusted: Networks) -> Connection:
    pairs = connection.scope["headers"]
    said = read_forwarded(pairs, peer=connection.transport.peer or UNIX, trusted=trusted)
    host = connection.host
    if said.host is not None and host is not None:
        host = said.host
        pairs = [(name, host if name == b"host" else value) for name, value in pairs]
    # Plaintext between client and proxy stays plaintext, whatever the last hop speaks.
    secure = connection.secure if said.secure is None else said.secure
    return _put_right(connection._replace(secure=secure, host=host, client=said.client), pairs)


def _as_the_transport_says(connection: Connection, told: set[str | None] | None) -> Connection:
    peer = connection.transport.peer
    if told is not None:
        _tell(peer, told)
        if not connection.transport.reached:  # Somebody before us may have written the scheme from these very fields.
            connection = connection._replace(secure=False)
    pairs = [pair for pair in connection.scope["headers"] if pair[0] not in FORWARDED]
    return _put_right(connection._replace(client=None if peer == UNIX else peer), pairs)


def _put_right(connection: Connection, pairs: list[tuple[bytes, bytes]]) -> Connection:
    """Return the connection with a scope of its own that says the same."""
    scope = connection.scope
    scheme = ("ws" if scope["type"] == "websocket" else "http") + "s" * connection.secure
    client = _address(connection.client, scope.get("client"))
    return connection._replace(scope={**scope, "headers": pairs, "scheme": scheme, "client": client})


def _address(client: str | None, was: tuple[str, int] | None) -> tuple[str, int] | None:
    if client is None:
        return None
    return was if was and was[0] == client else (client, 0)


def _tell(peer: str | None, told: set[str | None]) -> None:
    """Say once per peer that its forwarded fields are ignored: it is the commonest mistake behind a proxy."""
    if peer in told or len(told) >= _TOLD_AT_MOST:
        return
    told.add(peer)
    events.emit(
        "connection",
        "proxy_header_spoofed",
        reason=f"Forwarded header fields from {peer} are ignored and removed: it is not in trusted_proxies. "
        "If this is your proxy, add its network to trusted_proxies.",
        requirement="v5.0.0-4.1.3",
        peer=peer,
    )
