"""A server context whose inside can be exchanged while connections are made: v5.0.0-13.3.4, 12.1.3, 12.1.4.

A context in use can be given a new certificate, and neither a CA nor a revocation list can be taken away from it; and
where a callback for server names hands a connection to another context, the flags of the first stay in force. So
each handshake is begun by a complete context of its own, and this one hands it over: asyncio and uvloop ask whatever
is given to them as `ssl` for nothing but `wrap_bio`.

Sessions do not survive an exchange: OpenSSL keeps its session cache and the keys of its tickets with the context
that issued them (RFC 5077 section 5.5, RFC 8446 section 4.6.1). A connection that is open keeps the context it began
with.

Not done here: building and checking the new context (`server_context`), and the decision when (server/keys/reload.py).
"""

import ssl
from typing import Any, Self

from ..errors import ConfigurationError


class ReloadableContext(ssl.SSLContext):
    """Hands each new connection to the context that is in force at that moment.

    Used as a context itself, past its public methods, it has no certificate and every handshake fails. What is set on
    it reaches no connection: read `current`, and make another to change something.
    """

    _current: ssl.SSLContext

    def __new__(cls, *_first: ssl.SSLContext) -> Self:
        """Make the outside, which is empty."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, first: ssl.SSLContext) -> None:
        self._generation = 0
        self._put(first)

    @property
    def current(self) -> ssl.SSLContext:
        """The context that the next connection begins with."""
        return self._current

    @property
    def generation(self) -> int:
        """How often it was exchanged."""
        return self._generation

    def swap(self, new: ssl.SSLContext) -> None:
        """Put another context in force, complete and checked, for all connections from now on; from one thread."""
        self._put(new)
        self._generation += 1

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """Begin a connection with the context in force."""
        return self._current.wrap_bio(*args, **kwargs)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Begin a connection with the context in force."""
        return self._current.wrap_socket(*args, **kwargs)

    def _put(self, context: ssl.SSLContext) -> None:
        if not isinstance(context, ssl.SSLContext) or isinstance(context, ReloadableContext):
            raise ConfigurationError(
                f"A {type(context).__name__} cannot be put into a ReloadableContext.",
                fix="Give a plain ssl.SSLContext, such as server_context(...) makes.",
            )
        self._current = context
