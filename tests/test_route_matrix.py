"""Headers by route, router, mount and prefix: the same outcome in every framework, for every kind of answer."""

import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Host, Match, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from asvs_middleware import HeadersPolicy, SecurityPolicy, csp_nonce, public, secure, sensitive
from asvs_middleware.asvs import requirement
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import CSP, ContentSecurityPolicy
from asvs_middleware.middleware import (
    Prefixes,
    RouteHeaders,
    SecurityHeadersMiddleware,
    dangerously_below_level,
    headers,
)
from asvs_middleware.middleware.routes.places import pattern_of, places
from asvs_middleware.rehearsal import explain

pytestmark = pytest.mark.anyio
open_to_all = public(reason="nothing secret here")
HOST = "api.example.com"


def endpoint(answer: Any = None, **choices: Any) -> Any:
    """Return a new endpoint with choices of its own; it answers JSON unless told otherwise."""

    async def endpoint(request: Request) -> Response:
        return JSONResponse({}) if answer is None else answer(request)

    marked = open_to_all(endpoint)
    return headers(**choices)(marked) if choices else marked


def failing(status: int) -> Any:
    def answer(request: Request) -> Response:
        raise HTTPException(status)

    return answer


def boom(request: Request) -> Response:
    raise RuntimeError("boom")


def page(request: Request) -> Response:
    return HTMLResponse("<p>x")


def page_with_nonce(request: Request) -> Response:
    return HTMLResponse(csp_nonce(request))


def found(wire: Any) -> dict[str, str]:
    """Return the fields of a response; none stands there twice."""
    names = [name.lower() for name, _ in wire.headers]
    assert len(set(names)) == len(names)
    return {name.decode().lower(): value.decode() for name, value in wire.headers}


def policy(**choices: Any) -> SecurityPolicy:
    return SecurityPolicy(**{"preset": "api", "hosts": [HOST], "default": "allow", **choices})


# Precedence


LEVELS = {
    "route": "strict-origin",
    "router": "same-origin",
    "mount": "origin-when-cross-origin",
    "outer mount": "strict-origin-when-cross-origin",
    "long prefix": "origin",
    "prefix": "no-referrer",
}


def starlette_tree(said: dict[str, str]) -> Any:
    """Return an app with one route under a router, two mounts and two prefixes."""
    one = endpoint(**({"referrer": said["route"]} if "route" in said else {}))
    router = Router([Route("/one", one)])
    if "router" in said:
        headers(referrer=said["router"])(router)
    inner = Starlette(routes=[Mount("/router", app=router), Route("/plain", endpoint())])
    if "mount" in said:
        headers(referrer=said["mount"])(inner)
    outer = Starlette(routes=[Mount("/inner", app=inner)])
    if "outer mount" in said:
        headers(referrer=said["outer mount"])(outer)
    return Starlette(routes=[Mount("/outer", app=outer)])


def fastapi_tree(said: dict[str, str]) -> Any:
    one = endpoint(**({"referrer": said["route"]} if "route" in said else {}))
    router = APIRouter()
    if "router" in said:
        headers(referrer=said["router"])(router)
    router.add_api_route("/one", one, response_model=None)
    inner = FastAPI()
    inner.include_router(router, prefix="/router")
    if "mount" in said:
        headers(referrer=said["mount"])(inner)
    outer = FastAPI()
    outer.mount("/inner", inner)
    if "outer mount" in said:
        headers(referrer=said["outer mount"])(outer)
    app = FastAPI()
    app.mount("/outer", outer)
    return app


@pytest.mark.parametrize("tree", [starlette_tree, fastapi_tree], ids=["starlette", "fastapi"])
@pytest.mark.parametrize("strongest", [*LEVELS, "policy"])
async def test_precedence(tree: Any, strongest: str, drive: Any) -> None:
    """Route, router, inner mount, outer mount, longer prefix, shorter prefix, policy: the first that speaks counts."""
    order = [*LEVELS, "policy"]
    said = {name: LEVELS[name] for name in order[order.index(strongest) :] if name in LEVELS}
    prefixes = {"/outer/": "prefix", "/outer/inner/": "long prefix"}
    app = secure(
        tree(said),
        policy(
            headers=HeadersPolicy(referrer="no-referrer"),
            headers_by_prefix={
                prefix: RouteHeaders(referrer=said[name]) for prefix, name in prefixes.items() if name in said
            },
        ),
    )
    expected = said.get(strongest, "no-referrer")
    assert found(await drive(app, "/outer/inner/router/one"))["referrer-policy"] == expected


