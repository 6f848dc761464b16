"""A client context: whom it trusts, what it offers, and the hook that has the last word in each handshake."""

import contextlib
import dataclasses
import os
import socket
import ssl
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.tls import client_context, describe, server_context, verified_chain

Handshake = Callable[[ssl.SSLContext, ssl.SSLContext], tuple[ssl.SSLObject, ssl.SSLObject]]
V = ssl.TLSVersion


@dataclasses.dataclass
class Recorder:
    """A hook that notes what it is told."""

    refuse: bool = False
    heard: list[object] = dataclasses.field(default_factory=list)

    def completed(self, peer: ssl.SSLSocket | ssl.SSLObject) -> None:
        self.heard.append(verified_chain(peer))
        if self.refuse:
            raise ssl.SSLCertVerificationError("not this one")

    def failed(self, host: str | None, error: ssl.SSLError) -> ssl.SSLError:
        self.heard.append((host, error))
        return ssl.SSLCertVerificationError("seen")


@dataclasses.dataclass
class Lab:
    ca: trustme.CA
    pki: Path
    at: datetime
    handshake: Handshake

    def client(self, **changes: object) -> ssl.SSLContext:
        return client_context(**({"at": self.at, "trust": self.pki / "ca.pem"} | changes))  # type: ignore[arg-type]

    def server(self, cert: trustme.LeafCert | None = None, version: V | None = None) -> ssl.SSLContext:
        """A server that speaks whatever OpenSSL has."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version, context.maximum_version = version or V.TLSv1, version or V.TLSv1_3
        (cert or self.ca.issue_cert("localhost")).configure_cert(context)
        return context


@pytest.fixture
def lab(ca: trustme.CA, pki: Path, at: datetime, handshake: Handshake) -> Lab:
    return Lab(ca, pki, at, handshake)


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_the_hook_sees_the_verified_chain(version: V, lab: Lab) -> None:
    """From the peer to the anchor, in DER, on every Python."""
    hook = Recorder()
    client, _ = lab.handshake(lab.client(on_handshake=hook), lab.server(version=version))
    root = ssl.PEM_cert_to_DER_cert(lab.ca.cert_pem.bytes().decode())
    assert hook.heard == [(client.getpeercert(binary_form=True), root)]


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_the_hook_may_refuse(version: V, lab: Lab) -> None:
    """What it raises ends the handshake."""
    with pytest.raises(ssl.SSLCertVerificationError, match="not this one"):
        lab.handshake(lab.client(on_handshake=Recorder(refuse=True)), lab.server(version=version))


@pytest.mark.parametrize("version", [V.TLSv1, V.TLSv1_1])
def test_old_versions_are_not_offered(version: V, lab: Lab) -> None:
    """v5.0.0-12.1.1: a server that has nothing newer gets no handshake."""
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        lab.handshake(lab.client(), lab.server(version=version))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda lab: trustme.CA().issue_cert("localhost"), "unable to get local", id="foreign CA"),
        pytest.param(lambda lab: lab.ca.issue_cert("other.test"), "Hostname mismatch", id="another name"),
        pytest.param(lambda lab: lab.ca.issue_cert(common_name="localhost"), "Empty Subject Alt", id="name in CN only"),
        pytest.param(
            lambda lab: lab.ca.issue_cert("localhost", not_after=lab.at - timedelta(days=1)),
            "has expired",
            id="expired",
        ),
        pytest.param(
            lambda lab: lab.ca.issue_cert("localhost", not_before=lab.at + timedelta(days=1)),
            "not yet valid",
            id="not yet valid",
        ),
    ],
)
@pytest.mark.parametrize("over", ["memory", "socket"])
def test_what_openssl_refuses_goes_to_the_hook_once(
    over: str, make: Callable[[Lab], trustme.LeafCert], message: str, lab: Lab
) -> None:
    """v5.0.0-12.3.2: a bad peer gets no byte; the hook's error is raised, with OpenSSL's as its cause."""
    hook = Recorder()
    shake = lab.handshake if over == "memory" else over_sockets
    with pytest.raises(ssl.SSLCertVerificationError, match="seen") as refused:
        shake(lab.client(on_handshake=hook), lab.server(make(lab)))
    ((host, error),) = hook.heard
    assert (host, refused.value.__cause__) == ("localhost", error)
    assert message in str(error)


def over_sockets(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """Shake hands over a pair of sockets, as sync HTTP libraries do."""
    near, far = socket.socketpair()

    def serve() -> None:
        with contextlib.suppress(ssl.SSLError, ConnectionError), server.wrap_socket(far, server_side=True) as talking:
            talking.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(near, server_hostname="localhost") as talking:
            talking.send(b"?")
    finally:
        near.close()
        thread.join()
        far.close()


@pytest.mark.parametrize("refuse", [False, True], ids=["accepts", "refuses"])
def test_the_hook_judges_sockets_too(refuse: bool, lab: Lab) -> None:
    """Sync code has the same hook, once per handshake."""
    hook = Recorder(refuse=refuse)
    refusal = pytest.raises(ssl.SSLCertVerificationError, match="not this one") if refuse else contextlib.nullcontext()
    with refusal:
        over_sockets(lab.client(on_handshake=hook), lab.server())
    assert len(hook.heard) == 1


@pytest.mark.parametrize("first", ["read", "write", "send", "recv"])
def test_reading_or_writing_first_does_not_get_round_the_hook(first: str, lab: Lab) -> None:
    """OpenSSL would shake hands by itself then; the hook comes before the data all the same."""
    hook = Recorder(refuse=True)
    near, far = socket.socketpair()
    thread = threading.Thread(target=speak_first, args=(far, lab.server()))
    thread.start()
    with lab.client(on_handshake=hook).wrap_socket(
        near, server_hostname="localhost", do_handshake_on_connect=False
    ) as talking:
        use = getattr(talking, first)
        with pytest.raises(ssl.SSLCertVerificationError, match="not this one"):
            use(b"?") if first in {"write", "send"} else use(1)
    thread.join()
    assert len(hook.heard) == 1


def speak_first(raw: socket.socket, server: ssl.SSLContext) -> None:
    with raw, contextlib.suppress(ssl.SSLError, ConnectionError), server.wrap_socket(raw, server_side=True) as talking:
        talking.send(b"220 ready")
        assert talking.recv(1) == b""


def test_an_unfinished_handshake_is_no_failure(lab: Lab) -> None:
    """On a socket that does not wait, the hook hears nothing until the handshake is over."""
    hook = Recorder()
    near, far = socket.socketpair()
    near.setblocking(False)
    with (
        far,
        lab.client(on_handshake=hook).wrap_socket(
            near, server_hostname="localhost", do_handshake_on_connect=False
        ) as talking,
        pytest.raises(ssl.SSLWantReadError, match="did not complete"),
    ):
        talking.do_handshake()
    assert hook.heard == []


def test_only_the_suites_of_the_profile_are_offered(lab: Lab) -> None:
    """A server that has nothing but CBC finds no common suite."""
    server = lab.server(version=V.TLSv1_2)
    server.set_ciphers("ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
        lab.handshake(lab.client(), server)


def test_both_of_our_contexts_agree(lab: Lab) -> None:
    """Client and server of the strictest profile, with a client certificate: v5.0.0-12.3.5."""
    server = server_context(
        certfile=lab.pki / "server.pem",
        keyfile=lab.pki / "server.key",
        client_ca=lab.pki / "ca.pem",
        client_certificates="required",
        profile="modern-6.0",
        at=lab.at,
    )
    client = lab.client(profile="modern-6.0", client_certificate=(lab.pki / "client.pem", lab.pki / "client.key"))
    _, far = lab.handshake(client, server)
    assert ("DNS", "client.test") in far.getpeercert()["subjectAltName"]


@pytest.mark.parametrize("anchor", ["issuing CA", "the peer itself"])
def test_an_anchor_need_not_be_a_root(anchor: str, tmp_path: Path, lab: Lab) -> None:
    """v5.0.0-12.3.4: trust can be as narrow as one certificate, also on Python 3.11."""
    child = lab.ca.create_child_ca()
    leaf = child.issue_cert("localhost")
    pem = child.cert_pem if anchor == "issuing CA" else leaf.cert_chain_pems[0]
    pem.write_to_path(tmp_path / "anchor.pem")
    client, _ = lab.handshake(lab.client(trust=tmp_path / "anchor.pem"), lab.server(leaf))
    assert client.getpeercert()


def test_the_context_is_a_plain_one(lab: Lab) -> None:
    """anyio gives a worker thread per connection to a subclass."""
    assert type(lab.client(on_handshake=Recorder())) is ssl.SSLContext


def test_the_public_web_is_the_default(lab: Lab) -> None:
    """Without trust=..., the roots of certifi, and not our CA."""
    context = client_context(at=lab.at)
    assert describe(context).trust_anchors > 50
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        lab.handshake(context, lab.server())


def test_the_environment_has_no_say(pki: Path, tmp_path: Path) -> None:
    """SSLKEYLOGFILE writes no keys, and SSL_CERT_FILE adds no trust."""
    code = (
        "import datetime; from asvs_middleware.tls import client_context as c, describe as d\n"
        "context = c(at=datetime.datetime.now(datetime.UTC))\n"
        "print(d(context).key_log, d(context).trust_anchors > 50)"
    )
    env = os.environ | {"SSLKEYLOGFILE": str(tmp_path / "keys"), "SSL_CERT_FILE": str(pki / "ca.pem")}
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"trust": "none.pem"}, r"trust=.*none.pem.*No such file", id="no CA file"),
        pytest.param({"trust": "client.key"}, r"trust=.*client.key.*NO_CERT", id="a key as CA"),
        pytest.param({"client_certificate": ("client.pem", "server.key")}, "is not the key of", id="key of another"),
        pytest.param({"profile": "intermediate"}, "does not know 'intermediate'", id="no version named"),
    ],
)
def test_wrong_configuration_stops_the_start_up(changes: dict[str, object], message: str, lab: Lab) -> None:
    """The message names the argument and the file."""
    place = {
        name: value if name == "profile" else lab.pki / value if name == "trust" else [lab.pki / one for one in value]
        for name, value in changes.items()
    }
    with pytest.raises(ConfigurationError, match=message):
        lab.client(**place)


class PEMOnly:
    """A certificate as Python 3.11 has it inside."""

    def public_bytes(self) -> str:
        return ssl.DER_cert_to_PEM_cert(b"leaf")


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        pytest.param(SimpleNamespace(get_verified_chain=lambda: [b"leaf", b"root"]), (b"leaf", b"root"), id="3.13"),
        pytest.param(SimpleNamespace(get_verified_chain=lambda: None), (), id="resumed session"),
        pytest.param(
            SimpleNamespace(_sslobj=SimpleNamespace(get_verified_chain=lambda: [PEMOnly()])), (b"leaf",), id="3.11"
        ),
    ],
)
def test_each_shape_the_chain_has_been_seen_in(peer: object, expected: tuple[bytes, ...]) -> None:
    """The Python at hand has one of them; the others are shown by stand-ins."""
    assert verified_chain(peer) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("peer", [object(), SimpleNamespace(_sslobj=None)], ids=["no inner object", "closed"])
def test_a_python_that_does_not_tell_is_refused(peer: object) -> None:
    """No verified chain means an error, never the chain as the peer sent it."""
    with pytest.raises(ssl.SSLError, match=r"use Python 3\.13"):
        verified_chain(peer)  # type: ignore[arg-type]
