"""The policy: a value that is right when it exists, and the clients it makes."""

import asyncio
import contextlib
import dataclasses
import json
import math
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError, DependencyUnavailable
from asvs_middleware.outbound import OutboundPolicy, Pins
from asvs_middleware.outbound.origin import parse_host, parse_origin

Serve = Callable[..., Any]


def test_each_step_is_a_new_policy(policy: OutboundPolicy, wrong_pins: Pins, pki: Path) -> None:
    """Nothing changes a policy that somebody already uses, not even the dictionary it was made from."""
    pins = {"a.test": wrong_pins}
    made = OutboundPolicy(trust=pki / "ca.pem", pins=pins)
    pins.clear()
    assert dict(made.pins) == {"a.test": wrong_pins}
    steps = [
        policy.pin("a.test", wrong_pins),
        policy.allow("a.test", "[::1]:8443"),
        policy.client_certificate(pki / "client.pem", pki / "client.key"),
        policy.limit(max_bytes=1),
        policy.limit(total_time=timedelta(seconds=1)),
    ]
    assert policy == OutboundPolicy.internal(ca=pki / "ca.pem")
    assert len({*steps, policy}) == len(steps) + 1
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        policy.trust = None  # type: ignore[misc]


def test_the_context_is_built_once(policy: OutboundPolicy) -> None:
    """The same for every client of the policy, another for another policy."""
    assert policy.ssl_context() is policy.ssl_context()
    assert policy.ssl_context() is not policy.allow("a.test").ssl_context()
    assert type(policy.ssl_context()) is ssl.SSLContext


@pytest.mark.parametrize(
    ("build", "message"),
    [
        pytest.param(
            lambda p, pki: OutboundPolicy.internal(ca="none.pem"), r"trust='none\.pem'.*No such", id="no CA file"
        ),
        pytest.param(lambda p, pki: OutboundPolicy.internal(ca=pki / "client.key"), "NO_CERT", id="a key as CA"),
        pytest.param(lambda p, pki: OutboundPolicy.public_web(profile="modern"), "modern-6", id="no such profile"),
        pytest.param(
            lambda p, pki: p.client_certificate(pki / "client.pem", pki / "stranger.key"),
            "is not the key",
            id="wrong key",
        ),
        pytest.param(lambda p, pki: p.client_certificate("none.pem", "none.key"), "certfile=", id="no certificate"),
        pytest.param(lambda p, pki: p.pin("a.test", "sha256/AAA="), "are no Pins", id="text as pins"),
        pytest.param(lambda p, pki: p.pin("a.test:8443", SPARE), "pins hold on every port", id="a port with pins"),
        pytest.param(lambda p, pki: p.pin("https://a.test", SPARE), "no scheme", id="a URL with pins"),
        pytest.param(lambda p, pki: p.allow("*.a.test"), "exact host", id="a wildcard"),
        pytest.param(lambda p, pki: p.allow("a.test/path"), "exact host", id="a path"),
        pytest.param(lambda p, pki: p.allow("a.test."), "no host", id="a final dot"),
        pytest.param(lambda p, pki: p.allow("-a.test"), "no host", id="a leading hyphen"),
        pytest.param(lambda p, pki: p.allow("[::zz]"), "exact host", id="no address"),
        pytest.param(lambda p, pki: p.allow("127.1"), "no host", id="an address in short"),
        pytest.param(lambda p, pki: p.allow("0x7f000001"), "no host", id="an address as a number"),
        pytest.param(lambda p, pki: p.allow("u:s3cret@a.test"), "not repeated", id="credentials in a host"),
        pytest.param(lambda p, pki: p.pin("u:s3cret@a.test", SPARE), "not repeated", id="credentials in pin()"),
        pytest.param(lambda p, pki: p.client("https://u:s3cret/@a.test"), "is no URL", id="credentials cut in two"),
        pytest.param(lambda p, pki: p.client("https://[fe80::1%25eth0]"), "or zone", id="a zone"),
        pytest.param(lambda p, pki: p.allow("a.test:99999"), "the port 99999", id="no such port"),
        pytest.param(lambda p, pki: p.client("https://a.test:0"), "the port 0", id="port 0"),
        pytest.param(lambda p, pki: p.allow(""), "exact host", id="an empty name"),
        pytest.param(lambda p, pki: p.allow(None), "exact host", id="nothing"),
        pytest.param(lambda p, pki: p.limit(max_byte=1), "Did you mean 'max_bytes'", id="a limit misspelt"),
        pytest.param(lambda p, pki: p.limit(hosts=["a.test"]), r"limit\(\) does not know 'hosts'", id="no limit"),
        *[
            pytest.param(
                lambda p, pki, most=most: p.limit(max_bytes=most),
                r"OutboundPolicy\(max_bytes\) is .*there is no unlimited",
                id=f"{most!r} bytes",
            )
            for most in (None, 0, -1, math.inf, math.nan, 0.5, True, "1")
        ],
        *[
            pytest.param(
                lambda p, pki, time=time: p.limit(total_time=time),
                r"OutboundPolicy\(total_time\) is .*there is no unlimited",
                id=f"a time of {time}",
            )
            for time in (
                None,
                timedelta(),
                timedelta(-1),
                timedelta.max,
                timedelta(days=1, microseconds=1),
                30,
                math.inf,
            )
        ],
        *[
            pytest.param(
                lambda p, pki, host=host: OutboundPolicy(trust=pki / "ca.pem", pins={host: SPARE}),
                r"pins=\.\.\.\) has .*Add pins with \.pin",
                id=f"pins for {host!r}",
            )
            for host in (
                "LOCALHOST",
                "localhost.",
                "localhost:443",
                "https://localhost",
                "[::1]",
                "0:0:0:0:0:0:0:1",
                "::A",
                "127.1",
                "fe80::1%eth0",
                "u:s3cret@localhost",
                "",
                None,
                b"localhost",
            )
        ],
        pytest.param(
            lambda p, pki: OutboundPolicy(trust=pki / "ca.pem", pins={"localhost": "sha256/AAA="}),  # type: ignore[dict-item]
            "are no Pins",
            id="text as pins of the constructor",
        ),
        pytest.param(lambda p, pki: p.client("http://a.test"), "base_url.*'http'.*in clear", id="plaintext"),
        pytest.param(lambda p, pki: p.async_client("http://a.test"), "base_url.*'http'", id="plaintext, async"),
        pytest.param(lambda p, pki: p.client("a.test"), "base_url.*scheme ''", id="no scheme"),
        pytest.param(lambda p, pki: p.client("https://u:s3cret@a.test"), "with credentials", id="credentials"),
        pytest.param(lambda p, pki: p.client("https://"), "is no host", id="no host"),
        pytest.param(lambda p, pki: p.client("https://a..test"), "is no", id="an empty label"),
        *[
            pytest.param(
                lambda p, pki, name=name: p.client("https://a.test", **{name: None}), f"does not know '{name}'", id=name
            )
            for name in ("verify", "cert", "mounts", "transport", "proxy", "trust_env", "http2")
        ],
        pytest.param(
            lambda p, pki: p.async_client("https://a.test", folow_redirects=True), "'follow_redirects'", id="a typo"
        ),
    ],
)
def test_what_cannot_be_right_stops_the_start_up(
    build: Callable[[OutboundPolicy, Path], object], message: str, policy: OutboundPolicy, pki: Path
) -> None:
    """v5.0.0-12.2.1, 12.3.4: found when the policy or the client is made, with the fix; nothing that gets round it."""
    with pytest.raises(ConfigurationError, match=message) as refused:
        build(policy, pki)
    assert "s3cret" not in str(refused.value)


