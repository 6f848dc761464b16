"""A redirect to ourselves that forgets TLS is put right: v5.0.0-12.2.1.

Frameworks build redirects (a trailing slash, a login page) from the scheme they believe to see, and behind a proxy
that is often the wrong one. A Location with `http://` and our own Host, on a response to a request over TLS, becomes
`https://`; one that leads to another host or another port stays what it is.
"""

from typing import Final

from starlette.types import Message

from ...connection.exchange import Exchange
from ...connection.host import parse_authority
from ...errors import HostRefused
from .dress import Dress

_WITH_LOCATION: Final = frozenset({201, 300, 301, 302, 303, 307, 308})
_PLAIN: Final = b"http://"


def secure_locations(dress: Dress) -> Dress:
    """Return the dress that puts redirects right before anything else; other responses cost nothing."""

    def dressed(exchange: Exchange, message: Message) -> Message:
        if message.get("status") in _WITH_LOCATION and exchange.connection.secure and exchange.connection.host:
            host = exchange.connection.host
            pairs = [
                (name, secure_location(value, host) if name.lower() == b"location" else value)
                for name, value in message.get("headers") or ()
            ]
            message = {**message, "headers": pairs}
        return dress.put_on(exchange, message)

    ready = dress.ready
    if ready is not None:
        ready = ready._replace(statuses=frozenset(ready.statuses) - _WITH_LOCATION)
    return Dress(dressed, ready)


def secure_location(value: bytes, host: bytes) -> bytes:
    """Return the Location with https where it leads to the host of the request over plaintext.

    >>> secure_location(b"http://shop.example/items/", b"shop.example")
    b'https://shop.example/items/'
    >>> secure_location(b"http://partner.example/", b"shop.example")
    b'http://partner.example/'
    """
    if value[: len(_PLAIN)].lower() != _PLAIN:
        return value
    rest = value[len(_PLAIN) :]
    end = min((at for at in map(rest.find, (b"/", b"?", b"#", b"\\")) if at >= 0), default=len(rest))
    try:
        name, port = parse_authority(rest[:end])
        ours, our_port = parse_authority(host)
    except HostRefused:
        return value
    if name != ours or port not in {None, 80, our_port or 443}:
        return value
    return b"https://" + host + rest[end:]
