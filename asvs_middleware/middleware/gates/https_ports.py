"""Where TLS is served, so that a page opened over plaintext is sent there and nowhere else: v5.0.0-12.2.1, 3.7.2.

The request says which of our hosts it wants; where another host or another port answers for it over TLS, the operator
has said so. No redirect of the layer's leads to a host that is not configured; the app's own are its own affair.
"""

from collections.abc import Callable, Mapping

from ...connection import Hosts
from ...connection.host import parse_authority
from ...errors import ConfigurationError, HostRefused

HTTPSPort = int | Mapping[str, str]
Authority = Callable[[bytes], str]

_HTTP, _HTTPS = 80, 443


def tls_authority(https_port: HTTPSPort) -> Authority:
    """Return the function that turns a Host field value into the authority of the same page over TLS.

    Args:
        https_port: the port for every host; or plaintext `host` or `host:port` -> TLS `host` or `host:port`, where
            what is not listed keeps its host and goes to 443.

    >>> tls_authority({"example.com:8080": "www.example.com:8443"})(b"Example.com:8080")
    'www.example.com:8443'
    """
    if isinstance(https_port, int):
        return lambda raw: written(parse_authority(raw)[0], https_port)
    table = {parse_authority(plain.encode()): written(*_tls(tls)) for plain, tls in https_port.items()}

    def authority(raw: bytes) -> str:
        host, port = parse_authority(raw)
        return table.get((host, port or _HTTP)) or table.get((host, None)) or host

    return authority


def written(host: str, port: int) -> str:
    """Return the authority as a URL with the scheme https has it."""
    return host if port == _HTTPS else f"{host}:{port}"


def check_https_port(given: object, hosts: Hosts, *, argument: str) -> None:
    """Refuse what is neither a port nor a mapping from our hosts to hosts.

    Raises:
        ConfigurationError: as said.
    """
    if isinstance(given, Mapping):
        if not given:
            raise ConfigurationError(f"{argument}={{}} says nothing.", fix="Leave it out: 443 is the default.")
        for plain, tls in given.items():
            _check_entry(plain, tls, hosts, argument)
    # bool is an int, and True would be port 1.
    elif type(given) is not int or not 0 < given < 65536:
        raise ConfigurationError(f"{argument}={given!r} is no port.", fix="Use 1 to 65535; 443 is the default.")


def _check_entry(plain: object, tls: object, hosts: Hosts, argument: str) -> None:
    for text in (plain, tls):
        try:
            if not isinstance(text, str) or parse_authority(text.encode(errors="replace"))[1] == 0:
                raise HostRefused("Neither a host nor host:port.")
        except HostRefused:
            raise ConfigurationError(
                f"{argument} holds {text!r}, which is no host.",
                fix='Write {"example.com:8080": "example.com:8443"}: no scheme, no path.',
            ) from None
    if str(plain).encode() not in hosts:
        raise ConfigurationError(
            f"{argument} redirects {plain!r}, which is not among the hosts.", fix="Add it to hosts, or leave it out."
        )


def _tls(text: str) -> tuple[str, int]:
    host, port = parse_authority(text.encode())
    return host, port or _HTTPS
