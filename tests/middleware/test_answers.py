"""The layer's own answers: problem documents and redirects with every header, and one event for each refusal."""

from collections.abc import Callable
from typing import Any

import pytest

from asvs_middleware.connection import Networks, connection_reader
from asvs_middleware.errors import (
    AccessDenied,
    CertificateRefused,
    DependencyUnavailable,
    HostRefused,
    Misconfigured,
    ScopeRefused,
    TLSRequired,
    TokenRefused,
)
from asvs_middleware.headers import HeadersPolicy, header_set
from asvs_middleware.middleware import Fused, dresser
from asvs_middleware.middleware.gates.verdict import Redirect

Call = Callable[..., Any]
Events = Callable[[], list[dict[str, Any]]]

API, WEB = (header_set(preset, HeadersPolicy(), level=2) for preset in ("api", "web"))
EXTENSION = {"extensions": {"websocket.http.response": {}}}

pytestmark = pytest.mark.anyio


async def unreachable(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("a gate let something through")


def refusing(verdict: AccessDenied | Redirect) -> Any:
    """Return a layer whose gate always gives this verdict."""
    read = connection_reader(Networks(["10.0.0.0/8"]))
    return Fused(unreachable, read=read, dress=dresser("api", api=API, web=WEB), gates=[lambda _connection: verdict])


@pytest.mark.parametrize(
    ("refusal", "status", "code", "title"),
    [
        (AccessDenied("r"), 403, "access_denied", "Access denied"),
        (HostRefused("r"), 421, "host_refused", "This host is not served here"),
        (HostRefused("r", status=400, code="host_malformed"), 400, "host_malformed", "This host is not served here"),
        (TLSRequired("r"), 403, "tls_required", "This service answers over TLS only"),
        (TokenRefused("r"), 401, "token_refused", "A valid access token is needed"),
        (ScopeRefused("r"), 403, "insufficient_scope", "The access token does not cover this"),
        (CertificateRefused("r"), 403, "client_certificate_refused", "A client certificate accepted here is needed"),
        (DependencyUnavailable("r"), 503, "check_unavailable", "A security check cannot be made at the moment"),
        (Misconfigured("r"), 500, "misconfigured", "Internal server error"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_problem_document(call: Call, refusal: AccessDenied, status: int, code: str, title: str) -> None:
    """RFC 9457: a stable code, a title for people, and nothing an attacker could learn from (v5.0.0-16.5.1)."""
    found = await call(refusing(refusal))
    assert found.status == status
    assert found.problem == {"type": f"urn:asvs-middleware:problem:{code}", "title": title, "status": status}
    assert found.headers[b"cache-control"] == b"no-store"
    assert found.types == ["http.response.start", "http.response.body"]


async def test_every_header_is_on_a_refusal(call: Call) -> None:
    """A refusal is a response like any other; its own headers are there too."""
    challenge = (b"www-authenticate", b'Bearer error="invalid_token"')
    found = await call(refusing(TokenRefused("r", headers=[challenge])))
    assert dict([*API.always, API.hsts, API.csp, challenge]).items() <= found.headers.items()


@pytest.mark.parametrize("method", ["HEAD", "GET", "POST", "DELETE", "NONSENSE"])
async def test_an_answer_to_any_method(call: Call, method: str) -> None:
    """The answer to HEAD has the length of the body and no body (RFC 9110 section 9.3.2)."""
    found = await call(refusing(AccessDenied("r")), method=method)
    assert int(found.headers[b"content-length"]) > 0
    assert (found.body == b"") is (method == "HEAD")


@pytest.mark.parametrize(
    ("refusal", "version", "closes"),
    [
        pytest.param(TLSRequired("r"), "1.0", True, id="plaintext over HTTP/1.0"),
        pytest.param(TLSRequired("r"), "1.1", True, id="plaintext over HTTP/1.1"),
        pytest.param(TLSRequired("r"), "2", False, id="HTTP/2 forbids the field"),
        pytest.param(TLSRequired("r"), "3", False, id="HTTP/3 forbids the field"),
        pytest.param(AccessDenied("r"), "1.1", False, id="over TLS the connection stays"),
    ],
)
async def test_a_plaintext_connection_is_closed(call: Call, refusal: AccessDenied, version: str, closes: bool) -> None:
    """So that no second secret comes the same way; RFC 9113 section 8.2.2 forbids the field in HTTP/2."""
    found = await call(refusing(refusal), http_version=version)
    assert (found.headers.get(b"connection") == b"close") is closes


async def test_a_server_that_does_not_say_its_version(call: Call) -> None:
    """HTTP/1.1 is taken for granted."""
    layer = refusing(TLSRequired("r"))

    async def versionless(scope: Any, receive: Any, send: Any) -> None:
        del scope["http_version"]
        await layer(scope, receive, send)

    assert (await call(versionless)).headers[b"connection"] == b"close"


async def test_a_redirect(call: Call, events: Events) -> None:
    """308 keeps the method; nothing is kept by a cache, nothing was refused, so nothing is told."""
    found = await call(refusing(Redirect("https://api.example.com/a?b")))
    assert (found.status, found.body) == (308, b"")
    assert found.headers[b"location"] == b"https://api.example.com/a?b"
    assert found.headers[b"content-length"] == b"0"
    assert found.headers[b"cache-control"] == b"no-store"
    assert not events()


async def test_a_websocket_is_denied_with_the_extension(call: Call) -> None:
    """A server that can send a response to a handshake sends the same document and headers."""
    found = await call(refusing(TokenRefused("r")), type="websocket", **EXTENSION)
    assert found.types == ["websocket.http.response.start", "websocket.http.response.body"]
    assert (found.status, found.problem["status"]) == (401, 401)
    assert API.csp in found.start["headers"]


@pytest.mark.parametrize("extensions", [None, {}, {"tls": {}}])
async def test_a_websocket_is_denied_without_the_extension(call: Call, extensions: Any) -> None:
    """Closed before it was accepted: the server answers 403 (RFC 6455 section 7.4.1: 1008, a policy is violated)."""
    found = await call(refusing(TokenRefused("r")), type="websocket", extensions=extensions)
    assert found.sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


async def test_one_event_says_who_what_and_why(call: Call, events: Events) -> None:
    """v5.0.0-16.2.1 and 16.3.3: the reason is for the log, and the log only."""
    refusal = ScopeRefused("orders:write is missing", facts={"subject": "ada"})
    found = await call(
        refusing(refusal),
        (b"x-forwarded-for", b"203.0.113.5"),
        (b"authorization", b"Bearer s3cret"),
        client=("10.0.0.9", 1),
        method="POST",
        path="/orders\r\nINFO all is well",
        query_string=b"key=s3cret",
    )
    [event] = events()
    assert event.pop("time").endswith("+00:00")
    assert event == {
        "event": "authz_fail",
        "reason": "orders:write is missing",
        "requirement": "v5.0.0-10.3.2",
        "subject": "ada",
        "code": "insufficient_scope",
        "status": 403,
        "peer": "10.0.0.9",
        "client": "203.0.113.5",
        "kind": "http",
        "method": "POST",
        "scheme": "https",
        "host": "api.example.com",
        "path": "/orders\\r\\nINFO all is well",
    }
    assert b"orders" not in found.body


async def test_an_event_without_client_host_and_scheme(call: Call, events: Events) -> None:
    """What is not known is None; two Host fields are none."""
    await call(refusing(AccessDenied("r")), (b"host", b"second"), client=None, scheme=None)
    [event] = events()
    assert (event["peer"], event["client"], event["host"], event["scheme"]) == (None, None, None, None)


@pytest.mark.parametrize(
    ("refusal", "severity"),
    [
        pytest.param(AccessDenied("r"), "WARNING", id="the caller's fault"),
        pytest.param(DependencyUnavailable("r"), "ERROR", id="ours, for the moment"),
        pytest.param(Misconfigured("r"), "ERROR", id="ours"),
        pytest.param(TLSRequired("r", facts={"credential_exposed": False}), "WARNING", id="plaintext"),
        pytest.param(TLSRequired("r", facts={"credential_exposed": True}), "CRITICAL", id="a secret was sent in clear"),
    ],
)
async def test_severity(call: Call, caplog: pytest.LogCaptureFixture, refusal: AccessDenied, severity: str) -> None:
    """Somebody has to act at once only where a secret is known to others now."""
    await call(refusing(refusal))
    [record] = caplog.records
    assert (record.levelname, record.name) == (severity, "asvs_middleware.access")
    assert record.getMessage() == refusal.event
