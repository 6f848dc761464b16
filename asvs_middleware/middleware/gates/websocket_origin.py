"""Which pages may open a WebSocket: v5.0.0-4.4.2, RFC 6455 sections 4.2.2 and 10.2.

No preflight comes before a handshake, and browsers put cookies and certificates on it, whichever page opens it. All
that tells the pages apart is Origin, which every browser sends. The refusal is a response where the server can send
one (the `websocket.http.response` extension), else close code 1008.

| Origin | verdict |
|---|---|
| ours: https, the Host of the handshake and its port | passes |
| in `allowed_origins`, or allowed on this route | passes |
| several, `null`, no origin, any other | refused |
| none, `refuse` (web) | refused |
| none, `credential` (mixed) | passes with Authorization or a client certificate, else refused |
| none, `allow` (api) | passes |
"""

from ...connection import Connection, presented_chain
from ...errors import CertificateRefused, CrossOriginRefused
from .cross_origin import AllowedHere, sender_of, the_origin
from .cross_origin_policy import CrossOrigin, WithoutOrigin
from .origins import own_origin
from .verdict import Gate, Verdict


def websocket_gate(
    policy: CrossOrigin,
    *,
    without_origin: WithoutOrigin,
    https_port: int = 443,
    allowed_here: AllowedHere | None = None,
) -> Gate:
    """Return the gate for handshakes; the Host gate has to stand before it. HTTP requests are none of its business.

    Args:
        policy: the operator's choice.
        without_origin: the preset's choice, where the policy makes none.
        https_port: where TLS is served, for an Origin whose port a proxy has taken out of the Host.
        allowed_here: asked only when a handshake would be refused otherwise.
    """
    allowed = policy.origins
    nameless = policy.websocket_without_origin or without_origin

    def judge(connection: Connection) -> Verdict:
        scope = connection.scope
        if scope["type"] != "websocket":
            return None
        sender = sender_of(scope)
        if not sender.origin:
            passes = nameless == "allow" or (nameless == "credential" and _carries_credential(connection))
            return None if passes else _nameless()
        origin = the_origin(sender)
        if origin is not None:
            if origin in allowed or own_origin(connection, origin, https_port=https_port):
                return None
            if allowed_here is not None and allowed_here(scope, "WEBSOCKET", origin):
                return None
        return _foreign(sender.origin)

    return judge


def _carries_credential(connection: Connection) -> bool:
    """Whether something was sent that no page can make a browser send without naming its origin."""
    if connection.authorization:
        return True
    try:
        return bool(presented_chain(connection))
    except CertificateRefused:
        return False


def _nameless() -> CrossOriginRefused:
    return CrossOriginRefused(
        "The WebSocket handshake names no Origin. Clients that are no browsers set one of CrossOrigin(allowed_origins="
        "...), or CrossOrigin(websocket_without_origin=...) lets them go without.",
        requirement="v5.0.0-4.4.2",
    )


def _foreign(values: tuple[bytes, ...]) -> CrossOriginRefused:
    return CrossOriginRefused(
        "The WebSocket handshake names another origin. If its pages are yours or a partner's, add it to "
        "CrossOrigin(allowed_origins=...) or to @cross_origin(allow=...) on the route.",
        requirement="v5.0.0-4.4.2",
        facts={"origin": b", ".join(values).decode("latin-1")},
    )
