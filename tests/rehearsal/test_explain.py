"""explain(): the headers of a path, who set each, and what the level finds missing."""

import json
import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from asvs_middleware import HeadersPolicy, SecurityPolicy, Tokens, csp_nonce, public, secure, sensitive
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import CSP, ContentSecurityPolicy, HSTSPolicy, Reports
from asvs_middleware.middleware import CrossOrigin, RouteHeaders, dangerously_below_level, headers
from asvs_middleware.rehearsal import assert_headers, explain

pytestmark = pytest.mark.anyio

WAIVER = dangerously_below_level("v5.0.0-3.4.6", reason="partners frame this page")
WAIVERS = [
    dangerously_below_level(f"v5.0.0-{number}", reason="an old widget needs it")
    for number in ("3.4.3", "3.4.6", "3.4.7", "3.4.8", "3.5.8")
]
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
        who(explain(app, "/two", status=200, policy=a_policy(headers=HeadersPolicy(csp=whole))))[
            "content-security-policy"
        ]
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
            {"headers_by_prefix": {"/x/": RouteHeaders(csp=None, corp=None, coop=None, waiver=WAIVERS)}},
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
    told = chosen.explain("/x/one", **options)
    found = {id_ for finding in told.missed for id_ in finding.requirements}
    assert found == missed
    assert not found & set(told.met)
    assert ("v5.0.0-3.4.8" in told.met) is (level == 3 and not missed)
    assert ("v5.0.0-3.4.3" in told.met) is (level >= 2 and "v5.0.0-3.4.3" not in missed)


@pytest.mark.parametrize(
    ("level", "hsts", "met"),
    [
        pytest.param(1, None, False, id="level 1"),
        pytest.param(1, HSTSPolicy(include_subdomains=True), True, id="level 1 with subdomains"),
        pytest.param(2, None, True, id="level 2"),
    ],
)
def test_subdomains(level: Any, hsts: Any, met: bool) -> None:
    """v4.0.3-14.4.5 asks for them at every level, v5.0.0-3.4.1 from level 2: what is not shown is not called met."""
    told = SecurityPolicy.web(hosts=["api.example.com"], level=level, headers=HeadersPolicy(hsts=hsts)).explain("/")
    assert ("v4.0.3-14.4.5" in told.met) is met
    assert "v5.0.0-3.4.1" in told.met
    assert told.missed == ()


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


@pytest.mark.parametrize("preset", ["api", "web", "mixed"])
@pytest.mark.parametrize("level", [1, 2, 3])
async def test_a_304_is_judged_by_what_it_sends(preset: Any, level: Any) -> None:
    """RFC 9111 section 4.3.4: what it leaves out is neither missed nor shown to be met; what it sends is judged."""

    async def unchanged(request: Request) -> Response:
        return Response(status_code=304)

    chosen = SecurityPolicy(preset=preset, hosts=["api.example.com"], level=level, default="allow")
    app = secure(Starlette(routes=[Route("/a", unchanged)]), chosen)
    told = explain(app, "/a", status=304)
    assert told.missed == ()
    assert {"v5.0.0-3.4.1", "v5.0.0-3.4.4"} - set(told.met) == set() if level > 1 else "v5.0.0-3.4.1" in told.met
    assert ("v4.0.3-14.4.6" in told.met) is (preset != "mixed")
    assert ("v4.0.3-14.4.3" in told.met) is (preset == "api")
    assert ("v5.0.0-3.4.7" in told.met) is (preset == "api" and level == 3)
    leaking = explain(app, "/a", status=304, sent=[("referrer-policy", "unsafe-url")])
    assert [one.field for one in leaking.missed] == ["referrer-policy"]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://api.example.com") as client:
        assert_headers(await client.get("/a"), level=level)


