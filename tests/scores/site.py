"""A site with one response of every kind, to be marked by scanners: `tests.scores.site:app`.

    SCORES_POLICY=web-2 asvs serve tests.scores.site:app --certfile ... --keyfile ... --redirect-port 8080

The name of the policy is preset, level, and perhaps a profile: `web-2`, `api-3`, `mixed-2-oshp`, `web-2-mozilla`.
"""

import os
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha384
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles

from asvs_middleware import HeadersPolicy, SecurityPolicy, csp_nonce, public, secure
from asvs_middleware.headers import CSP, NONCE
from asvs_middleware.middleware import headers

HOST = "shop.example"
STATIC = Path(__file__).parents[2] / "example_app" / "static"
SCRIPT = b'document.documentElement.dataset.file = "ran";\n'
INTEGRITY = f"sha384-{b64encode(sha384(SCRIPT).digest()).decode()}"

shown = public(reason="nothing secret here")

# What each path answers, by method: the kinds a scanner meets, and those that only an unlucky visitor sees.
RESPONSES = {
    "GET /": 200,
    "GET /strict": 200,
    "GET /file": 200,
    "GET /cookie": 200,
    "GET /stream": 200,
    "GET /static/page.css": 200,
    "GET /moved": 303,
    "GET /static/nothing.css": 404,
    "GET /nothing": 404,
    "DELETE /": 405,
    "GET /number/seven": 422,
    "GET /boom": 500,
    "GET /page-boom": 500,
    "POST /logout": 200,
    "GET /logout": 200,
}


def app_of(policy: SecurityPolicy) -> FastAPI:
    """Return the site under a policy."""
    app = FastAPI(title="Shop")
    app.mount("/static", shown(StaticFiles(directory=STATIC)))

    @app.get("/", response_class=HTMLResponse)
    @shown
    async def page(request: Request) -> str:
        return _page_with_inline_script(request)

    @app.get("/strict", response_class=HTMLResponse)
    @shown
    @headers(preset="web", csp=CSP.replace(script_src=[NONCE, "'strict-dynamic'"]))
    async def strict(request: Request) -> str:
        return _page_with_inline_script(request)

    @app.get("/file", response_class=HTMLResponse)
    @shown
    async def file(request: Request) -> str:
        return _page_with_script_file(request)

    @app.get("/page.js")
    @shown
    async def script() -> Response:
        return Response(SCRIPT, media_type="text/javascript")

    @app.get("/cookie", response_class=HTMLResponse)
    @shown
    async def cookie() -> HTMLResponse:
        return _with_cookie(_page(""))

    @app.get("/both", response_class=HTMLResponse)
    @shown
    async def both(request: Request) -> HTMLResponse:
        return _with_cookie(_page_with_script_file(request))

    @app.get("/stream")
    @shown
    async def stream() -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            yield "one\n"
            yield "two\n"

        return StreamingResponse(lines(), media_type="text/plain")

    @app.get("/moved")
    @shown
    async def moved() -> RedirectResponse:
        return RedirectResponse("/", status_code=303)

    @app.get("/number/{number}")
    @shown
    async def number(number: int) -> int:
        return number

    @app.get("/boom")
    @shown
    async def boom() -> None:
        raise RuntimeError("an error nobody expected")

    @app.get("/page-boom", response_class=HTMLResponse)
    @shown
    async def page_boom(request: Request) -> HTMLResponse:
        return HTMLResponse(_page("<p>Something went wrong."), status_code=500)

    @app.api_route("/logout", methods=["GET", "POST"])
    @shown
    @headers(clear_site_data=("cache", "cookies", "storage"))
    async def logout() -> dict[str, bool]:
        return {"out": True}

    return secure(app, policy)


def policy_of(name: str, **choices: Any) -> SecurityPolicy:
    """Return the policy a name stands for."""
    preset, level, *profile = name.split("-")
    if profile:
        choices["headers"] = HeadersPolicy(profile=profile[0])  # type: ignore[arg-type]
    return SecurityPolicy(preset=preset, level=int(level), hosts=[HOST, "localhost"], **choices)  # type: ignore[arg-type]


def _page_with_inline_script(request: Request) -> str:
    return _page(f'<script nonce="{csp_nonce(request)}">document.documentElement.dataset.inline = "ran"</script>')


def _page_with_script_file(request: Request) -> str:
    return _page(f'<script src="/page.js" integrity="{INTEGRITY}" nonce="{csp_nonce(request)}"></script>')


def _with_cookie(page: str) -> HTMLResponse:
    answer = HTMLResponse(page)
    answer.set_cookie("__Host-session", "opaque", secure=True, httponly=True, samesite="lax")
    return answer


def _page(inside: str) -> str:
    return f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Shop</title>\n{inside}\n'


def __getattr__(name: str) -> Any:
    if name == "app":
        return app_of(policy_of(os.environ.get("SCORES_POLICY", "web-2")))
    raise AttributeError(name)
