"""What is seen of files from outside."""

from pathlib import Path
from typing import Any

import pytest

from asvs_middleware.server.keys.watching import changed, snapshot

WHOLE = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def overwrite(path: Path) -> None:
    path.write_bytes(b"other")


def replace(path: Path) -> None:
    """The same bytes, in another file."""
    new = path.with_name("new")
    new.write_bytes(path.read_bytes())
    new.replace(path)


def remove(path: Path) -> None:
    path.unlink()


def close(path: Path) -> None:
    path.chmod(0o600)


def point_elsewhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("elsewhere")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [overwrite, replace, remove, close, point_elsewhere, a_folder])
@pytest.mark.parametrize("through", ["path", "link", "two links", "linked folder"])
def test_each_change_is_seen(change: Any, through: str, tmp_path: Path) -> None:
    """Whatever happens to a file, and however its path leads to it."""
    (tmp_path / "real").mkdir()
    file = tmp_path / "real" / "server.pem"
    file.write_bytes(WHOLE)
    file.chmod(0o644)
    (tmp_path / "link").symlink_to(file)
    (tmp_path / "two").symlink_to("link")
    (tmp_path / "folder").symlink_to("real")
    places = {"path": file, "link": tmp_path / "link", "two links": tmp_path / "two"}
    path = places.get(through, tmp_path / "folder" / "server.pem")
    before = snapshot([path])
    assert snapshot([path, str(path)]) == before, "nothing happened"
    change(file)
    assert changed(before, snapshot([path])) == [str(path)]


@pytest.mark.parametrize("link", ["file", "folder"])
def test_a_link_that_was_made_anew_leads_to_the_same_place(link: str, tmp_path: Path) -> None:
    """It may have led elsewhere meanwhile, while the files were read."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_bytes(b"a")
    target, path = ("real/a", tmp_path / "link") if link == "file" else ("real", tmp_path / "link" / "a")
    (tmp_path / "link").symlink_to(target)
    before = snapshot([path])
    (tmp_path / "new").symlink_to(target)
    (tmp_path / "new").replace(tmp_path / "link")
    assert snapshot([path]) != before


def test_what_is_in_a_folder(tmp_path: Path) -> None:
    """A folder of lists is other once one of them is; a link in it that leads nowhere is no error."""
    for name in "ab":
        (tmp_path / name).write_bytes(b"list")
    before = snapshot([tmp_path])
    (tmp_path / "a").write_bytes(b"another list")
    after = snapshot([tmp_path])
    assert changed(before, after) == [str(tmp_path)]
    (tmp_path / "c").symlink_to("nowhere")
    with_link = snapshot([tmp_path])
    assert changed(after, with_link) == [str(tmp_path)]
    (tmp_path / "b").write_bytes(b"another list")
    assert changed(with_link, snapshot([tmp_path])) == [str(tmp_path)]


def test_what_cannot_be_looked_at(tmp_path: Path) -> None:
    """Neither a missing file, nor a circle of links, nor a name that no file has, is an error."""
    (tmp_path / "circle").symlink_to("circle")
    paths = [tmp_path / "none", tmp_path / "circle", "nul\0l", "x" * 5000]
    assert snapshot(paths) == snapshot(paths)
