"""Parts are all or nothing: after a kill at any moment, on a disk that fills up, and where single calls fail."""

import random
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.support import noisy
from tests.faults.test_disks import SMALL_DISK, said
from tests.support.call import hidden, told
from tests.support.machine import Fault, Machine, run, shell

#: Kills with and without `--force` each: some anywhere, and as many among the last calls, where names are given.
MOMENTS = 4
OLD = ("--to", "oci-archive", "--compression", "keep", "--split", "300k", "-q")
NEW = ("--to", "oci-archive", "--compression", "keep", "--split", "500k", "--parity", "-q", "--jobs", "1")
FORCE = pytest.mark.parametrize("force", [False, True], ids=["new", "force"])


@dataclass(slots=True)
class Set:
    """A folder for DEST, and what the old and the new set of parts are."""

    source: Path
    folder: Path
    old: dict[str, bytes]
    new: dict[str, bytes]

    def args(self, *, force: bool) -> tuple[str | Path, ...]:
        """Give the arguments of the conversion."""
        return ("convert", self.source, self.folder / "dest", *NEW, *(["--force"] if force else []))

    def reset(self, *, force: bool) -> None:
        """Make the folder what it is before a run."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        for name, data in (self.old if force else {}).items():
            (self.folder / name).write_bytes(data)

    def found(self) -> dict[str, bytes]:
        """Give what lies in the folder under names that are not hidden."""
        return state(self.folder)


def state(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir() if not one.name.startswith(".")}


@pytest.fixture(scope="session")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A source, and a folder with each of the two sets that come of it."""
    folder = tmp_path_factory.mktemp("sets")
    source = noisy(folder / "source.tar")
    for name, options in (("old", OLD), ("new", NEW)):
        (folder / name).mkdir()
        told(run("convert", source, folder / name / "dest", *options))
    return source, folder / "old", folder / "new"


@pytest.fixture
def parts(sets: tuple[Path, Path, Path], tmp_path: Path) -> Set:
    folder = tmp_path / "place"
    folder.mkdir()
    return Set(sets[0], folder, state(sets[1]), state(sets[2]))


def after_a_kill(parts: Set, moment: int, *, force: bool) -> None:
    """The list is the last: where it is the new one, all is new. The next run sets all right."""
    before = parts.old if force else {}
    listed = parts.found().get("dest.parts.json")
    assert listed in (before.get("dest.parts.json"), parts.new["dest.parts.json"]), moment
    if listed == parts.new["dest.parts.json"]:
        assert parts.found() == parts.new, moment
    if parts.found() == parts.new and not force:
        assert run(*parts.args(force=False)).status == 2
    else:
        told(run(*parts.args(force=force)))
    assert parts.found() == parts.new, moment
    assert hidden(parts.folder) == [], moment


@FORCE
def test_killed_at_a_call_to_the_system(force: bool, parts: Set, machine: Machine) -> None:
    parts.reset(force=force)
    result, events = machine.run(*parts.args(force=force), under=parts.folder)
    assert (result.status, parts.found() == parts.new) == (0, True), result.stderr
    chance = random.Random(f"parts {force}")
    last = next(at for at, event in enumerate(events, 1) if "journal.json" in event.path)
    moments = [*chance.sample(range(1, last), MOMENTS), *chance.sample(range(last, len(events) + 1), MOMENTS)]
    for moment in moments:
        parts.reset(force=force)
        fault = Fault.signalled(moment, signal.SIGKILL)
        killed, _ = machine.run(*parts.args(force=force), under=parts.folder, fault=fault)
        assert killed.status in {-signal.SIGKILL, 0}, killed.stderr
        after_a_kill(parts, moment, force=force)


@FORCE
def test_killed_while_other_threads_hash(force: bool, parts: Set, machine: Machine) -> None:
    """With more than one worker the parts are hashed behind the writing: calls come in another order each time."""
    for moment in random.Random(f"threads {force}").sample(range(1, 60), MOMENTS):
        parts.reset(force=force)
        fault = Fault.signalled(moment, signal.SIGKILL)
        killed, _ = machine.run(*parts.args(force=force), "--jobs", "4", under=parts.folder, fault=fault)
        assert killed.status in {-signal.SIGKILL, 0}, killed.stderr
        after_a_kill(parts, moment, force=force)


