"""The listening sockets: both ports are ours before the app starts, or nothing starts at all.

The server is handed open sockets, so that a port in use is found before the app has connected to its database, and
so that the number of a port the system chose is known to the redirect.
"""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, NamedTuple

from ..errors import ConfigurationError
from .policy import ServerPolicy

BACKLOG: Final = 2048
"""Connections the system holds for each port until they are accepted."""


class Listeners(NamedTuple):
    """The sockets of the TLS port and of the plaintext port, which has none unless it was chosen."""

    tls: list[socket.socket]
    plaintext: list[socket.socket]


@contextmanager
def listening(policy: ServerPolicy, *, backlog: int = BACKLOG) -> Iterator[Listeners]:
    """Open the ports of the policy, and close them at the end whatever happens.

    Args:
        policy: of the server.
        backlog: connections the system holds for each until they are accepted.

    Raises:
        ConfigurationError: the host has no address, or a port is taken or not allowed.
    """
    with ExitStack() as opened:
        tls = _listen(policy.host, policy.port, "port", backlog, opened)
        plaintext = list[socket.socket]()
        if policy.redirect_port is not None:
            plaintext = _listen(policy.host, policy.redirect_port, "redirect_port", backlog, opened)
        yield Listeners(tls, plaintext)


def port_of(sockets: list[socket.socket]) -> int:
    """Return the port number the sockets share."""
    return int(sockets[0].getsockname()[1])


def _listen(host: str, port: int, argument: str, backlog: int, opened: ExitStack) -> list[socket.socket]:
    """Return one socket for each address of the host, all with the same port."""
    sockets = list[socket.socket]()
    problem = f"The host {host!r} has no address of this machine"
    for family, kind, protocol, address in _addresses(host):
        try:
            # The protocol must be said: asyncio sets TCP_NODELAY only where it is told that this is TCP.
            listener = opened.enter_context(socket.socket(family, kind, protocol))
            _bind(listener, address, port_of(sockets) if sockets else port)
            listener.listen(backlog)
        except OSError as error:
            problem = f"{argument}={port} on host {host!r} cannot be opened: {error.strerror}"
            # A name may stand for an address this machine lacks: `::1` in a container, or a kernel, without IPv6.
            if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                continue
            sockets.clear()
            break
        sockets.append(listener)
    if not sockets:
        raise ConfigurationError(
            f"{problem}.",
            fix="Choose an address of this machine and a port that is free and that this user may open "
            "(below 1024 only with the right to).",
        )
    return sockets


def _addresses(host: str) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, tuple[Any, ...]]]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, ValueError):  # ValueError: no spelling a resolver can be asked for.
        return []
    return [(family, kind, protocol, address) for family, kind, protocol, _, address in found]


def _bind(listener: socket.socket, address: tuple[Any, ...], port: int) -> None:
    # On Windows the option means something else: another program could take the port over.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name == "posix")
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, True)
    listener.bind((address[0], port, *address[2:]))
