"""Reload without restart: what is put in force, what is refused, and what clients notice of it, over real sockets."""

import asyncio
import os
import signal
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
import uvloop
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.keys.reload import ROTATE, ROTATE_WITH_CLIENTS, Reloader
from asvs_middleware.server.keys.reload_parts import ServerFiles
from asvs_middleware.server.policy import ServerPolicy
from asvs_middleware.tls import guideline, in_force

LOOPS = ("asyncio", "uvloop")
HOURS = timedelta(hours=1)


@public(reason="a page for the tests")
async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse("home")


@sensitive(client_certificate="spiffe://example.org/batch")
async def batch(request: Request) -> PlainTextResponse:
    return PlainTextResponse("batch")


def an_app(folder: Any, *, clients: bool = False) -> Starlette:
    routes = [Route("/", home), *([Route("/batch", batch)] if clients else [])]
    certificates = folder.certificates if clients else None
    return secure(Starlette(routes=routes), SecurityPolicy.api(hosts=["localhost"], client_certificates=certificates))


def ask(connection: ssl.SSLSocket, path: str = "/") -> int:
    """Send a request over an open connection, and return the status of the answer."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        more = connection.recv(4096)
        if not more:
            raise ConnectionError("closed before an answer")
        answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    [length] = [line for line in head.lower().splitlines() if line.startswith(b"content-length:")]
    while len(body) < int(length.split()[1]):
        body += connection.recv(4096)
    return int(head.split()[1])


def issuer(connection: ssl.SSLSocket) -> str:
    """Return who issued the server's certificate."""
    parts = [part for group in connection.getpeercert()["issuer"] for part in group]
    return dict(parts)["commonName"]


def named(events: Any, *names: str) -> list[dict[str, Any]]:
    return [event for event in events() if event["event"] in names]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_new_certificate(loop: str, reloading: Any, folder: Any, events: Any) -> None:
    """New connections get it, open ones go on, and one event tells; a change is read once it has come to rest."""
    with reloading(an_app(folder), folder, loop=loop) as served, served.connect(folder.context()) as before:
        assert (issuer(before), ask(before)) == ("Servers a", 200)
        folder.serve("b")
        served.reloader.look()
        with served.connect(folder.context()) as meanwhile:
            assert issuer(meanwhile) == "Servers a"
        for _ in range(5):
            served.reloader.look()
        with served.connect(folder.context()) as after:
            assert (issuer(after), ask(after), ask(before)) == ("Servers b", 200, 200)
    [event] = named(events, "reloaded", "reload_failed")
    assert event["event"] == "reloaded"
    assert event["files"] == f"{folder.path}/server.key, {folder.path}/server.pem"
    assert (event["asked"], event["generation"], event["pid"]) == (False, 1, os.getpid())
    assert 80 * 86400 < event["seconds_left"] < 90 * 86400


def expired(folder: Any) -> None:
    folder.serve("b", at=folder.now - timedelta(days=100))


def not_yet_valid(folder: Any) -> None:
    folder.serve("b", at=folder.now + timedelta(days=1))


def for_clients(folder: Any) -> None:
    folder.serve("b", purposes=[ExtendedKeyUsageOID.CLIENT_AUTH])


def another_key(folder: Any) -> None:
    folder.write("server.key", folder.server("b").key_pem)


def another_certificate(folder: Any) -> None:
    folder.write("server.pem", folder.server("b").pem)


def a_key_in_the_open(folder: Any) -> None:
    folder.serve("b")
    (folder.path / "server.key").chmod(0o644)


