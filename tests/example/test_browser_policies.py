"""What the headers do in a real browser, on a small site of its own over TLS."""

import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from asvs_middleware import HeadersPolicy, SecurityPolicy, csp_nonce, public, secure
from asvs_middleware.certificates.pins import spki_sha256
from asvs_middleware.headers import CookiePolicy, Isolation
from asvs_middleware.middleware import headers
from asvs_middleware.server.launcher import server_for
from asvs_middleware.server.listeners import listening, port_of
from asvs_middleware.server.pki import write_development_pki
from asvs_middleware.server.policy import ServerPolicy
from tests.example.devtools import Browser, Tab, chromium

SHOP, STRICT, ISOLATED, OTHER = "shop.example", "strict.example", "isolated.example", "other.example"
shown = public(reason="nothing secret here")


class Plaintext:
    """What came in over plaintext: a server of its own, so that what must not be sent would be seen."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.asked.append(f"{dict(scope['headers'])[b'host'].decode()}{scope['path']}")
            await Response("document.documentElement.dataset.plain = 'ran'")(scope, receive, send)


def page(inside: str) -> str:
    return f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Shop</title>\n{inside}\n'


def the_shop(policy: SecurityPolicy) -> FastAPI:
    """A site as a team would write it; what an attacker got into its pages stands in them too."""
    app = FastAPI(title="Shop")

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    @shown
    async def index(request: Request) -> str:
        nonce = csp_nonce(request)
        return page(
            f'<link rel="icon" href="data:,"><style nonce="{nonce}">body {{ color: rgb(1, 2, 3) }}</style>'
            f'<p id="said">nothing</p><script nonce="{nonce}">said.textContent = "the nonce ran"</script>'
        )

    @app.get("/injected", response_class=HTMLResponse)
    @shown
    async def injected(request: Request) -> str:
        nonce = csp_nonce(request)
        return page(
            f'<link rel="icon" href="data:,"><script nonce="{nonce}">window.ran = ["nonce"]</script>'
            '<script>ran.push("inline")</script>'
            '<script nonce="guessed">ran.push("guessed nonce")</script>'
            '<script src="data:text/javascript,ran.push(`data`)"></script>'
            f'<script src="https://{OTHER}/script.js"></script>'
            '<img src="data:," onerror="ran.push(`handler`)">'
            '<a id="link" href="javascript:ran.push(`link`)">a</a>'
            '<base href="https://other.example/"><object data="/page"></object>'
            '<style>body { color: rgb(9, 9, 9) }</style><p id="said" style="color: rgb(9, 9, 9)">x</p>'
            f'<form id="form" action="https://{OTHER}/taken" method="post"><input name="secret" value="1"></form>'
        )

    @app.get("/evaluates", response_class=HTMLResponse)
    @shown
    async def evaluates(request: Request) -> str:
        return page(
            f'<link rel="icon" href="data:,"><script nonce="{csp_nonce(request)}">window.ran = [];'
            'for (const [name, call] of [["eval", () => eval("1")], ["Function", () => new Function("1")()],'
            ' ["timer", () => setTimeout("ran.push(`timer ran`)", 0)]])'
            " try { call(); ran.push(name) } catch (error) { ran.push(`${name}: ${error.name}`) }</script>"
        )

    @app.get("/file", response_class=HTMLResponse)
    @shown
    async def file() -> str:
        return page('<link rel="icon" href="data:,"><script src="/script.js"></script>')

    @app.get("/mixed", response_class=HTMLResponse)
    @shown
    async def mixed() -> str:
        return page(
            '<link rel="icon" href="data:,">'
            f'<img id="picture" src="http://{SHOP}/picture.svg"><script src="http://{SHOP}/script.js"></script>'
        )

    @app.get("/picture.svg")
    @shown
    async def picture() -> Response:
        image = '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>'
        return Response(image, media_type="image/svg+xml")

    @app.get("/script.js")
    @shown
    async def script() -> Response:
        return Response("document.documentElement.dataset.file = 'ran'", media_type="text/javascript")

    @app.get("/login", response_class=HTMLResponse)
    @shown
    async def login() -> HTMLResponse:
        answer = HTMLResponse(page('<link rel="icon" href="data:,">'))
        answer.set_cookie("session", "opaque")  # Without a single attribute: the layer has to add them.
        return answer

    @app.post("/logout")
    @shown
    @headers(clear_site_data=("cookies", "storage"))
    async def logout() -> dict[str, bool]:
        return {"out": True}

    @app.post("/buy")
    @shown
    async def buy() -> dict[str, bool]:
        app.state.bought += 1
        return {"bought": True}

    app.state.bought = 0
    return secure(app, policy)


def the_attacker() -> Starlette:
    """Another site, without any header of ours."""

    async def frames(request: Any) -> Response:
        return HTMLResponse(page(f'<link rel="icon" href="data:,"><iframe src="https://{SHOP}/"></iframe>'))

    async def blank(request: Any) -> Response:
        return HTMLResponse(page('<link rel="icon" href="data:,">'))

    async def script(request: Any) -> Response:
        return Response("window.ran.push('other host')", media_type="text/javascript")

    async def taken(request: Any) -> Response:
        request.app.state.taken += 1
        return HTMLResponse("taken")

    app = Starlette(
        routes=[
            Route("/frames", frames),
            Route("/", blank),
            Route("/script.js", script),
            Route("/taken", taken, methods=["POST"]),
        ]
    )
    app.state.taken = 0
    return app


POLICIES = {
    SHOP: lambda: SecurityPolicy.web(
        hosts=[SHOP, f"www.{SHOP}"], docs="public", headers=HeadersPolicy(cookies=CookiePolicy())
    ),
    STRICT: lambda: SecurityPolicy.web(hosts=[STRICT], level=3, docs="public"),
    ISOLATED: lambda: SecurityPolicy.web(
        hosts=[ISOLATED], headers=HeadersPolicy(isolation=Isolation(embedder="require-corp"))
    ),
}


@contextmanager
def running(server: uvicorn.Server, sockets: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.run, args=(sockets,))
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=20)


class World:
    """The sites, the listener for plaintext, and the browser in the middle."""

    def __init__(self, browser: Browser, sites: dict[str, Any], plaintext: Plaintext) -> None:
        self.browser, self.sites, self.plaintext = browser, sites, plaintext


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three sites under our policies, one without, and one browser for all tests of this file."""
    folder = tmp_path_factory.mktemp("browser")
    write_development_pki(folder / "pki", [*POLICIES, OTHER, f"www.{SHOP}"], at=datetime.now(UTC))
    apps: dict[str, ASGIApp] = {OTHER: the_attacker(), **{name: the_shop(make()) for name, make in POLICIES.items()}}
    plaintext = Plaintext()
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        unprotected = uvicorn.Server(uvicorn.Config(plaintext, log_level="critical", lifespan="off"))
        stack.enter_context(running(unprotected, [listener]))
        addresses = {"*:80": f"127.0.0.1:{listener.getsockname()[1]}"}
        for name, app in apps.items():
            files = {"certfile": folder / "pki/server.pem", "keyfile": folder / "pki/server.key"}
            choices = ServerPolicy(**files, port=0, log_level="critical")  # type: ignore[arg-type]
            listeners = stack.enter_context(listening(choices))
            stack.enter_context(running(server_for(app, choices, listeners), listeners.tls))
            for host in [name, *([f"www.{name}"] if name == SHOP else [])]:
                addresses[f"{host}:443"] = f"127.0.0.1:{port_of(listeners.tls)}"
                addresses[f"{host}:80"] = addresses["*:80"]
        del addresses["*:80"]
        certificate = x509.load_pem_x509_certificate((folder / "pki/server.pem").read_bytes())
        spki = b64encode(spki_sha256(certificate.public_bytes(Encoding.DER))).decode("ascii")
        yield World(stack.enter_context(chromium(profile_of(folder), spki=spki, addresses=addresses)), apps, plaintext)


