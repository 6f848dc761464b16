"""What a response must say, by level; each row breaks one thing in an otherwise good response."""

from collections.abc import Mapping
from typing import Any, Literal

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from asvs_middleware import ConfigurationError, SecurityPolicy, csp_nonce, public, secure
from asvs_middleware.asvs import requirement
from asvs_middleware.evidence.headers import _CHECKS, _ONCE
from asvs_middleware.rehearsal import assert_headers, findings

Level = Literal[1, 2, 3]

NONCE = "c2l4dGVlbiBieXRlcyBvZiBpdA=="
PAGE: dict[str, str] = {
    "content-type": "text/html; charset=utf-8",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "content-security-policy": (
        f"default-src 'none'; script-src 'nonce-{NONCE}' 'strict-dynamic'; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
CSP = "content-security-policy"
REST = "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
HSTS = "strict-transport-security"


def a_page(
    *,
    status: int = 200,
    url: str = "https://api.example.com/",
    method: str = "GET",
    more: tuple[tuple[bytes, bytes], ...] = (),
    **changes: str | None,
) -> httpx.Response:
    """Return a good page with these fields changed (underscores for hyphens); None leaves one out."""
    fields = {**PAGE, **{name.replace("_", "-"): value for name, value in changes.items()}}
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in fields.items() if value is not None]
    return httpx.Response(status, headers=[*pairs, *more], request=httpx.Request(method, url))


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_good_page(level: Level) -> None:
    """A page with everything passes at every level."""
    assert findings(a_page(), level=level) == []
    assert_headers(a_page(), level=level)


@pytest.mark.parametrize(
    ("changes", "level", "expected"),
    [
        # Strict-Transport-Security
        pytest.param({HSTS: None}, 1, "v5.0.0-3.4.1", id="no HSTS"),
        pytest.param({HSTS: ""}, 1, "v5.0.0-3.4.1", id="empty HSTS"),
        pytest.param({HSTS: "max-age=31535999; includeSubDomains"}, 1, "v5.0.0-3.4.1", id="a second too short"),
        pytest.param({HSTS: "includeSubDomains"}, 1, "v5.0.0-3.4.1", id="no max-age"),
        pytest.param({HSTS: "max-age=1e9"}, 1, "v5.0.0-3.4.1", id="max-age is no number"),
        pytest.param({HSTS: "max-age=31536000\xb2"}, 1, "v5.0.0-3.4.1", id="other digits"),
        pytest.param({HSTS: "max-age=31536000; max-age=31536000"}, 1, "v5.0.0-3.4.1", id="max-age twice"),
        pytest.param({HSTS: "max-age=31536000, includeSubDomains"}, 1, "v5.0.0-3.4.1", id="a comma"),
        pytest.param({HSTS: "x-max-age=31536000; includeSubDomains"}, 1, "v5.0.0-3.4.1", id="another name"),
        pytest.param({HSTS: "max-age=31536000"}, 1, None, id="without subdomains at level 1"),
        pytest.param({HSTS: "max-age=31536000"}, 2, "v5.0.0-3.4.1", id="without subdomains at level 2"),
        pytest.param({HSTS: 'MAX-AGE="63072000";IncludeSubdomains;preload;'}, 2, None, id="another spelling"),
        # X-Content-Type-Options
        pytest.param({"x-content-type-options": None}, 1, "v4.0.3-14.4.4", id="no nosniff"),
        pytest.param({"x-content-type-options": "sniff"}, 1, "v4.0.3-14.4.4", id="another nosniff"),
        pytest.param({"x-content-type-options": " NoSniff "}, 1, None, id="nosniff in capitals"),
        # Content-Security-Policy
        pytest.param({CSP: None, "x-frame-options": "DENY"}, 1, "v4.0.3-14.4.3", id="no CSP"),
        pytest.param(
            {CSP: None, "content-security-policy-report-only": PAGE[CSP], "x-frame-options": "DENY"},
            1,
            "v4.0.3-14.4.3",
            id="a report-only CSP",
        ),
        pytest.param({CSP: "default-src *", "x-frame-options": "sameorigin"}, 1, None, id="any CSP at level 1"),
        pytest.param({CSP: f"script-src 'self'; {REST}"}, 2, None, id="an allowlist at level 2"),
        pytest.param({CSP: f"SCRIPT-SRC\t'SELF'\f;;  {REST.upper()}"}, 2, None, id="another spelling of CSP"),
        pytest.param(
            {CSP: "script-src 'self'; base-uri 'none'; frame-ancestors 'none'; default-src 'none'"},
            2,
            "v5.0.0-3.4.3",
            id="object-src left to default-src",
        ),
        pytest.param(
            {CSP: "script-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'"},
            2,
            "v5.0.0-3.4.3",
            id="base-uri 'self'",
        ),
        pytest.param(
            {CSP: "script-src 'self'; object-src 'none' 'self'; base-uri 'none'; frame-ancestors 'none'"},
            2,
            "v5.0.0-3.4.3",
            id="'none' beside another source",
        ),
        pytest.param(
            {CSP: f"script-src 'self'; report-uri /object-src/'none'; {REST[19:]}"},
            2,
            "v5.0.0-3.4.3",
            id="the words in another directive",
        ),
        pytest.param({CSP: f"script-src 'self'; object-src 'self'; {REST}"}, 2, "v5.0.0-3.4.3", id="the first counts"),
        pytest.param({CSP: f"script-src 'self'; {REST}; object-src 'none'"}, 2, "v5.0.0-3.4.3", id="a directive twice"),
        pytest.param({CSP: f"script-src 'self'; {REST}, default-src 'self'"}, 2, "v5.0.0-3.4.3", id="two in one field"),
        pytest.param({CSP: REST}, 2, "v5.0.0-3.4.3", id="nothing about scripts"),
        pytest.param({CSP: f"script-src *; {REST}"}, 2, "v5.0.0-3.4.3", id="scripts from anywhere"),
        pytest.param({CSP: f"default-src https:; {REST}"}, 2, "v5.0.0-3.4.3", id="scripts from any https"),
        *[
            pytest.param({CSP: f"{name} {source}; {REST}"}, 2, "v5.0.0-3.4.3", id=f"{name} {source}")
            for source in (
                *("https://*", "*:443", "*:*", "https://*/", "https://*:*/app.js", "HTTPS://*", "*/app.js", "wss://*"),
                *("ws:", "blob:", "filesystem:"),
            )
            for name in ("script-src", f"script-src 'nonce-{NONCE}'")
        ],
        *[
            pytest.param({CSP: f"script-src {source}; {REST}"}, 2, None, id=f"script-src {source}")
            for source in ("https://*.example.com", "https://cdn.example.com:*", "https://cdn.example.com/*")
        ],
        pytest.param({CSP: f"script-src 'self' data:; {REST}"}, 2, "v5.0.0-3.4.3", id="scripts from data:"),
        pytest.param({CSP: f"script-src 'self' 'unsafe-inline'; {REST}"}, 2, "v5.0.0-3.4.3", id="inline scripts"),
        pytest.param(
            {CSP: f"script-src 'self'; script-src-elem 'unsafe-inline'; {REST}"}, 2, "v5.0.0-3.4.3", id="in elements"
        ),
        pytest.param(
            {CSP: f"script-src 'self'; script-src-attr 'unsafe-inline'; {REST}"}, 2, "v5.0.0-3.4.3", id="in attributes"
        ),
        pytest.param(
            {CSP: f"script-src 'nonce-{NONCE}' 'unsafe-inline' 'strict-dynamic' https:; {REST}"},
            3,
            None,
            id="what a nonce switches off",
        ),
        pytest.param({CSP: f"script-src 'nonce-{NONCE}' https:; {REST}"}, 2, "v5.0.0-3.4.3", id="nonce and any https"),
        pytest.param({CSP: f"script-src 'nonce-short'; {REST}"}, 2, "v5.0.0-3.4.3", id="a short nonce"),
        pytest.param({CSP: f"script-src 'nonce-'; {REST}"}, 3, "v5.0.0-3.4.3", id="an empty nonce"),
        pytest.param({CSP: f"script-src 'self'; {REST}"}, 3, "v5.0.0-3.4.3", id="a page without nonce at level 3"),
        pytest.param({CSP: f"script-src 'sha256-{'A' * 43}='; {REST}"}, 3, None, id="a hash at level 3"),
        *[
            pytest.param({CSP: f"script-src {sources}; {REST}"}, 3, "v5.0.0-3.4.3", id=f"{name} at level 3")
            for name, sources in {
                "own scripts beside a hash": f"'self' 'sha256-{'A' * 43}='",
                "eval": "'unsafe-eval'",
                "eval beside a nonce": f"'nonce-{NONCE}' 'unsafe-eval'",
                "eval beside strict-dynamic": f"'nonce-{NONCE}' 'strict-dynamic' 'unsafe-eval'",
                "eval where elements have a list of their own": f"'unsafe-eval'; script-src-elem 'nonce-{NONCE}'",
            }.items()
        ],
        pytest.param({CSP: f"script-src 'self' 'unsafe-eval'; {REST}"}, 2, None, id="eval at level 2"),
        pytest.param(
            {CSP: f"script-src 'strict-dynamic' 'report-sample' 'wasm-unsafe-eval'; {REST}"},
            3,
            None,
            id="keywords that let nothing run",
        ),
        pytest.param({CSP: f"script-src 'none'; {REST}"}, 3, None, id="no scripts at level 3"),
        pytest.param({CSP: f"script-src; {REST}"}, 3, None, id="an empty list at level 3"),
        pytest.param({CSP: f"default-src 'none'; {REST}"}, 3, None, id="nothing at all at level 3"),
        pytest.param(
            {CSP: f"script-src 'self'; {REST}", "content-type": "application/json"}, 3, None, id="JSON needs no nonce"
        ),
        # Framing
        pytest.param({CSP: "default-src 'none'"}, 1, "v4.0.3-14.4.7", id="no framing at level 1"),
        pytest.param({CSP: "default-src 'none'; frame-ancestors *"}, 1, "v4.0.3-14.4.7", id="framed by anyone"),
        pytest.param({CSP: "default-src 'none'; frame-ancestors https://*:*"}, 1, "v4.0.3-14.4.7", id="by any https"),
        pytest.param(
            {CSP: "default-src 'none'; frame-ancestors https:", "x-frame-options": "DENY"},
            1,
            "v4.0.3-14.4.7",
            id="frame-ancestors wins over X-Frame-Options",
        ),
        pytest.param(
            {CSP: "default-src 'none'; object-src 'none'; base-uri 'none'", "x-frame-options": "DENY"},
            2,
            "v5.0.0-3.4.6",
            id="X-Frame-Options alone at level 2",
        ),
        pytest.param(
            {CSP: PAGE[CSP].replace("frame-ancestors 'none'", "frame-ancestors 'self'")}, 3, None, id="'self'"
        ),
        # Referrer-Policy
        pytest.param({"referrer-policy": None}, 1, "v4.0.3-14.4.6", id="no Referrer-Policy"),
        pytest.param({"referrer-policy": "unsafe-url"}, 1, "v4.0.3-14.4.6", id="unsafe-url"),
        pytest.param({"referrer-policy": "no-referrer-when-downgrade"}, 1, "v4.0.3-14.4.6", id="the old default"),
        pytest.param({"referrer-policy": "no-referer"}, 1, "v4.0.3-14.4.6", id="a misspelt Referrer-Policy"),
        pytest.param({"referrer-policy": "unsafe-url, Same-Origin, later"}, 1, None, id="the last known counts"),
        # Cross-Origin-Opener-Policy
        pytest.param({"cross-origin-opener-policy": None}, 2, None, id="no COOP at level 2"),
        pytest.param({"cross-origin-opener-policy": None}, 3, "v5.0.0-3.4.8", id="no COOP at level 3"),
        pytest.param({"cross-origin-opener-policy": "unsafe-none"}, 3, "v5.0.0-3.4.8", id="COOP unsafe-none"),
        pytest.param({"cross-origin-opener-policy": 'same-origin; report-to="a"'}, 3, None, id="COOP with a parameter"),
        pytest.param(
            {"cross-origin-opener-policy": None, "content-type": "application/json"}, 3, None, id="no document, no COOP"
        ),
        pytest.param(
            {"cross-origin-opener-policy": None, "content-type": "image/svg+xml; charset=utf-8"},
            3,
            "v5.0.0-3.4.8",
            id="an SVG is a document",
        ),
        # Content-Type
        pytest.param({"content-type": None}, 1, "v5.0.0-4.1.1", id="no Content-Type"),
        pytest.param({"content-type": "html"}, 1, "v5.0.0-4.1.1", id="no media type"),
        pytest.param({"content-type": None, "content-length": "0"}, 1, None, id="no body, no Content-Type"),
        pytest.param({"content-type": "text/html"}, 1, "v5.0.0-4.1.1", id="no charset"),
        pytest.param({"content-type": "text/html; charset=utf-7"}, 1, "v5.0.0-4.1.1", id="an unsafe charset"),
        pytest.param({"content-type": "text/html; charset=utf-8; charset=utf-7"}, 1, "v5.0.0-4.1.1", id="two charsets"),
        pytest.param({"content-type": "text/html; note=charset"}, 1, "v5.0.0-4.1.1", id="another parameter"),
        pytest.param({"content-type": 'Text/HTML; Charset="UTF-8"'}, 3, None, id="another spelling of the type"),
        pytest.param({"content-type": "application/atom+xml"}, 1, "v5.0.0-4.1.1", id="XML without charset"),
        pytest.param({"content-type": "application/json"}, 1, None, id="JSON has no charset"),
    ],
)
def test_fields(changes: Mapping[str, str | None], level: Level, expected: str | None) -> None:
    """Each requirement is missed exactly where its field is not what the level asks for."""
    missed = findings(a_page(**changes), level=level)
    assert {finding.requirements[0] for finding in missed} == ({expected} if expected else set())


@pytest.mark.parametrize("name", sorted(_ONCE))
def test_each_once(name: str) -> None:
    """Every field that matters stands there once, even if the values agree."""
    again = (name.title().encode(), PAGE.get(name, "same").encode())
    twice = a_page(more=(again,) * (1 if name in PAGE else 2))
    seen = [finding for finding in findings(twice, level=2) if finding.field == name]
    assert seen
    assert all("2 times" in finding.seen for finding in seen)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        pytest.param(a_page(url="http://api.example.com/"), {"v5.0.0-12.2.1"}, id="an answer over plaintext"),
        pytest.param(
            a_page(url="http://api.example.com/", status=403, strict_transport_security=None, cache_control="no-store"),
            set(),
            id="a refusal over plaintext",
        ),
        pytest.param(
            a_page(url="http://a.example/", status=308, strict_transport_security=None), set(), id="a redirect to TLS"
        ),
        pytest.param(a_page(url="https://localhost:8443/", strict_transport_security=None), set(), id="localhost"),
        pytest.param(a_page(url="https://127.0.0.1/", strict_transport_security=None), set(), id="an IPv4 address"),
        pytest.param(a_page(url="https://[::1]:1/", strict_transport_security=None), set(), id="an IPv6 address"),
        pytest.param(
            a_page(url="https://127.0.0.1.example/", strict_transport_security=None), {"v5.0.0-3.4.1"}, id="a name"
        ),
        pytest.param(a_page(status=401), {"v5.0.0-14.3.2"}, id="a 401 that may be cached"),
        pytest.param(a_page(status=403, cache_control="private"), {"v5.0.0-14.3.2"}, id="a 403 that may be cached"),
        pytest.param(a_page(status=403, cache_control="Private, No-Store"), set(), id="a 403 that may not"),
        pytest.param(a_page(status=403, cache_control='x="a, no-store'), {"v5.0.0-14.3.2"}, id="a 403, in a quote"),
        pytest.param(
            a_page(status=403, cache_control="no-store, must-understand"), {"v5.0.0-14.3.2"}, id="a 403 some may cache"
        ),
        pytest.param(a_page(status=304, content_security_policy=None, content_type=None), set(), id="a 304"),
        pytest.param(a_page(method="HEAD", content_type=None), set(), id="a HEAD"),
        pytest.param(a_page(status=204, content_type=None), set(), id="a 204"),
        pytest.param(Response(headers=PAGE), set(), id="a Starlette response"),
        pytest.param(
            Response(headers={**PAGE, HSTS: "max-age=0"}),
            {"v5.0.0-3.4.1"},
            id="HSTS where nobody says it was plaintext",
        ),
        pytest.param(httpx.Response(200, headers=PAGE), set(), id="an httpx response without request"),
    ],
)
def test_circumstances(response: Any, expected: set[str]) -> None:
    """Scheme, host, status and method say which fields are asked for; what is unknown is asked for strictly."""
    assert {finding.requirements[0] for finding in findings(response, level=2)} == expected


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("sent", [{}, PAGE], ids=["nothing but HSTS", "everything"])
def test_a_304_leaves_what_was_stored(level: Level, sent: dict[str, str]) -> None:
    """RFC 9111 section 4.3.4: a field that is not there stays as it was stored; HSTS every response has to say."""
    assert findings(httpx.Response(304, headers={HSTS: PAGE[HSTS], **sent}), level=level) == []
    assert {one.field for one in findings(httpx.Response(304), level=level)} == {HSTS}
    assert {one.field for one in findings(httpx.Response(200), level=level)} > {HSTS}


