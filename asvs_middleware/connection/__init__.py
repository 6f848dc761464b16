"""What is known about one connection: its real peer, its scheme, its host, its client certificate."""

from .facts import Connection, Read, connection_reader
from .host import Hosts, is_public_name, parse_host
from .networks import Networks
from .peer_certificate import presented_chain
from .transport import Transport

__all__ = [
    "Connection",
    "Hosts",
    "Networks",
    "Read",
    "Transport",
    "connection_reader",
    "is_public_name",
    "parse_host",
    "presented_chain",
]
