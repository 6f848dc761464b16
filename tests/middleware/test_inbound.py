"""The gates of a policy, fused: what each preset lets through, and how refusals look from outside."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from asvs_middleware import ClientCertificates, ConfigurationError, SecurityPolicy, public, secure, sensitive
from asvs_middleware.middleware import CrossOrigin, Limits, Probe, cross_origin

Ask = Callable[..., Any]
Events = Callable[[], list[dict[str, Any]]]

pytestmark = pytest.mark.anyio

HOST = "api.example.com"
EVIL = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
PARTNER = {"origin": "https://partner.example", "sec-fetch-site": "cross-site"}
SPA = "https://spa.example"


@public(reason="for the test")
async def change(request: Request) -> Response:
    return PlainTextResponse("changed")


@sensitive(scopes="pay")
@cross_origin(allow=["https://partner.example"], reason="their shop posts here")
async def pay(request: Request) -> Response:
    return PlainTextResponse("paid")


@public(reason="for the test")
@cross_origin(allow=["https://partner.example"], reason="their shop posts here")
async def hook(request: Request) -> Response:
    return PlainTextResponse("heard")


@public(reason="for the test")
async def health(request: Request) -> Response:
    response = PlainTextResponse("fine")
    response.set_cookie("a", "b")
    return response


@public(reason="for the test")
async def back(request: Request) -> Response:
    return RedirectResponse(f"http://{request.headers['host']}/elsewhere")


@public(reason="for the test")
async def varied(request: Request) -> Response:
    return PlainTextResponse("x", headers={"vary": "Accept"})


@public(reason="for the test")
async def feed(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def an_app(preset: str = "web", *, own: Any = (), **choices: Any) -> Any:
    endpoints = [change, hook, health, back, varied, *([pay] if "tokens" in choices else [])]
    app = Starlette(
        routes=[
            *own,
            *(Route(f"/{one.__name__}", one, methods=["GET", "POST"]) for one in endpoints),
            Mount("/inner", routes=[Route("/hook", hook, methods=["POST"])]),
            WebSocketRoute("/feed", feed),
        ]
    )
    return secure(app, getattr(SecurityPolicy, preset)(hosts=[HOST], **choices))


def refusals(events: Events) -> list[tuple[str, str]]:
    return [(event["event"], event["code"]) for event in events() if "status" in event]


# Other sites' pages


@pytest.mark.parametrize(
    ("preset", "choices", "status"),
    [
        pytest.param("web", {}, 403, id="web"),
        pytest.param("mixed", {}, 403, id="mixed"),
        pytest.param("api", {}, 200, id="api with nothing that comes by itself"),
        pytest.param("api", {"cross_origin": CrossOrigin()}, 403, id="api on request"),
        pytest.param(
            "web", {"cross_origin": CrossOrigin(dangerously_accept_requests="tokens in all forms")}, 200, id="waived"
        ),
    ],
)
async def test_a_form_of_another_site(ask: Ask, events: Events, preset: str, choices: Any, status: int) -> None:
    """Refused wherever cookies or certificates may come with it; one event names the attempt."""
    response = await ask(an_app(preset, **choices), "/change", method="POST", headers=EVIL)
    assert response.status_code == status
    assert refusals(events) == ([("malicious_cors", "cross_origin_refused")] if status == 403 else [])
    if status == 403:
        assert response.json()["type"] == "urn:asvs-middleware:problem:cross_origin_refused"
        assert "Sec-Fetch-Site" in response.headers["vary"]
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_client_certificates_come_by_themselves(tmp_path: Path) -> None:
    """Browsers show one to every page's request, so an API that takes them looks where requests come from."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    certificates = ClientCertificates(trust=tmp_path / "ca.pem")
    assert SecurityPolicy.api(hosts=[HOST], client_certificates=certificates).judges_cross_origin
    assert not SecurityPolicy.api(hosts=[HOST]).judges_cross_origin


async def test_our_own_pages_and_clients_that_are_no_browsers(ask: Ask) -> None:
    """The common requests pass."""
    app = an_app()
    ours = {"origin": f"https://{HOST}", "sec-fetch-site": "same-origin"}
    for headers in ({}, ours, {"origin": f"https://{HOST}"}, {"sec-fetch-site": "none"}):
        assert (await ask(app, "/change", method="POST", headers=headers)).status_code == 200
    assert (await ask(app, "/change", headers=EVIL)).status_code == 200


