"""A developer's machine (profile `dev`): plaintext is let through there, and nowhere else. v5.0.0-12.2.1 waived.

Here means: the transport's peer is this machine, it is no trusted proxy, and the Host is no public name. A proxy on
the same machine that is not among the trusted ones looks like that peer: the profile is not for a server.
"""

from typing import Final

from ...connection import Connection, Networks, is_public_name
from .verdict import Gate, Verdict

_THIS_MACHINE: Final = Networks(["127.0.0.0/8", "::1"])


def unless_local(gate: Gate) -> Gate:
    """Return the gate, passed by a request from this machine to a name of this machine."""

    def judge(connection: Connection) -> Verdict:
        verdict = gate(connection)
        return None if verdict is not None and _is_local(connection) else verdict

    return judge


def _is_local(connection: Connection) -> bool:
    return (
        not connection.via_proxy
        and connection.transport.peer in _THIS_MACHINE
        and connection.host is not None
        and not is_public_name(connection.host)
    )
