"""What it costs to make an HTTP client: a policy builds its TLS context once, and its clients share it."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from asvs_middleware.outbound import OutboundPolicy
from asvs_middleware.server.pki import DevelopmentCA

from .harness import Section, Variant
from .layers import bare

DEFAULT = "httpx.AsyncClient()"


def making_clients() -> Section:
    """Return httpx's client with its own context, with a shared one, and ours."""
    ca = DevelopmentCA.root("Internal", at=datetime.now(UTC))
    with tempfile.TemporaryDirectory() as folder:
        trust = Path(folder, "ca.pem")
        trust.write_bytes(ca.pem)
        policy = OutboundPolicy.internal(ca=trust)
    shared = policy.ssl_context()

    return Section(
        title="Making and closing an HTTP client",
        variants=[
            Variant(name, bare, _closing(make), DEFAULT)
            for name, make in {
                DEFAULT: httpx.AsyncClient,
                "httpx.AsyncClient(verify=shared context)": lambda: httpx.AsyncClient(verify=shared),
                "ours, policy.async_client()": lambda: policy.async_client("https://partner.example"),
            }.items()
        ],
    )


def _closing(make: Any) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await make().aclose()

    return app