def half(name: str) -> Any:
    def cut(folder: Any) -> None:
        data = (folder.path / name).read_bytes()
        (folder.path / name).write_bytes(data[: len(data) // 2])

    return cut


def half_a_second_one(folder: Any) -> None:
    """OpenSSL would pass what follows over, and serve without the intermediate."""
    data = folder.server("b").pem
    folder.write("server.pem", data + b"-----BEGIN CERTI")


def half_a_ca(folder: Any) -> None:
    folder.write("clients-ca.pem", folder.clients["a"].pem + folder.clients["b"].pem[:40])


def a_stranger_signed_the_list(folder: Any) -> None:
    folder.revoke(("b", None))


def an_older_list(folder: Any) -> None:
    folder.numbers = count(1)
    folder.revoke(("a", None))


def a_stale_list(folder: Any) -> None:
    crl = folder.clients["a"].crl(at=folder.now - timedelta(days=100), number=1000)
    folder.write("clients.crl", crl.public_bytes(Encoding.PEM))


def no_list_of_a_trusted_ca(folder: Any) -> None:
    folder.write("clients-ca.pem", folder.clients["a"].pem + folder.clients["b"].pem)
    folder.revoke(("b", None))


def text(name: str, data: bytes) -> Any:
    return lambda folder: folder.write(name, data)


def gone(name: str) -> Any:
    return lambda folder: (folder.path / name).unlink()


def a_folder(folder: Any) -> None:
    (folder.path / "server.pem").unlink()
    (folder.path / "server.pem").mkdir()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(expired, "expired on", id="expired"),
        pytest.param(not_yet_valid, "is not valid before", id="not yet valid"),
        pytest.param(for_clients, "is not a server's certificate", id="not for servers"),
        pytest.param(another_key, "is not the key of", id="another key"),
        pytest.param(another_certificate, "is not the key of", id="another certificate"),
        pytest.param(a_key_in_the_open, "is open to every user", id="a key everybody reads"),
        pytest.param(half("server.pem"), "holds a PEM block that is not whole", id="half a certificate"),
        pytest.param(half("server.key"), "holds a PEM block that is not whole", id="half a key"),
        pytest.param(half("clients.crl"), "is not a certificate revocation list", id="half a list"),
        pytest.param(half_a_second_one, "holds a PEM block that is not whole", id="half an intermediate"),
        pytest.param(half_a_ca, "holds a PEM block that is not whole", id="half a CA"),
        pytest.param(a_stranger_signed_the_list, "signed by none of the given CAs", id="a stranger's list"),
        pytest.param(an_older_list, "has the number 1, below the former one's", id="an older list"),
        pytest.param(a_stale_list, "is in force until", id="a stale list"),
        pytest.param(no_list_of_a_trusted_ca, "is not among the revocation lists any more", id="no list of a CA"),
        pytest.param(text("server.pem", b""), "cannot be used", id="an empty certificate"),
        pytest.param(text("server.key", b"\xff\x00key"), "cannot be used", id="bytes for a key"),
        pytest.param(text("clients-ca.pem", b"no CA"), "holds no PEM certificate", id="text for a CA"),
        pytest.param(gone("server.pem"), "cannot be read", id="no certificate"),
        pytest.param(gone("server.key"), "cannot be read", id="no key"),
        pytest.param(gone("clients.crl"), "cannot be read", id="no list"),
        pytest.param(a_folder, "cannot be read", id="a folder"),
    ],
)
def test_what_is_not_right_changes_nothing(spoil: Any, reason: str, folder: Any, events: Any) -> None:
    """v5.0.0-16.5.2: all stays as it was, one event says why, however often it is looked at; mended, it is read."""
    app = an_app(folder, clients=True)
    reloader = a_reloader(folder, app, client_ca=folder.path / "clients-ca.pem")
    folder.trust("a")
    reloader.look()
    reloader.look()
    trusted, context = guard_of(app).policy, reloader.context.current
    already = len(named(events, "reloaded"))
    spoil(folder)
    for _ in range(4):
        reloader.look()
    assert reloader.context.current is context
    assert guard_of(app).policy is trusted
    [event] = named(events, "reload_failed", "reloaded")[already:]
    assert reason in event["reason"]
    assert event["reason"].startswith("All stays as it was. ")
    assert str(folder.path) in event["files"]
    if (folder.path / "server.pem").is_dir():
        (folder.path / "server.pem").rmdir()
    folder.numbers = count(2000)
    folder.trust("a", "b")
    folder.serve("b")
    for _ in range(4):
        reloader.look()
    assert [event["event"] for event in named(events, "reload_failed", "reloaded")][already:] == [
        "reload_failed",
        "reloaded",
    ]
    assert reloader.context.current is not context
    assert guard_of(app).policy is not trusted


