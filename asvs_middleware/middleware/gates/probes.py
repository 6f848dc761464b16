"""Health probes over plaintext: an exact path, from a named network, with nothing to steal on it.

A load balancer asks a node directly and mostly without TLS; a redirect makes it take the node out of service. What
passes is still answered with the response headers, without cookies, and without HSTS (RFC 6797 section 7.2).
v5.0.0-12.2.1 and v5.0.0-12.3.3 are met for everything else: a probe's answer has to be worth nothing to a listener.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.types import Message

from ...connection import Connection, Networks
from ...connection.exchange import Exchange
from ...connection.networks import UNIX
from ...errors import ConfigurationError, HostRefused
from ..response.dress import Dress
from .verdict import Gate, Verdict

_SAFE: Final = frozenset({"GET", "HEAD"})
IsProbe = Callable[[Connection], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One path that may be asked over plaintext.

    Attributes:
        path: the whole path, as it is.
        networks: where probes come from: the transport's own peer, never what a forwarded field says.
        methods: GET, HEAD or both.

    Raises:
        ConfigurationError: the path is none, a method could change something, or no network is named.
    """

    path: str
    networks: Sequence[str]
    methods: Collection[str] = ("GET", "HEAD")
    peers: Networks = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or not self.path.startswith("/") or set(self.path) & set("?#*{"):
            raise ConfigurationError(
                f"Probe(path={self.path!r}) is no path.", fix='Write one whole path, such as path="/health".'
            )
        if isinstance(self.methods, str) or not self.methods or not set(self.methods) <= _SAFE:
            raise ConfigurationError(
                f"Probe(methods={self.methods!r}) is more than a probe needs.", fix='Use "GET", "HEAD" or both.'
            )
        if not self.networks:
            raise ConfigurationError(
                "Probe(networks=[]) lets nobody in.",
                fix='Name where probes come from, such as networks=["10.0.0.0/8"].',
            )
        object.__setattr__(self, "peers", Networks(self.networks, argument="Probe(networks)"))


def probe_test(probes: Sequence[Probe]) -> IsProbe:
    """Return the question whether a plaintext request is one of these probes.

    It speaks for itself (a request somebody forwarded is somebody else's), and carries neither credential nor cookie.
    """
    wanted: dict[tuple[str, str], list[Networks]] = {}
    for probe in probes:
        for method in probe.methods:
            wanted.setdefault((probe.path, method), []).append(probe.peers)

    def is_probe(connection: Connection) -> bool:
        scope = connection.scope
        if connection.secure or scope["type"] != "http":
            return False
        peer = connection.transport.peer
        networks = wanted.get((scope["path"], scope["method"]), ())
        return (
            any(peer in one for one in networks)
            and connection.client == (None if peer == UNIX else peer)
            and not connection.carries_credentials
            and not any(name == b"cookie" for name, _ in scope["headers"])
        )

    return is_probe


def excusing_probes(gate: Gate, is_probe: IsProbe) -> Gate:
    """Return the Host gate for an app that is probed: a probe names an address where clients name a host.

    Only a Host that is well formed and not ours is excused.
    """

    def judge(connection: Connection) -> Verdict:
        verdict = gate(connection)
        foreign = isinstance(verdict, HostRefused) and verdict.code == "host_refused"
        return None if foreign and is_probe(connection) else verdict

    return judge


def without_cookies(dress: Dress) -> Dress:
    """Return the dress for an app that is probed: over plaintext no response sets a cookie."""

    def dressed(exchange: Exchange, message: Message) -> Message:
        if not exchange.connection.secure:
            pairs = [pair for pair in message.get("headers") or () if pair[0].lower() != b"set-cookie"]
            message = {**message, "headers": pairs}
        return dress.put_on(exchange, message)

    return Dress(dressed, dress.ready)  # What is ready goes over TLS.
