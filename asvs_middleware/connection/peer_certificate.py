"""The certificate the client showed in the TLS handshake: v5.0.0-12.1.3.

Read from the server's `tls` extension where there is one, else from the transport's TLS object. What comes back was
shown, not verified: `certificates` verifies it. Behind a trusted proxy the handshake was the proxy's, so there is
none. Not read: certificates forwarded in header fields.
"""

import ssl
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import CertificateRefused
from .facts import Connection


def presented_chain(connection: Connection) -> tuple[bytes, ...]:
    """Return the DER certificates the client sent, leaf first; empty when it sent none.

    On Python 3.13 the chain OpenSSL built comes with it; before that, and on a resumed session, only the leaf.

    Raises:
        CertificateRefused: the server's `tls` extension holds something that is no certificate, or says that the
            server could not verify it.
    """
    if connection.via_proxy:
        return ()
    return _from_extension(connection.scope) or handshake_chain(connection.transport.tls)


def _from_extension(scope: Mapping[str, Any]) -> tuple[bytes, ...]:
    try:
        tls = (scope.get("extensions") or {}).get("tls") or {}
        leaf, chain, fault = tls.get("client_cert"), tls.get("client_cert_chain") or (), tls.get("client_cert_error")
        if fault:  # Version 0.2 of the extension: a certificate was shown and did not verify.
            raise CertificateRefused(
                "The server could not verify the client certificate.", facts={"reason_code": "refused_by_server"}
            )
        if chain:
            return _der(chain)
        return _der([leaf]) if leaf else ()
    except (AttributeError, TypeError, ValueError) as error:  # Whatever is there has another shape than a certificate.
        raise CertificateRefused(
            "The server's tls extension holds a client certificate that cannot be read.",
            facts={"reason_code": "malformed"},
        ) from error


def _der(chain: Iterable[Any]) -> tuple[bytes, ...]:
    return tuple(one if isinstance(one, bytes) else ssl.PEM_cert_to_DER_cert(one) for one in chain)


def handshake_chain(tls: ssl.SSLObject | None) -> tuple[bytes, ...]:
    """Return the DER certificates the handshake knows of the peer, leaf first; empty when it knows none."""
    if tls is None:
        return ()
    leaf = tls.getpeercert(binary_form=True)
    verified = getattr(tls, "get_verified_chain", None)  # Python 3.13.
    chain = tuple(verified() or ()) if verified else ()
    return chain or ((leaf,) if leaf else ())
