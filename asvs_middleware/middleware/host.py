"""Refuse a Host that is not ours, before anything is built from it: v5.0.0-4.1.3."""

from ..connection import Connection, Hosts
from ..errors import HostRefused
from .verdict import Gate, Verdict


def host_gate(hosts: Hosts) -> Gate:
    """Return the gate for these hosts."""

    def judge(connection: Connection) -> Verdict:
        try:
            if connection.host is not None and connection.host in hosts:
                return None
            refusal = _refusal(connection)
        except HostRefused as malformed:
            refusal = malformed
        # A credential sent in clear is burnt, whichever host it was meant for.
        refusal.facts["credential_exposed"] = connection.exposes_credentials
        return refusal

    return judge


def _refusal(connection: Connection) -> HostRefused:
    if connection.host is None:
        reason = "There is no Host field, or more than one (RFC 9112 section 3.2)."
        return HostRefused(reason, status=400, code="host_malformed")
    return HostRefused("The Host is not among the configured hosts.")