def profile_of(folder: Path) -> Path:
    (folder / "profile").mkdir()
    return folder / "profile"


@pytest.fixture
def tab(world: World) -> Iterator[Tab]:
    with world.browser.tab() as one:
        yield one


# Content-Security-Policy


@pytest.mark.parametrize("host", [SHOP, STRICT])
def test_the_nonce_runs_and_nothing_complains(host: str, tab: Tab) -> None:
    """Script and style with the nonce of their response work, without a word in the console."""
    tab.open(f"https://{host}/")
    assert tab.js("said.textContent") == "the nonce ran"
    assert tab.js("getComputedStyle(document.body).color") == "rgb(1, 2, 3)"
    assert tab.errors == []


@pytest.mark.parametrize("host", [SHOP, STRICT])
def test_what_was_injected_does_not_run(world: World, host: str, tab: Tab) -> None:
    """Inline, with a guessed nonce, from data, from another host, a handler, a link, a style, a base, an object."""
    tab.open(f"https://{host}/injected")
    tab.js("link.click()")
    tab.settle()
    assert tab.js("ran") == ["nonce"]
    assert tab.js("document.baseURI") == f"https://{host}/injected"
    assert tab.js("getComputedStyle(said).color") == "rgb(0, 0, 0)"
    assert f"https://{OTHER}/page" not in tab.requests
    blocked = [one for one in tab.errors if "Content Security Policy" in one]
    assert len(blocked) >= 8
    tab.js("form.submit()")
    tab.settle()
    assert world.sites[OTHER].state.taken == 0
    assert tab.js("location.href") == f"https://{host}/injected"