@pytest.mark.parametrize("given", [5, "web", SecurityPolicy])
def test_a_policy_that_is_none(given: Any) -> None:
    """Refused with what to write."""
    with pytest.raises(ConfigurationError, match=r"explain\(policy=...\) is a \w+, not a SecurityPolicy"):
        explain(Starlette(), "/", policy=given)


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
    told = chosen.explain("/")
    assert told.headers[0].value == ("application/json" if preset == "api" else "text/html; charset=utf-8")
    assert "strict-transport-security" in who(told)
    assert (told.route, told.endpoint, told.answer) == (None, None, "whatever the app has there")
    assert "  whatever the app has there  (status 200)" in str(told)
    assert explain(Starlette(), "/", policy=chosen).answer == "no route"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(lambda: explain(Starlette(), "/"), "is not secured", id="not secured"),
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"path": "x"}, 'no path. Write one that begins with "/", decoded', id="no path"),
        pytest.param({"path": b"/x"}, "is no path", id="a path in bytes"),
        pytest.param({"path": "/\ud800"}, "is no path", id="a path that is no text"),
        pytest.param({"method": "GET /"}, "is no request method. Write one such as", id="no method"),
        pytest.param({"nonce": "x"}, r"explain\(nonce=...\) is a str, not a bool", id="a text as nonce"),
        pytest.param({"nonce": None}, r"explain\(nonce=...\) is a NoneType, not a bool", id="nothing as nonce"),
        pytest.param({"method": None}, "method=None is no request method", id="nothing as method"),
        pytest.param({"status": 101}, "status=101 is no status of a response", id="no answer yet"),
        pytest.param({"status": 600}, "Use a number from 200 to 599", id="no status"),
        pytest.param({"status": True}, "status=True is no status", id="a switch as status"),
        pytest.param(
            {"content_type": "text/\u0142"}, "content_type='text/\u0142' is no field value", id="content type"
        ),
        pytest.param({"content_type": ""}, "is no field value", id="an empty content type"),
        pytest.param({"sent": "vary"}, "sent='vary' is no list", id="sent as text"),
        pytest.param({"sent": {"vary": "x"}}, r'Write sent=\[\("vary", "origin"\)\]', id="sent as a mapping"),
        pytest.param({"sent": [("vary",)]}, "which is no field", id="a field without a value"),
        pytest.param({"sent": ["ab"]}, "sent holds 'ab'", id="a text in place of a pair"),
        pytest.param({"sent": [("v ary", "x")]}, "which is no field", id="a name that is none"),
        pytest.param({"sent": [("vary", "\u0142")]}, "which is no field", id="a value no server could send"),
        pytest.param({"host": ""}, "host='' is no Host field. Write one such as", id="no host"),
        pytest.param({"host": "a b"}, "is no Host field", id="a host with a space"),
        pytest.param({"host": 1}, "host=1 is no Host field", id="a number as host"),
        pytest.param({"scheme": "htps"}, r"explain\(scheme=\) .*Did you mean 'https'", id="a scheme"),
        pytest.param({"sent": [("vary", "a\r\nb: c")]}, "Write name and value as text a server", id="a line end"),
    ],
)
def test_arguments_of_no_request(options: Any, message: str) -> None:
    """Said with what to write, by both ways to ask."""
    given = {"path": "/", **options}
    with pytest.raises(ConfigurationError, match=message):
        a_policy().explain(**given)
    with pytest.raises(ConfigurationError, match=message):
        explain(Starlette(), policy=a_policy(), **given)


_ANY_TEXT = st.text(alphabet=st.characters(), max_size=20) | st.sampled_from(
    ["text/html", "application/json", "content-type", "cache-control", "content-security-policy", "vary", "no-store"]
)
_PATHS = _ANY_TEXT | _ANY_TEXT.map("/{}".format) | _ANY_TEXT.map("/embed/{}".format) | st.none()
_CHOICES = {
    "method": _ANY_TEXT | st.sampled_from(["GET", "post", "HEAD", "websocket", "TRACE"]) | st.integers(),
    "content_type": _ANY_TEXT | st.none() | st.integers(),
    "sent": st.lists(st.tuples(_ANY_TEXT, _ANY_TEXT), max_size=3) | st.lists(_ANY_TEXT | st.none(), max_size=2),
    "status": st.integers() | st.sampled_from([200, 204, 304, 401, 500]) | _ANY_TEXT,
    "nonce": st.booleans(),
    "host": _ANY_TEXT | st.sampled_from(["api.example.com", "api.example.com:443", "[::1", "a@b"]) | st.integers(),
    "scheme": st.sampled_from(["https", "http", "ftp"]) | st.none(),
}


