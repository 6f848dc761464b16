"""Key-exchange groups before Python 3.15: server processes are started with an OpenSSL configuration of ours.

v5.0.0-12.1.2; v4.0.3-9.1.2. `ssl` can choose one group or leave all of OpenSSL's (X448, P-521 and finite
fields among them) until `SSLContext.set_groups` came with 3.15. OpenSSL reads a default list from the file that the
environment names in OPENSSL_CONF, once, when it is first used. So a launcher writes such a file and starts its server
processes, or itself again, with it:

    if is_needed(os.environ):
        environ = server_environment(groups, os.environ)     # `groups` of the profile: guideline(profile).groups
        os.execve(sys.executable, [...], environ)            # or Popen(..., env=environ)
    ...                                                      # in the new process:
    context = policy.context(now)
    report(context, groups)                                  # the self-test: an event if it did not take
    release(os.environ)                                      # once no more process is to be started with it

What the operator configured for OpenSSL (OPENSSL_CONF, or the file of the system, which may hold a FIPS provider)
stays in force: our file includes it. Every TLS connection of the process is limited so, its own outgoing ones too.

It does not take, and `report` says so, where OpenSSL ignores its environment (a program file with capabilities or a
setuid bit), or was built without configuration files.
"""

import logging
import os
import ssl
import tempfile
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from ... import events
from ...tls.groups import as_setting, in_force
from .openssl_configuration import limited_to

VARIABLE: Final = "OPENSSL_CONF"
MARK: Final = "ASVS_OPENSSL_CONF_BEFORE"
"""Set in a process started with our file: an equals sign and what VARIABLE was before; empty if there was none.

An empty VARIABLE is not the same: with it OpenSSL reads no file at all."""

__all__ = ["in_force", "is_needed", "release", "report", "server_environment"]


def is_needed(environ: Mapping[str, str]) -> bool:
    """Tell whether this process must be started again: Python cannot set groups, and it was not prepared yet."""
    return not hasattr(ssl.SSLContext, "set_groups") and MARK not in environ


def server_environment(groups: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Write the configuration to a private file, and return the environment that names it.

    The file lives until `release`. Workers started with this environment find it, too.

    Args:
        groups: OpenSSL's names, best first; those this OpenSSL lacks are left out.
        environ: of this process.

    Raises:
        ConfigurationError: what is configured for OpenSSL already cannot be followed.
        OSError: there is no folder for temporary files that can be written to.
    """
    before = environ.get(VARIABLE)
    text = limited_to(as_setting(groups), system_configuration() if before is None else Path(before))
    handle, path = tempfile.mkstemp(prefix="asvs-openssl-", suffix=".cnf")  # 0600, and a name nobody can foresee.
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return {**environ, VARIABLE: path, MARK: "" if before is None else f"={before}"}


def release(environ: MutableMapping[str, str]) -> None:
    """Remove the file, and leave the environment as it was found, for what the app itself starts.

    OpenSSL has read it by then. Called again, or without a file, it does nothing.
    """
    if MARK not in environ:
        return
    with suppress(OSError):
        Path(environ.pop(VARIABLE, "")).unlink()
    if before := environ.pop(MARK):
        environ[VARIABLE] = before.removeprefix("=")


def report(context: ssl.SSLContext, groups: Iterable[str]) -> bool:
    """Ask the context which groups it takes, and emit `groups_not_limited` if there are others than these.

    Args:
        context: of the server, before anything that watches handshakes is put round it.
        groups: as for `server_environment`.
    """
    taken = in_force(context) or ()
    surplus = [group for group in taken if group not in set(groups)]
    if taken and not surplus:
        return True
    events.emit(
        "server",
        "groups_not_limited",
        reason="The key-exchange groups could not be limited to those of the profile."
        if taken
        else "The context does not tell its key-exchange groups.",
        requirement="v5.0.0-12.1.2",
        severity=logging.WARNING,
        groups=" ".join(taken),
        surplus=" ".join(surplus),
    )
    return False


def system_configuration() -> Path:
    """Return the file OpenSSL reads where the environment names none: it stands beside its list of CAs."""
    return Path(ssl.get_default_verify_paths().openssl_cafile).with_name("openssl.cnf")