@pytest.mark.parametrize("host", [SHOP, STRICT])
def test_strings_are_not_evaluated(host: str, tab: Tab) -> None:
    """Not even by a script that may run: `eval`, `Function`, a timer with a text."""
    tab.open(f"https://{host}/evaluates")
    ran = tab.js("ran")
    assert ran[:2] == ["eval: EvalError", "Function: EvalError"]
    assert "timer ran" not in ran


def test_scripts_in_files_by_level(tab: Tab) -> None:
    """Below level 3 a file of the own host runs without a nonce; at level 3 it does not."""
    for host, ran in ((SHOP, "ran"), (STRICT, None)):
        tab.open(f"https://{host}/file")
        assert tab.js("document.documentElement.dataset.file ?? null") == ran


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
@pytest.mark.parametrize("host", [SHOP, STRICT])
def test_documentation_without_console_errors(host: str, path: str, tab: Tab) -> None:
    """Swagger UI and ReDoc work under their own policy. ReDoc alone misses its maker's logo, from its maker's host."""
    tab.open(f"https://{host}{path}")
    tab.settle(0.5)
    assert "/buy" in tab.js("document.body.innerText")
    assert [one for one in tab.errors if "logo-mini.svg" not in one] == []


@pytest.mark.parametrize("host", [SHOP, STRICT])
def test_the_page_after_a_log_in_runs_its_script(host: str, tab: Tab) -> None:
    """Nobody opened it here, which its script finds out: it ran, under its nonce, and nothing was blocked."""
    tab.open(f"https://{host}/docs/oauth2-redirect")
    tab.settle(0.5)
    assert tab.js("document.scripts.length") == 1
    assert tab.js("document.scripts[0].nonce.length") > 20
    assert tab.js("typeof run") == "function"
    assert not [one for one in tab.errors if "Content Security Policy" in one]


# Framing and isolation


def test_another_site_cannot_frame_us(tab: Tab) -> None:
    """The browser throws the answer away, and the console names frame-ancestors."""
    tab.open(f"https://{OTHER}/frames")
    assert {one["errorText"] for one in tab.seen("Network.loadingFailed")} == {"net::ERR_BLOCKED_BY_RESPONSE"}
    assert any("frame-ancestors" in one for one in tab.errors)


@pytest.mark.parametrize(("host", "isolated"), [(SHOP, False), (ISOLATED, True), (OTHER, False)])
def test_cross_origin_isolated_where_promised(*, host: str, isolated: bool, tab: Tab) -> None:
    """With COOP, and COEP `require-corp`: shared memory is there, and only there."""
    tab.open(f"https://{host}/")
    assert tab.js("crossOriginIsolated") is isolated
    assert tab.js("typeof SharedArrayBuffer") == ("function" if isolated else "undefined")


