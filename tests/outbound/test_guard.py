"""Requests: which may leave, also by redirect and from an auth flow, and how much of an answer is read."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import httpx2
import pytest

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.outbound import (
    BearerFor,
    CrossOriginRedirect,
    HostNotAllowed,
    OutboundPolicy,
    OutboundRefused,
    PlaintextRefused,
    RequestContradiction,
    ResponseTooLarge,
    TotalTimeExceeded,
)

Lab = Any  # The fixture in conftest.py has the members.


def redirect(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


def body(*chunks: bytes, head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + head + b"Connection: close\r\n\r\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("path", "request_", "refusal"),
    [
        pytest.param("http://localhost/", {}, PlaintextRefused, id="plaintext"),
        pytest.param("http://localhost:{port}/", {}, PlaintextRefused, id="plaintext to the same port"),
        pytest.param("https://localhost.evil.test/", {}, HostNotAllowed, id="a host that begins alike"),
        pytest.param("https://sub.localhost/", {}, HostNotAllowed, id="a host below"),
        pytest.param("https://localhost.:{port}/", {}, HostNotAllowed, id="a final dot"),
        pytest.param("https://127.0.0.1:{port}/", {}, HostNotAllowed, id="the address instead of the name"),
        pytest.param("https://localhost/", {}, HostNotAllowed, id="another port"),
        pytest.param("https://eve:pw@localhost:{port}/", {}, RequestContradiction, id="credentials in the URL"),
        pytest.param("https://evil.test@localhost:{port}/", {}, RequestContradiction, id="a name before the at"),
        pytest.param("/", {"headers": {"Host": "evil.test"}}, RequestContradiction, id="foreign Host"),
        pytest.param(
            "/",
            {"headers": [("Host", "localhost:{port}"), ("Host", "evil.test")]},
            RequestContradiction,
            id="two Hosts",
        ),
        pytest.param("/", {"extensions": {"sni_hostname": "evil.test"}}, RequestContradiction, id="foreign SNI"),
        pytest.param("/", {"extensions": {"target": b"http://evil.test/"}}, RequestContradiction, id="foreign target"),
    ],
)
def test_what_may_not_leave_does_not(
    path: str, request_: dict[str, Any], refusal: type[OutboundRefused], lab: Lab
) -> None:
    """v5.0.0-12.2.1 and 13.2.4: refused before a connection is made, as our error and the library's, with one event."""
    backend = lab.serve()
    with pytest.raises(refusal, match=r".*") as refused:
        lab.way.call(lab.policy, backend.url, path.format(port=backend.port), request=request_)
    assert isinstance(refused.value, lab.way.http.TransportError)
    assert backend.settle().connections == 0
    assert [(event["event"], event["rule"], event["requirement"]) for event in lab.events()] == [
        ("outbound_refused", refusal.__name__, refusal.requirement)
    ]
    assert "pw" not in str(refused.value)


def test_redirects_are_not_followed(lab: Lab) -> None:
    """The default hands the redirect to the caller."""
    backend = lab.serve(redirect("http://evil.test/"))
    assert lab.way.call(lab.policy, backend.url).status_code == 302
    assert backend.settle().connections == 1


@pytest.mark.parametrize(
    ("to", "refusal"),
    [
        pytest.param("http://localhost:{port}/", PlaintextRefused, id="down to plaintext"),
        pytest.param("https://evil.test/", HostNotAllowed, id="to a stranger"),
        pytest.param("https://127.0.0.1:{other}/", CrossOriginRedirect, id="to another listed system"),
        pytest.param("https://localhost:{other}/", CrossOriginRedirect, id="to another port"),
    ],
)
def test_redirects_that_leave_the_origin_are_refused(to: str, refusal: type[OutboundRefused], lab: Lab) -> None:
    """Even when asked to follow: the second hop does not happen, so custom header fields and cookies stay home."""
    other = lab.serve()
    holder: dict[str, str] = {}
    backend = lab.serve(lambda talking: talking.sendall(redirect(holder["to"])))
    holder["to"] = to.format(port=backend.port, other=other.port)
    allowing = lab.policy.allow(f"127.0.0.1:{other.port}", f"localhost:{other.port}")
    with pytest.raises(refusal, match=r".*") as refused:
        lab.way.call(
            allowing, backend.url, follow_redirects=True, headers={"x-api-key": "s3cret"}, cookies={"sid": "s3cret"}
        )
    assert type(refused.value).__mro__[1] is refusal
    assert (backend.settle().connections, other.settle().connections) == (1, 0)