SPARE = Pins(
    "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "sha256/AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
)


def test_clients_are_those_of_the_library(policy: OutboundPolicy) -> None:
    """httpx unless another one is named; its own classes, options passed on."""
    with policy.client("https://a.test/v1/", params={"a": "b"}) as client:
        assert isinstance(client, httpx.Client)
        assert str(client.base_url) == "https://a.test/v1/"
        assert (client.trust_env, client.follow_redirects, dict(client.params)) == (False, False, {"a": "b"})
    with policy.client("https://a.test", http=httpx2, follow_redirects=True) as other:
        assert isinstance(other, httpx2.Client)
        assert other.follow_redirects


def test_a_transport_for_clients_of_others(policy: OutboundPolicy, serve: Serve) -> None:
    """SDKs make their own client; what they are given holds them to the policy all the same."""
    backend = serve()
    with httpx.Client(transport=policy.transport(backend.url)) as client:
        assert client.get(backend.url).text == "ok"
        with pytest.raises(httpx.TransportError, match="only https"):
            client.get("http://localhost/")


def fetch(policy: OutboundPolicy, url: str, max_bytes: int = 100) -> bytes:
    return asyncio.run(policy.fetch(url, max_bytes=max_bytes))


def test_fetch(policy: OutboundPolicy, serve: Serve) -> None:
    """One GET, the whole body, from the host of the URL, or from one on the list if there is a list."""
    backend = serve()
    assert fetch(policy, f"{backend.url}/keys?v=1") == b"ok"
    assert fetch(policy.allow(f"localhost:{backend.port}"), backend.url) == b"ok"
    assert [request.split()[1] for request in backend.settle().received] == [b"/keys?v=1", b"/"]


