"""The CSP nonce of a response, made when it is asked for: v5.0.0-3.4.3."""

from typing import Literal

from starlette.requests import HTTPConnection

from ...connection.exchange import Exchange, exchange_of
from ...errors import ConfigurationError
from ...names import known


def csp_nonce(request: HTTPConnection, kind: Literal["script", "style"] = "script") -> str:
    """Return the nonce of this request's response, the same at each call; the CSP then carries it.

    144 random bits in base64. In a Jinja template: `<script nonce="{{ csp_nonce(request) }}">`. A policy with
    STYLE_NONCE has a second one, `csp_nonce(request, "style")`.

    Raises:
        ConfigurationError: no layer of ours carries the request, its headers have been sent already, or the kind is
            misspelt.
    """
    exchange = exchange_of(request.scope)
    if exchange is None:
        raise ConfigurationError(
            "csp_nonce() was asked for a request that no header layer carries.", fix="Call secure(app, policy) first."
        )
    if kind != "script":
        known(kind, {"script", "style"}, where="csp_nonce(request, kind)")
        return exchange.style_nonce or _in_time(exchange).make_style_nonce()
    return exchange.nonce or _in_time(exchange).make_nonce()


def _in_time(exchange: Exchange) -> Exchange:
    if exchange.started:
        raise ConfigurationError(
            "csp_nonce() was first asked for after the response headers were sent.",
            fix="Ask for it before the response starts: a streaming body is too late.",
        )
    return exchange
