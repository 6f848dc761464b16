"""Refuse a Host that is not ours, before anything is built from it: v5.0.0-4.1.3."""

from ..connection import Connection, Hosts
from ..errors import HostRefused
from .verdict import Gate, Verdict


def host_gate(hosts: Hosts) -> Gate:
    """Return the gate for these hosts."""

    def judge(connection: Connection) -> Verdict:
        raw = connection.host
        if raw is None:
            return HostRefused(
                "There is no Host field, or more than one (RFC 9112 section 3.2).", status=400, code="host_malformed"
            )
        try:
            if raw in hosts:
                return None
        except HostRefused as refusal:
            return refusal
        return HostRefused("The Host is not among the configured hosts.")

    return judge