@FORCE
def test_an_old_set_is_put_back_before_anything_else(force: bool, parts: Set, machine: Machine) -> None:
    """A call that is refused does it, too: what a killed run broke off is whole again, not only replaced."""
    parts.reset(force=force)
    _, events = machine.run(*parts.args(force=force), under=parts.folder)
    renames = [at for at, event in enumerate(events, 1) if event.call.startswith("rename")]
    assert len(renames) >= 4
    moment = renames[-3]
    parts.reset(force=force)
    machine.run(*parts.args(force=force), under=parts.folder, fault=Fault.signalled(moment, signal.SIGKILL))
    assert parts.found() != (parts.old if force else {})
    result = run("convert", parts.source, parts.folder / "dest", *NEW, "--part", "99", *(["--force"] if force else []))
    assert result.status == 2
    assert parts.found() == (parts.old if force else {})
    assert hidden(parts.folder) == []


STATUSES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@FORCE
@pytest.mark.parametrize("number", STATUSES, ids=lambda number: number.name)
def test_a_signal_leaves_all_or_nothing(number: signal.Signals, force: bool, parts: Set, machine: Machine) -> None:
    parts.reset(force=force)
    _, events = machine.run(*parts.args(force=force), under=parts.folder)
    renames = [at for at, event in enumerate(events, 1) if event.call.startswith("rename")]
    for moment in (len(events) // 3, renames[-1], renames[-4]):
        parts.reset(force=force)
        fault = Fault.signalled(moment, number)
        result, _ = machine.run(*parts.args(force=force), under=parts.folder, fault=fault)
        assert (result.status, result.stderr) == (STATUSES[number], ""), f"call {moment}"
        assert parts.found() in (parts.old if force else {}, parts.new), f"call {moment}"
        assert hidden(parts.folder) == [], f"call {moment}"


@pytest.mark.parametrize("call", ["pwrite", "fsync", "rename", "open", "close"])
def test_a_call_that_fails(call: str, parts: Set, machine: Machine) -> None:
    parts.reset(force=True)
    _, events = machine.run(*parts.args(force=True), under=parts.folder)
    count = sum(event.call == call for event in events)
    for nth in random.Random(call).sample(range(1, count + 1), min(count, 2)):
        parts.reset(force=True)
        result, _ = machine.run(*parts.args(force=True), under=parts.folder, fault=Fault.failing(call, nth))
        assert "Traceback" not in result.stderr
        assert parts.found() == (parts.new if result.status == 0 else parts.old), f"{call} {nth}: {result.stderr}"
        assert result.status in {0, 3}, result.stderr
        assert hidden(parts.folder) == [], f"{call} {nth}"


@FORCE
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_a_disk_that_fills_up_at_the_third_part(
    force: bool,
    known: bool,
    parts: Set,
    sets: tuple[Path, Path, Path],
    mounting: tuple[str, ...],
    tmp_path: Path,
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    old = sum(len(data) + 4096 for data in parts.old.values()) if force else 0
    script = SMALL_DISK.replace('cp -R "$3" "$1/dest"', 'cp -R "$3"/. "$1"')
    parts.reset(force=False)
    size = old + 1_200_000
    before = (*mounting, *shell(script, disk, str(size), str(sets[1]) if force else "", parts.folder))
    options = ("--to", "oci-archive", "--compression", "keep" if known else "gzip", "--split", "500k", "-q")
    result = run("convert", parts.source, disk / "dest", *options, *(["--force"] if force else []), before=before)
    assert ("not enough space for DEST" if known else "No space left on device") in said(result)
    assert parts.found() == (parts.old if force else {})
    assert hidden(parts.folder) == []


def test_a_part_needs_no_more_room_than_its_own(parts: Set, mounting: tuple[str, ...], tmp_path: Path) -> None:
    """The other parts do not go to its medium, not even for a moment."""
    disk = tmp_path / "disk"
    disk.mkdir()
    before = (*mounting, *shell(SMALL_DISK, disk, "540000", "", parts.folder))
    result = run("convert", parts.source, disk / "dest", *NEW[:-3], "-q", "--part", "2", before=before)
    assert result.status == 3, "the parity is as large as a part"
    options = [one for one in NEW if one != "--parity"]
    told(run("convert", parts.source, disk / "dest", *options, "--part", "2", before=before))
    assert parts.found()["dest.002"] == parts.new["dest.002"]


def test_a_file_of_limited_size_holds_a_part(parts: Set) -> None:
    """As on a medium that takes no larger files: the whole would be too large for one."""
    parts.reset(force=False)
    limited = shell('ulimit -f 1100; exec "$@"')  # blocks of 512 bytes
    told(run(*parts.args(force=False), before=limited))
    assert parts.found() == parts.new
