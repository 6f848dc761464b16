"""One policy object: what an operator chooses for an app. The safe choice is the default, the preset's own.

docs/explanation/defaults.md gives each default its reason.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Literal, Self, TypedDict, Unpack

from .access import Documentation, Marking, PrefixMarks
from .asvs import check_level
from .certificates import ClientCertificates, PeerCertificate
from .connection import AllowedPeers, ForwardedCertificates, Hosts, PeerRanges, TrustedProxies
from .errors import ConfigurationError
from .evidence import Assumed, Assumptions, Explanation, explained
from .headers import HeaderSet, HeadersPolicy, HSTSPolicy, Reports, header_set, reports_of
from .headers.presets import of_kind
from .middleware import (
    CrossOrigin,
    ExposedCredentialHook,
    HTTPSPort,
    Limits,
    Prefixes,
    Probe,
    RouteHeaders,
    check_https_port,
    header_waivers,
)
from .names import check_type, known
from .tokens import Tokens
from .waivers import Waiver

Preset = Literal["api", "web", "mixed"]
Default = Literal["deny", "allow"]


class Choices(TypedDict, total=False):
    """What may be chosen beside the preset; SecurityPolicy says what each means."""

    level: Literal[1, 2, 3]
    trusted_proxies: Sequence[str] | TrustedProxies
    allowed_peers: Sequence[str | PeerRanges] | None
    required_peer_certificate: PeerCertificate | None
    tokens: Tokens | None
    client_certificates: ClientCertificates | None
    forwarded_certificates: ForwardedCertificates | None
    default: Default
    marks: Mapping[str, Marking]
    docs: Documentation
    https_port: HTTPSPort
    limits: Limits
    probes: Sequence[Probe]
    cross_origin: CrossOrigin | None
    headers: HeadersPolicy
    headers_by_prefix: Mapping[str, RouteHeaders]
    on_exposed_credential: ExposedCredentialHook | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityPolicy:
    """The policy of one app. Made by `api`, `web` or `mixed`.

    Attributes:
        preset: `api`: nothing but calls; `web`: pages; `mixed`: HTML is a page, everything else a call.
        hosts: every host name the app answers for: exact, `*.suffix`, or an IP address; with a port, that one alone.
        level: the ASVS level aimed at: 1, 2 or 3.
        trusted_proxies: networks (CIDR) or `unix` whose X-Forwarded-* fields count; or a TrustedProxies.
        allowed_peers: networks, `unix` and files (PeerRanges) from which alone connections are accepted.
        required_peer_certificate: the certificate every peer has to show, such as a CDN's own.
        tokens: which access tokens are accepted.
        client_certificates: which client certificates are accepted.
        forwarded_certificates: the proxies that end TLS for clients with certificates, and how they forward those.
        default: `deny` refuses an endpoint that carries no mark; `allow` serves it.
        marks: sensitive(...) or public(...) by path prefix, such as "/admin/", for all that is below it.
        docs: FastAPI's documentation pages: `off`, `public` or `sensitive`.
        https_port: the port of a redirect to TLS; or plaintext `host[:port]` -> TLS `host[:port]`.
        limits: methods, number and size of header fields; on request, size and time of bodies.
        probes: paths that load balancers may ask over plaintext.
        cross_origin: what pages of other origins may do. HTTP requests are looked at unless the preset is `api` and
            access tokens are the only credential: nothing then comes with a request by itself.
        headers: what the response headers say where it is not the preset's own.
        headers_by_prefix: what differs below a path such as "/embed/"; routers and routes may differ again.
        on_exposed_credential: called when a credential came over plaintext, to revoke it; what it raises is logged.

    Raises:
        ConfigurationError: an argument cannot be right, or two do not go together.
    """

    preset: Preset
    hosts: Sequence[str]
    level: Literal[1, 2, 3] = 2
    trusted_proxies: Sequence[str] | TrustedProxies = ()
    allowed_peers: Sequence[str | PeerRanges] | None = None
    required_peer_certificate: PeerCertificate | None = None
    tokens: Tokens | None = None
    client_certificates: ClientCertificates | None = None
    forwarded_certificates: ForwardedCertificates | None = None
    default: Default = "deny"
    marks: Mapping[str, Marking] = field(default_factory=dict)
    docs: Documentation = "off"
    https_port: HTTPSPort = 443
    limits: Limits = field(default_factory=Limits)
    probes: Sequence[Probe] = ()
    cross_origin: CrossOrigin | None = None
    headers: HeadersPolicy = field(default_factory=HeadersPolicy)
    headers_by_prefix: Mapping[str, RouteHeaders] = field(default_factory=dict)
    on_exposed_credential: ExposedCredentialHook | None = None
    prefix_marks: PrefixMarks = field(init=False, repr=False, compare=False)
    served_hosts: Hosts = field(init=False, repr=False, compare=False)
    proxies: TrustedProxies = field(init=False, repr=False, compare=False)
    peers: AllowedPeers | None = field(init=False, repr=False, compare=False)
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
        check_level(self.level, owner="SecurityPolicy")
        _is("tokens", self.tokens, Tokens, 'tokens=Tokens("https://idp.example.com", audience="...")')
        _is(
            "client_certificates",
            self.client_certificates,
            ClientCertificates,
            'client_certificates=ClientCertificates(trust="clients-ca.pem")',
        )
        _is(
            "forwarded_certificates",
            self.forwarded_certificates,
            ForwardedCertificates,
            'forwarded_certificates=ForwardedCertificates("rfc9440", peers=["10.0.0.7"])',
        )
        _is("headers", self.headers, HeadersPolicy, "headers=HeadersPolicy(...)", optional=False)
        _is("hosts", self.hosts, Collection, 'hosts=["api.example.com"]', optional=False)
        _is(
            "required_peer_certificate",
            self.required_peer_certificate,
            PeerCertificate,
            "required_peer_certificate=PeerCertificate(ClientCertificates(...), identities=[...])",
        )
        _is("limits", self.limits, Limits, "limits=Limits(fields=100)", optional=False)
        _is("cross_origin", self.cross_origin, CrossOrigin, "cross_origin=CrossOrigin(allowed_origins=[...])")
        a_probe = 'probes=[Probe(path="/health", networks=["10.0.0.0/8"])]'
        _is("probes", self.probes, Collection, a_probe, optional=False)
        for probe in self.probes:
            _is("probes", probe, Probe, a_probe, optional=False)
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
        _is("marks", self.marks, Mapping, 'marks={"/admin/": sensitive(...)}', optional=False)
        object.__setattr__(self, "prefix_marks", PrefixMarks(self.marks))
        _is(
            "headers_by_prefix",
            self.headers_by_prefix,
            Mapping,
            'headers_by_prefix={"/embed/": RouteHeaders(...)}',
            optional=False,
        )
        Prefixes(self.headers_by_prefix)  # Refuses what is no prefix.
        object.__setattr__(self, "served_hosts", Hosts(self.hosts))
        _check_preload(self.headers.hsts, self.served_hosts.given)
        check_https_port(self.https_port, self.served_hosts, argument="SecurityPolicy(https_port)")
        _check_reports(reports_of(self.headers, level=self.level), self.limits)
        object.__setattr__(self, "proxies", TrustedProxies.of(self.trusted_proxies))
        if self.forwarded_certificates is not None:
            self._check_forwarding(self.forwarded_certificates)
        object.__setattr__(self, "peers", None if self.allowed_peers is None else AllowedPeers(self.allowed_peers))
        object.__setattr__(self, "api_headers", header_set("api", self._headers_of("api"), level=self.level))
        object.__setattr__(self, "web_headers", header_set("web", self._headers_of("web"), level=self.level))

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """Every control that was weakened on purpose, from every part that says so."""
        parts = (getattr(self, one.name) for one in fields(self) if one.init)
        found = (waiver for part in parts for waiver in getattr(part, "waivers", ()))
        by_prefix = (waiver for one in self.headers_by_prefix.values() for waiver in one.waivers)
        return (*found, *header_waivers(self.headers), *by_prefix)

    @property
    def deny_unmarked(self) -> bool:
        """Whether an endpoint without a mark is refused."""
        return self.default == "deny"

    @property
    def redirects_pages(self) -> bool:
        """Whether a page opened over plaintext is sent to TLS (v5.0.0-4.1.2 allows it for pages alone)."""
        return self.preset != "api"

    @property
    def judges_cross_origin(self) -> bool:
        """Whether HTTP requests of other sites' pages are looked for (v5.0.0-3.5.1)."""
        if self.cross_origin is not None:
            return self.cross_origin.dangerously_accept_requests is None
        # Browsers put cookies and client certificates on a request by themselves, access tokens never.
        return self.preset != "api" or self.client_certificates is not None

    def explain(self, path: str, method: str = "GET", **assumed: Unpack[Assumptions]) -> Explanation:
        """Return the headers of a path, who set each, which requirements they meet, and what is asked there.

        A policy knows prefixes and no routes: `asvs_middleware.rehearsal.explain(app, path)` adds those of an app.

        Args:
            path: such as `/orders/1`, decoded.
            method: the request method; `WEBSOCKET` is a handshake.
            assumed: of the response `status`, `content_type`, other fields the endpoint sets (`sent`) and whether the
                page asks for a `nonce`; of the request `host` and `scheme`.

        Raises:
            ConfigurationError: an argument could be in no request or response, or the headers cannot be sent.
        """
        return explained(self, Assumed(path=path, method=method, **assumed))

    def _check_forwarding(self, forwarded: ForwardedCertificates) -> None:
        if self.client_certificates is None:
            raise ConfigurationError(
                "SecurityPolicy(forwarded_certificates=...) has nothing to verify the certificates with.",
                fix='Add client_certificates=ClientCertificates(trust="clients-ca.pem").',
            )
        believes_anybody = None in self.proxies
        if not believes_anybody and (strangers := forwarded.peers_outside(self.proxies.networks)):
            raise ConfigurationError(
                f"SecurityPolicy(forwarded_certificates=...) believes {strangers[0]!r}, which is no trusted proxy.",
                fix=f"Add {strangers[0]!r} to trusted_proxies.",
            )

    def _headers_of(self, kind: Literal["api", "web"]) -> HeadersPolicy:
        return of_kind(self.headers, kind, mixed=self.preset == "mixed")


def _served_by_default(choices: Choices) -> Choices:
    return {"default": "allow", **choices}


def _check_preload(hsts: HSTSPolicy | None, hosts: Sequence[str]) -> None:
    """The list takes a domain on the word of that domain: an app of another one has nothing to say."""
    if hsts is None or hsts.preload is None:
        return
    domain = hsts.preload.domain
    names = (host.lower().rpartition("]")[2].partition(":")[0].removeprefix("*.") for host in hosts)
    if not any(name == domain or name.endswith(f".{domain}") for name in names):
        raise ConfigurationError(
            f"HSTSPolicy(preload=Preload(domain={domain!r})) names a domain that none of the hosts belongs to.",
            fix="Name the registrable domain of the hosts, or drop preload.",
        )


def _check_reports(reports: Reports | None, limits: Limits) -> None:
    if reports is not None and reports.path is not None and "POST" not in limits.methods:
        raise ConfigurationError(
            f"Browsers send their reports to {reports.path} with POST, which Limits(methods=...) refuses.",
            fix='Add "POST" to it, or name a collector elsewhere: HeadersPolicy(reports=Reports(url="https://...")).',
        )


_is = partial(check_type, "SecurityPolicy")