def test_redirects_within_the_origin_may_be_followed(lab: Lab) -> None:
    """When asked for."""
    answers = iter([redirect("/second"), body(b"there")])
    backend = lab.serve(lambda talking: talking.sendall(next(answers)))
    assert lab.way.call(lab.policy, backend.url, follow_redirects=True).text == "there"
    assert [request.split()[1] for request in backend.settle().received] == [b"/", b"/second"]


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "not listed"])
def test_what_an_auth_flow_sends_is_judged_too(listed: bool, lab: Lab) -> None:
    """A token endpoint must be on the list, like every other system (v5.0.0-13.2.4)."""
    sso, backend = lab.serve(), lab.serve()

    class Flow(lab.way.http.Auth):  # type: ignore[name-defined]
        requires_response_body = True

        def auth_flow(self, request: Any) -> Iterator[Any]:
            token = yield lab.way.http.Request("POST", f"https://127.0.0.1:{sso.port}/token")
            request.headers["authorization"] = f"Bearer {token.text}"
            yield request

    if listed:
        lab.way.call(lab.policy.allow(f"127.0.0.1:{sso.port}"), backend.url, auth=Flow())
        assert b"Bearer ok" in backend.settle().received[0]
    else:
        with pytest.raises(HostNotAllowed, match="is not on this client's list"):
            lab.way.call(lab.policy, backend.url, auth=Flow())
        assert (sso.connections, backend.connections) == (0, 0)


@pytest.mark.parametrize("token", ["t0ken", lambda: "t0ken"], ids=["a token", "a function"])
def test_a_bearer_token_goes_to_its_origin(token: Any, lab: Lab) -> None:
    """To that one, and to no other system of the same policy."""
    other, backend = lab.serve(), lab.serve()
    both = lab.policy.allow(f"127.0.0.1:{other.port}")
    auth = BearerFor(backend.url.upper().replace("HTTPS", "https"), token)
    lab.way.call(both, backend.url, auth=auth)
    lab.way.call(both, backend.url, f"https://127.0.0.1:{other.port}/", auth=auth)
    assert b"Authorization: Bearer t0ken\r\n".lower() in backend.settle().received[0].lower()
    assert b"t0ken" not in other.settle().received[0]
    assert "t0ken" not in repr(auth)


@pytest.mark.parametrize(
    ("origin", "token", "message"),
    [
        pytest.param("http://api.test", "t", "scheme 'http'", id="plaintext"),
        pytest.param("https://api.test/v1", "t", 'Write "https://api.test"', id="a path"),
        pytest.param("https://api.test?a=b", "t", "more than an origin", id="a query"),
        pytest.param("https://eve:s3cret@api.test", "t", "with credentials", id="credentials"),
        pytest.param("https://", "t", "is no host", id="no host"),
        pytest.param("https://api.test:port", "t", "is no URL", id="no port"),
        pytest.param(None, "t", "is no URL", id="nothing"),
        pytest.param("https://api.test", "Bearer s3cret", "no bearer token", id="the word Bearer"),
        pytest.param("https://api.test", "s3cret\r\nX-Admin: 1", "no bearer token", id="a header injected"),
        pytest.param("https://api.test", "s3cret\n", "no bearer token", id="a line end from a file"),
        pytest.param("https://api.test", "", "no bearer token", id="empty"),
        pytest.param("https://api.test", None, "no bearer token", id="no token"),
        pytest.param("https://api.test", "tök", "no bearer token", id="not ASCII"),
    ],
)
def test_bearer_for_refuses(origin: Any, token: Any, message: str) -> None:
    """At construction, without the token in the message."""
    with pytest.raises(ConfigurationError, match=message) as refused:
        BearerFor(origin, token)
    assert "s3cret" not in str(refused.value)


def test_a_token_function_is_checked_each_time(lab: Lab) -> None:
    """What it returns is no header before it is a token."""
    backend = lab.serve()
    with pytest.raises(ConfigurationError, match="no bearer token"):
        lab.way.call(lab.policy, backend.url, auth=BearerFor(backend.url, lambda: "a\r\nb"))
    assert backend.settle().received == []


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        pytest.param(body(b"x" * 1000), True, id="exactly the limit"),
        pytest.param(body(b"x" * 1001), False, id="one byte more"),
        pytest.param(body(b"x" * 5000, head=b"Content-Length: 5000\r\n"), False, id="announced"),
        pytest.param(
            body(b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n", head=b"Transfer-Encoding: chunked\r\n"),
            False,
            id="chunked",
        ),
        pytest.param(body(b"\x1f\x8b", head=b"Content-Encoding: gzip\r\n"), False, id="compressed, whatever its size"),
        pytest.param(body(b"x", head=b"Content-Encoding: Identity\r\n"), True, id="said to be uncompressed"),
        pytest.param(body(head=b"Content-Encoding: gzip\r\nContent-Length: 0\r\n"), True, id="nothing compressed"),
    ],
)
def test_the_size_of_an_answer_is_bounded(answer: bytes, passes: bool, lab: Lab) -> None:
    """v5.0.0-13.2.6: counted while it is read; a compressed body has no size one could know, so it is not asked for."""
    backend = lab.serve(answer)
    small = lab.policy.limit(max_bytes=1000)
    if passes:
        assert len(lab.way.call(small, backend.url).content) <= 1000
    else:
        with pytest.raises(ResponseTooLarge, match=r"longer than 1000 bytes|compressed") as refused:
            lab.way.call(small, backend.url)
        assert isinstance(refused.value, lab.way.http.TransportError)
    assert b"accept-encoding: identity\r\n" in backend.settle().received[0].lower()


