"""DEST is whole or absent, whoever else writes it and however a run ends."""

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ociarchive.blobio import destination, renaming
from ociarchive.blobio.destination import Destination
from ociarchive.errors import HostError, OciArchiveError, UsageError

KINDS = pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])


def dest(path: Path, *, folder: bool, force: bool = False, sync: bool = False) -> Destination:
    return Destination(str(path), folder=folder, force=force, sync=sync)


def fill(place: Destination, text: str, *, folder: bool) -> None:
    if folder:
        Path(place.path, "content").write_text(text)
    else:
        os.write(place.fd, text.encode())


def make(path: Path, text: str, *, folder: bool) -> None:
    if folder:
        path.mkdir()
        (path / "content").write_text(text)
    else:
        path.write_text(text)


def text_of(path: Path) -> str:
    return (path / "content" if path.is_dir() else path).read_text()


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@KINDS
@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("force", [True, False])
def test_dest_appears_when_it_is_published(folder: bool, sync: bool, force: bool, tmp_path: Path) -> None:
    with dest(tmp_path / "dest", folder=folder, sync=sync, force=force) as place:
        fill(place, "new", folder=folder)
        assert place.parent == str(tmp_path)
        (hidden,) = names(tmp_path)
        assert hidden.startswith(".dest.")
        place.publish()
        assert names(tmp_path) == ["dest"]
    assert names(tmp_path) == ["dest"]
    assert text_of(tmp_path / "dest") == "new"


@KINDS
def test_nothing_is_left_where_it_is_not_published(folder: bool, tmp_path: Path) -> None:
    with dest(tmp_path / "dest", folder=folder) as place:
        fill(place, "new", folder=folder)
    assert names(tmp_path) == []
    with suppress(KeyboardInterrupt), dest(tmp_path / "dest", folder=folder) as place:
        fill(place, "new", folder=folder)
        raise KeyboardInterrupt
    assert names(tmp_path) == []


@KINDS
@pytest.mark.parametrize("old", [False, True], ids=["file-there", "folder-there"])
def test_what_exists_is_refused(folder: bool, old: bool, tmp_path: Path) -> None:
    make(tmp_path / "dest", "old", folder=old)
    with pytest.raises(UsageError, match="DEST exists, use --force"), dest(tmp_path / "dest", folder=folder):
        pass
    assert names(tmp_path) == ["dest"]
    assert text_of(tmp_path / "dest") == "old"


@KINDS
@pytest.mark.parametrize("old", [False, True], ids=["file-there", "folder-there"])
def test_force_exchanges(folder: bool, old: bool, tmp_path: Path) -> None:
    make(tmp_path / "dest", "old", folder=old)
    with dest(tmp_path / "dest", folder=folder, force=True, sync=True) as place:
        fill(place, "new", folder=folder)
        assert text_of(tmp_path / "dest") == "old"
        place.publish()
        assert text_of(tmp_path / "dest") == "new"
    assert names(tmp_path) == ["dest"]
    assert text_of(tmp_path / "dest") == "new"


@KINDS
def test_force_leaves_the_old_one_when_the_work_fails(folder: bool, tmp_path: Path) -> None:
    make(tmp_path / "dest", "old", folder=folder)
    with dest(tmp_path / "dest", folder=folder, force=True) as place:
        fill(place, "new", folder=folder)
    assert names(tmp_path) == ["dest"]
    assert text_of(tmp_path / "dest") == "old"


@KINDS
@pytest.mark.parametrize("late", [False, True], ids=["file-comes", "folder-comes"])
def test_of_two_that_write_one_dest_the_first_wins(folder: bool, late: bool, tmp_path: Path) -> None:
    with dest(tmp_path / "dest", folder=folder) as slow, dest(tmp_path / "dest", folder=late) as fast:
        fill(slow, "slow", folder=folder)
        fill(fast, "fast", folder=late)
        fast.publish()
        with pytest.raises(UsageError, match="DEST exists"):
            slow.publish()
    assert names(tmp_path) == ["dest"]
    assert text_of(tmp_path / "dest") == "fast"


