"""The way of an ordinary request is short (docs/explanation/decisions/0011); what comes of it is the same.

Two apps get the same requests in the same order: one that tells ordinary requests at a glance, and one that looks at
every request in full. What they answer and what they log must not differ, from the first request to the last.
"""

import asyncio
import json
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route

from asvs_middleware import (
    HeadersPolicy,
    SecurityHeadersMiddleware,
    SecurityPolicy,
    Tokens,
    csp_nonce,
    public,
    secure,
    sensitive,
    stack,
)
from asvs_middleware.connection import Networks, connection_reader, presented_chain
from asvs_middleware.middleware import CrossOrigin, Limits, Probe, RouteHeaders, classes, fuse

SEQUENCES, LENGTH = 6, 50
NONCE = re.compile(rb"nonce(-|=')[A-Za-z0-9+/=]{20,}")
OURS, LIST = b"api.example.com", b"evil.example,api.example.com"
TOKENS = Tokens("https://idp.example.com", audience="x")
POLICIES: dict[str, dict[str, Any]] = {
    "an API": {"preset": "api"},
    "an API behind a proxy": {"preset": "api", "trusted_proxies": ["10.0.0.0/8"]},
    "pages behind a proxy": {"preset": "web", "trusted_proxies": ["10.0.0.0/8"], "default": "allow"},
    "both": {"preset": "mixed", "trusted_proxies": ["10.0.0.0/8"], "hosts": ["api.example.com", "*.example.org"]},
    "bodies bounded": {"preset": "api", "limits": Limits(body_bytes=10), "trusted_proxies": ["10.0.0.0/8"]},
    "tight limits": {"preset": "web", "limits": Limits(fields=6, field_bytes=300)},
    "probed": {"preset": "web", "probes": [Probe(path="/", networks=["192.0.2.0/24"])]},
    "isolated": {"preset": "web", "cross_origin": CrossOrigin(isolation="resources")},
    "one site allowed": {"preset": "web", "cross_origin": CrossOrigin(allowed_origins=["https://p.example"])},
    "marks and headers by prefix": {
        "preset": "web",
        "default": "allow",
        "marks": {"/m/": sensitive(scopes="a")},
        "headers_by_prefix": {"/m/": RouteHeaders(cache_control="no-cache")},
    },
    "locked": {"preset": "web", "headers": HeadersPolicy(locked={"content-security-policy"}, charset=True)},
}
FIELDS = [
    (b"authorization", [b"Bearer x", b"Basic y"]),
    (b"origin", [b"https://api.example.com", b"https://evil.example", b"https://p.example"]),
    (b"sec-fetch-site", [b"cross-site", b"same-origin", b"bogus"]),
    (b"content-length", [b"5", b"11", b"-1"]),
    (b"transfer-encoding", [b"chunked"]),
    (b"x-forwarded-host", [OURS, LIST, b"evil.example"]),
    (b"x-forwarded-for", [b"1.2.3.4", b"junk"]),
    (b"x_forwarded_proto", [b"https"]),
    (b"host", [OURS, b"evil.example"]),
    (b"accept", [b"text/html", b"*" * 280]),
    (b"bad name", [b"1"]),
]

opened = public(reason="open to all of them")


class Server:
    """What uvicorn binds `receive` to; its transport knows the peer."""

    def __init__(self, peer: Any, *, tls: bool) -> None:
        self.transport = self
        self.known = {"peername": peer, "sslcontext": object() if tls else None}

    def get_extra_info(self, name: str) -> Any:
        return self.known.get(name)

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * 11}


