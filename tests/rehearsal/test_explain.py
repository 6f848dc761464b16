"""explain(): the headers of a path, who set each, and what the level finds missing."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from asvs_middleware import HeadersPolicy, SecurityPolicy, Tokens, public, secure, sensitive
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import CSP, ContentSecurityPolicy, Reports
from asvs_middleware.middleware import CrossOrigin, RouteHeaders, dangerously_below_level, headers
from asvs_middleware.rehearsal import explain

pytestmark = pytest.mark.anyio

WAIVER = dangerously_below_level("v5.0.0-3.4.6", reason="partners frame this page")
TOKENS = Tokens("https://idp.example.com", audience="https://api.example.com")


@public(reason="nothing secret here")
@headers(csp=CSP.append(script_src=["https://w.example"]), coop="same-origin-allow-popups")
async def page(request: Request) -> Response:
    return HTMLResponse("<p>x", headers={"permissions-policy": "usb=(self)"})


@public(reason="nothing secret here")
async def plain(request: Request) -> Response:
    return JSONResponse({})


@headers(clear_site_data=("cookies", "storage"), extra={"x-robots-tag": "noindex"}, vary=["Accept"])
@sensitive()
async def logout(request: Request) -> Response:
    return JSONResponse({})


def an_app() -> FastAPI:
    router = APIRouter()
    router.add_api_route("/page", page, response_model=None)
    router.add_api_route("/plain", plain, response_model=None)
    headers(cache_control="no-cache")(router)
    app = FastAPI()
    app.include_router(router, prefix="/embed")
    app.add_api_route("/logout", logout, methods=["POST"], response_model=None)
    files = headers(corp="cross-origin", preset="api")(StaticFiles(directory=Path(__file__).parent))
    app.mount("/files", public(reason="nothing secret here")(files))
    return app


def a_policy(**choices: Any) -> SecurityPolicy:
    given: dict[str, Any] = {
        "preset": "mixed",
        "hosts": ["api.example.com"],
        "tokens": TOKENS,
        "default": "allow",
        "headers": HeadersPolicy(permissions={"camera": ["self"]}),
        "headers_by_prefix": {
            "/embed/": RouteHeaders(csp=CSP.replace(frame_ancestors=["https://portal.example"]), waiver=WAIVER)
        },
    }
    return SecurityPolicy(**{**given, **choices})


def who(explained: Any) -> dict[str, str]:
    return {line.name: line.who for line in explained.headers}


async def test_it_says_what_is_sent(drive: Any) -> None:
    """Names and values are those of the real response, where what the endpoint sets is given."""
    app = secure(an_app(), a_policy())
    wire = await drive(app, "/embed/page")
    told = explain(app, "/embed/page", sent=[("content-length", "4"), ("permissions-policy", "usb=(self)")])
    assert {line.name: line.value for line in told.headers} == {
        name.decode(): value.decode() for name, value in wire.headers
    }


def test_who_set_what() -> None:
    """Everyone who had a part, the weakest first."""
    app = secure(an_app(), a_policy())
    told = explain(app, "/embed/page", sent=[("permissions-policy", "usb=(self)")])
    assert who(told) == {
        "content-type": "app",
        "x-content-type-options": "preset web",
        "referrer-policy": "preset web",
        "permissions-policy": "policy + app",
        "cross-origin-opener-policy": "route",
        "cross-origin-resource-policy": "preset web",
        "strict-transport-security": "preset web",
        "cache-control": "router",
        "content-security-policy": "preset web + prefix /embed/ + route",
    }
    assert (told.route, told.endpoint, told.status, told.level) == ("/embed/page", f"{__name__}.page", 200, 2)
    assert told.waived == (("v5.0.0-3.4.6", "partners frame this page"),)
    assert told.missed == ()


@pytest.mark.parametrize(
    ("path", "options", "expected"),
    [
        pytest.param(
            "/logout",
            {"method": "POST", "content_type": "application/json"},
            {"cache-control": "layer", "clear-site-data": "route", "x-robots-tag": "route", "vary": "route"},
            id="a proof",
        ),
        pytest.param("/embed/page", {"nonce": True}, {"cache-control": "layer"}, id="a nonce"),
        pytest.param(
            "/embed/page",
            {"nonce": True, "sent": [("cache-control", "public")]},
            {"cache-control": "app + layer"},
            id="a nonce and the app's own word",
        ),
        pytest.param(
            "/files/x.js",
            {"content_type": "text/javascript"},
            {
                "cross-origin-resource-policy": "mount /files",
                "cross-origin-embedder-policy": "preset api (mount /files)",
                "content-security-policy": "preset api (mount /files)",
                "permissions-policy": "preset api (mount /files)",
            },
            id="a preset chosen by a mount",
        ),
        pytest.param("/nothing", {"status": 404}, {"permissions-policy": "policy"}, id="no route"),
        pytest.param(
            "/nothing", {"content_type": "application/json"}, {"permissions-policy": "preset api"}, id="a call"
        ),
    ],
)
def test_other_hands(path: str, options: Any, expected: dict[str, str]) -> None:
    """The layer's own word, a route's further fields, a mount's preset, a policy meant for pages alone."""
    app = secure(an_app(), a_policy())
    assert expected.items() <= who(explain(app, path, **options)).items()


