"""The plaintext port: v4.0.3-9.1.1, v5.0.0-12.2.1, 12.3.3 and 4.1.2.

It has the gates of the app's policy and nothing behind them: a page is redirected to the TLS port, all else is
refused, and the user's app is out of reach. No proxy is trusted here, so nobody can claim to have come over TLS.
"""

from typing import NoReturn

from starlette.types import ASGIApp, Receive, Scope, Send

from ..connection import Networks, connection_reader
from ..errors import TLSRequired
from ..middleware import PeerLock, dresser, fuse, host_gate, plaintext_gate, undressed
from ..policy import SecurityPolicy


def plaintext_app(policy: SecurityPolicy | None, *, https_port: int, peers: PeerLock | None = None) -> ASGIApp:
    """Return what answers on the plaintext port.

    Args:
        policy: of the secured app. Without one nothing is redirected: nobody said which hosts are ours.
        https_port: where the redirect leads, unless the policy maps hosts.
        peers: the origin lock; where it asks for a certificate nothing is redirected, for here nobody shows one.
    """
    read = connection_reader(Networks(()))
    if policy is None:
        gate = plaintext_gate(redirect_pages=False, https_port=https_port)
        return fuse(nothing, read=read, dress=undressed, gates=(gate,))
    return fuse(
        nothing,
        read=read,
        dress=dresser(policy.preset, api=policy.api_headers, web=policy.web_headers),
        gates=(
            *(() if peers is None else (peers.judge,)),
            host_gate(policy.served_hosts),
            plaintext_gate(
                redirect_pages=policy.redirects_pages,
                https_port=https_port if isinstance(policy.https_port, int) else policy.https_port,
            ),
        ),
        on_exposed_credential=policy.on_exposed_credential,
    )


async def nothing(_scope: Scope, _receive: Receive, _send: Send) -> NoReturn:
    """Stand where an app would: should a gate ever let something through, it is refused all the same."""
    raise TLSRequired("Nothing is served over plaintext.")
