"""The gates of a policy in their order, and what else stands between a request and the app because of one of them.

Limits and methods, then Host, then plaintext, then where a request comes from: each relies on those before it. What
is not configured is not there.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Protocol

from starlette.types import ASGIApp

from ..connection import Hosts
from ..connection.glance import Ordinary
from ..headers import HeadersPolicy, reports_of
from .gates.bodies import bounded_bodies, content_length_gate
from .gates.cross_origin import VARIES_BY, cross_origin_gate, from_anywhere
from .gates.cross_origin_policy import WITHOUT_ORIGIN, CrossOrigin
from .gates.cross_origin_routes import CrossOriginRoutes
from .gates.host import host_gate
from .gates.https_ports import HTTPSPort
from .gates.limits import Limits, limits_gate, ordinary
from .gates.local import unless_local
from .gates.plaintext import plaintext_gate
from .gates.probes import Probe, excusing_probes, probe_test, without_cookies
from .gates.verdict import Gate
from .gates.websocket_origin import websocket_gate
from .response.dress import Dress
from .response.handshake import mending_handshakes
from .response.location import secure_locations
from .response.rewrite import rewriting, steps_of, varying

__all__ = ["CrossOriginRoutes", "Inbound", "inbound_app", "inbound_dress", "inbound_gates", "inbound_ordinary"]


class Inbound(Protocol):
    """What is read of a SecurityPolicy."""

    @property
    def preset(self) -> Literal["api", "web", "mixed"]: ...
    @property
    def level(self) -> Literal[1, 2, 3]: ...
    @property
    def headers(self) -> HeadersPolicy: ...
    @property
    def redirects_pages(self) -> bool: ...
    @property
    def served_hosts(self) -> Hosts: ...
    @property
    def https_port(self) -> HTTPSPort: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def probes(self) -> Sequence[Probe]: ...
    @property
    def cross_origin(self) -> CrossOrigin | None: ...
    @property
    def judges_cross_origin(self) -> bool: ...


def inbound_gates(policy: Inbound, *, partners: CrossOriginRoutes) -> tuple[Gate, ...]:
    """Return the gates in order.

    Args:
        policy: the operator's choice.
        partners: the routes that other origins may send to.
    """
    hosts = host_gate(policy.served_hosts)
    plaintext = plaintext_gate(
        redirect_pages=policy.redirects_pages, https_port=policy.https_port, probes=policy.probes
    )
    cross_origin = policy.cross_origin or CrossOrigin()
    https_port = policy.https_port if isinstance(policy.https_port, int) else 443
    reports = reports_of(policy.headers, level=policy.level)
    gates = [
        limits_gate(policy.limits),
        excusing_probes(hosts, probe_test(policy.probes)) if policy.probes else hosts,
        unless_local(plaintext) if policy.headers.profile == "dev" else plaintext,
        websocket_gate(
            cross_origin,
            without_origin=WITHOUT_ORIGIN[policy.preset],
            https_port=https_port,
            allowed_here=partners.allow,
        ),
    ]
    if policy.judges_cross_origin:
        gates.append(
            cross_origin_gate(
                cross_origin,
                https_port=https_port,
                allowed_here=partners.allow,
                reports=None if reports is None else reports.path,
            )
        )
    if policy.limits.body_bytes is not None:
        gates.append(content_length_gate(policy.limits.body_bytes))
    return tuple(gates)


def inbound_ordinary(policy: Inbound) -> Ordinary:
    """Return the requests that every gate passes once the Host is known: a glance is enough for them."""
    found = ordinary(policy.limits)
    if policy.judges_cross_origin:
        found = from_anywhere(found, policy.cross_origin or CrossOrigin())
    if policy.limits.body_bytes is not None:
        found = _read_by_a_gate(found, b"content-length")
    return found


def _read_by_a_gate(found: Ordinary, read: bytes) -> Ordinary:
    """Return what is ordinary where a gate reads this field: no request that has it."""
    harmless, seems_harmless = frozenset(found.harmless) - {read}, found.seems_harmless
    return replace(found, harmless=harmless, seems_harmless=lambda name: name != read and seems_harmless(name))


def inbound_dress(policy: Inbound, dress: Dress) -> Dress:
    """Return the dress with what the gates need of a response: locations, cookies of probes, Vary."""
    chosen = policy.cross_origin
    if chosen is not None and chosen.isolation == "resources" and policy.judges_cross_origin:
        dress = rewriting(dress, varying(VARIES_BY))
    if policy.probes:
        dress = without_cookies(dress)
    return secure_locations(dress)


def inbound_app(policy: Inbound, app: ASGIApp) -> ASGIApp:
    """Return the app with its bodies bounded and its handshakes mended, where the policy says so."""
    app = mending_handshakes(app, steps_of(policy.headers, level=policy.level))
    return bounded_bodies(app, policy.limits) if policy.limits.bounds_bodies else app
