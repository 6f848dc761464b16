"""The concerns one by one, for `app.add_middleware`. secure() fuses the same code into one layer.

A middleware added this way stands inside Starlette's ServerErrorMiddleware. It answers an unhandled exception itself,
with its headers, and lets it go on to the server's log; the app's own handler for 500 is then too late to answer.
"""

from collections.abc import Sequence
from typing import Literal

from starlette.types import ASGIApp, Receive, Scope, Send

from ..connection import Hosts, Networks, Read, connection_reader
from ..headers import HeadersPolicy, header_set
from ..names import known
from .dress import Choice, dresser, undressed
from .fuse import fuse
from .host import host_gate
from .plaintext import plaintext_gate


class SecurityHeadersMiddleware:
    """Every header of a preset on every response.

    Args:
        app: what runs inside.
        preset: `api`, `web` or `mixed`.
        level: the ASVS level.
        headers: what differs from the preset.
        trusted_proxies: networks whose X-Forwarded-Proto counts, for HSTS.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        preset: Choice = "mixed",
        level: Literal[1, 2, 3] = 2,
        headers: HeadersPolicy | None = None,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        known(preset, {"api", "web", "mixed"}, where="SecurityHeadersMiddleware(preset=)")
        chosen = headers or HeadersPolicy()
        sets = {kind: header_set(kind, chosen, level=level) for kind in ("api", "web")}
        self._layer = fuse(app, read=_reader(trusted_proxies), dress=dresser(preset, api=sets["api"], web=sets["web"]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the layer."""
        await self._layer(scope, receive, send)


class TLSOnlyMiddleware:
    """Foreign hosts and plaintext stay outside: pages are redirected, everything else is refused.

    Args:
        app: what runs inside.
        hosts: every host name the app answers for.
        trusted_proxies: networks whose X-Forwarded-Proto and -Host count.
        redirect_pages: whether the app serves pages.
        https_port: the port of a redirect.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Sequence[str],
        trusted_proxies: Sequence[str] = (),
        redirect_pages: bool = False,
        https_port: int = 443,
    ) -> None:
        gates = [host_gate(Hosts(hosts)), plaintext_gate(redirect_pages=redirect_pages, https_port=https_port)]
        self._layer = fuse(app, read=_reader(trusted_proxies), dress=undressed, gates=gates)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the layer."""
        await self._layer(scope, receive, send)


def _reader(trusted_proxies: Sequence[str]) -> Read:
    return connection_reader(Networks(trusted_proxies, argument="trusted_proxies"))
