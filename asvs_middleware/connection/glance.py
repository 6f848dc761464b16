"""Tell an ordinary request at a glance: one pass over its fields, and next to nothing is made.

Ordinary is what came over TLS, straight from the client, with one Host, no field only a proxy may write, and nothing
a gate asks for. To every gate two such requests with the same Host are alike, so that one judgement does for both.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from sys import maxsize
from typing import Any, Final

from starlette.types import Receive, Scope

from .field_names import LOOKALIKES, RFC_7239, WRITTEN_BY_PROXIES, X_FORWARDED
from .notices import contradicts
from .proxies import FOR, HOST, LONGEST_NODE, PROTO, address_in
from .transport import Transport, address_of, read_transport, tls_extension

Told = tuple[bytes | None, Transport | None, str | None, tuple[bytes, ...], Any]
"""Host; the transport, where it is in reach; the client's address; every Authorization value; Connection.extension.

They are kept: code of the app may write into the scope, and a connection that is gone tells nothing later.
"""

Glance = Callable[[Scope, Receive], Told]

UNTOLD: Final[Told] = (None, None, None, (), None)
"""Nothing, of a request that takes a full look."""

_SLASH: Final = 0x2F
_FACTS: Final = WRITTEN_BY_PROXIES | {b"host"}
_AUTHORIZATION: Final = b"authorization"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordinary:
    """What every gate passes without a look once it has passed the Host.

    Attributes:
        methods: the methods.
        harmless: names of fields no gate reads, in lower case.
        seems_harmless: whether a name that is not among these is harmless all the same.
        fields: how many fields at most.
        value_bytes: of all values together at most; None for any.
    """

    methods: Collection[str]
    harmless: Collection[bytes]
    seems_harmless: Callable[[bytes], bool]
    fields: int = maxsize
    value_bytes: int | None = None


def glance_for(
    ordinary: Ordinary, is_proxy: Callable[[str | None], bool] | None, *, facts: Collection[bytes] = ()
) -> Glance:
    """Return the function that tells an ordinary request, and UNTOLD of any other.

    Args:
        ordinary: what is.
        is_proxy: whether a peer is a trusted proxy; None where nobody is.
        facts: further names of fields that are more than a glance tells.
    """
    methods, most_fields = frozenset(ordinary.methods), ordinary.fields
    most_bytes = maxsize if ordinary.value_bytes is None else ordinary.value_bytes
    telling = _FACTS.union(facts)
    harmless, seems_harmless, authorizes = _sorted(ordinary, telling)

    def glance(scope: Scope, receive: Receive) -> Told:
        pairs, path = scope["headers"], scope["path"]
        if (
            scope.get("scheme") != "https"
            or (scope.get("raw_path") or b"/")[0] != _SLASH
            or scope["method"] not in methods
            or len(pairs) > most_fields
            or not path
            or path[0] != "/"
            or "://" in path  # The target may name another host, behind a root_path too.
        ):
            return UNTOLD
        address = scope.get("client")
        client = address[0] if address else None
        server = getattr(receive, "__self__", None)
        transport: Transport | None = None
        if server is None:
            if is_proxy is not None and is_proxy(client):
                return UNTOLD
        else:
            transport = _that_speaks_tls(server)
            if transport is None or (is_proxy is not None and is_proxy(transport.peer)):
                return UNTOLD
        extension = None
        if "extensions" in scope and (transport is None or transport.tls is None):
            extension = tls_extension(scope)
        host: bytes | None = None
        authorization: tuple[bytes, ...] = ()
        size = 0
        # One plain loop: built-ins that go over the fields have to take the pairs apart first.
        for name, value in pairs:
            size += len(value)
            if name in harmless:
                continue
            if name == b"host" and host is None:
                host = value
            elif name == _AUTHORIZATION and authorizes:
                authorization += (value,)
            elif name in telling or not seems_harmless(name):
                return UNTOLD
        return (
            (host, transport, client, authorization, extension) if host is not None and size <= most_bytes else UNTOLD
        )

    return glance


def proxied_glance_for(
    ordinary: Ordinary, is_proxy: Callable[[str | None], bool], *, facts: Collection[bytes] = ()
) -> Glance:
    """Return the same for what a single trusted proxy that ends TLS passes on, in X-Forwarded-Proto and -For.

    A list, a second line, another Host than the client's: nothing for a glance.
    """
    methods, most_fields = frozenset(ordinary.methods), ordinary.fields
    most_bytes = maxsize if ordinary.value_bytes is None else ordinary.value_bytes
    telling = _FACTS.union(facts)
    read_closely = (RFC_7239 | LOOKALIKES | {b"host", FOR, PROTO, HOST}).union(facts)
    harmless, seems_harmless, authorizes = _sorted(ordinary, read_closely, X_FORWARDED)
    node = lru_cache(maxsize=1024)(address_in)

    def glance(scope: Scope, receive: Receive) -> Told:
        pairs, path = scope["headers"], scope["path"]
        transport = read_transport(scope, receive)
        if (
            scope["type"] != "http"
            or (scope.get("raw_path") or b"/")[0] != _SLASH
            or scope["method"] not in methods
            or len(pairs) > most_fields
            or not path
            or path[0] != "/"
            or "://" in path
            or not is_proxy(transport.peer)
            or contradicts(scope, transport)  # Of which a full look tells the operator.
        ):
            return UNTOLD
        host: bytes | None = None
        client: str | None = None
        authorization: tuple[bytes, ...] = ()
        secure = False
        size = 0
        for name, value in pairs:
            size += len(value)
            if name in harmless:
                continue
            if name == b"host" and host is None:
                host = value
            elif name == FOR and client is None:
                client = node(value) if len(value) <= LONGEST_NODE else None  # Nothing long is remembered.
                if client is None:
                    return UNTOLD
            elif name == PROTO and not secure and value == b"https":
                secure = True
            elif name == _AUTHORIZATION and authorizes:
                authorization += (value,)
            elif name == HOST:
                if value != host or b"," in value or value != value.strip():  # A list: the gates judge its last one.
                    return UNTOLD
            elif name in telling or not seems_harmless(name):
                return UNTOLD
        if host is None or client is None or not secure or size > most_bytes:
            return UNTOLD
        return host, transport, client, authorization, None  # The handshake was the proxy's.

    return glance


def _sorted(
    ordinary: Ordinary, read: Collection[bytes], unread: Collection[bytes] = ()
) -> tuple[frozenset[bytes], Callable[[bytes], bool], bool]:
    """Return the names that need no look, what tells of others that they need none, and whether Authorization may be.

    Args:
        ordinary: what is.
        read: names a glance does read.
        unread: further names it does not.
    """
    harmless, seems_harmless = frozenset(ordinary.harmless), ordinary.seems_harmless
    authorizes = _AUTHORIZATION in harmless or seems_harmless(_AUTHORIZATION)
    return harmless.union(unread) - {_AUTHORIZATION, *read}, seems_harmless, authorizes


def _that_speaks_tls(server: Any) -> Transport | None:
    """Return what the transport of a server says, where it speaks TLS."""
    probe = getattr(getattr(server, "transport", None), "get_extra_info", None)
    if probe is None:
        return None
    try:
        tls = probe("ssl_object")
        if tls is None and probe("sslcontext") is None:
            return None
        return Transport(address_of(probe("peername")), True, tls)
    except AttributeError:  # As in read_transport().
        return None


def host_in_front(scope: Scope, _receive: Receive) -> Told:
    """Return the Host of a request over TLS, by the server's word, where it stands first as most clients send it."""
    pairs = scope["headers"]
    if scope.get("scheme") != "https" or not pairs or pairs[0][0] != b"host":
        return UNTOLD
    client = scope.get("client")
    extension = tls_extension(scope) if "extensions" in scope else None
    return pairs[0][1], None, client[0] if client else None, (), extension
