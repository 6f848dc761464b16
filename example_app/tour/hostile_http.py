"""Hostile requests over HTTP: plaintext, forged fields, and tokens that are not good enough."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from ..settings import Settings
from .customer import Answer, Customer, Step
from .good import JSON, PAYMENT

HTML = {"Accept": "text/html,application/xhtml+xml"}
EVERYWHERE = ("content-security-policy", "x-content-type-options", "referrer-policy", "cross-origin-opener-policy")
INVALID = "401 invalid_token"


def steps(settings: Settings) -> Iterable[Step]:
    """Yield the steps."""
    yield Step("API call over plaintext", "403 tls_required", lambda c: c.ask("/orders", plaintext=True).brief())
    yield Step("token over plaintext", "403 tls_required", _plaintext_token)
    yield Step(
        "page over plaintext",
        f"308 https://localhost:{settings.payments_port}/?a=1",
        lambda c: c.ask("/?a=1", plaintext=True, fields=HTML).brief(),
    )
    yield Step("WebSocket over plaintext", "403 tls_required", _plaintext_websocket)
    yield Step("plaintext with a spoofed X-Forwarded-Proto", "403 tls_required", _spoofed_proto)
    yield Step(
        "plaintext page for a foreign Host", "421 host_refused", lambda c: _foreign_host(c, plaintext=True, fields=HTML)
    )
    yield Step("foreign Host over TLS", "421 host_refused", _foreign_host)
    yield Step("spoofed X-Forwarded-Host", "200", _spoofed_host)
    yield Step("no token", "401 token_refused, Bearer", _no_token)
    yield Step("no token, and a body that is no payment", "401 token_refused", _no_token_bad_body)
    yield Step("expired token", INVALID, _forged({"exp": int(time.time()) - 120}))
    yield Step("token for another audience", INVALID, _forged({"aud": "https://other.example"}))
    yield Step("token of another issuer", INVALID, _forged({"iss": "https://other.example"}))
    yield Step("token without signature (alg none)", INVALID, _alg_none)
    yield Step("HS256 keyed with the public key", INVALID, _public_key_as_secret)
    yield Step("ID token instead of an access token", INVALID, _forged({}, typ="JWT"))
    yield Step("token without the scope", "403 insufficient_scope", _wrong_scope)
    yield Step("stolen bound token, no certificate", INVALID, lambda c: _stolen(c, None))
    yield Step("stolen bound token, another certificate", INVALID, lambda c: _stolen(c, "batch"))
    yield Step("plain token where a bound one is needed", INVALID, _unbound)
    yield Step("two Authorization fields in one", "401 invalid_token", _two_tokens)
    yield Step("WebSocket without token", "401", _websocket)
    yield Step("unhandled error", "500, every header once, nothing told", _boom)
    yield Step("unknown path", "404, every header once, nothing told", lambda c: _headers(c.ask("/nowhere")))


def _plaintext_token(customer: Customer) -> str:
    return customer.ask("/orders", plaintext=True, fields=HTML, token="a-token-that-is-now-burnt").brief()


def _plaintext_websocket(customer: Customer) -> str:
    fields = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    return customer.ask("/ws", plaintext=True, fields=fields).brief()


def _spoofed_proto(customer: Customer) -> str:
    return customer.ask("/health", plaintext=True, fields={"X-Forwarded-Proto": "https"}).brief()


def _foreign_host(customer: Customer, *, plaintext: bool = False, fields: dict[str, str] | None = None) -> str:
    return customer.ask("/", host="evil.example", plaintext=plaintext, fields=fields).brief()


def _spoofed_host(customer: Customer) -> str:
    """It is ignored and taken away, so the request is what it would be without it."""
    return customer.ask("/health", fields={"X-Forwarded-Host": "evil.example"}).brief()


def _no_token(customer: Customer) -> str:
    answer = customer.ask("/orders")
    return f"{answer.brief()}, {answer.field('www-authenticate')}"


def _no_token_bad_body(customer: Customer) -> str:
    return customer.ask("/payments", method="POST", fields=JSON, body=b'{"amount": "much"}').brief()


def _claims(customer: Customer) -> dict[str, object]:
    now = int(time.time())
    return {
        "iss": customer.settings.issuer,
        "sub": "customer-1",
        "client_id": "customer-1",
        "aud": "https://payments.example",
        "iat": now,
        "exp": now + 300,
        "jti": "forged",
        "scope": "orders:read",
    }


def _forged(claims: dict[str, object], *, typ: str = "at+jwt") -> Callable[[Customer], str]:
    """Sign a token with the issuer's own key: only its content is wrong."""

    def take(customer: Customer) -> str:
        key = load_pem_private_key(customer.settings.file("signing.key").read_bytes(), None)
        headers = {"kid": "example-1", "typ": typ}
        forged = jwt.encode({**_claims(customer), **claims}, key, algorithm="ES256", headers=headers)  # type: ignore[arg-type]
        return customer.ask("/orders", token=forged).brief()

    return take


def _alg_none(customer: Customer) -> str:
    header = {"alg": "none", "typ": "at+jwt", "kid": "example-1"}
    forged = ".".join(_segment(json.dumps(part).encode()) for part in (header, _claims(customer)))
    return customer.ask("/orders", token=f"{forged}.").brief()


def _public_key_as_secret(customer: Customer) -> str:
    key = load_pem_private_key(customer.settings.file("signing.key").read_bytes(), None)
    public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "at+jwt", "kid": "example-1"}
    signed = ".".join(_segment(json.dumps(part).encode()) for part in (header, _claims(customer)))
    # PyJWT refuses to use a public key as a secret, as it should; an attacker does not ask it.
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed.encode(), public_pem)
    return customer.ask("/orders", token=f"{signed}.{_segment(mac)}").brief()


def _segment(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _wrong_scope(customer: Customer) -> str:
    return customer.ask("/orders", token=customer.token("payments:write")).brief()


def _stolen(customer: Customer, certificate: str | None) -> str:
    token = customer.bound_token("payments:write")
    return _pay(customer, token, certificate)


def _unbound(customer: Customer) -> str:
    return _pay(customer, customer.token("payments:write"), "customer")


def _pay(customer: Customer, token: str, certificate: str | None) -> str:
    answer = customer.ask("/payments", method="POST", fields=JSON, body=PAYMENT, token=token, certificate=certificate)
    return answer.brief()


def _two_tokens(customer: Customer) -> str:
    return customer.ask("/orders", token=f"{customer.token('orders:read')}, Bearer x").brief()


def _websocket(customer: Customer) -> str:
    page = f"localhost:{customer.settings.payments_port}"  # As a browser would: a page of ours, which names its origin.
    try:
        with connect(f"wss://{page}/ws", ssl=customer.context(), origin=Origin(f"https://{page}")):
            return "connected"
    except InvalidStatus as refused:
        return str(refused.response.status_code)


def _boom(customer: Customer) -> str:
    return _headers(customer.ask("/boom"))


def _headers(answer: Answer) -> str:
    names = [name.lower() for name, _ in answer.fields]
    once = all(names.count(name) == 1 for name in EVERYWHERE)
    told = b"stays inside" in answer.body or b"Traceback" in answer.body or "server" in names
    return f"{answer.status}, {'every' if once else 'not every'} header once, {'too much' if told else 'nothing'} told"
