"""Origins (RFC 6454): host and port of an https URL, in one spelling."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

import httpx

from ..errors import ConfigurationError

_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)
_HOST_AND_PORT: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """An https origin; `host` is lower-case ASCII without brackets."""

    host: str
    port: int = 443

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}" if self.port == 443 else f"https://{host}:{self.port}"


def origin_of(url: Any) -> Origin:
    """Return the origin of a URL object of the HTTP library, whose scheme is known to be https."""
    return Origin(url.raw_host.decode("ascii", "backslashreplace").lower(), 443 if url.port is None else url.port)


def parse_origin(text: str, *, where: str, resource: bool = False) -> Origin:
    """Return the origin of an https URL that an operator wrote.

    Raises:
        ConfigurationError: it is not https, holds credentials, or no host that could be compared.

    >>> str(parse_origin("https://API.example:8443", where="base_url"))
    'https://api.example:8443'
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError, UnicodeError) as error:
        raise ConfigurationError(
            f"{where} got something that is no URL.", fix='Write it as "https://api.example".'
        ) from error
    if url.scheme != "https":
        raise ConfigurationError(
            f"{where} got a URL with the scheme {url.scheme!r}.",
            fix="Only https:// is spoken: over anything else, tokens travel in clear.",
        )
    if url.userinfo:
        raise ConfigurationError(f"{where} got a URL with credentials.", fix="Give them as auth=..., not in the URL.")
    if not resource and (url.path != "/" or url.query or url.fragment):
        raise ConfigurationError(f"{where} got more than an origin.", fix=f'Write "{origin_of(url)}".')
    origin = origin_of(url)
    if not 0 < origin.port < 65536:
        raise ConfigurationError(f"{where} got the port {origin.port}.", fix="Ports are 1 to 65535.")
    if not _is_host(origin.host):
        raise ConfigurationError(
            f"{where} got {origin.host!r}, which is no host.",
            fix="Write one exact name, with no wildcard or final dot.",
        )
    return origin


def parse_host(text: str, *, where: str) -> Origin:
    """Return the origin of "host" or "host:port".

    >>> parse_host("sso.example", where="allow()").port
    443
    """
    if not isinstance(text, str) or not _HOST_AND_PORT.fullmatch(text):
        raise ConfigurationError(
            f"{where} got {text!r}, which is no host.",
            fix='Write one exact host, such as "sso.example" or "sso.example:8443", with no scheme, path or wildcard.',
        )
    return parse_origin(f"https://{text}", where=where)


def _is_host(host: str) -> bool:
    if _NAME.fullmatch(host):
        return True
    try:
        return bool(ip_address(host))
    except ValueError:
        return False
