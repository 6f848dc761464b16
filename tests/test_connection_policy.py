"""What a policy says of connections: proxies, peers and hosts; and whatever a client sends, the table decides."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware import ClientCertificates, ConfigurationError, SecurityPolicy, Tokens, public, secure
from asvs_middleware.certificates import PeerCertificate
from asvs_middleware.connection import TrustedProxies, dangerously_trust_any_proxy
from asvs_middleware.middleware import PeerLock, TLSOnlyMiddleware
from asvs_middleware.server.pki import write_development_pki
from asvs_middleware.stack import Stack

Make = Callable[..., Any]

HOSTS = ["api.example.com", "*.shop.example:8443", "::1"]


def api(**choices: Any) -> SecurityPolicy:
    return SecurityPolicy.api(hosts=HOSTS, **choices)


def test_a_list_of_proxies_or_a_policy_of_its_own() -> None:
    """Networks mean X-Forwarded-*; TrustedProxies says it all."""
    assert "10.0.0.9" in api(trusted_proxies=["10.0.0.0/8"]).proxies
    proxies = TrustedProxies(["10.0.0.0/8"], fields="forwarded", hops=2)
    assert api(trusted_proxies=proxies).proxies is proxies


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        pytest.param({"trusted_proxies": ["*"]}, "may not hold", id="every proxy"),
        pytest.param({"allowed_peers": []}, "no list of networks that may connect", id="no peer"),
        pytest.param({"allowed_peers": ["0.0.0.0/0"]}, "allowed_peers may not hold", id="every peer"),
        pytest.param({"required_peer_certificate": "ca.pem"}, "is a str, not a PeerCertificate", id="a path"),
    ],
)
def test_what_cannot_be_right(choices: Any, message: str) -> None:
    """Each stops the start-up."""
    with pytest.raises(ConfigurationError, match=message):
        api(**choices)


def test_waivers_of_all_parts() -> None:
    """Each part that was weakened says so; one place collects them for the auditor."""
    assert api().waivers == ()
    tokens = Tokens(
        "https://idp.example.com",
        audience="https://api.example.com",
        dangerously_accept_untyped="the issuer is too old",
    )
    proxies = dangerously_trust_any_proxy(reason="only the sidecar connects", expires=date(2027, 1, 1))
    waivers = api(tokens=tokens, trusted_proxies=proxies).waivers
    assert [one.reason for one in waivers] == ["only the sidecar connects", "the issuer is too old"]


def test_a_lock_only_where_one_is_asked_for(tmp_path: Path) -> None:
    """An app without one has no such gate."""
    write_development_pki(tmp_path, at=_now())
    required = PeerCertificate(ClientCertificates(trust=tmp_path / "clients-ca.pem"), identities=["dns:cdn.example"])
    assert Stack(raw, api()).peers is None
    assert isinstance(Stack(raw, api(allowed_peers=["10.0.0.0/8"])).peers, PeerLock)
    assert isinstance(Stack(raw, api(required_peer_certificate=required)).peers, PeerLock)


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


# Whatever a client sends


@public(reason="to see what passes")
async def raw(scope: Any, receive: Any, send: Any) -> None:
    seen = {
        "scheme": scope["scheme"],
        "client": scope["client"],
        "headers": [name.decode() for name, _ in scope["headers"]],
    }
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(seen).encode()})


def answer_of(app: Any, pairs: list[tuple[bytes, bytes]], **members: Any) -> tuple[int, bytes]:
    """Return status and body of one request without a server."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": pairs,
        "client": ("192.0.2.7", 4711),
        **members,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    anyio.run(run)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


apart = secure(raw, api())
behind_x = secure(raw, api(trusted_proxies=["192.0.2.0/24"]))
behind_rfc = secure(raw, api(trusted_proxies=TrustedProxies(["192.0.2.0/24"], fields="forwarded", hops=1)))
locked = secure(raw, api(allowed_peers=["203.0.113.0/24"]))

