"""Peers: who is refused, that no byte of a request reaches them, and what is logged."""

import asyncio
import contextlib
import dataclasses
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from asvs_middleware.certificates.pins import PinRefused
from asvs_middleware.errors import ASVSMiddlewareError
from asvs_middleware.outbound import OutboundPolicy, OutboundTLSError, PinMismatch, Pins
from asvs_middleware.outbound.handshake import HandshakeJudge

V = ssl.TLSVersion
Lab = Any  # The fixture in conftest.py has the members.
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def tls_error(error: BaseException) -> OutboundTLSError:
    """Return ours from the causes of the HTTP library's error."""
    cause: BaseException | None = error
    while not isinstance(cause, OutboundTLSError):
        assert cause is not None
        cause = cause.__cause__ or cause.__context__
    return cause


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_a_peer_whose_key_is_not_pinned_gets_no_byte(version: V, lab: Lab) -> None:
    """v5.0.0-12.3.2: sync and async, httpx and httpx2: one connection, no data, one event, no secret."""
    backend = lab.serve(version=version)
    with pytest.raises(lab.way.http.ConnectError, match="treat it as an attack") as refused:
        lab.way.call(
            lab.policy.pin("localhost", lab.wrong_pins),
            backend.url,
            "/orders?token=s3cret",
            headers={"x-api-key": "s3cret"},
        )
    error = tls_error(refused.value)
    assert type(error) is PinMismatch
    assert (error.host, error.rule) == ("localhost", "pin_mismatch")
    assert (backend.settle().received, backend.connections) == ([], 1)
    (event,) = lab.events()
    assert (event["event"], event["requirement"], event["also"]) == (
        "tls_pin_mismatch",
        "v5.0.0-16.3.4",
        "v4.0.3-9.2.5",
    )
    assert "s3cret" not in json.dumps(event)


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
@pytest.mark.parametrize("pinned", ["leaf", "issuing CA", "root"])
def test_a_pinned_key_passes_and_nothing_is_logged(pinned: str, version: V, lab: Lab) -> None:
    """A pin may be on any key of the verified chain, whatever spelling of the host the pin was given for."""
    issuer = lab.ca.create_child_ca()
    leaf = issuer.issue_cert("localhost")
    pem = {"leaf": leaf.cert_chain_pems[0], "issuing CA": issuer.cert_pem, "root": lab.ca.cert_pem}[pinned]
    pins = Pins(lab.pin_of(pem), "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", expires="2999-01-01")
    response = lab.way.call(lab.policy.pin("LocalHost", pins), lab.serve(leaf=leaf, version=version).url)
    assert (response.status_code, response.text) == (200, "ok")
    assert lab.events() == []


@pytest.mark.parametrize(
    ("pinned", "called"),
    [
        pytest.param("[0:0:0:0:0:0:0:1]", "[::1]", id="the long form is pinned, the short one called"),
        pytest.param("[::1]", "[0:0:0:0:0:0:0:1]", id="the short form is pinned, the long one called"),
        pytest.param("[0::0001]", "[::0.0.0.1]", id="zeros and dots"),
        pytest.param("LOCALHOST", "localhost", id="capitals are pinned"),
        pytest.param("localhost", "LOCALHOST", id="capitals are called"),
        pytest.param("localhost:443", "localhost", id="the usual port is pinned"),
    ],
)
def test_pins_hold_for_every_spelling_of_a_host(pinned: str, called: str, lab: Lab) -> None:
    """v5.0.0-12.3.2: one host, one spelling; a pin that is looked up in another would be no pin at all."""
    backend = lab.serve(leaf=lab.ca.issue_cert("localhost", "::1"), host="::1" if ":" in called else "127.0.0.1")
    pinned_policy = lab.policy.pin(pinned, lab.wrong_pins)
    with pytest.raises(lab.way.http.ConnectError, match="treat it as an attack"):
        lab.way.call(pinned_policy, f"https://{called}:{backend.port}")
    assert (backend.settle().received, backend.connections) == ([], 1)
    assert lab.way.call(lab.policy, f"https://{called}:{backend.port}").status_code == 200


