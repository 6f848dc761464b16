"""Authorities for the whole run, and one FastAPI app with every kind of guard, served once."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket

from asvs_middleware import ClientCertificates, SecurityPolicy, Tokens, public, secure, sensitive
from asvs_middleware.rehearsal import Authorities, Rehearsal, rehearse
from asvs_middleware.server.pki import DevelopmentCA

ISSUER = "https://idp.example.com"
AUDIENCE = "https://api.example.com"


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    at = datetime.now(UTC)
    return Authorities(
        servers=DevelopmentCA.root("Servers", at=at),
        clients=DevelopmentCA.root("Clients", at=at),
        folder=tmp_path_factory.mktemp("authorities"),
    )


@pytest.fixture(scope="session")
def tokens() -> Tokens:
    return Tokens(ISSUER, audience=AUDIENCE)


@pytest.fixture(scope="session")
def clients_of_production(tmp_path_factory: pytest.TempPathFactory) -> ClientCertificates:
    """A clients CA no rehearsal ever issues from."""
    path: Path = tmp_path_factory.mktemp("production") / "clients-ca.pem"
    path.write_bytes(DevelopmentCA.root("Production clients", at=datetime.now(UTC)).pem)
    return ClientCertificates(trust=path)


@pytest.fixture(scope="session")
def api(tokens: Tokens, clients_of_production: ClientCertificates) -> Callable[..., SecurityPolicy]:
    """Return a policy with tokens and client certificates; arguments say what differs."""

    def policy(**choices: Any) -> SecurityPolicy:
        given = {
            "hosts": ["api.example.com"],
            "tokens": tokens,
            "client_certificates": clients_of_production,
            **choices,
        }
        return SecurityPolicy.api(**given)

    return policy


@pytest.fixture(scope="session")
def orders_app(api: Callable[..., SecurityPolicy]) -> FastAPI:
    app = FastAPI()

    @app.get("/orders")
    @sensitive(scopes="orders:read")
    async def orders() -> list[str]:
        return ["one"]

    @app.post("/payments")
    @sensitive(scopes="payments:write", bound="mtls", max_age=300)
    async def pay(amount: int) -> int:
        return amount

    @app.api_route("/batch/{name}", methods=["PUT", "PATCH", "DELETE", "OPTIONS"])
    @sensitive(client_certificate="spiffe://example.org/batch/")
    async def batch(name: str) -> str:
        return name

    @app.get("/machine")
    @sensitive(client_certificate=True)
    async def machine() -> str:
        return "ok"

    @app.websocket("/feed")
    @sensitive(scopes="orders:read")
    async def feed(socket: WebSocket) -> None:
        await socket.accept()

    @app.api_route("/health", methods=["GET", "HEAD"])
    @public(reason="load balancer probe")
    async def health() -> str:
        return "ok"

    return secure(app, api())


@pytest.fixture(scope="session")
def stage(orders_app: FastAPI, authorities: Authorities) -> Iterator[Rehearsal]:
    """The orders app, served."""
    with rehearse(orders_app, authorities=authorities) as rehearsal:
        yield rehearsal