@pytest.mark.parametrize("included_first", [True, False])
async def test_a_router_may_be_marked_before_or_after(included_first: bool, drive: Any) -> None:
    """What counts is what it carries when the app starts; a router round it is weaker than the one inside."""
    inner, outer, app = APIRouter(), APIRouter(), FastAPI()
    inner.add_api_route("/one", endpoint(), response_model=None)
    outer.add_api_route("/two", endpoint(), response_model=None)
    marks = [
        lambda: headers(cache_control="no-cache")(inner),
        lambda: headers(cache_control="max-age=1", corp="same-site")(outer),
    ]
    if not included_first:
        [mark() for mark in marks]
    outer.include_router(inner, prefix="/in")
    app.include_router(outer, prefix="/out")
    if included_first:
        [mark() for mark in marks]
    secure(app, policy())
    one, two = found(await drive(app, "/out/in/one")), found(await drive(app, "/out/two"))
    assert (one["cache-control"], one["cross-origin-resource-policy"]) == ("no-cache", "same-site")
    assert (two["cache-control"], two["cross-origin-resource-policy"]) == ("max-age=1", "same-site")


@pytest.mark.parametrize("order", ["above the mark", "below the mark", "both"])
@pytest.mark.parametrize("mark", [open_to_all, sensitive(scopes="read")], ids=["public", "sensitive"])
async def test_next_to_a_mark(order: str, mark: Any, drive: Any, idp: Any) -> None:
    """The two decorators do not mind each other."""

    async def one(request: Request) -> Response:
        return JSONResponse({})

    if order != "above the mark":
        one = headers(corp="same-site")(one)
    one = mark(one)
    if order != "below the mark":
        one = headers(coop="same-origin-allow-popups")(one)
    app = secure(Starlette(routes=[Route("/one", one)]), policy(tokens=idp.tokens()))
    headers_ = found(await drive(app, "/one", headers=idp.bearer("read")))
    assert (headers_["cross-origin-resource-policy"] == "same-site") is (order != "above the mark")
    assert (headers_["cross-origin-opener-policy"] == "same-origin-allow-popups") is (order != "below the mark")


# Every kind of answer


