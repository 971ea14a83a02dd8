"""Disks that are full, too small, read-only or of limited files: status 3, what to do, and DEST as it was."""

import os
from pathlib import Path

import pytest

from tests.faults.support import Place, noisy
from tests.support import oracle
from tests.support.call import Result
from tests.support.machine import HIDDEN, ended, run, shell, started, state

FORM = pytest.mark.parametrize("form", ["folder", "tar"])
FORCE = pytest.mark.parametrize("force", [False, True], ids=["new", "force"])

#: $1 a folder, $2 the size of the disk that is mounted there, $3 what lies on it first, $4 a folder that gets what is
#: on it at the end; then the command.
SMALL_DISK = """
mount -t tmpfs -o "size=$2" tmpfs "$1" || exit 99
[ -z "$3" ] || cp -R "$3" "$1/dest" || exit 98
disk=$1 copy=$4
shift 4
"$@"
status=$?
cp -R "$disk/." "$copy"
exit $status
"""


def on_a_disk(
    mounting: tuple[str, ...], place: Place, size: int, form: str, *args: str | Path, old: Path | None = None
) -> Result:
    """Convert onto a disk of so many bytes; what is on it afterwards is then in the place's folder."""
    disk = place.folder.parent / "disk"
    disk.mkdir(exist_ok=True)
    place.reset(form, force=False)
    before = (*mounting, *shell(SMALL_DISK, disk, str(size), str(old or ""), place.folder))
    return run("convert", place.work.new, disk / "dest", *args, before=before)


def said(result: Result) -> str:
    assert result.status == 3, result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert HIDDEN not in lines[0]
    return lines[0]


@FORM
@FORCE
def test_a_disk_that_gets_full(form: str, force: bool, place: Place, mounting: tuple[str, ...]) -> None:
    """Layers are compressed anew: how large they become, nobody knows before."""
    old = place.work.result("old", form) if force else None
    options = ("--to", "oci-layout" if form == "folder" else "oci-archive", "--compression", "gzip")
    size = 900_000
    result = on_a_disk(mounting, place, size, form, *options, "-q", *(["--force"] if force else []), old=old)
    line = said(result)
    assert "cannot write: No space left on device, free some space there, or choose another place (" in line
    assert line.endswith("/disk/dest)")
    place.as_before(form, force=force)


@pytest.mark.parametrize("target", ["oci-layout", "oci-archive", "docker-archive", "dir", "registry-storage"])
def test_space_that_is_not_there_is_told_before_work_starts(
    target: str, place: Place, mounting: tuple[str, ...]
) -> None:
    result = on_a_disk(mounting, place, 500_000, "tar", "--to", target, "--compression", "keep", "-q")
    line = said(result)
    assert "not enough space for DEST: expected 2103" in line, "all blobs that are kept"
    assert " found 50" in line, line
    assert "free some space there, or choose another place" in line
    assert line.endswith("/disk/dest)")
    place.as_before("tar", force=False)


@FORM
@FORCE
def test_what_just_fits_is_not_refused(form: str, force: bool, place: Place, mounting: tuple[str, ...]) -> None:
    """A disk of the size that DEST needs, in whole pages; more workers would also spool what waits for its turn."""
    whole = place.folder.parent / "whole"
    options = [
        "--to",
        "oci-layout" if form == "folder" else "oci-archive",
        "--compression",
        "keep",
        "-q",
        "--jobs",
        "1",
    ]
    options += ["--force"] if force else []
    run("convert", place.work.new, whole, *options)
    old = place.work.result("old", form) if force else None
    size = pages(whole) + (pages(old) if old else 0) + 2 * 4096
    result = on_a_disk(mounting, place, size, form, *options, old=old)
    assert result.status == 0, result.stderr
    assert state(place.dest) == state(whole)
    if form == "tar":
        result = on_a_disk(mounting, place, size - 16384, form, *options, old=old)
        said(result)
        place.as_before(form, force=force)


def pages(path: Path) -> int:
    """Give the bytes that a file or folder takes in pages, folders themselves included."""
    sizes = [one.lstat().st_size if one.is_file() else 4096 for one in [path, *path.rglob("*")]]
    return sum(-(-size // 4096) * 4096 for size in sizes)


def test_what_is_doubled_counts_once(tmp_path: Path, mounting: tuple[str, ...], place: Place) -> None:
    """Two archives with the same layers need room for one of them, and for a moment for one more layer."""
    other = noisy(tmp_path / "other.tar")
    disk = tmp_path / "disk"
    disk.mkdir()
    before = (*mounting, *shell(SMALL_DISK, disk, "3000000", "", place.folder))
    options = ("--to", "oci-archive", "--compression", "keep", "-q", "--jobs", "1")
    result = run("convert", place.work.new, other, disk / "dest", *options, before=before)
    assert result.status == 0, result.stderr
    assert oracle.read(place.dest).images


@FORM
@FORCE
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_a_limit_of_file_sizes(form: str, force: bool, known: bool, place: Place) -> None:
    place.reset(form, force=force)
    codec = "keep" if known else "gzip"
    source = noisy(place.folder.parent / "plain.tar", ["none", "none"])
    options = ("--to", "oci-layout" if form == "folder" else "oci-archive", "--compression", codec, "-q")
    limited = shell('ulimit -f 1000; exec "$@"')  # blocks of 512 bytes
    replacing = ("--force",) if force else ()
    result = run("convert", source, place.dest, *options, *replacing, before=limited)
    line = place.refused(result, form, force=force)
    assert "ulimit -f" in line
    assert ("would be larger than files may be" if known else "cannot write: File too large") in line
    assert line.endswith(f"({place.dest})")


@FORM
@FORCE
def test_a_folder_that_is_read_only(form: str, force: bool, place: Place, mounting: tuple[str, ...]) -> None:
    place.reset(form, force=force)
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 99; shift; exec "$@"'
    result = run(*place.args(form, force=force), before=(*mounting, *shell(script, place.folder)))
    line = place.refused(result, form, force=force)
    assert f"cannot write: Read-only file system, choose a place that can be written to ({place.dest})" in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write whatever permissions say")
@FORM
def test_permissions(form: str, place: Place) -> None:
    place.reset(form, force=False)
    place.folder.chmod(0o555)
    try:
        assert "Permission denied" in place.refused(run(*place.args(form, force=False)), form, force=False)
    finally:
        place.folder.chmod(0o755)


def test_a_full_disk_for_what_goes_to_standard_output(place: Place, mounting: tuple[str, ...], tmp_path: Path) -> None:
    """Then there is no place beside DEST, and the folder for temporary files is needed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    source = noisy(tmp_path / "plain.tar", ["none", "none"])
    for codec, words in (("keep", "not enough space"), ("gzip", "No space left on device")):
        before = (*mounting, *shell(SMALL_DISK, disk, "400000", "", place.folder))
        args = ("convert", source, "-", "--to", "oci-archive", "--compression", codec, "-q")
        result = run(*args, before=before, env={"TMPDIR": str(disk)})
        assert words in said(result)
        assert result.raw == b""


def test_standard_output_on_a_full_disk(place: Place) -> None:
    """For results as for archives."""
    with Path("/dev/full").open("wb") as full:
        calls: list[tuple[str | Path, ...]] = [
            ("inspect", place.work.new),
            ("convert", place.work.new, "-", "--to", "oci-archive", "-q"),
        ]
        for args in calls:
            result = ended(started(*args, stdout=full.fileno()))
            wanted = "error: cannot write: No space left on device, free some space there, or choose another place"
            assert (result.status, result.stderr) == (3, f"{wanted} (standard output)\n")