async def test_a_marked_route(ask: Ask, idp: Any) -> None:
    """Its partner may; others may not; its neighbours stay closed; its token is asked for all the same."""
    app = an_app(tokens=idp.tokens())
    assert (await ask(app, "/hook", method="POST", headers=PARTNER)).status_code == 200
    assert (await ask(app, "/inner/hook", method="POST", headers=PARTNER)).status_code == 200
    assert (await ask(app, "/hook", method="POST", headers=EVIL)).status_code == 403
    assert (await ask(app, "/change", method="POST", headers=PARTNER)).status_code == 403
    assert (await ask(app, "/pay", method="POST", headers=PARTNER)).status_code == 401
    paid = await ask(app, "/pay", method="POST", headers={**PARTNER, **idp.bearer("pay")})
    assert (paid.status_code, paid.text) == (200, "paid")


async def test_isolated_resources(ask: Ask) -> None:
    """Another site may link to us and embed nothing; whoever keeps an answer knows what it depends on."""
    app = an_app(cross_origin=CrossOrigin(isolation="resources"))
    image = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert (await ask(app, "/varied", headers=image)).status_code == 403
    linked = await ask(app, "/varied", headers=link)
    assert linked.status_code == 200
    words = {word.strip().lower() for word in linked.headers["vary"].split(",")}
    assert words == {"accept", "origin", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site"}
    plain = await ask(an_app(), "/varied", headers=link)
    assert plain.headers["vary"] == "Accept"


# CORS


def with_cors(app: Any) -> Any:
    return CORSMiddleware(
        app, allow_origins=[SPA], allow_methods=["POST"], allow_headers=["authorization"], allow_credentials=True
    )


PREFLIGHT = {
    "origin": SPA, "access-control-request-method": "POST", "access-control-request-headers": "authorization",
    "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors",
}  # fmt: skip
FROM_SPA = {"origin": SPA, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}


@pytest.mark.parametrize("placed", ["before secure()", "after secure()", "outside"])
async def test_cors(ask: Ask, idp: Any, placed: str) -> None:
    """A preflight gets its 200 from CORSMiddleware; the request itself needs the token; its fields are on both.

    Outside the layer a preflight never reaches it, so our own fields are not on that one.
    """
    app = Starlette(routes=[Route("/pay", pay, methods=["POST"])])
    policy = SecurityPolicy.web(
        hosts=[HOST], tokens=idp.tokens(), cross_origin=CrossOrigin(allowed_origins=[SPA]), default="deny"
    )
    options: Any = {"allow_origins": [SPA], "allow_methods": ["POST"], "allow_headers": ["authorization"]}
    if placed == "before secure()":
        app.add_middleware(CORSMiddleware, **options)
    secured: Any = secure(app, policy)
    if placed == "after secure()":
        app.add_middleware(CORSMiddleware, **options)
    if placed == "outside":
        secured = with_cors(app)

    preflight = await ask(secured, "/pay", method="OPTIONS", headers=PREFLIGHT)
    assert (preflight.status_code, preflight.text) == (200, "OK")
    refused = await ask(secured, "/pay", method="POST", headers=FROM_SPA)
    assert refused.status_code == 401
    paid = await ask(secured, "/pay", method="POST", headers={**FROM_SPA, **idp.bearer("pay")})
    assert (paid.status_code, paid.text) == (200, "paid")
    for response in (preflight, refused, paid):
        assert response.headers["access-control-allow-origin"] == SPA
        assert "Origin" in response.headers["vary"]
        ours = placed != "outside" or response is not preflight
        assert ("content-security-policy" in response.headers) is ours


async def test_cors_opens_no_gate(ask: Ask, idp: Any) -> None:
    """What CORS lets a page read and what a page may send are two lists: v5.0.0-3.5.2."""
    app = an_app(tokens=idp.tokens())
    app.add_middleware(CORSMiddleware, allow_origins=[SPA], allow_methods=["POST"])
    refused = await ask(app, "/change", method="POST", headers=FROM_SPA)
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers


# WebSockets


@pytest.mark.parametrize(
    ("preset", "headers", "passes"),
    [
        ("web", {"origin": f"https://{HOST}"}, True),
        ("web", {"origin": "https://evil.example"}, False),
        ("web", {}, False),
        ("mixed", {}, False),
        ("mixed", {"authorization": "Bearer x"}, True),
        ("api", {}, True),
        ("api", {"origin": "https://evil.example"}, False),
    ],
)
@pytest.mark.parametrize("extension", [True, False], ids=["denial response", "no extension"])
async def test_a_handshake(drive: Ask, preset: str, headers: Any, passes: bool, extension: bool) -> None:
    """Refused with a response where the server can send one, else with close code 1008."""
    extensions = {"websocket.http.response": {}} if extension else {}
    connect = [{"type": "websocket.connect"}]
    wire = await drive(
        an_app(preset),
        "/feed",
        type="websocket",
        incoming=connect,
        headers=headers,
        extensions=extensions,
        subprotocols=[],
    )
    kinds = [message["type"] for message in wire.sent]
    if passes:
        assert kinds[0] == "websocket.accept"
    elif extension:
        assert wire.status == 403
        assert kinds == ["websocket.http.response.start", "websocket.http.response.body"]
    else:
        assert [(one["type"], one["code"]) for one in wire.sent] == [("websocket.close", 1008)]


async def test_a_partner_s_handshake(drive: Ask) -> None:
    """A mark on the route lets its pages in."""

    @cross_origin(allow=["https://partner.example"], reason="their dashboard shows it")
    @public(reason="for the test")
    async def dashboard(websocket: WebSocket) -> None:
        await feed(websocket)

    app = an_app(own=[WebSocketRoute("/dashboard", dashboard)])
    connect = [{"type": "websocket.connect"}]
    for path, passes in (("/dashboard", True), ("/feed", False)):
        wire = await drive(app, path, type="websocket", incoming=connect, headers=PARTNER, subprotocols=[])
        assert (wire.sent[0]["type"] == "websocket.accept") is passes


# Methods, sizes, probes, redirects


async def test_trace(ask: Ask, events: Events) -> None:
    """405 with Allow and every header, before the Host is looked at; one event."""
    response = await ask(an_app(), "/change", method="TRACE")
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert refusals(events) == [("input_validation_fail", "method_not_allowed")]


async def test_too_many_fields(ask: Ask) -> None:
    """431; more where an operator says so."""
    headers = [("x-a", str(number)) for number in range(120)]
    assert (await ask(an_app(), "/change", headers=headers)).status_code == 431
    assert (await ask(an_app(limits=Limits(fields=200)), "/change", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("path", "host", "client", "expected"),
    [
        pytest.param("/health", "10.0.0.9:8080", "10.0.0.1", 200, id="a probe of a node"),
        pytest.param("/health", HOST, "10.0.0.1", 200, id="a probe of the host"),
        pytest.param("/health", HOST, "192.0.2.7", 403, id="from elsewhere"),
        pytest.param("/change", HOST, "10.0.0.1", 403, id="another path"),
        pytest.param("/change", "10.0.0.9:8080", "10.0.0.1", 421, id="another path of a node"),
    ],
)
async def test_a_probe(drive: Ask, path: str, host: str, client: str, expected: int) -> None:
    """Answered over plaintext with our headers, without its cookie and without HSTS."""
    app = an_app("api", probes=[Probe(path="/health", networks=["10.0.0.0/8"])])
    wire = await drive(app, path, scheme="http", headers={"host": host}, client=(client, 4711))
    assert wire.status == expected
    names = {name for name, _ in wire.headers}
    assert b"x-content-type-options" in names
    assert not names & {b"set-cookie", b"strict-transport-security"}


async def test_cookies_over_tls_stay(ask: Ask) -> None:
    """Where probes are configured, the path is an ordinary one over TLS."""
    app = an_app("api", probes=[Probe(path="/health", networks=["10.0.0.0/8"])])
    response = await ask(app, "/health")
    assert (response.status_code, "set-cookie" in response.headers) == (200, True)


async def test_a_redirect_that_forgets_tls(ask: Ask) -> None:
    """Put right on its way out."""
    response = await ask(an_app(), "/back")
    assert response.headers["location"] == f"https://{HOST}/elsewhere"


async def test_a_page_over_plaintext(drive: Ask) -> None:
    """Sent where the mapping says; explained where it would come back."""
    app = an_app(https_port={HOST: "www.example.com:8443"})
    page = {"accept": "text/html"}
    wire = await drive(app, "/a", scheme="http", headers=page)
    assert (wire.status, dict(wire.headers)[b"location"]) == (308, b"https://www.example.com:8443/a")
    looping = await drive(an_app(), "/a", scheme="http", headers={**page, "x-forwarded-proto": "https"})
    assert looping.status == 403
    assert b"redirect_loop" in looping.sent[-1]["body"]


async def test_bodies_are_not_watched_unless_asked(drive: Ask) -> None:
    """What is not configured is not there: `receive` is the layer's own."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(type(receive.__self__).__name__)
        await PlainTextResponse("x")(scope, receive, send)

    for limits in (Limits(), Limits(body_bytes=1)):
        await drive(secure(app, SecurityPolicy.web(hosts=[HOST], limits=limits)), "/")
    assert seen == ["Exchange", "_Body"]


@pytest.mark.parametrize(("length", "status"), [("10", 200), ("11", 413), ("x", 400)])
@pytest.mark.parametrize("preset", [SecurityPolicy.api, SecurityPolicy.web])
async def test_a_known_host_does_not_excuse_a_body(drive: Ask, preset: Any, length: str, status: int) -> None:
    """A gate that reads a field is asked for every request that has it, however many passed before."""
    app = secure(
        Starlette(routes=[Route("/change", change, methods=["GET", "POST"])]),
        preset(hosts=[HOST], limits=Limits(body_bytes=10)),
    )
    for _ in range(3):
        assert (await drive(app, "/change")).status == 200
    assert (await drive(app, "/change", method="POST", headers={"content-length": length})).status == status


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        pytest.param({"limits": 3}, r"limits=\.\.\.\) is a int", id="limits"),
        pytest.param({"cross_origin": "off"}, r"cross_origin=\.\.\.\) is a str", id="cross_origin"),
        pytest.param({"probes": 3}, r"probes=\.\.\.\) is a int", id="probes"),
        pytest.param({"probes": ["/health"]}, r"probes=\.\.\.\) is a str, not a Probe", id="a probe"),
        pytest.param({"https_port": {"evil.example": HOST}}, "not among the hosts", id="https_port"),
    ],
)
async def test_a_policy_that_cannot_be_right(choices: Any, message: str) -> None:
    """Refused while the app is built."""
    with pytest.raises(ConfigurationError, match=message):
        SecurityPolicy.web(hosts=[HOST], **choices)


async def test_waivers_are_collected() -> None:
    """The policy's own list has them."""
    waived = CrossOrigin(dangerously_accept_requests="tokens in all forms")
    policy = SecurityPolicy.web(hosts=[HOST], cross_origin=waived)
    assert waived.waivers[0] in policy.waivers


VALUES = st.sampled_from([f"https://{HOST}", SPA, "null", "cross-site", "same-origin", "navigate", "chunked", "1", ""])
NAMES = st.sampled_from(
    ["origin", "sec-fetch-site", "sec-fetch-mode", "transfer-encoding", "content-length", "x y", "x-a"]
)


@settings(max_examples=60)
@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "TRACE", "x"]),
    pairs=st.lists(st.tuples(NAMES, VALUES | st.text(st.characters(codec="latin-1"), max_size=8)), max_size=6),
)
async def test_any_request(drive: Ask, caplog: Any, method: str, pairs: Any) -> None:
    """Whatever comes: one answer with every header, and one event for each refusal of ours."""
    caplog.clear()
    caplog.set_level("INFO", logger="asvs_middleware.access")
    headers = [(b"host", HOST.encode()), *((name.encode(), value.encode("latin-1")) for name, value in pairs)]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await layer({**scope, "headers": headers}, receive, send)

    layer = an_app()
    wire = await drive(app, "/change", method=method)
    assert wire.raised is None
    assert wire.status in {200, 400, 403, 405, 431}
    assert dict(wire.headers)[b"x-content-type-options"] == b"nosniff"
    told = [record for record in caplog.records if hasattr(record, "asvs") and "status" in record.asvs]
    routed = method in {"OPTIONS", "DELETE"} and wire.status == 405  # Starlette's own answer.
    assert len(told) == (0 if wire.status == 200 or routed else 1)
