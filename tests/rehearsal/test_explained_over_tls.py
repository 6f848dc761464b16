"""Odd questions to explain(), and what a client is answered over TLS."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from asvs_middleware import SecurityPolicy, Tokens, public, secure, sensitive
from asvs_middleware.rehearsal import Authorities, Rehearsal, explain, rehearse

OPEN = public(reason="nothing secret here")
OF_THE_SERVER = {"date", "server", "content-length", "etag", "last-modified", "accept-ranges"}


@pytest.fixture(scope="module")
def app(tokens: Tokens) -> FastAPI:
    app = FastAPI()
    app.get("/orders/{name}")(OPEN(lambda name: "x"))
    app.api_route("/both", methods=["GET", "HEAD"])(OPEN(lambda: "x"))
    app.post("/payments")(sensitive(scopes="pay")(lambda: "x"))
    app.mount("/static", OPEN(StaticFiles(directory=Path(__file__).parent)))
    app.mount("/private", sensitive()(FastAPI(openapi_url=None)))
    return secure(app, SecurityPolicy.mixed(hosts=["api.example.com"], tokens=tokens, docs="public"))


@pytest.fixture(scope="module")
def site(app: FastAPI, authorities: Authorities) -> Any:
    with rehearse(app, authorities=authorities) as rehearsal:
        yield rehearsal


@pytest.mark.parametrize(
    ("method", "path", "decoded", "options", "fields"),
    [
        pytest.param("HEAD", "/both", None, {}, {}, id="HEAD"),
        pytest.param("HEAD", "/orders/1", None, {}, {}, id="HEAD of a route that has none"),
        pytest.param("OPTIONS", "/orders/1", None, {}, {"access-control-request-method": "POST"}, id="OPTIONS"),
        pytest.param("PURGE", "/orders/1", None, {}, {}, id="an unknown method"),
        pytest.param("GET", "/payments", None, {}, {}, id="another method than the guarded one"),
        pytest.param("POST", "/private/none", None, {}, {}, id="no route below a mark"),
        pytest.param("GET", "/orders/a%20b", "/orders/a b", {}, {}, id="an encoded path"),
        pytest.param("GET", "/static/conftest.py", None, {}, {}, id="a static file"),
        pytest.param("GET", "/docs", None, {}, {}, id="a page of the documentation"),
        pytest.param("GET", "/nothing", None, {}, {}, id="nothing there"),
        pytest.param("GET", "/nothing/", None, {}, {}, id="nothing there, with a slash"),
        pytest.param("GET", "/both/", None, {}, {}, id="another slash"),
        pytest.param("GET", "/both", None, {"host": "evil.example"}, {"host": "evil.example"}, id="a host not served"),
        pytest.param("GET", "/both", None, {"scheme": "http"}, {"accept": "text/html"}, id="a page over plaintext"),
        pytest.param("POST", "/payments", None, {"scheme": "http"}, {}, id="a call over plaintext"),
    ],
)
def test_odd_questions(  # noqa: PLR0917  # The columns of the table.
    method: str,
    path: str,
    decoded: str | None,
    options: Any,
    fields: dict[str, str],
    app: FastAPI,
    site: Rehearsal,
) -> None:
    """Status and fields are those of the answer; where a token is needed, it is refused without one."""
    told = explain(app, decoded or path, method, **options)
    ask = site.plaintext if options.get("scheme") == "http" else site.request
    response = ask(method, path, headers=fields)
    if "token" in told.needs:
        assert response.status_code == 401
        response = ask(method, path, headers=fields, token=site.token(scopes="pay"))
    assert response.status_code == told.status
    if told.endpoint is not None:
        kind = response.headers["content-type"]
        told = explain(app, decoded or path, method, content_type=kind, **options)
    sent = {name: value for name, value in response.headers.items() if name not in OF_THE_SERVER}
    shown = {line.name: line.value for line in told.headers}
    for one in (sent, shown):
        if path == "/docs":
            one["content-security-policy"] = one["content-security-policy"].partition("nonce-")[0]
    if "location" in shown:  # The rehearsal has a port of its own.
        assert sent.pop("location").rpartition("/")[0].startswith("https://api.example.com")
        shown.pop("location")
    assert sent == shown
