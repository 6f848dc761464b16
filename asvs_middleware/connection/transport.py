"""What the transport under an ASGI server knows: the real peer, whether TLS is spoken, the TLS object.

`scope["client"]` and `scope["scheme"]` may have been rewritten by a proxy-header middleware before the app runs, so
trust is decided on the transport. Servers do not document a way to it; uvicorn's protocols keep it where `receive`
is bound. Every step is probed: where one is missing nothing is known, and the ASGI scope is all there is.
"""

import ssl
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from starlette.types import Receive, Scope

from .networks import UNIX


class Transport(NamedTuple):
    """Facts of one connection.

    Attributes:
        peer: an address, `unix`, or None when nobody says.
        secure: TLS is spoken.
        tls: the TLS object, where the server has one.
        reached: the transport itself says so, and not the scope.
    """

    peer: str | None
    secure: bool
    tls: ssl.SSLObject | None
    reached: bool = True


GONE: Final = Transport(None, False, None)
"""Of a connection that is closed nothing is known: nobody's, and not secure."""


def read_transport(scope: Scope, receive: Receive) -> Transport:
    """Return what the transport says, or what the scope says where the transport is out of reach."""
    probe = _probe(receive)
    if probe is None:
        client = scope.get("client")
        return Transport(address_of(tuple(client or ())), scope.get("scheme") in {"https", "wss"}, None, False)
    try:
        tls = probe("ssl_object")
        secure = tls is not None or probe("sslcontext") is not None
        return Transport(address_of(probe("peername")), secure, tls)
    except AttributeError:  # asyncio's TLS transport, once it was closed twice.
        return GONE


def _probe(receive: Receive) -> Any:
    """Return what asks the server's transport, where it is in reach."""
    return getattr(getattr(getattr(receive, "__self__", None), "transport", None), "get_extra_info", None)


def tls_extension(scope: Mapping[str, Any]) -> Any:
    """Return the server's `tls` extension as it is now: a copy, for code of the app may write into the scope.

    It may have any shape: who reads it (peer_certificate.py) refuses what is none.
    """
    extensions = scope.get("extensions")
    said = extensions.get("tls") if isinstance(extensions, Mapping) else extensions
    if not isinstance(said, Mapping):
        return said
    chain = said.get("client_cert_chain")
    return {**said, "client_cert_chain": [*chain]} if isinstance(chain, list) else {**said}


def own_extensions(scope: Mapping[str, Any], receive: Receive) -> Any:
    """Return the extensions for the app alone, where they are all that tells of the handshake.

    What has another shape than ASGI's stays what it is.
    """
    extensions = scope["extensions"]
    if not isinstance(extensions, Mapping) or _probe(receive) is not None:
        return extensions
    return {**extensions, "tls": tls_extension(scope)} if "tls" in extensions else {**extensions}


def address_of(peername: Any) -> str | None:
    """Return the address in what a socket calls its peer; `unix` for one in the file system, None for no answer."""
    if isinstance(peername, tuple) and peername:
        address = str(peername[0])
        return address.partition("%")[0] if "%" in address else address  # An IPv6 zone is the host's own business.
    return UNIX if isinstance(peername, (str, bytes)) else None
