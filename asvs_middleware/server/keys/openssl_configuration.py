"""An OpenSSL configuration that limits the groups and keeps all that was configured before: config(5ssl).

What was there is included, then the one setting is added. It must stand in the section that the file before already
uses for TLS defaults, or that section would no longer be reached; so its three names are looked up. A section that
appears twice is one section, and of two equal settings the last counts.

Not followed: names of sections that are put together from variables. They are refused, with what to write instead.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ...errors import ConfigurationError

_DEFAULT: Final = "default"
_NAME: Final = re.compile(r"[\w.-]+")
_PLAIN: Final = re.compile(r"[^\w/.-]")
_INCLUDE: Final = re.compile(r"\.include(?:\s*=\s*|\s+)(.+)")
_UNCOMMENTED: Final = re.compile(r"""(?:\\.|"[^"]*"|'[^']*'|[^#\\"'])*""")
_ESCAPE: Final = re.compile(r"\\(.)")
_DEEPEST: Final = 10


def limited_to(groups: str, before: Path | None) -> str:
    """Return the text of a configuration file.

    Args:
        groups: a list as OpenSSL takes it.
        before: the file in force so far; one that is not there, or cannot be read, is left out, as OpenSSL does.

    Raises:
        ConfigurationError: the file before names a section in a way that is not followed here.
    """
    text, settings = "", dict[tuple[str, str], str]()
    if before is not None and before.is_file() and os.access(before, os.R_OK):
        settings = dict(_settings(before))
        text = f".include {_PLAIN.sub(_escaped, str(before.absolute()))}\n"
    chain = {"openssl_conf": "asvs_openssl", "ssl_conf": "asvs_tls", "system_default": "asvs_defaults"}
    section = _DEFAULT
    for setting, ours in chain.items():
        name = settings.get((section, setting), ours)
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"The OpenSSL configuration {str(before)!r} has {setting} = {name!r}, which is not followed.",
                fix="Write the name of the section out, or name another file in OPENSSL_CONF.",
            )
        text += f"[{section}]\n{setting} = {name}\n"
        section = name
    return f"{text}[{section}]\nGroups = {groups}\n"


def _escaped(character: re.Match[str]) -> str:
    return f"\\{character[0]}"


def _settings(path: Path) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield section, name and value in the order of the file; the last of a name counts."""
    section = _DEFAULT
    for line in _lines(path, _DEEPEST):
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif "=" in line:
            name, _, value = line.partition("=")
            within, _, name = name.strip().rpartition("::")
            yield (within or section, name), _plain(value)


def _lines(path: Path, depth: int) -> Iterator[str]:
    """Yield the lines, those of included files in their place; without comments, with continuations joined."""
    # Bytes that are no UTF-8 can stand in comments and in values we do not need.
    text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", "")
    for raw in text.splitlines():
        line = (_UNCOMMENTED.match(raw) or [""])[0].strip()
        if included := _INCLUDE.fullmatch(line):
            for file in _included(Path(_plain(included[1]))) if depth else ():
                yield from _lines(file, depth - 1)
        else:
            yield line


def _plain(value: str) -> str:
    """Return a value without quotes and backslashes, its variables left as they are."""
    return _ESCAPE.sub(r"\1", value.strip()).strip("\"'")


def _included(path: Path) -> list[Path]:
    path = Path(os.environ.get("OPENSSL_CONF_INCLUDE", "")) / path
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix in {".cnf", ".conf"} and file.is_file())
    return [path] if path.is_file() and os.access(path, os.R_OK) else []