@pytest.mark.parametrize("asked_for", ["LOCALHOST", "localhost.", "LocalHost."])
def test_pins_hold_whatever_name_a_library_asks_for(asked_for: str, lab: Lab) -> None:
    """Others that use the context need not know our spelling; a final dot changes no host."""
    peer = types.SimpleNamespace(server_hostname=asked_for)
    judge = HandshakeJudge(pins={"localhost": lab.wrong_pins}, clock=lambda: datetime.now(UTC))
    with pytest.raises(PinMismatch, match=r"^.*localhost: "):
        judge.completed(peer)  # type: ignore[arg-type]


def test_an_appended_certificate_does_not_help(tmp_path: Path, lab: Lab) -> None:
    """CVE-2016-2402 (OkHttp): a certificate of another trusted CA, and the pinned CA appended to what is sent."""
    other = trustme.CA()
    attacker = other.issue_cert("localhost")
    both = tmp_path / "both.pem"
    both.write_bytes(lab.ca.cert_pem.bytes() + other.cert_pem.bytes())
    pinned = Pins(lab.pin_of(lab.ca.cert_pem), "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    backend = lab.serve(leaf=attacker, appended=lab.ca.cert_pem.bytes())
    policy = OutboundPolicy.internal(ca=both)
    assert lab.way.call(policy, backend.url).status_code == 200
    backend.received.clear()
    with pytest.raises(lab.way.http.ConnectError, match="treat it as an attack"):
        lab.way.call(policy.pin("localhost", pinned), backend.url)
    assert backend.settle().received == []


def test_after_the_last_day_the_pinned_key_is_refused(lab: Lab) -> None:
    """Pins nobody renewed fail closed, and the text says so."""
    pins = Pins(
        lab.pin_of(lab.ca.cert_pem), "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", expires="2027-06-30"
    )
    pinned = lab.policy.pin("localhost", pins)
    backend = lab.serve()
    in_time = dataclasses.replace(pinned, clock=lambda: datetime(2027, 6, 30, tzinfo=UTC))
    assert lab.way.call(in_time, backend.url).status_code == 200
    backend.received.clear()
    with pytest.raises(lab.way.http.ConnectError, match="expired at the end of 2027-06-30") as refused:
        lab.way.call(dataclasses.replace(pinned, clock=lambda: datetime(2027, 7, 1, tzinfo=UTC)), backend.url)
    assert tls_error(refused.value).rule == "pins_expired"
    assert backend.settle().received == []
    assert [event["rule"] for event in lab.events()] == ["pins_expired"]


@pytest.mark.parametrize(
    ("make", "version", "rule", "verify_code"),
    [
        pytest.param(lambda ca: ca.issue_cert("localhost", not_after=YESTERDAY), None, "dates", 10, id="expired"),
        pytest.param(lambda ca: ca.issue_cert("other.test"), None, "name", 62, id="wrong host"),
        pytest.param(lambda ca: trustme.CA().issue_cert("localhost"), None, "chain", 20, id="foreign CA"),
        pytest.param(
            lambda ca: ca.issue_cert(common_name="localhost"), None, "certificate", 87, id="no name but the CN"
        ),
        pytest.param(lambda ca: ca.issue_cert("localhost"), V.TLSv1_1, "handshake", 0, id="TLS 1.1"),
    ],
)
def test_bad_peers_get_no_byte(
    make: Callable[[trustme.CA], trustme.LeafCert], version: V | None, rule: str, verify_code: int, lab: Lab
) -> None:
    """v5.0.0-16.3.4: each is one of our errors below the library's, and one event with host and reason."""
    backend = lab.serve(leaf=make(lab.ca), version=version)
    with pytest.raises(lab.way.http.ConnectError, match=r".*") as refused:
        lab.way.call(lab.policy, backend.url)
    error = tls_error(refused.value)
    assert isinstance(error, ASVSMiddlewareError)
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert (error.host, error.rule, error.verify_code) == ("localhost", rule, verify_code)
    assert (backend.settle().received, backend.connections) == ([], 1)
    (event,) = lab.events()
    assert (event["event"], event["host"], event["rule"], event["reason"]) == (
        "tls_backend_fail",
        "localhost",
        rule,
        error.reason,
    )


def test_a_peer_that_hangs_up_in_the_handshake(lab: Lab) -> None:
    """The end of the connection is a TLS failure too, and is logged once."""

    def hang_up() -> None:
        raw, _ = listener.accept()
        raw.recv(1024)
        raw.shutdown(socket.SHUT_RDWR)
        raw.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(lab.way.http.ConnectError, match=r".*") as refused:
            lab.way.call(lab.policy, f"https://localhost:{listener.getsockname()[1]}")
        thread.join()
    assert tls_error(refused.value).rule == "handshake"
    assert len(lab.events()) == 1


def test_a_client_certificate_is_shown(lab: Lab) -> None:
    """v5.0.0-12.3.5: to a server that asks for one."""
    backend = lab.serve(client_ca=lab.ca)
    with_certificate = lab.policy.client_certificate(lab.pki / "client.pem", lab.pki / "client.key")
    assert lab.way.call(with_certificate, backend.url).status_code == 200
    assert ("DNS", "client.test") in backend.settle().certificates[0]["subjectAltName"]


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_a_refusal_by_the_peer_is_logged_once(version: V, lab: Lab) -> None:
    """A missing client certificate shows in the handshake with TLS 1.2, and when the answer is read with 1.3."""
    backend = lab.serve(client_ca=lab.ca, version=version)
    with pytest.raises(lab.way.http.TransportError, match=r".*"):
        lab.way.call(lab.policy, backend.url)
    assert backend.settle().received == []
    assert [event["event"] for event in lab.events()] == ["tls_backend_fail"]


@pytest.mark.parametrize("end", ["reset", "closed"])
@pytest.mark.parametrize("client_ca", [True, False], ids=["asks for a certificate", "asks for none"])
def test_a_peer_that_ends_a_new_connection_is_logged(end: str, client_ca: bool, lab: Lab) -> None:
    """TLS 1.3: a reset overtakes the alert that refused our certificate, and all that is left is the end."""
    backend = lab.serve(ended(end), client_ca=lab.ca if client_ca else None, refusal=end)
    with pytest.raises(lab.way.http.TransportError, match=r".*"):
        lab.way.call(lab.policy, backend.url)
    backend.settle()
    (event,) = lab.events()
    assert (event["event"], event["host"], event["rule"]) == ("tls_backend_fail", "localhost", "handshake")


@pytest.mark.parametrize(
    ("said", "version"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", V.TLSv1_3, id="in the middle of an answer"),
        pytest.param(b"\0 no HTTP\r\n\r\n", V.TLSv1_3, id="after an answer that is no HTTP"),
        pytest.param(b"", V.TLSv1_2, id="TLS 1.2, where a refusal is part of the handshake"),
    ],
)
@pytest.mark.parametrize("end", ["reset", "closed"])
def test_a_peer_that_ends_another_connection_is_no_tls_failure(said: bytes, version: V, end: str, lab: Lab) -> None:
    """A peer that has answered has not refused us, and no event cries wolf."""
    backend = lab.serve(ended(end, after=said), version=version)
    with pytest.raises(lab.way.http.TransportError, match=r".*"):
        lab.way.call(lab.policy, backend.url)
    backend.settle()
    assert lab.events() == []


def test_a_kept_connection_that_ends_is_no_tls_failure(lab: Lab) -> None:
    """Peers close idle connections as they please."""

    def once(talking: ssl.SSLSocket) -> None:
        talking.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        talking.recv(65536)
        ended("reset")(talking)

    backend = lab.serve(once)
    with pytest.raises(lab.way.http.TransportError, match=r".*"):
        lab.way.call_twice(lab.policy, backend.url)
    backend.settle()
    assert lab.events() == []


def ended(how: str, *, after: bytes = b"") -> Callable[[ssl.SSLSocket], None]:
    """Return what says something and ends the connection."""

    def answer(talking: ssl.SSLSocket) -> None:
        if after:
            talking.sendall(after)
            time.sleep(0.05)  # A reset would take back what was not read yet.
        if how == "reset":
            talking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return answer


def test_a_connection_that_cannot_be_made_is_no_tls_failure(lab: Lab) -> None:
    """Nobody listens: the library's error, and no event that would cry wolf."""
    with pytest.raises(lab.way.http.ConnectError, match=r".*"):
        lab.way.call(lab.policy, "https://localhost:1")
    assert lab.events() == []


def test_a_failure_the_caller_is_handling_is_not_logged_again(lab: Lab) -> None:
    """A second call from an `except` block has the first failure as its context, and no part in it."""
    backend = lab.serve()
    try:
        lab.way.call(lab.policy.pin("localhost", lab.wrong_pins), backend.url)
    except lab.way.http.ConnectError:
        with pytest.raises(lab.way.http.ConnectError, match=r"refused|attempts failed"):
            lab.way.call(lab.policy, "https://localhost:1")
    assert len(lab.events()) == 1


def test_other_libraries_are_bound_too(lab: Lab) -> None:
    """The context alone carries pins and events: asyncio streams here, as databases and brokers use."""
    backend = lab.serve()

    async def connect() -> None:
        context = lab.policy.pin("localhost", lab.wrong_pins).ssl_context()
        await asyncio.open_connection("localhost", backend.port, ssl=context)

    with pytest.raises(PinMismatch, match="pinned"):
        asyncio.run(connect())
    assert backend.settle().received == []
    assert len(lab.events()) == 1


def test_a_python_that_does_not_tell_the_chain_is_refused(lab: Lab) -> None:
    """With pins for the host and no verified chain to compare, the answer is no."""

    class Peer:
        server_hostname = "Partner.Example."

    judge = HandshakeJudge(pins={"partner.example": lab.wrong_pins}, clock=lambda: datetime.now(UTC))
    with pytest.raises(PinMismatch, match=r"use Python 3\.13"):
        judge.completed(Peer())  # type: ignore[arg-type]
    (event,) = lab.events()
    assert event["rule"] == "chain_missing"


def test_a_resumed_session_is_refused(lab: Lab) -> None:
    """A resumed session has no verified chain, so pins cannot be compared: fail closed, not open."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.maximum_version = V.TLSv1_2
    lab.ca.issue_cert("localhost").configure_cert(server)
    pins = Pins(lab.pin_of(lab.ca.cert_pem), "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    context = lab.policy.pin("localhost", pins).ssl_context()
    session = shake(context, server, None)
    assert session is not None
    with pytest.raises(PinMismatch, match="resumed TLS session has none") as refused:
        shake(context, server, session)
    assert isinstance(refused.value.__cause__, PinRefused)


def shake(client: ssl.SSLContext, server: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname="localhost", session=session)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(5):
        for end in (near, far):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return near.session


def test_the_environment_has_no_say(tmp_path: Path, lab: Lab) -> None:
    """Proxies, .netrc, SSL_CERT_FILE and SSLKEYLOGFILE are not obeyed: no key on disk, no detour, no credentials."""
    backend = lab.serve()
    (tmp_path / ".netrc").write_text("machine localhost login eve password s3cret\n")
    code = (
        "import asyncio, sys; from asvs_middleware.outbound import OutboundPolicy\n"
        "policy = OutboundPolicy.internal(ca=sys.argv[1])\n"
        "print(policy.client(sys.argv[2]).get('/').status_code)\n"
        "async def call():\n"
        "    async with policy.async_client(sys.argv[2]) as client:\n"
        "        print((await client.get('/')).status_code)\n"
        "asyncio.run(call())"
    )
    proxies = dict.fromkeys(["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"], "http://127.0.0.1:1")
    env = (
        os.environ
        | proxies
        | {"SSLKEYLOGFILE": str(tmp_path / "keys"), "SSL_CERT_FILE": "none.pem", "HOME": str(tmp_path)}
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(lab.pki / "ca.pem"), backend.url],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == ["200", "200"]
    assert not (tmp_path / "keys").exists()
    assert not any(b"uthorization" in request for request in backend.settle().received)