def test_no_hand_of_an_opener(world: World, tab: Tab) -> None:
    """A page that opens ours keeps no reference to it (Cross-Origin-Opener-Policy)."""
    tab.open(f"https://{OTHER}/")
    tab.js(f"window.opened = open('https://{SHOP}/'), 1")
    deadline = time.monotonic() + 30
    while not tab.js("opened.closed") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert tab.js("opened.closed") is True


@pytest.mark.parametrize("path", ["/picture.svg", "/script.js"])
def test_another_site_cannot_load_our_files(path: str, tab: Tab) -> None:
    """Cross-Origin-Resource-Policy, and Fetch Metadata where it judges: neither image nor script arrives."""
    tab.open(f"https://{OTHER}/")
    kind = "img" if path.endswith("svg") else "script"
    loaded = tab.js(
        f"new Promise(done => {{ const it = document.createElement('{kind}'); it.onload = () => done(true);"
        f" it.onerror = () => done(false); it.src = 'https://{SHOP}{path}'; document.body.append(it) }})"
    )
    assert loaded is False


def test_another_site_cannot_act_for_a_visitor(world: World, tab: Tab) -> None:
    """A form and a fetch of another site reach no endpoint; our own page's fetch does."""
    shop = world.sites[SHOP]
    tab.open(f"https://{OTHER}/")
    tab.js(f"fetch('https://{SHOP}/buy', {{method: 'POST', mode: 'no-cors', credentials: 'include'}}).catch(() => 0)")
    tab.js(f"document.body.innerHTML = '<form id=form method=post action=https://{SHOP}/buy></form>', form.submit()")
    tab.settle()
    assert shop.state.bought == 0
    tab.open(f"https://{SHOP}/")
    assert tab.js("fetch('/buy', {method: 'POST'}).then(answer => answer.status)") == 200
    assert shop.state.bought == 1


# Transport


def test_mixed_content_is_upgraded(world: World, tab: Tab) -> None:
    """`http:` on a page of ours is asked for over TLS; nothing goes out in clear."""
    before = list(world.plaintext.asked)
    tab.open(f"https://{SHOP}/mixed")
    assert tab.js("picture.naturalWidth") == 7
    assert tab.js("document.documentElement.dataset.file") == "ran"
    assert {f"https://{SHOP}/picture.svg", f"https://{SHOP}/script.js"} <= set(tab.requests)
    assert tab.js("'plain' in document.documentElement.dataset") is False
    assert world.plaintext.asked == before


@pytest.mark.parametrize("host", [SHOP, f"www.{SHOP}"])
def test_plaintext_is_upgraded_by_the_browser(world: World, host: str, tab: Tab) -> None:
    """After one visit the browser itself goes to TLS, for the name and the names below it: no byte in clear."""
    tab.open(f"https://{SHOP}/")
    before = list(world.plaintext.asked)
    tab.open(f"http://{host}/")
    redirects = [one["redirectResponse"] for one in tab.seen("Network.requestWillBeSent") if "redirectResponse" in one]
    assert [(one["status"], one["headers"].get("Non-Authoritative-Reason")) for one in redirects] == [(307, "HSTS")]
    assert tab.js("location.href") == f"https://{host}/"
    assert world.plaintext.asked == before


def test_a_site_without_hsts_is_not_upgraded(world: World, tab: Tab) -> None:
    """The listener for plaintext is really asked where nobody said otherwise: the tests above could fail."""
    tab.open(f"http://{OTHER}/hello")
    assert f"{OTHER}/hello" in world.plaintext.asked


def test_cookies(tab: Tab) -> None:
    """A cookie set without attributes comes out Secure, HttpOnly and SameSite; no script sees it; log-out ends it."""
    tab.open(f"https://{SHOP}/login")
    [cookie] = tab.call("Network.getCookies", urls=[f"https://{SHOP}/"])["cookies"]
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
    assert tab.js("document.cookie") == ""
    tab.js("localStorage.setItem('basket', '1')")
    assert tab.js("fetch('/logout', {method: 'POST'}).then(answer => answer.status)") == 200
    assert tab.call("Network.getCookies", urls=[f"https://{SHOP}/"])["cookies"] == []
    assert tab.js("localStorage.length") == 0