@KINDS
@pytest.mark.parametrize("old", [False, True], ids=["new", "there"])
def test_of_two_with_force_the_first_wins_and_the_other_says_so(folder: bool, old: bool, tmp_path: Path) -> None:
    if old:
        make(tmp_path / "dest", "old", folder=folder)
    with dest(tmp_path / "dest", folder=folder, force=True) as slow:
        with dest(tmp_path / "dest", folder=folder, force=True) as fast:
            fill(slow, "slow", folder=folder)
            fill(fast, "fast", folder=folder)
            fast.publish()
        with pytest.raises(UsageError, match=r"another run has written DEST.*run this again to replace it"):
            slow.publish()
    assert names(tmp_path) == ["dest"]
    assert text_of(tmp_path / "dest") == "fast"


@KINDS
def test_force_takes_the_place_of_what_was_removed_meanwhile(folder: bool, tmp_path: Path) -> None:
    make(tmp_path / "dest", "old", folder=folder)
    with dest(tmp_path / "dest", folder=folder, force=True) as place:
        fill(place, "new", folder=folder)
        (tmp_path / "dest").rename(tmp_path / "away")
        place.publish()
    assert names(tmp_path) == ["away", "dest"]
    assert text_of(tmp_path / "dest") == "new"


@KINDS
def test_what_is_replaced_is_no_leftover_to_others_as_long_as_it_may_come_back(folder: bool, tmp_path: Path) -> None:
    make(tmp_path / "dest", "old", folder=folder)
    with dest(tmp_path / "dest", folder=folder, force=True) as place:
        fill(place, "new", folder=folder)
        place.publish()
        with dest(tmp_path / "dest", folder=folder, force=True):
            assert text_of(Path(place.path)) == "old"
    assert names(tmp_path) == ["dest"]


@KINDS
@pytest.mark.parametrize("force", [True, False])
def test_a_name_that_may_not_last_is_taken_back(
    folder: bool, force: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if force:
        make(tmp_path / "dest", "old", folder=folder)

    def fail(path: str, where: str) -> None:
        assert text_of(tmp_path / "dest") == "new"
        raise HostError(f"{path} fails", where=where)

    with dest(tmp_path / "dest", folder=folder, force=force, sync=True) as place:
        fill(place, "new", folder=folder)
        monkeypatch.setattr(destination, "fsync_folder", fail)
        with pytest.raises(HostError, match="fails"):
            place.publish()
    assert names(tmp_path) == (["dest"] if force else [])
    if force:
        assert text_of(tmp_path / "dest") == "old"


@KINDS
def test_what_nobody_left_in_order_is_cleared_too(folder: bool, tmp_path: Path) -> None:
    """As after a signal that came where no `with` was entered yet."""
    place = dest(tmp_path / "dest", folder=folder)
    place.__enter__()
    assert names(tmp_path) == [os.path.basename(place.path)]
    if not folder:
        os.close(place.fd)
    del place
    assert names(tmp_path) == []


RACE = """
import os, sys
from ociarchive.blobio.destination import Destination
from ociarchive.errors import OciArchiveError
folder = sys.argv[2] == "True"
try:
    with Destination(sys.argv[1], folder=folder, force=False, sync=False) as place:
        if folder:
            open(place.path + "/content", "w").write(str(os.getpid()))
        else:
            os.write(place.fd, str(os.getpid()).encode())
        print("ready", flush=True)
        sys.stdin.readline()
        place.publish()
except OciArchiveError as error:
    sys.exit(error.status)
"""


def started(script: str, *args: object) -> "subprocess.Popen[str]":
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )


