"""A unix socket in place of the ports, for a proxy on the same machine: v5.0.0-4.1.3 and 12.3.3.

Who can write to it passes for the proxy, and is believed what it says of clients; so other users are kept out from the
first moment on. Not checked here: who may enter or replace the folder it stands in.
"""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...errors import ConfigurationError
from ..listeners import BACKLOG


@contextmanager
def listening_on(path: str | os.PathLike[str], *, mode: int, backlog: int = BACKLOG) -> Iterator[socket.socket]:
    """Open the socket with these permissions, and remove it at the end.

    One that a dead server left behind is replaced; one that answers, and anything else that stands there, is not.

    Raises:
        ConfigurationError: it cannot be opened there.
    """
    place = Path(path)
    if "\0" in str(place):  # The system would take what stands before it.
        raise _not_opened(place, "there is a null byte in it")
    _make_room(place)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        # Permissions are set as it comes into being: between bind and chmod anybody could connect.
        before = os.umask(0o777 & ~mode)
        try:
            listener.bind(os.fspath(place))
        except OSError as error:
            raise _not_opened(place, error.strerror or str(error)) from error
        finally:
            os.umask(before)
        ours = place.stat()
        listener.listen(backlog)
        try:
            yield listener
        finally:
            # A successor may have put its own there by now.
            with suppress(OSError):
                now = place.stat()
                if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino):
                    place.unlink()


def _make_room(place: Path) -> None:
    try:
        found = place.lstat()
    except OSError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise _not_opened(place, "something else stands there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(place))
        except ConnectionRefusedError:
            with suppress(OSError):  # What cannot be removed, bind will say.
                place.unlink()
            return
        except OSError as error:
            raise _not_opened(place, error.strerror or "it does not answer") from error
    raise _not_opened(place, "a server answers there")


def _not_opened(place: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"uds={os.fspath(place)!r} cannot be opened: {why}.",
        fix="Name a short path in a folder that only this user may write to.",
    )
