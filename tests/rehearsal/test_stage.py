"""The rehearsed app over real TLS: what reaches it, under which name, and who gets in."""

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from asvs_middleware import ConfigurationError, SecurityPolicy, Tokens, public, secure, sensitive
from asvs_middleware.rehearsal import Authorities, Rehearsal, rehearse
from asvs_middleware.tls import client_context


def test_served_under_the_name_of_the_policy(stage: Rehearsal) -> None:
    """URL, Host, SNI and certificate carry the policy's name; HSTS is therefore sent."""
    response = stage.get("/health")
    assert response.status_code == 200
    assert stage.url.startswith("https://api.example.com:")
    assert response.request.headers["host"] == httpx.URL(stage.url).netloc.decode()
    assert response.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


def test_certificate_is_verified(stage: Rehearsal, authorities: Authorities) -> None:
    """The server's certificate holds for the served name and for no other; nothing switches the check off."""
    port = httpx.URL(stage.url).port
    assert port is not None
    context = client_context(at=datetime.now(UTC), trust=authorities.ca_file)
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        context.wrap_socket(raw, server_hostname="api.example.com") as peer,
    ):
        assert peer.version() == "TLSv1.3"
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
    ):
        context.wrap_socket(raw, server_hostname="other.example.com")


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_every_method(stage: Rehearsal, method: str) -> None:
    """Each verb has a method of its own, and credentials go with it."""
    certificate = stage.client_certificate(uris=["spiffe://example.org/batch/a"])
    assert getattr(stage, method)("/batch/x", certificate=certificate).json() == "x"
    assert getattr(stage, method)("/batch/x").status_code == 403


def test_head(stage: Rehearsal) -> None:
    """A HEAD has headers and no body."""
    response = stage.head("/health")
    assert (response.status_code, response.content) == (200, b"")


def test_a_client_keeps_what_it_was_given(stage: Rehearsal) -> None:
    """A client carries token, fields and options through all its requests."""
    with stage.client(token=stage.token(scopes="orders:read"), headers={"x-request-id": "1"}, timeout=9) as client:
        assert client.timeout == httpx.Timeout(9)
        assert [client.get("/orders").status_code for _ in range(2)] == [200, 200]
        assert client.headers["x-request-id"] == "1"


GOOD_SCOPES: dict[str, Any] = {"scopes": "orders:read"}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({}, 200, id="good"),
        pytest.param({"scopes": ["orders:read", "more"]}, 200, id="scopes as a list"),
        pytest.param({"algorithm": "PS256"}, 200, id="another algorithm of the policy"),
        pytest.param({"algorithm": "EdDSA"}, 200, id="EdDSA"),
        pytest.param({"audience": ["https://other.example", "https://api.example.com"]}, 200, id="two audiences"),
        pytest.param({"iat": None}, 200, id="a claim left out that may be"),
        pytest.param({"scopes": "orders:write"}, 403, id="another scope"),
        pytest.param({"expires_in": -60}, 401, id="expired, in seconds"),
        pytest.param({"expires_in": timedelta(minutes=-1)}, 401, id="expired, as a timedelta"),
        pytest.param({"exp": None}, 401, id="without exp"),
        pytest.param({"audience": "https://other.example.com"}, 401, id="wrong audience"),
        pytest.param({"issuer": "https://idp.example.org"}, 401, id="wrong issuer"),
        pytest.param({"subject": None}, 401, id="without subject"),
        pytest.param({"typ": "JWT"}, 401, id="an ID token's typ"),
        pytest.param({"typ": None}, 401, id="without typ"),
        pytest.param({"algorithm": "RS512"}, 401, id="an algorithm the policy has not"),
        pytest.param({"forged": True}, 401, id="signed by a stranger"),
        pytest.param({"algorithm": "RS256", "forged": True}, 401, id="signed by a stranger with RSA"),
        pytest.param({"nbf": 4_000_000_000}, 401, id="holds later"),
    ],
)
def test_tokens(stage: Rehearsal, changes: dict[str, Any], status: int) -> None:
    """A good token opens its route; each kind of bad one is one argument away and is refused by the app's own guard."""
    token = stage.token(**{**GOOD_SCOPES, **changes})
    assert stage.get("/orders", token=token).status_code == status


