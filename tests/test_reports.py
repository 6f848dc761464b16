"""Reports through the whole stack: v5.0.0-3.4.7. The collector stands behind the gates and before the app."""

import json
import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse

from asvs_middleware import HeadersPolicy, SecurityHeadersMiddleware, SecurityPolicy, csp_nonce, public, secure
from asvs_middleware.headers import NONCE, STYLE_NONCE, ContentSecurityPolicy, Reports
from asvs_middleware.stack import stack_of

pytestmark = pytest.mark.anyio
REPORT = json.dumps({"csp-report": {"violated-directive": "img-src", "blocked-uri": "inline"}})
AS_REPORT = {"content-type": "application/csp-report"}
PATH = "/.well-known/reports"


def client(app: Any, base: str = "https://api.example.com") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)


@pytest.mark.parametrize("preset", ["api", "web", "mixed"])
async def test_the_collector_of_level_three(preset: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is there unasked, needs no mark under `deny`, and its answer has every header."""
    policy = getattr(SecurityPolicy, preset)(hosts=["api.example.com"], level=3, default="deny")
    async with client(secure(FastAPI(), policy)) as http:
        answer = await http.post(PATH, content=REPORT, headers=AS_REPORT)
        assert answer.status_code == 204
        assert answer.headers["reporting-endpoints"] == f'reports="{PATH}"'
        assert f"report-to reports; report-uri {PATH}" in answer.headers["content-security-policy"]
        assert answer.headers["strict-transport-security"]
        refused = await http.post(PATH, content="{", headers=AS_REPORT)
        assert refused.status_code == 400
        assert refused.headers["content-type"] == "application/problem+json"
    assert [record.message for record in caplog.records if record.name.endswith(("reports", "access"))] == [
        "browser_report",
        "authz_fail",
    ]


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        pytest.param(HeadersPolicy(), 404, id="none below level 3"),
        pytest.param(HeadersPolicy(reports=Reports()), 204, id="asked for"),
        pytest.param(HeadersPolicy(reports=Reports(url="https://r.example/asvs")), 404, id="a collector elsewhere"),
    ],
)
async def test_only_where_it_is_configured(policy: HeadersPolicy, status: int) -> None:
    """What is not configured is not there."""
    app = secure(FastAPI(), SecurityPolicy.web(hosts=["api.example.com"], headers=policy))
    async with client(app) as http:
        assert (await http.post(PATH, content=REPORT, headers=AS_REPORT)).status_code == status


async def test_a_report_from_a_page_of_another_site() -> None:
    """Reports carry no credentials, so the cross-origin gate lets them by, preflight and all."""
    app = secure(FastAPI(), SecurityPolicy.web(hosts=["api.example.com"], headers=HeadersPolicy(reports=Reports())))
    theirs = {"origin": "https://www.example.org", "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
    async with client(app) as http:
        asked = await http.options(PATH, headers={**theirs, "access-control-request-method": "POST"})
        assert asked.status_code == 204
        assert asked.headers["access-control-allow-origin"] == "*"
        assert (await http.post(PATH, content=REPORT, headers={**AS_REPORT, **theirs})).status_code == 204


@pytest.mark.parametrize(
    ("base", "status"), [("https://evil.example", 421), ("http://api.example.com", 403)], ids=["host", "plaintext"]
)
async def test_the_gates_stand_before_it(base: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """No report is read for a foreign host or over plaintext, and none is redirected."""
    app = secure(FastAPI(), SecurityPolicy.web(hosts=["api.example.com"], headers=HeadersPolicy(reports=Reports())))
    async with client(app, base) as http:
        assert (await http.post(PATH, content=REPORT, headers=AS_REPORT)).status_code == status
    assert "browser_report" not in [record.message for record in caplog.records]


async def test_the_middleware_alone() -> None:
    """SecurityHeadersMiddleware brings the collector that its headers name."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await HTMLResponse("x")(scope, receive, send)

    async with client(SecurityHeadersMiddleware(app, level=3)) as http:
        assert (await http.post(PATH, content=REPORT, headers=AS_REPORT)).status_code == 204
        assert (await http.get("/")).text == "x"


async def test_both_nonces_and_both_policies() -> None:
    """Scripts and styles have a nonce each, the same in the enforced and in the report-only policy."""
    csp = ContentSecurityPolicy(
        {
            "default-src": ["'none'"],
            "script-src": [NONCE],
            "style-src": [STYLE_NONCE],
            "base-uri": ["'none'"],
            "object-src": ["'none'"],
            "frame-ancestors": ["'none'"],
        }
    )
    choices = HeadersPolicy(
        csp=csp, csp_report_only=csp.append(require_trusted_types_for=["'script'"]), reports=Reports()
    )
    app = FastAPI()

    @app.get("/")
    @public(reason="a page for everybody")
    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(f"{csp_nonce(request)} {csp_nonce(request, 'style')} {csp_nonce(request, 'style')}")

    @app.get("/styles")
    @public(reason="a page for everybody")
    async def styles(request: Request) -> HTMLResponse:
        return HTMLResponse(csp_nonce(request, "style"))

    secure(app, SecurityPolicy.web(hosts=["api.example.com"], headers=choices))
    async with client(app) as http:
        answer = await http.get("/")
        script, style, again = answer.text.split()
        assert script != style == again
        for name in ("content-security-policy", "content-security-policy-report-only"):
            assert f"script-src 'nonce-{script}'; style-src 'nonce-{style}'" in answer.headers[name]
        assert answer.headers["cache-control"]
        alone = await http.get("/styles")
        assert f"script-src 'none'; style-src 'nonce-{alone.text}'" in alone.headers["content-security-policy"]


@pytest.mark.parametrize(("peer", "status"), [("127.0.0.1", 200), ("192.0.2.7", 403)], ids=["here", "elsewhere"])
async def test_a_developer_s_machine(peer: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Profile `dev` serves plaintext to this machine alone, without HSTS, and says what it leaves open."""
    caplog.set_level(logging.INFO, "asvs_middleware")
    app = FastAPI()

    @app.get("/")
    @public(reason="a page for everybody")
    async def page() -> str:
        return "x"

    policy = SecurityPolicy.api(hosts=["localhost"], headers=HeadersPolicy(profile="dev"))
    secure(app, policy)
    transport = httpx.ASGITransport(app, client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        answer = await http.get("/")
    assert answer.status_code == status
    assert "strict-transport-security" not in answer.headers
    assert len(policy.waivers) == 3
    told = [record.message for record in caplog.records if record.message == "requirement_waived"]
    assert len(told) == (3 if status == 200 else 0)


async def test_the_start_is_announced_once(caplog: pytest.LogCaptureFixture) -> None:
    """When the app comes up, however often it was checked before."""
    caplog.set_level(logging.INFO, "asvs_middleware")
    app = secure(FastAPI(), SecurityPolicy.web(hosts=["api.example.com"]))
    stack_of(app).check()
    assert caplog.records == []
    sent: list[Any] = []
    waiting = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    async with client(app) as http:
        await http.get("/")
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert [record.message for record in caplog.records] == ["hsts_covers_subdomains"]