@pytest.mark.parametrize(
    ("answer", "url", "message"),
    [
        pytest.param(
            b"HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", None, "status 302", id="a redirect"
        ),
        pytest.param(b"HTTP/1.1 204 No\r\n\r\n", None, "status 204", id="no content"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + bytes(101), None, "longer than 100", id="too long"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", None, "A fetch failed", id="cut short"),
        pytest.param(b"\x00\xff\r\n\r\n", None, "A fetch failed", id="no HTTP"),
        pytest.param(b"", None, "A fetch failed", id="silence"),
        pytest.param(b"", "http://localhost/", "scheme 'http'", id="plaintext"),
        pytest.param(b"", "https://localhost:1/", "A fetch failed", id="nobody there"),
        pytest.param(b"", "https://u:s3cret@localhost/", "with credentials", id="credentials"),
        pytest.param(b"", "https://[", "is no", id="no URL"),
        pytest.param(b"", "https://a\x00b/", "is no", id="a zero byte"),
        pytest.param(b"", "", "scheme ''", id="nothing"),
    ],
)
def test_fetch_fails_closed(answer: bytes, url: str | None, message: str, policy: OutboundPolicy, serve: Serve) -> None:
    """Whatever goes wrong, the answer is one error, a 503 for the caller; no secret in it."""
    with pytest.raises(DependencyUnavailable, match=message) as refused:
        fetch(policy, serve(answer).url if url is None else url)
    assert "s3cret" not in str(refused.value)


@settings(max_examples=60)
@given(
    head=st.sampled_from(
        [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nSet-Cookie: ", b"HTTP/1.1 302 F\r\nLocation: "]
    ),
    rest=st.binary(max_size=60),
    end=st.sampled_from([b"", b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"]),
)
def test_fetch_from_a_hostile_server(
    head: bytes, rest: bytes, end: bytes, policy: OutboundPolicy, hostile: tuple[Any, list[bytes]]
) -> None:
    """Whatever bytes it answers with: a body within the limit, or our error."""
    backend, answers = hostile
    answers.append(head + rest + end)
    with contextlib.suppress(DependencyUnavailable):
        assert len(fetch(policy, backend.url)) <= 100


@pytest.fixture
def hostile(serve: Serve) -> tuple[Any, list[bytes]]:
    answers: list[bytes] = []
    return serve(lambda talking: talking.sendall(answers.pop())), answers


@given(st.text(max_size=30), st.sampled_from(["", "https://", "https://a.test", "https://a.test:"]))
def test_any_text_is_an_origin_or_a_mistake(text: str, before: str) -> None:
    """An origin that is written as it was understood, or our error."""
    for parse in (parse_origin, parse_host):
        with contextlib.suppress(ConfigurationError):
            origin = parse(before + text, where="test")
            assert parse_origin(str(origin), where="test") == origin


def test_fetch_keeps_to_the_list(policy: OutboundPolicy, serve: Serve) -> None:
    """v5.0.0-13.2.4: a URL from a discovery document cannot lead to a host nobody listed."""
    backend = serve()
    with pytest.raises(DependencyUnavailable, match="not on this client's list"):
        fetch(policy.allow("idp.test"), backend.url)
    assert backend.connections == 0


def test_fetch_checks_the_peer(policy: OutboundPolicy, serve: Serve, wrong_pins: Pins) -> None:
    """Pins hold for fetch as for clients."""
    backend = serve()
    with pytest.raises(DependencyUnavailable, match="treat it as an attack"):
        fetch(policy.pin("localhost", wrong_pins), backend.url)
    assert backend.settle().received == []


def test_describe(policy: OutboundPolicy, wrong_pins: Pins, pki: Path) -> None:
    """What is in force, for a report: JSON, no file of a key, no password."""
    full = policy.pin("a.test", wrong_pins).allow("b.test", "[::1]:8443", "B.test")
    full = full.client_certificate(pki / "client.pem", pki / "client.key", password=None)
    said = full.describe()
    assert said["hosts"] == ["https://[::1]:8443", "https://b.test"]
    assert said["pins"]["a.test"]["expires"] is None
    assert len(said["pins"]["a.test"]["sha256"]) == 2
    assert (said["client_certificate"], said["trust"]) == (True, str(pki / "ca.pem"))
    assert said["tls"]["oldest_version"] == "TLSv1_2"
    assert json.loads(json.dumps(said)) == said
    assert "client.key" not in json.dumps(said)


def test_describe_the_public_web() -> None:
    """The public roots are named as such, and an expiry as a date."""
    said = OutboundPolicy.public_web().pin("a.test", DATED).describe()
    assert (said["trust"], said["pins"]["a.test"]["expires"]) == ("public roots (certifi)", "2027-06-30")


DATED = Pins(*(f"sha256/{start}" + "A" * 42 + "=" for start in "AQ"), expires="2027-06-30")


def test_repr_holds_no_secret(policy: OutboundPolicy, pki: Path) -> None:
    """A policy in a log or a traceback shows no password."""
    with_password = dataclasses.replace(policy, password="s3cret")
    assert "s3cret" not in repr(with_password)
