"""One pass over a request's header fields gives one immutable Connection; everything later reads that."""

from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from starlette.types import Receive, Scope

from .claims import claims_tls
from .field_names import WRITTEN_BY_PROXIES
from .forwarded_certificates import CertificateFields, ForwardedCertificates, ForwardedFields
from .glance import Glance, Ordinary, Told, glance_for, host_in_front, proxied_glance_for
from .networks import UNIX, Networks
from .notices import Notices
from .transport import Transport, address_of, read_transport, tls_extension
from .trust import TrustedProxies

_SECURE = frozenset({"https", "wss"})
_READ = WRITTEN_BY_PROXIES | {b"host", b"authorization"}


class Connection(NamedTuple):
    """What is known about one request before anything is decided.

    Attributes:
        scope: the scope the app gets: scheme, client, Host and forwarded fields already put right.
        transport: what the transport itself says.
        secure: TLS all the way from the client, as far as trusted proxies say.
        host: the raw Host value; None when it is missing or there are several.
        client: the client's address as text, or None when it is not known.
        via_proxy: the transport peer is a trusted proxy, so a TLS certificate would be the proxy's own.
        authorization: every Authorization value, in order; none where the layer judges nobody.
        claims_tls: an untrusted peer says that the client spoke TLS to it; never believed (claims.py).
        forwarded: the client certificate a configured peer forwards; None where the handshake's own counts.
        extension: the server's `tls` extension as it came, where there is no TLS object to hold against it.
    """

    scope: Scope
    transport: Transport
    secure: bool
    host: bytes | None
    client: str | None
    via_proxy: bool
    authorization: tuple[bytes, ...]
    claims_tls: bool = False
    forwarded: ForwardedFields | None = None
    extension: Any = None

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

    def ordinary(self, scope: Scope, told: Told, receive: Receive) -> Connection:
        """Return the same of a request that a glance told, some time after it came.

        Args:
            scope: of the request; the app may have written into it, and it is what the Connection shows.
            told: what the glance told.
            receive: the server's.
        """
        ...

    def glance(self, ordinary: Ordinary) -> Glance:
        """Return what tells ordinary requests."""
        ...

    def proxied_glance(self, ordinary: Ordinary) -> Glance | None:
        """Return what tells ordinary requests through a proxy; None where nobody's word about a client counts."""
        ...


class ConnectionReader:
    """Reads connections, with these as trusted proxies."""

    __slots__ = ("_certificates", "_is_proxy", "_notices", "_proxies")

    def __init__(self, trusted: Networks | TrustedProxies, forwarded: ForwardedCertificates | None = None) -> None:
        self._proxies = TrustedProxies.of(trusted)
        self._certificates = CertificateFields(forwarded)
        self._notices = Notices(self._proxies.fields)
        # A connection brings many requests of one peer.
        self._is_proxy = lru_cache(maxsize=1024)(self._trusts)

    def _trusts(self, peer: str | None) -> bool:
        return (None if peer is None else address_of((peer,))) in self._proxies

    def glance(self, ordinary: Ordinary) -> Glance:
        """Return what tells ordinary requests."""
        nobody = type(self._proxies) is TrustedProxies and not self._proxies.networks
        facts = self._certificates.names
        return glance_for(ordinary, None if nobody else self._is_proxy, facts=facts)

    def proxied_glance(self, ordinary: Ordinary) -> Glance | None:
        """Return what tells ordinary requests through a proxy; of one family and at most one hop.

        Then one address in one field is the client.
        """
        proxies = self._proxies
        simple = type(proxies) is TrustedProxies and proxies.fields == "x-forwarded" and proxies.hops in {None, 1}
        facts = self._certificates.names
        return proxied_glance_for(ordinary, self._is_proxy, facts=facts) if simple and proxies.networks else None

    def __call__(self, scope: Scope, receive: Receive) -> Connection:
        """Return everything that is known."""
        transport = read_transport(scope, receive)
        via_proxy = self._is_proxy(transport.peer)
        scope, shown = self._certificates.separate(scope, transport, via_proxy=via_proxy)
        connection, forwarded = _at_first_sight(scope, transport, via_proxy=via_proxy)
        if shown is not None:
            connection = connection._replace(forwarded=shown)
        if connection.via_proxy:
            return _as_the_proxy_says(connection, self._proxies, self._notices)
        if forwarded or transport.secure is not (scope.get("scheme") in _SECURE):
            return _as_the_transport_says(connection, self._notices, forwarded=forwarded)
        return connection

    def ordinary(self, scope: Scope, told: Told, receive: Receive) -> Connection:
        """Return the same of a request that a glance told."""
        host, transport, client, authorization, extension = told
        if transport is None:
            transport = _by_now(client, receive)
        via_proxy = self._is_proxy(transport.peer)
        forwarded = None if self._certificates.policy is None else self._certificates.unshown(transport)
        # In the order of the class: names cost three times as much.
        facts = scope, transport, True, host, client, via_proxy, authorization, False, forwarded, extension
        return Connection._make(facts)


