"""The certificate the client showed in the TLS handshake: v5.0.0-12.1.3.

Read from the server's `tls` extension where there is one, else from the transport's TLS object. What comes back was
shown, not verified: `certificates` verifies it. Behind a trusted proxy the handshake was the proxy's, so there is
none but the one it forwards, if it is told to.
"""

import ssl
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

from ..errors import CertificateRefused
from .facts import Connection
from .transport import tls_extension


def presented_chain(connection: Connection) -> tuple[bytes, ...]:
    """Return the DER certificates the client sent, leaf first; empty when it sent none.

    On Python 3.13 the chain OpenSSL built comes with it; before that, and on a resumed session, only the leaf.

    Raises:
        CertificateRefused: the server's `tls` extension holds something that is no certificate, or says that the
            server could not verify it, or contradicts the handshake; or what a proxy forwarded is refused.
    """
    if connection.forwarded is not None:
        return connection.forwarded.chain()
    unknown = connection.transport.reached and connection.transport.peer is None
    if connection.via_proxy or unknown:  # A connection that is gone has no peer left: it may have been a proxy.
        return ()
    tls = connection.transport.tls
    if tls is None:
        return _said_by(connection.extension)
    said, seen = _said_by(tls_extension(connection.scope)), handshake_chain(tls)
    if said and said[0] not in seen[:1]:
        raise CertificateRefused(
            "The tls extension names another client certificate than the handshake.",
            facts={"reason_code": "two_sources"},
        )
    return max(said, seen, key=len)  # Alike but for how much of the chain is there.


def handshake_chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return the DER certificates the handshake knows of the peer, leaf first; empty when it knows none.

    They are read once for each connection: no later message changes them.
    """
    chain = _HANDSHAKES.get(tls)
    if chain is None:
        leaf = tls.getpeercert(binary_form=True)
        verified = getattr(tls, "get_verified_chain", None)  # Python 3.13; empty on a resumed session.
        chain = _HANDSHAKES[tls] = tuple((verified() if verified else None) or ((leaf,) if leaf else ()))
    return chain


def _said_by(tls: Any) -> tuple[bytes, ...]:
    if not tls:
        return ()
    try:
        leaf, chain, fault = tls.get("client_cert"), tls.get("client_cert_chain") or (), tls.get("client_cert_error")
        if fault:  # Version 0.2 of the extension: a certificate was shown and did not verify.
            raise CertificateRefused(
                "The server could not verify the client certificate.", facts={"reason_code": "refused_by_server"}
            )
        ders = tuple(map(_der, chain))
        if leaf and ders and _der(leaf) != ders[0]:
            raise ValueError("The leaf is not the first of the chain.")
        return ders or ((_der(leaf),) if leaf else ())
    except (AttributeError, TypeError, ValueError) as error:  # Whatever is there has another shape than a certificate.
        raise CertificateRefused(
            "The server's tls extension holds a client certificate that cannot be read.",
            facts={"reason_code": "malformed"},
        ) from error


@lru_cache(maxsize=1024)  # The requests of one connection bring the same text.
def _der(certificate: bytes | str) -> bytes:
    return certificate if isinstance(certificate, bytes) else ssl.PEM_cert_to_DER_cert(certificate)


_HANDSHAKES: Final = WeakKeyDictionary[ssl.SSLObject, tuple[bytes, ...]]()
