"""What is known about one connection: its real peer, its scheme, its host, its client certificate."""

from .facts import Connection, Read, ScopeReader, connection_reader
from .forwarded_certificates import ForwardedCertificates, ForwardedFields
from .host import Hosts, is_public_name, parse_host
from .live_peers import AllowedPeers
from .networks import Networks
from .peer_certificate import presented_chain
from .ranges import PeerRanges
from .transport import Transport
from .trust import TrustedProxies, dangerously_trust_any_proxy

__all__ = [
    "AllowedPeers",
    "Connection",
    "ForwardedCertificates",
    "ForwardedFields",
    "Hosts",
    "Networks",
    "PeerRanges",
    "Read",
    "ScopeReader",
    "Transport",
    "TrustedProxies",
    "connection_reader",
    "dangerously_trust_any_proxy",
    "is_public_name",
    "parse_host",
    "presented_chain",
]
