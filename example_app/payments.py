"""The payments service: an ordinary FastAPI app, and one call at its end that secures it.

Start your own from this file: keep the imports, the marks and the call to secure().
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from starlette.staticfiles import StaticFiles

from asvs_middleware import (
    ClientCertificates,
    SecurityPolicy,
    Tokens,
    VerifiedCaller,
    csp_nonce,
    public,
    secure,
    sensitive,
)
from asvs_middleware.headers import CSP, NONCE
from asvs_middleware.middleware import headers
from asvs_middleware.outbound import OutboundPolicy, Pins

from .settings import Settings

HERE = Path(__file__).parent
settings = Settings.load()

internal = OutboundPolicy.internal(ca=settings.file("ca.pem"))
partner = internal.pin("localhost", Pins(*settings.partner_pins)).client_certificate(
    settings.file("service.pem"), settings.file("service.key")
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One client for the partner, for as long as the service runs."""
    async with partner.async_client(settings.partner) as client:
        app.state.partner = client
        yield


app = FastAPI(title="Payments", version="1.0", lifespan=lifespan)
app.mount("/static", public(reason="style sheet of the page")(StaticFiles(directory=HERE / "static")))


class Payment(BaseModel):
    """What a customer pays."""

    amount: int = Field(gt=0, description="In cents")
    currency: str = Field(pattern="^[A-Z]{3}$")


@app.get("/", response_class=HTMLResponse, include_in_schema=False)
@public(reason="page for people without an account")
@headers(preset="web", csp=CSP.replace(script_src=[NONCE, "'strict-dynamic'"]))
async def page(request: Request) -> str:
    """A page with an inline script, which runs because it carries the nonce of this response."""
    nonce = csp_nonce(request)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Payments</title>
<link rel="stylesheet" href="/static/page.css">
<h1>Payments</h1>
<p id="script">The script did not run.</p>
<p id="file">The file did not run.</p>
<script src="/static/page.js"
 integrity="sha384-OjFqr4gXYfdZkOF96k9iHkcuuOqM9P5T2SFJJjb/Yj2eaaYlYYwyK0iTFwsdknlM" nonce="{nonce}"></script>
<script nonce="{nonce}">document.getElementById("script").textContent = "The script ran under its nonce.";</script>
<script>document.getElementById("script").textContent = "A script without the nonce ran!";</script>
"""


@app.get("/health")
@public(reason="load balancer probe")
async def health() -> dict[str, str]:
    """Tell that the service is up."""
    return {"status": "up"}


@app.get("/orders")
@sensitive(scopes="orders:read")
async def orders(request: Request) -> dict[str, object]:
    """List the caller's orders: a bearer token is needed."""
    caller: VerifiedCaller = request.state.caller
    return {"customer": caller.subject[1], "orders": [{"id": 1, "cents": 4200}]}


@app.post("/payments", status_code=201)
@sensitive(scopes="payments:write", bound="mtls")
async def pay(payment: Payment, request: Request) -> dict[str, object]:
    """Pay: a token bound to the caller's certificate is needed. The partner is charged over mTLS with a pin."""
    answer = await request.app.state.partner.post("/charges", json=payment.model_dump())
    answer.raise_for_status()
    return {"paid": payment.amount, "receipt": answer.json()["receipt"]}


@app.post("/batch")
@sensitive(client_certificate="spiffe://payments.example/batch/")
async def batch(request: Request) -> dict[str, object]:
    """Take a batch job: the certificate alone says who calls."""
    caller: VerifiedCaller = request.state.caller
    chain = caller.certificate.chain if caller.certificate else ()
    return {"job": caller.subject[1], "certificates_verified": len(chain)}


@app.websocket("/ws")
@sensitive(scopes="orders:read")
async def live(websocket: WebSocket) -> None:
    """Greet the caller over a WebSocket; the token stands in the handshake."""
    await websocket.accept()
    await websocket.send_json({"hello": websocket.state.caller.subject[1]})
    await websocket.close()


@app.get("/boom", include_in_schema=False)
@public(reason="shows headers on an unhandled error")
async def boom() -> None:
    """Fail, so that one can see what an unhandled error looks like from outside."""
    raise RuntimeError("This text stays inside.")


secure(
    app,
    SecurityPolicy.mixed(
        hosts=["localhost", "payments.example"],
        default="deny",
        docs="public",
        https_port=settings.payments_port,
        tokens=Tokens(settings.issuer, audience="https://payments.example", outbound=internal),
        client_certificates=ClientCertificates(
            trust=settings.file("clients-ca.pem"), crls=[settings.file("clients.crl")]
        ),
    ),
)
