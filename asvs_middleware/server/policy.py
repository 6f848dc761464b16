"""What an operator chooses for the server: v5.0.0-12.1.1, 12.1.2, 12.1.3 and 12.2.1.

What can be judged without opening a file or a port is judged here; certificates and keys are when `context` reads
them, ports when they are opened.
"""

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from ..errors import ConfigurationError
from ..names import known
from ..tls import DEFAULT_PROFILE, server_context
from .accept.limits import Admission
from .http.deadlines import Deadlines
from .http.head import HeadLimits
from .keys.choices import check_profile, checked_pairs, chosen_guideline, key_password
from .keys.watching import check_interval
from .processes.choices import check_probe, check_unix_socket, check_workers

FilePath = str | os.PathLike[str]
Asked = Literal["optional", "required"]

# uvicorn's `trace` is missing on purpose: it writes header fields, and so credentials, to the log (v5.0.0-16.2.5).
LogLevel = Literal["critical", "error", "warning", "info", "debug"]

_HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPolicy:
    """How an app is served over TLS.

    Attributes:
        certfile: PEM, the server's certificate first, then the intermediate ones. Only on a unix socket may it be left
            out, together with the key: TLS then ends at the proxy.
        keyfile: PEM; others than owner and group must not have access.
        keyfile_password: of the key, if it is encrypted; of each key, where there are several.
        keyfile_password_file: a file with that password in one line, in place of keyfile_password.
        other_certificates: further pairs of certfile and keyfile, each with another kind of key: RSA beside ECDSA.
        client_ca: PEM, the CAs whose client certificates are accepted; without it nobody is asked for one.
        client_certificates: `optional` lets the routes decide and answer; `required` shuts everybody else out.
        host: the address or name to listen on.
        port: for TLS; 0 lets the system choose.
        redirect_port: for plaintext, where pages are redirected and all else is refused; None opens none.
        public_port: the TLS port clients see, where something in front translates it; `port` unless given.
        profile: a name in tls.GUIDELINES.
        profile_file: a file with that name in one line, in place of profile; read anew at each reload.
        http2: offer HTTP/2 as well; needs `zttp`.
        reload_every: between two looks whether a certificate, key or list has changed; zero waits for SIGHUP.
        workers: how many processes serve; several need the app's name, and no state in memory.
        uds: the path of a unix socket, in place of the ports, for a proxy on this machine.
        uds_mode: its permissions; never for other users.
        ready_file: is there while the app is up.
        ready_path: of the plaintext port; answered 200 while the app is up, 503 before it stops.
        drain: how long requests are still taken once readiness was taken back.
        deadlines: how long clients may take.
        admission: who may connect, and how often at once.
        head_limits: how large a request's head may be.
        log_level: of the server's and this package's log; `debug` of this package's alone, and `info` of the server's.

    Raises:
        ConfigurationError: names the argument, its value and the fix.
    """

    certfile: FilePath | None = None
    keyfile: FilePath | None = None
    keyfile_password: str | None = field(default=None, repr=False)
    keyfile_password_file: FilePath | None = None
    other_certificates: Sequence[tuple[FilePath, FilePath]] = ()
    client_ca: FilePath | None = None
    client_certificates: Asked = "optional"
    host: str = "127.0.0.1"
    port: int = 8443
    redirect_port: int | None = None
    public_port: int | None = None
    profile: str = DEFAULT_PROFILE
    profile_file: FilePath | None = None
    http2: bool = False
    reload_every: timedelta = timedelta(seconds=5)
    workers: int = 1
    uds: FilePath | None = None
    uds_mode: int = 0o660
    ready_file: FilePath | None = None
    ready_path: str | None = None
    drain: timedelta = timedelta(0)
    deadlines: Deadlines = field(default_factory=Deadlines)
    admission: Admission = field(default_factory=Admission)
    head_limits: HeadLimits = field(default_factory=HeadLimits)
    log_level: LogLevel = "info"

    def __post_init__(self) -> None:
        if self.uds is None or self.certfile is not None or self.keyfile is not None:
            _path("certfile", self.certfile)
            _path("keyfile", self.keyfile)
        for name in ("client_ca", "profile_file", "uds", "ready_file"):
            if getattr(self, name) is not None:
                _path(name, getattr(self, name))
        object.__setattr__(self, "other_certificates", checked_pairs(self))
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
        check_interval("reload_every", self.reload_every)
        check_workers(self.workers)
        check_unix_socket(self)
        check_probe(self)
        check_profile(self)
        _each_is(self, deadlines=Deadlines, admission=Admission, head_limits=HeadLimits)
        known(self.log_level, get_args(LogLevel), where="ServerPolicy(log_level=...)")

    @property
    def over_tls(self) -> bool:
        """Whether TLS is spoken here; only on a unix socket may it end at a proxy."""
        return self.certfile is not None

    def context(self, at: datetime) -> ssl.SSLContext:
        """Read the files and return the TLS context.

        Args:
            at: now; must be aware.

        Raises:
            ConfigurationError: a file cannot be read, or does not hold what it should.
        """
        if self.certfile is None or self.keyfile is None:
            raise ConfigurationError("There is no certificate to serve with.", fix="Give certfile and keyfile.")
        return server_context(
            certfile=self.certfile,
            keyfile=self.keyfile,
            password=key_password(self),
            other_certificates=self.other_certificates,
            client_ca=self.client_ca,
            client_certificates=self.client_certificates if self.client_ca is not None else "none",
            profile=chosen_guideline(self).name,
            alpn=("h2", "http/1.1") if self.http2 else ("http/1.1",),
            at=at,
        )


def _each_is(policy: ServerPolicy, **kinds: type) -> None:
    for argument, kind in kinds.items():
        if not isinstance(getattr(policy, argument), kind):
            raise ConfigurationError(
                f"ServerPolicy({argument}=...) is no {kind.__name__}.", fix=f"Write {argument}={kind.__name__}(...)."
            )


def _path(argument: str, given: object) -> None:
    if not isinstance(given, str | os.PathLike) or not os.fspath(given):
        raise ConfigurationError(f"ServerPolicy({argument}={given!r}) is no path.", fix="Give the path of a file.")


def _port(argument: str, given: object, *, lowest: int) -> None:
    if isinstance(given, bool) or not isinstance(given, int) or not lowest <= given <= _HIGHEST_PORT:
        raise ConfigurationError(
            f"ServerPolicy({argument}={given!r}) is no port.", fix=f"Use {lowest} to {_HIGHEST_PORT}."
        )
