"""Outbound: what the service's own client refuses to do."""

from collections.abc import Iterable

import httpx

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.outbound import OutboundPolicy, OutboundRefused, Pins

from ..settings import Settings
from .customer import Customer, Step

WRONG = Pins("sha256/" + "A" * 43 + "=", "sha256/" + "B" * 42 + "A=")


def steps(_settings: Settings) -> Iterable[Step]:
    """Yield the steps."""
    yield Step("partner with the right pin", "201", lambda c: _charge(c, _policy(c)))
    yield Step(
        "partner with a wrong pin", "refused: PinMismatch", lambda c: _charge(c, _policy(c).pin("localhost", WRONG))
    )
    yield Step("partner without our certificate", "403", lambda c: _charge(c, _trusting(c)))
    yield Step("partner under a CA we do not name", "refused: OutboundTLSError", _foreign_ca)
    yield Step("client for a plaintext address", "refused: ConfigurationError", _plaintext)
    yield Step("request to a plaintext address", "refused: PlaintextRefused", _plaintext_request)
    yield Step("redirect that downgrades to plaintext", "refused: PlaintextRefused", _downgrade)
    yield Step("request to a host that is not listed", "refused: HostNotAllowed", _unlisted)


def _trusting(customer: Customer) -> OutboundPolicy:
    return OutboundPolicy.internal(ca=customer.settings.file("ca.pem"))


def _policy(customer: Customer) -> OutboundPolicy:
    settings = customer.settings
    return (
        _trusting(customer)
        .pin("localhost", Pins(*settings.partner_pins))
        .client_certificate(settings.file("service.pem"), settings.file("service.key"))
    )


def _charge(customer: Customer, policy: OutboundPolicy, path: str = "/charges", *, redirects: bool = False) -> str:
    """Charge the partner; a refusal of ours is named, whatever the HTTP library wraps it in."""
    try:
        with policy.client(customer.settings.partner, follow_redirects=redirects) as client:
            return str(client.post(path, json={"amount": 1}).status_code)
    except (httpx.HTTPError, OutboundRefused, ConfigurationError) as error:
        return f"refused: {_ours(error)}"


def _ours(error: BaseException) -> str:
    found: BaseException | None = error
    while found is not None and not type(found).__module__.startswith("asvs_middleware"):
        found = found.__cause__ or found.__context__
    return type(found or error).__name__


def _foreign_ca(customer: Customer) -> str:
    return _charge(customer, OutboundPolicy.internal(ca=customer.settings.file("clients-ca.pem")))


def _plaintext(customer: Customer) -> str:
    try:
        _policy(customer).client(f"http://localhost:{customer.settings.plaintext_port}")
    except ConfigurationError as error:
        return f"refused: {type(error).__name__}"
    return "made"


def _plaintext_request(customer: Customer) -> str:
    return _charge(customer, _policy(customer), f"http://localhost:{customer.settings.plaintext_port}/charges")


def _downgrade(customer: Customer) -> str:
    return _charge(customer, _policy(customer), "/moved", redirects=True)


def _unlisted(customer: Customer) -> str:
    return _charge(customer, _policy(customer), f"{customer.settings.payments}/health")
