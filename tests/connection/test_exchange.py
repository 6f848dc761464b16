"""What travels in the scope while one request is answered."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from asvs_middleware.connection import Networks, connection_reader
from asvs_middleware.connection.exchange import SCOPE_KEY, Exchange, Means, exchange_of
from asvs_middleware.connection.glance import UNTOLD

Make = Callable[..., Any]


async def send(message: Any) -> None:
    raise AssertionError(f"{message} was sent")


def an_exchange(a_scope: Make, receive: Any) -> Exchange:
    return Exchange(a_scope(), receive, send, Means(connection_reader(Networks([])), None), 2, UNTOLD)


def test_a_nonce_is_made_when_it_is_asked_for(a_scope: Make, receive: Any) -> None:
    """One response has one nonce of 144 bits, and none before somebody wants it."""
    exchange = an_exchange(a_scope, receive)
    assert exchange.nonce is None
    nonce = exchange.make_nonce()
    assert exchange.nonce == nonce == exchange.make_nonce()
    assert len(base64.b64decode(nonce, validate=True)) == 18
    assert an_exchange(a_scope, receive).make_nonce() != nonce


def test_the_nonce_for_style_sheets_is_another_one(a_scope: Make, receive: Any) -> None:
    """Whoever learns the one cannot use it in the place of the other."""
    exchange = an_exchange(a_scope, receive)
    assert exchange.style_nonce is None
    nonce = exchange.make_style_nonce()
    assert exchange.style_nonce == nonce == exchange.make_style_nonce()
    assert len(base64.b64decode(nonce, validate=True)) == 18
    assert exchange.make_nonce() != nonce


@pytest.mark.parametrize("found", [None, "text", {}, object()])
def test_only_an_exchange_is_one(found: object) -> None:
    """Whatever else stands under the key is not taken for it."""
    assert exchange_of({SCOPE_KEY: found}) is None
    assert exchange_of({}) is None


def test_an_exchange_is_found_in_a_copy_of_the_scope(a_scope: Make, receive: Any) -> None:
    """Routers and middleware copy scopes; the exchange comes along."""
    exchange = an_exchange(a_scope, receive)
    assert exchange_of({**a_scope(), SCOPE_KEY: exchange}) is exchange


@pytest.mark.anyio
async def test_what_is_dropped_is_not_sent(a_scope: Make, receive: Any) -> None:
    """After the layer's own answer the app speaks to nobody."""
    await an_exchange(a_scope, receive).nothing({"type": "http.response.body"})


@pytest.mark.anyio
async def test_the_transport_stays_in_reach(a_scope: Make, receive: Any, accepted: Make) -> None:
    """Code behind the layer finds the transport where the server had it."""
    assert an_exchange(a_scope, receive).transport is None
    async with accepted() as bound:
        assert an_exchange(a_scope, bound).transport is bound.__self__.transport


def test_the_connection_is_what_arrived(a_scope: Make, receive: Any) -> None:
    """It is read when somebody asks, from the values the request came with and not from what the app made of them."""
    scope = a_scope((b"host", b"api.example.com"), scheme="https", client=("198.51.100.7", 50123))
    told = (b"api.example.com", None, "198.51.100.7", (), None)
    exchange = Exchange(scope, receive, send, Means(connection_reader(Networks([])), None), 2, told)
    scope["headers"] = [(b"host", b"evil.example"), (b"authorization", b"Bearer forged")]
    scope["client"], scope["scheme"] = ("127.0.0.1", 1), "http"
    connection = exchange.connection
    assert (connection.host, connection.authorization, connection.client, connection.secure) == (
        b"api.example.com",
        (),
        "198.51.100.7",
        True,
    )
    assert connection.scope is scope
    assert exchange.connection is connection
