"""serve(): one process, one app, a hardened TLS port, and beside it a plaintext port that never reaches the app.

v5.0.0-12.1.1, 12.1.2, 12.1.3, 12.2.1, 13.4.6 (no Server field), 16.2.5 (no credential in the log). uvicorn does the
HTTP. Its own handling of proxy header fields is off: the policy of the app decides which proxies count. One process
only; several belong behind a supervisor that starts this command several times.
"""

from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.types import ASGIApp

from .. import events
from ..errors import ConfigurationError
from ..names import known
from ..stack import Stack, stack_of
from .extension import suite_numbers, with_tls_extension
from .listeners import Listeners, listening, port_of
from .plaintext import plaintext_app
from .policy import ServerPolicy
from .servers import PlaintextServer, TLSServer

FREE: Final = frozenset({
    "access_log", "backlog", "date_header", "h11_max_incomplete_event_size", "http", "limit_concurrency",
    "limit_max_requests", "log_config", "loop", "root_path", "timeout_graceful_shutdown", "timeout_keep_alive",
    "use_colors", "ws", "ws_max_queue", "ws_max_size", "ws_per_message_deflate", "ws_ping_interval",
    "ws_ping_timeout",
})  # fmt: skip
"""The settings of uvicorn that may be passed on: none of them weakens what a policy promises."""

PATIENCE: Final = 30
"""Seconds for requests under way once the end was asked for: whoever sends half a body must not hold it up for ever."""


def serve(app: ASGIApp, policy: ServerPolicy, **uvicorn_settings: Any) -> None:
    """Serve the app until SIGTERM or SIGINT, which end both ports.

    Args:
        app: best one that went through `secure()`; any other gets TLS, and no policy of its own.
        policy: ports, certificates and profile.
        uvicorn_settings: further arguments of `uvicorn.Config`; only those in FREE. `timeout_graceful_shutdown` is
            PATIENCE unless given.

    Raises:
        ConfigurationError: a setting, a file, a port or a route is not right, or the app refused to start.
    """
    if not isinstance(policy, ServerPolicy):
        raise ConfigurationError(
            f"serve() got a {type(policy).__name__} as policy.",
            fix="Write serve(app, ServerPolicy(certfile=..., keyfile=...)).",
        )
    with listening(policy) as listeners:
        server = server_for(app, policy, listeners, **uvicorn_settings)
        with suppress(KeyboardInterrupt):  # uvicorn has ended in order, and raises the signal again.
            server.run(listeners.tls)
    if not server.was_started:
        raise ConfigurationError("The app did not start.", fix="The log above says why.")


def server_for(
    app: ASGIApp,
    policy: ServerPolicy,
    listeners: Listeners,
    *,
    at: datetime | None = None,
    **uvicorn_settings: Any,
) -> TLSServer:
    """Return a server that is ready to `run(listeners.tls)`.

    Args:
        app: as for serve().
        policy: as for serve().
        listeners: the open ports, from `listening(policy)`.
        at: the moment certificates are judged at; now unless given.
        uvicorn_settings: as for serve().

    Raises:
        ConfigurationError: as for serve().
    """
    for name in uvicorn_settings:
        known(name, FREE, where="serve()")
    stack = _checked_stack(app, policy)
    context = policy.context(at or datetime.now(UTC))
    layer = with_tls_extension(app, server_cert=_own_certificate(policy), suites=suite_numbers(context))
    common = {
        "interface": "asgi3",
        # At debug uvicorn's log is that of websockets, too, which writes header fields and frames.
        "log_level": "info" if policy.log_level == "debug" else policy.log_level,
        "proxy_headers": False,
        "server_header": False,
        "timeout_graceful_shutdown": PATIENCE,
        # The choice of uvicorn's newer releases; its older ones take an implementation that is deprecated.
        "ws": "websockets-sansio" if find_spec("websockets") else "auto",
        **uvicorn_settings,
    }
    server = TLSServer(
        _config(layer, {**common, "ssl_context_factory": lambda _config, _default: context}),
        facts=_facts(policy, listeners),
    )
    if listeners.plaintext:
        https_port = policy.public_port or port_of(listeners.tls)
        policy_of_app, peers = (None, None) if stack is None else (stack.policy, stack.peers)
        gates = plaintext_app(policy_of_app, https_port=https_port, peers=peers)
        server.beside = PlaintextServer(_config(gates, {**common, "lifespan": "off"})), listeners.plaintext
    return server


def _config(app: ASGIApp, settings: dict[str, Any]) -> uvicorn.Config:
    """Return the loaded configuration, so that what cannot be loaded stops the start."""
    config = uvicorn.Config(app, **settings)
    try:
        config.load()
        config.get_loop_factory()
    except ImportError as error:
        raise ConfigurationError(
            f"A setting of uvicorn needs {error.name!r}, which is not installed.", fix='Install it, or use "auto".'
        ) from error
    return config


def _checked_stack(app: ASGIApp, policy: ServerPolicy) -> Stack | None:
    """Return the stack of a secured app once its routes are in order; None, and a warning, for any other app."""
    try:
        stack = stack_of(app)
    except ConfigurationError as error:
        events.emit(
            "server",
            "app_without_policy",
            reason=f"{error} Until then it is served over TLS without gates, guard or headers.",
            requirement="v5.0.0-8.3.1",
        )
        return None
    verifies = stack.policy.client_certificates or stack.policy.required_peer_certificate
    if verifies is not None and policy.client_ca is None:
        raise ConfigurationError(
            "The app verifies client certificates, and this server would never ask a client for one.",
            fix="Name the CAs of your clients with client_ca (--client-ca).",
        )
    stack.check()
    return stack


def _own_certificate(policy: ServerPolicy) -> str:
    chain = x509.load_pem_x509_certificates(Path(policy.certfile).read_bytes())
    return chain[0].public_bytes(Encoding.PEM).decode("ascii")


def _facts(policy: ServerPolicy, listeners: Listeners) -> dict[str, str | int | None]:
    host = f"[{policy.host}]" if ":" in policy.host else policy.host
    return {
        "url": f"https://{host}:{port_of(listeners.tls)}",
        "plaintext_url": f"http://{host}:{port_of(listeners.plaintext)}" if listeners.plaintext else None,
        "profile": policy.profile,
        "client_certificates": policy.client_certificates if policy.client_ca is not None else "none",
    }
