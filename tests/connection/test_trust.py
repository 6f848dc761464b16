"""Which proxies are trusted, in which words they speak, and what it takes to trust everybody."""

from datetime import date
from typing import Any

import pytest

from asvs_middleware.connection import Networks, TrustedProxies, dangerously_trust_any_proxy
from asvs_middleware.errors import ConfigurationError


def test_a_list_of_networks_means_x_forwarded() -> None:
    """The short way of writing it stands for the policy's defaults."""
    short = TrustedProxies.of(["10.0.0.0/8", "unix"])
    assert short == TrustedProxies(["10.0.0.0/8", "unix"], fields="x-forwarded", hops=None)
    assert short.networks == ("10.0.0.0/8", "unix")
    assert TrustedProxies.of(short) is short
    assert TrustedProxies.of(Networks(["10.0.0.0/8"])).networks == ("10.0.0.0/8",)
    assert short.waivers == ()


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [("10.0.0.9", True), ("unix", True), ("192.0.2.1", False), (None, False), ("", False), ("::ffff:10.0.0.9", True)],
)
def test_a_peer_is_trusted_or_not(peer: str | None, trusted: bool) -> None:
    """A peer without an address is not."""
    assert (peer in TrustedProxies(["10.0.0.0/8", "unix"])) is trusted


@pytest.mark.parametrize(
    ("given", "choices", "message"),
    [
        pytest.param(["*"], {}, r"may not hold '\*'", id="everybody"),
        pytest.param(["0.0.0.0/0"], {}, "may not hold '0.0.0.0/0'", id="everybody, as a network"),
        pytest.param("10.0.0.0/8", {}, "is one text", id="one text"),
        pytest.param(5, {}, "is a int, not a list of networks.*Write trusted_proxies", id="a number"),
        pytest.param(None, {}, "is a NoneType, not a list", id="nothing"),
        pytest.param([], {"fields": "x-forwarde"}, "Did you mean 'x-forwarded'", id="a misspelt family"),
        pytest.param([], {"fields": "both"}, "does not know 'both'", id="both families"),
        pytest.param([], {"hops": 0}, r"hops=0\) is no number.*1 to 16", id="no hop"),
        pytest.param([], {"hops": -1}, r"hops=-1\) is no number", id="fewer"),
        pytest.param([], {"hops": 17}, r"hops=17\) is no number", id="too many"),
        pytest.param([], {"hops": True}, r"hops=True\) is no number", id="a truth"),
        pytest.param([], {"hops": "2"}, r"hops='2'\) is no number", id="a text"),
    ],
)
def test_what_cannot_be_right_stops_the_start_up(given: Any, choices: Any, message: str) -> None:
    """Each refusal names the argument and what to write."""
    with pytest.raises(ConfigurationError, match=message):
        TrustedProxies(given, **choices)


@pytest.mark.parametrize("peer", ["192.0.2.1", "unix", "2001:db8::1", None])
def test_any_proxy(peer: str | None) -> None:
    """Everybody is believed, one without an address too, and a waiver says so."""
    proxies = dangerously_trust_any_proxy(reason="only the mesh's sidecar reaches it", expires=date(2027, 1, 1))
    assert peer in proxies
    [waiver] = proxies.waivers
    assert (waiver.control, waiver.requirement) == ("dangerously_trust_any_proxy(...)", "v5.0.0-4.1.3")
    assert (waiver.reason, waiver.expires) == ("only the mesh's sidecar reaches it", date(2027, 1, 1))


def test_any_proxy_counts_one_hop() -> None:
    """Were the chain followed, its end would be what the client wrote itself."""
    proxies = dangerously_trust_any_proxy(reason="only the sidecar reaches it")
    pairs = [(b"x-forwarded-for", b"198.51.100.1, 10.0.0.1, 203.0.113.5"), (b"x-forwarded-proto", b"https")]
    assert proxies.read(pairs, peer="192.0.2.1").client == "203.0.113.5"
    with pytest.raises(ConfigurationError, match=r"hops=None\) would believe.*Count the proxies"):
        dangerously_trust_any_proxy(reason="only the sidecar reaches it", hops=None)  # type: ignore[arg-type]


def test_any_proxy_needs_a_reason() -> None:
    """Three words at least, for the auditor."""
    with pytest.raises(ConfigurationError, match="needs a reason, not 'because'"):
        dangerously_trust_any_proxy(reason="because")


@pytest.mark.parametrize(
    ("addresses", "hops", "client"),
    [
        pytest.param("203.0.113.5", 1, "203.0.113.5", id="one of one"),
        pytest.param("10.0.0.5", 1, "10.0.0.5", id="a trusted address is no hop more"),
        pytest.param("203.0.113.5, 192.0.2.9", 2, "203.0.113.5", id="two, an unknown address between"),
        pytest.param("198.51.100.1, 203.0.113.5, 192.0.2.9", 2, "203.0.113.5", id="a claim on the left"),
        pytest.param("203.0.113.5", 2, None, id="one of two is missing"),
        pytest.param("", 1, None, id="an empty list"),
        pytest.param(None, 1, None, id="no list"),
        pytest.param("garbage, 192.0.2.9", 2, None, id="garbage in its place"),
        pytest.param("203.0.113.5, garbage", 2, "203.0.113.5", id="garbage between"),
    ],
)
def test_hops_in_x_forwarded_for(addresses: str | None, hops: int, client: str | None) -> None:
    """Exactly the n-th address from the right is the client, never one further out."""
    pairs = [] if addresses is None else [(b"x-forwarded-for", addresses.encode())]
    assert TrustedProxies(["10.0.0.0/8"], hops=hops).read(pairs, peer="10.0.0.9").client == client


@pytest.mark.parametrize(
    ("family", "client", "kept"),
    [("x-forwarded", "203.0.113.5", b"x-forwarded-for"), ("forwarded", "203.0.113.6", b"forwarded")],
)
def test_one_family_counts(family: Any, client: str, kept: bytes) -> None:
    """The other one is to be removed, and so is every lookalike."""
    proxies = TrustedProxies(["10.0.0.0/8"], fields=family)
    pairs = [(b"x-forwarded-for", b"203.0.113.5"), (b"forwarded", b"for=203.0.113.6")]
    assert proxies.read(pairs, peer="10.0.0.9").client == client
    assert [name for name, _ in pairs if name not in proxies.removed] == [kept]
    assert b"x_forwarded_for" in proxies.removed
