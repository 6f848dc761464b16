"""Gates, headers and guard made ASGI, and the one place that fuses them into a layer."""

from .admit import ExposedCredentialHook
from .announce import announce, header_waivers
from .carry import Watch
from .classes import SecurityHeadersMiddleware, TLSOnlyMiddleware
from .cross_origin import cross_origin_gate
from .cross_origin_policy import CrossOrigin
from .cross_origin_routes import cross_origin, dangerously_cross_origin
from .dress import dresser, undressed
from .fuse import fuse
from .header_prefixes import Prefixes
from .header_routes import HeaderRoutes, header_routes
from .host import host_gate
from .https_ports import HTTPSPort, check_https_port
from .limits import Limits, limits_gate
from .local import unless_local
from .nonce import csp_nonce
from .pages import jinja_globals, spa_index
from .peers import PeerLock, peer_lock
from .plaintext import plaintext_gate
from .probes import Probe, probe_test
from .reports import collecting, report_collector
from .route_headers import RouteHeaders, dangerously_below_level, headers
from .route_sets import Ground
from .route_waivers import waivers_of
from .websocket_origin import websocket_gate

__all__ = [
    "CrossOrigin",
    "ExposedCredentialHook",
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
    "fuse",
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
