"""Local files: inside the allowed folders only, and whole or not at all."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from connectors.contract import StopStream
from connectors.storage import Changed, LocalPlace, Vanished


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder.resolve()


def names(path: str, root: Path) -> list[str]:
    return [item.name for item in LocalPlace(path, (root,)).items()]


def test_a_file_a_folder_and_patterns(root: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt", ".hidden.csv", "sub/d.csv", "sub/deep/e.csv", "x[1].csv"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("a\n1\n")
    assert names(f"{root}/a.csv", root) == ["a.csv"]
    assert names(f"{root}", root) == ["a.csv", "b.csv", "c.txt", "x[1].csv"]
    assert names(f"{root}/[ab].csv", root) == ["a.csv", "b.csv"]
    assert names(f"{root}/**/*.csv", root) == ["a.csv", "b.csv", "sub/d.csv", "sub/deep/e.csv", "x[1].csv"]
    assert names(f"{root}/*/?.csv", root) == ["sub/d.csv"]
    assert names(f"{root}/none*.csv", root) == names(f"{root}/none.csv", root) == []


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize(
    "shape", ["{out}/f.csv", "{root}/../out/f.csv", "{root}/link/f.csv", "{root}/link/*.csv", "{root}/filelink.csv"]
)
def test_what_is_outside_is_refused_in_the_same_words_whether_it_exists_or_not(root: Path, shape: str, exists: bool) -> None:
    out = root.parent / "out"
    out.mkdir()
    (root / "link").symlink_to(out)
    (root / "filelink.csv").symlink_to(out / "f.csv")
    if exists:
        (out / "f.csv").write_text("secret\n")
    path = shape.format(out=out, root=root)
    with pytest.raises(StopStream) as caught:
        LocalPlace(path, (root,)).items()
    assert str(caught.value) == f"{path} is outside the folders that connectors may read: see IPAI_FILES_ROOTS"


def test_links_in_a_pattern_lead_nowhere_outside(root: Path) -> None:
    out = root.parent / "out"
    out.mkdir()
    (out / "f.csv").write_text("secret\n")
    (root / "link").symlink_to(out)
    (root / "l.csv").symlink_to(out / "f.csv")
    (root / "inner.csv").symlink_to(root / "real.csv")
    (root / "real.csv").write_text("a\n")
    assert names(f"{root}/**/*.csv", root) == ["inner.csv", "real.csv"]


def test_a_root_is_not_a_prefix_of_text(root: Path) -> None:
    beside = Path(f"{root}-private")
    beside.mkdir()
    (beside / "f.csv").write_text("secret\n")
    with pytest.raises(StopStream, match="outside"):
        LocalPlace(f"{beside}/f.csv", (root,))


def test_no_roots_says_what_to_set() -> None:
    with pytest.raises(StopStream, match="set IPAI_FILES_ROOTS"):
        LocalPlace("/data/a.csv", ())


@pytest.mark.parametrize("path", ["a.csv", "", "/x\0y"])
def test_paths_that_are_not_absolute_are_refused(root: Path, path: str) -> None:
    with pytest.raises(StopStream, match="absolute"):
        LocalPlace(path, (root,))


def test_a_link_put_in_place_after_listing_does_not_escape(root: Path) -> None:
    out = root.parent / "secret.csv"
    out.write_text("secret\n")
    (root / "a.csv").write_text("a\n")
    place = LocalPlace(f"{root}/a.csv", (root,))
    item = place.items()[0]
    (root / "a.csv").unlink()
    (root / "a.csv").symlink_to(out)
    with pytest.raises(StopStream, match="outside"):
        place.snapshot(item, root)


def test_pipes_sockets_and_devices_are_refused(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(StopStream, match="not a regular file"):
        LocalPlace(f"{root}/pipe", (root,)).items()
    assert names(f"{root}/*", root) == []
    with socket.socket(socket.AF_UNIX) as made:
        os.chdir(root)
        made.bind("sock")
        with pytest.raises(StopStream, match="not a regular file"):
            LocalPlace(f"{root}/sock", (root,)).items()
    with pytest.raises(StopStream, match="not a regular file"):
        LocalPlace("/dev/null", (Path("/dev"),)).items()


@pytest.mark.parametrize("path", ["", "/*"])
def test_a_folder_with_other_things_in_it_names_them(root: Path, path: str) -> None:
    os.mkfifo(root / "pipe")
    (root / "gone.csv").symlink_to(root / "nothing")
    (root / "out.csv").symlink_to("/etc/hostname")
    (root / "a.csv").write_text("a\n")
    place = LocalPlace(f"{root}{path}", (root,))
    assert [item.name for item in place.items()] == ["a.csv"]
    assert [line.split(" ")[0] for line in place.passed_over] == ["gone.csv", "out.csv", "pipe"]


def test_a_snapshot_reads_the_file_in_place(root: Path) -> None:
    data = os.urandom(3_000_000)
    (root / "a.csv").write_bytes(data)
    place = LocalPlace(f"{root}/a.csv", (root,))
    taken = place.snapshot(place.items()[0], root)
    first, second = taken.open(), taken.open()
    assert (first.read(10), second.read(), first.read()) == (data[:10], data, data[10:])
    assert (taken.sha256, taken.size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert first.seek(-4, 2) == len(data) - 4
    assert first.read() == data[-4:]
    taken.verify()
    taken.close()


def cut(path: Path) -> None:
    os.truncate(path, 3)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more\n")


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"XX")


def rewrite_and_restore_time(path: Path) -> None:
    stamp = path.stat()
    rewrite(path)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


@pytest.mark.parametrize("change", [cut, grow, rewrite, rewrite_and_restore_time])
def test_a_file_changed_while_it_is_read_is_an_error(root: Path, change: object) -> None:
    path = root / "a.csv"
    path.write_bytes(b"a,b\n1,2\n")
    place = LocalPlace(str(path), (root,))
    taken = place.snapshot(place.items()[0], root)
    change(path)  # type: ignore[operator]
    with pytest.raises(Changed, match="changed while it was read"):
        taken.verify()
    taken.close()


@pytest.mark.parametrize("how", ["delete", "replace"])
def test_a_file_deleted_or_replaced_while_it_is_read_is_read_as_it_was(root: Path, how: str) -> None:
    path = root / "a.csv"
    path.write_bytes(b"a,b\n1,2\n")
    place = LocalPlace(str(path), (root,))
    taken = place.snapshot(place.items()[0], root)
    path.unlink()
    if how == "replace":
        path.write_bytes(b"other\n")
    assert taken.open().read() == b"a,b\n1,2\n"
    taken.verify()
    taken.close()


def test_a_file_deleted_after_listing_has_vanished(root: Path) -> None:
    path = root / "a.csv"
    path.write_bytes(b"a\n")
    place = LocalPlace(str(path), (root,))
    item = place.items()[0]
    path.unlink()
    with pytest.raises(Vanished):
        place.snapshot(item, root)


def test_two_writes_within_a_second_are_two_versions(root: Path) -> None:
    path = root / "a.csv"
    path.write_bytes(b"a\n1\n")
    os.utime(path, ns=(0, 1_700_000_000_000_000_001))
    first = LocalPlace(str(path), (root,)).items()[0]
    os.utime(path, ns=(0, 1_700_000_000_000_000_002))
    assert LocalPlace(str(path), (root,)).items()[0].modified != first.modified