def guard_of(app: Any) -> Any:
    from asvs_middleware.stack import stack_of

    return stack_of(app).guard.certificates


def a_reloader(folder: Any, app: Any = None, *, clock: Any = None, **choices: Any) -> Reloader:
    verifier = None if app is None else guard_of(app)
    options = {} if clock is None else {"clock": clock}
    return Reloader.of(folder.policy(**choices), verifier=verifier, at=folder.now, **options)


@pytest.mark.parametrize("steps", ["one link", "two links"])
def test_kubernetes(steps: str, reloading: Any, folder: Any, events: Any) -> None:
    """A secret is a folder behind a link, `..data`, which is pointed elsewhere; the files are links through it."""

    def publish(name: str, version: str) -> None:
        (folder.path / version).mkdir()
        folder.serve(name)
        for file in ("server.pem", "server.key"):
            (folder.path / file).replace(folder.path / version / file)
        (folder.path / "..new").symlink_to(version)
        (folder.path / "..new").replace(folder.path / "..data")
        for file in ("server.pem", "server.key") if steps == "two links" else ():
            (folder.path / file).unlink(missing_ok=True)
            (folder.path / file).symlink_to(f"..data/{file}")

    publish("a", "..2026_01")
    where = folder.path if steps == "two links" else folder.path / "..data"
    files = {"certfile": where / "server.pem", "keyfile": where / "server.key"}
    with reloading(an_app(folder), folder, **files) as served:
        publish("b", "..2026_02")
        served.settle()
        with served.connect(folder.context()) as connection:
            assert issuer(connection) == "Servers b"
    assert [event["event"] for event in named(events, "reloaded", "reload_failed")] == ["reloaded"]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_cas(version: ssl.TLSVersion, loop: str, reloading: Any, folder: Any) -> None:
    """v5.0.0-12.1.3: one that was removed is refused in the next handshake, and on open connections by the app; one
    that was added is taken, in the handshake and by the app.
    """
    client_ca = folder.path / "clients-ca.pem"
    contexts = {name: folder.context(name, minimum_version=version, maximum_version=version) for name in "ab"}
    with reloading(an_app(folder, clients=True), folder, loop=loop, client_ca=client_ca) as served:
        with served.connect(contexts["a"]) as before:
            assert ask(before, "/batch") == 200
            assert not is_let_in(served, contexts["b"])
            folder.trust("b")
            served.settle()
            assert ask(before, "/") == 200
            assert ask(before, "/batch") == 403
        assert not is_let_in(served, contexts["a"])
        with served.connect(contexts["b"]) as after:
            assert ask(after, "/batch") == 200


def is_let_in(served: Any, context: ssl.SSLContext) -> bool:
    try:
        with served.connect(context) as connection:
            return ask(connection, "/batch") == 200
    except (ssl.SSLError, ConnectionError):
        return False


@pytest.mark.parametrize("loop", LOOPS)
def test_a_revoked_client(loop: str, reloading: Any, folder: Any) -> None:
    """v5.0.0-12.1.4: struck off, it is refused on the connection it has, and on a new one; another is not."""
    other = folder.clients["a"].issue_client("other", uris=["spiffe://example.org/batch"], at=folder.now)
    folder.write("client-other.pem", other.pem)
    folder.write("client-other.key", other.key_pem)
    client_ca = folder.path / "clients-ca.pem"
    with reloading(an_app(folder, clients=True), folder, loop=loop, client_ca=client_ca) as served:
        with served.connect(folder.context("a")) as open_one, served.connect(folder.context("other")) as of_other:
            assert (ask(open_one, "/batch"), ask(of_other, "/batch")) == (200, 200)
            folder.revoke(("a", folder.client["a"]))
            served.settle()
            assert (ask(open_one, "/batch"), ask(of_other, "/batch")) == (403, 200)
        with served.connect(folder.context("a")) as new:
            assert ask(new, "/batch") == 403


