"""The TLS context of a server: v5.0.0-12.1.1, 12.1.2, 12.1.3; v4.0.3-9.1.2, 9.1.3; RFC 9325.

Not done here: revocation of client certificates and identities (the certificates room verifies again what OpenSSL
let through), encrypted client hello and OCSP stapling (Python's ssl has neither).
"""

import os
import ssl
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, get_args

from ..errors import ConfigurationError
from ..names import known
from .files import FilePath, load_identity, load_trust
from .guidelines import DEFAULT_PROFILE, guideline
from .hardening import confirm, harden
from .own_certificate import refuse_unusable

ClientCertificateMode = Literal["none", "optional", "required"]

_VERIFY_MODES: Final = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,  # Shown ones are verified; the route says who must show one.
    "required": ssl.CERT_REQUIRED,  # Nobody gets in without, whatever the route.
}


def server_context(
    *,
    certfile: FilePath,
    keyfile: FilePath,
    at: datetime,
    password: str | None = None,
    other_certificates: Sequence[tuple[FilePath, FilePath]] = (),
    client_ca: FilePath | None = None,
    client_certificates: ClientCertificateMode = "none",
    profile: str = DEFAULT_PROFILE,
    alpn: Sequence[str] = ("http/1.1",),
) -> ssl.SSLContext:
    """Return a server context that offers what the profile allows and nothing else.

    Args:
        certfile: PEM, the own certificate first, then the intermediate ones.
        keyfile: PEM; others than owner and group must not have access.
        at: now; must be aware.
        password: of the key, if it is encrypted; of every key, where there are several.
        other_certificates: further pairs of such files, each with another kind of key: RSA beside ECDSA, for clients
            that know one of them only. With TLS 1.3 and 1.2 the client's own list decides which one it is shown.
        client_ca: PEM, the CAs whose client certificates are accepted.
        client_certificates: "none", "optional" or "required" for every connection of this context.
        profile: a name in tls.guidelines.GUIDELINES.
        alpn: application protocols, best first.

    Raises:
        ConfigurationError: names the argument, its value and the fix.
    """
    chosen = guideline(profile)
    mode = known(client_certificates, get_args(ClientCertificateMode), where="server_context(client_certificates=...)")
    if (mode == "none") != (client_ca is None):
        raise ConfigurationError(
            f"server_context(client_certificates={mode!r}, client_ca={client_ca!r}) contradicts itself.",
            fix='Name the CAs in client_ca and choose "optional" or "required", or leave both out.',
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    harden(context, chosen)
    # v5.0.0-12.1.2 wants the server's order. The guideline leaves it to the client; all its suites are strong.
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    kinds = set[str]()
    for pair in ((certfile, keyfile), *other_certificates):
        _load_pair(context, *pair, password=password, at=at, kinds=kinds)
    context.set_alpn_protocols(list(alpn))
    if client_ca is not None:
        load_trust(context, "client_ca", client_ca, at=at)
        context.verify_mode = _VERIFY_MODES[mode]
        # A resumed session skips the checks: a client revoked in between was let in.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return confirm(context, chosen)


def _load_pair(
    context: ssl.SSLContext,
    certfile: FilePath,
    keyfile: FilePath,
    *,
    password: str | None,
    at: datetime,
    kinds: set[str],
) -> None:
    chain = load_identity(context, certfile, keyfile, password=password, at=at)
    given = f"certfile={os.fspath(certfile)!r}"
    refuse_unusable(given, chain)
    kind = type(chain[0].public_key()).__name__
    if kind in kinds:  # OpenSSL keeps one of each kind, and would drop the earlier in silence.
        raise ConfigurationError(
            f"{given} has the same kind of key as a certificate before it, and would take its place.",
            fix="Give one certificate with an ECDSA key and one with an RSA key; several names belong into one.",
        )
    kinds.add(kind)
