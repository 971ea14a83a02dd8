"""What is written through to the disk, and in which order: ADR 5 says why."""

from pathlib import Path

import pytest

from tests.faults.support import FORMS, Place
from tests.support.machine import Event, Machine

FORM = pytest.mark.parametrize("form", FORMS)
FORCE = pytest.mark.parametrize("force", [False, True], ids=["new", "force"])


def positions(events: list[Event], call: str, path: str = "") -> list[int]:
    return [n for n, one in enumerate(events) if one.call == call and path in {"", one.path, one.other}]


@FORCE
def test_a_folder(force: bool, place: Place, machine: Machine) -> None:
    """Each file before it has its name, each folder after all that is in it, the name last, and then its folder."""
    place.reset("folder", force=force)
    result, events = machine.run(*place.args("folder", force=force), under=place.folder)
    place.done(result, "folder")
    (named,) = [n for n in positions(events, "rename", str(place.dest)) if events[n].other == str(place.dest)]
    hidden = events[named].path
    files = [one for one in place.dest.rglob("*") if one.is_file()]
    folders = [place.dest, *(one for one in place.dest.rglob("*") if one.is_dir())]
    for file in files:
        name = f"{hidden}/{file.relative_to(place.dest)}"
        (moved,) = positions(events, "rename", name)
        part = events[moved].path
        begun = max(n for n in positions(events, "open", part) if n < moved)
        synced = [n for n in positions(events, "fsync", part) if begun < n < moved]
        written = [n for n in positions(events, "write", part) if begun < n < moved]
        closed = [n for n in positions(events, "close", part) if begun < n < moved]
        assert len(synced) == len(closed) == 1
        assert max(written) < synced[0] < closed[0]
        for folder in folders:
            if file.is_relative_to(folder):
                assert moved < synced_folder(events, hidden, folder, place.dest) < named
    for inner in folders:
        for outer in folders:
            if inner != outer and inner.is_relative_to(outer):
                times = [synced_folder(events, hidden, one, place.dest) for one in (inner, outer)]
                assert times == sorted(times)
    last_and_lasting(events, named, place)


def synced_folder(events: list[Event], hidden: str, folder: Path, dest: Path) -> int:
    path = str(Path(hidden) / folder.relative_to(dest))
    (found,) = positions(events, "fsync", path)
    return found


@FORCE
def test_a_tar(force: bool, place: Place, machine: Machine) -> None:
    place.reset("tar", force=force)
    result, events = machine.run(*place.args("tar", force=force), under=place.folder)
    place.done(result, "tar")
    (named,) = positions(events, "rename")
    hidden = events[named].path
    (synced,) = positions(events, "fsync", hidden)
    assert max(positions(events, "pwrite")) < positions(events, "ftruncate")[0] < synced < named
    assert synced < positions(events, "close", hidden)[0] < named
    last_and_lasting(events, named, place)


def last_and_lasting(events: list[Event], named: int, place: Place) -> None:
    """The folder that DEST stands in comes after the name, and before what was replaced goes."""
    (synced,) = positions(events, "fsync", str(place.folder))
    assert named < synced
    assert not [n for n in positions(events, "unlink") if named < n < synced]
    assert not [n for n in (*positions(events, "write"), *positions(events, "pwrite")) if n > named]


@FORM
@FORCE
def test_no_sync_leaves_it_out(form: str, force: bool, place: Place, machine: Machine) -> None:
    place.reset(form, force=force)
    result, events = machine.run(*place.args(form, force=force), "--no-sync", under=place.folder)
    place.done(result, form)
    assert positions(events, "fsync") == []


@pytest.mark.parametrize("outer", ["gzip", "zstd"])
def test_a_compressed_tar(outer: str, place: Place, machine: Machine) -> None:
    result, events = machine.run(*place.args("tar", force=False), "--outer", outer, under=place.folder)
    assert result.status == 0, result.stderr
    (named,) = positions(events, "rename")
    hidden = events[named].path
    (synced,) = positions(events, "fsync", hidden)
    assert max(positions(events, "write", hidden)) < synced < named
    last_and_lasting(events, named, place)


def test_a_merge(place: Place, machine: Machine) -> None:
    """Blobs and their folder, then index.json: whoever reads it finds all that it lists, after a crash too."""
    place.reset("folder", force=True)
    args = ("convert", place.work.new, place.dest, "--to", "oci-layout", "--merge", "-q")
    result, events = machine.run(*args, under=place.folder)
    assert result.status == 0, result.stderr
    index = str(place.dest / "index.json")
    (named,) = [n for n in positions(events, "rename", index) if events[n].other == index]
    (blobs,) = positions(events, "fsync", str(place.dest / "blobs" / "sha256"))
    (content,) = positions(events, "fsync", events[named].path)
    (folder,) = positions(events, "fsync", str(place.dest))
    moved = [
        n for n, one in enumerate(events) if one.other.startswith(str(place.dest / "blobs")) and one.call == "rename"
    ]
    assert moved
    assert max(moved) < blobs < content < named < folder
