"""Health probes over plaintext: an exact path, from a named network, with nothing to steal on it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection import Hosts, Networks, connection_reader
from asvs_middleware.errors import ConfigurationError
from asvs_middleware.middleware import Probe, host_gate, plaintext_gate, undressed
from asvs_middleware.middleware.gates.probes import excusing_probes, probe_test, without_cookies

Make = Callable[..., Any]

PROBES = [Probe(path="/health", networks=["192.0.2.0/24"]), Probe(path="/ready", networks=["unix"], methods=["GET"])]
is_probe = probe_test(PROBES)
HEALTH = {"path": "/health"}


@pytest.mark.parametrize(
    ("members", "pairs", "expected"),
    [
        pytest.param(HEALTH, [], True, id="a probe"),
        pytest.param({**HEALTH, "method": "HEAD"}, [], True, id="for the head"),
        pytest.param({**HEALTH, "query_string": b"a=b"}, [], True, id="with a query"),
        pytest.param({**HEALTH, "scheme": "https"}, [], False, id="over TLS it needs no excuse"),
        pytest.param({**HEALTH, "method": "POST"}, [], False, id="another method"),
        pytest.param({"path": "/health/"}, [], False, id="a slash behind"),
        pytest.param({"path": "/health/../admin"}, [], False, id="a way out"),
        pytest.param({"path": "/HEALTH"}, [], False, id="capitals"),
        pytest.param({"path": "/"}, [], False, id="another path"),
        pytest.param({**HEALTH, "client": ("198.51.100.7", 1)}, [], False, id="another network"),
        pytest.param({**HEALTH, "client": None}, [], False, id="nobody"),
        pytest.param({**HEALTH, "type": "websocket"}, [], False, id="a handshake"),
        pytest.param(HEALTH, [(b"authorization", b"x")], False, id="a token"),
        pytest.param(HEALTH, [(b"x-api-key", b"x")], False, id="an API key"),
        pytest.param(HEALTH, [(b"cookie", b"a=b")], False, id="a cookie"),
        pytest.param({"path": "/ready"}, [], False, id="another probe's network"),
    ],
)
def test_a_probe(a_connection: Make, members: Any, pairs: Any, expected: bool) -> None:
    """Path, method and the transport's own peer; a credential makes it no probe."""
    connection = a_connection(*pairs, **members)
    assert is_probe(connection) is expected
    gate = plaintext_gate(redirect_pages=False, https_port=443, probes=PROBES)
    assert (gate(connection) is None) is (expected or connection.secure)


@pytest.mark.anyio
async def test_what_a_proxy_passes_on_is_no_probe() -> None:
    """The proxy may probe us itself; a request it forwards is somebody else's, whatever its path."""
    read = connection_reader(Networks(["192.0.2.7"]))

    def scope(*pairs: Any) -> dict[str, Any]:
        return {
            "type": "http", "method": "GET", "scheme": "http", "client": ("192.0.2.7", 1),
            "headers": [(b"host", b"a.example"), *pairs], **HEALTH,
        }  # fmt: skip

    async def receive() -> Any: ...

    assert is_probe(read(scope(), receive))
    assert not is_probe(read(scope((b"x-forwarded-for", b"203.0.113.9")), receive))
    assert not is_probe(read(scope((b"x-forwarded-for", b"")), receive))


@pytest.mark.parametrize(("scheme", "kept"), [("http", False), ("https", True)])
def test_no_cookie_in_clear(an_exchange: Make, scheme: str, kept: bool) -> None:
    """What a probe is answered with sets no cookie, for anybody can read it; over TLS it stays."""
    start = {"type": "http.response.start", "status": 200, "headers": [(b"Set-Cookie", b"a=b")]}
    dressed = without_cookies(undressed)(an_exchange(scheme=scheme), start)
    assert bool(dressed["headers"]) is kept


def test_a_unix_socket(a_connection: Make) -> None:
    """A peer on a unix socket has no address, and may be named."""
    found = a_connection(path="/ready", client=None)
    found = found._replace(transport=found.transport._replace(peer="unix"))
    assert is_probe(found)
    assert not is_probe(found._replace(client="203.0.113.9"))


@pytest.mark.parametrize(
    ("host", "excused"),
    [
        pytest.param(b"api.example.com", True, id="ours"),
        pytest.param(b"10.1.2.3:8080", True, id="our address, which is no host of ours"),
        pytest.param(b"a b", False, id="malformed"),
        pytest.param(None, False, id="none"),
    ],
)
def test_the_host_of_a_probe(a_connection: Make, host: bytes | None, excused: bool) -> None:
    """A probe names the address it connects to; nobody else may."""
    gate = excusing_probes(host_gate(Hosts(["api.example.com"])), is_probe)
    assert (gate(a_connection(host=host, **HEALTH)) is None) is excused
    assert (gate(a_connection(host=host)) is None) is (host == b"api.example.com")


@given(
    st.text(max_size=12), st.sampled_from(["GET", "HEAD", "POST", ""]), st.sampled_from(["192.0.2.9", "10.0.0.1", "x"])
)
def test_no_pass_the_table_does_not_allow(a_connection: Make, path: str, method: str, peer: str) -> None:
    """Whatever is asked for, by whomever."""
    found = is_probe(a_connection(path=path, method=method, client=(peer, 1)))
    assert found is (path == "/health" and method in {"GET", "HEAD"} and peer == "192.0.2.9")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"path": "health"}, "is no path", id="no slash"),
        pytest.param({"path": "/health*"}, "is no path", id="a pattern"),
        pytest.param({"path": "/{x}"}, "is no path", id="a parameter"),
        pytest.param({"path": "/health?a"}, "is no path", id="a query"),
        pytest.param({"path": None}, "is no path", id="no text"),
        pytest.param({"methods": ["GET", "POST"]}, "is more than a probe needs", id="POST"),
        pytest.param({"methods": "GET"}, "is more than a probe needs", id="one text"),
        pytest.param({"methods": []}, "is more than a probe needs", id="no method"),
        pytest.param({"networks": []}, "lets nobody in", id="no network"),
        pytest.param({"networks": ["*"]}, r"Probe\(networks\) may not hold '\*'", id="everybody"),
        pytest.param({"networks": ["0.0.0.0/0"]}, "may not hold", id="everybody in digits"),
        pytest.param({"networks": "10.0.0.0/8"}, "is one text", id="networks as one text"),
    ],
)
def test_a_probe_that_cannot_be_right(options: Any, message: str) -> None:
    """Refused while the app is built."""
    with pytest.raises(ConfigurationError, match=message):
        Probe(**{"path": "/health", "networks": ["10.0.0.0/8"], **options})
