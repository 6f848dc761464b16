"""The Host a request names, and the hosts that are ours: v5.0.0-4.1.3."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection import Hosts, is_public_name, parse_host
from asvs_middleware.connection.host import parse_authority
from asvs_middleware.errors import ConfigurationError, HostRefused


@pytest.mark.parametrize(
    ("raw", "host"),
    [
        pytest.param(b"api.example.com", "api.example.com", id="a name"),
        pytest.param(b"API.Example.COM", "api.example.com", id="capitals"),
        pytest.param(b"api.example.com.", "api.example.com", id="trailing dot"),
        pytest.param(b"api.example.com.:443", "api.example.com", id="trailing dot and port"),
        pytest.param(b"api.example.com:443", "api.example.com", id="port"),
        pytest.param(b"localhost", "localhost", id="one label"),
        pytest.param(b"my_service-1", "my_service-1", id="underscore and hyphen"),
        pytest.param(b"xn--bcher-kva.example", "xn--bcher-kva.example", id="IDN as A-label"),
        pytest.param(b"10.0.0.1:65535", "10.0.0.1", id="IPv4 and the last port"),
        pytest.param(b"[::1]", "[::1]", id="IPv6"),
        pytest.param(b"[2001:DB8::1]:8443", "[2001:db8::1]", id="IPv6 and port"),
        pytest.param(b"[2001:0DB8:0:0:0:0:0:1]", "[2001:db8::1]", id="IPv6 written out"),
        pytest.param(b"[::ffff:A00:1]", "[::ffff:10.0.0.1]", id="IPv6 that holds IPv4"),
        pytest.param(
            b".".join([b"a" * 63] * 3 + [b"a" * 61]), ".".join(["a" * 63] * 3 + ["a" * 61]), id="253 characters"
        ),
    ],
)
def test_a_host(raw: bytes, host: str) -> None:
    """Lower case, without port and trailing dot; an IPv6 literal keeps its brackets."""
    assert parse_host(raw) == host


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b".", id="a dot"),
        pytest.param(b".example.com", id="empty first label"),
        pytest.param(b"a..example", id="empty label"),
        pytest.param(b"example.com..", id="two trailing dots"),
        pytest.param(b"-a.example", id="leading hyphen"),
        pytest.param(b"a-.example", id="trailing hyphen"),
        pytest.param(b"a" * 64, id="label too long"),
        pytest.param(b".".join([b"a" * 63] * 4), id="name too long"),
        pytest.param(b":443", id="port alone"),
        pytest.param(b"example.com:", id="empty port"),
        pytest.param(b"example.com:65536", id="port too large"),
        pytest.param(b"example.com:000443", id="port too long"),
        pytest.param(b"example.com:-1", id="negative port"),
        pytest.param(b"example.com:4_3", id="port with underscore"),
        pytest.param(b"example.com:80:80", id="two ports"),
        pytest.param(b"user@example.com", id="user"),
        pytest.param(b"user:password@example.com", id="user and password"),
        pytest.param(b"example.com@evil.example", id="ours as the user"),
        pytest.param(b"example.com/path", id="path"),
        pytest.param(b"example.com?query", id="query"),
        pytest.param(b"example.com#fragment", id="fragment"),
        pytest.param(b"example.com\\evil.example", id="backslash"),
        pytest.param(b"example.com,evil.example", id="list"),
        pytest.param(b"https://example.com", id="scheme"),
        pytest.param(b"%65xample.com", id="percent-encoded"),
        pytest.param(b"*", id="wildcard"),
        pytest.param(b"*.example.com", id="wildcard below a name"),
        pytest.param(b" example.com", id="leading space"),
        pytest.param(b"example.com ", id="trailing space"),
        pytest.param(b"exam ple.com", id="space inside"),
        pytest.param(b"example.com\0", id="NUL"),
        pytest.param(b"example.com\n", id="line end"),
        pytest.param(b"example.com\r\nx: y", id="a second field"),
        pytest.param("bücher.example".encode(), id="IDN in UTF-8"),
        pytest.param("bücher.example".encode("latin-1"), id="IDN in Latin-1"),
        pytest.param(b"::1", id="IPv6 without brackets"),
        pytest.param(b"[::1", id="bracket not closed"),
        pytest.param(b"::1]", id="bracket not opened"),
        pytest.param(b"[::1]443", id="port without colon"),
        pytest.param(b"[::1]:", id="IPv6 and empty port"),
        pytest.param(b"[::1].evil.example", id="name after a literal"),
        pytest.param(b"[]", id="empty brackets"),
        pytest.param(b"[10.0.0.1]", id="IPv4 in brackets"),
        pytest.param(b"[example.com]", id="name in brackets"),
        pytest.param(b"[v1.example]", id="future literal"),
        pytest.param(b"[fe80::1%25eth0]", id="zone"),
        pytest.param(b"[fe80::1%eth0]", id="zone, not encoded"),
    ],
)
def test_no_host(raw: bytes) -> None:
    """What RFC 9110 section 7.2 would not call a host is refused as malformed: 400."""
    with pytest.raises(HostRefused, match="holds no host") as refused:
        parse_host(raw)
    assert (refused.value.status, refused.value.code) == (400, "host_malformed")


@given(st.binary() | st.text("aA0.-_:[]@/%\\ *\0\u00fc", max_size=30).map(lambda text: text.encode("latin-1")))
def test_any_bytes_are_a_host_or_refused(raw: bytes) -> None:
    """The value is fit for a URL and a header; nothing else comes out, and no other error."""
    try:
        host = parse_host(raw)
    except HostRefused:
        assert raw not in Hosts(["example.com"]).spellings
        return
    assert host == host.lower()
    assert not set(host) & set(" @/\\?#,%*\r\n\0")
    assert parse_host(host.encode()) == host
    assert parse_authority(raw)[1] in (None, *range(65536))


@pytest.mark.parametrize(
    ("hosts", "raw", "ours"),
    [
        pytest.param(["api.example.com"], b"api.example.com", True, id="the very spelling"),
        pytest.param(["api.example.com"], b"API.example.com:8443", True, id="another spelling"),
        pytest.param(["API.example.com"], b"api.example.com", True, id="configured in capitals"),
        pytest.param(["api.example.com"], b"api.example.com.evil.example", False, id="as a prefix"),
        pytest.param(["api.example.com"], b"evil-api.example.com", False, id="as a suffix"),
        pytest.param(["api.example.com"], b"example.com", False, id="the parent"),
        pytest.param(["*.example.com"], b"a.example.com", True, id="below the wildcard"),
        pytest.param(["*.example.com"], b"a.b.example.com:443", True, id="further below"),
        pytest.param(["*.example.com"], b"example.com", False, id="the wildcard's own name"),
        pytest.param(["*.example.com"], b"evilexample.com", False, id="not below, only alike"),
        pytest.param(["*.example.com"], b"a.example.com.evil.example", False, id="wildcard as a prefix"),
        pytest.param(["127.0.0.1"], b"127.0.0.1:8000", True, id="IPv4"),
        pytest.param(["127.0.0.1"], b"127.1", False, id="IPv4, short form"),
        pytest.param(["::1"], b"[::1]:8000", True, id="IPv6"),
        pytest.param(["[::1]"], b"[::1]", True, id="IPv6 configured in brackets"),
        pytest.param(["::1"], b"[::2]", False, id="another IPv6"),
        pytest.param(["2001:DB8::1"], b"[2001:db8:0:0::1]", True, id="IPv6, both in other spellings"),
        pytest.param(["[2001:db8:0::1]:8443"], b"[2001:db8::1]:8443", True, id="IPv6 and its port"),
        pytest.param(["[::1]:8443"], b"[::1]:8444", False, id="IPv6 and another port"),
        pytest.param(["api.example.com:8443"], b"api.example.com:8443", True, id="the port"),
        pytest.param(["api.example.com:8443"], b"API.example.com.:08443", True, id="the port, spelt otherwise"),
        pytest.param(["api.example.com:8443"], b"api.example.com", False, id="no port, so 443"),
        pytest.param(["api.example.com:8443"], b"api.example.com:443", False, id="another port"),
        pytest.param(["api.example.com:443"], b"api.example.com", True, id="443 is the port of TLS"),
        pytest.param(["api.example.com:443"], b"api.example.com:443", True, id="443, said"),
        pytest.param(["api.example.com:80"], b"api.example.com", False, id="80 is not"),
        pytest.param(["*.example.com:8443"], b"a.b.example.com:8443", True, id="below the wildcard, and the port"),
        pytest.param(["*.example.com:8443"], b"a.example.com:1", False, id="below the wildcard, another port"),
        pytest.param(["a.example:1", "a.example:2"], b"a.example:2", True, id="two ports of one name"),
        pytest.param(["a.example:1", "a.example"], b"a.example:2", True, id="one port, and any"),
    ],
)
def test_hosts_that_are_ours(hosts: list[str], raw: bytes, ours: bool) -> None:
    """Exact names and what lies below a wildcard are ours, whatever the port."""
    assert (raw in Hosts(hosts)) is ours


def test_a_malformed_host_is_refused_by_the_question_itself() -> None:
    """Nobody can mistake a malformed Host for one that is merely foreign."""
    with pytest.raises(HostRefused, match="holds no host"):
        b"evil example" in Hosts(["*.example.com"])  # noqa: B015


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        pytest.param([], "names no list of hosts", id="none"),
        pytest.param(None, "names no list of hosts", id="nothing"),
        pytest.param("api.example.com", "names no list of hosts.*List every name", id="one text instead of a list"),
        pytest.param(["*"], r"'\*', which is no host name", id="every host"),
        pytest.param(["*.com"], r"'\*.com', which", id="a whole top-level domain"),
        pytest.param(["*.127.0.0.1"], "which is no host name", id="below an address"),
        pytest.param(["*.::1"], "which is no host name", id="below an IPv6 address"),
        pytest.param(["a.*.example"], "which is no host name", id="wildcard inside"),
        pytest.param(["https://api.example.com"], "without scheme and path", id="scheme"),
        pytest.param(["api.example.com/v1"], "without scheme and path", id="path"),
        pytest.param(["api.example.com."], "which is no host name", id="trailing dot"),
        pytest.param(["bücher.example"], 'A-label clients send: "xn--bcher-kva.example"', id="IDN as U-label"),
        pytest.param(["*.Bücher.example"], r'"\*\.xn--bcher-kva.example"', id="IDN below a wildcard"),
        pytest.param(["straße.example"], "which begins with xn--", id="IDN that two standards spell differently"),
        pytest.param(["ü..example"], "which begins with xn--", id="IDN that has no A-label"),
        pytest.param(["a.example:"], "which is no host name", id="empty port"),
        pytest.param(["a.example:0"], "which is no host name", id="port 0"),
        pytest.param(["a.example:65536"], "which is no host name", id="no port"),
        pytest.param(["a.example.:443"], "which is no host name", id="trailing dot before a port"),
        pytest.param(["::1:8443:"], "which is no host name", id="IPv6 without brackets and a port"),
        pytest.param(["*.[::1]"], "which is no host name", id="below an IPv6 literal"),
        pytest.param(["*.0.0.1"], "which is no host name", id="below a part of an address"),
        pytest.param(["10.1"], "which is no host name", id="a short address"),
        pytest.param([" api.example.com"], "which is no host name", id="space"),
        pytest.param([""], "'', which is no host name", id="empty"),
        pytest.param(["\udc80"], "which is no host name", id="surrogate"),
        pytest.param([b"api.example.com"], "which is no host name", id="bytes"),
    ],
)
def test_hosts_that_cannot_be_right_stop_the_start_up(hosts: Any, message: str) -> None:
    """Each refusal shows what was given and how a host is written."""
    with pytest.raises(ConfigurationError, match=message):
        Hosts(hosts)


@pytest.mark.parametrize(
    ("raw", "public"),
    [
        pytest.param(b"api.example.com:443", True, id="a domain name"),
        pytest.param(b"localhost", False, id="localhost"),
        pytest.param(b"LOCALHOST:8443", False, id="localhost in capitals"),
        pytest.param(b"shop.localhost", False, id="below localhost"),
        pytest.param(b"notlocalhost", True, id="only alike"),
        pytest.param(b"127.0.0.1", False, id="IPv4"),
        pytest.param(b"[::1]:443", False, id="IPv6"),
        pytest.param(b"no host", False, id="malformed"),
    ],
)
def test_hosts_hsts_may_be_sent_for(raw: bytes, public: bool) -> None:
    """RFC 6797 section 8.1.1: domain names; and never localhost, which all projects of a machine share."""
    assert is_public_name(raw) is public


@pytest.mark.parametrize(
    "hosts", ["https://user:s3cret@a.example", ["https://user:s3cret@a.example"]], ids=["a text", "a list"]
)
def test_no_error_repeats_a_password(hosts: Any) -> None:
    """v5.0.0-16.2.5: start-up errors are logged."""
    with pytest.raises(ConfigurationError, match="not repeated: it holds @") as refused:
        Hosts(hosts)
    assert "s3cret" not in str(refused.value)
