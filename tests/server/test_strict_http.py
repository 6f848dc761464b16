"""Strict HTTP/1.1: what is no message that every parser reads alike never reaches one. v5.0.0-4.2.1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.http.head import CHUNKED, METHODS, HeadLimits, judge_head
from asvs_middleware.server.http.scanner import RequestScanner, Stage

LIMITS = HeadLimits()
GOOD = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a.example\r\n\r\n"


def request(*fields: bytes, line: bytes = b"POST / HTTP/1.1", host: bytes = b"Host: a.example") -> bytes:
    """Return a head."""
    return b"".join(one + b"\r\n" for one in (line, host, *fields) if one) + b"\r\n"


def chunked(body: bytes) -> bytes:
    return request(b"Transfer-Encoding: chunked") + body


def feed(*parts: bytes) -> tuple[bytes, str | None]:
    """Return what the parser saw, and the code of the refusal."""
    scanner = RequestScanner()
    seen = b"".join(map(scanner.feed, parts))
    return seen, scanner.refusal and scanner.refusal.code


REFUSED = [
    # The Host: RFC 9112 section 3.2.
    pytest.param(request(host=b""), 400, "host_missing", id="no Host"),
    pytest.param(request(host=b"", line=b"GET / HTTP/1.0"), 400, "host_missing", id="no Host in HTTP/1.0"),
    pytest.param(request(b"Host: b.example"), 400, "duplicate_field", id="two Hosts"),
    pytest.param(request(b"hOST: a.example"), 400, "duplicate_field", id="the same Host twice"),
    pytest.param(request(host=b"Host: user@a.example"), 400, "host_malformed", id="userinfo in Host"),
    pytest.param(request(host=b"Host: user:pw@a.example:443"), 400, "host_malformed", id="password in Host"),
    pytest.param(request(host=b"Host:"), 400, "host_malformed", id="empty Host"),
    pytest.param(request(host=b"Host: a.example, b.example"), 400, "host_malformed", id="a list of Hosts"),
    pytest.param(request(host=b"Host: a.example/path"), 400, "host_malformed", id="a path in Host"),
    pytest.param(request(host=b"Host: a.example:0x50"), 400, "host_malformed", id="a port that is no number"),
    pytest.param(request(host=b"Host: a.example "), 400, "host_malformed", id="white space behind the Host"),
    # The request line: RFC 9112 section 3.
    pytest.param(b"GET /\r\n\r\n", 400, "request_line", id="HTTP/0.9"),
    pytest.param(request(line=b"GET / HTTP/0.9"), 505, "http_version", id="HTTP/0.9 by name"),
    pytest.param(request(line=b"GET / HTTP/9.9"), 505, "http_version", id="HTTP/9.9"),
    pytest.param(request(line=b"GET / HTTP/1.2"), 505, "http_version", id="HTTP/1.2"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http_version", id="HTTP/2 without having agreed on it"),
    pytest.param(request(line=b"GET / http/1.1"), 400, "request_line", id="http in lower case"),
    pytest.param(request(line=b"GET / HTTP/1.10"), 400, "request_line", id="a version of two digits"),
    pytest.param(request(line=b"GET / HTTP/1.1 "), 400, "request_line", id="white space behind the version"),
    pytest.param(request(line=b"GET  / HTTP/1.1"), 400, "request_line", id="two spaces"),
    pytest.param(request(line=b"GET\t/ HTTP/1.1"), 400, "request_line", id="a tab instead of a space"),
    pytest.param(request(line=b" GET / HTTP/1.1"), 400, "request_line", id="white space first"),
    pytest.param(request(line=b"get / HTTP/1.1"), 400, "request_line", id="method in lower case"),
    pytest.param(request(line="GET /ä HTTP/1.1".encode()), 400, "request_line", id="target beyond ASCII"),
    pytest.param(request(line=b"CONNECT a.example:443 HTTP/1.1"), 405, "method_refused", id="CONNECT"),
    pytest.param(request(line=b"TRACE / HTTP/1.1"), 405, "method_refused", id="TRACE"),
    pytest.param(request(line=b"TRACK / HTTP/1.1"), 405, "method_refused", id="TRACK"),
    pytest.param(request(line=b"BREW / HTTP/1.1"), 501, "method_unknown", id="a method nobody knows"),
    pytest.param(request(line=b"GET a.example HTTP/1.1"), 400, "target_malformed", id="no path"),
    pytest.param(request(line=b"GET * HTTP/1.1"), 400, "target_malformed", id="an asterisk without OPTIONS"),
    pytest.param(request(line=b"GET /a#b HTTP/1.1"), 400, "target_malformed", id="a fragment"),
    pytest.param(request(line=b"GET /a\\b HTTP/1.1"), 400, "target_malformed", id="a backslash in the path"),
    pytest.param(request(line=b"GET /<script> HTTP/1.1"), 400, "target_malformed", id="angle brackets"),
    pytest.param(request(line=b"GET https://b.example/ HTTP/1.1"), 400, "authority_mismatch", id="foreign authority"),
    pytest.param(request(line=b"GET https://u@a.example/ HTTP/1.1"), 400, "authority_mismatch", id="with userinfo"),
    pytest.param(request(line=b"GET https://a.example:1/ HTTP/1.1"), 400, "authority_mismatch", id="with another port"),
    pytest.param(request(line=b"GET https:///x HTTP/1.1"), 400, "authority_mismatch", id="without authority"),
    pytest.param(request(line=b"GET ftp://a.example/ HTTP/1.1"), 400, "target_malformed", id="another scheme"),
    pytest.param(request(line=b"GET https://a.example/#f HTTP/1.1"), 400, "target_malformed", id="absolute, fragment"),
    pytest.param(request(line=b"GET /" + b"a" * 8192 + b" HTTP/1.1"), 414, "target_too_long", id="a long target"),
    # Framing: RFC 9112 section 6.
    pytest.param(
        request(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400, "two_lengths", id="TE and CL"
    ),
    pytest.param(
        request(b"Transfer-Encoding: chunked", b"Content-Length: 5"), 400, "two_lengths", id="TE and CL, other order"
    ),
    pytest.param(
        request(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0"), 400, "transfer_encoding", id="TE on HTTP/1.0"
    ),
    pytest.param(request(*[b"Transfer-Encoding: chunked"] * 2), 400, "duplicate_field", id="TE twice"),
    pytest.param(request(b"Transfer-Encoding: chunked, chunked"), 400, "transfer_encoding", id="chunked twice"),
    pytest.param(request(b"Transfer-Encoding: chunked, identity"), 400, "transfer_encoding", id="chunked not last"),
    pytest.param(request(b"Transfer-Encoding: gzip, chunked"), 400, "transfer_encoding", id="another coding first"),
    pytest.param(request(b"Transfer-Encoding: identity"), 400, "transfer_encoding", id="identity"),
    pytest.param(request(b"Transfer-Encoding:"), 400, "transfer_encoding", id="empty TE"),
    pytest.param(request(b'Transfer-Encoding: "chunked"'), 400, "transfer_encoding", id="chunked in quotes"),
    pytest.param(request(b"Transfer-Encoding: xchunked"), 400, "transfer_encoding", id="a coding that ends alike"),
    pytest.param(request(b"Transfer-Encoding: chunked "), 400, "transfer_encoding", id="white space behind chunked"),
    pytest.param(request(b"Transfer-Encoding: \x0bchunked"), 400, "control_byte", id="a vertical tab before chunked"),
    pytest.param(request(b"Content-Length: +1"), 400, "content_length", id="CL +1"),
    pytest.param(request(b"Content-Length: -1"), 400, "content_length", id="CL -1"),
    pytest.param(request(b"Content-Length: 1_0"), 400, "content_length", id="CL 1_0"),
    pytest.param(request(b"Content-Length: 0x10"), 400, "content_length", id="CL in hexadecimal"),
    pytest.param(request(b"Content-Length: 010"), 400, "content_length", id="CL with a leading zero"),
    pytest.param(request(b"Content-Length: 1.0"), 400, "content_length", id="CL 1.0"),
    pytest.param(request("Content-Length: ٣".encode()), 400, "content_length", id="CL in other digits"),
    pytest.param(request(b"Content-Length:"), 400, "content_length", id="empty CL"),
    pytest.param(request(b"Content-Length: 5, 5"), 400, "content_length", id="a list of CLs"),
    pytest.param(request(b"Content-Length: 1" + b"0" * 18), 400, "content_length", id="huge CL"),
    pytest.param(request(b"Content-Length: 5", b"Content-Length: 6"), 400, "duplicate_field", id="two CLs that differ"),
    pytest.param(request(b"Content-Length: 5", b"Content-Length: 5"), 400, "duplicate_field", id="two CLs alike"),
    # Lines and fields: RFC 9112 sections 2.2 and 5.
    pytest.param(GOOD.replace(b"\r\n", b"\n"), 400, "bare_lf", id="LF everywhere"),
    pytest.param(b"GET / HTTP/1.1\nHost: a.example\r\n\r\n", 400, "bare_lf", id="LF behind the request line"),
    pytest.param(request(b"X: a\nContent-Length: 5"), 400, "bare_lf", id="LF within fields"),
    pytest.param(request(b"X: a\rContent-Length: 5"), 400, "bare_cr", id="bare CR in a value"),
    pytest.param(request(b"X: a\r"), 400, "bare_cr", id="CR before CRLF"),
    pytest.param(request(b"X: a", b" b"), 400, "folded_field", id="obs-fold"),
    pytest.param(request(b"X: a", b"\tb: c"), 400, "folded_field", id="obs-fold with a tab"),
    pytest.param(b"GET / HTTP/1.1\r\n Host: a.example\r\n\r\n", 400, "folded_field", id="obs-fold at once"),
    pytest.param(request(b"X : a"), 400, "space_before_colon", id="space before the colon"),
    pytest.param(request(b"Content-Length\t: 5"), 400, "space_before_colon", id="tab before the colon"),
    pytest.param(request(b"X"), 400, "field_without_colon", id="no colon"),
    pytest.param(request(b": a"), 400, "field_name", id="no name"),
    pytest.param(request(b"X(y): a"), 400, "field_name", id="a delimiter in a name"),
    pytest.param(request(b"X\xe9: a"), 400, "field_name", id="a name beyond ASCII"),
    pytest.param(request(b"X\x00: a"), 400, "control_byte", id="NUL in a name"),
    pytest.param(request(b"X: a\x00b"), 400, "control_byte", id="NUL in a value"),
    pytest.param(request(b"X: \x1b[2J"), 400, "control_byte", id="ESC in a value"),
    pytest.param(request(b"X: \x7f"), 400, "control_byte", id="DEL in a value"),
    pytest.param(request(line=b"GET /\x00 HTTP/1.1"), 400, "control_byte", id="NUL in the target"),
    pytest.param(b"\r\n\r\n" + GOOD, 400, "request_line", id="two empty lines first"),
    # Size.
    pytest.param(request(b"X: " + b"a" * 102_400), 431, "head_too_large", id="100 KiB in a field"),
    pytest.param(request(*[b"X: a"] * 10_000), 431, "head_too_large", id="10,000 fields"),
    pytest.param(request(*[b"X: a"] * 100), 431, "too_many_fields", id="101 fields"),
    pytest.param(b"GET /" + b"a" * 40_000, 431, "head_too_large", id="a line without end"),
    # Upgrades: RFC 9110 section 7.8.
    pytest.param(
        request(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"), 400, "upgrade_refused", id="upgrade to h2c"
    ),
    pytest.param(
        request(b"Connection: Upgrade", b"Upgrade: websocket"), 400, "upgrade_refused", id="POST to WebSocket"
    ),
    pytest.param(
        request(b"Connection: Upgrade", b"Upgrade: websocket", b"Content-Length: 5", line=b"GET / HTTP/1.1"),
        400,
        "upgrade_refused",
        id="WebSocket with a body",
    ),
    pytest.param(
        request(b"Connection: Upgrade", b"Upgrade: websocket", line=b"GET / HTTP/1.0"),
        400,
        "upgrade_refused",
        id="WebSocket by HTTP/1.0",
    ),
    pytest.param(
        request(b"Connection: Upgrade", b"Upgrade: websocket", line=b"GET / HTTP/1.1") + b"\x81\x00",
        400,
        "data_after_upgrade",
        id="frames before the WebSocket is there",
    ),
]


@pytest.mark.parametrize(("sent", "status", "code"), REFUSED)
def test_refused_heads(sent: bytes, status: int, code: str) -> None:
    """The parser sees no byte of it, nor of what follows; one status, one code."""
    scanner = RequestScanner()
    assert scanner.feed(sent) == b""
    assert scanner.refusal is not None
    assert (scanner.refusal.status, scanner.refusal.code) == (status, code)
    assert scanner.feed(GOOD) == b""
    assert scanner.stage is Stage.OVER


@pytest.mark.parametrize(("sent", "status", "code"), REFUSED)
def test_refused_byte_by_byte(sent: bytes, status: int, code: str) -> None:
    """The way the bytes are cut decides nothing, except which of several faults is seen first."""
    scanner = RequestScanner()
    if len(sent) > 20_000:
        parts = [sent[at : at + 1000] for at in range(0, len(sent), 1000)]
    else:
        parts = [sent[at : at + 1] for at in range(len(sent))]
    seen = b"".join(map(scanner.feed, parts))
    after_upgrade = code == "data_after_upgrade"  # Then the WebSocket's protocol has taken over.
    assert seen == (sent[:-2] if after_upgrade else b"")
    assert (scanner.refusal is None) is after_upgrade


@pytest.mark.parametrize(
    ("sent", "code", "seen"),
    [
        pytest.param(b"x\r\n", "chunk_size", b"", id="no size"),
        pytest.param(b"\r\n", "chunk_size", b"", id="an empty size"),
        pytest.param(b"-5\r\nhello\r\n", "chunk_size", b"", id="negative"),
        pytest.param(b"+5\r\nhello\r\n", "chunk_size", b"", id="with a sign"),
        pytest.param(b"0x5\r\nhello\r\n", "chunk_size", b"", id="with 0x"),
        pytest.param(b"5_\r\nhello\r\n", "chunk_size", b"", id="with an underscore"),
        pytest.param(b" 5\r\nhello\r\n", "chunk_size", b"", id="white space first"),
        pytest.param(b"5 \r\nhello\r\n", "chunk_size", b"", id="white space behind"),
        pytest.param(b"5\nhello\r\n", "chunk_size", b"", id="LF alone"),
        pytest.param(b"5\rhello\r\n", "chunk_size", b"", id="CR alone"),
        pytest.param(b"1" + b"0" * 15 + b"\r\n", "chunk_size", b"", id="huge"),
        pytest.param(b"5;a\nb\r\nhello\r\n", "chunk_size", b"", id="LF in an extension"),
        pytest.param(b'5;a="b"\r\nhello\r\n', "chunk_size", b"", id="a quoted extension"),
        pytest.param(b"5;\r\nhello\r\n", "chunk_size", b"", id="an empty extension"),
        pytest.param(b"5;a=\x00\r\nhello\r\n", "chunk_size", b"", id="NUL in an extension"),
        pytest.param(b"5;" + b"a" * 300, "chunk_size", b"", id="an extension without end"),
        pytest.param(
            (b"1;" + b"a" * 200 + b"\r\nx\r\n") * 6,
            "chunk_extensions",
            (b"1;" + b"a" * 200 + b"\r\nx\r\n") * 5,
            id="extensions beyond the budget",
        ),
        pytest.param(b"5\r\nhello!\r\n", "chunk_data", b"5\r\nhello", id="more data than said"),
        pytest.param(b"5\r\nhello\n", "chunk_data", b"5\r\nhello", id="LF behind the data"),
        pytest.param(b"5\r\nhello\rX", "chunk_data", b"5\r\nhello", id="CR behind the data"),
        pytest.param(b"0\r\nX: a\r\n\r\n", "trailer_fields", b"0\r\n", id="a trailer field"),
        pytest.param(b"0\r\nGET / HTTP/1.1\r\n", "trailer_fields", b"0\r\n", id="no empty line at the end"),
    ],
)
def test_refused_chunks(sent: bytes, code: str, seen: bytes) -> None:
    """RFC 9112 section 7.1: the parser sees the body up to the fault, however it was cut."""
    head = chunked(b"")
    assert feed(head + sent) == (head + seen, code)
    byte_by_byte, found = feed(head, *(sent[at : at + 1] for at in range(len(sent))))
    assert (byte_by_byte, found) == (head + seen, code)


ACCEPTED = [
    pytest.param(GOOD, 1, id="the simplest"),
    pytest.param(GOOD + NEXT, 2, id="two, pipelined"),
    pytest.param(request(line=b"GET / HTTP/1.0"), 1, id="HTTP/1.0 with a Host"),
    pytest.param(request(line=b"OPTIONS * HTTP/1.1"), 1, id="OPTIONS *"),
    pytest.param(request(line=b"GET /a//b;c?d=[]{}|^`'\\&e=%00?f HTTP/1.1"), 1, id="what browsers leave unescaped"),
    pytest.param(request(b"X: \xe9\t\xff", b"X:", b"X: a:b", b"X_y: z"), 1, id="obs-text, empty, repeated fields"),
    pytest.param(request(b"Content-Length: 5") + b"hello" + NEXT, 2, id="Content-Length, and the next"),
    pytest.param(request(b"Content-Length: 0") + NEXT, 2, id="Content-Length 0"),
    pytest.param(request(b"cONTENT-lENGTH:\t5") + GOOD[:5] + NEXT, 2, id="a body that looks like a head"),
    pytest.param(chunked(b"5\r\nhello\r\n0\r\n\r\n") + NEXT, 2, id="chunks, and the next"),
    pytest.param(chunked(b"A;b=c;d\r\n0123456789\r\n000\r\n\r\n") + NEXT, 2, id="chunks with extensions"),
    pytest.param(request(b"transfer-encoding: Chunked") + b"0\r\n\r\n", 1, id="Chunked"),
    pytest.param(request(b"Connection: keep-alive") + NEXT, 2, id="keep-alive"),
    pytest.param(request(b"Connection: TE", b"Connection: keep-alive", b"Upgrade: h2c") + NEXT, 2, id="no upgrade"),
    pytest.param(request(b"Connection: close"), 1, id="close"),
    pytest.param(
        request(b"Connection: keep-alive, Upgrade", b"Upgrade: WebSocket", line=b"GET / HTTP/1.1"), 1, id="WebSocket"
    ),
]


@pytest.mark.parametrize(("sent", "requests"), ACCEPTED)
def test_accepted(sent: bytes, requests: int) -> None:
    """What is good passes unchanged, in whatever pieces it comes."""
    assert feed(sent) == (sent, None)
    assert feed(*(sent[at : at + 1] for at in range(len(sent)))) == (sent, None)
    assert sent.count(b" HTTP/1") == requests


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        pytest.param(b"\r\n" + GOOD, GOOD, id="an empty line first"),
        pytest.param(GOOD + b"\r\n" + NEXT, GOOD + NEXT, id="an empty line between"),
        pytest.param(request(b"Connection: close") + NEXT, request(b"Connection: close"), id="close, and more"),
        pytest.param(
            request(b"Connection: close", b"Content-Length: 1") + b"a" + NEXT,
            request(b"Connection: close", b"Content-Length: 1") + b"a",
            id="close with a body, and more",
        ),
        pytest.param(
            request(b"connection: keep-alive", b"X: y", line=b"GET / HTTP/1.0") + NEXT,
            request(b"X: y", line=b"GET / HTTP/1.0"),
            id="HTTP/1.0, and more",
        ),
        pytest.param(
            request(line=b"GET HTTPS://A.example/x?y HTTP/1.1"), request(line=b"GET /x?y HTTP/1.1"), id="absolute form"
        ),
        pytest.param(
            request(line=b"GET http://a.example?y HTTP/1.1"), request(line=b"GET /?y HTTP/1.1"), id="without a path"
        ),
        pytest.param(request(line=b"GET http://a.example HTTP/1.1"), request(line=b"GET / HTTP/1.1"), id="authority"),
    ],
)
def test_put_right(sent: bytes, seen: bytes) -> None:
    """Nothing behind the last request, one empty line before a request, and the absolute form in origin form."""
    assert feed(sent) == (seen, None)
    assert feed(*(sent[at : at + 1] for at in range(len(sent)))) == (seen, None)


def test_what_was_good_before_a_fault() -> None:
    """A bad request behind a good one does not take the good one away."""
    assert feed(GOOD + b"BAD\r\n\r\n") == (GOOD, "request_line")
    assert feed(GOOD, b"BAD\r\n\r\n") == (GOOD, "request_line")


def test_a_fault_is_seen_before_the_end() -> None:
    """Nobody waits for an end that need not come: the first bad byte and the first bad line are enough."""
    assert feed(b"GET / HTTP/1.1\r\nHost: a\n") == (b"", "bare_lf")
    assert feed(b"GET /\r\n") == (b"", "request_line")
    assert feed(b"GET / HTTP/1.1\r", b"x") == (b"", "bare_cr")
    assert feed(b"\r", GOOD) == (b"", "bare_cr")
    assert feed(GOOD, b"\r", b"\n", GOOD) == (GOOD * 2, None)
    assert feed(b"\x16\x03\x01") == (b"", "control_byte")
    assert feed(b"GET / HTTP/1.1\r\nHo", b"st: a\r\n", b"\r\n") == (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", None)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_methods(method: bytes) -> None:
    """Every method of the list passes, and none of them is CONNECT or TRACE."""
    sent = request(line=method + b" / HTTP/1.1")
    assert feed(sent) == (sent, None)
    assert method not in {b"CONNECT", b"TRACE"}


def test_stages() -> None:
    """Deadlines are set by what is still to come."""
    scanner = RequestScanner()
    stages = [scanner.stage]
    parts = b"POST / HTTP/1.1\r\n", b"Host: a\r\nContent-Length: 2\r\n\r\n", b"a", b"a", request(b"Connection: close")
    for part in parts:
        scanner.feed(part)
        stages.append(scanner.stage)
    assert stages == [Stage.IDLE, Stage.HEAD, Stage.BODY, Stage.BODY, Stage.IDLE, Stage.OVER]


def test_what_a_head_says() -> None:
    """The length of the body, whether more may come, whether the protocol changes."""
    assert judge_head(request(b"Content-Length: 7"), LIMITS)[1:] == (7, False, False)
    assert judge_head(chunked(b""), LIMITS)[1:] == (CHUNKED, False, False)
    socket = request(b"Connection: upgrade", b"Upgrade: websocket", line=b"GET / HTTP/1.1")
    assert judge_head(socket, LIMITS)[1:] == (0, True, True)


def test_the_answer_to_a_method() -> None:
    """RFC 9110 section 15.5.6: 405 says what is allowed."""
    scanner = RequestScanner()
    scanner.feed(request(line=b"TRACE / HTTP/1.1"))
    assert scanner.refusal is not None
    assert dict(scanner.refusal.headers)[b"allow"].startswith(b"GET, HEAD")


@pytest.mark.parametrize(
    ("limits", "sent", "code"),
    [
        pytest.param(HeadLimits(size=1024), request(b"X: " + b"a" * 1024), "head_too_large", id="size"),
        pytest.param(HeadLimits(fields=10), request(*[b"X: a"] * 10), "too_many_fields", id="fields"),
        pytest.param(
            HeadLimits(target=255), request(line=b"GET /" + b"a" * 255 + b" HTTP/1.1"), "target_too_long", id="target"
        ),
    ],
)
def test_limits(limits: HeadLimits, sent: bytes, code: str) -> None:
    """An operator may choose other limits."""
    scanner = RequestScanner(limits)
    scanner.feed(sent)
    assert scanner.refusal is not None
    assert scanner.refusal.code == code
    assert feed(sent) == (sent, None)


@pytest.mark.parametrize(
    "wrong",
    [{"size": 1023}, {"size": True}, {"fields": 9}, {"target": "8k"}, {"size": 2**21}],
    ids=str,
)
def test_wrong_limits(wrong: dict[str, int]) -> None:
    """A limit that shuts ordinary requests out, or that is none, stops the start."""
    with pytest.raises(ConfigurationError, match=r"is no limit\. Use \d+ to 1048576"):
        HeadLimits(**wrong)


PIECES = st.sampled_from([
    b"GET / HTTP/1.1", b"POST /x HTTP/1.0", b"Host: a", b"Host: b", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b":",
    b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Connection: close", b"Upgrade: websocket", b"3\r\nabc\r\n",
    b"0\r\n\r\n", b"\x00", b"abc", b"\xff",
])  # fmt: skip


@given(st.lists(PIECES | st.binary(max_size=8), max_size=24), st.data())
def test_any_bytes(pieces: list[bytes], data: st.DataObject) -> None:
    """Never an exception; and the verdict does not depend on where the network cuts the stream."""
    sent = b"".join(pieces)
    whole, _ = feed(sent)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(sent)), max_size=6)))
    parts = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    in_parts, _ = feed(*parts)
    assert in_parts == whole or b"pgrade" in sent
    assert sent.startswith(whole) or whole.replace(b"\r\n", b"") in sent.replace(b"\r\n", b"")
