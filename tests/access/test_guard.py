"""Certificate, token, binding, scopes, age and strength: who gets a proof, and what the others are told."""

import time
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, VerifiedCaller, public, secure, sensitive
from asvs_middleware.access.guard import Guard
from asvs_middleware.access.marks import sensitive_mark
from asvs_middleware.connection import Networks, connection_reader
from asvs_middleware.errors import Misconfigured

pytestmark = pytest.mark.anyio
RECENT = int(time.time())
REFUSED = {
    401: "token_refused",
    "token": "invalid_token",
    "login": "insufficient_user_authentication",
    "none": "client_certificate_missing",
    "identity": "client_certificate_identity",
    "chain": "client_certificate_refused",
}


def marked(**mark: Any) -> Starlette:
    """Return an app whose endpoint says who calls."""

    @sensitive(**mark)
    async def endpoint(request: Request) -> JSONResponse:
        caller = request.state.caller
        chain = caller.certificate.chain if caller.certificate else ()
        return JSONResponse({"subject": caller.subject, "scopes": sorted(caller.scopes), "chain": len(chain)})

    return Starlette(routes=[Route("/x", endpoint)])


@pytest.mark.parametrize(
    ("mark", "shown", "binding", "status", "code"),
    [
        pytest.param({"bound": "mtls"}, "batch", "batch", 200, None, id="bound: its own certificate"),
        pytest.param({"bound": "mtls"}, "other", "batch", 401, "token", id="bound: another certificate"),
        pytest.param({"bound": "mtls"}, None, "batch", 401, "token", id="bound: no certificate"),
        pytest.param({"bound": "mtls"}, "batch", None, 401, "token", id="bound: a token bound to nothing"),
        pytest.param({"bound": "mtls"}, "revoked", "revoked", 403, "chain", id="bound: a revoked certificate"),
        pytest.param({"bound": "mtls"}, "foreign", "foreign", 403, "chain", id="bound: a stranger's certificate"),
        pytest.param({}, "batch", "batch", 200, None, id="not asked for, bound all the same: its certificate"),
        pytest.param({}, None, "batch", 401, "token", id="not asked for, bound all the same: none"),
        pytest.param({}, "other", "batch", 401, "token", id="not asked for, bound all the same: another"),
        pytest.param({}, "other", None, 200, None, id="a plain token, and a certificate nobody asked for"),
        pytest.param({}, "revoked", None, 403, "chain", id="a plain token, and a revoked certificate"),
        pytest.param({}, "foreign", None, 403, "chain", id="a plain token, and a stranger's certificate"),
        pytest.param(
            {"client_certificate": True, "scopes": "read"}, "batch", None, 200, None, id="both: certificate and token"
        ),
        pytest.param(
            {"client_certificate": True, "scopes": "read"}, None, None, 403, "none", id="both: the token alone"
        ),
    ],
)
async def test_tokens_and_certificates(
    *,
    mark: Any,
    shown: Any,
    binding: Any,
    status: int,
    code: Any,
    idp: Any,
    clients: Any,
    showing: Any,
    bound_to: Any,
    ask: Any,
    events: Any,
) -> None:
    """The route asks for a certificate, or the token does; one that does not hold is refused wherever it is shown."""
    policy = SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens(), client_certificates=clients.policy)
    app = showing(secure(marked(**mark), policy), shown and getattr(clients, shown))
    cnf = binding and bound_to(getattr(clients, binding))
    response = await ask(app, "/x", headers=idp.bearer("read", cnf=cnf))
    assert response.status_code == status
    if code is not None:
        assert response.json()["type"].endswith(f":{REFUSED[code]}")
        assert [event["code"] for event in events() if "code" in event] == [REFUSED[code]]
    else:
        chain = 2 if shown else 0  # The leaf and the anchor.
        assert response.json() == {"subject": ["https://idp.example.com", "ada"], "scopes": ["read"], "chain": chain}


