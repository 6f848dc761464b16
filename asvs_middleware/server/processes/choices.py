"""The choices of ServerPolicy that concern processes, unix sockets and probes, judged while the policy is made.

v5.0.0-4.1.3 and 15.2.2. Kept beside the policy so that it stays a list of what can be chosen.
"""

import stat
from datetime import timedelta
from typing import Any, Final

from ...errors import ConfigurationError

MOST_WORKERS: Final = 256
MOST_DRAIN: Final = timedelta(minutes=5)


def check_workers(workers: object) -> None:
    """Refuse what is no number of processes.

    Raises:
        ConfigurationError: it is not between 1 and MOST_WORKERS.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= MOST_WORKERS:
        raise ConfigurationError(
            f"ServerPolicy(workers={workers!r}) is no number of processes.",
            fix=f"Use 1 to {MOST_WORKERS}; as many as there are processors is a good start.",
        )


def check_unix_socket(policy: Any) -> None:
    """Refuse a unix socket that everybody may write to, or that stands beside ports.

    Raises:
        ConfigurationError: as said; or there is neither a unix socket nor a certificate.
    """
    mode = policy.uds_mode
    if isinstance(mode, bool) or not isinstance(mode, int) or not 0 <= mode <= 0o777 or mode & stat.S_IRWXO:
        written = oct(mode) if isinstance(mode, int) else repr(mode)
        raise ConfigurationError(
            f"ServerPolicy(uds_mode={written}) is no mode that keeps other users out.",
            fix="Use 0o660, and put the proxy's user into the group: who can write to the socket passes for the proxy.",
        )
    if policy.uds is not None and policy.redirect_port is not None:
        raise ConfigurationError(
            "ServerPolicy(uds=..., redirect_port=...) opens a plaintext port behind the proxy.",
            fix="Drop redirect_port: the proxy redirects, or passes plaintext on with X-Forwarded-Proto: http.",
        )


def check_probe(policy: Any) -> None:
    """Refuse a probe that cannot be asked, and a drain that is no short time.

    Raises:
        ConfigurationError: as said.
    """
    path = policy.ready_path
    if path is not None and (
        not isinstance(path, str)
        or not path.startswith("/")
        or not path.isascii()
        or not path.isprintable()
        or set(path) & set("?# %")
    ):
        raise ConfigurationError(f"ServerPolicy(ready_path={path!r}) is no path.", fix='Write one such as "/ready".')
    if path is not None and policy.redirect_port is None:
        raise ConfigurationError(
            f"ServerPolicy(ready_path={path!r}) is answered on the plaintext port, and there is none.",
            fix="Add redirect_port, or let the probe look at ready_file.",
        )
    drain = policy.drain
    if not isinstance(drain, timedelta) or not timedelta(0) <= drain <= MOST_DRAIN:
        raise ConfigurationError(
            f"ServerPolicy(drain={drain!r}) is no time between zero and five minutes.",
            fix="Use timedelta(seconds=5): what your load balancer needs to see that this process stops.",
        )
