"""Six concerns in one layer, and the same six as layers of their own, written as one usually writes them."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asvs_middleware import HeadersPolicy
from asvs_middleware.connection import Hosts, Networks, connection_reader
from asvs_middleware.headers import Pair, header_set
from asvs_middleware.middleware import Fused, Limits, dresser, host_gate, plaintext_gate
from asvs_middleware.middleware.gates.limits import ordinary

from .harness import HOST, Section, Variant
from .layers import answering, bare

API, WEB = (header_set(kind, HeadersPolicy(), level=2) for kind in ("api", "web"))
PAIRS = [pair for pair in (*API.always, API.hsts, API.csp) if pair is not None]


class SchemeLayer:
    """Refuse plaintext."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and scope["scheme"] not in {"https", "wss"}:
            raise PermissionError
        await self.app(scope, receive, send)


class HostLayer:
    """Refuse foreign hosts."""

    def __init__(self, app: ASGIApp, hosts: Sequence[bytes]) -> None:
        self.app = app
        self.hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            named = [value for name, value in scope["headers"] if name == b"host"]
            if len(named) != 1 or named[0] not in self.hosts:
                raise PermissionError
        await self.app(scope, receive, send)


class HeaderLayer:
    """Add some headers, each once, without touching the app's own message."""

    def __init__(self, app: ASGIApp, pairs: Sequence[Pair]) -> None:
        self.app = app
        self.pairs = tuple(pairs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                theirs = list(message.get("headers", ()))
                present = {name.lower() for name, _ in theirs}
                ours = [pair for pair in self.pairs if pair[0] not in present]
                message = {**message, "headers": theirs + ours}
            await send(message)

        await self.app(scope, receive, with_headers)


def six_layers(app: ASGIApp) -> ASGIApp:
    """Return scheme, host and four groups of headers as six layers."""
    groups = [PAIRS[start::4] for start in range(4)]
    for group in groups:
        app = HeaderLayer(app, group)
    return SchemeLayer(HostLayer(app, [HOST]))


def one_layer(app: ASGIApp) -> ASGIApp:
    """Return the same six concerns fused."""
    return Fused(
        app,
        read=connection_reader(Networks([])),
        dress=dresser("api", api=API, web=WEB),
        gates=[host_gate(Hosts([HOST.decode()])), plaintext_gate(redirect_pages=False, https_port=443)],
        ordinary=ordinary(Limits(field_bytes=None)),
    )


def fused_and_stacked() -> Section:
    """Return both; the floor is the six layers, so that the last column is the ratio of what they add."""
    return Section(
        title="Six concerns in one layer and in six",
        floor="six layers",
        inspected=True,
        variants=[
            Variant("bare", bare, answering, "bare"),
            Variant("six layers", six_layers, answering, "bare"),
            Variant("ours, one layer", one_layer, answering, "bare"),
        ],
    )
