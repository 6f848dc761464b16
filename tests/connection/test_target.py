"""A request target that names a host itself has to agree with the Host field: RFC 9112 section 3.2.2."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection.target import absolute_form, agrees
from asvs_middleware.errors import HostRefused

HOST = b"api.example.com"


@pytest.mark.parametrize(
    ("target", "host", "expected"),
    [
        pytest.param("/orders", HOST, True, id="a path"),
        pytest.param("//evil.example/", HOST, True, id="a path with two slashes"),
        pytest.param("/http://evil.example/", HOST, True, id="a URL in a path"),
        pytest.param("*", HOST, True, id="OPTIONS for the server"),
        pytest.param("", HOST, True, id="nothing"),
        pytest.param("http://api.example.com/orders", HOST, True, id="the same host"),
        pytest.param("HTTPS://API.example.com", HOST, True, id="the same host in capitals"),
        pytest.param("https://api.example.com:443/", HOST, True, id="the scheme's own port"),
        pytest.param("http://api.example.com:80/", HOST, True, id="plaintext's own port"),
        pytest.param("wss://api.example.com/", HOST + b":443", True, id="the same, the other way round"),
        pytest.param("https://api.example.com:8443/", HOST + b":8443", True, id="the same port"),
        pytest.param("https://api.example.com:8443/", HOST, False, id="another port"),
        pytest.param("http://api.example.com/", HOST + b":443", False, id="the port of another scheme"),
        pytest.param("http://evil.example/", HOST, False, id="another host"),
        pytest.param("http://evil.example?x", HOST, False, id="another host, no path"),
        pytest.param("http://[2001:db8:0::1]/", b"[2001:db8::1]", True, id="IPv6"),
    ],
)
@pytest.mark.parametrize("seen", ["path", "raw_path", "both"])
def test_agreement(target: str, host: bytes, expected: bool, seen: str) -> None:
    """Host and port are compared, wherever the server shows the target."""
    scope = {"path": "/" if seen == "raw_path" else target}
    if seen != "path":
        scope["raw_path"] = target.encode()
    assert agrees(scope, host) is expected


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("http://api.example.com@evil.example/", id="user information"),
        pytest.param("http:///", id="no host"),
        pytest.param("http://a b/", id="a space"),
        pytest.param("api.example.com:443", id="authority form"),
        pytest.param("http:api.example.com", id="no slashes"),
        pytest.param("\udc80", id="a surrogate"),
    ],
)
def test_malformed_targets(target: str) -> None:
    """A target that is neither path nor URL is malformed: 400."""
    with pytest.raises(HostRefused, match=r"holds no host|neither a path nor a URL") as refused:
        agrees({"path": target}, HOST)
    assert (refused.value.status, refused.value.code) == (400, "host_malformed")


@pytest.mark.parametrize(
    ("root", "path", "found"),
    [
        pytest.param("/api", "/api/orders", None, id="a path"),
        pytest.param("/api", "/apihttp://evil.example/", b"http://evil.example/", id="a URL behind the root"),
        pytest.param("/api/", "/apihttp://evil.example/", b"http://evil.example/", id="a root with a slash"),
        pytest.param("/api", "/orders", None, id="a server that leaves the root out"),
        pytest.param("/", "/http://evil.example/", None, id="the root is no prefix"),
    ],
)
def test_a_root_path_hides_nothing(root: str, path: str, found: bytes | None) -> None:
    """A server puts the root in front of whatever the target was."""
    assert absolute_form({"path": path, "raw_path": path.encode(), "root_path": root}) == found


@given(st.text(st.characters(), max_size=30), st.none() | st.binary(max_size=30), st.sampled_from(["", "/api", None]))
def test_any_target_agrees_or_not(path: str, raw: bytes | None, root: str | None) -> None:
    """Whatever a server shows, the answer is yes, no, or our refusal."""
    scope: dict[str, Any] = {"path": path, "raw_path": raw, "root_path": root}
    try:
        assert agrees(scope, HOST) in {True, False}
    except HostRefused as refused:
        assert refused.status == 400  # noqa: PT017  # Either outcome is right.
