"""What is compared: a lower bound, this package, and its peers where they are installed, all round the same apps."""

from importlib.util import find_spec
from types import MethodType, SimpleNamespace
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asvs_middleware import SecurityHeadersMiddleware, SecurityPolicy, csp_nonce, secure
from asvs_middleware.connection import ScopeReader
from asvs_middleware.headers import HeadersPolicy, header_set
from asvs_middleware.middleware import Fused, Limits, dresser
from asvs_middleware.middleware.gates.limits import ordinary

from .harness import HOST, Nonce, Section, Variant, Wrap, a_scope, nothing_to_read
from .issuer import Issuer

PROXIES = ["10.0.0.0/8", "2001:db8::/32"]
WITH_REQUEST = "bare, request made"
PRESETS = ("BASIC", "BALANCED", "STRICT")

FOURTEEN = [(b"x-header-%d" % number, b"value; of=ordinary, length") for number in range(14)]


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer two bytes of text; a new message each time, as frameworks make it."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


async def with_request(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the same, with a request object made: what the variants with a nonce are compared with."""
    HTTPConnection(scope)
    await answering(scope, receive, send)


def asking(nonce: Nonce) -> ASGIApp:
    """Return the app that asks for a nonce before it answers."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonce(HTTPConnection(scope))
        await answering(scope, receive, send)

    return app


def bare(app: ASGIApp) -> ASGIApp:
    return app


def floor(app: ASGIApp) -> ASGIApp:
    """Do the least that could be called security headers. Unsafe: it changes the app's message and repeats headers."""

    def layer(scope: Scope, receive: Receive, send: Send) -> Any:
        if scope["type"] != "http":
            return app(scope, receive, send)
        if scope["scheme"] != "https":
            raise PermissionError

        def on_send(message: Message) -> Any:
            if message["type"] == "http.response.start":
                message["headers"] = message["headers"] + FOURTEEN
            return send(message)

        return app(scope, receive, on_send)

    return layer


def headers_only(app: ASGIApp) -> ASGIApp:
    return SecurityHeadersMiddleware(app, preset="api")


def headers_fused(app: ASGIApp) -> ASGIApp:
    api, web = (header_set(kind, HeadersPolicy(), level=2) for kind in ("api", "web"))
    return Fused(app, read=ScopeReader(), dress=dresser("api", api=api, web=web), ordinary=ordinary(Limits()))


def full(app: ASGIApp) -> ASGIApp:
    """Everything: Host, plaintext, proxies, headers, and a guard that could verify tokens."""
    return secure(app, full_policy())


def full_policy(**choices: Any) -> SecurityPolicy:
    return SecurityPolicy.web(
        hosts=[HOST.decode(), "www.example.com"],
        trusted_proxies=PROXIES,
        tokens=Issuer().tokens(),
        **choices,
    )


def secweb(**options: Any) -> Wrap:
    """Return Secweb's middleware; it wants a Starlette app to add itself to, and one method of it is enough."""
    from Secweb import SecWeb

    def wrap(app: ASGIApp) -> ASGIApp:
        added: list[ASGIApp] = []
        SecWeb(SimpleNamespace(add_middleware=lambda make, **given: added.append(make(app, **given))), **options)
        return added[0]

    return wrap


def secure_preset(name: str) -> Wrap:
    """Return the middleware of `secure` with one of its presets."""
    from secure import Preset, Secure
    from secure.middleware import SecureASGIMiddleware

    return lambda app: SecureASGIMiddleware(app, secure=Secure.from_preset(Preset[name]))


def assembled(inner: Wrap) -> Wrap:
    """Return what one puts together by hand for the same concerns: proxy, redirect, hosts, then headers."""
    from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    hosts = [HOST.decode(), "www.example.com"]
    return lambda app: ProxyHeadersMiddleware(
        HTTPSRedirectMiddleware(TrustedHostMiddleware(inner(app), allowed_hosts=hosts)), trusted_hosts=PROXIES
    )


class Handshake:
    """The TLS object of a client that showed no certificate."""

    def getpeercert(self, *, binary_form: bool) -> None:
        """Give none."""


class ServerLike:
    """What uvicorn binds `receive` to: an object that knows the transport."""

    def __init__(self, peername: Any = ("198.51.100.7", 50123), *, tls: bool = True) -> None:
        facts = {"peername": peername, **({"ssl_object": Handshake(), "sslcontext": object()} if tls else {})}
        self.transport = SimpleNamespace(get_extra_info=MethodType(dict.get, facts))

    async def receive(self) -> Message:
        return await nothing_to_read()


def proxied(*authorization: bytes) -> Scope:
    """Return the scope of the same request through a trusted proxy that ends TLS."""
    scope = a_scope(*authorization, client=("10.0.0.7", 40123), scheme="http")
    scope["headers"] += [(b"x-forwarded-for", b"198.51.100.7"), (b"x-forwarded-proto", b"https")]
    return scope


def peers() -> list[Variant]:
    """Return the variants of the peers that are installed."""
    found = []
    if find_spec("Secweb"):
        from Secweb.headers.csp import Nonce_Processor

        def nonce(_request: HTTPConnection) -> object:
            return Nonce_Processor()

        with_nonces = secweb(script_nonce=True, style_nonce=True)
        found += [
            Variant("Secweb, default", secweb(), answering, "bare"),
            Variant("proxy + redirect + host + Secweb, default", assembled(secweb()), answering, "bare"),
            Variant("Secweb, nonce used", with_nonces, asking(nonce), WITH_REQUEST, nonce=nonce),
            Variant(
                "proxy + redirect + host + Secweb, nonce used",
                assembled(with_nonces),
                asking(nonce),
                WITH_REQUEST,
                nonce=nonce,
            ),
        ]
    if find_spec("secure"):
        found += [
            *(Variant(f"secure, {name}", secure_preset(name), answering, "bare") for name in PRESETS),
            Variant("proxy + redirect + host + secure STRICT", assembled(secure_preset("STRICT")), answering, "bare"),
        ]
    return found


def on_a_raw_app() -> Section:
    """Return every layer round an app that does nothing else."""
    return Section(
        title="Layers on a raw ASGI app",
        floor="floor",
        inspected=True,
        variants=[
            Variant("bare", bare, answering, "bare"),
            Variant(WITH_REQUEST, bare, with_request, WITH_REQUEST),
            Variant("floor", floor, answering, "bare"),
            Variant("ours, headers only (class)", headers_only, answering, "bare"),
            Variant("ours, headers only (fused layer)", headers_fused, answering, "bare"),
            Variant("ours, full", full, answering, "bare"),
            Variant("ours, full, transport asked", full, answering, "bare", receive=ServerLike().receive),
            Variant("ours, full, behind a proxy", full, answering, "bare", scope=proxied()),
            Variant("ours, full, nonce used", full, asking(csp_nonce), WITH_REQUEST, nonce=csp_nonce),
            *peers(),
        ],
    )