def test_all_files_change_together_or_not_at_all(folder: Any, events: Any) -> None:
    """A good list beside a bad key is not taken, for it may belong to another set."""
    app = an_app(folder, clients=True)
    reloader = a_reloader(folder, app, client_ca=folder.path / "clients-ca.pem")
    trusted = guard_of(app).policy
    folder.revoke(("a", folder.client["a"]))
    another_key(folder)
    reloader.look()
    reloader.look()
    assert guard_of(app).policy is trusted
    [event] = named(events, "reload_failed")
    assert event["files"] == f"{folder.path}/clients.crl, {folder.path}/server.key"


def test_two_writers_at_a_time(folder: Any, events: Any) -> None:
    """Files that are exchanged while they are read are read again: never half of the one set, half of the other."""
    for name in "ab":
        (folder.path / name).mkdir()
        folder.serve(name)
        for file in ("server.pem", "server.key"):
            (folder.path / file).replace(folder.path / name / file)
    link = folder.path / "now"
    link.symlink_to("a")
    reloader = a_reloader(folder, certfile=link / "server.pem", keyfile=link / "server.key")
    done = threading.Event()

    def exchange() -> None:
        for number in count():
            (folder.path / "new").symlink_to("ab"[number % 2])
            (folder.path / "new").replace(link)
            time.sleep(0.006 if number % 10 else 0.05)
            if done.is_set():
                return

    writer = threading.Thread(target=exchange)
    writer.start()
    for _ in range(60):
        reloader.look(asked=True)
    done.set()
    writer.join()
    reloader.look(asked=True)
    reasons = {event["reason"] for event in named(events, "reload_failed")}
    assert reasons <= {"All stays as it was. The files change faster than they can be read."}
    assert named(events, "reloaded")


class Odd:
    """A part whose reading does something."""

    def __init__(self, reads: Any) -> None:
        self.reads = reads

    def paths(self) -> list[str]:
        return []

    def read(self, at: datetime) -> Any:
        self.reads()
        return lambda: None


def test_files_that_never_come_to_rest(folder: Any, events: Any) -> None:
    """They are not read to no end, and that is said once until it is over."""
    times = count()
    rewritten = Odd(lambda: os.utime(folder.path / "server.pem", ns=(next(times), 0)))
    reloader = Reloader(ServerFiles(folder.policy(), at=folder.now), [rewritten], every=HOURS, rotate=HOURS)
    reloader.look(asked=True)
    for _ in range(3):
        reloader.look()
    [first, *others] = named(events, "reload_failed", "reloaded")
    assert first["reason"] == "All stays as it was. The files change faster than they can be read."
    assert (first["files"], others) == ("", [])
    rewritten.reads = lambda: None
    reloader.look()
    reloader.look()
    assert [event["event"] for event in named(events, "reload_failed", "reloaded")] == ["reload_failed", "reloaded"]


def test_away_and_back(folder: Any, events: Any) -> None:
    """A volume that is gone is one event; the same files are back, and that is none; gone again, it is another."""
    away = folder.path.with_name(f"{folder.path.name}-away")
    reloader = a_reloader(folder)
    for here, there in ((folder.path, away), (away, folder.path), (folder.path, away)):
        here.rename(there)
        for _ in range(3):
            reloader.look()
    assert [event["event"] for event in named(events, "reload_failed", "reloaded")] == ["reload_failed"] * 2


@pytest.mark.parametrize("loop", LOOPS)
def test_under_load(loop: str, reloading: Any, folder: Any, events: Any) -> None:
    """50 rotations of all files, and not one request fails: on new connections and on open ones."""
    done, asked, failed = threading.Event(), count(), list[str]()
    client_ca = folder.path / "clients-ca.pem"
    folder.trust("a", "b")

    def open_anew() -> None:
        while not done.is_set():
            with served.connect(context) as connection:
                note(ask(connection, "/batch"))

    def keep_open() -> None:
        with served.connect(context) as connection:
            while not done.is_set():
                note(ask(connection, "/batch"))

    def note(status: int) -> None:
        next(asked)
        if status != 200:
            failed.append(str(status))

    context = folder.context("a")
    with (
        reloading(an_app(folder, clients=True), folder, loop=loop, client_ca=client_ca) as served,
        ThreadPoolExecutor(3) as pool,
    ):
        running = [pool.submit(one) for one in (open_anew, open_anew, keep_open)]
        try:
            for number in range(50):
                folder.serve("ab"[number % 2])
                folder.revoke(("a", None), ("b", None))
                served.settle()
        finally:
            done.set()
        for one in running:
            one.result()
    assert failed == []
    assert next(asked) > 50
    assert len(named(events, "reloaded")) == 50


