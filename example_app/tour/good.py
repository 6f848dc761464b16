"""The good paths: what a customer with the right papers gets."""

import json
import re
from collections.abc import Callable, Iterable

from websockets.sync.client import connect

from ..settings import Settings
from .customer import Answer, Customer, Step

PAYMENT = json.dumps({"amount": 4200, "currency": "EUR"}).encode()
JSON = {"Content-Type": "application/json"}


def steps(_settings: Settings) -> Iterable[Step]:
    """Yield the steps."""
    yield Step("health, open to all", "200 up", lambda c: _said(c.ask("/health"), "status"))
    yield Step("page with an inline script", "200, nonce in page and policy agree", _nonce)
    yield Step("two visits, two nonces", "different", _two_nonces)
    yield Step("static file", "200 text/css; charset=utf-8", _static)
    yield Step("documentation page", "200, every script carries the nonce", _documentation)
    yield Step("documentation asset from this host", "200", lambda c: c.ask("/docs/assets/swagger-ui.css").brief())
    yield Step("OpenAPI names what /payments needs", "bearer payments:write and mutualTLS", _openapi)
    yield Step("token from the issuer, then /orders", "200 customer-1", _orders)
    yield Step("bound token with its certificate: /payments", "201 paid 4200, receipt of the partner", _payment)
    yield Step("certificate identity: /batch", "200 uri:spiffe://payments.example/batch/nightly, 2 verified", _batch)
    yield Step("WebSocket with a token", "hello customer-1", _websocket)
    yield Step("HSTS for a domain name", "max-age=31536000; includeSubDomains", _hsts("payments.example"))
    yield Step("no HSTS for localhost", "none", _hsts("localhost"))
    yield Step("HEAD as GET, without a body", "200, 0 bytes", _head)


def _said(answer: Answer, member: str) -> str:
    return f"{answer.status} {json.loads(answer.body)[member]}"


def _nonces(answer: Answer) -> tuple[set[str], set[str]]:
    in_policy = re.findall(r"'nonce-([^']+)'", answer.field("content-security-policy"))
    in_page = re.findall(r'nonce="([^"]+)"', answer.body.decode())
    return set(in_policy), set(in_page)


def _nonce(customer: Customer) -> str:
    answer = customer.ask("/")
    policy, page = _nonces(answer)
    return f"{answer.status}, nonce in page and policy {'agree' if policy == page and len(page) == 1 else 'differ'}"


def _two_nonces(customer: Customer) -> str:
    return "different" if _nonces(customer.ask("/")) != _nonces(customer.ask("/")) else "the same"


def _static(customer: Customer) -> str:
    answer = customer.ask("/static/page.css")
    return f"{answer.status} {answer.field('content-type')}"


def _documentation(customer: Customer) -> str:
    answer = customer.ask("/docs")
    policy, page = _nonces(answer)
    scripts, marked = answer.body.count(b"<script"), answer.body.count(b"<script nonce=")
    every = policy == page and scripts == marked > 1
    return f"{answer.status}, {'every' if every else 'not every'} script carries the nonce"


def _openapi(customer: Customer) -> str:
    operation = json.loads(customer.ask("/openapi.json").body)["paths"]["/payments"]["post"]
    (needed,) = operation["security"]
    return " and ".join(" ".join([name, *scopes]) for name, scopes in sorted(needed.items()))


def _orders(customer: Customer) -> str:
    return _said(customer.ask("/orders", token=customer.token("orders:read")), "customer")


def _payment(customer: Customer) -> str:
    answer = customer.ask(
        "/payments",
        method="POST",
        fields=JSON,
        body=PAYMENT,
        token=customer.bound_token("payments:write"),
        certificate="customer",
    )
    said = json.loads(answer.body)
    return f"{answer.status} paid {said['paid']}, {'receipt of the partner' if said['receipt'] else 'no receipt'}"


def _batch(customer: Customer) -> str:
    answer = customer.ask("/batch", method="POST", certificate="batch")
    return f"{_said(answer, 'job')}, {json.loads(answer.body)['certificates_verified']} verified"


def _websocket(customer: Customer) -> str:
    with connect(
        f"wss://localhost:{customer.settings.payments_port}/ws",
        ssl=customer.context(),
        additional_headers={"Authorization": f"Bearer {customer.token('orders:read')}"},
    ) as websocket:
        return f"hello {json.loads(websocket.recv())['hello']}"


def _hsts(host: str) -> Callable[[Customer], str]:
    return lambda customer: customer.ask("/health", host=host).field("strict-transport-security") or "none"


def _head(customer: Customer) -> str:
    answer = customer.ask("/static/page.css", method="HEAD")
    return f"{answer.status}, {len(answer.body)} bytes"
