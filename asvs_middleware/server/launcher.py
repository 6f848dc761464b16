"""serve(): a hardened TLS port, beside it a plaintext port that never reaches the app, in one process or in several.

v5.0.0-12.1.1, 12.1.2, 12.1.3, 12.2.1, 13.4.6 (no Server field), 16.2.5 (no credential in the log). uvicorn does the
HTTP. Its own handling of proxy header fields is off: the policy of the app decides which proxies count. Which of its
settings may be chosen stands in `flags`, who runs the processes in `supervisor`, their order of events in `servers`.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from .. import events
from ..errors import ConfigurationError
from ..stack import Stack, stack_of
from ..tls import Guideline, describe
from .accept.guarded import guard_for
from .flags import passed
from .http.extension import with_tls_extension
from .keys.groups import is_needed
from .keys.reload import Reloader
from .listeners import BACKLOG, Listeners, listening, port_of
from .logs import LogFormat, events_on_stderr
from .plaintext import plaintext_app
from .policy import ServerPolicy
from .processes.again import workers_environment
from .processes.hangup import passed_over
from .processes.readiness import Announcement, Log, Probe, of_process
from .processes.shared_state import check_shared_state
from .processes.supervisor import Supervisor
from .processes.unix_socket import listening_on
from .processes.workers import Order
from .servers import Lifeline, PlaintextServer, TLSServer
from .target import load_app
from .uvicorn_settings import loaded, settings_of

PATIENCE: Final = 30
"""Seconds for requests under way once the end was asked for: whoever sends half a body must not hold it up for ever."""


def serve(
    app: ASGIApp | str,
    policy: ServerPolicy,
    *,
    app_dir: str = ".",
    factory: bool = False,
    log_format: LogFormat | None = None,
    **uvicorn_settings: Any,
) -> None:
    """Serve the app until SIGTERM or SIGINT, which end both ports; a second one does not wait for requests.

    Args:
        app: best one that went through `secure()`; any other gets TLS, and no policy of its own. Its name, as
            `module:attribute`, lets it be served by processes of their own: needed for several workers, and, before
            Python 3.15, to limit the key-exchange groups.
        policy: ports, certificates, profile and processes.
        app_dir: where a named app's module is looked for first.
        factory: the name is that of a function that makes the app.
        log_format: write the events of this package to stderr; None leaves logging to the app.
        uvicorn_settings: further arguments of `uvicorn.Config`; `flags.FLAGS` says which. `timeout_graceful_shutdown`
            is PATIENCE unless given.

    Raises:
        ConfigurationError: a setting, a file, a port or a route is not right, or the app refused to start.
    """
    if not isinstance(policy, ServerPolicy):
        raise ConfigurationError(
            f"serve() got a {type(policy).__name__} as policy.",
            fix="Write serve(app, ServerPolicy(certfile=..., keyfile=...)).",
        )
    settings = passed(uvicorn_settings)
    if policy.workers > 1 and not isinstance(app, str):
        raise ConfigurationError(
            f"An app that is given as an object cannot be served by {policy.workers} workers: each imports its own.",
            fix='Name it: serve("main:app", policy).',
        )
    with ExitStack() as entered:
        entered.enter_context(passed_over())
        if log_format is not None:
            entered.enter_context(events_on_stderr(level=policy.log_level, log_format=log_format))
        announcements = (Log(), *of_process(policy.ready_file, os.environ))
        if isinstance(app, str) and (policy.workers > 1 or is_needed(os.environ)):
            order = Order(
                target=app, app_dir=app_dir, factory=factory, policy=policy, log_format=log_format, settings=settings
            )
            _serve_by_workers(order, announcements)
            return
        found = load_app(app, app_dir=app_dir, factory=factory) if isinstance(app, str) else app
        listeners = entered.enter_context(opened(policy, backlog=settings.get("backlog", BACKLOG)))
        with suppress(KeyboardInterrupt):  # uvicorn has ended in order, and raises the signal again.
            run_here(found, policy, listeners, announcements=announcements, **settings)


def run_here(
    app: ASGIApp,
    policy: ServerPolicy,
    listeners: Listeners,
    *,
    announcements: Iterable[Announcement],
    lifeline: Lifeline | None = None,
    **uvicorn_settings: Any,
) -> None:
    """Serve the app in this process until the end.

    Args:
        app: as for serve().
        policy: as for serve().
        listeners: the open ports.
        announcements: how it is said that the app is up.
        lifeline: ends the server when it breaks.
        uvicorn_settings: as for serve().

    Raises:
        ConfigurationError: as for serve().
    """
    server = server_for(app, policy, listeners, announcements=announcements, lifeline=lifeline, **uvicorn_settings)
    server.run(listeners.tls)
    if not server.was_started:
        raise ConfigurationError("The app did not start.", fix="The log above says why.")


def server_for(
    app: ASGIApp,
    policy: ServerPolicy,
    listeners: Listeners,
    *,
    at: datetime | None = None,
    announcements: Iterable[Announcement] = (Log(),),
    lifeline: Lifeline | None = None,
    **uvicorn_settings: Any,
) -> TLSServer:
    """Return a server that is ready to `run(listeners.tls)`.

    Args:
        app: as for serve().
        policy: as for serve().
        listeners: the open ports, from `opened(policy)`.
        at: the moment certificates are judged at; now unless given.
        announcements: as for run_here().
        lifeline: as for run_here().
        uvicorn_settings: as for serve().

    Raises:
        ConfigurationError: as for serve().
    """
    settings = {"timeout_graceful_shutdown": PATIENCE, **settings_of(policy), **passed(uvicorn_settings)}
    stack = _checked_stack(app, policy)
    layer, over_tls, in_force = app, dict[str, Any](), dict[str, str]()
    reloader = _reloader(policy, stack, at=at or datetime.now(UTC))
    if policy.over_tls:
        context = reloader.context
        in_force = describe(context.current).facts()
        reloader.server.advise(at or datetime.now(UTC))
        layer = with_tls_extension(app, server_cert=reloader.server.shown)
        over_tls = {"ssl_context_factory": lambda _config, _default: context, **_http2(policy, settings)}
    probe = Probe()
    server = TLSServer(
        loaded(layer, {**settings, **over_tls}),
        facts=_facts(policy, listeners, reloader.server.profile) | in_force,
        announcements=(probe, *announcements),
        lifeline=lifeline,
        reloader=reloader,
        drain=policy.drain.total_seconds(),
    )
    server.guard = guard_for(
        policy, proxies=() if stack is None else stack.policy.proxies.networks, idle=settings.get("timeout_keep_alive")
    )
    if listeners.plaintext:
        https_port = policy.public_port or port_of(listeners.tls)
        policy_of_app, peers = (None, None) if stack is None else (stack.policy, stack.peers)

        async def probed(scope: Scope, receive: Receive, send: Send) -> None:
            # The lifespan ran on the other port; what it left for the requests is there.
            await app({**scope, "state": server.lifespan.state.copy()}, receive, send)

        gates = plaintext_app(policy_of_app, https_port=https_port, probed=probed, peers=peers)
        if policy.ready_path is not None:
            gates = probe.before(gates, policy.ready_path)
        plaintext = PlaintextServer(loaded(gates, {**settings, "lifespan": "off"}))
        plaintext.guard = server.guard
        server.beside = plaintext, listeners.plaintext
    return server


@contextmanager
def opened(policy: ServerPolicy, *, backlog: int = BACKLOG) -> Iterator[Listeners]:
    """Open the ports of the policy, or its unix socket, and close them at the end."""
    if policy.uds is None:
        with listening(policy, backlog=backlog) as listeners:
            yield listeners
        return
    with listening_on(policy.uds, mode=policy.uds_mode, backlog=backlog) as one:
        yield Listeners([one], [])


def _serve_by_workers(order: Order, announcements: Iterable[Announcement]) -> None:
    policy = order.policy
    if policy.over_tls:
        policy.context(datetime.now(UTC))  # A wrong file is said once, and before a process is started.
    backlog = order.settings.get("backlog", BACKLOG)
    with opened(policy, backlog=backlog) as listeners, suppress(KeyboardInterrupt):
        Supervisor(
            order.on(listeners),
            listeners,
            environ=partial(workers_environment, policy),
            announcements=announcements,
            grace=_grace(order),
        ).run()


def _grace(order: Order) -> float | None:
    seconds = order.settings.get("timeout_graceful_shutdown", PATIENCE)
    return None if seconds is None else seconds + order.policy.drain.total_seconds()


def _http2(policy: ServerPolicy, settings: dict[str, Any]) -> dict[str, Any]:
    if not policy.http2:
        return {}
    if settings.get("http", "zttp") not in {"zttp", "auto"}:
        raise ConfigurationError(
            f"HTTP/2 is spoken by zttp, and http is {settings['http']!r}.", fix='Drop http (--http), or say "zttp".'
        )
    return {"http": "zttp", "http2": True}


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
    by_clients = stack.policy.client_certificates is not None and stack.policy.forwarded_certificates is None
    asks = by_clients or stack.policy.required_peer_certificate is not None
    if asks and policy.client_ca is None and policy.over_tls:
        raise ConfigurationError(
            "The app verifies client certificates, and this server would never ask a client for one.",
            fix="Name the CAs of your clients with client_ca (--client-ca).",
        )
    clients = stack.policy.client_certificates if asks and policy.over_tls else None
    if clients is not None and clients.handshake_mode == "required" != policy.client_certificates:
        raise ConfigurationError(
            "The app serves nobody without a client certificate, and this server's handshake lets them pass.",
            fix='Choose client_certificates="required" (--client-certificates required).',
        )
    if not policy.over_tls and "unix" not in stack.policy.proxies:
        raise ConfigurationError(
            "The app trusts no proxy on a unix socket, and would refuse every request as plaintext.",
            fix='Add "unix" to SecurityPolicy(trusted_proxies=[...]), or give certfile and keyfile.',
        )
    check_shared_state(stack.policy, workers=policy.workers)
    stack.check()
    return stack


def _reloader(policy: ServerPolicy, stack: Stack | None, *, at: datetime) -> Reloader:
    if stack is None:
        return Reloader.of(policy, verifier=None, at=at)
    return Reloader.of(policy, verifier=stack.guard.certificates, hosts=stack.policy.hosts, at=at)


def _facts(policy: ServerPolicy, listeners: Listeners, profile: Guideline | None) -> dict[str, str | int | None]:
    host = f"[{policy.host}]" if ":" in policy.host else policy.host
    where = f"https://{host}:{port_of(listeners.tls)}" if policy.uds is None else f"unix:{os.fspath(policy.uds)}"
    return {
        "url": where,
        "plaintext_url": f"http://{host}:{port_of(listeners.plaintext)}" if listeners.plaintext else None,
        "profile": None if profile is None else profile.name,
        "client_certificates": policy.client_certificates if policy.client_ca is not None else "none",
    }
