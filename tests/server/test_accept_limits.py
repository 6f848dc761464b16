"""Who may connect and how often at once, as tables."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asvs_middleware.errors import ConfigurationError
from asvs_middleware.server.accept.limits import REASONS, Admission, Door, Place, client_of, peer_of


@pytest.mark.parametrize(
    ("address", "client"),
    [
        pytest.param("192.0.2.1", "192.0.2.1", id="IPv4"),
        pytest.param("::ffff:192.0.2.1", "192.0.2.1", id="IPv4 in IPv6"),
        pytest.param("2001:db8:0:1:a::1", "2001:db8:0:1::/64", id="IPv6"),
        pytest.param("2001:db8:0:1:b::2", "2001:db8:0:1::/64", id="another address of the same network"),
        pytest.param("2001:db8:0:2::1", "2001:db8:0:2::/64", id="the next network"),
        pytest.param("::1", "::/64", id="loopback"),
        pytest.param("unix", "unix", id="a unix socket"),
        pytest.param("unknown", "unknown", id="nobody says"),
    ],
)
def test_client(address: str, client: str) -> None:
    """All addresses of an IPv6 /64 are one client, and an IPv4 address is one."""
    assert client_of(address) == client


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        pytest.param(("192.0.2.1", 1), "192.0.2.1", id="IPv4"),
        pytest.param(("fe80::1%eth0", 1, 0, 2), "fe80::1", id="IPv6 with a zone"),
        pytest.param("", "unix", id="unix"),
        pytest.param(b"\0abstract", "unix", id="abstract unix"),
        pytest.param(None, "unknown", id="nothing"),
        pytest.param((), "unknown", id="an empty name"),
    ],
)
def test_peer(name: Any, peer: str) -> None:
    """A peer is an address without zone, unix, or unknown; never an error."""
    assert peer_of(name) == peer


@pytest.mark.parametrize(
    ("rules", "before", "peer", "denial"),
    [
        pytest.param({}, [], "192.0.2.1", None, id="the first"),
        pytest.param({"peers": ["10.0.0.0/8"]}, [], "10.1.2.3", None, id="an allowed peer"),
        pytest.param({"peers": ["10.0.0.0/8"]}, [], "192.0.2.1", "peer_not_allowed", id="a stranger"),
        pytest.param({"peers": ["10.0.0.0/8"]}, [], "unknown", "peer_not_allowed", id="nobody says who"),
        pytest.param({"peers": ["10.0.0.0/8"]}, [], "unix", "peer_not_allowed", id="a unix socket nobody named"),
        pytest.param({"connections": 2}, ["::1", "unix"], "192.0.2.1", "too_many_connections", id="all are full"),
        pytest.param(
            {"connections_per_address": 1}, ["192.0.2.1"], "192.0.2.1", "too_many_from_address", id="its own are full"
        ),
        pytest.param({"connections_per_address": 1}, ["192.0.2.1"], "192.0.2.2", None, id="those of another are full"),
        pytest.param(
            {"connections_per_address": 1}, ["2001:db8::1"], "2001:db8::2", "too_many_from_address", id="same /64"
        ),
        pytest.param(
            {"handshakes_per_address": 1}, ["192.0.2.1"], "192.0.2.1", "too_many_handshakes", id="handshakes are full"
        ),
        pytest.param(
            {"connections_per_address": 1, "uncounted": ["192.0.2.0/24"]},
            ["192.0.2.1"],
            "192.0.2.1",
            None,
            id="a proxy",
        ),
        pytest.param({"connections_per_address": 1}, ["unix"], "unix", None, id="a unix socket"),
        pytest.param(
            {"connections": 1, "uncounted": ["192.0.2.1"]},
            ["192.0.2.1"],
            "192.0.2.1",
            "too_many_connections",
            id="full",
        ),
    ],
)
def test_enter(rules: dict[str, Any], before: list[str], peer: str, denial: str | None) -> None:
    """A place is denied by the network, then by the number of all, then by the client's own."""
    door = Door(Admission(**rules))
    for one in before:
        assert isinstance(door.enter(one), Place)
    found = door.enter(peer)
    assert (None if isinstance(found, Place) else found) == denial
    assert denial is None or denial in REASONS


def test_a_done_handshake_makes_room() -> None:
    """Established connections are counted as connections alone."""
    door = Door(Admission(handshakes_per_address=1))
    first = door.enter("192.0.2.1")
    assert isinstance(first, Place)
    first.established()
    first.established()
    assert isinstance(door.enter("192.0.2.1"), Place)


def test_a_place_is_given_back_once() -> None:
    """However often it is said that a connection is gone, nobody else's place goes with it."""
    door = Door(Admission())
    gone, stays = door.enter("192.0.2.1"), door.enter("192.0.2.1")
    assert isinstance(gone, Place)
    assert isinstance(stays, Place)
    gone.release()
    gone.release()
    assert (door.total, dict(door.connections), dict(door.handshakes)) == (1, {"192.0.2.1": 1}, {"192.0.2.1": 1})


@given(
    st.lists(
        st.tuples(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "unix"]), st.integers(0, 3)), max_size=40
    )
)
def test_nothing_is_kept_of_clients_that_are_gone(steps: list[tuple[str, int]]) -> None:
    """However connections come, shake hands and go, and however often it is said: at the end all counts are empty."""
    door = Door(Admission(connections=20, connections_per_address=5, handshakes_per_address=3))
    places = list[Place]()
    for peer, act in steps:
        found = door.enter(peer)
        if isinstance(found, Place):
            places.append(found)
        for place in places[:act]:
            place.established() if act % 2 else place.release()
        assert 0 <= door.total <= 20
    for place in places * 2:
        place.release()
    assert (door.total, dict(door.connections), dict(door.handshakes)) == (0, {}, {})


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param({"connections": 0}, "is no limit", id="none at all"),
        pytest.param({"connections_per_address": True}, "is no limit", id="a truth value"),
        pytest.param({"handshakes_per_address": "9"}, "is no limit", id="text"),
        pytest.param({"connections": 1 << 30}, "Use 1 to", id="too many to hold"),
        pytest.param({"peers": ["*"]}, "may not hold", id="everybody, spelt as a network"),
        pytest.param({"peers": "10.0.0.0/8"}, "is one text", id="one text"),
        pytest.param({"uncounted": ["10.0.0.1/8"]}, "is no network", id="host bits"),
    ],
)
def test_wrong_admission(given: dict[str, Any], problem: str) -> None:
    """What cannot be right stops the start."""
    with pytest.raises(ConfigurationError, match=problem):
        Admission(**given)
