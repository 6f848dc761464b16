"""What an operator chooses for the server: v5.0.0-12.1.1, 12.1.2, 12.1.3 and 12.2.1.

What can be judged without opening a file or a port is judged here; certificates and keys are when `context` reads
them, ports when they are opened.
"""

import os
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, get_args

from ..errors import ConfigurationError
from ..names import known
from ..tls import DEFAULT_PROFILE, guideline, server_context

FilePath = str | os.PathLike[str]
Asked = Literal["optional", "required"]

# uvicorn's `trace` is missing on purpose: it writes header fields, and so credentials, to the log (v5.0.0-16.2.5).
LogLevel = Literal["critical", "error", "warning", "info", "debug"]

_HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPolicy:
    """How an app is served over TLS.

    Attributes:
        certfile: PEM, the server's certificate first, then the intermediate ones.
        keyfile: PEM; others than owner and group must not have access.
        keyfile_password: of the key, if it is encrypted.
        client_ca: PEM, the CAs whose client certificates are accepted; without it nobody is asked for one.
        client_certificates: `optional` lets the routes decide and answer; `required` shuts everybody else out.
        host: the address or name to listen on.
        port: for TLS; 0 lets the system choose.
        redirect_port: for plaintext, where pages are redirected and all else is refused; None opens none.
        public_port: the TLS port clients see, where something in front translates it; `port` unless given.
        profile: a name in tls.GUIDELINES.
        log_level: of the server's and this package's log; `debug` of this package's alone, and `info` of the server's.

    Raises:
        ConfigurationError: names the argument, its value and the fix.
    """

    certfile: FilePath
    keyfile: FilePath
    keyfile_password: str | None = field(default=None, repr=False)
    client_ca: FilePath | None = None
    client_certificates: Asked = "optional"
    host: str = "127.0.0.1"
    port: int = 8443
    redirect_port: int | None = None
    public_port: int | None = None
    profile: str = DEFAULT_PROFILE
    log_level: LogLevel = "info"

    def __post_init__(self) -> None:
        _path("certfile", self.certfile)
        _path("keyfile", self.keyfile)
        if self.client_ca is not None:
            _path("client_ca", self.client_ca)
        known(self.client_certificates, get_args(Asked), where="ServerPolicy(client_certificates=...)")
        if self.client_certificates == "required" and self.client_ca is None:
            raise ConfigurationError(
                "ServerPolicy(client_certificates='required') names nobody who may issue them.",
                fix="Add client_ca, a PEM file with the CAs of your clients.",
            )
        if not isinstance(self.host, str) or not self.host:
            raise ConfigurationError(
                f"ServerPolicy(host={self.host!r}) is no address.",
                fix='Write "127.0.0.1" for this machine alone, or "0.0.0.0" for every interface.',
            )
        _port("port", self.port, lowest=0)
        if self.redirect_port is not None:
            _port("redirect_port", self.redirect_port, lowest=0)
        if self.public_port is not None:
            _port("public_port", self.public_port, lowest=1)
        if self.redirect_port == self.port != 0:
            raise ConfigurationError(
                f"ServerPolicy(port={self.port}, redirect_port={self.redirect_port}) gives one port two tasks.",
                fix="Choose another redirect_port, such as 8080.",
            )
        guideline(self.profile)
        known(self.log_level, get_args(LogLevel), where="ServerPolicy(log_level=...)")

    def context(self, at: datetime) -> ssl.SSLContext:
        """Read the files and return the TLS context.

        Args:
            at: now; must be aware.

        Raises:
            ConfigurationError: a file cannot be read, or does not hold what it should.
        """
        return server_context(
            certfile=self.certfile,
            keyfile=self.keyfile,
            password=self.keyfile_password,
            client_ca=self.client_ca,
            client_certificates=self.client_certificates if self.client_ca is not None else "none",
            profile=self.profile,
            alpn=("http/1.1",),
            at=at,
        )


def _path(argument: str, given: object) -> None:
    if not isinstance(given, str | os.PathLike) or not os.fspath(given):
        raise ConfigurationError(f"ServerPolicy({argument}={given!r}) is no path.", fix="Give the path of a PEM file.")


def _port(argument: str, given: object, *, lowest: int) -> None:
    if isinstance(given, bool) or not isinstance(given, int) or not lowest <= given <= _HIGHEST_PORT:
        raise ConfigurationError(
            f"ServerPolicy({argument}={given!r}) is no port.", fix=f"Use {lowest} to {_HIGHEST_PORT}."
        )