def test_bound_tokens(stage: Rehearsal) -> None:
    """A token bound to a certificate serves its holder alone, and an old login is sent to log in again."""
    mine, other = stage.client_certificate(), stage.client_certificate(dns=["other.localhost"])

    def paid(certificate: Any, **claims: Any) -> httpx.Response:
        token = stage.token(scopes="payments:write", certificate=mine, **claims)
        return stage.post("/payments", token=token, certificate=certificate, params={"amount": 3})

    assert paid(mine).json() == 3
    assert paid(None).status_code == paid(other).status_code == 401
    assert "insufficient_user_authentication" in paid(mine, auth_time=1).headers["www-authenticate"]


@pytest.mark.parametrize(
    ("names", "status"),
    [
        pytest.param({"uris": ["spiffe://example.org/batch/a"]}, 200, id="the identity asked for"),
        pytest.param({"uris": ["spiffe://example.org/other/a"]}, 403, id="another path"),
        pytest.param({"dns": ["batch.example.org"]}, 403, id="a name alone"),
        pytest.param({"emails": ["batch@example.org"]}, 403, id="a mailbox alone"),
        pytest.param({}, 403, id="no name given"),
    ],
)
def test_certificate_identities(stage: Rehearsal, names: dict[str, list[str]], status: int) -> None:
    """The identity decides, as it does in production; whatever it is, the certificate is one the app trusts."""
    certificate = stage.client_certificate(**names)
    assert stage.put("/batch/x", certificate=certificate).status_code == status
    assert stage.get("/machine", certificate=certificate).status_code == 200


def test_certificate_files(stage: Rehearsal) -> None:
    """Key and certificate are files for their owner only, and the thumbprint is that of the certificate."""
    certificate = stage.client_certificate()
    assert certificate.keyfile.stat().st_mode & 0o777 == 0o600
    assert len(certificate.thumbprint) == 32
    assert b"PRIVATE KEY" in certificate.keyfile.read_bytes()
    assert b"PRIVATE KEY" not in certificate.certfile.read_bytes()
    assert "PRIVATE" not in repr(certificate)


def test_revoked_certificate(stage: Rehearsal) -> None:
    """Once struck off a certificate opens nothing any more, and the others still do."""
    gone, still_good = stage.client_certificate(), stage.client_certificate()
    assert stage.get("/machine", certificate=gone).status_code == 200
    stage.revoke(gone)
    assert stage.get("/machine", certificate=gone).status_code == 403
    assert stage.get("/machine", certificate=still_good).status_code == 200


def test_plaintext(stage: Rehearsal) -> None:
    """The same app on a plaintext port refuses, over a real socket, and says nothing of HSTS."""
    for _ in range(2):
        response = stage.plaintext("GET", "/orders", token=stage.token(scopes="orders:read"))
        assert response.status_code == 403
        assert "strict-transport-security" not in response.headers
        stage.assert_headers(response)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("https://evil.example/", id="another host"),
        pytest.param("http://api.example.com/", id="plaintext"),
        pytest.param("https://api.example.com/", id="another port"),
    ],
)
def test_nothing_goes_elsewhere(stage: Rehearsal, address: str) -> None:
    """A request for another origin is refused by the client, so no test leaves the machine by mistake."""
    with pytest.raises(ConfigurationError, match=r"A rehearsal reaches https://api\.example\.com:"):
        stage.get(address)


def test_headers_at_the_level_of_the_policy(stage: Rehearsal) -> None:
    """Without a level the policy's own is asked for."""
    stage.assert_headers(stage.get("/orders"))
    with pytest.raises(AssertionError, match="at level 2"):
        stage.assert_headers(httpx.Response(200))
    with pytest.raises(AssertionError, match="at level 3"):
        stage.assert_headers(httpx.Response(200), level=3)


def test_expires_in_is_a_duration(stage: Rehearsal) -> None:
    """What is no duration is refused with what to write."""
    for wrong in ("300", True):
        with pytest.raises(ConfigurationError, match="Give seconds or a timedelta"):
            stage.token(expires_in=wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="Did you mean 'ES256'"):
        stage.token(algorithm="ES265")


@public(reason="nothing to protect here")
async def home(request: Request) -> Response:
    return PlainTextResponse("home")


@sensitive()
async def secret(request: Request) -> Response:
    return PlainTextResponse("secret")


@public(reason="leads to another place")
async def away(request: Request) -> Response:
    return RedirectResponse("https://idp.example.com/authorize")