@pytest.mark.parametrize(
    ("field", "value", "level", "missed"),
    [
        pytest.param("referrer-policy", "unsafe-url", 1, "v4.0.3-14.4.6", id="whole addresses"),
        pytest.param("referrer-policy", "", 2, "v5.0.0-3.4.5", id="empty"),
        pytest.param("x-content-type-options", "sniff", 2, "v5.0.0-3.4.4", id="sniffing"),
        pytest.param("content-security-policy", "default-src *", 2, "v5.0.0-3.4.3", id="any script"),
        pytest.param("content-security-policy", "", 1, "v4.0.3-14.4.3", id="no policy"),
        pytest.param("x-frame-options", "ALLOWALL", 1, "v4.0.3-14.4.7", id="any frame"),
        pytest.param(HSTS, "max-age=0", 2, "v5.0.0-3.4.1", id="HSTS that ends"),
    ],
)
def test_a_304_that_contradicts(field: str, value: str, level: Level, missed: str) -> None:
    """What it sends takes the place of what was stored, and is judged like that of any response."""
    found = findings(httpx.Response(304, headers={HSTS: PAGE[HSTS], field: value}), level=level)
    assert {one.field for one in found} == {field}
    assert missed in {id_ for one in found for id_ in one.requirements}


def test_host_of_the_request_counts() -> None:
    """The Host field is what the server saw, whatever the URL; without one the URL is asked."""
    request = httpx.Request("GET", "https://127.0.0.1/", headers={"host": "api.example.com"})
    without = {name: value for name, value in PAGE.items() if name != HSTS}
    assert findings(httpx.Response(200, headers=without, request=request))
    del request.headers["host"]
    assert findings(httpx.Response(200, headers=without, request=request)) == []


