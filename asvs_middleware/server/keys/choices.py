"""What may be chosen beyond one pair of files: several pairs, and a password or a profile that stands in a file.

v5.0.0-13.3.2: a password in a file with few readers is in no process list, no environment and no shell history.
v5.0.0-12.1.1: a profile in a file can be changed without a restart (`reload`).
"""

import os
from typing import Any, Protocol

from ...errors import ConfigurationError
from ...tls import DEFAULT_PROFILE, Guideline, guideline, read_password, read_profile

FilePath = str | os.PathLike[str]


class KeyChoices(Protocol):
    """The fields of a ServerPolicy that are judged here."""

    @property
    def certfile(self) -> FilePath | None:
        """The first certificate."""

    @property
    def keyfile_password(self) -> str | None:
        """The password."""

    @property
    def keyfile_password_file(self) -> FilePath | None:
        """Or a file with it."""

    @property
    def other_certificates(self) -> Any:
        """Whatever was given."""

    @property
    def profile(self) -> str:
        """The name of a guideline."""

    @property
    def profile_file(self) -> FilePath | None:
        """Or a file with it."""


def checked_pairs(policy: KeyChoices) -> tuple[tuple[FilePath, FilePath], ...]:
    """Return `other_certificates` as a tuple of pairs.

    Raises:
        ConfigurationError: one is no pair of paths, there is no first pair, or the password is given twice.
    """
    if policy.keyfile_password is not None and policy.keyfile_password_file is not None:
        raise ConfigurationError(
            "ServerPolicy(keyfile_password=..., keyfile_password_file=...) gives the password twice.",
            fix="Leave one of them out; the file is the safer place.",
        )
    given = policy.other_certificates
    pairs: tuple[Any, ...] = tuple(given) if isinstance(given, list | tuple) else (given,)
    for pair in pairs:
        if not _is_pair(pair):
            raise ConfigurationError(
                f"ServerPolicy(other_certificates=...) holds a {type(pair).__name__} that is no pair of paths.",
                fix='Write [("rsa.pem", "rsa.key")]: a certificate and its key in each pair.',
            )
    if pairs and policy.certfile is None:
        raise ConfigurationError(
            "ServerPolicy(other_certificates=...) has no first certificate beside it.",
            fix="Give the first pair as certfile and keyfile.",
        )
    return tuple((certfile, keyfile) for certfile, keyfile in pairs)


def key_password(policy: KeyChoices) -> str | None:
    """Return the password of the keys, read anew from its file where it is in one.

    Raises:
        ConfigurationError: the file cannot be read, holds no password, or every user can read it.
    """
    if policy.keyfile_password_file is None:
        return policy.keyfile_password
    return read_password("keyfile_password_file", policy.keyfile_password_file)


def check_profile(policy: KeyChoices) -> None:
    """Refuse a profile that there is not, and one that is given twice.

    Raises:
        ConfigurationError: as said.
    """
    guideline(policy.profile)
    if policy.profile_file is not None and policy.profile != DEFAULT_PROFILE:
        raise ConfigurationError(
            f"ServerPolicy(profile={policy.profile!r}, profile_file=...) gives the profile twice.",
            fix="Leave one of them out; the file can be changed without a restart.",
        )


def chosen_guideline(policy: KeyChoices) -> Guideline:
    """Return the guideline of the profile, read anew from its file where it is in one.

    Raises:
        ConfigurationError: the file cannot be read, or holds no name of a profile.
    """
    if policy.profile_file is None:
        return guideline(policy.profile)
    return read_profile("profile_file", policy.profile_file)


def _is_pair(given: object) -> bool:
    return (
        isinstance(given, list | tuple)
        and len(given) == 2
        and all(isinstance(path, str | os.PathLike) and os.fspath(path) for path in given)
    )
