"""The request that is assumed, as the layer sees it, and the response that it would send: v5.0.0-3.4.1 to 3.4.8.

Headers are put on by the code that serves them. The request comes from nobody in particular: without an address, a
certificate or a proxy, and asks for a page as a browser does that opened none before.
"""

from typing import Any, Final

from starlette.types import Scope

from ..access.prefixes import WEBSOCKET
from ..connection import Connection, Hosts, TrustedProxies, connection_reader
from ..connection.exchange import Exchange, Means
from ..headers import Pair
from ..middleware.inbound import Inbound, inbound_dress
from ..middleware.response.dress import Dress
from ..middleware.response.wardrobe import arrival
from .assumed import Assumed

_READ: Final = connection_reader(TrustedProxies.of(()))


def request_of(assumed: Assumed, hosts: Hosts, *, preset: str) -> Connection:
    """Return the connection of the request that is assumed.

    Args:
        assumed: what is known of it.
        hosts: of the policy; the first is asked for unless another one is assumed.
        preset: of the policy: an `api` is asked for no page.
    """
    host = (assumed.host or hosts.given[0].replace("*", "www")).encode("ascii")
    scheme = assumed.scheme.encode("ascii")
    accept = b"application/json" if preset == "api" else b"text/html"
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": assumed.method,
        "scheme": assumed.scheme,
        "path": assumed.path,
        "raw_path": assumed.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", host), (b"accept", accept)],
        "client": None,
    }
    if assumed.method == WEBSOCKET:
        del scope["method"]
        fields = [(b"host", host), (b"origin", scheme + b"://" + host)]
        scope.update(type="websocket", scheme=assumed.scheme.replace("http", "ws"), headers=fields)
    return _READ(scope, _nothing)


def exchange_with(connection: Connection, *, proven: bool, nonce: bool, answered: bool) -> Exchange:
    """Return the exchange of a request.

    Args:
        connection: of the request.
        proven: a proof was needed.
        nonce: the page asked for a nonce.
        answered: the layer answers.
    """
    at = arrival(secure=connection.secure, host=connection.host)
    exchange = Exchange(connection.scope, _nothing, _nothing, Means(_READ, None), at, connection)
    if proven:
        exchange.proofs = {"explained": True}
    if nonce:
        exchange.make_nonce()
    if answered:
        exchange.answered = True
    return exchange


def sent(policy: Inbound, dress: Dress, exchange: Exchange, status: int, theirs: list[Pair]) -> list[Pair]:
    """Return the fields of a response, with ours among them."""
    start = {"type": "http.response.start", "status": status, "headers": theirs}
    fields: list[Pair] = inbound_dress(policy, dress)(exchange, start)["headers"]
    return fields


async def _nothing(*_message: Any) -> Any:
    """Stand for the server, which is not there."""