@pytest.mark.parametrize("loop", LOOPS)
def test_another_profile(loop: str, reloading: Any, folder: Any, events: Any) -> None:
    """v5.0.0-12.1.1: the profile a file names rules the next handshake, on open connections nothing changes; a name
    that is none changes nothing.
    """
    folder.write("profile", b"intermediate-6.0\n")
    with reloading(an_app(folder), folder, loop=loop, profile_file=folder.path / "profile") as served:
        old = folder.context(maximum_version=ssl.TLSVersion.TLSv1_2)
        with served.connect(old) as before:
            folder.write("profile", b"modern-6.0\n")
            served.settle()
            assert is_refused(served, old)
            assert ask(before) == 200
        with served.connect(folder.context()) as connection:
            assert (connection.version(), ask(connection)) == ("TLSv1.3", 200)
        folder.write("profile", b"modren-6.0\n")
        served.settle()
        assert is_refused(served, old)
        folder.write("profile", b"intermediate-5.8")
        served.settle()
        with served.connect(old) as connection:
            assert (connection.version(), ask(connection)) == ("TLSv1.2", 200)
    first, failed, last = named(events, "reload_failed", "reloaded")
    assert [(one["event"], one["profile"]) for one in (first, last)] == [
        ("reloaded", "modern-6.0"),
        ("reloaded", "intermediate-5.8"),
    ]
    assert failed["event"] == "reload_failed"
    assert "profile'" in failed["reason"]
    assert "does not know 'modren-6.0'. Did you mean 'modern-6.0'?" in failed["reason"]
    assert {one["files"] for one in (first, failed, last)} == {str(folder.path / "profile")}


def is_refused(served: Any, context: ssl.SSLContext) -> bool:
    """Tell whether the handshake fails."""
    try:
        served.connect(context).close()
    except (ssl.SSLError, ConnectionError):
        return True
    return False


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "does not hold one line", id="empty"),
        pytest.param(b"modern-6.0\nintermediate-6.0\n", "does not hold one line", id="two lines"),
        pytest.param(b"modern-", "does not hold the name of a profile", id="half a name"),
        pytest.param(b"modern-6.0 ", "does not hold the name of a profile", id="a space behind it"),
        pytest.param(b"\xff\xfe", "cannot be used", id="no UTF-8"),
        pytest.param(b"a" * 2000, "does not hold one line", id="a long line"),
        pytest.param(None, "cannot be read", id="gone"),
    ],
)
def test_a_profile_file_that_is_not_right(content: bytes | None, reason: str, folder: Any, events: Any) -> None:
    """At the start it is refused; later all stays as it was and one event says why; mended, it is in force."""
    file = folder.path / "profile"
    folder.write("profile", b"modern-6.0")
    reloader = a_reloader(folder, profile_file=file)
    context = reloader.context.current
    spoilt = file.unlink if content is None else lambda: folder.write("profile", content)
    spoilt()
    for _ in range(3):
        reloader.look()
    assert reloader.context.current is context
    [event] = named(events, "reload_failed", "reloaded")
    assert "profile_file=" in event["reason"]
    assert reason in event["reason"]
    with pytest.raises(ConfigurationError, match=f"profile_file=.*{reason}"):
        a_reloader(folder, profile_file=file)
    folder.write("profile", b"intermediate-6.0\r\n")
    reloader.look()
    reloader.look()
    assert named(events, "reloaded")[-1]["profile"] == "intermediate-6.0"


