"""FastAPI's documentation pages, and what its OpenAPI document says of the marks."""

import re
import sys
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.stack import stack_of

pytestmark = pytest.mark.anyio
PAGES = ["/docs", "/redoc", "/docs/oauth2-redirect", "/openapi.json"]


def policy(**choices: Any) -> SecurityPolicy:
    return SecurityPolicy.api(hosts=["api.example.com"], **choices)


def mounted() -> tuple[FastAPI, FastAPI]:
    """Return an app and one mounted in it, both with documentation."""
    app, inner = FastAPI(), FastAPI()
    app.mount("/in", inner)
    return app, inner


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("prefix", ["", "/in"])
@pytest.mark.parametrize(("docs", "status"), [("off", 404), ("public", 200), ("sensitive", 401)])
async def test_three_ways(*, docs: Any, status: int, prefix: str, path: str, idp: Any, ask: Any) -> None:
    """The pages of every app inside are off, open, or for callers with a token; the start never fails for them."""
    app = secure(mounted()[0], policy(docs=docs, tokens=idp.tokens()))
    assert (await ask(app, prefix + path)).status_code == status
    if docs == "sensitive":
        assert (await ask(app, prefix + path, headers=idp.bearer())).status_code == 200


async def test_sensitive_by_certificate(clients: Any, showing: Any, ask: Any) -> None:
    """Where there are client certificates they are asked for: a browser can show one."""
    app = secure(FastAPI(), policy(docs="sensitive", client_certificates=clients.policy))
    assert (await ask(app, "/docs")).status_code == 403
    assert (await ask(showing(app, clients.batch), "/docs")).status_code == 200


@pytest.mark.parametrize("docs", ["off", "public", "sensitive"])
@pytest.mark.parametrize(
    "app",
    [
        pytest.param(lambda: FastAPI(openapi_url=None), id="no document"),
        pytest.param(lambda: FastAPI(docs_url=None, redoc_url=None), id="no pages"),
        pytest.param(lambda: FastAPI(docs_url="/", swagger_ui_oauth2_redirect_url=None), id="pages at the root"),
        pytest.param(lambda: Starlette(routes=[Mount("/in", app=FastAPI())]), id="inside Starlette"),
        pytest.param(
            lambda: Starlette(routes=[Mount("/in", app=public(reason="nothing secret here")(FastAPI()))]),
            id="inside a marked mount",
        ),
    ],
)
def test_start_up_never_fails(app: Any, docs: Any, idp: Any) -> None:
    """However the pages are laid out, each gets its mark or goes; checked twice is as checked once."""
    stack = stack_of(secure(app(), policy(docs=docs, tokens=idp.tokens())))
    stack.check()
    entries = len(stack.entries())
    stack.check()
    assert len(stack.entries()) == entries


async def test_own_page_at_the_place_of_the_documentation(ask: Any) -> None:
    """An endpoint of the app's own is no documentation of FastAPI's, whatever its path."""
    app = FastAPI(docs_url=None, redoc_url=None)

    @app.get("/docs")
    @public(reason="written by hand here")
    async def docs() -> str:
        return "x"

    @app.get("/redoc")
    async def redoc() -> str:
        return "x"

    app.docs_url, app.redoc_url = "/docs", "/redoc"
    secure(app, policy(docs="off", default="allow"))
    assert (await ask(app, "/docs")).json() == "x"
    assert (await ask(app, "/redoc")).json() == "x"


@pytest.mark.parametrize("path", PAGES[:3])
@pytest.mark.parametrize("prefix", ["", "/in"])
async def test_pages_under_a_strict_policy(prefix: str, path: str, ask: Any) -> None:
    """Every script carries this response's nonce, its policy holds that nonce, and nothing comes from elsewhere."""
    app = secure(mounted()[0], policy(docs="public"))
    first, second = [await ask(app, prefix + path) for _ in range(2)]
    [csp] = first.headers.get_list("content-security-policy")
    nonce = re.search(r"script-src 'nonce-([A-Za-z0-9+/]{24})';", csp)[1]
    tags = re.findall(r"<script[^>]*>", first.text)
    assert tags
    assert all(f'nonce="{nonce}"' in tag for tag in tags)
    assert nonce not in second.text
    assert "unsafe-inline" not in csp or "<redoc" in first.text
    assert first.headers["cache-control"] == "private, no-store"
    for address in re.findall(r'(?:src|href)="([^"]+)"', first.text):
        assert address.startswith(f"{prefix}{path}/assets/")
        assert (await ask(app, address)).status_code == 200
    assert (await ask(app, f"{prefix}{path}/assets/secrets.txt")).status_code == 404


@pytest.mark.parametrize(
    ("level", "reported"), [pytest.param(2, False, id="level 2"), pytest.param(3, True, id="level 3, v5.0.0-3.4.7")]
)
@pytest.mark.parametrize("path", PAGES[:3])
async def test_the_pages_name_a_place_for_reports(path: str, level: Any, reported: bool, ask: Any) -> None:
    """Their own policy does what that of any other page does."""
    app = secure(FastAPI(), policy(docs="public", level=level))
    csp = (await ask(app, path)).headers["content-security-policy"]
    assert csp.endswith("; report-to reports; report-uri /.well-known/reports") is reported
    assert ("report-" in csp) is reported


