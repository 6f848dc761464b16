"""Tell whether files have changed, without reading them.

Certificates are replaced in many ways: written over, moved into place, or, by Kubernetes and certbot, behind symbolic
links that are pointed elsewhere. So a file is known by every link its path leads through, by which file that is, and
by its size and times. A folder is known by what is in it.

Not seen: a file that is rewritten within one tick of the file system's clock, with the same number of bytes. The
context is built anew from time to time even so (reload.py).
"""

import os
import stat
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from ...errors import ConfigurationError

FilePath = str | os.PathLike[str]
Snapshot = tuple[tuple[str, ...], ...]

_SHORTEST: Final = timedelta(milliseconds=100)
_LONGEST: Final = timedelta(hours=1)
_MOST_LINKS: Final = 40


def check_interval(argument: str, given: object) -> None:
    """Refuse what cannot be the time between two looks; zero means not to look.

    Raises:
        ConfigurationError: names the argument and its value.
    """
    if not isinstance(given, timedelta) or (given and not _SHORTEST <= given <= _LONGEST):
        raise ConfigurationError(
            f"ServerPolicy({argument}={given!r}) is no time between two looks at files.",
            fix="Use timedelta(seconds=5), 100 milliseconds to one hour, or timedelta(0) to wait for SIGHUP.",
        )


def snapshot(paths: Iterable[FilePath]) -> Snapshot:
    """Return what is equal as long as none of the files has changed; whatever happens to a file, never an error."""
    return tuple((path, *_seen(Path(path))) for path in sorted({os.fspath(one) for one in paths}))


def changed(before: Snapshot, after: Snapshot) -> list[str]:
    """Return the paths that are not the same in both."""
    return sorted({one[0] for one in set(before) ^ set(after)})


def _seen(path: Path) -> list[str]:
    try:
        found = path.stat()
        seen = [*_links(path.absolute(), _MOST_LINKS), _marks(found)]
        if stat.S_ISDIR(found.st_mode):
            seen += [" ".join((one.name, *_seen(one))) for one in sorted(path.iterdir()) if not one.is_dir()]
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte.
        return [type(error).__name__]
    return seen


def _links(path: Path, left: int) -> Iterator[str]:
    """Yield every symbolic link on the way to a file, each as the link itself: one may lead to the same place again."""
    for place in (*reversed(path.parents), path):
        if left and place.is_symlink():
            yield f"{place} {_marks(place.lstat())}"
            yield from _links(place.parent / place.readlink() / path.relative_to(place), left - 1)
            return


def _marks(found: os.stat_result) -> str:
    # With the time of change a file is seen again once its permissions were mended.
    return f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
