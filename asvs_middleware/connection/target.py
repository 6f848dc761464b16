"""The request target where it names a host itself: RFC 9112 section 3.2; v5.0.0-4.1.3.

A server that keeps the absolute form shows it in the path. One that takes it apart (uvicorn with httptools) hides it;
then the Host field is all there is.
"""

import re
from typing import Any, Final

from ..errors import HostRefused
from .host import parse_authority

_ABSOLUTE: Final = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)")
_DEFAULT_PORTS: Final = {b"http": 80, b"ws": 80, b"https": 443, b"wss": 443}
_PATHS: Final = frozenset({"/", "*", "", b"/", b"*", b""})


def agrees(scope: Any, host: bytes) -> bool:
    """Whether the request target names the same host and port as the Host field, or none at all.

    Raises:
        HostRefused: 400, one of them is malformed.
    """
    target = absolute_form(scope)
    if target is None:
        return True
    found = _ABSOLUTE.match(target)
    if found is None:
        raise HostRefused("The request target is neither a path nor a URL.", status=400, code="host_malformed")
    default = _DEFAULT_PORTS.get(found[1].lower())
    (name, port), (other, other_port) = parse_authority(found[2]), parse_authority(host)
    return name == other and (port or default) == (other_port or default)


def absolute_form(scope: Any) -> bytes | None:
    """Return the request target if it is no path: anything but origin form, asterisk form and the empty one."""
    path: str = scope["path"]
    raw: bytes = scope.get("raw_path") or b""
    if raw[:1] not in _PATHS:
        return raw
    if path[:1] not in _PATHS:
        return path.encode("utf-8", "replace")
    if root := scope.get("root_path"):  # Servers put it in front of whatever the target was.
        behind = path.removeprefix(root.rstrip("/")).encode("utf-8", "replace")
        return behind if _ABSOLUTE.match(behind) else None
    return None