@given(
    arguments=st.fixed_dictionaries({"path": _PATHS}, optional=_CHOICES),
    preset=st.sampled_from(["api", "web", "mixed"]),
)
def test_whatever_is_asked(arguments: Any, preset: Any) -> None:
    """The answer is an explanation that can be printed, or our error; and both ways to ask give the same one."""
    policy = a_policy(preset=preset)

    def outcome(ask: Any) -> Any:
        try:
            told = ask()
        except ConfigurationError as error:
            return str(error)
        assert "\x1b" not in str(told)
        json.dumps(told.data())
        return told.data()

    alone = outcome(lambda: policy.explain(**arguments))
    with_an_app = outcome(lambda: explain(Starlette(), policy=policy, **arguments))
    if isinstance(alone, dict) and alone["answer"] == "whatever the app has there":
        assert with_an_app["answer"] == "no route"
        if alone["method"] == "WEBSOCKET":  # Of these the layer denies what no route takes, whatever is assumed.
            assert (alone["status"], with_an_app["status"]) == (101, 403)
            return
        with_an_app = outcome(lambda: explain(Starlette(), policy=policy, **{"status": 200, **arguments}))
        with_an_app["answer"] = alone["answer"]
    if isinstance(alone, dict) and arguments.get("nonce"):
        assert [one["who"] for one in alone["headers"]] == [one["who"] for one in with_an_app["headers"]]
    else:
        assert alone == with_an_app


@pytest.mark.parametrize("path", ["/embed/page", "/embed/none", "/nothing", "/admin/x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_the_policy_alone_knows(path: str, method: str) -> None:
    """Prefixes, presets and marks of prefixes: the same as for an app that has no routes to add."""
    policy = a_policy(marks={"/admin/": sensitive(scopes="admin")})
    told = policy.explain(path, method)
    with_an_app = replace(told, answer="no route")
    assert with_an_app == explain(Starlette(), path, method, policy=policy, status=200)
    assert with_an_app == explain(secure(Starlette(), policy), path, method, status=200)
    assert told.needs == ("token admin" if path == "/admin/x" else "nothing")
    assert ("prefix /embed/" in who(told)["content-security-policy"]) is path.startswith("/embed/")


def test_what_only_the_routes_know() -> None:
    """They come on top of what the policy says."""
    app = secure(an_app(), a_policy())
    with_routes, alone = who(explain(app, "/embed/page")), who(a_policy().explain("/embed/page"))
    assert with_routes["cache-control"] == "router"
    assert "cache-control" not in alone
    assert with_routes["content-security-policy"] == f"{alone['content-security-policy']} + route"


def test_a_content_type_among_the_fields() -> None:
    """It stands for the response's, and the other is not assumed beside it."""
    told = a_policy().explain("/", sent=[("Content-Type", "application/json")])
    assert [line.value for line in told.headers if line.name.lower() == "content-type"] == ["application/json"]
    assert who(told)["permissions-policy"] == "preset api"


def test_a_method_in_small_letters() -> None:
    """It is the one that is meant."""
    assert a_policy().explain("/", "get").method == "GET"


@pytest.mark.unmeasured
@pytest.mark.parametrize("preset", ["api", "web", "mixed"])
@pytest.mark.parametrize("level", [1, 2, 3])
async def test_it_says_what_is_sent_whatever_it_is(preset: Any, level: Any, drive: Any) -> None:
    """The same fields as on the wire, by type, status, nonce, profile and what the endpoint sets itself."""
    kinds = ("text/html; charset=utf-8", "application/json")
    own = ({}, {"cache-control": "public"}, {"permissions-policy": "camera=(self)"}, {"referrer-policy": "origin"})
    answers: Any = None

    @public(reason="nothing secret here")
    async def endpoint(request: Request) -> Response:
        kind, status, nonce, fields = answers
        if nonce:
            csp_nonce(request)
        return Response(None, status, fields, media_type=kind)

    def comparable(fields: Any) -> list[tuple[str, str]]:
        return sorted((name.lower(), re.sub("nonce-[^']+", "nonce-N", value)) for name, value in fields)

    for profile in (None, "oshp"):
        policy = SecurityPolicy(
            preset=preset,
            hosts=["api.example.com"],
            level=level,
            headers=HeadersPolicy(profile=profile, locked={"referrer-policy"}),
            headers_by_prefix={"/x/": RouteHeaders(vary=["x-a"], cache_control="max-age=5", extra={"x-b": "1"})},
        )
        app = secure(Starlette(routes=[Route("/x/one", endpoint), Route("/two", endpoint)]), policy)
        for path, *answers in product(("/x/one", "/two"), kinds, (200, 304, 404), (False, True), own):
            kind, status, nonce, fields = answers
            wire = [(name.decode(), value.decode()) for name, value in (await drive(app, path)).headers]
            told = explain(app, path, content_type=kind, status=status, nonce=nonce, sent=list(fields.items()))
            assert comparable((line.name, line.value) for line in told.headers) == comparable(
                one for one in wire if one[0] != "content-length"
            ), (path, profile, kind, status, nonce, fields)