def test_groups_of_another_profile(folder: Any, events: Any) -> None:
    """Before Python 3.15 they were chosen when the process began: what a new profile leaves out is said, once."""
    folder.write("profile", b"intermediate-6.0")
    reloader = a_reloader(folder, profile_file=folder.path / "profile")
    for name in (b"intermediate-5.7", b"intermediate-5.7\n", b"modern-5.7"):
        folder.write("profile", name)
        reloader.look(asked=True)
    taken = set(in_force(reloader.context.current) or ()) - set(guideline("modern-5.7").groups)
    assert len(named(events, "groups_not_limited")) == (2 if taken else 0)


@pytest.mark.parametrize(
    ("choices", "rotate"),
    [
        pytest.param({}, ROTATE, id="without clients"),
        pytest.param({"client_ca": "clients-ca.pem"}, ROTATE_WITH_CLIENTS, id="with clients"),
    ],
)
def test_rotation(choices: dict[str, str], rotate: timedelta, folder: Any, events: Any) -> None:
    """From time to time the context is made anew: sessions end, and ticket keys. That is no news, and no event."""
    at = folder.now
    files = {name: folder.path / file for name, file in choices.items()}
    reloader = a_reloader(folder, clock=lambda: at, **files)
    seen = []
    for seconds in (0, 1, rotate.total_seconds() - 1, rotate.total_seconds(), rotate.total_seconds() + 1):
        at = folder.now + timedelta(seconds=seconds)
        reloader.look()
        seen.append(reloader.context.generation)
    assert seen == [1, 1, 1, 2, 2]
    assert named(events, "reloaded", "reload_failed") == []


def test_the_app_was_imported_before(folder: Any, events: Any) -> None:
    """Its own files were read then. The first look reads them again, for they may have changed meanwhile."""
    app = an_app(folder, clients=True)
    folder.revoke(("a", folder.client["a"]))
    reloader = a_reloader(folder, app)
    before = guard_of(app).generation
    reloader.look()
    assert guard_of(app).generation == before + 1
    assert named(events, "reload_failed") == []


def test_a_certificate_that_expires_where_it_lies(folder: Any, events: Any) -> None:
    """It goes on being served, for there is none better; one event of the reload, beside those of the expiry."""
    at = folder.now
    reloader = a_reloader(folder, clock=lambda: at)
    context = reloader.context.current
    for days in (100, 101, 102):
        at = folder.now + timedelta(days=days)
        reloader.look()
    assert reloader.context.current is not context or reloader.context.generation == 0
    [event] = named(events, "reload_failed")
    assert "expired on" in event["reason"]
    assert event["files"] == ""
    assert {event["stage"] for event in named(events, "certificate_expiring")} == {"expired"}


def test_advice(folder: Any, events: Any) -> None:
    """Of a new certificate it is said what could be better, as at the start."""
    reloader = Reloader.of(folder.policy(), verifier=None, hosts=["api.example.com"], at=folder.now)
    folder.serve("b", days=300)
    reloader.look()
    reloader.look()
    codes = [event["advice"] for event in named(events, "certificate_advice")]
    assert "host_not_covered" in codes
    assert "longer_than_public" in codes


def test_what_was_shown(reloading: Any, folder: Any) -> None:
    """Of an open connection it stays known which certificate it was shown."""
    shown = list[str | None]()

    async def tell(request: Request) -> PlainTextResponse:
        transport = request.receive.__self__.transport
        shown.append(served.reloader.server.shown(transport.get_extra_info("ssl_object")))
        return PlainTextResponse("told")

    app = secure(
        Starlette(routes=[Route("/", public(reason="a page for the tests")(tell))]),
        SecurityPolicy.api(hosts=["localhost"]),
    )
    first = (folder.path / "server.pem").read_text()
    with reloading(app, folder) as served, served.connect(folder.context()) as before:
        second = folder.serve("b").pem.decode()
        served.settle()
        with served.connect(folder.context()) as after:
            assert (ask(before), ask(after)) == (200, 200)
    assert shown == [first, second]


