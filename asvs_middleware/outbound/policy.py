"""What an app expects of one external system, and the clients that hold it to that.

v5.0.0-12.2.1 and 12.3.3 (no plaintext), 12.3.2 (validate before communicating), 12.3.4 (named CAs), 12.3.5 (client
certificate), 13.2.4 (list of systems), 13.2.6 (limits); v4.0.3-9.2.1 to 9.2.3.

Not done here: revocation of the peer's certificate, and guarding against what a listed host's name resolves to.
"""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType, ModuleType
from typing import Any, Final, TypedDict, Unpack, overload

import httpx

from ..certificates.pins import Pins, render_pin
from ..errors import ConfigurationError, DependencyUnavailable
from ..names import known, quoted
from ..tls.client import client_context
from ..tls.describe import describe
from ..tls.files import FilePath
from ..tls.guidelines import DEFAULT_PROFILE
from .deadline import bounded
from .errors import OutboundRefused
from .guard import Guard
from .handshake import HandshakeJudge
from .origin import Origin, is_host, parse_host, parse_origin
from .transport import guarded, guarded_async

FETCH_TIME: Final = timedelta(seconds=5)
LONGEST_TIME: Final = timedelta(days=1)

_CLIENT_OPTIONS: Final = frozenset(
    {
        "cookies",
        "default_encoding",
        "event_hooks",
        "follow_redirects",
        "headers",
        "max_redirects",
        "params",
        "timeout",
    }
)
"""What a client may be given. The rest chooses transport, proxy or trust, and that is the policy's to choose."""


class _Limits(TypedDict, total=False):
    max_bytes: int
    total_time: timedelta


