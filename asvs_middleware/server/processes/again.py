"""Starting this program again with OpenSSL's groups limited: v5.0.0-12.1.2. See `groups` for why.

One server process needs no second one beside it: it replaces itself, and keeps its number, so that a service manager
or a container sees the process it started (docs/explanation/decisions has the comparison).
"""

import os
import ssl
import sys
from collections.abc import Callable, Mapping, MutableMapping

from ..keys.choices import chosen_guideline
from ..keys.groups import is_needed, release, server_environment
from ..policy import ServerPolicy

Execute = Callable[[str, list[str], Mapping[str, str]], object]


def started_again(
    policy: ServerPolicy,
    *,
    as_program: bool,
    environ: MutableMapping[str, str] = os.environ,
    execute: Execute = os.execve,
) -> None:
    """Replace this process by one with the same command line, if that has to be; otherwise return.

    Args:
        policy: names the profile; without TLS there are no groups.
        as_program: the command line of this process is the command. A caller's process is left alone.
        environ: of this process.
        execute: as `os.execve`, which does not return.

    Raises:
        ConfigurationError: as for `server_environment` and `chosen_guideline`.
    """
    if not as_program or not policy.over_tls or not is_needed(environ):
        settle(environ)
        return
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # The line as the system saw it: with the options of the interpreter, and without a folder added to its path.
    line = [sys.executable, *sys.orig_argv[1:]]
    execute(sys.executable, line, server_environment(chosen_guideline(policy).groups, environ))


def workers_environment(policy: ServerPolicy, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment one worker is started with; it, or whoever started it, removes the file again.

    Args:
        policy: as for started_again().
        environ: of this process.

    Raises:
        ConfigurationError: as for `server_environment` and `chosen_guideline`.
        OSError: likewise.
    """
    if policy.over_tls and is_needed(environ):
        return server_environment(chosen_guideline(policy).groups, environ)
    return dict(environ)


def settle(environ: MutableMapping[str, str] = os.environ) -> None:
    """Have OpenSSL read the configuration this process was started with, and leave no trace of it.

    The file is removed before the app is imported, however that ends, and what the app starts finds the environment
    as it was.

    Args:
        environ: of this process.
    """
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    release(environ)
