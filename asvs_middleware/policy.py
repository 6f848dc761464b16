"""One policy object: what an operator chooses for an app. The safe choice is the default, the preset's own.

docs/explanation/defaults.md gives each default its reason.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self, TypedDict, Unpack

from .access import Documentation
from .certificates import ClientCertificates
from .connection import Hosts, Networks
from .errors import ConfigurationError
from .headers import HeaderSet, HeadersPolicy, header_set
from .middleware import ExposedCredentialHook
from .names import known
from .tokens import Tokens

Preset = Literal["api", "web", "mixed"]
Default = Literal["deny", "allow"]


class Choices(TypedDict, total=False):
    """What may be chosen beside the preset; SecurityPolicy says what each means."""

    level: Literal[1, 2, 3]
    trusted_proxies: Sequence[str]
    tokens: Tokens | None
    client_certificates: ClientCertificates | None
    default: Default
    docs: Documentation
    https_port: int
    headers: HeadersPolicy
    on_exposed_credential: ExposedCredentialHook | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityPolicy:
    """The policy of one app. Made by `api`, `web` or `mixed`.

    Attributes:
        preset: `api`: nothing but calls; `web`: pages; `mixed`: HTML is a page, everything else a call.
        hosts: every host name the app answers for: exact, `*.suffix`, or an IP address; no ports.
        level: the ASVS level aimed at: 1, 2 or 3.
        trusted_proxies: networks (CIDR) or `unix` whose X-Forwarded-* fields count.
        tokens: which access tokens are accepted.
        client_certificates: which client certificates are accepted.
        default: `deny` refuses an endpoint that carries no mark; `allow` serves it.
        docs: FastAPI's documentation pages: `off`, `public` or `sensitive`.
        https_port: the port of a redirect to TLS.
        headers: what the response headers say where it is not the preset's own.
        on_exposed_credential: called when a credential came over plaintext, to revoke it; what it raises is logged.

    Raises:
        ConfigurationError: an argument cannot be right, or two do not go together.
    """

    preset: Preset
    hosts: Sequence[str]
    level: Literal[1, 2, 3] = 2
    trusted_proxies: Sequence[str] = ()
    tokens: Tokens | None = None
    client_certificates: ClientCertificates | None = None
    default: Default = "deny"
    docs: Documentation = "off"
    https_port: int = 443
    headers: HeadersPolicy = field(default_factory=HeadersPolicy)
    on_exposed_credential: ExposedCredentialHook | None = None
    served_hosts: Hosts = field(init=False, repr=False, compare=False)
    proxies: Networks = field(init=False, repr=False, compare=False)
    api_headers: HeaderSet = field(init=False, repr=False, compare=False)
    web_headers: HeaderSet = field(init=False, repr=False, compare=False)

    @classmethod
    def api(cls, *, hosts: Sequence[str], **choices: Unpack[Choices]) -> Self:
        """Return the policy of an API: plaintext refused, unmarked endpoints denied, nothing may load anything."""
        return cls(preset="api", hosts=hosts, **choices)

    @classmethod
    def web(cls, *, hosts: Sequence[str], **choices: Unpack[Choices]) -> Self:
        """Return the policy of a site: pages opened over plaintext are redirected, unmarked endpoints served."""
        return cls(preset="web", hosts=hosts, **_served_by_default(choices))

    @classmethod
    def mixed(cls, *, hosts: Sequence[str], **choices: Unpack[Choices]) -> Self:
        """Return the policy of an app with pages and calls: HTML gets the headers of `web`, the rest those of `api`."""
        return cls(preset="mixed", hosts=hosts, **_served_by_default(choices))

    def __post_init__(self) -> None:
        known(self.preset, {"api", "web", "mixed"}, where="SecurityPolicy(preset=)")
        known(self.default, {"deny", "allow"}, where="SecurityPolicy(default=)")
        known(self.docs, {"off", "public", "sensitive"}, where="SecurityPolicy(docs=)")
        if self.level not in (1, 2, 3) or isinstance(self.level, bool):
            raise ConfigurationError(f"SecurityPolicy(level={self.level!r}) is no ASVS level.", fix="Use 1, 2 or 3.")
        _is("tokens", self.tokens, Tokens, 'tokens=Tokens("https://idp.example.com", audience="...")')
        _is(
            "client_certificates",
            self.client_certificates,
            ClientCertificates,
            'client_certificates=ClientCertificates(trust="clients-ca.pem")',
        )
        _is("headers", self.headers, HeadersPolicy, "headers=HeadersPolicy(...)", optional=False)
        _is("hosts", self.hosts, Collection, 'hosts=["api.example.com"]', optional=False)
        _is("trusted_proxies", self.trusted_proxies, Collection, 'trusted_proxies=["10.0.0.0/8"]', optional=False)
        # bool is an int, and True would be port 1.
        if type(self.https_port) is not int or not 0 < self.https_port < 65536:
            raise ConfigurationError(
                f"SecurityPolicy(https_port={self.https_port!r}) is no port.", fix="Use 1 to 65535; 443 is the default."
            )
        if self.docs == "sensitive" and self.tokens is None and self.client_certificates is None:
            raise ConfigurationError(
                'SecurityPolicy(docs="sensitive") has nothing to ask a visitor for.',
                fix='Add client_certificates=... or tokens=..., or choose docs="off".',
            )
        if self.on_exposed_credential is not None and not callable(self.on_exposed_credential):
            raise ConfigurationError(
                f"SecurityPolicy(on_exposed_credential={self.on_exposed_credential!r}) cannot be called.",
                fix="Give a function that takes the Connection.",
            )
        object.__setattr__(self, "served_hosts", Hosts(self.hosts))
        object.__setattr__(self, "proxies", Networks(self.trusted_proxies, argument="trusted_proxies"))
        object.__setattr__(self, "api_headers", header_set("api", self._headers_of("api"), level=self.level))
        object.__setattr__(self, "web_headers", header_set("web", self._headers_of("web"), level=self.level))

    @property
    def deny_unmarked(self) -> bool:
        """Whether an endpoint without a mark is refused."""
        return self.default == "deny"

    @property
    def redirects_pages(self) -> bool:
        """Whether a page opened over plaintext is sent to TLS (v5.0.0-4.1.2 allows it for pages alone)."""
        return self.preset != "api"

    def _headers_of(self, kind: Literal["api", "web"]) -> HeadersPolicy:
        """In `mixed`, a CSP or Referrer-Policy of the operator's own is meant for the pages."""
        if self.preset != "mixed" or kind == "web":
            return self.headers
        return HeadersPolicy(hsts=self.headers.hsts)


def _served_by_default(choices: Choices) -> Choices:
    return {"default": "allow", **choices}


def _is(argument: str, value: object, expected: type, example: str, *, optional: bool = True) -> None:
    if not (isinstance(value, expected) or (optional and value is None)):
        raise ConfigurationError(
            f"SecurityPolicy({argument}=...) is a {type(value).__name__}, not a {expected.__name__}.",
            fix=f"Write {example}.",
        )
