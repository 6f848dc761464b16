"""Files with networks: read when the policy is made, and again when they change."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from asvs_middleware.connection import AllowedPeers, PeerRanges
from asvs_middleware.connection.live_peers import LivePeers
from asvs_middleware.errors import ConfigurationError

Events = Callable[[], list[dict[str, Any]]]

OLD, NEW = "203.0.113.0/24", "198.51.100.0/24"
OLD_PEER, NEW_PEER = "203.0.113.9", "198.51.100.9"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ranges.txt"
    path.write_text(OLD)
    return path


def test_a_file_is_read_at_once(file: Path) -> None:
    """What it holds is known before the first request; a byte order mark does no harm."""
    file.write_bytes(b"\xef\xbb\xbf" + OLD.encode())
    assert PeerRanges(file).found.networks == (OLD,)
    assert PeerRanges(str(file)) == PeerRanges(str(file))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "cannot be used: it holds no network.*Give one network a line", id="empty"),
        pytest.param(b"0.0.0.0/0", "may not hold '0.0.0.0/0'", id="everybody"),
        pytest.param(b"*", r"may not hold '\*'", id="everybody, as a star"),
        pytest.param(b"203.0.113.0/2", "host bits", id="a line cut short"),
        pytest.param(b"cdn.example", "which is no network", id="a name"),
        pytest.param(b"\xff", "cannot be used", id="no text"),
        pytest.param(b"#" * (16 * 1024 * 1024 + 1), "larger than", id="too large"),
    ],
)
def test_a_wrong_file_stops_the_start_up(file: Path, content: bytes, message: str) -> None:
    """With the file's name and what to do."""
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"^PeerRanges\('.*ranges\.txt'\).*{message}"):
        PeerRanges(file)


@pytest.mark.parametrize(
    ("path", "choices", "message"),
    [
        pytest.param("/nowhere/at/all", {}, "cannot be read: No such file", id="missing"),
        pytest.param("/", {}, "no regular file", id="a folder"),
        pytest.param("/dev/zero", {}, "no regular file", id="a device"),
        pytest.param("a\0b", {}, "cannot be used", id="NUL"),
        pytest.param("", {}, r"PeerRanges\(''\) is no path", id="no path"),
        pytest.param(5, {}, r"PeerRanges\(5\) is no path", id="a number"),
        pytest.param("/", {"every": timedelta(0)}, "no pause of a second", id="no pause"),
        pytest.param("/", {"every": 10}, "every=10", id="a number for a pause"),
    ],
)
def test_wrong_arguments(path: Any, choices: Any, message: str) -> None:
    """Each is refused before anything is read."""
    with pytest.raises(ConfigurationError, match=message):
        PeerRanges(path, **choices)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param([], "no list of networks that may connect.*or leave it out", id="nobody"),
        pytest.param("10.0.0.0/8", "no list of networks", id="one text"),
        pytest.param(None, "no list of networks", id="nothing"),
        pytest.param(["*"], r"allowed_peers may not hold '\*'", id="everybody"),
        pytest.param([5], "allowed_peers holds 5", id="a number"),
    ],
)
def test_peers_that_cannot_be_right(given: Any, message: str) -> None:
    """A lock for nobody, or for everybody, is a mistake."""
    with pytest.raises(ConfigurationError, match=message):
        AllowedPeers(given)


def test_networks_and_files_together(file: Path) -> None:
    """Each of them opens; a peer without an address is nowhere."""
    peers = LivePeers(AllowedPeers(["10.0.0.0/8", PeerRanges(file), "unix"]))
    assert all(peer in peers for peer in ("10.0.0.9", OLD_PEER, "unix"))
    assert not any(peer in peers for peer in (NEW_PEER, None, ""))


def of(file: Path) -> LivePeers:
    return LivePeers(AllowedPeers([PeerRanges(file)]))


