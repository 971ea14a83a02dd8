"""Merges need nothing but the store itself; what a umask or a folder forbids leaves nothing behind in silence."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.support import Place, Work
from tests.support.machine import Fault, Machine, run, shell, state

TARGETS = pytest.mark.parametrize("target", ["oci-layout", "registry-storage"])
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user is made of root")
#: Runs a command as a user whom modes bind.
ORDINARY = "exec setpriv --reuid 65534 --regid 65534 --clear-groups"


def store(place: Place, target: str) -> Path:
    """Make a store of the old archive at DEST."""
    shutil.rmtree(place.folder)
    place.folder.mkdir()
    assert run("convert", place.work.old, place.dest, "--to", target, "--tag", "corpus/old:1", "-q").status == 0
    return place.dest


def merged(place: Place, target: str) -> tuple[str | Path, ...]:
    return ("convert", place.work.new, place.dest, "--to", target, "--merge", "-q")


def names(place: Place) -> set[str]:
    images = run("inspect", place.dest, "--format", "json", "-q").archive()["images"]
    return {name for image in images for name in image["references"]}


@pytest.fixture
def reachable(work: Work) -> Iterator[Place]:
    """A place that other users may enter, as the folders of pytest are not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103  that is the point
        Path(folder, "place").mkdir()
        yield Place(work, Path(folder, "place"))


@TARGETS
@pytest.mark.parametrize("where", ["mount-point", "read-only-parent"])
def test_a_merge_writes_to_the_store_alone(target: str, where: str, place: Place, mounting: tuple[str, ...]) -> None:
    dest = store(place, target)
    before = state(dest)
    assert isinstance(before, dict)
    mounts = {
        "mount-point": 'mount -t tmpfs tmpfs /mnt && cp -R "$2/." /mnt && mount --bind /mnt "$2"',
        "read-only-parent": 'mount --bind "$1" "$1" && mount --bind "$2" "$2" && mount -o remount,ro,bind "$1"',
    }
    script = f'{mounts[where]} || exit 99; to=$3 dest=$2; shift 3; "$@" || exit; mkdir "$to" && cp -R "$dest/." "$to"'
    copy = place.folder.parent / "copy"
    args = merged(place, target)
    result = run(*args, before=(*mounting, *shell(script, place.folder, dest, copy)))
    assert (result.status, result.stderr) == (0, "")
    after = state(copy)
    assert isinstance(after, dict)
    assert before.keys() < after.keys()
    assert not [name for name in after if "ociarchive" in name]


@TARGETS
def test_a_folder_that_is_called_like_a_merge_is_nobodys_business(target: str, place: Place) -> None:
    store(place, target)
    for name in ("dest.merge", ".dest.merge"):
        (place.folder / name).mkdir()
    (place.dest / "merge").mkdir()
    result = run(*merged(place, target))
    assert (result.status, result.stderr) == (0, "")
    assert names(place) == {"docker.io/corpus/old:1", "docker.io/faults/app:1.0"}


@TARGETS
def test_a_merge_that_is_killed_is_cleared_by_the_next(target: str, place: Place, machine: Machine) -> None:
    store(place, target)
    _, events = machine.run(*merged(place, target), under=place.folder)
    whole = state(place.dest)
    kills = 0
    for moment in range(1, len(events), max(1, len(events) // 6)):
        store(place, target)
        fault = Fault.signalled(moment, signal.SIGKILL)
        killed, _ = machine.run(*merged(place, target), under=place.folder, fault=fault)
        assert killed.status in {-signal.SIGKILL, 0}  # threads make a few calls more or less
        kills += killed.status == -signal.SIGKILL
        assert "docker.io/corpus/old:1" in names(place), moment
        audited = run("audit", place.dest, "-q")
        assert audited.status == 0, (moment, audited.stdout)
        result = run(*merged(place, target))
        assert (result.status, result.stderr) == (0, ""), moment
        assert state(place.dest) == whole, moment
    assert kills > 3


@TARGETS
def test_force_takes_away_what_a_killed_merge_left(target: str, place: Place, machine: Machine) -> None:
    store(place, target)
    fault = Fault("rename", 1, f"signal {signal.SIGKILL.value}")
    machine.run(*merged(place, target), under=place.folder, fault=fault)
    assert [one for one in place.dest.iterdir() if one.name.startswith(".merge.")]
    result = run("convert", place.work.new, place.dest, "--to", target, "--force", "-q")
    assert (result.status, result.stderr, place.left()) == (0, "", [])


@AS_ROOT
@pytest.mark.parametrize("form", ["oci-layout", "oci-archive", "registry-storage", "--merge"])
def test_a_umask_that_lets_nobody_in_leaves_nothing(form: str, reachable: Place) -> None:
    place = reachable
    store(place, "oci-layout")
    for one in [place.folder, *place.folder.rglob("*")]:
        os.chown(one, 65534, 65534)
    before = state(place.dest)
    source = shutil.copy(place.work.new, place.folder / "source.tar")
    os.chmod(source, 0o644)
    dest, options = (place.dest, ("--to", "oci-layout", "--merge")) if form == "--merge" else (
        place.folder / "made", ("--to", form)
    )  # fmt: skip
    ordinary = shell(f'umask 0777; {ORDINARY} "$@"')
    result = run("convert", source, dest, *options, "-q", before=ordinary)
    assert result.status in {0, 3}, result.stderr
    if result.status:
        assert result.stderr.count("\n") == 1
        assert state(place.dest) == before
        assert sorted(os.listdir(place.folder)) == ["dest", "source.tar"]
    assert place.left() == []


@AS_ROOT
def test_a_folder_that_cannot_be_emptied_is_refused_first(reachable: Place) -> None:
    place = reachable
    dest = store(place, "oci-layout")
    os.chown(place.folder, 65534, 65534)
    before = state(dest)
    source = shutil.copy(place.work.new, place.folder / "source.tar")
    os.chmod(source, 0o644)
    result = run("convert", source, dest, "--to", "oci-layout", "--force", "-q", before=shell(f'{ORDINARY} "$@"'))
    assert result.status == 3
    assert "DEST cannot be replaced, as a folder in it may not be emptied" in result.stderr
    assert state(dest) == before
    assert place.left() == []


def test_what_cannot_be_removed_after_all_is_named(place: Place, machine: Machine) -> None:
    place.reset("folder", force=True)
    args = place.args("folder", force=True)[:-2]
    _, events = machine.run(*args, "--force", under=place.folder)
    last = len([one for one in events if one.call == "unlink"])
    place.reset("folder", force=True)
    result, _ = machine.run(*args, "--force", under=place.folder, fault=Fault.failing("unlink", last))
    assert result.status == 0
    (left,) = place.left()
    wanted = f"notice: not all of what was replaced can be removed, it stays as {place.folder / left} ({place.dest})\n"
    assert wanted in result.stderr


@pytest.mark.parametrize("at", ["", "/blobs/sha256"])
def test_a_mount_in_dest_is_refused_first(at: str, place: Place, mounting: tuple[str, ...]) -> None:
    dest = store(place, "oci-layout")
    before = state(dest)
    script = f'mount -t tmpfs tmpfs /mnt && cp -R "$1{at}/." /mnt && mount --bind /mnt "$1{at}" || exit 99; shift; "$@"'
    args = ("convert", place.work.new, dest, "--to", "oci-layout", "--force", "-q")
    result = run(*args, before=(*mounting, *shell(script, dest)))
    assert result.status == 2
    assert "mounted" in result.stderr
    assert state(dest) == before
    assert place.left() == []
