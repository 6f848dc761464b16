"""The CSP nonce of a response, made when it is asked for: v5.0.0-3.4.3."""

from starlette.requests import HTTPConnection

from ..connection.exchange import exchange_of
from ..errors import ConfigurationError


def csp_nonce(request: HTTPConnection) -> str:
    """Return the nonce of this request's response, the same at each call; the CSP then carries it.

    144 random bits in base64. In a Jinja template: `<script nonce="{{ csp_nonce(request) }}">`.

    Raises:
        ConfigurationError: no layer of ours carries the request, or its headers have been sent already.
    """
    exchange = exchange_of(request.scope)
    if exchange is None:
        raise ConfigurationError(
            "csp_nonce() was asked for a request that no header layer carries.", fix="Call secure(app, policy) first."
        )
    if exchange.started and exchange.nonce is None:
        raise ConfigurationError(
            "csp_nonce() was first asked for after the response headers were sent.",
            fix="Ask for it before the response starts: a streaming body is too late.",
        )
    return exchange.make_nonce()