def test_message() -> None:
    """The message names every requirement, what was seen and what to do, and nothing of the query or control codes."""
    response = a_page(
        url="https://api.example.com/orders?token=secret", x_content_type_options="so\x1bme", referrer_policy=None
    )
    with pytest.raises(AssertionError) as raised:
        assert_headers(response, level=2)
    assert str(raised.value) == (
        "GET /orders (200) misses 2 requirement(s) at level 2:\n"
        "  v5.0.0-3.4.4, v4.0.3-14.4.4\n"
        "    x-content-type-options: so\\x1bme. Send nosniff.\n"
        "  v5.0.0-3.4.5, v4.0.3-14.4.6\n"
        "    referrer-policy: absent. Send no-referrer or strict-origin-when-cross-origin: path and query stay with us."
    )


@pytest.mark.parametrize(
    ("response", "level", "message"),
    [
        pytest.param("text", 2, "Give it a response of httpx or Starlette", id="no response"),
        pytest.param(httpx.Response(200), 4, "is no ASVS level", id="no level"),
        pytest.param(httpx.Response(200), True, r"assert_headers\(level=True\) is no ASVS", id="True for the level"),
    ],
)
def test_arguments(response: Any, level: Any, message: str) -> None:
    """A mistake in the call is no pass and no failing app."""
    with pytest.raises(ConfigurationError, match=message):
        assert_headers(response, level=level)


