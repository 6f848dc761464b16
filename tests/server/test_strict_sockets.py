"""Attacks by malformed HTTP over real TLS: refused, one event, connection closed, the next one served. v5.0.0-4.2.1."""

import logging
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from asvs_middleware import SecurityPolicy, secure
from asvs_middleware.server.accept.refusals import Budget, RefusalLog

PARSERS = ["h11", "httptools", "zttp"]
GOOD = b"GET /good HTTP/1.1\r\nHost: localhost\r\n\r\n"
FRONT = b"POST /front HTTP/1.1\r\nHost: localhost\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


def head(*fields: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes = b"Host: localhost") -> bytes:
    return b"".join(one + b"\r\n" for one in (line, host, *fields) if one) + b"\r\n"


ATTACKS = {
    "no Host": (400, head(host=b"")),
    "two Hosts": (400, head(b"Host: localhost")),
    "userinfo in Host": (400, head(host=b"Host: admin@localhost")),
    "empty Host": (400, head(host=b"Host:")),
    "foreign Host": (421, head(b"Connection: close", host=b"Host: evil.example")),
    "absolute form, foreign authority": (400, head(line=b"GET https://evil.example/ HTTP/1.1")),
    "absolute form, foreign authority and Host": (
        421,
        head(b"Connection: close", line=b"GET https://evil.example/ HTTP/1.1", host=b"Host: evil.example"),
    ),
    "authority form": (400, head(line=b"GET localhost:443 HTTP/1.1")),
    "a fragment": (400, head(line=b"GET /#x HTTP/1.1")),
    "HTTP/0.9": (400, b"GET /\r\n"),
    "HTTP/0.9 by name": (505, head(line=b"GET / HTTP/0.9")),
    "HTTP/9.9": (505, head(line=b"GET / HTTP/9.9")),
    "HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "CONNECT": (405, head(line=b"CONNECT localhost:443 HTTP/1.1")),
    "TRACE": (405, head(line=b"TRACE / HTTP/1.1")),
    "an unknown method": (501, head(line=b"BREW / HTTP/1.1")),
    "method in lower case": (400, head(line=b"get / HTTP/1.1")),
    "TE with CL": (400, head(b"Transfer-Encoding: chunked", b"Content-Length: 4") + b"0\r\n\r\n"),
    "TE on HTTP/1.0": (400, head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0") + b"0\r\n\r\n"),
    "TE twice": (400, head(*[b"Transfer-Encoding: chunked"] * 2) + b"0\r\n\r\n"),
    "chunked not final": (400, head(b"Transfer-Encoding: chunked, identity") + b"0\r\n\r\n"),
    "another coding": (400, head(b"Transfer-Encoding: gzip")),
    "CL +1": (400, head(b"Content-Length: +1") + b"a"),
    "CL 1_0": (400, head(b"Content-Length: 1_0") + b"a" * 10),
    "CL empty": (400, head(b"Content-Length:")),
    "CL huge": (400, head(b"Content-Length: " + b"9" * 40)),
    "CL twice, different": (400, head(b"Content-Length: 1", b"Content-Length: 2") + b"ab"),
    "CL twice, alike": (400, head(b"Content-Length: 1", b"Content-Length: 1") + b"a"),
    "CL as a list": (400, head(b"Content-Length: 1, 1") + b"a"),
    "bare LF": (400, GOOD.replace(b"\r\n", b"\n")),
    "bare LF in a value": (400, head(b"X: a\nY: b")),
    "bare CR in a value": (400, head(b"X: a\rY: b")),
    "obs-fold": (400, head(b"X: a", b" b")),
    "space before the colon": (400, head(b"X : a")),
    "no colon": (400, head(b"X")),
    "empty name": (400, head(b": a")),
    "NUL in a name": (400, head(b"X\0: a")),
    "NUL in a value": (400, head(b"X: \0")),
    "control byte in a value": (400, head(b"X: \x1b[31m")),
    "DEL in a value": (400, head(b"X: \x7f")),
    "100 KiB in a field": (431, head(b"X: " + b"a" * 102_400)),
    "10,000 fields": (431, head(*[b"X: a"] * 10_000)),
    "101 fields": (431, head(*[b"X: a"] * 100)),
    "a long target": (414, head(line=b"GET /" + b"a" * 9000 + b" HTTP/1.1")),
    "upgrade to h2c": (400, head(b"Connection: Upgrade", b"Upgrade: h2c")),
    "bad chunk size": (
        400,
        head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.1") + b"0x5\r\nhello\r\n0\r\n\r\n",
    ),
    "chunk with LF": (400, head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.1") + b"5\nhello\n0\n\n"),
    "chunk too long": (400, head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.1") + b"5\r\nhello!\r\n"),
    "LF in an extension": (
        400,
        head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.1") + b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    ),
    "trailer fields": (
        400,
        head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.1") + b"0\r\nHost: evil.example\r\n\r\n",
    ),
}


class Seen:
    """An app that reads whole bodies, and remembers paths."""

    def __init__(self) -> None:
        self.paths = list[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        message: Message = {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            if message["type"] == "http.disconnect":
                return
        self.paths.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class Target:
    """A served app, and what became of connections to it."""

    def __init__(self, served: Any, app: Seen, caplog: pytest.LogCaptureFixture) -> None:
        self.served, self.app, self.caplog = served, app, caplog
        self.context: ssl.SSLContext = served.context()

    def send(self, *parts: bytes) -> bytes:
        """Send on one connection, and return all that comes back until the server closes it."""
        self.caplog.clear()
        self.app.paths.clear()
        with (
            socket.create_connection(("localhost", self.served.port), timeout=30) as raw,
            self.context.wrap_socket(raw, server_hostname="localhost") as connection,
        ):
            for part in parts:
                connection.sendall(part)
            back = b""
            while data := connection.recv(65536):
                back += data
            return back

    @property
    def events(self) -> list[dict[str, Any]]:
        return [record.asvs for record in self.caplog.records if hasattr(record, "asvs")]


@pytest.fixture(scope="module", params=PARSERS)
def served(request: pytest.FixtureRequest, serving: Any) -> Iterator[tuple[Any, Seen]]:
    if request.param == "zttp":
        pytest.importorskip("zttp", reason="zttp is not installed")
    app = Seen()
    secured = secure(app, SecurityPolicy.api(hosts=["localhost"], default="allow"))
    # Each attack is asked for its event, and all come from one address.
    log = RefusalLog(Budget(each=10_000, overall=10_000))
    with serving(secured, plaintext=False, settings={"http": request.param}, log=log) as served:
        yield served, app


@pytest.fixture
def target(served: tuple[Any, Seen], caplog: pytest.LogCaptureFixture) -> Target:
    caplog.set_level(logging.WARNING)
    return Target(*served, caplog)


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks(attack: str, target: Target) -> None:
    """One answer with its status, one event, closed; the app did not see it; the next connection is served."""
    status, sent = ATTACKS[attack]
    back = target.send(sent)
    assert int(back[:12].removeprefix(b"HTTP/1.1 ")) == status
    assert back.count(b"HTTP/1.1 ") == 1
    assert target.app.paths == []
    assert len(target.events) == 1
    event = target.events[0]
    assert event["event"] == ("host_refused" if status == 421 else "malformed_request")
    assert event["status"] == status
    assert event["peer"] == "127.0.0.1"
    assert b"\r\nconnection: close\r\n" in back.lower()
    served = target.send(GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert served.startswith(b"HTTP/1.1 200")
    assert (target.app.paths, target.events) == (["/good"], [])


TE = b"Transfer-Encoding: chunked"
PAIRS = {
    "CL.TE": (FRONT + b"Content-Length: 6\r\n" + TE + b"\r\n\r\n0\r\n\r\n", []),
    "TE.CL": (FRONT + TE + b"\r\nContent-Length: 4\r\n\r\n5c\r\n", []),
    "TE.TE, space before the colon": (FRONT + b"Transfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\n", []),
    "TE.TE, a tab before the value's end": (FRONT + TE + b"\t\r\n\r\n0\r\n\r\n", []),
    "TE.TE, another name": (FRONT + TE + b"\r\nTransfer-encoding: cow\r\n\r\n0\r\n\r\n", []),
    "TE.TE, folded": (FRONT + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", []),
    "TE.TE, vertical tab": (FRONT + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", []),
    "TE.TE, LF before it": (FRONT + b"X: y\n" + TE + b"\r\n\r\n0\r\n\r\n", []),
    "CL.CL": (FRONT + b"Content-Length: 0\r\nContent-Length: 47\r\n\r\n", []),
    "CL.0 by white space": (FRONT + b"Content-Length : 47\r\n\r\n", []),
    "CL with a sign": (FRONT + b"Content-Length: +47\r\n\r\n", []),
    "0.CL by underscore": (FRONT + b"Content-Length: 4_7\r\n\r\n", []),
    "an empty line of LF": (FRONT + b"\n", []),
    "chunk size that wraps": (FRONT + TE + b"\r\n\r\n10000000000000000\r\n\r\n", []),
    "chunk extension with LF": (FRONT + TE + b"\r\n\r\n2;\nxx\r\n47\r\n0\r\n\r\n", []),
    "no CRLF behind a chunk": (FRONT + TE + b"\r\n\r\n1\r\nAxx0\r\n\r\n", []),
    "upgrade that nobody takes": (
        b"GET /front HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        [],
    ),
    "behind Connection: close": (
        b"GET /front HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        ["/front"],
    ),
    "behind HTTP/1.0": (b"GET /front HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n", ["/front"]),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_smuggling(pair: str, target: Target) -> None:
    """Where a proxy and a parser could disagree on the end of a request, nothing behind it is a request."""
    first, served = PAIRS[pair]
    target.send(first + SMUGGLED)
    assert target.app.paths == served
    assert [event["event"] for event in target.events] == ["malformed_request"] * (not served)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(FRONT + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED, id="Content-Length"),
        pytest.param(FRONT + TE + b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED), id="chunks"),
    ],
)
def test_a_body_that_looks_like_a_request(first: bytes, target: Target) -> None:
    """It is a body; and the request behind it is one."""
    back = target.send(first, GOOD, head(b"Connection: close", line=b"GET /last HTTP/1.1"))
    assert target.app.paths == ["/front", "/good", "/last"]
    assert back.count(b"HTTP/1.1 200") == 3
    assert target.events == []


@pytest.mark.parametrize("value", [b"upgrade", b"close", b"keep-alive", b"keep-alive, upgrade"])
@pytest.mark.parametrize(
    ("framing", "body"),
    [
        pytest.param(b"Content-Length: %d" % len(SMUGGLED), SMUGGLED, id="Content-Length"),
        pytest.param(TE, b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED), id="chunks"),
    ],
)
def test_proxy_connection_means_nothing(value: bytes, framing: bytes, body: bytes, target: Target) -> None:
    """RFC 9112 appendix C.2.2: one parser takes it for Connection, and would read a body as the next request."""
    first = FRONT + b"Proxy-Connection: " + value + b"\r\nUpgrade: x\r\n" + framing + b"\r\n\r\n"
    back = target.send(first, body, head(b"Connection: close", line=b"GET /last HTTP/1.1"))
    assert target.app.paths == ["/front", "/last"]
    assert back.count(b"HTTP/1.1 200") == 2
    assert target.events == []


def test_pipelined_before_a_fault(target: Target) -> None:
    """What is answered is answered in order, and never after the fault; there is one event.

    How many of the good ones are still answered is the parser's: h11 and zttp take them one by one, and stop.
    """
    back = target.send(GOOD * 3 + b"GET / HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n" + SMUGGLED)
    assert target.app.paths in (["/good"], ["/good"] * 3)
    assert back.count(b"HTTP/1.1 ") == back.count(b"HTTP/1.1 200") == len(target.app.paths)
    assert [event["code"] for event in target.events] == ["space_before_colon"]


def test_byte_by_byte(target: Target) -> None:
    """The smallest pieces make the same request."""
    sent = FRONT + TE + b"\r\nConnection: close\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n"
    back = target.send(*(sent[at : at + 1] for at in range(len(sent))))
    assert back.startswith(b"HTTP/1.1 200")
    assert target.app.paths == ["/front"]


def test_a_large_upload(target: Target) -> None:
    """Chunks of any size arrive whole."""
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    back = target.send(FRONT + TE + b"\r\nConnection: close\r\n\r\n", *[chunk] * 64, b"0\r\n\r\n")
    assert back.startswith(b"HTTP/1.1 200")


def test_a_flood_of_malformed_requests(serving: Any, caplog: pytest.LogCaptureFixture) -> None:
    """v5.0.0-16.3.4: each is answered; the events stop at the budget of one address, and the rest is counted."""
    caplog.set_level(logging.WARNING)
    secured = secure(Seen(), SecurityPolicy.api(hosts=["localhost"], default="allow"))
    statuses = []
    with serving(secured, plaintext=False) as served:
        caplog.clear()
        for _ in range(Budget().each + 5):
            with (
                socket.create_connection(("localhost", served.port), timeout=30) as raw,
                served.context().wrap_socket(raw, server_hostname="localhost") as connection,
            ):
                connection.sendall(head(host=b""))
                statuses.append(connection.recv(65536)[9:12])
    assert statuses == [b"400"] * (Budget().each + 5)
    written = [record.asvs for record in caplog.records if hasattr(record, "asvs")]
    assert [event["event"] for event in written] == ["malformed_request"] * Budget().each + ["refusals_suppressed"]
    assert written[-1]["count"] == 5
