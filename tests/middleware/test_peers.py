"""The origin lock: judged on the transport's peer and its own handshake, before anything else."""

import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from asvs_middleware.certificates import ClientCertificates, PeerCertificate
from asvs_middleware.connection import AllowedPeers, Connection, Networks, PeerRanges, connection_reader
from asvs_middleware.errors import AccessDenied, DependencyUnavailable, PeerRefused
from asvs_middleware.middleware import PeerLock
from asvs_middleware.middleware.layer.answers import report
from asvs_middleware.server.pki import DevelopmentCA, Issued

Events = Callable[[], list[dict[str, Any]]]

NOW = datetime.now(UTC)
CDN = "203.0.113.9"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW.timestamp()

    def __call__(self) -> float:
        return self.now


def a_lock(
    *networks: str | PeerRanges, certificate: PeerCertificate | None = None, clock: Clock | None = None
) -> PeerLock:
    allowed = AllowedPeers(networks) if networks else None
    return PeerLock(allowed=allowed, certificate=certificate, clock=clock or Clock())


def connection(
    *pairs: tuple[bytes, bytes], peer: str | None = CDN, tls: Any = None, trusted: tuple[str, ...] = (), **members: Any
) -> Connection:
    """Return a connection whose transport is this one, whatever its scope says."""
    facts = {"peername": "" if peer == "unix" else peer and (peer, 1), "ssl_object": tls}
    cycle = SimpleNamespace(transport=SimpleNamespace(get_extra_info=facts.get))
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "https" if tls else "http",
        "path": "/",
        "headers": [(b"host", b"api.example.com"), *pairs],
        "client": ("198.51.100.1", 1),
        **members,
    }
    return connection_reader(Networks(trusted))(scope, SimpleNamespace(__self__=cycle))


@pytest.mark.parametrize(
    ("peer", "passes"),
    [
        pytest.param(CDN, True, id="in a network"),
        pytest.param(f"::ffff:{CDN}", True, id="in it, IPv4-mapped"),
        pytest.param("2001:db8::7", True, id="in an IPv6 network"),
        pytest.param("198.51.100.1", False, id="elsewhere, though the scope's client"),
        pytest.param("unix", False, id="on a socket that was not named"),
        pytest.param(None, False, id="nobody knows where"),
    ],
)
def test_networks(peer: str | None, passes: bool) -> None:
    """The transport's peer counts; no header field and no scope opens the lock."""
    claims = [(b"x-forwarded-for", CDN.encode()), (b"forwarded", f"for={CDN}".encode()), (b"x-real-ip", CDN.encode())]
    verdict = a_lock("203.0.113.0/24", "2001:db8::/32").judge(connection(*claims, peer=peer, client=(CDN, 1)))
    assert (verdict is None) is passes
    if not passes:
        assert isinstance(verdict, PeerRefused)
        assert (verdict.status, verdict.code, verdict.event) == (403, "peer_refused", "peer_refused")


def test_unix_can_be_named() -> None:
    """A proxy on the same machine has no address."""
    assert a_lock("unix").judge(connection(peer="unix")) is None


def test_the_client_behind_a_trusted_proxy_is_not_the_peer() -> None:
    """Who is forwarded does not open, and does not shut."""
    lock = a_lock("10.0.0.0/8")
    claim = (b"x-forwarded-for", b"198.51.100.1")
    assert lock.judge(connection(claim, peer="10.0.0.9", trusted=("10.0.0.0/8",))) is None
    assert lock.judge(connection((b"x-forwarded-for", b"10.0.0.9"), peer=CDN, trusted=(CDN,))) is not None


