"""Hostile TLS: old versions, weak suites, certificates of strangers."""

import ssl
import warnings
from collections.abc import Iterable

from ..settings import Settings
from .customer import REFUSED, Customer, Step


def steps(_settings: Settings) -> Iterable[Step]:
    """Yield the steps; each refusal has a neighbour that passes, so that a dead port is no proof."""
    suite = "ECDHE-ECDSA-AES128-GCM-SHA256"
    yield Step("TLS 1.3", "TLSv1.3 TLS_AES_256_GCM_SHA384", lambda c: c.handshake(_weak(c, "TLSv1_3", "ALL")))
    yield Step("TLS 1.2 with forward secrecy", f"TLSv1.2 {suite}", lambda c: c.handshake(_weak(c, "TLSv1_2", suite)))
    yield Step("TLS 1.1", REFUSED, lambda c: c.handshake(_weak(c, "TLSv1_1", "ALL")))
    cbc = "ECDHE-ECDSA-AES128-SHA256"
    yield Step("TLS 1.2 with a CBC suite", REFUSED, lambda c: c.handshake(_weak(c, "TLSv1_2", cbc)))
    yield Step("client certificate of a foreign CA", REFUSED, lambda c: c.handshake(c.context("stranger")))
    yield Step("revoked client certificate", "403 client_certificate_refused", lambda c: _batch(c, "revoked"))
    yield Step("certificate of another identity", "403 client_certificate_identity", lambda c: _batch(c, "customer"))
    yield Step("no client certificate", "403 client_certificate_missing", lambda c: _batch(c, None))
    yield Step("plaintext on the TLS port", "400", _plaintext)


def _weak(customer: Customer, version: str, suites: str) -> ssl.SSLContext:
    """Return a client as weak as OpenSSL lets it be; it still knows the root."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(customer.settings.file("ca.pem"))
    context.set_ciphers(f"{suites}:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Old versions are the point here.
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    return context


def _batch(customer: Customer, certificate: str | None) -> str:
    return customer.ask("/batch", method="POST", certificate=certificate).brief()


def _plaintext(customer: Customer) -> str:
    try:
        return customer.ask("/health", plaintext=True, port=customer.settings.payments_port).brief()
    except (ConnectionError, ssl.SSLError):
        return REFUSED
