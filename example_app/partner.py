"""The partner the payments service calls: it takes charges from one certificate alone."""

from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

from asvs_middleware import ClientCertificates, SecurityPolicy, public, secure, sensitive

from .settings import Settings

settings = Settings.load()


@sensitive(client_certificate="dns:payments.internal")
async def charge(request: Request) -> JSONResponse:
    """Charge a customer; who calls is known from the certificate."""
    amount = (await request.json())["amount"]
    return JSONResponse({"receipt": str(uuid4()), "charged": amount}, status_code=201)


@public(reason="redirects to plaintext, for the tour")
async def moved(_request: Request) -> RedirectResponse:
    """Do what no partner should: send the caller to plaintext."""
    return RedirectResponse(f"http://localhost:{settings.plaintext_port}/charges", status_code=307)


app = secure(
    Starlette(routes=[Route("/charges", charge, methods=["POST"]), Route("/moved", moved, methods=["GET", "POST"])]),
    SecurityPolicy.api(
        hosts=["localhost"],
        client_certificates=ClientCertificates(
            trust=settings.file("clients-ca.pem"), crls=[settings.file("clients.crl")]
        ),
    ),
)