async def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, ask: Any) -> None:
    """Without the assets the pages name their CDN, which the policy does not let in."""
    app = secure(FastAPI(), policy(docs="public"))
    await ask(app, "/openapi.json")
    monkeypatch.setitem(sys.modules, "fastapi_offline", None)
    page = await ask(app, "/docs")
    assert "https://cdn." in page.text
    assert "cdn" not in page.headers["content-security-policy"]
    assert (await ask(app, "/docs/assets/swagger-ui.css")).status_code == 404
    other = secure(FastAPI(), policy(docs="public"))
    assert (await ask(other, "/docs/assets/swagger-ui.css")).status_code == 404


async def test_page_without_a_layer(ask: Any) -> None:
    """Served past the layer a page is dead: no script has a nonce."""
    app = secure(FastAPI(), policy(docs="public"))
    await ask(app, "/")
    page = await ask(app.router, "/docs")
    assert "'nonce-'" in page.headers["content-security-policy"]


async def test_a_prefix_that_names_another_host(ask: Any) -> None:
    """Below a mount for any path, `//evil.example` would send the page to another host for its scripts."""
    app = secure(Starlette(routes=[Mount("/{tenant:path}", FastAPI())]), policy(docs="public"))
    assert (await ask(app, "/tenant/one/docs")).status_code == 200
    assert (await ask(app, "https://api.example.com//evil.example/docs")).status_code == 404


@pytest.mark.parametrize("name", ['"><script>alert(1)', "';alert(1);'", "a b", "<"])
async def test_a_prefix_the_caller_wrote(name: str, ask: Any) -> None:
    """Below a mount with a parameter the page would hold what the caller wrote, under a good nonce."""
    app = secure(Starlette(routes=[Mount("/{name}", app=FastAPI())]), policy(docs="public"))
    assert (await ask(app, "/tenant-1/docs")).status_code == 200
    assert (await ask(app, f"/{name}/docs")).status_code == 404


def documented(idp: Any, clients: Any) -> FastAPI:
    app, router = FastAPI(), APIRouter()

    @app.get("/scoped/{rest:path}")
    @sensitive(scopes=["orders:read", "orders:list"])
    async def scoped(rest: str) -> None: ...

    @router.post("/bound")
    @sensitive(scopes="pay", bound="mtls")
    async def bound() -> None: ...

    @app.delete("/batch", responses={403: {"description": "Said by the app"}})
    @sensitive(client_certificate=True)
    async def batch() -> None: ...

    @app.get("/open")
    @public(reason="nothing secret here")
    async def open_to_all() -> None: ...

    @app.get("/hidden", include_in_schema=False)
    @sensitive()
    async def hidden() -> None: ...

    @app.websocket("/socket")
    @sensitive()
    async def socket(websocket: WebSocket) -> None: ...

    app.include_router(router, prefix="/v1")
    secure(app, policy(docs="public", tokens=idp.tokens(), client_certificates=clients.policy))
    return app


async def test_openapi(idp: Any, clients: Any, ask: Any) -> None:
    """Each marked operation shows what it needs: schemes needed at once stand in one requirement, scopes beside."""
    app = documented(idp, clients)
    schema = (await ask(app, "/openapi.json")).json()
    operations = {path: next(iter(item.values())) for path, item in schema["paths"].items()}
    assert {path: operation.get("security") for path, operation in operations.items()} == {
        "/scoped/{rest}": [{"bearer": ["orders:read", "orders:list"]}],
        "/v1/bound": [{"bearer": ["pay"], "mutualTLS": []}],
        "/batch": [{"mutualTLS": []}],
        "/open": None,
    }
    assert {path: sorted(set(one["responses"]) & {"401", "403"}) for path, one in operations.items()} == {
        "/scoped/{rest}": ["401", "403"],
        "/v1/bound": ["401", "403"],
        "/batch": ["403"],
        "/open": [],
    }
    assert operations["/batch"]["responses"]["403"]["description"] == "Said by the app"
    assert {name: one["type"] for name, one in schema["components"]["securitySchemes"].items()} == {
        "bearer": "http",
        "mutualTLS": "mutualTLS",
    }
    assert "asvs_verified_caller" not in str(schema)
    assert (await ask(app, "/openapi.json")).json() == schema
    assert app.openapi() == schema


async def test_openapi_of_an_app_without_marks(ask: Any) -> None:
    """Nothing is added where nothing is asked for."""
    app = FastAPI()

    @app.get("/open")
    @public(reason="nothing secret here")
    async def open_to_all() -> None: ...

    secure(app, policy(docs="public"))
    schema = (await ask(app, "/openapi.json")).json()
    assert "components" not in schema


def test_openapi_function_of_the_app() -> None:
    """The document of an app that may not start is left as it is."""
    app = FastAPI()
    app.openapi = lambda: {"paths": {"/x": {"get": {}}}}

    @app.get("/x")
    @sensitive(client_certificate=True)
    async def endpoint(request: Request) -> PlainTextResponse: ...

    secure(app, policy())
    with pytest.raises(Exception, match="no client_certificates"):
        stack_of(app).check()
    assert app.openapi() == {"paths": {"/x": {"get": {}}}}
