"""The origin lock over real TLS: on both ports, first of all, with files that change while the app runs."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asvs_middleware import ClientCertificates, ConfigurationError, SecurityPolicy, public, secure
from asvs_middleware.certificates import PeerCertificate
from asvs_middleware.connection import PeerRanges
from asvs_middleware.stack import stack_of

Serving = Callable[..., Any]
Events = Callable[[], list[dict[str, Any]]]


@public(reason="locked by the origin lock")
async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def an_app(**choices: Any) -> Starlette:
    return secure(Starlette(routes=[Route("/", hello)]), SecurityPolicy.web(hosts=["localhost"], **choices))


def watchers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "asvs-peer-ranges"]


def test_a_peer_from_elsewhere_is_refused_on_both_ports(serving: Serving, events: Events) -> None:
    """403 before Host, plaintext and route are looked at; with every header; one event for all of it."""
    app = an_app(allowed_peers=["203.0.113.0/24"])
    with serving(app) as served, served.client() as client:
        for headers in ({}, {"host": "evil.example"}, {"x-forwarded-for": "203.0.113.9"}):
            response = client.get("/nowhere", headers=headers)
            assert response.status_code == 403
            assert response.json()["type"] == "urn:asvs-middleware:problem:peer_refused"
            assert response.headers["x-content-type-options"] == "nosniff"
        assert httpx.get(served.plaintext_url, headers={"accept": "text/html"}).status_code == 403
    assert stack_of(app).peers is not None
    assert stack_of(app).peers.refused == 4
    assert [one["event"] for one in events()].count("peer_refused") == 1


def test_a_peer_that_may_connect_meets_the_other_gates(serving: Serving) -> None:
    """The lock opens and changes nothing else."""
    with serving(an_app(allowed_peers=["127.0.0.0/8", "::1"])) as served, served.client() as client:
        assert client.get("/").text == "hello"
        assert client.get("/", headers={"host": "evil.example"}).status_code == 421
        assert httpx.get(served.plaintext_url, headers={"accept": "text/html"}).status_code == 308


def test_a_file_that_changes_while_the_app_runs(serving: Serving, tmp_path: Path) -> None:
    """The lifespan starts one thread for it and ends it; no request waits, and nothing restarts."""
    file = tmp_path / "ranges.json"
    file.write_text('["203.0.113.0/24"]')
    app = an_app(allowed_peers=[PeerRanges(file, every=timedelta(seconds=1))])
    with serving(app, plaintext=False) as served, served.client() as client:
        assert client.get("/").status_code == 403
        [thread] = watchers()
        file.write_text('["127.0.0.0/8", "::1/128"]')
        end = time.monotonic() + 30
        while client.get("/").status_code == 403 and time.monotonic() < end:
            time.sleep(0.05)
        assert client.get("/").text == "hello"
    thread.join(20)
    assert watchers() == []


def test_a_required_certificate(serving: Serving, pki: Path) -> None:
    """Shown in the handshake with this server, or nothing is answered but 403; on the plaintext port nobody can."""
    required = PeerCertificate(
        ClientCertificates(trust=pki / "clients-ca.pem"), identities=["spiffe://localhost/client"]
    )
    app = an_app(required_peer_certificate=required)
    with serving(app, client_ca=pki / "clients-ca.pem") as served:
        with served.client(client=True) as client:
            assert client.get("/").text == "hello"
        with served.client() as client:
            assert client.get("/").status_code == 403
        assert httpx.get(served.plaintext_url, headers={"accept": "text/html"}).status_code == 403


def test_a_server_that_would_never_ask_for_it(serving: Serving, pki: Path) -> None:
    """Then every request would be refused: the start-up says so instead."""
    required = PeerCertificate(ClientCertificates(trust=pki / "clients-ca.pem"), identities=["dns:cdn.example"])
    app = an_app(required_peer_certificate=required)
    with pytest.raises(ConfigurationError, match=r"never ask a client for one\..*client_ca"), serving(app):
        raise AssertionError("It started.")
