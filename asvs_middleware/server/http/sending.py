"""What a client has taken of its answer: v5.0.0-15.2.2. Seen on the socket, since under TLS a transport does not tell.

Linux counts for each TCP connection how many bytes the other side has confirmed (`TCP_INFO`, RFC 4898). Elsewhere, and
on unix sockets, only the transport's own buffer is known.
"""

import socket
import struct
from typing import Any, Final, NamedTuple

_INFO: Final = getattr(socket, "TCP_INFO", None)
_UNCONFIRMED: Final = struct.Struct("=24xI92xQ16xI")  # tcpi_unacked, tcpi_bytes_acked and tcpi_notsent_bytes.
_TCP: Final = socket.IPPROTO_TCP


class Sent(NamedTuple):
    """How far an answer has come.

    Attributes:
        mark: changes whenever the client takes something.
        pending: something still is to be taken.
        certain: what was handed to the system is counted, too.
    """

    mark: int
    pending: bool
    certain: bool


def sent(transport: Any) -> Sent:
    """Return how far what was written to the transport has come."""
    buffered: int = transport.get_write_buffer_size()
    try:
        info = transport.get_extra_info("socket").getsockopt(_TCP, _INFO, _UNCONFIRMED.size)
        packets, confirmed, unsent = _UNCONFIRMED.unpack(info)
    except (AttributeError, OSError, TypeError, struct.error):  # No TCP, no Linux, an old one, or already closed.
        return Sent(buffered, buffered > 0, False)
    return Sent(confirmed, bool(buffered or packets or unsent), True)
