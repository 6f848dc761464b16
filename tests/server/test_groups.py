"""Key-exchange groups of a server process: limited by the environment it is started with, and seen to be."""

import json
import os
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from asvs_middleware.server.keys import groups
from asvs_middleware.server.keys.groups import MARK, VARIABLE, is_needed, release, report, server_environment
from asvs_middleware.tls import guideline, known_here, server_context

PROFILE = guideline("intermediate-6.0").groups

A_SERVER = """
import json, logging, os, sys
from datetime import UTC, datetime
from asvs_middleware.server.keys.groups import is_needed, release, report
from asvs_middleware.tls import describe, guideline, server_context
at = datetime.now(UTC)
events = []
class Keep(logging.Handler):
    def emit(self, record):
        events.append(record.asvs)
logging.getLogger("asvs_middleware").addHandler(Keep())
context = server_context(certfile=sys.argv[1], keyfile=sys.argv[2], profile=sys.argv[3], at=at)
needed, took = is_needed(os.environ), report(context, guideline(sys.argv[3]).groups)
groups = describe(context).groups
release(os.environ)
after = os.environ.get("OPENSSL_CONF"), "ASVS_OPENSSL_CONF_BEFORE" in os.environ
print(json.dumps([needed, took, groups, events, *after]))
"""


def started(pki: Path, environ: dict[str, str], profile: str = "intermediate-6.0") -> list[Any]:
    command = [sys.executable, "-c", A_SERVER, str(pki / "server.pem"), str(pki / "server.key"), profile]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    found: list[Any] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("profile", ["intermediate-6.0", "modern-6.0"])
def test_a_server_takes_the_groups_of_its_profile(profile: str, pki: Path) -> None:
    """Nothing but X25519, P-256 and P-384, and ML-KEM where OpenSSL has it; the file is gone afterwards."""
    environ = server_environment(PROFILE, os.environ)
    file = Path(environ[VARIABLE])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    needed, took, taken, events, *after = started(pki, environ, profile)
    assert (needed, took, sorted(taken), events) == (False, True, sorted(known_here(PROFILE)), [])
    assert after == [os.environ.get(VARIABLE), False]
    assert not file.exists()


def test_a_server_started_without_says_so(pki: Path) -> None:
    """The self-test finds what the profile leaves out, and writes one event."""
    if hasattr(ssl.SSLContext, "set_groups"):
        pytest.skip("This Python sets the groups itself.")
    needed, took, taken, events, *_ = started(pki, dict(os.environ))
    assert (needed, took) == (True, False)
    [event] = events
    assert (event["event"], event["requirement"]) == ("groups_not_limited", "v5.0.0-12.1.2")
    assert "secp521r1" in event["surplus"].split()
    assert {*event["surplus"].split()} == {*taken} - {*PROFILE}


def test_what_the_operator_configured_is_given_back(tmp_path: Path, pki: Path) -> None:
    """An OPENSSL_CONF of the operator's is included, and restored for what the app itself starts."""
    theirs = tmp_path / "theirs.cnf"
    theirs.write_text("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nGroups = X448\n")
    environ = server_environment(PROFILE, {**os.environ, VARIABLE: str(theirs)})
    assert str(theirs) in Path(environ[VARIABLE]).read_text()
    _, took, _, events, *after = started(pki, environ)
    assert (took, events, after) == (True, [], [str(theirs), False])


@pytest.mark.parametrize("before", [None, "", os.devnull], ids=["unset", "empty", "no file"])
def test_release(before: str | None) -> None:
    """The environment is as it was found; once more does nothing. Empty is not the same as unset: it means no file."""
    found = {"OTHER": "1"} | ({} if before is None else {VARIABLE: before})
    environ = server_environment(PROFILE, found)
    assert not is_needed(environ)
    file = Path(environ[VARIABLE])
    assert (".include" in file.read_text()) == (before is None and groups.system_configuration().is_file())
    for _ in range(2):
        release(environ)
        assert environ == found
    assert not file.exists()


def test_release_when_the_file_went_away() -> None:
    """Somebody cleaned up the folder for temporary files: nothing happens."""
    environ = server_environment(PROFILE, {})
    Path(environ[VARIABLE]).unlink()
    release(environ)
    assert environ == {}
    environ = {MARK: ""}
    release(environ)
    assert environ == {}


def test_a_context_that_does_not_tell(events: Callable[[], list[dict[str, Any]]]) -> None:
    """No answer is no pass."""
    assert report(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), PROFILE) is False
    [event] = events()
    assert (event["event"], event["reason"]) == (
        "groups_not_limited",
        "The context does not tell its key-exchange groups.",
    )


def test_needed_where_python_cannot(pki: Path, events: Callable[[], list[dict[str, Any]]]) -> None:
    """One group alone can be chosen everywhere, and then the report is content."""
    assert is_needed({}) is not hasattr(ssl.SSLContext, "set_groups")
    at = datetime.now(UTC)
    context = server_context(certfile=pki / "server.pem", keyfile=pki / "server.key", at=at)
    context.set_ecdh_curve("X25519")
    assert report(context, PROFILE) is True
    assert events() == []