@pytest.mark.parametrize(
    ("wanted", "shown", "status", "code"),
    [
        pytest.param(True, "batch", 200, None, id="any: verified"),
        pytest.param(True, "other", 200, None, id="any: another"),
        pytest.param(True, None, 403, "none", id="any: none"),
        pytest.param(True, "revoked", 403, "chain", id="any: revoked"),
        pytest.param(True, "foreign", 403, "chain", id="any: not our CA's"),
        pytest.param("spiffe://example.org/batch/", "batch", 200, None, id="a tree: one in it"),
        pytest.param("spiffe://example.org/batch/", "other", 403, "identity", id="a tree: one beside it"),
        pytest.param("spiffe://example.org/batch/", "foreign", 403, "chain", id="a tree: its name from a stranger"),
        pytest.param("spiffe://example.org/batch/", "revoked", 403, "chain", id="a tree: revoked"),
        pytest.param(["dns:nobody.example", "dns:other.example.org"], "other", 200, None, id="one of two"),
    ],
)
async def test_certificate_identity(
    *, wanted: Any, shown: Any, status: int, code: Any, clients: Any, showing: Any, ask: Any, events: Any
) -> None:
    """A route may ask for a certificate alone; no token is looked at then."""
    policy = SecurityPolicy.api(hosts=["api.example.com"], client_certificates=clients.policy)
    app = showing(secure(marked(client_certificate=wanted), policy), shown and getattr(clients, shown))
    response = await ask(app, "/x")
    assert response.status_code == status
    if code is None:
        kind, name = response.json()["subject"]
        assert kind == "certificate"
        assert name.startswith(("uri:spiffe://example.org/", "dns:other"))
        assert (response.json()["scopes"], response.json()["chain"]) == ([], 2)
    else:
        assert [event["code"] for event in events() if "code" in event] == [REFUSED[code]]
        assert "BEGIN" not in str(events())


async def test_a_certificate_of_the_proxy_is_not_the_callers(
    idp: Any, clients: Any, showing: Any, bound_to: Any, ask: Any
) -> None:
    """Behind a trusted proxy the handshake was the proxy's: it proves nothing about the caller."""
    policy = SecurityPolicy.api(
        hosts=["api.example.com"],
        trusted_proxies=["127.0.0.1"],
        tokens=idp.tokens(),
        client_certificates=clients.policy,
    )
    headers = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.1"}
    certificate = showing(secure(marked(client_certificate=True), policy), clients.batch)
    assert (await ask(certificate, "/x", headers=headers)).status_code == 403
    bound = showing(secure(marked(bound="mtls"), policy), clients.batch)
    token = idp.bearer(cnf=bound_to(clients.batch))
    assert (await ask(bound, "/x", headers=headers | token)).status_code == 401


@pytest.mark.parametrize(
    ("mark", "claims", "status", "challenge"),
    [
        pytest.param({"max_age": 300}, {"auth_time": RECENT - 10}, 200, "", id="age: recent"),
        pytest.param({"max_age": 300}, {"auth_time": RECENT - 900}, 401, 'max_age="300"', id="age: too old"),
        pytest.param({"max_age": 300}, {}, 401, 'max_age="300"', id="age: not told"),
        pytest.param({"acr": "phr phrh"}, {"acr": "phrh"}, 200, "", id="strength: the second choice"),
        pytest.param({"acr": "phr phrh"}, {"acr": "pwd"}, 401, 'acr_values="phr phrh"', id="strength: too weak"),
        pytest.param({"acr": "phr"}, {}, 401, 'acr_values="phr"', id="strength: not told"),
        pytest.param({"scopes": "read"}, {"scope": "read write"}, 200, "", id="scopes: more than enough"),
        pytest.param({"scopes": "read write"}, {"scope": "read"}, 403, 'scope="read write"', id="scopes: one of two"),
        pytest.param({"scopes": "read"}, {"scope": "READ"}, 403, 'scope="read"', id="scopes: another spelling"),
        pytest.param({"scopes": "read"}, {"scope": None}, 403, 'scope="read"', id="scopes: none"),
        pytest.param({}, {"exp": RECENT - 900}, 401, 'error="invalid_token"', id="token: expired"),
        pytest.param({}, {"aud": "https://other"}, 401, 'error="invalid_token"', id="token: for somebody else"),
        pytest.param({}, {"cnf": {"jkt": "x"}}, 401, 'error="invalid_token"', id="token: bound in an unknown way"),
    ],
)
async def test_what_a_token_has_to_say(
    *, mark: Any, claims: Any, status: int, challenge: str, idp: Any, ask: Any
) -> None:
    """The challenge tells a client what to come back with (RFC 6750, RFC 9470)."""
    app = secure(marked(**mark), SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens()))
    response = await ask(app, "/x", headers=idp.bearer(**claims))
    assert response.status_code == status
    assert challenge in response.headers.get("www-authenticate", "")


