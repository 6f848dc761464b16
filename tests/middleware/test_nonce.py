"""The nonce of a page: made when it is asked for, one for each response, in the page and in the header."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, public, secure
from asvs_middleware.connection import Networks, connection_reader
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.headers import STYLE_NONCE, HeadersPolicy, header_set
from asvs_middleware.headers.presets import web_csp
from asvs_middleware.middleware import Fused, csp_nonce, dresser, undressed

Call = Callable[..., Any]

API, WEB = (header_set(preset, HeadersPolicy(), level=3) for preset in ("api", "web"))
DRESS = dresser("web", api=API, web=WEB)
STYLED_CSP = web_csp(2).replace(style_src=["'self'", STYLE_NONCE])

pytestmark = pytest.mark.anyio


async def page(request: Request) -> HTMLResponse:
    nonce = csp_nonce(request)
    await asyncio.sleep(0)
    assert csp_nonce(request) == nonce
    return HTMLResponse(nonce)


async def plain(request: Request) -> HTMLResponse:
    return HTMLResponse("no script")


async def too_late(request: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        yield "<script nonce="
        yield csp_nonce(request)

    return StreamingResponse(parts(), media_type="text/html")


async def in_time(request: Request) -> StreamingResponse:
    csp_nonce(request)

    async def parts() -> AsyncIterator[str]:
        yield csp_nonce(request)

    return StreamingResponse(parts(), media_type="text/html")


APP = Starlette(routes=[Route(f"/{one.__name__}", one) for one in (page, plain, too_late, in_time)])


def layer(app: Any = APP, dress: Any = DRESS) -> Any:
    return Fused(app, read=connection_reader(Networks([])), dress=dress)


@pytest.mark.parametrize("path", ["/page", "/in_time"])
async def test_the_page_and_the_header_agree(call: Call, path: str) -> None:
    """The same nonce at each call; a stream may use it once it was asked for."""
    found = await call(layer(), path=path)
    assert (
        f"script-src 'nonce-{found.body.decode()}' 'strict-dynamic'"
        in found.headers[b"content-security-policy"].decode()
    )


async def test_pages_at_the_same_time_have_nonces_of_their_own(call: Call) -> None:
    """Two hundred at once: every header is its own page's, and no two are alike."""
    app = layer()
    pages = await asyncio.gather(*(call(app, path="/page") for _ in range(200)))
    for found in pages:
        assert found.body in found.headers[b"content-security-policy"]
    assert len({found.body for found in pages}) == 200


async def test_a_page_that_asks_for_none_has_none(call: Call) -> None:
    """Not even the one of the page before."""
    app = layer()
    await call(app, path="/page")
    assert b"nonce" not in (await call(app, path="/plain")).headers[b"content-security-policy"]


async def test_a_nonce_too_late_is_an_error(call: Call) -> None:
    """The header is gone: a script with this nonce would be dead, and nobody would know why."""
    found = await call(layer(), path="/too_late")
    assert isinstance(found.raised, ConfigurationError)
    assert "Ask for it before the response starts" in str(found.raised)


async def test_a_nonce_without_a_layer_is_an_error(call: Call) -> None:
    """The page would carry a nonce that no header knows."""
    found = await call(APP, path="/page")
    assert isinstance(found.raised, ConfigurationError)
    assert "Call secure(app, policy) first" in str(found.raised)


@pytest.mark.parametrize("outer", [DRESS, undressed], ids=["headers outside", "gates outside"])
@pytest.mark.parametrize("inner", [DRESS, undressed], ids=["headers inside", "gates inside"])
async def test_layers_within_each_other_share_it(call: Call, outer: Any, inner: Any) -> None:
    """Whichever layer writes the header, it is the page's nonce."""
    found = await call(layer(layer(dress=inner), dress=outer), path="/page")
    if (outer, inner) != (undressed, undressed):
        assert found.body in found.headers[b"content-security-policy"]
    assert len(found.body) == 24


STYLED = dresser("web", api=API, web=header_set("web", HeadersPolicy(csp=STYLED_CSP), level=2))


@pytest.mark.parametrize("kinds", [("style",), ("script", "style")], ids=" and ".join)
@pytest.mark.parametrize("outer", [STYLED, undressed], ids=["headers outside", "gates outside"])
@pytest.mark.parametrize("inner", [STYLED, undressed], ids=["headers inside", "gates inside"])
async def test_layers_within_each_other_share_both(call: Call, outer: Any, inner: Any, kinds: Any) -> None:
    """The one for style sheets too, alone or with the other: a page without its own in the header has no style."""

    async def styled(request: Request) -> HTMLResponse:
        return HTMLResponse(" ".join(csp_nonce(request, kind) for kind in kinds))

    app = Starlette(routes=[Route("/", styled)])
    found = await call(layer(layer(app, dress=inner), dress=outer), path="/")
    nonces = dict(zip(kinds, found.body.split(), strict=True))
    if (outer, inner) == (undressed, undressed):
        return
    policy = found.headers[b"content-security-policy"]
    directives = dict(one.partition(b" ")[::2] for one in policy.split(b"; "))
    for kind in ("script", "style"):
        told = directives[f"{kind}-src".encode()].count(b"'nonce-")
        assert told == (kind in nonces)
    assert all(b"'nonce-%b'" % nonce in directives[f"{kind}-src".encode()] for kind, nonce in nonces.items())
    assert found.headers[b"cache-control"] == b"private, no-store"


PAGE = web_csp(2)


@public(reason="nothing secret here")
async def for_one_request(request: Request) -> HTMLResponse:
    """A page that shows pictures from a host the request names, as a tenant's would be."""
    policy = PAGE.append(img_src=[request.query_params["host"]])
    nonce = csp_nonce(request)
    return HTMLResponse(nonce, headers={"content-security-policy": policy.value(nonce=nonce)})


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        pytest.param("https://one.example", True, id="a host"),
        pytest.param("https://one.example; script-src *", False, id="another directive"),
        pytest.param("https://one.example, script-src *", False, id="another policy"),
        pytest.param("https://one.example\r\nset-cookie: a=1", False, id="another field"),
        pytest.param("https://one.example https://two.example", False, id="another source"),
        pytest.param("'unsafe-inline'", False, id="a keyword of another directive"),
    ],
)
async def test_a_policy_for_one_request(host: str, sent: bool, ask: Any) -> None:
    """v5.0.0-3.4.3: made while the request runs, with its nonce, and held to the same grammar, or no page."""
    app = Starlette(routes=[Route("/", for_one_request)])
    response = await ask(secure(app, SecurityPolicy.web(hosts=["api.example.com"])), "/", params={"host": host})
    [csp] = response.headers.get_list("content-security-policy")
    assert response.status_code == (200 if sent else 500)
    assert (f"img-src 'self' data: {host};" in csp) is sent
    if sent:
        assert f"'nonce-{response.text}'" in csp
        assert response.headers["cache-control"] == "private, no-store"
    else:
        assert host not in csp
        assert "set-cookie" not in response.headers
