"""Origins (RFC 6454): host and port of an https URL, and hosts in the one spelling everything here compares."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

import httpx

from ..errors import ConfigurationError
from ..names import quoted

_NAME: Final = re.compile(r"(?!-)(?!(.*\.)?(0x[0-9a-f]*|[0-9]+)$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)
"""A last label that is a number makes it an address to the system's resolver: 127.1 or 0x7f000001 (RFC 1123, 2.1)."""

_HOST_AND_PORT: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """An https origin; `host` is in the spelling of one_spelling(), without brackets."""

    host: str
    port: int = 443

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}" if self.port == 443 else f"https://{host}:{self.port}"


def origin_of(url: Any) -> Origin:
    """Return the origin of a URL object of the HTTP library, whose scheme is known to be https."""
    return Origin(one_spelling(url.raw_host.decode("ascii", "backslashreplace")), 443 if url.port is None else url.port)


def one_spelling(host: str) -> str:
    """Return an address as RFC 5952 writes it, a name in lower case.

    >>> one_spelling("0:0:0:0:0:0:0:1"), one_spelling("API.example")
    ('::1', 'api.example')
    """
    try:
        return str(ip_address(host))
    except ValueError:
        return host.lower()


def parse_origin(text: str, *, where: str, resource: bool = False) -> Origin:
    """Return the origin of an https URL that an operator wrote.

    Raises:
        ConfigurationError: it is not https, holds credentials, or no host that could be compared.

    >>> str(parse_origin("https://API.example:8443", where="base_url"))
    'https://api.example:8443'
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError, UnicodeError):
        raise ConfigurationError(
            f"{where} got something that is no URL.", fix='Write it as "https://api.example".'
        ) from None  # The library's own text repeats parts of it, which may be those of a password.
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
    if not is_host(origin.host):
        raise ConfigurationError(
            f"{where} got {origin.host!r}, which is no host.",
            fix="Write one exact name or address, with no wildcard, final dot or zone.",
        )
    return origin


def parse_host(text: str, *, where: str) -> Origin:
    """Return the origin of "host" or "host:port".

    >>> parse_host("sso.example", where="allow()").port
    443
    """
    if not isinstance(text, str) or not _HOST_AND_PORT.fullmatch(text):
        raise ConfigurationError(
            f"{where} got {quoted(text)}, which is no host.",
            fix='Write one exact host, such as "sso.example" or "sso.example:8443", with no scheme, path or wildcard.',
        )
    return parse_origin(f"https://{text}", where=where)


def is_host(host: object) -> bool:
    """Whether it is a host in its one spelling: what a peer is called when its certificate was verified."""
    if not isinstance(host, str) or one_spelling(host) != host:
        return False
    try:
        return not getattr(ip_address(host), "scope_id", None)
    except ValueError:
        return bool(_NAME.fullmatch(host))
