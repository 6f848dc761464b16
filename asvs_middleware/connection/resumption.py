"""Whether a connection resumed an earlier TLS session: v5.0.0-12.1.3, 12.1.4; RFC 8446 section 2.2, RFC 5246 7.3.

OpenSSL checks no certificate then: the client is the one that was verified when the session began, whatever became
of its certificate since. Tickets are off where client certificates are asked for; with TLS 1.2 sessions are resumed
even so, from the cache of the server, which Python cannot switch off. The certificate is verified again by the app,
which does not trust the handshake for it anyway; and each reload, of files or by time, ends every session.
"""

import ssl


def is_resumed(tls: ssl.SSLObject | ssl.SSLSocket | None) -> bool:
    """Tell whether the handshake of this connection was an abbreviated one; without a TLS object it is not known.

    >>> is_resumed(None)
    False
    """
    return tls is not None and bool(tls.session_reused)
