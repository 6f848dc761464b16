"""Whatever the scanner lets through, every parser reads as the scanner does: no request more, none less, none other."""

from collections.abc import Callable
from typing import NamedTuple

import h11
import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.server.http.chunks import ChunkedBody
from asvs_middleware.server.http.glance import UNCLEAR, bytes_to_come
from asvs_middleware.server.http.head import CHUNKED, METHODS, HeadLimits, judge_head
from asvs_middleware.server.http.scanner import RequestScanner


class Request(NamedTuple):
    method: bytes
    target: bytes
    host: bytes
    framed: int
    """How many bytes of body, without what frames them."""


class Reading(NamedTuple):
    requests: list[Request]
    whole: bool
    """The last request has ended."""


def by_scanner(stream: bytes) -> Reading:
    """Read a stream that was let through by the same functions that let it through."""
    requests, at, whole = list[Request](), 0, True
    while at < len(stream):
        end = stream.find(b"\r\n\r\n", at) + 4
        head = stream[at:end]
        body = judge_head(head, HeadLimits()).body
        method, target, _ = head.split(b"\r\n")[0].split(b" ")
        hosts = [line[5:].lstrip(b" \t") for line in head.split(b"\r\n") if line[:5].lower() == b"host:"]
        at = end
        if body == CHUNKED:
            chunks = ChunkedBody()
            end = chunks.scan(stream, at)
            framed, whole = sum_of_chunks(stream[at:end]), chunks.done
        else:
            end = min(at + body, len(stream))
            framed, whole = end - at, end - at == body
        at = end
        requests.append(Request(method, target, hosts[0], framed))
    return Reading(requests, whole)


def sum_of_chunks(body: bytes) -> int:
    """Count the data of whole and begun chunks."""
    total = 0
    while body:
        line, _, rest = body.partition(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        total += min(size, len(rest))
        body = rest[size + 2 :]
    return total


def by_h11(stream: bytes) -> Reading:
    connection = h11.Connection(h11.SERVER)
    if stream:  # Nothing would mean the end of the connection.
        connection.receive_data(stream)
    requests, whole = list[Request](), True
    while not isinstance(event := connection.next_event(), type):  # NEED_DATA and PAUSED are classes.
        match event:
            case h11.Request():
                fields = dict(event.headers)
                requests.append(Request(bytes(event.method), bytes(event.target), bytes(fields[b"host"]), 0))
                whole = False
            case h11.Data():
                requests[-1] = requests[-1]._replace(framed=requests[-1].framed + len(event.data))
            case h11.EndOfMessage():
                whole = True
                connection.send(h11.Response(status_code=200, headers=[(b"content-length", b"0")]))
                connection.send(h11.EndOfMessage())
                if connection.their_state is not h11.DONE:
                    break
                connection.start_next_cycle()
    return Reading(requests, whole)


class HttpToolsSink:
    def __init__(self) -> None:
        self.requests = list[Request]()
        self.whole = True

    def on_message_begin(self) -> None:
        self.target, self.host, self.framed = b"", b"", 0
        self.whole = False

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"host":
            self.host = value

    def on_headers_complete(self) -> None:
        self.requests.append(Request(self.parser.get_method(), self.target, self.host, 0))
        url = httptools.parse_url(self.target)  # As uvicorn does.
        assert (url.path + b"?" * (url.query is not None) + (url.query or b"")).rstrip(b"?") == self.target.rstrip(b"?")

    def on_body(self, part: bytes) -> None:
        self.requests[-1] = self.requests[-1]._replace(framed=self.requests[-1].framed + len(part))

    def on_message_complete(self) -> None:
        self.whole = True

    def read(self, stream: bytes) -> Reading:
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # As uvicorn does.
        try:
            self.parser.feed_data(stream)
        except httptools.HttpParserUpgrade as upgrade:
            self.whole = self.whole and upgrade.args[0] == len(stream)
        return Reading(self.requests, self.whole)


def by_httptools(stream: bytes) -> Reading:
    return HttpToolsSink().read(stream)


def by_zttp(stream: bytes) -> Reading:
    zttp = pytest.importorskip("zttp", reason="zttp is not installed")
    connection = zttp.Connection(zttp.SERVER)
    connection.receive_data(stream)
    requests, whole = list[Request](), True
    while True:
        event = connection.next_event()
        if isinstance(event, zttp.Request):
            fields = {name.lower(): value for name, value in event.headers}
            requests.append(Request(event.method, event.target, fields[b"host"], 0))
            whole = event.end_stream
        elif isinstance(event, zttp.Data):
            requests[-1] = requests[-1]._replace(framed=requests[-1].framed + len(event.data))
            continue
        elif isinstance(event, zttp.EndOfMessage):
            whole = True
        else:
            return Reading(requests, whole)
        if whole:
            connection.send_response(200, [(b"content-length", b"0")])
            connection.end_message()
            connection.data_to_send()
            if connection.should_close():
                return Reading(requests, whole)
            connection.start_next_cycle()


TOKENS = st.text("ab-_!#$%&'*+.^`|~019ZHostContenLghTrfEdiUp", min_size=1, max_size=17).map(str.encode)
VALUES = st.text(st.characters(max_codepoint=255), max_size=12).map(lambda text: text.encode("latin-1"))
TARGETS = st.one_of(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7F), max_size=16).map(lambda text: b"/" + text.encode()),
    st.sampled_from([b"*", b"/", b"//a/b", b"/?", b"/??#", b"https://a/x?y", b"http://a:443", b"a:443", b"/a://b"]),
)
LINES = st.builds(
    lambda *parts: b"".join(parts),
    st.sampled_from([*sorted(METHODS), b"CONNECT", b"get", b"FOO"]) | st.just(b"GET"),
    st.sampled_from([b" ", b" ", b" ", b"  ", b"\t"]),
    TARGETS,
    st.sampled_from([b" HTTP/1.1", b" HTTP/1.1", b" HTTP/1.1", b" HTTP/1.0", b" HTTP/2.0", b""]),
)
FIELDS = st.one_of(
    st.sampled_from([
        b"Host: a", b"host:b", b"Content-Length: 3", b"Content-Length:0", b"content-length: 03", b"Content-Length: 3,3",
        b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED", b"Transfer-Encoding: gzip", b"Connection: close",
        b"Connection: upgrade", b"Connection: keep-alive, TE", b"Upgrade: websocket", b"Upgrade: h2c", b"X: a\r\n b",
        b"Expect: 100-continue", b"TE: trailers", b"X : y", b"Content_Length: 7", b"Content-Length : 3",
    ]),
    st.builds(lambda name, value: name + b": " + value, TOKENS, VALUES),
)  # fmt: skip
BODIES = st.sampled_from([
    b"", b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"3;a=b\r\nabc\r\n00\r\n\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n",
    b"3\r\nab",     b"2;\r\nab\r\n", b"3\nabc\n0\n\n", b"F\r\nGET / HTTP/1.1\r\n\r\n", b"\r\n",
])  # fmt: skip
ENDS = st.sampled_from([b"\r\n"] * 9 + [b"\n"])