@KINDS
def test_of_processes_that_race_exactly_one_ends_well(folder: bool, tmp_path: Path) -> None:
    runs = [started(RACE, tmp_path / "dest", folder) for _ in range(3)]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("go\n")
        run.stdin.flush()
    for run in runs:
        run.communicate()
    assert sorted(run.returncode for run in runs) == [0, 2, 2]
    assert names(tmp_path) == ["dest"]
    (winner,) = (run for run in runs if run.returncode == 0)
    assert text_of(tmp_path / "dest") == str(winner.pid)


@KINDS
@pytest.mark.parametrize("force", [True, False])
def test_what_a_killed_run_left_is_cleared_by_the_next(folder: bool, force: bool, tmp_path: Path) -> None:
    run = started(RACE, tmp_path / "dest", folder)
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    run.send_signal(signal.SIGKILL)
    run.communicate()
    (left,) = names(tmp_path)
    assert left.startswith(".dest.")
    with dest(tmp_path / "other", folder=folder):
        assert left in names(tmp_path)
    with dest(tmp_path / "dest", folder=folder, force=force):
        assert left not in names(tmp_path)
    assert names(tmp_path) == []


@KINDS
def test_what_a_running_process_writes_is_left_alone(folder: bool, tmp_path: Path) -> None:
    run = started(RACE, tmp_path / "dest", folder)
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    (living,) = names(tmp_path)
    with dest(tmp_path / "dest", folder=folder):
        assert living in names(tmp_path)
    assert names(tmp_path) == [living]
    run.communicate("go\n")
    assert run.returncode == 0
    assert names(tmp_path) == ["dest"]


@pytest.fixture
def held(tmp_path: Path) -> Iterator[str]:
    """A leftover whose process lives, as far as locks tell."""
    path = tmp_path / ".dest.aaaaaaaaaaaa.ociarchive-part"
    path.write_text("")
    fd = os.open(path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    yield path.name
    os.close(fd)


def test_only_what_is_ours_is_cleared(tmp_path: Path, held: str) -> None:
    suffix = ".ociarchive-part"
    ours = [f".dest.bbbbbbbbbbbb{suffix}", f".dest.cccccccccccc{suffix}", f".dest.dddddddddddd{suffix}.probe"]
    (tmp_path / ours[0]).write_text("left")
    make(tmp_path / ours[1], "left", folder=True)
    (tmp_path / ours[2]).mkdir()
    (tmp_path / ".ociarchive-spool-x").write_text("left")
    others = [".dest.txt", ".dest.x.tmp", f".dest2.bbbbbbbbbbbb{suffix}", f"dest.bbbbbbbbbbbb{suffix}"]
    for name in others:
        (tmp_path / name).write_text("somebody's")
    os.mkfifo(tmp_path / f".dest.eeeeeeeeeeee{suffix}")
    (tmp_path / f".dest.ffffffffffff{suffix}").symlink_to(tmp_path / others[0])
    special = [f".dest.eeeeeeeeeeee{suffix}", f".dest.ffffffffffff{suffix}"]
    with dest(tmp_path / "dest", folder=False) as place:
        assert names(tmp_path) == sorted([*others, *special, held, os.path.basename(place.path)])
    assert names(tmp_path) == sorted([*others, *special, held])


@KINDS
def test_permissions_follow_the_umask(folder: bool, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with dest(tmp_path / "dest", folder=folder) as place:
            place.publish()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "dest").stat().st_mode) == (0o750 if folder else 0o640)