OURS = {b"api.example.com", b"API.example.com:1", b"a.shop.example:8443", b"[::1]", b"[0:0::1]:443"}
FOREIGN = {b"evil.example", b"a.shop.example", b"shop.example:8443", b"api.example.com@evil.example", b"", b"[::2]"}
Host = st.tuples(st.just(b"host"), st.sampled_from(sorted(OURS | FOREIGN)) | st.binary(max_size=12))
Value = st.sampled_from(
    [b"https", b"http", b"203.0.113.5", b"192.0.2.8", b"for=203.0.113.5;proto=https", b'for="', b"evil.example", b"on"]
) | st.binary(max_size=12)
Claim = st.tuples(
    st.sampled_from(
        [
            b"forwarded",
            b"x-forwarded-for",
            b"x-forwarded-proto",
            b"x-forwarded-host",
            b"x_forwarded_proto",
            b"x-real-ip",
            b"x-forwarded-ssl",
        ]
    ),
    Value,
)
Fields = st.tuples(st.lists(Host, min_size=1, max_size=2), st.lists(Claim, max_size=4))
PROBLEMS = {400, 403, 421}


@given(Fields, st.sampled_from(["https", "http"]))
def test_an_untrusted_peer(fields: Any, scheme: str) -> None:
    """It passes with exactly one Host of ours, over TLS; no claim helps, and none reaches the app.

    No transport can be seen here, so whoever claims anything may have made the scheme with it: it counts as plaintext.
    """
    hosts, claims = fields
    status, body = answer_of(apart, [*hosts, *claims], scheme=scheme)
    named = {value for _, value in hosts} <= OURS and len(hosts) == 1
    if named and scheme == "https" and not claims:
        assert status == 200
        assert json.loads(body) == {"scheme": "https", "client": ["192.0.2.7", 4711], "headers": ["host"]}
    elif named:
        assert status == 403
    else:
        assert status in PROBLEMS or (status == 200 and len(hosts) == 1 and scheme == "https")


@pytest.mark.parametrize(("app", "family"), [(behind_x, b"x-forwarded-proto"), (behind_rfc, b"forwarded")])
@given(Fields, st.sampled_from(["https", "http"]))
def test_a_trusted_proxy(app: Any, family: bytes, fields: Any, scheme: str) -> None:
    """It passes as TLS only by what stands in its own family, or by its own TLS; the other family does not arrive."""
    hosts, claims = fields
    status, body = answer_of(app, [*hosts, *claims], scheme=scheme)
    if status != 200:
        assert status in PROBLEMS
        return
    assert len(hosts) == 1
    said = b",".join(value.lower() for name, value in claims if name == family)
    assert scheme == "https" or b"https" in said or b"wss" in said
    arrived = set(json.loads(body)["headers"])
    assert "x_forwarded_proto" not in arrived
    assert ("forwarded" not in arrived) or family == b"forwarded"
    assert family != b"forwarded" or not any(name.startswith("x-") for name in arrived)


@given(Fields, st.sampled_from([("192.0.2.7", 1), None, ("203.0.113.9", 1)]))
def test_a_locked_origin(fields: Any, client: Any) -> None:
    """Only the peer's own address opens the lock."""
    hosts, claims = fields
    status, _ = answer_of(locked, [*hosts, *claims], client=client)
    assert status in (PROBLEMS | {200} if client and client[0].startswith("203.") else {403})


def test_the_middleware_takes_the_same_policy() -> None:
    """TLSOnlyMiddleware alone understands Forwarded too."""
    proxies = TrustedProxies(["192.0.2.0/24"], fields="forwarded")
    app = TLSOnlyMiddleware(raw, hosts=HOSTS, trusted_proxies=proxies)
    pairs = [(b"host", b"api.example.com"), (b"forwarded", b"for=203.0.113.5;proto=https")]
    status, body = answer_of(app, pairs, scheme="http")
    assert status == 200
    assert json.loads(body)["client"] == ["203.0.113.5", 0]
