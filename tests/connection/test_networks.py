"""Sets of networks: which addresses lie inside, which texts are refused. v5.0.0-4.1.3."""

from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.connection import Networks
from asvs_middleware.connection.networks import is_address
from asvs_middleware.errors import ConfigurationError


@pytest.mark.parametrize(
    ("networks", "address", "inside"),
    [
        pytest.param(["10.0.0.0/8"], "10.0.0.0", True, id="the first address"),
        pytest.param(["10.0.0.0/8"], "10.255.255.255", True, id="the last address"),
        pytest.param(["10.0.0.0/8"], "9.255.255.255", False, id="the one before"),
        pytest.param(["10.0.0.0/8"], "11.0.0.0", False, id="the one after"),
        pytest.param(["10.0.0.0/255.0.0.0"], "10.1.2.3", True, id="a netmask"),
        pytest.param(["10.0.0.7"], "10.0.0.7", True, id="a single address"),
        pytest.param(["10.0.0.7"], "10.0.0.8", False, id="beside a single address"),
        pytest.param(["10.0.0.0/24", "10.0.2.0/24"], "10.0.1.1", False, id="between two networks"),
        pytest.param(["10.0.2.0/24", "10.0.0.0/24"], "10.0.2.1", True, id="given in any order"),
        pytest.param(["10.0.0.0/9", "10.128.0.0/9"], "10.200.0.1", True, id="two halves"),
        pytest.param(["10.0.0.0/8", "10.1.0.0/16"], "10.2.0.1", True, id="one inside the other"),
        pytest.param(["2001:db8::/32"], "2001:db8::1", True, id="IPv6"),
        pytest.param(["2001:db8::/32"], "2001:0DB8:0:0:0:0:0:1", True, id="IPv6, long and in capitals"),
        pytest.param(["2001:db8::1"], "2001:db8:0:0::1", True, id="IPv6, another place for the zeros"),
        pytest.param(["2001:db8::/32"], "2001:db9::1", False, id="another IPv6 network"),
        pytest.param(["10.0.0.0/8"], "::ffff:10.0.0.1", True, id="IPv4-mapped, dotted"),
        pytest.param(["10.0.0.0/8"], "::ffff:a00:1", True, id="IPv4-mapped, hexadecimal"),
        pytest.param(["10.0.0.0/8"], "::10.0.0.1", False, id="IPv4-compatible is IPv6"),
        pytest.param(["10.0.0.0/8"], "64:ff9b::10.0.0.1", False, id="translated by NAT64 is IPv6"),
        pytest.param(["::ffff:10.0.0.0/104"], "10.1.2.3", True, id="a mapped network is IPv4"),
        pytest.param(["::ffff:10.0.0.0/104"], "11.1.2.3", False, id="outside the mapped network"),
        pytest.param(["::/1"], "10.0.0.1", False, id="a wide IPv6 network holds no IPv4"),
        pytest.param(["128.0.0.0/1"], "8000::1", False, id="nor the other way round"),
        pytest.param(["unix"], "unix", True, id="unix"),
        pytest.param(["10.0.0.0/8"], "unix", False, id="unix was not named"),
        pytest.param(["unix"], "10.0.0.1", False, id="only unix was named"),
        pytest.param(["10.0.0.0/8"], None, False, id="no address"),
        pytest.param(["10.0.0.0/8"], "", False, id="empty"),
        pytest.param(["10.0.0.0/8"], "10.0.0.1:80", False, id="with a port"),
        pytest.param(["10.0.0.0/8"], " 10.0.0.1", False, id="with a space"),
        pytest.param(["10.0.0.0/8"], "10.1", False, id="short form"),
        pytest.param(["10.0.0.0/8"], "010.0.0.1", False, id="leading zero"),
        pytest.param(["10.0.0.0/8"], "10.0.0.1\0", False, id="NUL"),
        pytest.param(["10.0.0.0/8"], "\udc80", False, id="surrogate"),
        pytest.param(["fe80::/10"], "fe80::1%eth0", False, id="with a zone"),
        pytest.param(["::1"], "[::1]", False, id="in brackets"),
        pytest.param([], "127.0.0.1", False, id="nothing is named"),
    ],
)
def test_membership(networks: list[str], address: str | None, inside: bool) -> None:
    """An address is inside when one of the networks holds it, in whatever spelling; what is no address never is."""
    assert (address in Networks(networks)) is inside


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        pytest.param(["*"], r"may not hold '\*'.*whoever connects.*Name the networks", id="everybody"),
        pytest.param(["0.0.0.0/0"], "may not hold '0.0.0.0/0'", id="everybody, as a network"),
        pytest.param(["::/0"], "may not hold '::/0'", id="everybody, IPv6"),
        pytest.param(["::ffff:0.0.0.0/96"], "may not hold '::ffff:0.0.0.0/96'", id="everybody, mapped"),
        pytest.param(["10.0.0.1/8"], "has host bits set.*without host bits", id="host bits"),
        pytest.param(["10.0.0.0/33"], "which is no network", id="prefix too long"),
        pytest.param(["proxy.internal"], "'proxy.internal', which is no network", id="a name"),
        pytest.param([""], "'', which is no network", id="empty"),
        pytest.param(["UNIX"], "'UNIX', which is no network", id="unix in capitals"),
        pytest.param(["fe80::1%eth0"], "without a zone", id="a zone"),
        pytest.param([167772161], "167772161, which is no network", id="a number"),
        pytest.param([b"\x0a\0\0\1"], "which is no network", id="bytes"),
        pytest.param([None], "None, which is no network", id="nothing"),
        pytest.param("10.0.0.0/8", r"is one text\. Write a list: \['10.0.0.0/8'\]", id="one text instead of a list"),
    ],
)
def test_what_names_no_network_stops_the_start_up(networks: Any, message: str) -> None:
    """Each refusal names the argument, what was given, and what to write; nothing trusts everybody."""
    with pytest.raises(ConfigurationError, match=f"^trusted_proxies.*{message}"):
        Networks(networks, argument="trusted_proxies")