def test_requirements_are_known() -> None:
    """Every id a finding can have is in the table of requirements."""
    bare = httpx.Response(
        401, headers={"content-type": "text/html"}, request=httpx.Request("GET", "https://a.example/")
    )
    plain = httpx.Response(200, request=httpx.Request("GET", "http://a.example/"))
    found = {
        one for response in (bare, plain) for finding in findings(response, level=3) for one in finding.requirements
    }
    assert len(found) > len(_CHECKS)
    assert all(requirement(one) for one in found.union(*_ONCE.values()))


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*PAGE, "cache-control", "x-frame-options", "content-length"]).map(str.encode),
            st.one_of(st.binary(max_size=40), st.sampled_from([value.encode() for value in PAGE.values()])),
        ),
        max_size=8,
    ),
    st.sampled_from([200, 204, 304, 401, 500]),
    st.sampled_from([1, 2, 3]),
)
def test_hostile_fields(pairs: list[tuple[bytes, bytes]], status: int, level: Level) -> None:
    """Whatever a response says, the answer is a list of findings, and a page that lacks nosniff never passes."""
    missed = findings(httpx.Response(status, headers=pairs), level=level)
    values = [value.strip(b" \t").lower() for name, value in pairs if name == b"x-content-type-options"]
    assert bool(missed) or values == [b"nosniff"] or (status, values) == (304, [])
    assert all(str(finding).isprintable() for finding in missed for finding in [str(finding).replace("\n", "")])


@pytest.mark.anyio
@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("preset", ["api", "web", "mixed"])
async def test_our_own_presets_pass(preset: str, level: Level) -> None:
    """Every preset meets its own level, on pages with and without a nonce, JSON, 404, 405 and a redirect."""

    @public(reason="a page for everyone")
    async def page(request: Request) -> Response:
        return HTMLResponse(f"<script nonce={csp_nonce(request)}></script>")

    @public(reason="a page for everyone")
    async def still(request: Request) -> Response:
        return HTMLResponse("")

    @public(reason="a call for everyone")
    async def call(request: Request) -> Response:
        return JSONResponse([])

    routes = [Route("/page", page), Route("/still", still), Route("/call/", call)]
    policy: SecurityPolicy = getattr(SecurityPolicy, preset)(hosts=["a.example"], level=level)
    app = secure(Starlette(routes=routes), policy)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://a.example") as client:
        for path in ("/page", "/still", "/call/", "/call", "/nowhere"):
            assert_headers(await client.get(path), level=level)
        assert_headers(await client.post("/page"), level=level)
        assert_headers(await client.get("/page", headers={"host": "evil.example"}), level=level)
        assert_headers(await client.get("http://a.example/page", headers={"accept": "text/html"}), level=level)