class ScopeReader:
    """Reads what the server says and believes it: for a layer that judges nobody. No field is taken off.

    Of several Host fields the first one counts: it decides no more than whether HSTS is worth sending. Authorization is
    not looked for.
    """

    __slots__ = ()

    def glance(self, ordinary: Ordinary) -> Glance:  # noqa: ARG002  # To no judge any request is out of the ordinary.
        """Return what finds the Host of most requests."""
        return host_in_front

    def proxied_glance(self, ordinary: Ordinary) -> Glance | None:  # noqa: ARG002  # As every reader is asked.
        """Return None: it knows no proxies."""
        return None

    def __call__(self, scope: Scope, receive: Receive) -> Connection:
        """Return what the scope says."""
        host = next((value for name, value in scope["headers"] if name == b"host"), None)
        client = scope.get("client")
        secure, transport = scope.get("scheme") in _SECURE, read_transport(scope, receive)
        return Connection(
            scope,
            transport,
            secure,
            host,
            client[0] if client else None,
            False,
            (),
            extension=_extension(scope, transport),
        )

    def ordinary(self, scope: Scope, told: Told, receive: Receive) -> Connection:
        """Return what the scope said."""
        host, _, client, _, extension = told
        return Connection(scope, _by_now(client, receive), True, host, client, False, (), extension=extension)


def connection_reader(
    trusted: Networks | TrustedProxies, forwarded: ForwardedCertificates | None = None
) -> ConnectionReader:
    """Return what reads a Connection, with these as trusted proxies, and these for client certificates."""
    return ConnectionReader(trusted, forwarded)


def _by_now(client: str | None, receive: Receive) -> Transport:
    """Return what the transport says by now; where it is out of reach, what the scope said at a glance."""
    return read_transport({"client": None if client is None else (client,), "scheme": "https"}, receive)


def _at_first_sight(scope: Scope, transport: Transport, *, via_proxy: bool) -> tuple[Connection, bool]:
    """Return what scope and transport say, and whether there is a field only a proxy may write."""
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
        via_proxy=via_proxy,
        authorization=authorization,
        extension=_extension(scope, transport),
    )
    return connection, forwarded


def _extension(scope: Scope, transport: Transport) -> Any:
    return tls_extension(scope) if "extensions" in scope and transport.tls is None else None


def _as_the_proxy_says(connection: Connection, proxies: TrustedProxies, notices: Notices) -> Connection:
    peer = connection.transport.peer
    notices.rewritten(connection.scope, connection.transport)
    removed = proxies.removed
    pairs = [pair for pair in connection.scope["headers"] if pair[0] not in removed]
    if len(pairs) < len(connection.scope["headers"]):
        notices.other_family(peer)
    said = proxies.read(pairs, peer=peer or UNIX)
    if not said.readable:
        notices.unreadable(peer)
    host = connection.host
    if said.host is not None and host is not None:
        host = said.host
        pairs = [(name, host if name == b"host" else value) for name, value in pairs]
    # Plaintext between client and proxy stays plaintext, whatever the last hop speaks.
    secure = connection.secure if said.secure is None else said.secure
    return _put_right(connection._replace(secure=secure, host=host, client=said.client), pairs)


def _as_the_transport_says(connection: Connection, notices: Notices, *, forwarded: bool) -> Connection:
    peer = connection.transport.peer
    notices.rewritten(connection.scope, connection.transport)
    claimed = False
    if forwarded:
        notices.untrusted(peer)
        claimed = claims_tls(connection.scope["headers"])
        if not connection.transport.reached:  # Somebody before us may have written the scheme from these very fields.
            connection = connection._replace(secure=False)
    pairs = [pair for pair in connection.scope["headers"] if pair[0] not in WRITTEN_BY_PROXIES]
    return _put_right(connection._replace(client=None if peer == UNIX else peer, claims_tls=claimed), pairs)


def _put_right(connection: Connection, pairs: list[tuple[bytes, bytes]]) -> Connection:
    """Return the connection with a scope of its own that says the same."""
    scope = connection.scope
    scheme = ("ws" if scope["type"] == "websocket" else "http") + "s" * connection.secure
    client = client_address(connection.client, scope.get("client"))
    return connection._replace(scope={**scope, "headers": pairs, "scheme": scheme, "client": client})


def client_address(client: str | None, was: tuple[str, int] | None) -> tuple[str, int] | None:
    """Return the client as a scope names it: with its port, where the proxy did not put another one in its place."""
    if client is None:
        return None
    return was if was and was[0] == client else (client, 0)
