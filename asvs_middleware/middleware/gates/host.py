"""Refuse a Host that is not ours, before anything is built from it: v5.0.0-4.1.3."""

from ...connection import Connection, Hosts
from ...connection.target import agrees
from ...errors import HostRefused
from .verdict import Gate, Verdict


def host_gate(hosts: Hosts) -> Gate:
    """Return the gate for these hosts."""

    def judge(connection: Connection) -> Verdict:
        try:
            if connection.host is not None and connection.host in hosts and agrees(connection.scope, connection.host):
                return None
            refusal = _refusal(connection, hosts)
        except HostRefused as malformed:
            refusal = malformed
        # A credential sent in clear is burnt, whichever host it was meant for.
        refusal.facts["credential_exposed"] = connection.exposes_credentials
        return refusal

    return judge


def _refusal(connection: Connection, hosts: Hosts) -> HostRefused:
    if connection.host is None:
        reason = "There is no Host field, or more than one (RFC 9112 section 3.2)."
        return HostRefused(reason, status=400, code="host_malformed")
    if connection.host in hosts:
        reason = "The request target names another host than the Host field (RFC 9112 section 3.2.2)."
        return HostRefused(reason, status=400, code="host_malformed")
    return HostRefused("The Host is not among the configured hosts.")
