"""The plaintext port: v4.0.3-9.1.1, v5.0.0-12.2.1, 12.3.3 and 4.1.2.

It has the gates of the app's policy and nothing behind them: a page is redirected to the TLS port, all else is
refused, and the user's app is out of reach but for the probes the policy names. No proxy is trusted here, so nobody
can claim to have come over TLS.
"""

from collections.abc import Awaitable
from typing import NoReturn

from starlette.types import ASGIApp, Receive, Scope, Send

from ..connection import Networks, connection_reader
from ..errors import TLSRequired
from ..middleware import Fused, PeerLock, dresser, host_gate, limits_gate, plaintext_gate, probe_test, undressed
from ..policy import SecurityPolicy


def plaintext_app(
    policy: SecurityPolicy | None, *, https_port: int, probed: ASGIApp, peers: PeerLock | None = None
) -> ASGIApp:
    """Return what answers on the plaintext port.

    Args:
        policy: of the secured app. Without one nothing is redirected: nobody said which hosts are ours.
        https_port: where the redirect leads, unless the policy maps hosts.
        probed: the secured app, which answers the probes of its policy and judges them itself.
        peers: the origin lock; where it asks for a certificate nothing is redirected, for here nobody shows one.
    """
    read = connection_reader(Networks(()))
    if policy is None:
        gate = plaintext_gate(redirect_pages=False, https_port=https_port)
        return Fused(nothing, read=read, dress=undressed, gates=(gate,))
    gates = Fused(
        nothing,
        read=read,
        dress=dresser(policy.preset, api=policy.api_headers, web=policy.web_headers),
        gates=(
            *(() if peers is None else (peers.judge,)),
            limits_gate(policy.limits),
            host_gate(policy.served_hosts),
            plaintext_gate(
                redirect_pages=policy.redirects_pages,
                https_port=https_port if isinstance(policy.https_port, int) else policy.https_port,
            ),
        ),
        on_exposed_credential=policy.on_exposed_credential,
    )
    return _probes_aside(gates, policy, probed=probed) if policy.probes else gates


def _probes_aside(gates: ASGIApp, policy: SecurityPolicy, *, probed: ASGIApp) -> ASGIApp:
    """Return the gates for everything but probes, which go to the app.

    Which request is one is asked by the app's own proxies: what one of them passes on is somebody else's.
    """
    is_probe, read = probe_test(policy.probes), connection_reader(policy.proxies)
    paths = {probe.path for probe in policy.probes}

    def asked(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        probes = scope["type"] == "http" and scope["path"] in paths and is_probe(read(scope, receive))
        return (probed if probes else gates)(scope, receive, send)

    return asked


async def nothing(_scope: Scope, _receive: Receive, _send: Send) -> NoReturn:
    """Stand where an app would: should a gate ever let something through, it is refused all the same."""
    raise TLSRequired("Nothing is served over plaintext.")
