"""The same little site under each package, set up as its documentation says, with everything it has switched on.

Paths: `/page` (HTML with a nonce where there is one), `/json`, `/own` (headers of the app's own, and a careless
cookie), `/boom`, and where the package lets a route differ, `/differs`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

HOST, PROXY = "shop.example", "10.0.0.0/8"
OWN = {
    "referrer-policy": "origin",
    "x-frame-options": "SAMEORIGIN",
    "content-type": "text/plain",
    "etag": '"1"',
    "strict-transport-security": "max-age=63072000; includeSubDomains; preload",
}
"""In this order: what is added and removed by position shows."""
CARELESS_COOKIE = "session=1"


@dataclass(frozen=True)
class Subject:
    """One package.

    Attributes:
        name: as it is installed.
        modules: where its code is, to look for a word in it.
        make: makes the site.
        policy: makes a Content-Security-Policy from these directives, as far as the package lets one; returns its text.
        enforces_https: whether it has a setting for that.
        has: what `/differs` shows: `route` has headers of its own, `rule` any rule of its own, `clear-site-data`.
    """

    name: str
    modules: Sequence[str]
    make: Callable[[], ASGIApp]
    policy: Callable[[Mapping[str, list[str]]], str]
    enforces_https: bool = True
    has: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        return f"{self.name} {version(self.name)}"


def page(nonce: str) -> str:
    return f'<!doctype html><script nonce="{nonce}"></script>'


def own() -> Response:
    answer = Response("x", headers=OWN)
    answer.headers.append("set-cookie", CARELESS_COOKIE)
    return answer


async def json(_request: Request) -> Response:
    return JSONResponse({})


async def with_own_headers(_request: Request) -> Response:
    return own()


async def boom(_request: Request) -> Response:
    raise RuntimeError("boom")


async def page_without_nonce(_request: Request) -> Response:
    return HTMLResponse(page(""))


def starlette(page_endpoint: Any = page_without_nonce, *more: Route) -> Starlette:
    return Starlette(
        routes=[
            Route("/page", page_endpoint),
            Route("/json", json, methods=["GET", "POST"]),
            Route("/own", with_own_headers),
            Route("/boom", boom),
            *more,
        ]
    )


# This package


def ours() -> Subject:
    from asvs_middleware import ContentSecurityPolicy, HeadersPolicy, SecurityPolicy, csp_nonce, secure
    from asvs_middleware.headers import CookiePolicy, Reports
    from asvs_middleware.headers.csp import render
    from asvs_middleware.middleware import headers

    async def page_with_nonce(request: Request) -> Response:
        return HTMLResponse(page(csp_nonce(request)))

    @headers(referrer="same-origin", clear_site_data=("cookies", "storage"))
    async def differs(_request: Request) -> Response:
        return JSONResponse({})

    def make() -> ASGIApp:
        trial = ContentSecurityPolicy(
            {"default-src": ["'none'"], "object-src": ["'none'"], "base-uri": ["'none'"], "frame-ancestors": ["'none'"]}
        )
        return secure(
            starlette(page_with_nonce, Route("/differs", differs)),
            SecurityPolicy.web(
                hosts=[HOST],
                trusted_proxies=[PROXY],
                headers=HeadersPolicy(reports=Reports(), csp_report_only=trial, cookies=CookiePolicy()),
            ),
        )

    return Subject(
        name="asvs-middleware",
        modules=["asvs_middleware"],
        make=make,
        policy=lambda directives: render(ContentSecurityPolicy(directives)),
        has=frozenset({"route", "rule", "clear-site-data"}),
    )


# Peers


def secure_() -> Subject:
    from secure import ContentSecurityPolicy, Preset, Secure
    from secure.middleware import SecureASGIMiddleware

    def make() -> ASGIApp:
        app = starlette()
        app.add_middleware(SecureASGIMiddleware, secure=Secure.from_preset(Preset.STRICT))
        return app

    def policy(directives: Mapping[str, list[str]]) -> str:
        made = ContentSecurityPolicy()
        for name, sources in directives.items():
            made = made.custom_directive(name, *sources)
        return Secure(csp=made).headers["Content-Security-Policy"]

    return Subject(name="secure", modules=["secure"], make=make, policy=policy, enforces_https=False)


def secweb() -> Subject:
    from Secweb import SecWeb
    from Secweb.headers import Clear_Site_Data
    from Secweb.headers.csp import Content_Security_Policy, Nonce_Processor

    async def page_with_nonce(_request: Request) -> Response:
        _, nonce = Nonce_Processor()
        await asyncio.sleep(0)  # A database is asked here, and another request gets its turn.
        return HTMLResponse(page(nonce))

    @Clear_Site_Data(options={"cookies": True, "storage": True})
    async def differs(request: Request) -> Response:
        return JSONResponse({})

    def make() -> ASGIApp:
        app = starlette(page_with_nonce, Route("/differs", differs))
        SecWeb(app, script_nonce=True)
        return app

    def policy(directives: Mapping[str, list[str]]) -> str:
        return Content_Security_Policy(options=directives)[1].decode()  # type: ignore[arg-type, index]

    return Subject(
        name="Secweb",
        modules=["Secweb"],
        make=make,
        policy=policy,
        enforces_https=False,
        has=frozenset({"rule", "clear-site-data"}),
    )


def fastapi_guard() -> Subject:
    from fastapi import FastAPI
    from guard import SecurityConfig, SecurityDecorator, SecurityMiddleware

    def config(**choices: Any) -> Any:
        directives = choices.pop("csp", {"default-src": ["'self'"]})
        return SecurityConfig(
            enforce_https=True,
            trusted_proxies=(PROXY,),
            trust_x_forwarded_proto=True,
            security_headers={
                "enabled": True,
                "hsts": {"max_age": 31536000, "include_subdomains": True, "preload": False},
                "csp": directives,
                "frame_options": "SAMEORIGIN",
                "content_type_options": "nosniff",
                "referrer_policy": "strict-origin-when-cross-origin",
                "permissions_policy": "geolocation=(), microphone=(), camera=()",
            },
            enable_redis=False,
            enable_agent=False,
            enable_penetration_detection=False,
            enable_rate_limiting=False,
            **choices,
        )

    def make(**choices: Any) -> ASGIApp:
        app, chosen = FastAPI(), config(**choices)
        app.router.routes.extend(starlette().routes)
        rules = SecurityDecorator(chosen)

        @app.get("/differs")
        @rules.block_user_agents(["worm"])
        async def differs() -> dict[str, str]:
            return {}

        app.state.guard_decorator = rules
        app.add_middleware(SecurityMiddleware, config=chosen)
        return app

    def policy(directives: Mapping[str, list[str]]) -> str:
        from .probes import ask

        return ask(make(csp=dict(directives)), "/json").headers["content-security-policy"]

    return Subject(
        name="fastapi-guard",
        modules=["guard", "guard_core"],
        make=make,
        policy=policy,
        has=frozenset({"rule"}),
    )


def django() -> Subject:
    import django as package
    from django.conf import settings

    directives = {"default-src": ["'self'"], "script-src": ["'self'", "<CSP_NONCE_SENTINEL>"]}
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=[HOST],
            ROOT_URLCONF="tests.benchmarks.peers.django_urls",
            SECRET_KEY="only for this comparison",
            MIDDLEWARE=[
                "django.middleware.security.SecurityMiddleware",
                "django.middleware.csp.ContentSecurityPolicyMiddleware",
                "django.middleware.csrf.CsrfViewMiddleware",
                "django.middleware.clickjacking.XFrameOptionsMiddleware",
            ],
            SECURE_SSL_REDIRECT=True,
            SECURE_HSTS_SECONDS=31536000,
            SECURE_HSTS_INCLUDE_SUBDOMAINS=True,
            SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
            SECURE_CSP=directives,
            SECURE_CSP_REPORT_ONLY={"default-src": ["'none'"]},
            LOGGING_CONFIG=None,
            TEMPLATES=[],
        )
        package.setup()

    def make() -> ASGIApp:
        from django.core.asgi import get_asgi_application

        return get_asgi_application()  # type: ignore[return-value]

    def policy(wanted: Mapping[str, list[str]]) -> str:
        from django.utils.csp import build_policy

        return build_policy(dict(wanted))

    return Subject(
        name="Django",
        modules=["django"],
        make=make,
        policy=policy,
        has=frozenset({"route", "rule"}),
    )


def subjects() -> list[Subject]:
    """Return this package and the peers that are installed."""
    peers = {"secure": secure_, "Secweb": secweb, "guard": fastapi_guard, "django": django}
    return [ours(), *(make() for module, make in peers.items() if find_spec(module))]
