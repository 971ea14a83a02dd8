"""A source that changes while it is read, or ends early: status 1 or 3, and never a wrong DEST.

The run stops itself at a call that reads the source; what happens to it then happens at just that moment.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.support import FORMS, Place
from tests.support import build
from tests.support.machine import Fault, Machine, Running, ended, run, started
from tests.support.tar import write_tar

STOP = f"signal {signal.SIGSTOP.value}"


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 3)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[::-1])
    other.replace(path)


def altered(path: Path) -> None:
    with path.open("r+b") as file:
        for position in range(0, path.stat().st_size, 4096):
            file.seek(position)
            file.write(b"altered")


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"grown" * 5000)


def removed(path: Path) -> None:
    path.unlink()


CHANGES: dict[str, Callable[[Path], None]] = {
    one.__name__: one for one in (cut, emptied, replaced, altered, grown, removed)
}


def stopped(machine: Machine, place: Place, form: str, source: Path, call: str, nth: int) -> Running:
    args = (*place.args(form, force=False, source=source), "--jobs", "1")
    running = machine.start(*args, under=source, fault=Fault(call, nth, STOP))
    running.wait_until_stopped()
    return running


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_source_that_changes(kind: str, change: str, place: Place, machine: Machine, tmp_path: Path) -> None:
    source, form = tmp_path / "source", "folder" if kind == "file" else "tar"
    ends = set()
    for share in (0.1, 0.4, 0.9):
        if kind == "file":
            shutil.copy(place.work.new, source)
            victim = source
        else:
            shutil.rmtree(source, ignore_errors=True)
            run("convert", place.work.new, source, "--to", "oci-layout", "-q")
            victim = max((source / "blobs" / "sha256").iterdir(), key=lambda one: one.stat().st_size)
        _, events = machine.run(*place.args(form, force=False, source=source), "--jobs", "1", under=source)
        place.reset(form, force=False)
        reads = len([one for one in events if one.call == "pread"])
        running = stopped(machine, place, form, source, "pread", max(1, int(reads * share)))
        CHANGES[change](victim)
        result, _ = running.go_on()
        ends.add(result.status)
        if result.status == 0:
            place.done(result, form)
        else:
            assert result.status in {1, 3}, result.stderr
            assert f"({source}" in place.refused(result, form, force=False, status=result.status)
        place.reset(form, force=False)
    if change in {"cut", "emptied", "altered"}:
        assert ends & {1, 3}, "none of these changes was noticed"


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
@pytest.mark.parametrize("form", FORMS)
def test_a_pipe_that_is_cut_short(share: float, form: str, place: Place) -> None:
    data = place.work.new.read_bytes()
    args = place.args(form, force=False, source=Path("-"))
    for content in (data, build.gzipped(data, level=1)):
        child = started(*args, stdin=subprocess.PIPE)
        assert child.stdin is not None
        child.stdin.write(content[: int(len(content) * share)])
        child.stdin.close()
        child.stdin = None
        line = place.refused(ended(child), form, force=False, status=1)
        words = ("cut short", "no end marker", "ends before its end") if share else ("empty",)
        assert any(word in line for word in words), line
        assert "(standard input" in line
        if content is data and share == 0.5:
            assert re.search(r"cut short inside the member '.*': expected \d+ bytes, found \d+ bytes", line), line


def test_what_fails_first_ends_the_rest_and_is_told(place: Place, machine: Machine, tmp_path: Path) -> None:
    """One layer cannot be read; the other, of which hardly anything was read until then, is given up."""
    small = build.layer({"small": b"small" * 100}, "gzip")
    zeros = build.layer({"zeros": bytes(64 << 20)})
    source = tmp_path / "source"
    write_tar(tmp_path / "source.tar", build.layout(build.Image(layers=[zeros, small]).node().named(ref_name="a")))
    run("convert", tmp_path / "source.tar", source, "--to", "oci-layout", "--compression", "keep", "-q")
    blobs = source / "blobs" / "sha256"
    victim = blobs / small.digest.partition(":")[2]
    args = ("convert", source, place.dest, "--to", "oci-layout", "--compression", "zstd", "--level", "19", "-q")
    sound, events = machine.run(*args, "--jobs", "2", under=source)
    assert sound.status == 0, sound.stderr
    opened = [one for one in events if one.call == "open"]
    nth = max(n for n, one in enumerate(opened, 1) if one.path == str(victim))
    place.reset("folder", force=False)
    result, less = machine.run(*args, "--jobs", "2", under=source, fault=Fault.failing("open", nth))
    line = place.refused(result, "folder", force=False)
    assert "Input/output error" in line
    assert len([one for one in less if one.call == "pread"]) < len([one for one in events if one.call == "pread"])