def test_one_event_a_minute_and_a_count(events: Events) -> None:
    """A scanner is counted in full and logged once; the next event says how many were suppressed."""
    clock = Clock()
    lock = a_lock("10.0.0.0/8", clock=clock)

    def refused(peer: str) -> None:
        one = connection(peer=peer)
        verdict = lock.judge(one)
        assert isinstance(verdict, AccessDenied)
        report(verdict, one)

    for peer in (CDN, CDN, CDN, "192.0.2.1"):
        refused(peer)
    clock.now += 60
    refused(CDN)
    assert lock.refused == 5
    assert [(one["event"], one["peer"], one["suppressed"]) for one in events()] == [
        ("peer_refused", CDN, 0),
        ("peer_refused", "192.0.2.1", 0),
        ("peer_refused", CDN, 2),
    ]


def test_an_exposed_credential_is_not_suppressed(events: Events) -> None:
    """It is another kind of event, a critical one: somebody has to replace the credential."""
    lock = a_lock("10.0.0.0/8")
    for pairs in ([], [(b"authorization", b"Bearer s3cret")]):
        one = connection(*pairs)
        verdict = lock.judge(one)
        assert isinstance(verdict, AccessDenied)
        report(verdict, one)
    assert [one["credential_exposed"] for one in events()] == [False, True]
    assert "s3cret" not in str(events())


# The peer's certificate


@pytest.fixture(scope="module")
def cdn() -> DevelopmentCA:
    return DevelopmentCA.root("CDN", at=NOW - timedelta(days=1))


@pytest.fixture(scope="module")
def others() -> DevelopmentCA:
    return DevelopmentCA.root("CDN", at=NOW - timedelta(days=1))


@pytest.fixture(scope="module")
def required(cdn: DevelopmentCA, tmp_path_factory: pytest.TempPathFactory) -> PeerCertificate:
    folder = tmp_path_factory.mktemp("cdn")
    (folder / "ca.pem").write_bytes(cdn.pem)
    return PeerCertificate(ClientCertificates(trust=folder / "ca.pem"), identities=["dns:pull.cdn.example"])


def handshake(client: DevelopmentCA | None, folder: Path, *, name: str = "pull.cdn.example") -> ssl.SSLObject:
    """Shake hands in memory and return the server's side, which takes whatever certificate it is shown."""
    server_ca = DevelopmentCA.root("Server", at=NOW - timedelta(days=1))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(server, server_ca.issue_server("origin.example", at=NOW), folder / "server")
    calling = ssl.create_default_context(cadata=server_ca.pem.decode())
    if client is not None:
        server.load_verify_locations(cadata=client.pem.decode())
        server.verify_mode = ssl.CERT_OPTIONAL
        _load(calling, client.issue_client("CDN", dns=[name], at=NOW), folder / "client")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = calling.wrap_bio(to_client, to_server, server_hostname="origin.example")
    waiting = [theirs, ours]
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)
    return ours


def _load(context: ssl.SSLContext, issued: Issued, stem: Path) -> None:
    stem.parent.mkdir(exist_ok=True)
    stem.with_suffix(".pem").write_bytes(issued.pem + issued.key_pem)
    context.load_cert_chain(stem.with_suffix(".pem"))


def test_the_right_certificate(required: PeerCertificate, cdn: DevelopmentCA, tmp_path: Path) -> None:
    """The CDN's own CA, and the name it gave the peer."""
    lock = a_lock(certificate=required)
    one = connection(tls=handshake(cdn, tmp_path))
    assert lock.judge(one) is None
    assert lock.judge(one) is None
    assert lock.refused == 0


def test_it_is_judged_behind_a_trusted_proxy_too(required: PeerCertificate, cdn: DevelopmentCA, tmp_path: Path) -> None:
    """The handshake with us was the proxy's: that is the one that counts here."""
    one = connection(tls=handshake(cdn, tmp_path), trusted=(CDN,))
    assert one.via_proxy
    assert a_lock(certificate=required).judge(one) is None


