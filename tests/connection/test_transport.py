"""What the transport knows beats what the scope says, and where it knows nothing the scope is all there is."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from asvs_middleware.connection import Networks, Transport, connection_reader
from asvs_middleware.connection.glance import UNTOLD, Ordinary
from asvs_middleware.connection.transport import GONE, read_transport

Make = Callable[..., Any]


@pytest.mark.anyio
async def test_plaintext_over_tcp(a_scope: Make, accepted: Make) -> None:
    """A scope that lies about TLS and about the client is not believed."""
    async with accepted() as receive:
        lying = a_scope(scheme="https", client=("10.0.0.1", 1))
        assert read_transport(lying, receive) == Transport("127.0.0.1", False, None)


@pytest.mark.anyio
async def test_tls_over_tcp(a_scope: Make, accepted: Make, server_tls: ssl.SSLContext, client_tls: Make) -> None:
    """TLS is TLS even when the scope says http; the TLS object is the handshake's own."""
    async with accepted(server=server_tls, client=client_tls(None)) as receive:
        found = read_transport(a_scope(scheme="http"), receive)
        assert (found.peer, found.secure) == ("127.0.0.1", True)
        assert found.tls is not None
        assert found.tls.version() == "TLSv1.3"


@pytest.mark.anyio
async def test_a_unix_socket(a_scope: Make, accepted: Make, tmp_path: Path) -> None:
    """Its peer has no address and goes by the name unix, whatever the scope says."""
    async with accepted(path=tmp_path / "s") as receive:
        assert read_transport(a_scope(scheme="https"), receive) == Transport("unix", False, None)


@pytest.mark.anyio
async def test_ipv6(a_scope: Make, accepted: Make) -> None:
    """An IPv6 peer is an address without port."""
    async with accepted(host="::1") as receive:
        assert read_transport(a_scope(), receive).peer == "::1"


@pytest.mark.anyio
async def test_closed_twice(a_scope: Make, accepted: Make, server_tls: ssl.SSLContext, client_tls: Make) -> None:
    """asyncio's transport over TLS cannot be asked then, and servers do that: nobody is there."""
    async with accepted(server=server_tls, client=client_tls(None)) as receive:
        scope, transport = a_scope(scheme="https"), receive.__self__.transport
        while not _raises(transport):
            transport.close()
            await asyncio.sleep(0.01)
        assert read_transport(scope, receive) == GONE == Transport(None, False, None)
        read = connection_reader(Networks([]))
        assert read.glance(Ordinary(methods=["GET"], harmless=[], seems_harmless=bool))(scope, receive) == UNTOLD


def _raises(transport: asyncio.Transport) -> bool:
    try:
        transport.get_extra_info("peername")
    except AttributeError:
        return True
    return False


class Told:
    """A transport that answers from a table, for what this machine's sockets cannot be made to say."""

    def __init__(self, **facts: Any) -> None:
        self.get_extra_info = facts.get


@pytest.mark.parametrize(
    ("peername", "peer"),
    [
        pytest.param(("fe80::1%eth0", 1, 0, 2), "fe80::1", id="IPv6 with a zone"),
        pytest.param("", "unix", id="unix socket without a name"),
        pytest.param(b"\0abstract", "unix", id="abstract unix socket"),
        pytest.param(None, None, id="socket already closed"),
        pytest.param((), None, id="nothing in the tuple"),
        pytest.param(4711, None, id="something else"),
    ],
)
def test_peer_names(a_scope: Make, receive_over: Make, peername: object, peer: str | None) -> None:
    """A peer is an address, unix, or unknown; unknown is never the address in the scope."""
    assert read_transport(a_scope(), receive_over(Told(peername=peername))).peer == peer


def test_tls_without_its_object(a_scope: Make, receive_over: Make) -> None:
    """A transport that only knows its context speaks TLS, and shows no certificate."""
    found = read_transport(a_scope(), receive_over(Told(sslcontext=ssl.create_default_context())))
    assert (found.secure, found.tls) == (True, None)


@pytest.mark.parametrize(
    "holder",
    [
        pytest.param(None, id="nothing"),
        pytest.param(SimpleNamespace(), id="no transport"),
        pytest.param(SimpleNamespace(transport=None), id="no transport any more"),
        pytest.param(SimpleNamespace(transport=object()), id="a transport of another kind"),
    ],
)
@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({"scheme": "https"}, Transport("10.0.0.9", True, None, False), id="https"),
        pytest.param({"scheme": "wss"}, Transport("10.0.0.9", True, None, False), id="wss"),
        pytest.param({"scheme": "HTTPS"}, Transport("10.0.0.9", False, None, False), id="a scheme no server writes"),
        pytest.param({"client": None}, Transport(None, False, None, False), id="no client"),
        pytest.param({"client": ["10.0.0.9", 1]}, Transport("10.0.0.9", False, None, False), id="client as a list"),
        pytest.param(
            {"client": ("fe80::1%eth0", 1)}, Transport("fe80::1", False, None, False), id="client with a zone"
        ),
    ],
)
def test_out_of_reach(a_scope: Make, holder: Any, members: dict[str, Any], expected: Transport) -> None:
    """Any missing step on the way to the transport leaves what the scope says."""
    receive = SimpleNamespace(__self__=holder)
    assert read_transport(a_scope(**members), receive) == expected


@pytest.mark.anyio
async def test_members_a_server_may_leave_out(a_scope: Make, receive: Any) -> None:
    """A scope without client and scheme is plaintext from nobody."""
    scope = a_scope()
    del scope["client"], scope["scheme"]
    assert read_transport(scope, receive) == Transport(None, False, None, False)


@pytest.mark.anyio
async def test_a_closed_connection(a_scope: Make, accepted: Make) -> None:
    """The transport of a connection that is gone still answers."""
    async with accepted() as receive:
        receive.__self__.transport.abort()
        await asyncio.sleep(0)
        assert read_transport(a_scope(scheme="https"), receive).secure is False
