"""The Origin a browser names (RFC 6454 section 7, RFC 9110 section 7.2), and whether it is ours or allowed.

v5.0.0-3.5.1, v5.0.0-4.4.2: an exact list, never a pattern, never `null`; v4.0.3-14.5.3 asks the same of CORS. Not
checked: what the app's CORSMiddleware allows.
"""

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from ...connection import Connection
from ...connection.host import parse_authority
from ...errors import ConfigurationError, HostRefused

_DEFAULT_PORTS: Final = {b"https": 443, b"http": 80}


class Origin(NamedTuple):
    """One origin: two that are equal may read each other's pages."""

    scheme: str
    host: str
    port: int


@lru_cache(maxsize=1024)
def parse_origin(raw: bytes) -> Origin | None:
    """Return the origin a field value names; None for `null` and for whatever is no http or https origin.

    Letter case, a default port and the spelling of an IPv6 address make no difference. User information, a path, a
    trailing slash, a trailing dot, a list and a blank make it no origin.

    >>> parse_origin(b"https://Shop.example:443")
    Origin(scheme='https', host='shop.example', port=443)
    >>> parse_origin(b"https://shop.example@evil.example") is parse_origin(b"null") is None
    True
    """
    scheme, colon, authority = raw.partition(b"://")
    default = _DEFAULT_PORTS.get(scheme.lower())
    if not colon or default is None:
        return None
    try:
        host, port = parse_authority(authority)
    except HostRefused:
        return None
    if authority.endswith(b".") or b".:" in authority:
        return None  # Another origin than the one without the dot; nobody means it.
    return Origin(scheme.lower().decode("ascii"), host, default if port is None else port)


def own_origin(connection: Connection, origin: Origin, *, https_port: int = 443) -> bool:
    """Whether the origin is that of the request itself: its scheme, the Host it names, and its port.

    A proxy may have dropped the port from the Host; then the port TLS is said to be served on counts as well.
    """
    try:
        name, port = parse_authority(connection.host or b"")
    except HostRefused:
        return False
    scheme, ports = ("https", {443, https_port}) if connection.secure else ("http", {80})
    return (origin.scheme, origin.host) == (scheme, name) and origin.port in (ports if port is None else {port})


def allowed_origins(given: Iterable[str], *, argument: str) -> frozenset[Origin]:
    """Return the operator's list, read.

    Raises:
        ConfigurationError: one is no origin, a pattern, `null`, or plaintext other than this machine's own.
    """
    if isinstance(given, str) or not isinstance(given, Collection):
        raise ConfigurationError(
            f"{argument}={given!r} is no list of origins.", fix='Write a list, such as ["https://partner.example"].'
        )
    return frozenset(_allowed(one, argument) for one in given)


def _allowed(text: object, argument: str) -> Origin:
    origin = parse_origin(text.encode(errors="replace")) if isinstance(text, str) else None
    if origin is None:
        raise ConfigurationError(
            f"{argument} holds {text!r}, which is no origin.",
            fix='Write scheme, host and port as a browser does, without a slash at the end: "https://partner.example".',
        )
    if origin.scheme != "https" and not _is_local(origin.host):
        raise ConfigurationError(
            f"{argument} holds {text!r}: whoever is on the path could write a page of that origin.",
            fix=f'Write "https://{origin.host}". Plaintext is accepted for localhost alone.',
        )
    return origin


def _is_local(host: str) -> bool:
    return host in {"localhost", "127.0.0.1", "[::1]"} or host.endswith(".localhost")
