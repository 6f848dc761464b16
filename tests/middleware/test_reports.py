"""The collector of browsers' reports: v5.0.0-3.4.7. 204 to whatever is well-formed, bounded in every direction."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection import Networks, connection_reader
from asvs_middleware.headers import HeadersPolicy, header_set
from asvs_middleware.middleware import Fused, collecting, dresser, report_collector
from asvs_middleware.middleware.reports.bodies import KINDS, LEGACY, REPORTS, Report, read
from asvs_middleware.middleware.reports.limits import Clients, Findings

Call = Callable[..., Any]
PATH = "/.well-known/reports"
API, WEB = (header_set(preset, HeadersPolicy(), level=3) for preset in ("api", "web"))

VIOLATION = {
    "document-uri": "https://shop.example/orders?token=secret",
    "violated-directive": "script-src-elem 'self'",
    "blocked-uri": "https://evil.example/x.js?y",
    "disposition": "enforce",
    "script-sample": "secret()",
}
MODERN = {
    "type": "csp-violation",
    "url": "https://shop.example/orders",
    "body": {
        "effectiveDirective": "img-src",
        "blockedURL": "inline",
        "documentURL": "https://shop.example/a",
        "disposition": "report",
        "sample": "secret()",
    },
}


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def nothing_here(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def layer(clock: Clock | None = None) -> Any:
    """The layer with the collector at its usual place, as secure() builds it."""
    app = collecting(nothing_here, PATH, report_collector(clock=clock or Clock()))
    return Fused(app, read=connection_reader(Networks([])), dress=dresser("api", api=API, web=WEB))


def body_of(*chunks: bytes) -> list[dict[str, Any]]:
    return [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, 1)
    ]


async def post(call: Call, app: Any, body: Any, media: bytes = LEGACY, **members: Any) -> Any:
    members = {"method": "POST", "path": PATH, **members}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await call(app, (b"content-type", media), messages=body_of(raw), **members)


def told(caplog: pytest.LogCaptureFixture, event: str = "browser_report") -> list[dict[str, Any]]:
    return [record.__dict__["asvs"] for record in caplog.records if record.message == event]


@pytest.fixture(autouse=True)
def _listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asvs_middleware")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("media", "body", "facts"),
    [
        pytest.param(
            LEGACY,
            {"csp-report": VIOLATION},
            {"directive": "script-src-elem", "blocked": "https://evil.example", "enforced": True},
            id="report-uri",
        ),
        pytest.param(
            REPORTS, [MODERN], {"directive": "img-src", "blocked": "inline", "enforced": False}, id="report-to"
        ),
        pytest.param(
            b"Application/Reports+JSON; charset=utf-8",
            MODERN,
            {"directive": "img-src", "document": "https://shop.example"},
            id="one report, another spelling",
        ),
    ],
)
async def test_a_report_becomes_an_event(
    call: Call, caplog: pytest.LogCaptureFixture, media: bytes, body: Any, facts: dict[str, Any]
) -> None:
    """Without path, query and sample, which may hold secrets (v5.0.0-16.2.5); with every header on the answer."""
    answered = await post(call, layer(), body, media)
    assert answered.status == 204
    assert answered.body == b""
    assert answered.headers[b"access-control-allow-origin"] == b"*"
    assert answered.headers[b"x-content-type-options"] == b"nosniff"
    [event] = told(caplog)
    assert facts.items() <= event.items()
    assert "secret" not in str(event)
    assert "orders" not in str(event)


@pytest.mark.anyio
async def test_one_finding_is_told_once_an_hour(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    """The next telling says how often it came unheard."""
    clock = Clock()
    app = layer(clock)
    for _ in range(4):
        assert (await post(call, app, {"csp-report": VIOLATION})).status == 204
    clock.now += 3600
    assert (await post(call, app, {"csp-report": VIOLATION})).status == 204
    assert [event["unheard"] for event in told(caplog)] == [0, 3]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "media"),
    [
        pytest.param({"csp-report": {**VIOLATION, "blocked-uri": "chrome-extension"}}, LEGACY, id="a scheme"),
        pytest.param({"csp-report": {**VIOLATION, "blocked-uri": "moz-extension://x/y.js"}}, LEGACY, id="Firefox"),
        pytest.param({"csp-report": {**VIOLATION, "source-file": "safari-web-extension://x"}}, LEGACY, id="the source"),
        pytest.param([{**MODERN, "type": "crash"}], REPORTS, id="a kind that is no business of ours"),
        pytest.param([{**MODERN, "type": ["csp-violation"]}], REPORTS, id="a kind that is no text"),
        pytest.param([{**MODERN, "body": None}], REPORTS, id="no body"),
        pytest.param([], REPORTS, id="nothing"),
    ],
)
async def test_noise_is_dropped(call: Call, caplog: pytest.LogCaptureFixture, body: Any, media: bytes) -> None:
    """The browser is thanked all the same."""
    assert (await post(call, layer(), body, media)).status == 204
    assert told(caplog) == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "media", "expected"),
    [
        pytest.param(b"{", LEGACY, (400, "report_malformed"), id="no JSON"),
        pytest.param(b"\xff", LEGACY, (400, "report_malformed"), id="no UTF-8"),
        pytest.param(b"[" * 60000, REPORTS, (400, "report_malformed"), id="nested without end"),
        pytest.param([], LEGACY, (400, "report_malformed"), id="a list for one report"),
        pytest.param({"csp-report": 1}, LEGACY, (400, "report_malformed"), id="a number for a report"),
        pytest.param([1], REPORTS, (400, "report_malformed"), id="a list of numbers"),
        pytest.param([MODERN] * 21, REPORTS, (400, "report_malformed"), id="more than twenty"),
        pytest.param(b" " * 65537, REPORTS, (413, "report_too_large"), id="more than 64 KiB"),
        pytest.param({"csp-report": VIOLATION}, b"application/json", (415, "report_media_type"), id="other media"),
        pytest.param({"csp-report": VIOLATION}, b"", (415, "report_media_type"), id="no media type"),
    ],
)
async def test_what_is_no_report(
    call: Call, caplog: pytest.LogCaptureFixture, body: Any, media: bytes, expected: tuple[int, str]
) -> None:
    """A problem document, and one event without anything of the body."""
    status, code = expected
    answered = await post(call, layer(), body, media)
    assert answered.status == status
    assert answered.problem["type"].endswith(code)
    assert [event["code"] for event in told(caplog, "authz_fail")] == [code]


@pytest.mark.anyio
async def test_twenty_reports_of_64_kib_in_pieces(call: Call) -> None:
    """The largest body there may be."""
    raw = json.dumps([MODERN] * 20).encode().ljust(65536)
    messages = body_of(raw[:1000], raw[1000:])
    members = {"method": "POST", "path": PATH, "messages": messages}
    assert (await call(layer(), (b"content-type", REPORTS), **members)).status == 204


@pytest.mark.anyio
@pytest.mark.parametrize("types", [[(b"content-type", LEGACY)] * 2, []], ids=["two media types", "none"])
async def test_media_types_that_disagree(call: Call, types: Any) -> None:
    """Are none."""
    members = {"method": "POST", "path": PATH}
    assert (await call(layer(), *types, **members)).status == 415


@pytest.mark.anyio
async def test_a_client_that_leaves(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    """Half a report is none."""
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    members = {"method": "POST", "path": PATH, "messages": messages}
    assert (await call(layer(), (b"content-type", LEGACY), **members)).status == 400


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "post"])
async def test_other_methods(call: Call, method: str) -> None:
    """A report is sent with POST."""
    answered = await call(layer(), method=method, path=PATH)
    assert answered.status == 405
    assert answered.headers[b"allow"] == b"POST, OPTIONS"


@pytest.mark.anyio
async def test_preflight(call: Call) -> None:
    """A page of another origin may report here; no credentials are asked for, and nothing is given away."""
    answered = await call(layer(), (b"origin", b"https://www.example.com"), method="OPTIONS", path=PATH)
    assert answered.status == 204
    assert answered.headers[b"access-control-allow-methods"] == b"POST"
    assert answered.headers[b"access-control-allow-headers"] == b"content-type"
    assert b"access-control-allow-credentials" not in answered.headers


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/", "/.well-known/reports/", "/.well-known/report", "//.well-known/reports"])
async def test_every_other_path_is_the_app_s(call: Call, path: str) -> None:
    """It matches one path, whole."""
    assert (await post(call, layer(), {}, path=path)).status == 404


@pytest.mark.anyio
async def test_a_flood(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    """Twenty at once, then one in three seconds; one event says so, and the rest is answered without one."""
    clock = Clock()
    app = layer(clock)
    answers = [await post(call, app, {"csp-report": VIOLATION}) for _ in range(25)]
    assert [answered.status for answered in answers] == [204] * 20 + [429] * 5
    assert all(answered.headers[b"retry-after"] == b"60" for answered in answers[20:])
    assert [event["code"] for event in told(caplog, "authz_fail")] == ["report_rate"]
    clock.now += 3
    assert (await post(call, app, {"csp-report": VIOLATION})).status == 204
    assert (await post(call, app, {}, client=("192.0.2.8", 1))).status == 400


@pytest.mark.anyio
@pytest.mark.parametrize("client", [("192.0.2.7", 1), None])
async def test_without_a_layer(call: Call, client: Any) -> None:
    """Alone it answers by itself."""
    app = report_collector(clock=Clock())
    assert (await post(call, app, {"csp-report": VIOLATION}, client=client)).status == 204
    assert (await post(call, app, b"{", client=client)).status == 400


@pytest.mark.parametrize(
    ("client", "same"),
    [
        pytest.param("2001:db8::1", "2001:db8::ffff", id="one /64"),
        pytest.param("::ffff:192.0.2.7", "192.0.2.7", id="IPv4 in IPv6"),
        pytest.param("fe80::1%eth0", "fe80::2%eth1", id="zones"),
        pytest.param(None, None, id="nobody knows"),
        pytest.param("a:b", "a:b", id="no address"),
    ],
)
def test_clients_that_count_as_one(client: str | None, same: str | None) -> None:
    """Whoever has many addresses has one bucket."""
    clients = Clients(Clock())
    assert all(clients.spend(client) for _ in range(20))
    assert clients.spend(same) is False
    assert clients.spend(client) is None
    assert len(clients) == 1


def test_memory_has_an_end() -> None:
    """However many clients and findings there are."""
    clients, findings = Clients(Clock()), Findings(Clock())
    for number in range(5000):
        clients.spend(f"192.0.2.{number}")
        findings.fresh(number)
    assert len(clients) == 4096
    assert len(findings) == 1024


def test_a_clock_that_goes_back() -> None:
    """Gives nobody more."""
    clock = Clock()
    clients = Clients(clock)
    assert all(clients.spend("192.0.2.7") for _ in range(20))
    clock.now -= 500
    assert clients.spend("192.0.2.7") is False


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("https://Shop.example:8443/a?b#c", "https://shop.example:8443"),
        ("https://user:secret@shop.example/", "https://shop.example"),
        ("data:text/html,secret", "data"),
        ("blob:https://shop.example/uuid", "blob"),
        ("inline", "inline"),
        ("trusted-types-policy", "trusted-types-policy"),
        ("<script>", ""),
        ("", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_a_place_is_an_origin_or_a_keyword(given: Any, place: str) -> None:
    """Nothing behind the origin is kept, and no user information before it."""
    [report] = read(json.dumps({"csp-report": {**VIOLATION, "blocked-uri": given}}).encode(), LEGACY)
    assert report.blocked == place


@pytest.mark.parametrize("directive", ["img-src <script>", "img-src"])
def test_a_directive_is_one_word(directive: str) -> None:
    """Old browsers send the whole directive."""
    [report] = read(json.dumps({"csp-report": {"violated-directive": directive}}).encode(), LEGACY)
    assert report == Report("csp-violation", "img-src", "", "", enforced=True)


def test_a_directive_that_is_none() -> None:
    """Is left out."""
    for directive in ("<x>", 7, None):
        [report] = read(json.dumps({"csp-report": {"violated-directive": directive}}).encode(), LEGACY)
        assert report.directive == ""


Leaf = st.none() | st.booleans() | st.floats() | st.text(max_size=8)
Json = st.recursive(
    Leaf,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
Member = st.sampled_from(["effectiveDirective", "blockedURL", "documentURL", "disposition", "sourceFile", "type"])
Body = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(KINDS)) | Json, "url": Json, "body": st.dictionaries(Member, Json) | Json}
)
Document = Json | st.lists(Body, max_size=3) | st.fixed_dictionaries({"csp-report": Json})


@given(
    st.binary(max_size=40) | Document.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([LEGACY, REPORTS]),
)
def test_any_body(body: bytes, media: bytes) -> None:
    """Reports of short, plain words, or a ValueError; never anything else."""
    try:
        reports = read(body, media)
    except ValueError:
        return
    for report in reports:
        assert report.kind in KINDS
        assert all(len(text) < 300 and text.isprintable() for text in report[:4])  # type: ignore[arg-type, union-attr]
