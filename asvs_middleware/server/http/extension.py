"""The `tls` extension of ASGI (version 0.2): what the handshake agreed on, and who the client is. v5.0.0-12.1.3.

Servers verify the client's certificate and drop it. This layer stands outside everything else, where the server's
transport is in reach, and writes what it knows into the scope, so that middleware which wraps `receive` hides nothing
from the app. The chain was verified by OpenSSL only; `certificates` verifies it again. Not known to Python, and so
None: why a certificate was refused (`client_cert_error`), for such a handshake does not complete.

A server may bring an extension of its own, in any of the shapes that were proposed: whole, the chain alone, the leaf
alone, a chain that is empty before Python 3.13. What it says stays; what it leaves out is filled in.
"""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from cryptography import x509
from starlette.types import ASGIApp, Receive, Scope, Send

from ...connection.peer_certificate import handshake_chain
from ...connection.transport import read_transport

ShownCertificate = Callable[[ssl.SSLObject], str | None]
"""Returns, in PEM, the certificate the server showed on a connection; None where it is not known."""

_VERSIONS: Final = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


def with_tls_extension(app: ASGIApp, *, server_cert: str | ShownCertificate | None = None) -> ASGIApp:
    """Return the app with the extension in every http and websocket scope of a TLS connection.

    On a plaintext connection there is none.

    Args:
        app: what runs inside.
        server_cert: the server's certificate in PEM; or what tells it, where it may change.
    """
    # A connection's handshake is read once: neither renegotiation nor later authentication can change it.
    known: WeakKeyDictionary[ssl.SSLObject, dict[str, Any]] = WeakKeyDictionary()
    shown = server_cert if callable(server_cert) else lambda _tls: server_cert

    def layer(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] in {"http", "websocket"}:
            tls = read_transport(scope, receive).tls
            if tls is not None:
                handshake = known.get(tls)
                if handshake is None:
                    handshake = known[tls] = {"server_cert": shown(tls), **_handshake(tls)}
                extensions = scope.get("extensions") or {}
                theirs = extensions.get("tls")
                scope = {**scope, "extensions": {**extensions, "tls": _filled(handshake, theirs)}}
        return app(scope, receive, send)

    return layer


def subject_of(certificate: bytes) -> str | None:
    """Return the subject of a DER certificate as RFC 4514 writes it; None where it cannot be read."""
    try:
        return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
    except (ValueError, x509.InvalidVersion):
        return None


def _filled(ours: Mapping[str, Any], theirs: Any) -> Any:
    """Return ours, under what the server says itself; what is no mapping is left for the reader to refuse."""
    if theirs is None:
        return {**ours}
    if not isinstance(theirs, Mapping):
        return theirs
    return {**ours, **{name: value for name, value in theirs.items() if value not in (None, (), [], "", b"")}}


def _handshake(tls: ssl.SSLObject) -> dict[str, Any]:
    chain = handshake_chain(tls)
    suite = tls.cipher()
    return {
        "client_cert_chain": tuple(ssl.DER_cert_to_PEM_cert(certificate) for certificate in chain),
        "client_cert_name": subject_of(chain[0]) if chain else None,
        "client_cert_error": None,
        "tls_version": _VERSIONS.get(tls.version() or ""),
        "cipher_suite": _suite_numbers(tls.context).get(suite[0]) if suite else None,
    }


def _suite_numbers(context: ssl.SSLContext) -> Mapping[str, int]:
    """Return the numbers IANA gave to the suites of the context, by OpenSSL's names."""
    numbers = _NUMBERS.get(context)
    if numbers is None:
        numbers = _NUMBERS[context] = {suite["name"]: suite["id"] & 0xFFFF for suite in context.get_ciphers()}
    return numbers


_NUMBERS: Final = WeakKeyDictionary[ssl.SSLContext, Mapping[str, int]]()  # A list of them takes 24 us to ask for.
