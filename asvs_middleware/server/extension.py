"""The `tls` extension of ASGI (version 0.2): what the handshake agreed on, and who the client is. v5.0.0-12.1.3.

Servers verify the client's certificate and drop it. This layer stands outside everything else, where the server's
transport is in reach, and writes what it knows into the scope, so that middleware which wraps `receive` hides nothing
from the app. The chain was verified by OpenSSL only; `certificates` verifies it again. Not known to Python, and so
None: why a certificate was refused (`client_cert_error`), for such a handshake does not complete.
"""

import ssl
from collections.abc import Awaitable, Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from cryptography import x509
from starlette.types import ASGIApp, Receive, Scope, Send

from ..connection.peer_certificate import handshake_chain
from ..connection.transport import read_transport

_VERSIONS: Final = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


def with_tls_extension(app: ASGIApp, *, server_cert: str | None, suites: Mapping[str, int]) -> ASGIApp:
    """Return the app with the extension in every http and websocket scope of a TLS connection.

    One that the server itself provides is never overwritten. On a plaintext connection there is none.

    Args:
        app: what runs inside.
        server_cert: the server's certificate in PEM.
        suites: the 16-bit numbers of cipher suites by OpenSSL's names; see `suite_numbers`.
    """
    # A connection's handshake is read once: neither renegotiation nor later authentication can change it.
    known: WeakKeyDictionary[ssl.SSLObject, dict[str, Any]] = WeakKeyDictionary()

    def layer(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] in {"http", "websocket"}:
            extensions = scope.get("extensions") or {}
            tls = read_transport(scope, receive).tls
            if tls is not None and "tls" not in extensions:
                handshake = known.get(tls)
                if handshake is None:
                    handshake = known[tls] = {"server_cert": server_cert, **_handshake(tls, suites)}
                scope = {**scope, "extensions": {**extensions, "tls": {**handshake}}}
        return app(scope, receive, send)

    return layer


def suite_numbers(context: ssl.SSLContext) -> dict[str, int]:
    """Return the numbers IANA gave to the suites of the context, by OpenSSL's names."""
    return {suite["name"]: suite["id"] & 0xFFFF for suite in context.get_ciphers()}


def subject_of(certificate: bytes) -> str | None:
    """Return the subject of a DER certificate as RFC 4514 writes it; None where it cannot be read."""
    try:
        return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
    except (ValueError, x509.InvalidVersion):
        return None


def _handshake(tls: ssl.SSLObject, suites: Mapping[str, int]) -> dict[str, Any]:
    chain = handshake_chain(tls)
    suite = tls.cipher()
    return {
        "client_cert_chain": tuple(ssl.DER_cert_to_PEM_cert(certificate) for certificate in chain),
        "client_cert_name": subject_of(chain[0]) if chain else None,
        "client_cert_error": None,
        "tls_version": _VERSIONS.get(tls.version() or ""),
        "cipher_suite": suites.get(suite[0]) if suite else None,
    }
