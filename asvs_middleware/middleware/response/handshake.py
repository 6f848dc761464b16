"""A WebSocket's accept is a response too: its cookies are mended and its telltale fields taken off like any other's.

v5.0.0-3.3.1 to 3.3.4, v5.0.0-13.4.6. A browser keeps a cookie that comes with a 101 (RFC 6455 section 4.1). The headers
of the policy are about documents and are not added here.
"""

from collections.abc import Awaitable, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...connection.exchange import exchange_of
from .rewrite import Step


def mending_handshakes(app: ASGIApp, steps: Sequence[Step]) -> ASGIApp:
    """Return the app with the fields of its accepts taken through the steps; without steps, the app itself.

    Args:
        app: what runs inside the layer.
        steps: what is done to the app's own fields.
    """
    if not steps:
        return app

    def mending(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        exchange = exchange_of(scope) if scope["type"] == "websocket" else None
        if exchange is None:
            return app(scope, receive, send)

        def mended(message: Message) -> Awaitable[None]:
            if message["type"] != "websocket.accept":
                return send(message)
            pairs = [(name, value) for name, value in message.get("headers") or ()]
            for step in steps:
                pairs = step.run(exchange, pairs)
            return send({**message, "headers": pairs})

        return app(scope, receive, mended)

    return mending
