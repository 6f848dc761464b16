"""Keep plaintext away from the app: v4.0.3-9.1.1, v5.0.0-12.2.1, v5.0.0-4.1.2 and, for WebSocket, v5.0.0-4.4.1.

Only a page a person opens is redirected, and only where the app serves pages. Any other call is refused, so that a
client which leaks its token over plaintext is noticed instead of silently repaired. A handshake is never redirected:
browsers do not follow.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from ...connection import Connection
from ...connection.host import parse_authority
from ...errors import TLSRequired
from .https_ports import HTTPSPort, tls_authority, written
from .probes import Probe, probe_test
from .verdict import Gate, Redirect, Verdict

_PATH: Final = "/:@!$&'()*+,;=~-._"  # RFC 3986 section 3.3


def plaintext_gate(*, redirect_pages: bool, https_port: HTTPSPort, probes: Sequence[Probe] = ()) -> Gate:
    """Return the gate.

    Args:
        redirect_pages: whether the app serves pages; the Host gate has to stand before this one.
        https_port: where TLS is served, for the redirect (https_ports.py).
        probes: what may be asked over plaintext.
    """
    authority = tls_authority(https_port)
    is_probe = probe_test(probes)

    def judge(connection: Connection) -> Verdict:
        if connection.secure or is_probe(connection):
            return None
        exposed = connection.exposes_credentials
        host = connection.host
        if redirect_pages and connection.opens_a_page and not exposed and host is not None:
            target = authority(host)
            if connection.claims_tls and target == _asked_for(host):
                return _loop(connection)
            return Redirect(f"https://{target}{_target(connection)}")
        return TLSRequired(
            "The request came over plaintext and carried a credential, which has to be replaced."
            if exposed
            else "The request came over plaintext.",
            facts={"credential_exposed": exposed},
            requirement="v5.0.0-4.4.1" if connection.scope["type"] == "websocket" else None,
        )

    return judge


def _asked_for(host: bytes) -> str:
    """Return the authority of the page as the browser asked for it, if it spoke TLS to something before us."""
    name, port = parse_authority(host)
    return written(name, port or 443)


def _loop(connection: Connection) -> TLSRequired:
    """The browser is where the redirect would send it: a proxy in between speaks TLS, and nobody said to trust it."""
    return TLSRequired(
        f"A forwarded field from {connection.transport.peer} says that the browser already uses TLS, so a redirect "
        "would lead back here without end. The peer is not in trusted_proxies: if it is your proxy, add its network.",
        code="redirect_loop",
        facts={"credential_exposed": False, "setting": "trusted_proxies"},
        requirement="v5.0.0-4.1.3",
    )


def _target(connection: Connection) -> str:
    """Return path and query as they were sent; what could not stand in a URL is percent-encoded."""
    scope = connection.scope
    raw: bytes | None = scope.get("raw_path")
    if raw:
        path = quote(raw.partition(b"?")[0], safe=f"%{_PATH}")
    else:  # The server gives the decoded path only: a "%" in it is one.
        path = quote(scope["path"], safe=_PATH, errors="surrogatepass")
    query = quote(scope.get("query_string") or b"", safe=f"%?{_PATH}")
    return f"/{path.lstrip('/')}" + (f"?{query}" if query else "")