async def test_two_authorization_headers(idp: Any, ask: Any) -> None:
    """Two credentials are none: nobody could say which one counted."""
    app = secure(marked(), SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens()))
    good = idp.bearer()["authorization"]
    response = await ask(app, "/x", headers=[("authorization", good), ("authorization", good)])
    assert response.status_code == 400


async def test_issuer_down(idp: Any, ask: Any, events: Any) -> None:
    """Keys that cannot be had are our fault: 503 and when to come back, never a 401 that throws a good token away."""
    idp.down = True
    app = secure(marked(), SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens()))
    response = await ask(app, "/x", headers=idp.bearer())
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert response.headers["strict-transport-security"]
    assert events()[-1]["code"] == "keys_unavailable"


async def test_no_fetch_without_a_token(idp: Any, ask: Any) -> None:
    """A caller without a token costs the issuer nothing."""
    app = secure(marked(), SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens()))
    assert (await ask(app, "/x")).status_code == 401
    assert idp.fetched == []


async def test_several_marks_in_one_request(idp: Any, ask: Any) -> None:
    """Each mark on the way has its proof made once; the innermost is the caller's."""

    @sensitive(scopes="read")
    async def read(request: Request) -> JSONResponse:
        first = request.state.caller
        await write(request)
        assert first is not request.state.caller
        await write(request)
        return JSONResponse(request.state.caller.mark.scopes)

    @sensitive(scopes="write")
    async def write(request: Request) -> None: ...

    app = secure(
        Starlette(routes=[Route("/x", read)]), SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens())
    )
    assert (await ask(app, "/x", headers=idp.bearer("read write"))).json() == ["write"]
    assert (await ask(app, "/x", headers=idp.bearer("read"))).status_code == 403


async def test_nobody_is_asked_on_a_public_route(clients: Any, showing: Any, ask: Any) -> None:
    """On a public route no certificate is judged, not even one that does not hold."""

    @public(reason="load balancer probe")
    async def endpoint(request: Request) -> JSONResponse:
        return JSONResponse(hasattr(request.state, "caller"))

    policy = SecurityPolicy.api(hosts=["api.example.com"], client_certificates=clients.policy)
    app = showing(secure(Starlette(routes=[Route("/x", endpoint)]), policy), clients.revoked)
    assert (await ask(app, "/x")).json() is False


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        pytest.param({}, "no tokens", id="token"),
        pytest.param({"client_certificate": True}, "no client_certificates", id="certificate"),
    ],
)
async def test_a_guard_without_the_means(mark: Any, message: str) -> None:
    """A guard that could not check refuses; the start-up check makes sure that nobody meets it."""
    guard = Guard(tokens=None, certificates=None, clock=time.time)
    connection = connection_reader(Networks([]))({"type": "http", "headers": []}, None)
    with pytest.raises(Misconfigured, match=message):
        await guard.verify(sensitive_mark(**mark), connection)


async def test_proofs_come_from_the_guard(idp: Any, ask: Any) -> None:
    """Nobody makes a caller by hand, from nothing or from another caller's proof."""
    proofs: list[VerifiedCaller] = []

    @sensitive()
    async def endpoint(request: Request) -> JSONResponse:
        proofs.append(request.state.caller)
        return JSONResponse(None)

    app = secure(
        Starlette(routes=[Route("/x", endpoint)]), SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens())
    )
    await ask(app, "/x", headers=idp.bearer())
    [proof] = proofs
    with pytest.raises(TypeError, match="comes from the guard"):
        VerifiedCaller(proof.token, proof.certificate, proof.mark, object())
    with pytest.raises((TypeError, ValueError), match="seal"):
        replace(proof, mark=sensitive_mark(scopes="admin"))
    assert "seal" not in repr(proof)
