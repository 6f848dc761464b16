"""The layers that are compared: each decision about what is ordinary hangs on some choice of a policy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import trustme

from asvs_middleware import HeadersPolicy, SecurityHeadersMiddleware, SecurityPolicy, Tokens, secure, sensitive
from asvs_middleware.certificates import ClientCertificates
from asvs_middleware.connection import ForwardedCertificates, TrustedProxies, dangerously_trust_any_proxy
from asvs_middleware.headers import NONCE, STYLE_NONCE, ContentSecurityPolicy
from asvs_middleware.headers.cookies import CookiePolicy
from asvs_middleware.middleware import CrossOrigin, Limits, Probe, RouteHeaders, TLSOnlyMiddleware
from tests.glance.acting import PLAN, act, an_app

PROXIES = ["10.0.0.0/8"]
TIGHT = Limits(fields=6, field_bytes=300)


class Nobody:
    """An issuer that serves nothing: no token is ever good."""

    async def fetch(self, url: str, *, max_bytes: int) -> bytes:
        raise ConnectionError("the issuer is down")


class Layered(NamedTuple):
    """An app with its layer.

    Attributes:
        make: makes it; each call another one.
        limits: what its requests may be.
        proxied: whether there are proxies it trusts.
    """

    make: Callable[[], Any]
    limits: Limits = Limits()
    proxied: bool = True


def secured(preset: str, **choices: Any) -> Layered:
    """Return secure() round the app with these choices."""
    hosts = choices.pop("hosts", ["api.example.com", "*.example.org", "127.0.0.1"])
    tokens = Tokens("https://idp.example.com", audience="https://api.example.com", outbound=Nobody())
    inner = choices.pop("inner", None)
    policy = getattr(SecurityPolicy, preset)(hosts=hosts, tokens=tokens, **choices)

    def make() -> Any:
        return secure(an_app(unmarked_too=policy.default == "allow", inner=inner), policy)

    return Layered(make, policy.limits, bool(policy.trusted_proxies))


def _headers(**choices: Any) -> Layered:
    return Layered(lambda: SecurityHeadersMiddleware(an_app(), **choices))


def _tls_only(**choices: Any) -> Layered:
    return Layered(lambda: TLSOnlyMiddleware(an_app(), hosts=["api.example.com"], **choices))


def _headers_around_a_secured_app() -> Any:
    return SecurityHeadersMiddleware(_INSIDE.make(), preset="web")


def _headers_in_a_secured_app() -> Any:
    app = _INSIDE.make()
    app.add_middleware(SecurityHeadersMiddleware, preset="web")
    return app


def _inside_after_a_while() -> Any:
    """Return a layer that first is asked by itself, and from then on through another one."""
    alone = SecurityHeadersMiddleware(an_app(), preset="web", trusted_proxies=PROXIES)
    around = secure(alone, SecurityPolicy.api(hosts=["api.example.com"], default="allow", trusted_proxies=PROXIES))

    async def either(scope: Any, receive: Any, send: Any) -> None:
        kept = scope[PLAN].kept
        kept["asked"] = kept.get("asked", 0) + 1
        await (alone if kept["asked"] < 5 else around)(scope, receive, send)

    return either


def _any_callable() -> Any:
    policy = SecurityPolicy.web(hosts=["api.example.com"], default="allow", trusted_proxies=PROXIES)
    return secure(act, policy)


STYLED = ContentSecurityPolicy(
    {
        "default-src": ["'none'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "script-src": [NONCE],
        "style-src": [STYLE_NONCE],
    }
)
_INNER = SecurityPolicy.web(hosts=["api.example.com"], trusted_proxies=PROXIES)
_INSIDE = secured("web", trusted_proxies=PROXIES)

LAYERS: dict[str, Layered] = {
    "an API": secured("api"),
    "an API behind a proxy": secured("api", trusted_proxies=PROXIES),
    "pages behind a proxy": secured("web", trusted_proxies=PROXIES, default="allow"),
    "both behind a proxy": secured("mixed", trusted_proxies=PROXIES),
    "one hop": secured("api", trusted_proxies=TrustedProxies(PROXIES, hops=1)),
    "two hops": secured("api", trusted_proxies=TrustedProxies(PROXIES, hops=2)),
    "the other family": secured("api", trusted_proxies=TrustedProxies(PROXIES, fields="forwarded")),
    "any proxy": secured("api", trusted_proxies=dangerously_trust_any_proxy(reason="the port is closed to others")),
    "a proxy on a socket": secured("api", trusted_proxies=["unix", *PROXIES]),
    "bodies bounded": secured("api", trusted_proxies=PROXIES, limits=Limits(body_bytes=10)),
    "tight limits": secured("api", trusted_proxies=PROXIES, limits=TIGHT),
    "few methods": secured("web", limits=Limits(methods=["GET", "POST"], field_bytes=None)),
    "probed": secured("web", probes=[Probe(path="/", networks=["192.0.2.0/24"])], default="allow"),
    "isolated": secured("web", cross_origin=CrossOrigin(isolation="resources"), trusted_proxies=PROXIES),
    "one partner": secured("web", cross_origin=CrossOrigin(allowed_origins=["https://p.example"])),
    "named answers": secured("api", headers=HeadersPolicy(attachment="api.json")),
    "a locked origin": secured("api", trusted_proxies=PROXIES, allowed_peers=["192.0.2.0/24", *PROXIES]),
    "an app in the app": secured("api", trusted_proxies=PROXIES, inner=_INNER),
    "marks and headers by prefix": secured(
        "web",
        default="allow",
        trusted_proxies=PROXIES,
        marks={"/m/": sensitive(scopes="a")},
        headers_by_prefix={"/m/": RouteHeaders(cache_control="no-cache", clear_site_data=["cache"])},
    ),
    "locked and mended": secured(
        "web",
        trusted_proxies=PROXIES,
        headers=HeadersPolicy(
            locked={"content-security-policy", "x-frame-options"},
            charset=True,
            cookies=CookiePolicy(),
            cache_control="private",
            removes=["server"],
        ),
    ),
    "level 3": secured("web", level=3, trusted_proxies=PROXIES),
    "styled": secured("web", trusted_proxies=PROXIES, headers=HeadersPolicy(csp=STYLED)),
    "a lifetime for all": secured("mixed", trusted_proxies=PROXIES, headers=HeadersPolicy(cache_control="no-cache")),
    "everything OSHP asks for": secured("api", headers=HeadersPolicy(profile="oshp")),
    "headers alone": _headers(preset="web"),
    "headers alone behind a proxy": _headers(preset="api", trusted_proxies=PROXIES),
    "TLS alone": _tls_only(trusted_proxies=PROXIES, redirect_pages=True),
    "headers around a secured app": Layered(_headers_around_a_secured_app),
    "headers in a secured app": Layered(_headers_in_a_secured_app),
    "a layer alone, then inside another": Layered(_inside_after_a_while),
    "any callable": Layered(_any_callable),
}


def certified(folder: Path) -> Layered:
    """Return an API whose proxy forwards client certificates, which has one field more that only it may write."""
    anchor = folder / "clients.pem"
    trustme.CA().cert_pem.write_to_path(anchor)
    return secured(
        "api",
        trusted_proxies=PROXIES,
        client_certificates=ClientCertificates(trust=anchor),
        forwarded_certificates=ForwardedCertificates("rfc9440", peers=PROXIES),
    )