def test_a_whole_policy_begins_anew() -> None:
    """Who stood before it had no part in what is sent."""
    whole = ContentSecurityPolicy(
        {"default-src": ["'none'"], "object-src": ["'none'"], "base-uri": ["'none'"], "frame-ancestors": ["'none'"]}
    )

    @headers(csp=whole)
    @public(reason="nothing secret here")
    async def endpoint(request: Request) -> Response: ...

    app = Starlette(routes=[Mount("/embed", routes=[Route("/one", endpoint)])])
    told = explain(app, "/embed/one", policy=a_policy(headers=HeadersPolicy(csp=whole)))
    assert who(told)["content-security-policy"] == "route"
    assert (
        who(explain(app, "/two", policy=a_policy(headers=HeadersPolicy(csp=whole))))["content-security-policy"]
        == "policy"
    )


def test_a_profile_is_named() -> None:
    """What it sends is not the preset's own idea."""
    told = explain(Starlette(), "/", policy=a_policy(preset="web", headers=HeadersPolicy(profile="oshp")))
    assert who(told)["x-permitted-cross-domain-policies"] == "preset web, profile oshp"


def test_what_the_gates_add() -> None:
    """Vary of a policy that looks where a request comes from is the policy's."""
    told = explain(Starlette(), "/", policy=a_policy(cross_origin=CrossOrigin(isolation="resources")))
    assert who(told)["vary"] == "policy"


@pytest.mark.parametrize(
    ("level", "choices", "options", "missed"),
    [
        pytest.param(1, {}, {}, set(), id="level 1"),
        pytest.param(2, {}, {}, set(), id="level 2"),
        pytest.param(3, {}, {"nonce": True}, set(), id="level 3"),
        pytest.param(2, {}, {"content_type": "text/html"}, {"v5.0.0-4.1.1", "v4.0.3-14.4.1"}, id="no charset"),
        pytest.param(
            3,
            {"headers_by_prefix": {"/x/": RouteHeaders(csp=None, corp=None, coop=None, waiver=WAIVER)}},
            {"nonce": True},
            {
                "v5.0.0-3.4.3", "v4.0.3-14.4.3", "v5.0.0-3.4.6", "v4.0.3-14.4.7", "v5.0.0-3.4.7", "v5.0.0-3.4.8",
                "v5.0.0-3.5.8",
            },
            id="everything waived",
        ),
    ],
)  # fmt: skip
def test_what_the_level_finds(level: Any, choices: Any, options: Any, missed: set[str]) -> None:
    """Ids missed and met have nothing in common; none of a higher level is among them."""
    chosen = a_policy(preset="web", level=level, headers=HeadersPolicy(), **{"headers_by_prefix": {}, **choices})
    told = explain(Starlette(), "/x/one", policy=chosen, **options)
    found = {id_ for finding in told.missed for id_ in finding.requirements}
    assert found == missed
    assert not found & set(told.met)
    assert ("v5.0.0-3.4.8" in told.met) is (level == 3 and not missed)
    assert ("v5.0.0-3.4.3" in told.met) is (level >= 2 and "v5.0.0-3.4.3" not in missed)