@headers(corp="same-site", cache_control="max-age=60", clear_site_data=("cookies", "storage"))
@open_to_all
class Endpoint(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return JSONResponse({})


@headers(corp="same-site")
@open_to_all
async def closing(websocket: WebSocket) -> None:
    await websocket.close()


CHOICES = {"corp": "same-site", "cache_control": "max-age=60", "clear_site_data": ("cookies", "storage")}
DENIAL = {"type": "websocket", "extensions": {"websocket.http.response": {}}}


def of_all_kinds(idp: Any) -> Any:
    async def plain(request: Request) -> Response:
        return JSONResponse({})

    secret = headers(**CHOICES)(sensitive(scopes="read")(plain))
    return Starlette(
        routes=[
            Route("/json", endpoint(**CHOICES)),
            Route("/page", endpoint(page, **CHOICES)),
            Route("/teapot", endpoint(failing(418), **CHOICES)),
            Route("/boom", endpoint(boom, **CHOICES)),
            Route("/same", endpoint(lambda request: Response(status_code=304), **CHOICES)),
            Route("/class", Endpoint),
            Route("/secret", secret),
            WebSocketRoute("/closing", closing),
            Mount("/files", app=open_to_all(headers(**CHOICES)(StaticFiles(directory=Path(__file__).parent)))),
            Mount("/in", app=headers(**CHOICES)(Starlette(routes=[Route("/json", endpoint())]))),
            Host("other.example.com", app=headers(**CHOICES)(Starlette(routes=[Route("/hosted", endpoint())]))),
        ]
    )


@pytest.mark.parametrize(
    ("path", "status", "members"),
    [
        pytest.param("/json", 200, {}, id="200"),
        pytest.param("/json", 200, {"method": "HEAD"}, id="HEAD"),
        pytest.param("/json", 405, {"method": "POST"}, id="405"),
        pytest.param("/page", 200, {}, id="a page"),
        pytest.param("/teapot", 418, {}, id="HTTPException"),
        pytest.param("/boom", 500, {}, id="500"),
        pytest.param("/same", 304, {}, id="304"),
        pytest.param("/class", 200, {}, id="class endpoint"),
        pytest.param("/secret", 401, {}, id="401"),
        pytest.param("/secret", 200, {"token": "read"}, id="with a token"),
        pytest.param("/closing", 403, DENIAL, id="WebSocket refused"),
        pytest.param("/files/test_route_matrix.py", 200, {}, id="static file"),
        pytest.param("/files/nothing", 404, {}, id="no static file"),
        pytest.param("/in/json", 200, {}, id="mounted"),
        pytest.param("/in/nothing", 404, {}, id="404 in a mount"),
        pytest.param("/hosted", 200, {"host": "other.example.com"}, id="by Host"),
    ],
)
@pytest.mark.parametrize("preset", ["api", "web", "mixed"])
async def test_every_kind_of_answer(
    *, preset: Any, path: str, status: int, members: dict[str, Any], drive: Any, idp: Any
) -> None:
    """What is about the resource comes with every answer; what is about its content only where there is some."""
    members = dict(members)
    sent = {"host": members.pop("host", HOST), "origin": f"https://{HOST}"}
    if token := members.pop("token", None):
        sent |= idp.bearer(token)
    app = secure(of_all_kinds(idp), policy(preset=preset, hosts=[HOST, "other.example.com"], tokens=idp.tokens()))
    wire = await drive(app, path, headers=sent, **members)
    assert wire.status == status
    fields = found(wire)
    assert fields["cross-origin-resource-policy"] == "same-site"
    worked = status < 400
    assert ("clear-site-data" in fields) is worked
    kept = "private, max-age=60" if token else "max-age=60"  # What a proof was needed for is for nobody else.
    assert (fields.get("cache-control") == kept) is worked


async def test_a_preset_of_its_own(drive: Any) -> None:
    """A page in an API, a call among pages; a mixed app decides by itself unless told."""
    routes = [
        Route("/page", endpoint(page, preset="web")),
        Route("/call", endpoint(page, preset="api")),
        Route("/either", endpoint(preset="mixed")),
        Route("/plain", endpoint()),
    ]
    for preset in ("api", "web", "mixed"):
        chosen = policy(preset=preset)
        app = secure(Starlette(routes=routes), chosen)
        for path, kind in {"/page": "web", "/call": "api", "/either": "api"}.items():
            expected = chosen.web_headers if kind == "web" else chosen.api_headers
            assert found(await drive(app, path))["content-security-policy"].encode() == expected.csp[1]


# Prefixes


PREFIXES = {
    "/embed/": RouteHeaders(corp="cross-origin"),
    "/embed/private/": RouteHeaders(corp="same-site", cache_control="no-cache"),
}


@pytest.mark.parametrize(
    ("path", "corp"),
    [
        pytest.param("/embed/one", "cross-origin", id="below"),
        pytest.param("/embed/private/one", "same-site", id="below the longer one"),
        pytest.param("/embed/a/b/c", "cross-origin", id="no route, deep"),
        pytest.param("/embed/private/nothing", "same-site", id="no route below the longer one"),
        pytest.param("/embed", "same-origin", id="the prefix without its slash"),
        pytest.param("/embedded/one", "same-origin", id="another segment"),
        pytest.param("/other", "same-origin", id="elsewhere"),
        pytest.param("//embed/one", "same-origin", id="two slashes"),
        pytest.param("/both/one", "same-origin", id="one endpoint here"),
        pytest.param("/embed/both", "cross-origin", id="and there"),
        pytest.param("/embed/x/tenant", "cross-origin", id="a parameter in place of nothing"),
        pytest.param("/embed/private/tenant", "same-site", id="a parameter in place of a prefix"),
    ],
)
@pytest.mark.parametrize("root", ["", "/root"])
async def test_prefixes(path: str, corp: str, root: str, drive: Any) -> None:
    """Whole segments; the longest counts, for routes and answers without one; what a proxy put before is no part."""
    twice = endpoint()
    app = Starlette(
        routes=[
            Route("/embed/one", endpoint()),
            Route("/embed/private/one", endpoint()),
            Route("/both/one", twice),
            Route("/embed/both", twice),
            Route("/embed/{name}/tenant", endpoint(coop="same-origin-allow-popups")),
        ]
    )
    secure(app, policy(headers_by_prefix=PREFIXES))
    wire = await drive(app, f"{root}{path}", root_path=root)
    fields = found(wire)
    assert fields["cross-origin-resource-policy"] == corp
    assert (fields["cross-origin-opener-policy"] == "same-origin-allow-popups") is path.endswith("tenant")
    assert (fields.get("cache-control") == "no-cache") is (corp == "same-site" and wire.status == 200)


async def test_one_endpoint_with_two_paths_and_a_path_nobody_knows(drive: Any) -> None:
    """A middleware wrote the path anew: the endpoint's own word still holds, a prefix it no longer has does not."""
    twice = endpoint(coop="same-origin-allow-popups")
    inner = Starlette(routes=[Route("/a", twice), Route("/embed/a", twice)])

    class Rewriting:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                scope["path"] = scope["path"].removesuffix("-old")

                async def late(message: Any) -> None:
                    scope["path"] = "/somewhere/else"
                    await send(message)

                await self.app(scope, receive, late)
                return
            await self.app(scope, receive, send)

    inner.add_middleware(Rewriting)
    secure(inner, policy(headers_by_prefix=PREFIXES))
    fields = found(await drive(inner, "/embed/a-old"))
    assert fields["cross-origin-opener-policy"] == "same-origin-allow-popups"
    assert fields["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("prefixes", "message"),
    [
        ({"embed/": RouteHeaders(corp=None)}, "no prefix. Write whole segments between slashes"),
        ({"/embed": RouteHeaders(corp=None)}, "no prefix"),
        ({"/a//b/": RouteHeaders(corp=None)}, "no prefix"),
        ({"/{x}/": RouteHeaders(corp=None)}, "no prefix"),
        ({1: RouteHeaders(corp=None)}, "holds 1, which is no prefix"),
        ({"/embed/": {"corp": None}}, r"is a dict. Write RouteHeaders"),
        (["/embed/"], "headers_by_prefix=.* is a list, not a Mapping"),
    ],
    ids=str,
)
def test_bad_prefixes(prefixes: Any, message: str) -> None:
    """Said when the policy is made."""
    with pytest.raises(ConfigurationError, match=message):
        policy(headers_by_prefix=prefixes)


# What the level and the lock refuse


FULL = {"default-src": ["'none'"], "object-src": ["'none'"], "base-uri": ["'none'"], "frame-ancestors": ["'none'"]}
WAIVER = dangerously_below_level("v5.0.0-3.4.3", reason="an old widget needs it")


def waiver(*numbers: str) -> list[Any]:
    return [dangerously_below_level(f"v5.0.0-{number}", reason="an old widget needs it") for number in numbers]


def successors(number: str) -> set[str]:
    """Return an id of 5.0.0 and the one of 4.0.3 that it stands for."""
    older = {"3.4.3": "14.4.3", "3.4.5": "14.4.6", "3.4.6": "14.4.7"}
    return {f"v5.0.0-{number}", *(f"v4.0.3-{older[one]}" for one in (number,) if one in older)}


@pytest.mark.parametrize(
    ("choices", "level", "message", "needed"),
    [
        pytest.param({"csp": None}, 2, "level 2: absent .v5.0.0-3.4.3, .*v5.0.0-3.4.6", "3.4.3 3.4.6", id="no policy"),
        pytest.param({"csp": None}, 3, "v5.0.0-3.4.6, .*v5.0.0-3.4.7", "3.4.3 3.4.6 3.4.7", id="no policy at level 3"),
        pytest.param({"referrer": None}, 2, "The Referrer-Policy .*absent .v5.0.0", "3.4.5", id="no referrer policy"),
        pytest.param({"referrer": "unsafe-url"}, 2, "unsafe-url .v5.0.0-3.4.5", "3.4.5", id="a leaking referrer"),
        pytest.param({"csp": CSP.replace(object_src=["'self'"])}, 2, "object-src 'self'", "3.4.3", id="objects"),
        pytest.param({"csp": CSP.append(script_src=["*"])}, 2, r"scripts from 'self' .*\*", "3.4.3", id="any script"),
        pytest.param({"csp": CSP.replace(frame_ancestors=None)}, 2, "no frame-ancestors", "3.4.6", id="frames"),
        pytest.param({"csp": CSP.replace(frame_ancestors=["*"])}, 2, r"frame-ancestors \*", "3.4.6", id="any frame"),
        pytest.param({"csp": ContentSecurityPolicy({})}, 2, "absent", "3.4.3 3.4.6", id="an empty policy"),
        *(
            pytest.param({"csp": change(script_src=sources)}, 3, "by 'unsafe-eval'", "3.4.3", id=f"eval, {how}")
            for how, change, sources in (
                ("added", CSP.append, ["'unsafe-eval'"]),
                ("in place of all", CSP.replace, ["'nonce'", "'strict-dynamic'", "'unsafe-eval'"]),
            )
        ),
        pytest.param({"csp": None, "preset": "web"}, 1, "absent .v4.0.3-14.4.3.", "3.4.3", id="no policy at level 1"),
        pytest.param({"csp": None, "preset": "api"}, 1, "v4.0.3-14.4.7", "3.4.3 3.4.6", id="nor X-Frame-Options"),
        pytest.param({"referrer": "unsafe-url"}, 1, "v4.0.3-14.4.6", "3.4.5", id="a leaking referrer at level 1"),
        pytest.param({"referrer": None}, 1, "absent .v4.0.3-14.4.6.", "3.4.5", id="no referrer policy at level 1"),
        pytest.param({"coop": "unsafe-none"}, 3, "v5.0.0-3.4.8", "3.4.8", id="no opener policy at level 3"),
        pytest.param({"corp": "cross-origin"}, 3, "v5.0.0-3.5.8", "3.5.8", id="everybody loads it at level 3"),
    ],
)  # fmt: skip
async def test_below_the_level(choices: Any, level: Any, message: str, needed: str, drive: Any) -> None:
    """It stops the start-up and names the route, unless waivers say why: one for each requirement, and no other."""

    async def started(*waivers: Any) -> Any:
        route = Route("/one", endpoint(waiver=waivers, **choices))
        wire = await drive(secure(Starlette(routes=[route]), policy(preset="web", level=level)), "/one")
        if wire.raised is not None:
            raise wire.raised
        return wire.status

    with pytest.raises(ConfigurationError, match=f"The headers of /one cannot be sent.*{message}"):
        await started()
    ids = needed.split()
    others = {"3.4.3", "3.4.5", "3.4.6", "3.4.7", "3.4.8", "3.5.8"}
    assert await started(*waiver(*ids)) == 200
    for one in ids:
        with pytest.raises(ConfigurationError, match=f"The headers of /one cannot be sent.*v5.0.0-{one}"):
            await started(*waiver(*others - {one}))
    app = secure(
        Starlette(routes=[Route("/one", endpoint(waiver=waiver(*ids), **choices))]), policy(preset="web", level=level)
    )
    for nonce in (False, True):  # What had to be waived is what explain() finds missed, and nothing else.
        missed = {id_ for one in explain(app, "/one", nonce=nonce).missed for id_ in one.requirements}
        assert missed == {id_ for group in map(successors, ids) for id_ in group if requirement(id_).level <= level}


async def test_a_waiver_for_what_is_below(drive: Any) -> None:
    """What a prefix may miss, a route below it may; the prefix's reason is for nothing else."""
    below = {"/x/": RouteHeaders(corp="same-site", waiver=WAIVER)}
    scripts, framing = CSP.append(script_src=["*"]), CSP.replace(frame_ancestors=["*"])
    for choice, refused in ((scripts, False), (framing, True)):
        app = secure(Starlette(routes=[Route("/x/one", endpoint(csp=choice))]), policy(headers_by_prefix=below))
        assert isinstance((await drive(app, "/x/one")).raised, ConfigurationError) is refused


def test_a_prefix_below_the_level() -> None:
    """It is named like a route."""
    below = policy(headers_by_prefix={"/x/": RouteHeaders(csp=None)})
    with pytest.raises(ConfigurationError, match="The headers of prefix /x/ cannot be sent"):
        secure(Starlette(), below)


async def test_what_a_waiver_leaves(drive: Any, events: Any) -> None:
    """A None sends nothing; the waiver is in the policy's list and in the log, once."""
    prefixed = RouteHeaders(csp=None, referrer=None, coop=None, corp=None, waiver=waiver("3.4.3", "3.4.5", "3.4.6"))
    chosen = policy(headers_by_prefix={"/x/": prefixed})
    app = secure(Starlette(routes=[Route("/x/one", endpoint()), Route("/two", endpoint())]), chosen)
    fields = found(await drive(app, "/x/one"))
    gone = {"content-security-policy", "referrer-policy", "cross-origin-opener-policy", "cross-origin-resource-policy"}
    assert not gone & set(fields)
    assert gone <= set(found(await drive(app, "/two")))
    assert chosen.waivers == prefixed.waivers
    waived = [one for one in events() if one["event"] == "requirement_waived"]
    assert [one["requirement"] for one in waived] == ["v5.0.0-3.4.3", "v5.0.0-3.4.5", "v5.0.0-3.4.6"]
    assert {one["reason"] for one in waived} == {"an old widget needs it"}


@pytest.mark.parametrize(
    ("locked", "choices", "refused"),
    [
        ("content-security-policy", {"csp": CSP.append(img_src=["data:"])}, True),
        ("content-security-policy", {"preset": "web"}, True),
        ("referrer-policy", {"referrer": "same-origin"}, True),
        ("referrer-policy", {"referrer": "no-referrer"}, False),
        ("permissions-policy", {"permissions": {"camera": ["self"]}}, True),
        ("cross-origin-opener-policy", {"coop": None}, True),
        ("strict-transport-security", {"preset": "web"}, False),
        ("content-security-policy", {"referrer": "same-origin"}, False),
    ],
    ids=str,
)
async def test_a_locked_field_and_a_route(locked: str, choices: Any, refused: bool, drive: Any) -> None:
    """No route changes it; what leaves it as it is may be said."""
    app = secure(Starlette(routes=[Route("/one", endpoint(**choices))]), policy(headers=HeadersPolicy(locked={locked})))
    wire = await drive(app, "/one")
    assert isinstance(wire.raised, ConfigurationError) is refused
    if refused:
        assert f"changes {locked}, which HeadersPolicy(locked=...) holds fast" in str(wire.raised)


async def test_a_locked_field_in_a_mixed_app(drive: Any) -> None:
    """A route that is always a page is compared with the policy's pages."""
    app = secure(
        Starlette(routes=[Route("/one", endpoint(page, preset="web", corp="same-site"))]),
        policy(preset="mixed", headers=HeadersPolicy(locked={"content-security-policy"})),
    )
    assert (await drive(app, "/one")).status == 200


async def test_the_app_and_a_locked_field(drive: Any) -> None:
    """Its own value goes; its own Content-Security-Policy narrows ours, in one field."""

    def own(request: Request) -> Response:
        response = HTMLResponse("x", headers={"Referrer-Policy": "unsafe-url", "x-frame-options": "SAMEORIGIN"})
        response.raw_headers += [(b"Content-Security-Policy", b"img-src 'none'"), (b"Strict-Transport-Security", b"x")]
        return response

    locked = {"content-security-policy", "referrer-policy", "strict-transport-security"}
    chosen = policy(preset="web", headers=HeadersPolicy(locked=locked))
    app = secure(Starlette(routes=[Route("/one", endpoint(own)), Route("/two", endpoint(page))]), chosen)
    one, two = found(await drive(app, "/one")), found(await drive(app, "/two"))
    assert one["content-security-policy"] == f"{two['content-security-policy']}, img-src 'none'"
    assert one["referrer-policy"] == two["referrer-policy"]
    assert one["strict-transport-security"] == two["strict-transport-security"]
    assert one["x-frame-options"] == "SAMEORIGIN"
    refused = found(await drive(app, "/one", headers={"host": "evil.example"}))
    assert refused["content-security-policy"] == two["content-security-policy"]


def test_what_can_be_locked() -> None:
    """Names are checked; one text is no list."""
    with pytest.raises(ConfigurationError, match="Did you mean 'referrer-policy'"):
        HeadersPolicy(locked={"referer-policy"})
    with pytest.raises(ConfigurationError, match="is one text"):
        HeadersPolicy(locked="referrer-policy")


# Each argument


async def test_every_argument(drive: Any) -> None:
    """Each changes its own field and nothing else."""

    def own(request: Request) -> Response:
        return JSONResponse({}, headers={"vary": "Origin, accept"})

    said = endpoint(
        own,
        csp=CSP.append(img_src=["https://cdn.example"]),
        referrer="same-origin",
        permissions={"camera": ["self"]},
        coop="same-origin-allow-popups",
        coep="credentialless",
        corp="same-site",
        cache_control="no-cache",
        attachment="report.csv",
        vary=["Accept", "Accept-Language"],
        extra={"x-robots-tag": "noindex", "content-language": "de"},
    )
    app = secure(Starlette(routes=[Route("/one", said), Route("/two", endpoint())]), policy())
    one, two = found(await drive(app, "/one")), found(await drive(app, "/two"))
    assert {name: value for name, value in one.items() if two.get(name) != value} == {
        "content-security-policy": f"{two['content-security-policy']}; img-src https://cdn.example",
        "referrer-policy": "same-origin",
        "permissions-policy": two["permissions-policy"].replace("camera=()", "camera=(self)"),
        "cross-origin-opener-policy": "same-origin-allow-popups",
        "cross-origin-embedder-policy": "credentialless",
        "cross-origin-resource-policy": "same-site",
        "cache-control": "no-cache",
        "content-disposition": 'attachment; filename="report.csv"',
        "vary": "Origin, accept, accept-language",
        "x-robots-tag": "noindex",
        "content-language": "de",
    }
    assert set(two) - set(one) == set()


async def test_inheritance_of_changes(drive: Any) -> None:
    """Changes add up from the outside in; a whole policy begins anew, and None takes a weaker word back."""
    append = CSP.append(img_src=["https://one.example"])
    whole = ContentSecurityPolicy({**FULL, "img-src": ["'self'"]})
    routes = [
        Route("/x/both", endpoint(csp=CSP.append(img_src=["https://two.example"]))),
        Route("/x/whole", endpoint(csp=whole)),
        Route("/x/plain", endpoint(cache_control=None, clear_site_data=None, attachment=None)),
    ]
    prefix = RouteHeaders(csp=append, cache_control="no-cache", clear_site_data=["cookies"], attachment="a.json")
    app = secure(Starlette(routes=routes), policy(headers_by_prefix={"/x/": prefix}))
    both, whole_, plain_ = [found(await drive(app, f"/x/{name}")) for name in ("both", "whole", "plain")]
    assert both["content-security-policy"].endswith("img-src https://one.example https://two.example")
    assert whole_["content-security-policy"].endswith("img-src 'self'")
    assert {"cache-control", "clear-site-data", "content-disposition"} <= set(both)
    assert not {"cache-control", "clear-site-data", "content-disposition"} & set(plain_)


async def test_framing_follows_the_policy(drive: Any) -> None:
    """A page that may be framed by a partner sends no X-Frame-Options that forbids it to old browsers."""
    routes = [
        Route("/portal", endpoint(page, csp=CSP.replace(frame_ancestors=["https://portal.example"]))),
        Route("/own", endpoint(page, csp=CSP.replace(frame_ancestors=["'self'"]))),
    ]
    app = secure(Starlette(routes=routes), policy(preset="web"))
    assert "x-frame-options" not in found(await drive(app, "/portal"))
    assert found(await drive(app, "/own"))["x-frame-options"] == "SAMEORIGIN"


@pytest.mark.parametrize("said", ["public, max-age=60", "no-cache"])
async def test_a_nonce_is_stronger_than_a_lifetime(said: str, drive: Any) -> None:
    """A page with a nonce is not kept, whatever the route says of pages."""
    app = secure(Starlette(routes=[Route("/one", endpoint(page_with_nonce, cache_control=said))]), policy(preset="web"))
    assert found(await drive(app, "/one"))["cache-control"] == "private, no-store"


async def test_vary_of_everything(drive: Any) -> None:
    """`*` says all there is to say; a field that is not there is made."""

    def everything(request: Request) -> Response:
        return JSONResponse({}, headers={"vary": "*"})

    routes = [Route("/all", endpoint(everything, vary=["Accept"])), Route("/none", endpoint(vary=["Accept"]))]
    app = secure(Starlette(routes=routes), policy())
    assert found(await drive(app, "/all"))["vary"] == "*"
    assert found(await drive(app, "/none"))["vary"] == "accept"


# The rest


async def test_a_choice_on_a_method_stops_the_start_up(drive: Any) -> None:
    """Nobody would look for it there."""

    class Inside(HTTPEndpoint):
        @headers(cache_control="no-cache")
        @open_to_all
        async def get(self, request: Request) -> Response: ...

    wire = await drive(secure(Starlette(routes=[Route("/one", Inside)]), policy()), "/one")
    with pytest.raises(ConfigurationError, match=r"/one has @headers on the method get .* Put it on the class"):
        raise wire.raised


async def test_a_choice_that_came_too_late(drive: Any) -> None:
    """Where nothing differs nothing is looked up, so that the first choice has to be there in time."""
    app = Starlette()
    stack_app = secure(app, policy())
    from asvs_middleware.stack import stack_of

    stack = stack_of(stack_app)
    stack.headers.start(app)
    app.router.routes.append(Route("/late", endpoint(corp="same-site")))
    with pytest.raises(ConfigurationError, match="/late got its headers after the app had built its middleware"):
        stack.headers.compile(app)


async def test_a_check_before_the_start(drive: Any, events: Any) -> None:
    """A launcher looks at the app before it is up: all is well then too, and a waiver is told once."""
    app = secure(Starlette(routes=[Route("/one", endpoint(corp="same-site", waiver=WAIVER))]), policy())
    from asvs_middleware.stack import stack_of

    stack = stack_of(app)
    stack.check()
    stack.check()
    assert found(await drive(app, "/one"))["cross-origin-resource-policy"] == "same-site"
    assert [one["event"] for one in events()].count("requirement_waived") == 1
    assert stack.headers.waivers == (WAIVER,)


async def test_where_nothing_differs_nothing_is_looked_up() -> None:
    """The dress is the very one an app without routes has."""
    app = Starlette(routes=[Route("/one", endpoint())])
    secure(app, policy())
    from asvs_middleware.stack import stack_of

    stack = stack_of(app)
    assert stack.headers.start(app) is stack.headers.start(Starlette())


async def test_a_secured_app_inside_sees_to_its_own(drive: Any) -> None:
    """Its routes carry its own policy's choices; the outer app's mount still counts for what it leaves open."""
    inner = secure(Starlette(routes=[Route("/one", endpoint(cache_control="no-cache"))]), policy(hosts=[HOST], level=1))
    outer = secure(Starlette(routes=[Mount("/in", app=inner), Route("/two", endpoint(corp="same-site"))]), policy())
    fields = found(await drive(outer, "/in/one"))
    assert fields["cache-control"] == "no-cache"
    assert fields["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("make", [Starlette, FastAPI], ids=["starlette", "fastapi"])
async def test_the_class_alone(make: Any, drive: Any) -> None:
    """`add_middleware(SecurityHeadersMiddleware)` reads the same choices, prefixes and locks."""
    app = make()
    one = endpoint(corp="cross-origin")
    app.router.routes += [Route("/one", one), Route("/x/two", endpoint()), Route("/three", endpoint())]
    app.add_middleware(
        SecurityHeadersMiddleware,
        preset="api",
        headers=HeadersPolicy(locked={"referrer-policy"}),
        headers_by_prefix={"/x/": RouteHeaders(corp="same-site")},
    )
    corps = [found(await drive(app, path))["cross-origin-resource-policy"] for path in ("/one", "/x/two", "/three")]
    assert corps == ["cross-origin", "same-site", "same-origin"]


async def test_the_class_round_any_app(drive: Any) -> None:
    """An app without routes has the policy's headers."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await JSONResponse({})(scope, receive, send)

    assert found(await drive(SecurityHeadersMiddleware(app, preset="api"), "/"))["referrer-policy"] == "no-referrer"


class Strange(BaseRoute):
    """A kind of route nothing here knows."""

    def matches(self, scope: Any) -> Any:
        return Match.NONE, {}


@pytest.mark.parametrize("fastapi", [True, False], ids=["with FastAPI", "without"])
def test_the_walk(fastapi: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A strange route carries nothing and stops nothing; the walk needs no FastAPI."""
    if not fastapi:
        monkeypatch.delitem(sys.modules, "fastapi.routing")
    one = endpoint(corp="same-site")
    app = Starlette(routes=[Strange(), Route("/one", one)])
    [place] = places(app, foreign=lambda _app: False)
    assert (place.path, place.endpoint, [link.who for link in place.chain]) == ("/one", one, ["route"])


@pytest.mark.parametrize(
    ("template", "matching", "others"),
    [
        ("/a/{x}", ["/a/b", "/a/1"], ["/a/", "/a/b/c", "/a"]),
        ("/a/{x:int}/b", ["/a/1/b"], ["/a/1", "/a/1/2/b"]),
        ("/f/{path:path}", ["/f/", "/f/a/b"], ["/f"]),
        ("/a.b", ["/a.b"], ["/aXb", "/a.b\n"]),
        ("/{x}/{x}", ["/a/b"], ["/a"]),
        ("", [""], ["/"]),
    ],
)
def test_patterns(template: str, matching: list[str], others: list[str]) -> None:
    """A template of Starlette as a pattern; the same name twice, as in a mount and its route, is no mistake here."""
    pattern = pattern_of(template)
    assert all(pattern.match(path) for path in matching)
    assert not any(pattern.match(path) for path in others)


@given(st.text("/aembdprivt.%", max_size=30))
def test_any_path_has_one_chain(path: str) -> None:
    """The longest prefix that a path begins with, found without trying them all."""
    prefixes = Prefixes(PREFIXES)
    longest = max((prefix for prefix in PREFIXES if path.startswith(prefix)), key=len, default=None)
    expected = [f"prefix {prefix}" for prefix in sorted(PREFIXES, key=len) if (longest or "").startswith(prefix)]
    assert [link.who for link in prefixes.chain_of(path)] == expected