@opened
async def echo(request: Request) -> Response:
    scope = request.scope
    pairs = sorted([name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"])
    return JSONResponse({"headers": pairs, "client": scope["client"], "scheme": scope["scheme"]})


@opened
async def body(request: Request) -> Response:
    return Response(str(len(await request.body())))


@opened
async def page(request: Request) -> Response:
    return HTMLResponse(f"<script nonce='{csp_nonce(request)}'></script>")


@opened
async def own(request: Request) -> Response:
    fields = {"content-security-policy": "default-src *", "cache-control": "public", "vary": "cookie"}
    return Response("x", headers=fields | {"location": f"http://{request.headers.get('host', '')}/"}, status_code=302)


@opened
async def boom(request: Request) -> Response:
    raise RuntimeError("broken")


def an_app() -> Starlette:
    return Starlette(
        routes=[
            *(Route(f"/{one.__name__}", one, methods=["GET", "POST"]) for one in (echo, body, page, own, boom)),
            Route("/", echo),
            Route("/guarded", sensitive(scopes="a")(lambda request: Response("x")), methods=["GET", "POST"]),
            Mount("/m", routes=[Route("/x", echo)]),
        ]
    )


def a_request(chance: random.Random) -> tuple[dict[str, Any], Any]:
    proxied = chance.random() < 0.5
    pairs = [(b"host", chance.choice([OURS] * 6 + [LIST, b"a.example.org", b"evil.example", b"API.example.com:443"]))]
    if proxied:
        pairs += [(b"x-forwarded-proto", b"https"), (b"x-forwarded-for", b"203.0.113.7")]
    for name, values in chance.sample(FIELDS, chance.choice([0, 0, 1, 2])):
        pairs.insert(chance.randint(0, len(pairs)), (name, chance.choice(values)))
    peer = ("10.0.0.1", 2) if proxied and chance.random() < 0.9 else chance.choice([("192.0.2.9", 1), None])
    tls = chance.random() < (0.3 if proxied else 0.9)
    path = chance.choice(["/", "/echo", "/body", "/page", "/own", "/boom", "/guarded", "/m/x", "/nothing", "//", ""])
    scope = {
        "type": "http",
        "http_version": chance.choice(["1.1", "1.1", "1.0", "2"]),
        "method": chance.choice(["GET", "GET", "POST", "HEAD", "OPTIONS", "TRACE"]),
        "scheme": "https" if tls else "http",
        "path": path,
        "raw_path": chance.choice([path.encode()] * 9 + [b"https://evil.example/"]),
        "query_string": b"",
        "headers": pairs,
        "client": peer,
    }
    return scope, Server(peer, tls=tls)


def told(app: Any, request: tuple[dict[str, Any], Any], events: Callable[[], list[dict[str, Any]]]) -> tuple[Any, ...]:
    """Return everything a request comes to."""
    scope, server = request
    sent: list[Any] = []
    raised = None

    async def send(message: Any) -> None:
        sent.append(message)

    before = len(events())
    try:
        asyncio.run(app({**scope, "headers": list(scope["headers"])}, server.receive, send))
    except Exception as error:
        raised = repr(error)
    starts = [(one.get("status"), [(n, NONCE.sub(b"nonce", v)) for n, v in one.get("headers", ())]) for one in sent]
    bodies = [NONCE.sub(b"nonce", one.get("body", b"")) for one in sent]
    logged = [{name: fact for name, fact in event.items() if name != "time"} for event in events()[before:]]
    return starts, bodies, raised, json.dumps(logged, sort_keys=True)


def compare(short: Any, whole: Any, seed: int, events: Any) -> None:
    chance = random.Random(seed)
    requests: list[Any] = []
    for number in range(LENGTH):
        again = requests and chance.random() < 0.3
        requests.append(chance.choice(requests) if again else a_request(chance))
        assert told(short, requests[-1], events) == told(whole, requests[-1], events), (number, requests[-1][0])


@pytest.mark.parametrize("seed", range(SEQUENCES))
@pytest.mark.parametrize("policy", POLICIES)
def test_a_secured_app(policy: str, seed: int, events: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever came before, and however the request is put together."""

    def secured() -> Any:
        choices = {"hosts": ["api.example.com"], "tokens": TOKENS, **POLICIES[policy]}
        return secure(an_app(), getattr(SecurityPolicy, choices.pop("preset"))(**choices))

    short = secured()
    told(short, a_request(random.Random(0)), events)  # The layer is made when the app is first called.
    monkeypatch.setattr(stack, "inbound_ordinary", lambda _policy: None)
    whole = secured()
    told(whole, a_request(random.Random(0)), events)
    compare(short, whole, seed, events)


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_headers_alone(seed: int, events: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for a layer that judges nobody."""
    short = SecurityHeadersMiddleware(an_app(), preset="web")
    monkeypatch.setattr(classes, "fuse", lambda app, **given: fuse(app, **{**given, "ordinary": None}))
    compare(short, SecurityHeadersMiddleware(an_app(), preset="web"), seed, events)


def ask(app: Any, events: Any, *pairs: tuple[bytes, bytes], host: bytes = OURS, **members: Any) -> Any:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": "/",
        "query_string": b"",
    }
    scope |= {"query_string": b"", "headers": [(b"host", host), *pairs], "client": ("192.0.2.9", 1), **members}
    [(status, fields), *_], *_ = told(app, (scope, Server(scope["client"], tls=scope["scheme"] == "https")), events)
    return status, dict(fields)


PROXIED = {"scheme": "http", "client": ("10.0.0.1", 2)}
THROUGH = ((b"x-forwarded-proto", b"https"), (b"x-forwarded-for", b"203.0.113.7"))


def primed(events: Any, **choices: Any) -> Any:
    """Return an app that knows its host from three good requests, straight and through its proxy."""
    policy = SecurityPolicy.api(hosts=[OURS.decode()], trusted_proxies=["10.0.0.0/8"], tokens=TOKENS, **choices)
    app = secure(an_app(), policy)
    for _ in range(3):
        assert ask(app, events)[0] == ask(app, events, *THROUGH, **PROXIED)[0] == 200
    return app


@pytest.mark.parametrize(("length", "status"), [(b"9", 200), (b"11", 413), (b"-1", 400)])
def test_a_length_is_looked_at_every_time(length: bytes, status: int, events: Any) -> None:
    """A host that is known does not make a body smaller."""
    app = primed(events, limits=Limits(body_bytes=10))
    for _ in range(3):
        asked = ask(app, events, (b"content-length", length), method="POST", path="/echo")
        assert asked[0] == status


def test_a_list_in_the_host_is_never_known(events: Any) -> None:
    """A proxy that repeats it in X-Forwarded-Host does not make it one of ours, there or straight from a stranger."""
    app = primed(events)
    for _ in range(3):
        through = ask(app, events, *THROUGH, (b"x-forwarded-host", LIST), host=LIST, **PROXIED)
        assert b"evil.example" not in through[1].get(b"location", b"")
        assert ask(app, events, host=LIST)[0] == 400


def test_two_hosts_take_nothing_from_others(events: Any) -> None:
    """HSTS is not lost for everybody because one client named two hosts."""
    app = SecurityHeadersMiddleware(an_app(), preset="web")
    ask(app, events, (b"host", b"127.0.0.1"))
    for _ in range(3):
        assert b"strict-transport-security" in ask(app, events)[1]


def test_what_the_app_does_to_the_fields_is_not_what_arrived(events: Any) -> None:
    """A field a middleware writes into the list of the scope is no credential of the caller."""

    class Writing:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope["headers"].append((b"authorization", b"Bearer forged"))
            await self.app(scope, receive, send)

    inner = an_app()
    inner.add_middleware(Writing)
    app = secure(inner, SecurityPolicy.api(hosts=[OURS.decode()], tokens=TOKENS))
    for _ in range(4):
        before = len(events())
        assert ask(app, events, path="/guarded")[0] == 401
        assert [event["reason"] for event in events()[before:] if "code" in event] == [
            "The request carries no access token."
        ]


@pytest.mark.parametrize("pairs", [(), THROUGH], ids=["straight", "through a proxy"])
def test_a_connection_that_is_gone(pairs: Any) -> None:
    """Whoever hangs up has no peer left, and so nobody's certificate: the one of the TLS object may be the proxy's."""
    read = connection_reader(Networks(["10.0.0.0/8"]))
    server = Server(None, tls=True)
    server.known["ssl_object"] = object()
    scope = {"type": "http", "scheme": "https", "headers": [(b"host", OURS), *pairs], "client": ("10.0.0.1", 2)}
    assert presented_chain(read(scope, server.receive)) == ()
