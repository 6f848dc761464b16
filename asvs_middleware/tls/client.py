"""The TLS context of a client: v5.0.0-12.3.2 (validate before communicating), 12.3.4, 12.3.5; v4.0.3-9.2.1.

A plain ssl.SSLContext: anyio gives a subclass a worker thread for each connection. What shall happen at the end of
each handshake hangs on the context's public `sslsocket_class` and `sslobject_class`, so that it runs for every HTTP
library, sync and async, before the first byte of application data.

Not checked here: revocation, and anything a hook does not check. With TLS 1.2, and in sync code with TLS 1.3 too, the
server sees the client certificate and a finished handshake before a hook can refuse it; never a request.
"""

import ssl
from datetime import datetime
from typing import Any, Protocol

import certifi

from .files import FilePath, load_identity, load_trust
from .guidelines import DEFAULT_PROFILE, guideline
from .hardening import confirm, harden

Peer = ssl.SSLSocket | ssl.SSLObject


class HandshakeHook(Protocol):
    """What a policy wants to know of each handshake. It must not block: it runs on the event loop."""

    def completed(self, peer: Peer) -> None:
        """OpenSSL has accepted chain, dates and name. Raise an ssl.SSLError to refuse the peer all the same."""

    def failed(self, host: str | None, error: ssl.SSLError) -> ssl.SSLError:
        """OpenSSL has refused the peer, or the peer us. Return the error to raise."""


def client_context(
    *,
    at: datetime,
    trust: FilePath | None = None,
    client_certificate: tuple[FilePath, FilePath] | None = None,
    password: str | None = None,
    profile: str = DEFAULT_PROFILE,
    on_handshake: HandshakeHook | None = None,
) -> ssl.SSLContext:
    """Return a client context that trusts what is named and nothing else.

    Args:
        at: now; must be aware.
        trust: PEM file of the only trust anchors (a root, an issuing CA, or the peer's own certificate). None is the
            public web: the roots of certifi. SSL_CERT_FILE and SSLKEYLOGFILE of the environment are not obeyed.
        client_certificate: files of certificate and key to show when the server asks.
        password: of that key.
        profile: a name in tls.guidelines.GUIDELINES.
        on_handshake: judges each peer that OpenSSL accepted, and hears of those it did not.

    Raises:
        ConfigurationError: names the argument, its value and the fix.
    """
    chosen = guideline(profile)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    harden(context, chosen)
    context.hostname_checks_common_name = False  # RFC 9525 section 6.3: the subject alternative name only.
    load_trust(context, "trust", certifi.where() if trust is None else trust, at=at)
    if client_certificate is not None:
        load_identity(context, *client_certificate, password=password, at=at)
    if on_handshake is not None:
        hook = {"_hook": on_handshake}
        context.sslsocket_class = type("HookedSSLSocket", (_Hooked, ssl.SSLSocket), hook)
        context.sslobject_class = type("HookedSSLObject", (_Hooked, ssl.SSLObject), hook)
    return confirm(context, chosen)


def verified_chain(peer: Peer) -> tuple[bytes, ...]:
    """Return the chain OpenSSL verified, in DER, the peer first; empty on a resumed session.

    Before Python 3.13 only the peer's own certificate is public. The chain is there under an undocumented name, and no
    public way leads to it: TLS 1.3 encrypts the certificates, so it cannot be rebuilt from the records either. Each
    step may be missing; then there is an error, never the chain as sent.

    Raises:
        ssl.SSLError: this Python does not tell the verified chain.
    """
    keeper = peer if hasattr(peer, "get_verified_chain") else getattr(peer, "_sslobj", None)
    chain = getattr(keeper, "get_verified_chain", None)
    if chain is None:
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, "This Python does not tell the verified chain; use Python 3.13 or later.")
    return tuple(
        one if isinstance(one, bytes) else ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in chain() or ()
    )


class _Hooked:
    """Goes before ssl.SSLSocket or ssl.SSLObject, which do the work."""

    _hook: HandshakeHook
    _judged = False

    def do_handshake(self, *block: bool) -> None:
        try:
            super().do_handshake(*block)  # type: ignore[misc]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            raise self._hook.failed(self.server_hostname, error) from error  # type: ignore[attr-defined]
        self._hook.completed(self)  # type: ignore[arg-type]
        self._judged = True

    # OpenSSL shakes hands by itself when a program reads or writes first. It must not get round the hook.

    def read(self, *args: Any) -> Any:
        if not self._judged:
            self.do_handshake()
        return super().read(*args)  # type: ignore[misc]

    def write(self, data: Any) -> int:
        if not self._judged:
            self.do_handshake()
        return super().write(data)  # type: ignore[misc, no-any-return]

    def send(self, data: Any, flags: int = 0) -> int:
        if not self._judged:
            self.do_handshake()
        return super().send(data, flags)  # type: ignore[misc, no-any-return]