_LIMITS: Final = ("max_bytes", "total_time")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundPolicy:
    """Whom to trust, whom to call, and what to show them. Begin with internal() or public_web().

    Each method that adds something returns a new policy. The context is built with the policy, so that a missing file
    or a wrong key stops the start-up and not the first request.

    Args:
        trust: PEM file of the only trust anchors; None for the public web.
        hosts: origins every client of this policy may call, beside its own base_url.
        pins: by host, each written as describe() shows it; pin() takes every spelling.
        identity: files of the client certificate and its key.
        password: of that key.
        profile: a name in tls.GUIDELINES.
        max_bytes: of one response's body.
        total_time: for one hop, from connecting to the last byte; a day at most. In sync code each further address
            of a name that does not answer may take as long again.
        clock: now, for expiry dates.

    Raises:
        ConfigurationError: names what is wrong and the fix.
    """

    trust: FilePath | None
    hosts: frozenset[Origin] = frozenset()
    pins: Mapping[str, Pins] = field(default_factory=dict, hash=False)
    identity: tuple[FilePath, FilePath] | None = None
    password: str | None = field(default=None, repr=False)
    profile: str = DEFAULT_PROFILE
    max_bytes: int = 10 * 1024 * 1024
    total_time: timedelta = timedelta(seconds=30)
    clock: Callable[[], datetime] = field(default=_now, repr=False, compare=False)
    _context: ssl.SSLContext = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_limits(self.max_bytes, self.total_time)
        for host, pins in self.pins.items():
            _check_pins(host, pins)
        object.__setattr__(self, "pins", MappingProxyType(dict(self.pins)))  # Nobody changes ours afterwards.
        context = client_context(
            at=self.clock(),
            trust=self.trust,
            client_certificate=self.identity,
            password=self.password,
            profile=self.profile,
            on_handshake=HandshakeJudge(pins=self.pins, clock=self.clock),
        )
        context.sslsocket_class = bounded(context.sslsocket_class)
        object.__setattr__(self, "_context", context)

    @classmethod
    def internal(cls, *, ca: FilePath, profile: str = DEFAULT_PROFILE) -> "OutboundPolicy":
        """Return a policy that trusts the CAs in one PEM file and no others (v5.0.0-12.3.4)."""
        return cls(trust=ca, profile=profile)

    @classmethod
    def public_web(cls, *, profile: str = DEFAULT_PROFILE) -> "OutboundPolicy":
        """Return a policy that trusts the public roots."""
        return cls(trust=None, profile=profile)

    def pin(self, host: str, pins: Pins) -> "OutboundPolicy":
        """Return the policy with the keys that a host, on whatever port, may show."""
        name = parse_host(host, where="pin()")
        _check_pins(name.host, pins)
        if name.port != 443:
            raise ConfigurationError(f"pin({host!r}) got a port.", fix=f"Write {name.host!r}: pins hold on every port.")
        return replace(self, pins={**self.pins, name.host: pins})

    def client_certificate(
        self, certfile: FilePath, keyfile: FilePath, *, password: str | None = None
    ) -> "OutboundPolicy":
        """Return the policy with a certificate to show to servers that ask for one (v5.0.0-12.3.5)."""
        return replace(self, identity=(certfile, keyfile), password=password)

    def allow(self, *hosts: str) -> "OutboundPolicy":
        """Return the policy with more hosts on its list, each "host" or "host:port"."""
        return replace(self, hosts=self.hosts | {parse_host(host, where="allow()") for host in hosts})

    def limit(self, **limits: Unpack[_Limits]) -> "OutboundPolicy":
        """Return the policy with other limits on a response, `max_bytes` and `total_time`; there is no unlimited."""
        given: dict[str, Any] = {
            known(name, _LIMITS, where="OutboundPolicy.limit()"): one for name, one in limits.items()
        }
        return replace(self, **given)

    def ssl_context(self) -> ssl.SSLContext:
        """Return the context, for any library that takes one. It checks peers; it cannot know of hosts or plaintext."""
        return self._context

    @overload
    def client(self, base_url: str, *, auth: Any = None, http: None = None, **options: Any) -> httpx.Client: ...

    @overload
    def client(self, base_url: str, *, auth: Any = None, http: ModuleType, **options: Any) -> Any: ...

    def client(self, base_url: str, *, auth: Any = None, http: ModuleType | None = None, **options: Any) -> Any:
        """Return a client that calls base_url's origin and the policy's hosts over TLS, and nobody else.

        Args:
            base_url: an https URL.
            auth: such as BearerFor(...); whatever the HTTP library takes.
            http: the HTTP library, if not httpx.
            options: cookies, default_encoding, event_hooks, follow_redirects (off unless given; then within the
                origin), headers, max_redirects, params, timeout.

        Raises:
            ConfigurationError: base_url is not https, or an option would get round the policy.
        """
        library: Any = http or httpx
        transport = self.transport(base_url, http=library)
        return library.Client(base_url=base_url, auth=auth, transport=transport, trust_env=False, **_checked(options))

    @overload
    def async_client(
        self, base_url: str, *, auth: Any = None, http: None = None, **options: Any
    ) -> httpx.AsyncClient: ...

    @overload
    def async_client(self, base_url: str, *, auth: Any = None, http: ModuleType, **options: Any) -> Any: ...

    def async_client(self, base_url: str, *, auth: Any = None, http: ModuleType | None = None, **options: Any) -> Any:
        """Return the same for async code; see client()."""
        library: Any = http or httpx
        transport = self.async_transport(base_url, http=library)
        return library.AsyncClient(
            base_url=base_url, auth=auth, transport=transport, trust_env=False, **_checked(options)
        )

    def transport(self, base_url: str, *, http: ModuleType | None = None) -> Any:
        """Return a sync transport, to put under a client that somebody else makes."""
        return guarded(self._guard(base_url, http), self._context)

    def async_transport(self, base_url: str, *, http: ModuleType | None = None) -> Any:
        """Return an async transport, to put under a client that somebody else makes."""
        return guarded_async(self._guard(base_url, http), self._context)

    async def fetch(self, url: str, *, max_bytes: int) -> bytes:
        """Return the body of one GET: https only, no redirect, status 200, 5 seconds in all.

        The URL's host must be on the policy's list, if there is one.

        Raises:
            DependencyUnavailable: for whatever reason there is no such body; the cause is chained.
        """
        try:
            origin = parse_origin(url, where="fetch()", resource=True)
            guard = Guard(
                http=httpx,
                allowed=self.hosts or frozenset({origin}),
                max_bytes=max_bytes,
                seconds=FETCH_TIME.total_seconds(),
            )
            async with httpx.AsyncClient(transport=guarded_async(guard, self._context), trust_env=False) as client:
                response = await client.get(url)
        except (httpx.HTTPError, OutboundRefused, ConfigurationError) as error:
            raise DependencyUnavailable(f"A fetch failed: {error}") from error
        if response.status_code != 200:
            raise DependencyUnavailable(f"A fetch failed: {origin} answered with status {response.status_code}.")
        return response.content

    def describe(self) -> dict[str, Any]:
        """Return what is in force, as values JSON can hold; evidence for v5.0.0-13.2.4 and 13.2.6."""
        return {
            "profile": self.profile,
            "trust": "public roots (certifi)" if self.trust is None else str(self.trust),
            "hosts": [str(origin) for origin in sorted(self.hosts)],
            "pins": {host: _rendered(pins) for host, pins in sorted(self.pins.items())},
            "client_certificate": self.identity is not None,
            "redirects": "off, or within the origin",
            "revocation": "not checked",
            "max_bytes": self.max_bytes,
            "total_seconds": self.total_time.total_seconds(),
            "tls": describe(self._context).as_dict(),
        }

    def _guard(self, base_url: str, http: ModuleType | None) -> Guard:
        origin = parse_origin(base_url, where="base_url", resource=True)
        return Guard(
            http=http or httpx,
            allowed=self.hosts | {origin},
            max_bytes=self.max_bytes,
            seconds=self.total_time.total_seconds(),
        )


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    return {known(name, _CLIENT_OPTIONS, where="OutboundPolicy's client"): value for name, value in options.items()}


def _check_limits(max_bytes: object, total_time: object) -> None:
    if type(max_bytes) is not int or max_bytes <= 0:
        raise ConfigurationError(
            f"OutboundPolicy(max_bytes) is {max_bytes!r}.",
            fix="Give a whole number above zero; there is no unlimited.",
        )
    if not isinstance(total_time, timedelta) or not timedelta() < total_time <= LONGEST_TIME:
        raise ConfigurationError(
            f"OutboundPolicy(total_time) is {total_time!r}.",
            fix="Give a timedelta above zero, of one day at most; there is no unlimited.",
        )


def _check_pins(host: object, pins: object) -> None:
    if not is_host(host):
        raise ConfigurationError(
            f"OutboundPolicy(pins=...) has {quoted(host)}, and no peer is called that.",
            fix="Add pins with .pin(host, ...), which takes every spelling of a host.",
        )
    if not isinstance(pins, Pins):
        raise ConfigurationError(
            f"The pins of {host!r} are no Pins.", fix='Write Pins("sha256/...", "sha256/..."): two keys at least.'
        )


def _rendered(pins: Pins) -> dict[str, Any]:
    return {
        "sha256": [render_pin(spki) for spki in pins.hashes],
        "expires": pins.expires.isoformat() if pins.expires else None,
    }