def drip_body(talking: Any) -> None:
    talking.sendall(body())
    drip(talking)


def drip(talking: Any) -> None:
    for _ in range(400):
        talking.sendall(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "timeout"),
    [
        pytest.param(lambda talking: talking.recv(1), 5.0, id="says nothing, and there is a timeout per read"),
        pytest.param(lambda talking: talking.recv(1), None, id="says nothing"),
        pytest.param(drip, None, id="drips its head"),
        pytest.param(drip_body, 5.0, id="drips its body"),
    ],
)
def test_the_time_of_an_exchange_is_bounded(answer: Callable[[Any], None], timeout: float | None, lab: Lab) -> None:
    """v5.0.0-13.2.6: from connecting to the last byte; a byte now and then does not keep a caller waiting."""
    backend = lab.serve(answer)
    started = time.monotonic()
    with pytest.raises(TotalTimeExceeded, match=r"not over after 0\.3 seconds") as refused:
        lab.way.call(lab.policy.limit(total_time=timedelta(seconds=0.3)), backend.url, timeout=timeout)
    assert 0.25 < time.monotonic() - started < 15
    assert isinstance(refused.value, lab.way.http.TimeoutException)
    assert [event["rule"] for event in lab.events()] == ["TotalTimeExceeded"]


@pytest.mark.parametrize("http", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_the_time_of_a_handshake_is_bounded(http: Any, serve: Callable[..., Any], policy: OutboundPolicy) -> None:
    """v5.0.0-13.2.6: sync code: what connecting has used up, the handshake does not get again."""
    taken = []  # A queue of one, full: whoever connects now waits until somebody is accepted.
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            first = stack.enter_context(socket.socket())
            first.setblocking(False)
            first.connect_ex(listener.getsockname())

        def make_room() -> None:
            time.sleep(0.6)
            with contextlib.suppress(OSError):
                while True:
                    taken.append(stack.enter_context(listener.accept()[0]))

        room = threading.Thread(target=make_room)
        room.start()
        stack.callback(room.join, 5)
        stack.callback(listener.shutdown, socket.SHUT_RDWR)
        url = f"https://localhost:{listener.getsockname()[1]}"
        with policy.limit(total_time=timedelta(seconds=1.4)).client(url, http=http, timeout=None) as client:
            started = time.monotonic()
            with pytest.raises(TotalTimeExceeded, match=r"1\.4 seconds"):
                client.get("/")
            assert 1.3 < time.monotonic() - started < 2.35
    assert len(taken) > 1  # It was connected in the end, and nobody spoke TLS.


def test_the_callers_own_limit_comes_first(lab: Lab) -> None:
    """A shorter timeout of the client is the library's error, as always."""
    backend = lab.serve(lambda talking: talking.recv(1))
    with pytest.raises(lab.way.http.ReadTimeout, match=r".*") as refused:
        lab.way.call(lab.policy, backend.url, timeout=1)
    assert not isinstance(refused.value, OutboundRefused)
    assert lab.events() == []


def test_an_upload_nobody_reads_is_bounded(lab: Lab) -> None:
    """Writing counts as well; sync code, where nothing but the socket can end it."""
    backend = lab.serve(lambda talking: time.sleep(1))
    with lab.policy.limit(total_time=timedelta(seconds=0.3)).client(backend.url, timeout=None) as client:
        started = time.monotonic()
        with pytest.raises(TotalTimeExceeded, match=r"0\.3 seconds"):
            client.post("/", content=(bytes(1_000_000) for _ in range(100)))
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("http", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_slow_reader_does_not_stop_the_clock(http: Any, serve: Callable[..., Any], policy: OutboundPolicy) -> None:
    """The time runs while the caller works on the first part of the body."""
    backend = serve(drip_body)
    brief = policy.limit(total_time=timedelta(seconds=0.9))
    with brief.client(backend.url, http=http) as client, client.stream("GET", "/") as response:
        parts = response.iter_raw()
        assert next(parts) == b"x"
        time.sleep(1)
        with pytest.raises(TotalTimeExceeded, match=r"not over after 0\.9 seconds"):
            list(parts)


def test_a_socket_outside_a_request_is_not_bounded(lab: Lab) -> None:
    """Others that use the context keep their own timeouts."""
    backend = lab.serve()
    raw = socket.create_connection(("127.0.0.1", backend.port), timeout=5)
    with lab.policy.ssl_context().wrap_socket(raw, server_hostname="localhost") as talking:
        talking.send(b"GET / HTTP/1.1\r\n\r\n")
        assert talking.recv().startswith(b"HTTP/1.1 200")
        assert talking.gettimeout() == 5


@pytest.mark.parametrize("http", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_connections_are_kept(http: Any, serve: Callable[..., Any], policy: OutboundPolicy) -> None:
    """The guard costs no connection: what is judged is each request, and the peer once."""

    def two(talking: Any) -> None:
        talking.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert talking.recv(65536)
        talking.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain")

    backend = serve(two)
    with policy.client(backend.url, http=http) as client:
        assert [client.get("/").text, client.get("/").text] == ["ok", "again"]
    assert backend.settle().connections == 1