def test_nothing_has_changed(file: Path, events: Events) -> None:
    """Then nothing is read and nothing said."""
    peers = of(file)
    for _ in range(3):
        peers.refresh()
    assert OLD_PEER in peers
    assert events() == []


def rewritten(path: Path, text: str) -> None:
    path.write_text(text)


def replaced(path: Path, text: str) -> None:
    other = path.with_name("new")
    other.write_text(text)
    other.replace(path)


@pytest.mark.parametrize("change", [rewritten, replaced])
def test_a_change_counts_once_it_has_settled(file: Path, events: Events, change: Callable[[Path, str], None]) -> None:
    """The first look sees it, the second finds it unchanged and takes it: nobody waits, nothing restarts."""
    peers = of(file)
    change(file, f"{NEW}\n")
    peers.refresh()
    assert (OLD_PEER in peers, NEW_PEER in peers) == (True, False)
    peers.refresh()
    assert (OLD_PEER in peers, NEW_PEER in peers) == (False, True)
    [told] = events()
    assert (told["event"], told["networks"]) == ("peer_ranges_reloaded", 1)
    assert "ranges.txt" in told["file"]


def test_a_symlink_that_is_turned(tmp_path: Path) -> None:
    """As Kubernetes does with a mounted ConfigMap: same size, same time, another file."""
    for folder, network in (("a", OLD), ("b", "198.51.10.0/24")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ranges.txt").write_text(network)
        os.utime(tmp_path / folder / "ranges.txt", ns=(1, 1))
    (tmp_path / "now").symlink_to("a")
    peers = of(tmp_path / "now" / "ranges.txt")
    (tmp_path / "next").symlink_to("b")
    (tmp_path / "next").replace(tmp_path / "now")
    peers.refresh()
    peers.refresh()
    assert (OLD_PEER in peers, "198.51.10.9" in peers) == (False, True)


def test_a_file_that_is_being_written(file: Path, events: Events) -> None:
    """Half of it would be another set of networks; it is left alone until it stands still."""
    peers = of(file)
    for text in ("198.0.0.0/8", "198.0.0.0/8\n192.0.2.0/24"):
        file.write_text(text)
        peers.refresh()
        assert OLD_PEER in peers
    assert events() == []
    peers.refresh()
    assert "192.0.2.1" in peers


@pytest.mark.parametrize("bad", ["", "0.0.0.0/0", "garbage", None], ids=["empty", "everybody", "garbage", "gone"])
def test_a_bad_new_file_keeps_the_old_networks(file: Path, events: Events, bad: str | None) -> None:
    """One event says so; nothing is locked out, nobody let in; and the next good file counts again."""
    peers = of(file)
    if bad is None:
        file.unlink()
    else:
        file.write_text(bad)
    for _ in range(4):
        peers.refresh()
    assert OLD_PEER in peers
    [told] = events()
    assert told["event"] == "peer_ranges_refused"
    assert told["reason"].endswith("The networks read before stay in force.")
    file.write_text(f"{NEW}\n{OLD}")
    peers.refresh()
    peers.refresh()
    assert NEW_PEER in peers
    assert events()[-1]["event"] == "peer_ranges_reloaded"


def test_a_file_that_changes_between_look_and_reading(file: Path, events: Events) -> None:
    """What is read is what was looked at, or it is looked at again."""
    late = [False]

    class Late(PeerRanges):
        """A file that somebody writes to just before it is read."""

        __slots__ = ()

        def read(self) -> Any:
            if late.pop():
                file.write_text(f"{NEW}\n192.0.2.0/24")
            late.append(False)
            return super().read()

    peers = LivePeers(AllowedPeers([Late(file)]))
    file.write_text(NEW)
    peers.refresh()
    late[:] = [True]
    peers.refresh()
    assert NEW_PEER not in peers
    assert events() == []
    peers.refresh()
    peers.refresh()
    assert "192.0.2.9" in peers
