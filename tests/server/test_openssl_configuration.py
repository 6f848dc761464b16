"""An OpenSSL configuration of ours keeps what was there: read back by OpenSSL itself, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.keys.openssl_configuration import limited_to

GROUPS = "X25519:prime256v1"

# What a bare client context offers under the configuration: the groups, and whether TLS 1.3 was taken away.
READ_BACK = """
import json, ssl
from asvs_middleware.tls.groups import in_force
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
print(json.dumps([in_force(context), context.maximum_version == ssl.TLSVersion.TLSv1_2]))
"""


def read_back(path: Path) -> tuple[list[str], bool]:
    env = os.environ | {"OPENSSL_CONF": str(path)}
    ran = subprocess.run([sys.executable, "-c", READ_BACK], env=env, capture_output=True, text=True, check=True)
    groups, is_limited = json.loads(ran.stdout)
    return groups, is_limited


THEIRS = """
# A comment.
openssl_conf = mine      # Another.
[ mine ]
ssl_conf = "tls"
[tls]
system_default = \\
  defaults
[ defaults ]
MaxProtocol = TLSv1.2
Groups = X448
"""


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, False, id="no file before"),
        pytest.param({"before.cnf": ""}, False, id="an empty one"),
        pytest.param({"before.cnf": THEIRS}, True, id="one with TLS defaults"),
        pytest.param({"before.cnf": ".include {folder}/other.cnf", "other.cnf": THEIRS}, True, id="one that includes"),
        pytest.param({"before.cnf": ".include = {folder}/d", "d/a.cnf": THEIRS, "d/b.txt": "["}, True, id="a folder"),
        pytest.param(
            {
                "before.cnf": "openssl_conf = a\n[a]\nssl_conf = b\n[b]\n[a]\n"
                "b::system_default = c\nc::MaxProtocol = TLSv1.2"
            },
            True,
            id="sections in another's place",
        ),
    ],
)
def test_what_was_configured_stays(files: dict[str, str], expected: bool, tmp_path: Path) -> None:
    """Our groups hold, and so does a setting of the file before, which is told by the version it takes away."""
    folder = tmp_path / "a folder with $signs = and # more"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        quoted = "".join(f"\\{c}" if c in " $=#" else c for c in str(folder))
        (folder / name).write_text(text.replace("{folder}", quoted))
    ours = tmp_path / "ours.cnf"
    ours.write_text(limited_to(GROUPS, folder / "before.cnf"))
    assert read_back(ours) == (GROUPS.split(":"), expected)


@pytest.mark.parametrize("before", [None, Path("/nowhere/openssl.cnf"), Path(os.devnull)], ids=str)
def test_nothing_before(before: Path | None) -> None:
    """A file that is not there is not named: OpenSSL would drop the whole configuration."""
    text = limited_to(GROUPS, before)
    assert ".include" not in text
    assert text.endswith("[asvs_defaults]\nGroups = X25519:prime256v1\n")


def test_names_put_together_are_refused(tmp_path: Path) -> None:
    """What is not followed is said, before a FIPS provider is lost on the way."""
    before = tmp_path / "before.cnf"
    before.write_text("openssl_conf = $ENV::MODE\n")
    with pytest.raises(ConfigurationError, match=r"openssl_conf = '\$ENV::MODE', which is not followed"):
        limited_to(GROUPS, before)


def test_a_file_that_includes_itself(tmp_path: Path) -> None:
    """There is an end to it."""
    before = tmp_path / "before.cnf"
    before.write_text(f".include {before}\nopenssl_conf = mine\n")
    assert "[default]\nopenssl_conf = mine\n[mine]" in limited_to(GROUPS, before)


def test_an_include_that_is_missing(tmp_path: Path) -> None:
    """It is passed over."""
    before = tmp_path / "before.cnf"
    before.write_text(".include /nowhere.cnf\nopenssl_conf = mine\n")
    assert "[mine]" in limited_to(GROUPS, before)


@settings(max_examples=60)
@given(st.binary(max_size=200) | st.text("[]=.$:# \n\\'\"openssl_conf.include", max_size=80).map(str.encode))
def test_whatever_stands_in_the_file(tmp_path: Path, content: bytes) -> None:
    """A text with our groups in it, or our error."""
    before = tmp_path / "any.cnf"
    before.write_bytes(content)
    try:
        text = limited_to(GROUPS, before)
    except ConfigurationError:
        return
    assert text.endswith("]\nGroups = X25519:prime256v1\n")
