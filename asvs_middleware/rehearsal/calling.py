"""Send requests to the rehearsed app: to the loopback address, under the name the app is served as.

The name stands in the URL, the Host field, SNI and the certificate; only the address connected to is another. So the
host gate, HSTS and the check of the certificate are what they are in production (v5.0.0-12.3.2).
"""

import ssl
from typing import Any

import httpx

from ..errors import ConfigurationError
from .serving import LOOPBACK


class Loopback(httpx.BaseTransport):
    """Carries the requests of one origin to the loopback address, and refuses all others.

    Args:
        origin: scheme, host and port of the rehearsed app.
        context: TLS context of the client; None for plaintext.
    """

    def __init__(self, origin: httpx.URL, context: ssl.SSLContext | None) -> None:
        self._origin = origin
        self._transport = httpx.HTTPTransport(verify=context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request.

        Raises:
            ConfigurationError: it is meant for another server.
        """
        url, ours = request.url, self._origin
        if (url.scheme, url.host, url.port) != (ours.scheme, ours.host, ours.port):
            raise ConfigurationError(
                f"A rehearsal reaches {ours} only, not {url.scheme}://{url.netloc.decode('ascii', 'replace')}.",
                fix="Ask for a path of the app, and do not follow redirects that lead elsewhere.",
            )
        return self._transport.handle_request(
            httpx.Request(
                request.method,
                url.copy_with(host=LOOPBACK),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": ours.host},
            )
        )

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def client(origin: httpx.URL, context: ssl.SSLContext | None, **options: Any) -> httpx.Client:
    """Return a client of the rehearsed app; it obeys no proxy of the environment."""
    settings = {"timeout": 30.0, "trust_env": False, **options}
    return httpx.Client(base_url=origin, transport=Loopback(origin, context), **settings)


def bearer(headers: Any, token: str | None) -> httpx.Headers:
    """Return the header fields with the token among them."""
    fields = httpx.Headers(headers)
    if token is not None:
        fields["authorization"] = f"Bearer {token}"
    return fields
