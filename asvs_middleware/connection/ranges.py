"""Networks an operator keeps in a file, because their provider changes them: v5.0.0-4.1.3.

The file is read when the policy is made, so a wrong one stops the start-up. live_peers.py reads it again when it has
changed. Fetching it is the operator's own affair: a scheduled job that replaces the file is enough.
"""

import os
import stat
from dataclasses import dataclass, field
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import Final

from ..errors import ConfigurationError
from .networks import Networks
from .range_files import parse_ranges

_LARGEST: Final = 16 * 1024 * 1024
_FIX: Final = "Give one network a line, or JSON as AWS, Google Cloud, Cloudflare, Fastly or Azure publish it."

Signature = tuple[int, int, int, int]
"""Device, inode, size and modification time: a file that was replaced, or a symlink that was turned, differs."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """What one file held."""

    networks: tuple[str, ...]
    signature: Signature


@dataclass(frozen=True, slots=True)
class PeerRanges:
    """A file with networks, read again when it changes.

    Attributes:
        path: plain text or JSON; range_files.py names the shapes.
        service: only the networks of this service, for files that list several, such as `CLOUDFRONT_ORIGIN_FACING`
            in AWS's or `AzureFrontDoor.Backend` in Azure's.
        every: how often the file is looked at. A change counts once two looks have seen the same file.

    Raises:
        ConfigurationError: the file cannot be read or holds anything but networks, or every is under a second.
    """

    path: str | PathLike[str]
    service: str | None = field(default=None, kw_only=True)
    every: timedelta = field(default=timedelta(seconds=10), kw_only=True)
    found: Ranges = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | PathLike) or not os.fspath(self.path):
            raise ConfigurationError(f"PeerRanges({self.path!r}) is no path.", fix="Give the path of a file.")
        if not isinstance(self.every, timedelta) or self.every < timedelta(seconds=1):
            raise ConfigurationError(
                f"PeerRanges(every={self.every!r}) is no pause of a second or more.", fix="Use timedelta(seconds=10)."
            )
        object.__setattr__(self, "found", self.read())

    @property
    def where(self) -> str:
        """What the file is called in messages."""
        return f"PeerRanges({os.fspath(self.path)!r})"

    def read(self) -> Ranges:
        """Read the file.

        Raises:
            ConfigurationError: it cannot be read, is no regular file, is larger than 16 MiB, is empty, or holds
                anything that is no network.
        """
        try:
            path = Path(self.path)
            if not stat.S_ISREG(path.stat().st_mode):
                raise ValueError("it is no regular file")
            with path.open("rb") as file:
                signature = _signature(os.fstat(file.fileno()))
                data = file.read(_LARGEST + 1)
            if len(data) > _LARGEST:
                raise ValueError(f"it is larger than {_LARGEST} bytes")
            networks = parse_ranges(data.decode("utf-8-sig"), service=self.service, where=self.where)
        except OSError as error:
            raise ConfigurationError(
                f"{self.where} cannot be read: {error.strerror}.", fix="Check the path and who may read it."
            ) from error
        except ValueError as error:
            raise ConfigurationError(f"{self.where} cannot be used: {error}.", fix=_FIX) from error
        Networks(networks, argument=self.where)
        return Ranges(networks, signature)

    def look(self) -> Signature | None:
        """Return the file's signature now; None where there is no file."""
        try:
            return _signature(Path(self.path).stat())
        except (OSError, ValueError):
            return None


def _signature(found: os.stat_result) -> Signature:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
