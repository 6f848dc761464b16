"""The concerns one by one, for `app.add_middleware`. secure() fuses the same code into one layer.

A middleware added this way stands inside Starlette's ServerErrorMiddleware. It answers an unhandled exception itself,
with its headers, and lets it go on to the server's log; the app's own handler for 500 is then too late to answer.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from starlette.types import ASGIApp

from ..asvs import check_level
from ..connection import Hosts, Read, ScopeReader, TrustedProxies, connection_reader
from ..headers import HeadersPolicy, reports_of
from ..names import check_type, known
from ..wrapped import with_routes
from .gates.host import host_gate
from .gates.https_ports import check_https_port
from .gates.limits import Limits, ordinary
from .gates.plaintext import plaintext_gate
from .layer.fused import Fused
from .reports.collector import collecting, report_collector
from .response.dress import Choice, undressed
from .response.handshake import mending_handshakes
from .response.rewrite import steps_of
from .routes.header_routes import HeaderRoutes
from .routes.route_headers import RouteHeaders
from .routes.sets import Ground

_ANY: Final = ordinary(Limits(field_bytes=None))


class SecurityHeadersMiddleware(Fused):
    """Every header of a preset on every response.

    Args:
        app: what runs inside.
        preset: `api`, `web` or `mixed`.
        level: the ASVS level.
        headers: what differs from the preset.
        headers_by_prefix: what differs below a path. What `@headers` says of routers and routes counts too.
        trusted_proxies: networks whose X-Forwarded-Proto counts, for HSTS; without any the scheme of the scope does.

    Raises:
        ConfigurationError: an argument is of the wrong type or no choice, or the headers miss the level.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        preset: Choice = "mixed",
        level: Literal[1, 2, 3] = 2,
        headers: HeadersPolicy | None = None,
        headers_by_prefix: Mapping[str, RouteHeaders] | None = None,
        trusted_proxies: Sequence[str] | TrustedProxies = (),
    ) -> None:
        known(preset, {"api", "web", "mixed"}, where="SecurityHeadersMiddleware(preset=)")
        check_level(level, owner="SecurityHeadersMiddleware")
        check_type("SecurityHeadersMiddleware", "headers", headers, HeadersPolicy, "headers=HeadersPolicy(...)")
        chosen = headers or HeadersPolicy()
        ground = Ground(choice=preset, policy=chosen, level=level)
        routes = HeaderRoutes(ground, prefixes=headers_by_prefix or {})
        inner = with_routes(app)
        dress = routes.start(inner)
        routes.compile(inner)  # Middleware is made when the app is called first: its routes are all there.
        app = mending_handshakes(app, steps_of(chosen, level=level))
        reports = reports_of(chosen, level=level)
        if reports is not None and reports.path is not None:
            app = collecting(app, reports.path, report_collector())
        read = _reader(trusted_proxies) if trusted_proxies else ScopeReader()
        super().__init__(app, read=read, dress=dress, ordinary=_ANY)


class TLSOnlyMiddleware(Fused):
    """Foreign hosts and plaintext stay outside: pages are redirected, everything else is refused.

    Args:
        app: what runs inside.
        hosts: every host name the app answers for.
        trusted_proxies: networks whose X-Forwarded-Proto and -Host count.
        redirect_pages: whether the app serves pages.
        https_port: the port of a redirect, 1 to 65535.

    Raises:
        ConfigurationError: a host is none, or the port, or redirect_pages is no bool.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Sequence[str],
        trusted_proxies: Sequence[str] | TrustedProxies = (),
        redirect_pages: bool = False,
        https_port: int = 443,
    ) -> None:
        check_type("TLSOnlyMiddleware", "redirect_pages", redirect_pages, bool, "redirect_pages=True", optional=False)
        served = Hosts(hosts)
        check_https_port(https_port, served, argument="TLSOnlyMiddleware(https_port)")
        gates = [host_gate(served), plaintext_gate(redirect_pages=redirect_pages, https_port=https_port)]
        super().__init__(app, read=_reader(trusted_proxies), dress=undressed, gates=gates, ordinary=_ANY)


def _reader(trusted_proxies: Sequence[str] | TrustedProxies) -> Read:
    return connection_reader(TrustedProxies.of(trusted_proxies))
