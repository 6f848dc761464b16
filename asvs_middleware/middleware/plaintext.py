"""Keep plaintext away from the app: v4.0.3-9.1.1, v5.0.0-12.2.1, v5.0.0-4.1.2 and, for WebSocket, v5.0.0-4.4.1.

Only a page a person opens is redirected, and only where the app serves pages. Any other call is refused, so that a
client which leaks its token over plaintext is noticed instead of silently repaired.
"""

from typing import Final
from urllib.parse import quote

from ..connection import Connection, parse_host
from ..errors import TLSRequired
from .verdict import Gate, Redirect, Verdict

_PATH: Final = "/:@!$&'()*+,;=~-._"  # RFC 3986 section 3.3


def plaintext_gate(*, redirect_pages: bool, https_port: int) -> Gate:
    """Return the gate.

    Args:
        redirect_pages: whether the app serves pages; the Host gate has to stand before this one.
        https_port: where TLS is served, for the redirect; 443 is left out of the location.
    """
    port = "" if https_port == 443 else f":{https_port}"

    def judge(connection: Connection) -> Verdict:
        if connection.secure:
            return None
        exposed = connection.exposes_credentials
        if redirect_pages and connection.opens_a_page and not exposed and connection.host is not None:
            return Redirect(f"https://{parse_host(connection.host)}{port}{_target(connection)}")
        return TLSRequired(
            "The request came over plaintext and carried a credential, which has to be replaced."
            if exposed
            else "The request came over plaintext.",
            facts={"credential_exposed": exposed},
            requirement="v5.0.0-4.4.1" if connection.scope["type"] == "websocket" else None,
        )

    return judge


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