@KINDS
def test_dest_may_be_a_link(folder: bool, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    make(tmp_path / "below" / "dest", "old", folder=folder)
    (tmp_path / "link").symlink_to("below/dest")
    with pytest.raises(UsageError, match="DEST exists"), dest(tmp_path / "link", folder=folder):
        pass
    with dest(tmp_path / "link", folder=folder, force=True) as place:
        fill(place, "new", folder=folder)
        place.publish()
    assert (tmp_path / "link").is_symlink()
    assert text_of(tmp_path / "below" / "dest") == "new"
    assert names(tmp_path / "below") == ["dest"]


NAMES = {
    "longest": "n" * 255,
    "longest-not-ascii": "\u6f22" * 85,
    "not-utf-8": "\udcff\udcfe",
    "begins-with-a-dot": ".dest",
    "newline": "a\nb",
}


@KINDS
@pytest.mark.parametrize("name", NAMES)
def test_any_name(name: str, folder: bool, tmp_path: Path) -> None:
    with dest(tmp_path / NAMES[name], folder=folder) as place:
        fill(place, "new", folder=folder)
        place.publish()
    assert names(tmp_path) == [NAMES[name]]


def test_places_where_dest_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for parent in ("none", "file"):
        with pytest.raises(UsageError, match="no such folder for DEST"), dest(tmp_path / parent / "dest", folder=False):
            pass
    for folder in (False, True):
        with pytest.raises(HostError, match=r"cannot write.*\(/proc/dest\)"), dest(Path("/proc/dest"), folder=folder):
            pass
    assert names(tmp_path) == ["file"]


def test_only_a_file_is_open(tmp_path: Path) -> None:
    with dest(tmp_path / "dest", folder=True) as place, pytest.raises(RuntimeError):
        _ = place.fd


def test_nothing_stays_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for folder in (False, True):
        with dest(tmp_path / f"dest-{folder}", folder=folder) as place:
            place.publish()
        with pytest.raises(OciArchiveError), dest(tmp_path / f"dest-{folder}", folder=folder):
            pass
        with pytest.raises(OciArchiveError), dest(Path("/proc/dest"), folder=folder):
            pass
    assert len(os.listdir("/proc/self/fd")) == before


# File systems without renameat2


@pytest.fixture
def _old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renaming, "_renameat2", lambda *_: False)


@pytest.mark.usefixtures("_old")
@KINDS
def test_without_the_call_a_new_dest_still_appears_and_none_is_replaced(folder: bool, tmp_path: Path) -> None:
    with dest(tmp_path / "dest", folder=folder) as slow, dest(tmp_path / "dest", folder=folder) as fast:
        fill(slow, "slow", folder=folder)
        fill(fast, "fast", folder=folder)
        fast.publish()
        with pytest.raises(UsageError, match="DEST exists"):
            slow.publish()
    assert names(tmp_path) == ["dest"]
    assert text_of(tmp_path / "dest") == "fast"


@pytest.mark.usefixtures("_old")
@KINDS
def test_without_the_call_a_folder_is_refused_before_any_work(folder: bool, tmp_path: Path) -> None:
    make(tmp_path / "dest", "old", folder=True)
    with pytest.raises(HostError, match="cannot exchange"), dest(tmp_path / "dest", folder=folder, force=True):
        pytest.fail("work was begun")
    assert names(tmp_path) == ["dest"]
    assert text_of(tmp_path / "dest") == "old"


@pytest.mark.usefixtures("_old")
def test_without_the_call_a_file_is_replaced_by_a_file(tmp_path: Path) -> None:
    make(tmp_path / "dest", "old", folder=False)
    with dest(tmp_path / "dest", folder=False, force=True) as place:
        fill(place, "new", folder=False)
        place.publish()
    assert text_of(tmp_path / "dest") == "new"


@pytest.mark.usefixtures("_old")
def test_without_the_call_a_folder_that_came_meanwhile_is_left(tmp_path: Path) -> None:
    with dest(tmp_path / "dest", folder=False, force=True) as place:
        make(tmp_path / "dest", "old", folder=True)
        with pytest.raises(UsageError, match="another run has written DEST"):
            place.publish()
    assert names(tmp_path) == ["dest"]
    assert text_of(tmp_path / "dest") == "old"


@KINDS
def test_a_disk_that_fails_when_dest_gets_its_name(
    folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with dest(tmp_path / "dest", folder=folder) as place:
        monkeypatch.setattr(renaming, "_renameat2", fail)
        with pytest.raises(HostError, match="cannot give DEST its name: Input/output error"):
            place.publish()
    assert names(tmp_path) == []