def test_networks_know_what_was_given() -> None:
    """They are true when something was named, and keep the words, for the audit."""
    networks = Networks(iter(["10.0.0.0/8", "unix"]))
    assert networks.given == ("10.0.0.0/8", "unix")
    assert networks
    assert not Networks([])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10.0.0.1", True), ("2001:db8::1", True), ("::ffff:1.2.3.4", True), ("10.0.0.1/32", False), ("localhost", False)],
)
def test_is_address(text: str, expected: bool) -> None:
    """An address alone, without network, port, brackets or zone."""
    assert is_address(text) is expected


Network = st.builds(
    lambda address, bits: ip_network(f"{address}/{min(bits, address.max_prefixlen)}", strict=False),
    st.ip_addresses(),
    st.integers(1, 128),
).filter(lambda network: not getattr(network.network_address, "ipv4_mapped", None))
"""Without IPv4-mapped ones, which have their rows above: they count as IPv4, and all of them together are refused."""


@given(st.lists(Network, max_size=8), st.data())
def test_membership_is_what_ipaddress_says(networks: list[Any], data: st.DataObject) -> None:
    """Merging and bisecting change no answer, least of all at the edges."""
    edges = [edge for network in networks for edge in (network[0], network[-1])]
    near = [type(edge)((int(edge) + step) % 2**edge.max_prefixlen) for edge in edges for step in (-1, 0, 1)]
    address: IPv4Address | IPv6Address = data.draw(
        st.sampled_from(near) | st.ip_addresses() if near else st.ip_addresses()
    )
    effective = getattr(address, "ipv4_mapped", None) or address
    expected = any(effective.version == network.version and effective in network for network in networks)
    assert (str(address) in Networks([str(network) for network in networks])) is expected
    assert (address.exploded in Networks(map(str, networks))) is expected


@given(st.text())
def test_any_text_is_inside_or_not(text: str) -> None:
    """Whatever a header or a server calls an address, the answer is yes or no."""
    assert (text in Networks(["10.0.0.0/8", "2001:db8::/32"])) in {True, False}


@given(st.text(max_size=40))
def test_any_text_is_a_network_or_refused(text: str) -> None:
    """Whatever is configured, it is a network or a ConfigurationError."""
    try:
        Networks([text])
    except ConfigurationError as error:
        assert error.fix  # noqa: PT017  # Either outcome is right.
