"""Each call to the system that fails alone is status 3, one line that names DEST or the source, and DEST as it was.

By default the first, the middle and the last of each kind of call; with FAULTS_EVERY=1 every one of them.
"""

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.support import Place
from tests.support.machine import HIDDEN, Event, Fault, Machine, run
from tests.support.tar import write_folder

FORM = pytest.mark.parametrize("form", ["folder", "tar"])
FORCE = pytest.mark.parametrize("force", [False, True], ids=["new", "force"])
EVERY = os.environ.get("FAULTS_EVERY") == "1"
pytestmark = pytest.mark.timeout(3600 if EVERY else 300)
WRITING = ("open", "mkdir", "write", "pwrite", "copy", "ftruncate", "fsync", "close", "rename", "read", "pread")
READING = ("open", "read", "pread")


def moments(events: Sequence[Event], calls: Sequence[str]) -> Iterator[tuple[str, int, Event]]:
    """Give calls that are to fail: which kind, the how manieth of it, and what it does."""
    for call in calls:
        made = [event for event in events if event.call == call]
        chosen = range(len(made)) if EVERY else sorted({0, len(made) // 2, len(made) - 1} - {-1} if made else ())
        for index in chosen:
            yield call, index + 1, made[index]


def until_published(events: Sequence[Event], path: Path) -> list[Event]:
    """Give the calls up to the one after which `path` is there for good; only clearing away comes after it."""
    named = max(n for n, event in enumerate(events) if event.call == "rename" and event.other == str(path))
    synced = next(n for n, event in enumerate(events) if n > named and event.call == "fsync")
    return list(events[: synced + 1])


@FORM
@FORCE
def test_each_call_that_makes_dest(form: str, force: bool, place: Place, machine: Machine) -> None:
    args = (*place.args(form, force=force), "--jobs", "1")  # threads that take turns would make other calls each time
    place.reset(form, force=force)
    result, events = machine.run(*args, under=place.folder)
    place.done(result, form)
    tried = set()
    opened = [event for event in events if event == Event("open", str(place.dest))]
    for call, nth, event in moments(until_published(events, place.dest), WRITING):
        place.reset(form, force=force)
        result, _ = machine.run(*args, under=place.folder, fault=Fault.failing(call, nth))
        if opened and event is opened[-1]:  # to lock what is replaced; without it nothing is wrong yet
            place.done(result, form)
            continue
        line = place.refused(result, form, force=force)
        tried.add(call)
        assert "Input/output error, the device may be failing, the kernel's log says more (" in line, (call, nth, line)
        assert f"({place.dest}" in line, (call, nth, line)
    assert tried == set(WRITING) - (
        {"pwrite", "copy", "ftruncate", "read"} if form == "folder" else {"copy", "mkdir", "write"}
    )


@FORM
def test_a_file_that_is_replaced_and_not_removed_is_cleared_by_the_next_run(
    form: str, place: Place, machine: Machine
) -> None:
    args = place.args(form, force=True)
    place.reset(form, force=True)
    result, events = machine.run(*args, under=place.folder)
    place.done(result, form)
    last = len([one for one in events if one.call == "unlink"])
    place.reset(form, force=True)
    result, _ = machine.run(*args, under=place.folder, fault=Fault.failing("unlink", last))
    assert (result.status, place.found(form), len(place.left())) == (0, "new", 1)
    place.done(run(*args), form)


@FORM
def test_a_close_of_what_was_only_read_loses_nothing(form: str, place: Place, machine: Machine) -> None:
    result, _ = machine.run(*place.args(form, force=False), under=place.folder, fault=Fault.failing("close-read", 0))
    place.done(result, form)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_each_call_that_reads_the_source(kind: str, place: Place, machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    source = folder / "archive"
    if kind == "file":
        source.write_bytes(place.work.new.read_bytes())
    else:
        run("convert", place.work.new, source, "--to", "oci-layout", "-q")
    args = (*place.args("folder", force=False, source=source), "--jobs", "1")
    place.reset("folder", force=False)
    result, events = machine.run(*args, under=folder)
    assert result.status == 0, result.stderr
    for call, nth, event in moments(events, READING):
        place.reset("folder", force=False)
        result, _ = machine.run(*args, under=folder, fault=Fault.failing(call, nth))
        line = place.refused(result, "folder", force=False)
        assert f"({source}" in line, (event, line)
    for harmless in ("close-read", "look"):
        place.reset("folder", force=False)
        result, _ = machine.run(*args, under=folder, fault=Fault.failing(harmless, 0))
        assert result.status == 0, result.stderr
    result, _ = machine.run("audit", source, "-q", under=folder, fault=Fault.failing("pread", 3))
    assert (result.status, result.stderr.count(f"({source}")) == (3, 1), result.stderr


REFUSED = {
    "disk-full": ("write", errno.ENOSPC, "No space left on device, free some space there, or choose another place"),
    "quota": ("write", errno.EDQUOT, "Disk quota exceeded, free some of the quota there, or choose another place"),
    "read-only": ("mkdir", errno.EROFS, "Read-only file system, choose a place that can be written to"),
    "permission": ("mkdir", errno.EACCES, "Permission denied, permissions there have to allow it"),
    "open-files": ("open", errno.EMFILE, "Too many open files, raise the limit of open files (ulimit -n)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_to_do_is_said(name: str, place: Place, machine: Machine) -> None:
    call, number, words = REFUSED[name]
    fault = Fault.failing(call, 1, number)
    result, _ = machine.run(*place.args("folder", force=False), under=place.folder, fault=fault)
    assert f"{words} ({place.dest})" in place.refused(result, "folder", force=False)


def test_a_source_that_may_not_be_read(place: Place, machine: Machine) -> None:
    fault = Fault.failing("open", 1, errno.EACCES)
    result, _ = machine.run(*place.args("tar", force=False), under=place.work.new, fault=fault)
    wanted = f"cannot open: Permission denied, permissions there have to allow it ({place.work.new})"
    assert wanted in place.refused(result, "tar", force=False)


@pytest.mark.parametrize("target", ["oci-layout", "registry-storage"])
def test_a_merge_leaves_dest_as_it_was(target: str, place: Place, machine: Machine) -> None:
    """What was there stays, what was added goes again, folders too; an index that lists it goes first."""
    ready = place.folder.parent / "ready"
    run("convert", place.work.old, ready, "--to", target, "--tag", "docker.io/faults/old:1.0", "-q")

    def reset() -> None:
        shutil.rmtree(place.folder)
        place.folder.mkdir()
        shutil.copytree(ready, place.dest)

    args = ("convert", place.work.new, place.dest, "--to", target, "--merge", "-q", "--jobs", "1")
    reset()
    result, events = machine.run(*args, under=place.folder)
    assert result.status == 0, result.stderr
    last = max(n for n, event in enumerate(events) if event.call == "fsync")
    for call, nth, event in moments(events[: last + 1], WRITING):
        reset()
        result, _ = machine.run(*args, under=place.folder, fault=Fault.failing(call, nth))
        assert (result.status, result.stderr.count("\n")) == (3, 1), (event, result.stderr)
        assert f"({place.dest}" in result.stderr, event
        assert HIDDEN not in result.stderr, event
        assert everything(place.dest) == everything(ready), event
        assert place.left() == []


def everything(folder: Path) -> dict[str, bytes | None]:
    """Give all files and folders of a folder."""
    return {str(one.relative_to(folder)): one.read_bytes() if one.is_file() else None for one in folder.rglob("*")}


# What is no fault


@FORM
def test_short_reads_and_writes(form: str, place: Place, machine: Machine) -> None:
    """Every read and write moves a page at most, and the last bytes one by one."""
    args = place.args(form, force=True)
    place.reset(form, force=True)
    result, _ = machine.run(*args, under=place.folder.parent, fault=Fault("any", 0, "short"))
    place.done(result, form)
    place.reset(form, force=False)
    source = place.folder.parent / "source"
    write_folder(source, [])
    (source / "copy").write_bytes(place.work.new.read_bytes())
    result, _ = machine.run(
        *place.args(form, force=False, source=source / "copy"), under=source, fault=Fault("any", 0, "short")
    )
    place.done(result, form)


@FORM
def test_interrupted_calls(form: str, place: Place, machine: Machine) -> None:
    args = (*place.args(form, force=True), "--jobs", "1")
    place.reset(form, force=True)
    _, events = machine.run(*args, under=place.folder)
    again = ("open", "read", "pread", "write", "pwrite", "ftruncate", "fsync", "flock")
    tried = [(call, nth) for call, nth, _ in moments(events, again) if nth == 1]
    tried.append(("rename", len([one for one in events if one.call == "rename"])))
    for call, nth in tried:
        place.reset(form, force=True)
        result, _ = machine.run(*args, under=place.folder, fault=Fault.failing(call, nth, errno.EINTR))
        place.done(result, form)


@FORM
def test_a_file_system_without_locks(form: str, place: Place, machine: Machine) -> None:
    fault = Fault.failing("flock", 0, errno.EOPNOTSUPP)
    result, _ = machine.run(*place.args(form, force=False), under=place.folder, fault=fault)
    place.done(result, form)


@FORM
@FORCE
def test_a_file_system_without_exchange(form: str, force: bool, place: Place, machine: Machine) -> None:
    """Old kernels and some network file systems: a folder cannot be replaced at once there, and that is said first."""
    place.reset(form, force=force)
    args = place.args(form, force=force)
    result, events = machine.run(*args, under=place.folder, fault=Fault.failing("renameat2", 0, errno.EINVAL))
    if form == "folder" and force:
        assert "cannot exchange two folders at once" in place.refused(result, form, force=force)
        assert not [one for one in events if HIDDEN not in one.path and one.call in {"write", "pwrite"}]
    else:
        place.done(result, form)
