"""Methods, numbers and sizes: v5.0.0-13.4.4, 4.1.4, 15.2.2 and 4.2.1."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError, RequestRefused
from asvs_middleware.middleware import Limits, limits_gate

Make = Callable[..., Any]

judge = limits_gate(Limits())
TE, CL = (b"transfer-encoding", b"chunked"), (b"content-length", b"5")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"])
def test_methods_in_use(a_connection: Make, method: str) -> None:
    """The methods of HTTP that do something for an app."""
    assert judge(a_connection(method=method)) is None


@pytest.mark.parametrize(
    ("method", "requirement"),
    [
        ("TRACE", "v5.0.0-13.4.4"),
        ("TRACK", "v5.0.0-13.4.4"),
        ("CONNECT", "v5.0.0-13.4.4"),
        ("trace", "v5.0.0-13.4.4"),
        ("PROPFIND", "v5.0.0-4.1.4"),
        ("get", "v5.0.0-4.1.4"),
        ("", "v5.0.0-4.1.4"),
        ("GET ", "v5.0.0-4.1.4"),
        ("G\u00cbT", "v5.0.0-4.1.4"),
    ],
)
def test_methods_nobody_uses(a_connection: Make, method: str, requirement: str) -> None:
    """405 with what is allowed; a method in small letters is another method (RFC 9110 section 9.1)."""
    refusal = judge(a_connection(method=method))
    assert isinstance(refusal, RequestRefused)
    assert (refusal.status, refusal.code, refusal.requirement) == (405, "method_not_allowed", requirement)
    assert refusal.headers == ((b"allow", b"DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, QUERY"),)
    assert refusal.event == "input_validation_fail"


def test_methods_of_an_operator(a_connection: Make) -> None:
    """What is listed passes and nothing else; a WebSocket handshake has no method of its own."""
    mine = limits_gate(Limits(methods=["GET", "PROPFIND"]))
    assert mine(a_connection(method="PROPFIND")) is None
    refusal = mine(a_connection(method="POST"))
    assert isinstance(refusal, RequestRefused)
    assert refusal.headers == ((b"allow", b"GET, PROPFIND"),)
    assert limits_gate(Limits(methods=["POST"]))(a_connection(type="websocket", scheme="wss")) is None


def test_a_credential_in_clear_is_known(a_connection: Make) -> None:
    """Refused for its method, it is burnt all the same."""
    refusal = judge(a_connection((b"authorization", b"x"), method="TRACE"))
    assert isinstance(refusal, RequestRefused)
    assert refusal.facts == {"credential_exposed": True}


@pytest.mark.parametrize(
    ("pairs", "status", "code"),
    [
        pytest.param([(b"accept", b"")] * 99, None, None, id="as many as may be, with the Host"),
        pytest.param([(b"accept", b"")] * 100, 431, "fields_too_large", id="one too many"),
        pytest.param([(b"x-a", b"")] * 100, 431, "fields_too_large", id="one too many of unusual ones"),
        pytest.param([(b"cookie", b"x" * 32_000)], None, None, id="large"),
        pytest.param([(b"cookie", b"x" * (32_768 - 19 - 6))], None, None, id="as large as may be"),
        pytest.param([(b"cookie", b"x" * (32_768 - 19 - 5))], 431, "fields_too_large", id="one byte too large"),
        pytest.param([(b"x-" + b"a" * 32_768, b"")], 431, "fields_too_large", id="a name too large"),
        pytest.param([(b"x-a", b"x" * 500)] * 80, 431, "fields_too_large", id="many that are too large together"),
        pytest.param([(b"x-custom_1.~!", b"")], None, None, id="every kind of character a name may have"),
        pytest.param([(b"x-" + b"a" * 60, b"")], None, None, id="a long name"),
        pytest.param([(b"x y", b"")], 400, "field_name_refused", id="a blank in a name"),
        pytest.param([(b"", b"")], 400, "field_name_refused", id="an empty name"),
        pytest.param([(b"a:", b"")], 400, "field_name_refused", id="a colon in a name"),
        pytest.param([(b":authority", b"x")], 400, "field_name_refused", id="a pseudo-field"),
        pytest.param([(b"a\n", b"")], 400, "field_name_refused", id="a line feed in a name"),
        pytest.param([("\u00e4".encode(), b"")], 400, "field_name_refused", id="not ASCII"),
        pytest.param([(b"a(b)", b"")], 400, "field_name_refused", id="brackets in a name"),
    ],
)
def test_fields(a_connection: Make, pairs: Any, status: int | None, code: str | None) -> None:
    """100 fields and 32 KiB; names are tokens (RFC 9110 section 5.6.2)."""
    refusal = judge(a_connection(*pairs))
    assert (refusal and (refusal.status, refusal.code)) == (status and (status, code))


@pytest.mark.parametrize(
    ("version", "pairs", "refused"),
    [
        pytest.param("1.1", [TE], None, id="chunked"),
        pytest.param("1.1", [CL], None, id="a length"),
        pytest.param("1.1", [TE, CL], "v5.0.0-4.2.1", id="both"),
        pytest.param("1.1", [CL, TE], "v5.0.0-4.2.1", id="both, the other way round"),
        pytest.param("1.1", [(b"Transfer-Encoding", b""), (b"Content-Length", b"")], "v5.0.0-4.2.1", id="in capitals"),
        pytest.param("1.0", [CL], None, id="a length in HTTP/1.0"),
        pytest.param("1.0", [TE], "v5.0.0-4.2.1", id="chunked in HTTP/1.0"),
        pytest.param("0.9", [TE], "v5.0.0-4.2.1", id="chunked in HTTP/0.9"),
        pytest.param("2", [TE], "v5.0.0-4.2.3", id="chunked in HTTP/2"),
        pytest.param("3", [TE], "v5.0.0-4.2.3", id="chunked in HTTP/3"),
    ],
)
def test_framing(a_connection: Make, version: str, pairs: Any, refused: str | None) -> None:
    """Where two readers could disagree about the end of the body, there is no request."""
    refusal = judge(a_connection(*pairs, http_version=version, method="POST"))
    if refused is None:
        assert refusal is None
    else:
        assert isinstance(refusal, RequestRefused)
        assert (refusal.status, refusal.code, refusal.requirement) == (400, "framing_refused", refused)


@pytest.mark.parametrize(
    ("limits", "pairs", "status"),
    [
        pytest.param(Limits(fields=2), [(b"accept", b"")], None, id="two fields"),
        pytest.param(Limits(fields=1), [(b"accept", b"")], 431, id="one field"),
        pytest.param(Limits(field_bytes=40), [(b"x-a", b"x" * 18)], None, id="few bytes"),
        pytest.param(Limits(field_bytes=40), [(b"x-a", b"x" * 19)], 431, id="few bytes and one more"),
        pytest.param(Limits(field_bytes=None), [(b"cookie", b"x" * 100_000)], None, id="the server's size"),
        pytest.param(Limits(field_bytes=None), [(b"x-a", b"x" * 100_000)], None, id="the server's size, unusual name"),
        pytest.param(Limits(field_bytes=None), [(b"x a", b"")], 400, id="the server's size, no name"),
        pytest.param(Limits(field_bytes=None, fields=1), [(b"accept", b"")], 431, id="the server's size, our number"),
    ],
)
def test_limits_of_an_operator(a_connection: Make, limits: Limits, pairs: Any, status: int | None) -> None:
    """Each number is counted exactly, with the 19 bytes of the Host field."""
    refusal = limits_gate(limits)(a_connection(*pairs))
    assert (refusal and refusal.status) == status


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"methods": "GET"}, "is no list of methods", id="one text"),
        pytest.param({"methods": []}, "is no list of methods", id="no methods"),
        pytest.param({"methods": 3}, "is no list of methods", id="a number for methods"),
        pytest.param({"methods": ["get"]}, "holds 'get', which is no method.*capitals", id="small letters"),
        pytest.param({"methods": ["GET", None]}, "holds None", id="no text"),
        pytest.param({"methods": ["GET\n"]}, "is no method", id="a line feed"),
        pytest.param({"methods": ["GET", "TRACE"]}, "may not hold TRACE", id="TRACE"),
        pytest.param({"methods": ["CONNECT"]}, "may not hold CONNECT", id="CONNECT"),
        pytest.param({"fields": 0}, r"Limits\(fields=0\) is no limit", id="no fields"),
        pytest.param({"fields": None}, "Give a positive number.$", id="fields without a limit"),
        pytest.param({"fields": True}, "is no limit", id="True"),
        pytest.param({"fields": 1.5}, "is no limit", id="a fraction of a field"),
        pytest.param({"field_bytes": -1}, "positive number, or None", id="negative"),
        pytest.param({"body_bytes": "1"}, "body_bytes='1'", id="a text"),
        pytest.param({"body_seconds": float("nan")}, "body_seconds=nan", id="no number"),
        pytest.param({"body_seconds": float("inf")}, "body_seconds=inf", id="without end"),
    ],
)
def test_limits_that_cannot_be_right(options: Any, message: str) -> None:
    """Refused while the app is built."""
    with pytest.raises(ConfigurationError, match=message):
        Limits(**options)


@given(
    st.text(max_size=8) | st.sampled_from(["GET", "TRACE"]),
    st.lists(
        st.tuples(
            st.binary(max_size=12) | st.sampled_from([b"accept", b"transfer-encoding", b"content-length"]),
            st.binary(max_size=40),
        ),
        max_size=110,
    ),
    st.sampled_from(["1.0", "1.1", "2", ""]),
)
def test_any_request_is_judged(a_connection: Make, method: str, pairs: Any, version: str) -> None:
    """Whatever is sent: a pass by the table, or our refusal."""
    connection = a_connection(*pairs, method=method, http_version=version)
    refusal = judge(connection)
    fields = connection.scope["headers"]
    names = {name.lower() for name, _ in fields}
    token = set(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
    passes = (
        method in Limits().methods
        and len(fields) <= 100
        and sum(len(name) + len(value) for name, value in fields) <= 32 * 1024
        and all(name and set(name) <= token for name in names)
        and (b"transfer-encoding" not in names or (version == "1.1" and b"content-length" not in names))
    )
    assert (refusal is None) is passes
    assert refusal is None or refusal.status in {400, 405, 431}