def test_an_error_nobody_foresaw(folder: Any, events: Any) -> None:
    """It is a refusal as well, and the thread lives on."""

    part = Odd(lambda: 1 / 0)
    reloader = Reloader(ServerFiles(folder.policy(), at=folder.now), [part], every=HOURS, rotate=HOURS)
    reloader.look(asked=True)
    reloader.look(asked=True)
    part.reads = lambda: None
    reloader.look(asked=True)
    first, second, third = named(events, "reload_failed", "reloaded")
    assert first["reason"].startswith(
        "All stays as it was. A file could not be read (ZeroDivisionError). Put the former one back."
    )
    assert (second["event"], third["event"]) == ("reload_failed", "reloaded"), "who asks is answered each time"


def test_the_thread(folder: Any, events: Any) -> None:
    """It looks by itself, and at once when it is asked to; it says when that is done; and it ends."""
    reloader = a_reloader(folder, reload_every=timedelta(seconds=0.1))
    reloader.stop()
    before = threading.active_count()
    reloader.start()
    assert threading.active_count() <= before, "a server that was told to end while it started looks at nothing"
    reloader = a_reloader(folder, reload_every=timedelta(seconds=0.1))
    told = threading.Event()
    reloader.when_asked = told.set
    reloader.start()
    try:
        folder.serve("b")
        wait_for(lambda: named(events, "reloaded"))
        reloader.wake()
        assert told.wait(30)
        assert [event["asked"] for event in named(events, "reloaded")] == [False, True]
    finally:
        reloader.stop()
        reloader.stop()


def test_beside_the_main_thread(folder: Any) -> None:
    """Signals are heard by the main thread alone; a server in another one looks at its files without."""
    before, reloader = signal.getsignal(signal.SIGHUP), a_reloader(folder)

    async def serve() -> None:
        reloader.attach(asyncio.get_running_loop())

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, serve()).result()
    wait_for(lambda: reloader.generation)
    reloader.stop()
    assert signal.getsignal(signal.SIGHUP) is before


def test_without_looks(folder: Any, events: Any) -> None:
    """With reload_every=0 only a signal has the files read."""
    reloader = a_reloader(folder, reload_every=timedelta(0))
    told = threading.Event()
    reloader.when_asked = told.set
    reloader.start()
    try:
        wait_for(lambda: reloader.context.generation)
        folder.serve("b")
        time.sleep(0.2)
        assert named(events, "reloaded") == []
        reloader.wake()
        assert told.wait(30)
        assert len(named(events, "reloaded")) == 1
    finally:
        reloader.stop()


class Mute(ServerPolicy):
    """A policy whose files lead to a context that can serve nobody."""

    def context(self, at: datetime) -> ssl.SSLContext:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def test_a_context_that_answers_nobody(folder: Any, events: Any) -> None:
    """Whatever the reason: before it is put in force, a context has to answer a ClientHello."""
    reloader = a_reloader(folder)
    context, policy = reloader.context.current, reloader.server.policy
    reloader.server.policy = Mute(certfile=policy.certfile, keyfile=policy.keyfile)
    reloader.look(asked=True)
    assert reloader.context.current is context
    [event] = named(events, "reload_failed")
    assert event["reason"].startswith("All stays as it was. A context with these files answers no ClientHello.")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP on this system")
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_signal(loop: Any, folder: Any, events: Any) -> None:
    """In the main thread SIGHUP has the files read; the process goes on."""
    reloader = a_reloader(folder, reload_every=timedelta(0))

    async def send() -> None:
        done, running = asyncio.Event(), asyncio.get_running_loop()
        reloader.when_asked = lambda: running.call_soon_threadsafe(done.set)
        reloader.attach(running)
        await asyncio.to_thread(wait_for, lambda: reloader.generation)
        folder.serve("b")
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.wait_for(done.wait(), 30)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(send())
    reloader.stop()
    [event] = named(events, "reloaded")
    assert event["asked"] is True


def wait_for(condition: Any) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


@pytest.mark.parametrize("given", [timedelta(milliseconds=99), timedelta(hours=1.1), -timedelta(seconds=5), 5, None])
def test_intervals(given: Any, folder: Any) -> None:
    """The time between two looks is a timedelta that makes sense."""
    with pytest.raises(ConfigurationError, match=r"ServerPolicy\(reload_every=.*two looks at files. Use timedelta"):
        folder.policy(reload_every=given)
