"""Gates, headers and guard made ASGI, and the one place that fuses them into a layer."""

from .classes import SecurityHeadersMiddleware, TLSOnlyMiddleware
from .gates.cross_origin import cross_origin_gate
from .gates.cross_origin_policy import CrossOrigin
from .gates.cross_origin_routes import cross_origin, dangerously_cross_origin
from .gates.host import host_gate
from .gates.https_ports import HTTPSPort, check_https_port
from .gates.limits import Limits, limits_gate
from .gates.local import unless_local
from .gates.peers import PeerLock, peer_lock
from .gates.plaintext import plaintext_gate
from .gates.probes import Probe, probe_test
from .gates.websocket_origin import websocket_gate
from .layer.admit import ExposedCredentialHook
from .layer.carry import Watch
from .layer.fused import Fused
from .reports.collector import collecting, report_collector
from .response.announce import announce, header_waivers
from .response.dress import dresser, undressed
from .response.nonce import csp_nonce
from .response.pages import jinja_globals, spa_index
from .routes.header_routes import HeaderRoutes, header_routes
from .routes.prefixes import Prefixes
from .routes.route_headers import RouteHeaders, dangerously_below_level, headers
from .routes.sets import Ground
from .routes.waivers import waivers_of

__all__ = [
    "CrossOrigin",
    "ExposedCredentialHook",
    "Fused",
    "Ground",
    "HTTPSPort",
    "HeaderRoutes",
    "Limits",
    "PeerLock",
    "Prefixes",
    "Probe",
    "RouteHeaders",
    "SecurityHeadersMiddleware",
    "TLSOnlyMiddleware",
    "Watch",
    "announce",
    "check_https_port",
    "collecting",
    "cross_origin",
    "cross_origin_gate",
    "csp_nonce",
    "dangerously_below_level",
    "dangerously_cross_origin",
    "dresser",
    "header_routes",
    "header_waivers",
    "headers",
    "host_gate",
    "jinja_globals",
    "limits_gate",
    "peer_lock",
    "plaintext_gate",
    "probe_test",
    "report_collector",
    "spa_index",
    "undressed",
    "unless_local",
    "waivers_of",
    "websocket_gate",
]
