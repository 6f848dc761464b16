"""Revocation lists in files and folders: v5.0.0-12.1.4.

A folder stands for the files in it, so that a CA's job can drop lists there and none has to be named; what begins with
a dot is passed over, because editors, `mv` and Kubernetes keep their own things under such names. Everything else in
it has to be a list: one that cannot be read would be one that is missing.
"""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from cryptography import x509

from ...errors import ConfigurationError
from .lists import Revocation, read_revocation
from .policy import RevocationPolicy

Place = str | PathLike[str]


def configured_revocation(
    places: Sequence[Place], policy: RevocationPolicy | None, issuers: Sequence[x509.Certificate]
) -> Revocation | None:
    """Return what is looked up by: the lists in places and what the policy adds; None where there is neither.

    Raises:
        ConfigurationError: a place holds something else than lists of the issuers, or nothing.
    """
    if not places and policy is None:
        return None
    return read_revocation(sources(places), issuers, policy)


def sources(places: Sequence[Place]) -> list[tuple[str, bytes]]:
    """Return how to name each file in an error, and its bytes.

    Raises:
        ConfigurationError: one cannot be read, or a folder is empty.
    """
    return [(_where(path), _read(path)) for place in places for path in _files(place)]


def _files(place: Place) -> list[Place]:
    try:
        if not Path(place).is_dir():
            return [place]
        found: list[Place] = [one for one in sorted(Path(place).iterdir()) if not one.name.startswith(".")]
    except (OSError, TypeError, ValueError) as problem:  # A name with a NUL is a ValueError, an int a TypeError.
        raise _unreadable(place, problem) from None
    if not found:
        raise ConfigurationError(
            f"{_where(place)} is an empty folder.", fix="Put a current list of each CA there, or name the right folder."
        )
    return found


def _read(path: Place) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, TypeError, ValueError) as problem:
        raise _unreadable(path, problem) from None


def _unreadable(path: object, problem: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{_where(path)} cannot be read: {problem}.",
        fix="Give the path of a file this process may read, or of a folder of such.",
    )


def _where(path: object) -> str:
    return f"ClientCertificates(crls={path!r})"