@pytest.mark.parametrize(
    ("hosts", "host", "hsts"),
    [
        pytest.param(["api.example.com", "b.example.com"], "api.example.com", True, id="the first"),
        pytest.param(["*.example.com"], "www.example.com", True, id="a wildcard"),
        pytest.param(["localhost", "api.example.com"], "api.example.com", True, id="the first HSTS may be sent for"),
        pytest.param(["localhost"], "localhost", False, id="localhost"),
        pytest.param(["127.0.0.1"], "127.0.0.1", False, id="an IPv4 address"),
        pytest.param(["::1"], "[::1]", False, id="an IPv6 address"),
    ],
)
def test_which_host(authorities: Authorities, hosts: list[str], host: str, hsts: bool) -> None:
    """A host of the policy is served, the first one HSTS may be sent for if there is one; Starlette apps too."""
    app = secure(Starlette(routes=[Route("/", home), Route("/away", away)]), SecurityPolicy.api(hosts=hosts))
    with rehearse(app, authorities=authorities) as rehearsal:
        response = rehearsal.get("/")
        assert rehearsal.url.rpartition(":")[0] == f"https://{host}"
        assert response.text == "home"
        assert ("strict-transport-security" in response.headers) is hsts
        rehearsal.assert_headers(response, level=3)
        assert rehearsal.get("/away").status_code == 307
        with pytest.raises(ConfigurationError, match="do not follow redirects that lead elsewhere"):
            rehearsal.get("/away", follow_redirects=True)
        with pytest.raises(ConfigurationError, match="accepts no tokens"):
            rehearsal.token()
        rehearsal.revoke(rehearsal.client_certificate())  # Nobody verifies certificates here, and that is all right.


@pytest.mark.parametrize(
    ("choices", "lifetime"),
    [
        pytest.param({"algorithms": ["RS256"]}, 300, id="RSA alone"),
        pytest.param({"algorithms": ["ES512"]}, 300, id="P-521 alone"),
        pytest.param({"max_lifetime": timedelta(seconds=20)}, 20, id="short-lived ones alone"),
    ],
)
def test_tokens_follow_the_policy(authorities: Authorities, choices: dict[str, Any], lifetime: int) -> None:
    """Without arguments a token is one the policy accepts, whatever it is narrowed to."""
    tokens = Tokens("https://idp.example.com/tenant/", audience=["first", "second"], **choices)
    app = secure(Starlette(routes=[Route("/", secret)]), SecurityPolicy.api(hosts=["a.example"], tokens=tokens))
    with rehearse(app, authorities=authorities) as rehearsal:
        assert rehearsal.get("/", token=rehearsal.token()).text == "secret"
        assert rehearsal.get("/", token=rehearsal.token(forged=True)).status_code == 401
        assert rehearsal.get("/", token=rehearsal.token(expires_in=lifetime + 1)).status_code == (
            401 if lifetime == 20 else 200
        )


def test_certificates_behind_a_trusted_loopback(authorities: Authorities, api: Callable[..., SecurityPolicy]) -> None:
    """Where the loopback address is a trusted proxy a certificate cannot be rehearsed, and the message says so."""
    app = secure(Starlette(routes=[Route("/", secret)]), api(trusted_proxies=["127.0.0.0/8"]))
    with rehearse(app, authorities=authorities) as rehearsal:
        assert rehearsal.get("/", token=rehearsal.token()).status_code == 200
        with pytest.raises(ConfigurationError, match="counts as the proxy's own"):
            rehearsal.get("/", certificate=rehearsal.client_certificate())


def test_a_secured_app_inside(authorities: Authorities, api: Callable[..., SecurityPolicy], tokens: Tokens) -> None:
    """An app with a policy of its own inside another takes the test's issuer too; tokens() finds the first policy."""
    inner = secure(Starlette(routes=[Route("/secret", secret)]), api())
    outer = secure(Starlette(routes=[Mount("/inner", inner)]), SecurityPolicy.api(hosts=["api.example.com"]))
    with rehearse(outer, authorities=authorities) as rehearsal:
        assert rehearsal.get("/inner/secret", token=rehearsal.token()).text == "secret"
        assert rehearsal.assert_guarded().refused == (
            ("GET", "/inner/secret", "401"),
            ("HEAD", "/inner/secret", "401"),
        )