@pytest.mark.parametrize("issuer", ["nobody", "another CA", "another name", "plaintext"])
def test_the_wrong_certificate(
    required: PeerCertificate, cdn: DevelopmentCA, others: DevelopmentCA, tmp_path: Path, issuer: str
) -> None:
    """Refused with 403, whatever a server's tls extension or a header claims."""
    tls = {
        "nobody": lambda: handshake(None, tmp_path),
        "another CA": lambda: handshake(others, tmp_path),
        "another name": lambda: handshake(cdn, tmp_path, name="customer.example"),
        "plaintext": lambda: None,
    }[issuer]()
    good = handshake(cdn, tmp_path).getpeercert(binary_form=True)
    lock = a_lock(certificate=required)
    verdict = lock.judge(connection((b"client-cert", b"x"), tls=tls, extensions={"tls": {"client_cert_chain": [good]}}))
    assert isinstance(verdict, PeerRefused)
    assert verdict.status == 403
    assert lock.refused == 1


def test_networks_and_certificate(required: PeerCertificate, cdn: DevelopmentCA, tmp_path: Path) -> None:
    """Where both are asked for, each alone is not enough."""
    lock = a_lock("203.0.113.0/24", certificate=required)
    tls = handshake(cdn, tmp_path)
    assert lock.judge(connection(tls=tls)) is None
    assert lock.judge(connection(tls=tls, peer="192.0.2.1")) is not None
    assert lock.judge(connection()) is not None


def test_an_expired_certificate(required: PeerCertificate, cdn: DevelopmentCA, tmp_path: Path) -> None:
    """The clock that was given decides, on every request."""
    clock = Clock()
    lock = a_lock(certificate=required, clock=clock)
    one = connection(tls=handshake(cdn, tmp_path))
    assert lock.judge(one) is None
    clock.now += timedelta(days=4000).total_seconds()
    assert isinstance(lock.judge(one), PeerRefused)


def test_a_check_that_cannot_be_made(cdn: DevelopmentCA, tmp_path: Path) -> None:
    """A revocation list that is out of date refuses everybody, with 503."""
    (tmp_path / "ca.pem").write_bytes(cdn.pem)
    (tmp_path / "clients.crl").write_bytes(cdn.crl(at=NOW, days=30).public_bytes(Encoding.PEM))
    certificates = ClientCertificates(trust=tmp_path / "ca.pem", crls=[tmp_path / "clients.crl"])
    clock = Clock()
    lock = a_lock(certificate=PeerCertificate(certificates, identities=["dns:pull.cdn.example"]), clock=clock)
    one = connection(tls=handshake(cdn, tmp_path))
    assert lock.judge(one) is None
    clock.now += timedelta(days=60).total_seconds()
    verdict = lock.judge(one)
    assert isinstance(verdict, DependencyUnavailable)
    assert verdict.status == 503


# The files with networks


def watchers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "asvs-peer-ranges"]


def test_without_a_lifespan_the_first_request_starts_the_watch(tmp_path: Path) -> None:
    """One thread for all requests; a new file counts while the app runs; close() ends it."""
    file = tmp_path / "ranges.txt"
    file.write_text("203.0.113.0/24")
    lock = a_lock(PeerRanges(file, every=timedelta(seconds=1)))
    assert watchers() == []
    assert lock.judge(connection()) is None
    assert lock.judge(connection()) is None
    [thread] = watchers()
    file.write_text("198.51.100.0/24")
    end = time.monotonic() + 30
    while lock.judge(connection(peer="198.51.100.9")) is not None and time.monotonic() < end:
        time.sleep(0.05)
    assert lock.judge(connection(peer="198.51.100.9")) is None
    assert lock.judge(connection()) is not None
    lock.close()
    thread.join(20)
    assert watchers() == []


def test_opened_and_closed(tmp_path: Path) -> None:
    """By the lifespan; a lock without files has nothing to open."""
    file = tmp_path / "ranges.txt"
    file.write_text("203.0.113.0/24")
    lock = a_lock(PeerRanges(file))
    lock.open()
    [thread] = watchers()
    lock.close()
    thread.join(20)
    for other in (a_lock("10.0.0.0/8"), PeerLock(allowed=None, certificate=None, clock=Clock())):
        other.open()
        assert other.judge(connection(peer="10.0.0.9")) is None
        other.close()
    assert watchers() == []
