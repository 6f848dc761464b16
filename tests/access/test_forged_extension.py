"""What the handshake said of the client, where the server tells it in the scope alone: nobody inside adds to it.

v5.0.0-12.1.3. Servers without a transport in reach (hypercorn, granian) write ASGI's tls extension into the scope, and
that is the app's from then on.
"""

import ssl
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from asvs_middleware import SecurityPolicy, secure, sensitive

pytestmark = pytest.mark.anyio


@sensitive(client_certificate=True)
async def secret(request: Request) -> PlainTextResponse:
    return PlainTextResponse("SECRET")


Forge = Callable[[Any, dict[str, Any]], Any]


def written_into(scope: Any, forged: dict[str, Any]) -> Any:
    scope.setdefault("extensions", {})["tls"] = forged
    return scope


def written_into_the_tls(scope: Any, forged: dict[str, Any]) -> Any:
    scope.setdefault("extensions", {}).setdefault("tls", {}).update(forged)
    return scope


def added_to_the_chain(scope: Any, forged: dict[str, Any]) -> Any:
    tls = scope.setdefault("extensions", {}).setdefault("tls", {})
    tls.setdefault("client_cert_chain", []).extend(forged["client_cert_chain"])
    return scope


def put_in_its_place(scope: Any, forged: dict[str, Any]) -> Any:
    scope["extensions"] = {"tls": forged}
    return scope


def in_a_copy(scope: Any, forged: dict[str, Any]) -> Any:
    return {**scope, "extensions": {"tls": forged}}


FORGED = [written_into, written_into_the_tls, added_to_the_chain, put_in_its_place, in_a_copy]


def forging(forge: Forge, forged: dict[str, Any]) -> type:
    class Forging:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope["path"] != "/honest":
                scope = forge(scope, {name: list(chain) for name, chain in forged.items()})
            await self.app(scope, receive, send)

    return Forging


@pytest.mark.parametrize("extensions", [None, {}, {"tls": {}}, {"tls": {"client_cert_chain": []}}], ids=str)
@pytest.mark.parametrize("bound", [True, False], ids=["receive bound to something", "receive a function"])
@pytest.mark.parametrize("where", ["the app", "a mount"])
@pytest.mark.parametrize("forge", FORGED)
async def test_a_certificate_written_inside(  # Fixtures and parameters.
    clients: Any, ask: Any, forge: Forge, where: str, extensions: Any, *, bound: bool
) -> None:
    """A middleware of the app puts a certificate there that is public knowledge: nobody showed it, so nobody has it.

    Nor does the next request of a server that shares one dict between all of them.
    """
    forged = {"client_cert_chain": [ssl.DER_cert_to_PEM_cert(clients.batch.der)]}
    middleware = [Middleware(forging(forge, forged))]
    routes = [Route("/a", secret), Route("/honest", secret)]
    app = (
        Starlette(routes=routes, middleware=middleware)
        if where == "the app"
        else Starlette(routes=[Mount("/", routes=routes, middleware=middleware)])
    )
    policy = SecurityPolicy.api(hosts=["api.example.com"], client_certificates=clients.policy)
    secure(app, policy)

    class Cycle:
        """What a server binds `receive` to that keeps no transport there."""

        def __init__(self, receive: Any) -> None:
            self.read = receive

        async def receive(self) -> Any:
            return await self.read()

    async def served(scope: Any, receive: Any, send: Any) -> None:
        members = {} if extensions is None else {"extensions": extensions}
        await app({**scope, **members}, Cycle(receive).receive if bound else receive, send)

    for _ in range(3):
        assert (await ask(served, "/a")).status_code == 403
        assert (await ask(served, "/honest")).status_code == 403
    assert not (extensions or {}).get("tls", {}).get("client_cert_chain")
