"""What public scanners find on a real `asvs serve`: v4.0.3-9.1.2 asks for just that, v5.0.0-12.1.1 and 12.1.2.

docs/how-to/scan-your-server.md has the same commands for a person.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest

from asvs_middleware.tls import guideline

HOST = "api.example.com"
Serve = Callable[..., int]


@pytest.fixture
def sslyze(serve: Serve, scanned: Path, sslyze_program: str) -> Callable[..., str]:
    def scan(pair: str, *options: str, judged: str) -> str:
        target = f"{HOST}:{serve(pair, *options)}{{127.0.0.1}}"
        command = [sslyze_program, f"--mozilla_config={judged}", "--certinfo_ca_file", str(scanned / "ca.pem"), target]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    return scan


@pytest.mark.parametrize(
    ("pair", "options", "judged", "verdict"),
    [
        pytest.param("ec", (), "intermediate", "OK - Compliant", id="ECDSA"),
        pytest.param("rsa", (), "intermediate", "OK - Compliant", id="RSA"),
        pytest.param("ec", ("--profile", "modern-6.0"), "modern", "OK - Compliant", id="modern"),
        pytest.param("ec", (), "modern", "FAILED - Not compliant", id="intermediate is not modern"),
    ],
)
def test_sslyze(pair: str, options: tuple[str, ...], judged: str, verdict: str, sslyze: Callable[..., str]) -> None:
    """sslyze's own check against the guidelines; the last row shows that it can say no."""
    said = sslyze(pair, *options, judged=judged)
    assert verdict in said.partition("COMPLIANCE AGAINST TLS CONFIGURATION")[2], said


GROUPS = {"x25519", "secp256r1", "secp384r1"}


@pytest.mark.parametrize(
    ("pair", "options", "suites"),
    [
        pytest.param("ec", (), "ECDHE-ECDSA-", id="ECDSA"),
        pytest.param("rsa", (), "ECDHE-RSA-", id="RSA"),
        pytest.param("ec+rsa", (), "ECDHE-", id="both"),
        pytest.param("ec", ("--profile", "modern-6.0"), None, id="modern"),
    ],
)
def test_sslscan(pair: str, options: tuple[str, ...], suites: str | None, serve: Serve, sslscan: str) -> None:
    """Only the versions, suites and groups that the profile names, all of them, and no old weakness."""
    command = [sslscan, "--xml=-", f"--sni-name={HOST}", f"127.0.0.1:{serve(pair, *options)}"]
    report = fromstring(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    profile = guideline("intermediate-6.0")
    spoken = {"1.3"} if suites is None else {"1.2", "1.3"}
    assert attributes(report, "protocol[@enabled='1']", "version") == spoken
    named = {*profile.tls_1_3_suites, *(one for one in profile.tls_1_2_suites if suites and one.startswith(suites))}
    assert attributes(report, "cipher", "cipher") == named
    assert {name.partition(" ")[0] for name in attributes(report, "group", "name")} == GROUPS
    assert attributes(report, "heartbleed[@vulnerable='1']", "sslversion") == set()
    assert attributes(report, "compression", "supported") <= {"0"}
    assert attributes(report, "renegotiation", "supported") == {"0"}


def attributes(report: Element, path: str, name: str) -> set[str | None]:
    return {element.get(name) for element in report.iterfind(f".//{path}")}


# What testssl says of itself, of this machine, or could not check; not of the server.
ASIDE = re.compile(
    r"engine_problem"  # Its own OpenSSL has no GOST engine.
    r"|sessionresumption_\w+"  # "check failed because of connect problem", now and then.
    r"|.*(quic|kem|early_data|0rtt).*",  # Newer releases: no ML-KEM before OpenSSL 3.5, and neither of the others here.
    re.IGNORECASE,
)

# Protocols, suites, forward secrecy, preference, certificate, header fields, vulnerabilities. The simulation of old
# clients and the list of each single suite say the same again, and take as long.
SECTIONS = ("-p", "-s", "-f", "-P", "-S", "-h", "-U")
PATIENCE = {"USLEEP_SND": "0.02", "USLEEP_REC": "0.04"}  # Between the records it sends: this server is near.


def test_testssl(serve: Serve, scanned: Path, testssl: str, tmp_path: Path) -> None:
    """Nothing above a note is found on a server with both kinds of certificate."""
    report = tmp_path / "report.json"
    quiet = ("--quiet", "--color", "0", "--warnings", "off", "--nodns", "none")
    where = ("--ip", "127.0.0.1", "--add-ca", str(scanned / "ca.pem"), "--jsonfile", str(report))
    command = [testssl, *quiet, *where, *SECTIONS, f"https://{HOST}:{serve('ec+rsa')}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | PATIENCE)
    found = json.loads(report.read_text())
    ids = {one["id"] for one in found}
    assert {"TLS1_2", "TLS1_3", "HSTS_time", "heartbleed", "LUCKY13"} <= ids, ran.stdout
    trust = [one["severity"] for one in found if one["id"].startswith("cert_chain_of_trust")]
    assert trust == ["OK", "OK"]
    assert [one for one in found if one["severity"] not in {"OK", "INFO"} and not ASIDE.fullmatch(one["id"])] == []