def test_what_a_proof_is_needed_for_is_not_kept() -> None:
    """v5.0.0-14.3.2 is judged where the endpoint is sensitive, and there alone."""

    @headers(cache_control="private, max-age=60")
    @sensitive()
    async def kept(request: Request) -> Response: ...

    app = Starlette(routes=[Route("/kept", kept), Route("/logout", logout, methods=["POST"]), Route("/plain", plain)])
    policy = a_policy(headers_by_prefix={})
    told = explain(app, "/kept", policy=policy)
    assert [finding.requirements for finding in told.missed] == [("v5.0.0-14.3.2",)]
    assert "v5.0.0-14.3.2" in explain(app, "/logout", "POST", policy=policy).met
    assert "v5.0.0-14.3.2" not in explain(app, "/plain", policy=policy).met
    assert "cache-control: private, max-age=60" in str(told)


def test_a_304_needs_no_place_for_reports() -> None:
    """It carries no policy of ours."""
    chosen = a_policy(preset="web", level=3, headers=HeadersPolicy(reports=Reports()), headers_by_prefix={})
    assert explain(Starlette(), "/", policy=chosen, status=304).missed == ()


def test_text_and_data() -> None:
    """One for people, one for machines; nothing an app sends can break either."""
    app = secure(an_app(), a_policy())
    told = explain(app, "/embed/page", sent=[("x-own", "a\x1b[2Jb"), ("x-empty", "")], content_type="text/html")
    text = str(told)
    assert text.startswith(f"GET /embed/page  {__name__}.page  (status 200)\n")
    assert "\x1b" not in text
    assert "a\\x1b[2Jb" in text
    assert "Met at level 2: v4.0.3-" in text
    assert "Missed: v5.0.0-4.1.1, v4.0.3-14.4.1" in text
    assert "Waived: v5.0.0-3.4.6 (partners frame this page)" in text
    assert max(map(len, text.splitlines()[:-6])) < 200
    data = json.loads(json.dumps(told.data()))
    assert data["headers"][0] == {"name": "content-type", "value": "text/html", "who": "app"}
    assert data["missed"][0]["requirements"] == ["v5.0.0-4.1.1", "v4.0.3-14.4.1"]


@pytest.mark.parametrize("preset", ["api", "web"])
def test_what_is_assumed(preset: Any) -> None:
    """JSON of an API, HTML of everything else; the first host, under a name where it is a suffix."""
    chosen = a_policy(preset=preset, hosts=["*.example.com"], headers_by_prefix={})
    told = explain(Starlette(), "/", policy=chosen)
    assert told.headers[0].value == ("application/json" if preset == "api" else "text/html; charset=utf-8")
    assert "strict-transport-security" in who(told)
    assert (told.route, told.endpoint) == (None, None)
    assert "no route" in str(told)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(lambda: explain(Starlette(), "/"), "is not secured", id="not secured"),
        pytest.param(lambda: explain(Starlette(), "x", policy=a_policy()), "is no path", id="no path"),
        pytest.param(
            lambda: explain(Starlette(), "/x/y", policy=a_policy(headers_by_prefix={"/x/": RouteHeaders(csp=None)})),
            "v5.0.0-3.4.3",
            id="headers that cannot be sent",
        ),
    ],
)
def test_what_cannot_be_explained(call: Any, message: str) -> None:
    """It says what is missing."""
    with pytest.raises(ConfigurationError, match=message):
        call()