def one(line: bytes, host: bytes, fields: list[bytes], end: bytes, body: bytes) -> bytes:
    return end.join([line, host, *fields, b"", b""]) + body


STREAMS = st.lists(
    st.builds(one, LINES, st.just(b"Host: a"), st.lists(FIELDS, max_size=3), ENDS, BODIES), min_size=1, max_size=4
).map(b"".join)

ORDINARY = st.builds(
    one,
    st.builds(lambda target: b"GET " + target + b" HTTP/1.1", TARGETS),
    st.sampled_from([b"Host: a", b"host:a:443", b"HOST: \t[::1]", b"Host: a@b", b"Host: a ", b"X: y"]),
    st.lists(FIELDS, max_size=2),
    st.just(b"\r\n"),
    st.sampled_from([b"", b"a", b"abc", b"\r\n"]),
)


@given(request=ORDINARY)
def test_a_glance_is_right(request: bytes) -> None:
    """What is let through at a glance, the closer look lets through as well: unchanged, with as much to follow."""
    missing = bytes_to_come(request, HeadLimits())
    if missing != UNCLEAR:
        head, end, body = request.partition(b"\r\n\r\n")
        assert judge_head(head + end, HeadLimits()) == (head + end, missing + len(body), False, False)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, id="the simplest"),
        pytest.param(b"GET /?a=b HTTP/1.1\r\nhost: a\r\nConnection: keep-alive\r\n\r\n", 0, id="keep-alive"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 0, id="a whole body"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na", 2, id="a part of the body"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 3, id="no body yet"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nabc", UNCLEAR, id="more than a body"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", UNCLEAR, id="no length"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", UNCLEAR, id="close"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", UNCLEAR, id="two Hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nX: a\r\n\r\n", UNCLEAR, id="no Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: @\r\n\r\n", UNCLEAR, id="no host in Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 32768 + b"\r\n\r\n", UNCLEAR, id="too large"),
        pytest.param(b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\nHost: a\r\n\r\n", UNCLEAR, id="too long"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 100 + b"\r\n", UNCLEAR, id="too many"),
        pytest.param(b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", UNCLEAR, id="an unknown method"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n", UNCLEAR, id="no end"),
    ],
)
def test_what_is_seen_at_a_glance(request_: bytes, expected: int) -> None:
    """Most requests are; whatever asks for a decision is not."""
    assert bytes_to_come(request_, HeadLimits()) == expected


PARSERS = [by_h11, by_httptools, by_zttp]


@pytest.mark.parametrize("read", PARSERS)
@given(stream=STREAMS)
def test_parsers_agree(read: Callable[[bytes], Reading], stream: bytes) -> None:
    """The same methods, targets, Hosts and bodies; none raises, for none finds anything to refuse."""
    through = RequestScanner().feed(stream)
    assert read(through) == by_scanner(through)


@pytest.mark.parametrize("read", PARSERS)
@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 5, id="five, pipelined"),
        pytest.param(b"".join(m + b" / HTTP/1.1\r\nHost: a\r\n\r\n" for m in sorted(METHODS)), id="every method"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", id="OPTIONS *"),
        pytest.param(b"GET https://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n", id="absolute form"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + bytes(range(128, 256)) + b"\r\n\r\n", id="obs-text"),
        pytest.param(
            b"GET /" + bytes(set(range(0x21, 0x7F)) - set(b'"#<>\\?')) + b"?a?b\\ HTTP/1.1\r\nHost: a\r\n\r\n",
            id="every byte a path may hold",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3;!#$%&'*+-.^_`|~a=b;c\r\nabc\r\n000000000000001\r\nd\r\n0;e\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n",
            id="chunk extensions, and the next",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nabc", id="a huge chunk"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999\r\n\r\nabc", id="a huge Content-Length"
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
            id="WebSocket",
        ),
        pytest.param(b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", id="HTTP/1.0"),
    ],
)
def test_parsers_agree_on(read: Callable[[bytes], Reading], stream: bytes) -> None:
    """Each corner of what is let through, once on purpose."""
    scanner = RequestScanner()
    through = scanner.feed(stream)
    assert scanner.refusal is None
    reading = read(through)
    assert reading == by_scanner(through)
    assert reading.requests
