"""What other programs do with the hostile archives: `python -m tests.hostile.peers DATE > docs/hostile.md`.

skopeo copies each into an OCI layout; umoci, which reads folders alone, unpacks it, a tar after GNU tar has unpacked
that. Each call has a folder, a temporary folder and no network of its own, and is ended after a minute, at 2 GiB of
memory or at a file of 2 GiB.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.hostile import documents, folders, layers, tars
from tests.hostile.case import Case
from tests.hostile.process import MEMORY, without_network

GROUPS = {"Tars": tars, "Documents": documents, "Layers and streams": layers, "Folders": folders}
_PATIENCE, _MOST = 60, 2 << 30
_LOOKED_AT = 4 << 20
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh")

HEAD = """\
# Hostile archives

The archives that the tests in `tests/hostile/` make and what becomes of them: here, and in two programs that read the
same formats. `tests/hostile/peers.py` ran each program once over each archive and wrote this page, on {date}, with
{versions}, on Linux {kernel} with {processors} processors.

- **ociarchive**: the statuses of `audit` and `convert`, and the rule that is found. The tests hold them, in 256 MiB of
  memory with two workers.
- **skopeo**: `skopeo copy` into an OCI layout, from docker-archive, oci-archive, oci or dir.
- **umoci**: `umoci unpack` of a layout, a tar unpacked by GNU tar first. It reads no docker-archive.
- *takes*: status 0. *refuses*: an error of its own. *crashes*: a signal or a Go panic. *hangs*: not done after 60
  seconds. *memory*: ended at 2 GiB. A number is the peak of memory where it was more than 256 MiB. *writes outside*:
  a file beside the destination was made or changed.

Taking an archive is no fault by itself: many of these mean harm only to a reader without bounds, some are lawful, and a
program that copies blobs need not unpack them. The machine had other work to do meanwhile: what hangs here may be slow
elsewhere.
"""


@dataclass(frozen=True, slots=True)
class Call:
    """How a call ended."""

    word: str
    peak: int = 0

    def __str__(self) -> str:
        """Spell it for the table."""
        return f"{self.word}, {self.peak >> 20} MiB" if self.peak > MEMORY else self.word


NOT_READ = Call("—")


def called(command: Sequence[str | Path], place: Path) -> Call:
    """Run a program over what lies in a folder."""
    temporary = place / "tmp"
    temporary.mkdir(exist_ok=True)
    before = listing(place)
    environment = {**os.environ, "TMPDIR": str(temporary), "HOME": str(temporary), "XDG_RUNTIME_DIR": str(temporary)}
    with tempfile.TemporaryFile() as err:
        with subprocess.Popen(
            [*without_network(), *map(str, command)], stdin=subprocess.DEVNULL, stdout=err, stderr=err, env=environment,
            cwd=place, start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST, _MOST)),  # noqa: PLW1509
        ) as process:  # fmt: skip
            ended, peak = watched(process)
        err.seek(0)
        words = err.read().decode(errors="replace")
    if listing(place) != before:
        return Call("writes outside", peak)
    if ended:
        return Call(ended, peak)
    if process.returncode < 0 or "panic:" in words or "goroutine " in words:
        return Call("crashes", peak)
    return Call("refuses" if process.returncode else "takes", peak)


def watched(process: subprocess.Popen[bytes]) -> tuple[str, int]:
    """Wait for a process; return why it was ended, nothing where it ended by itself, and its peak of memory."""
    started, peak, why = time.monotonic(), 0, ""
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max(
                peak, *(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM")), 0
            )
        except (OSError, ValueError):
            pass
        if peak > _MOST:
            why = "memory"
        elif time.monotonic() - started > _PATIENCE:
            why = "hangs"
        if why:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        time.sleep(0.01)
    return why, peak


def listing(place: Path) -> list[tuple[str, int, int]]:
    """List what lies in a folder but destination and temporary files."""
    found = []
    for above, names, files in os.walk(place):
        if above == str(place):
            names[:] = [name for name in names if name not in ("tmp", "dest", "unpacked")]
        for name in files:
            status = os.lstat(os.path.join(above, name))
            found.append((os.path.join(above, name), status.st_size, status.st_mtime_ns))
    return sorted(found)


def skopeo(source: Path, place: Path) -> Call:
    """Copy an archive."""
    transport = kind(source)
    if not transport:
        return NOT_READ
    return called(
        ["skopeo", "--insecure-policy", "copy", "--all", f"{transport}:{source}", f"oci:{place / 'dest'}:1"], place
    )


def umoci(source: Path, place: Path) -> Call:
    """Unpack an image of a layout."""
    transport = kind(source)
    if transport not in ("oci", "oci-archive"):
        return NOT_READ
    folder = source
    if transport == "oci-archive":
        folder = place / "unpacked"
        folder.mkdir()
        command = ["timeout", str(_PATIENCE), "tar", "-xf", source, "-C", folder]
        if subprocess.run([*map(str, command)], capture_output=True, check=False).returncode:
            return NOT_READ
    return called(["umoci", "unpack", "--image", f"{folder}:1", place / "dest"], place)


def kind(source: Path) -> str:
    """Return skopeo's name for what a source is, nothing for what it does not read."""
    if source.is_dir():
        if os.path.lexists(source / "oci-layout"):
            return "oci"
        return "dir" if os.path.lexists(source / "version") else ""
    with source.open("rb") as file:
        first = file.read(_LOOKED_AT)
        file.seek(max(source.stat().st_size - _LOOKED_AT, 0))
        last = file.read(_LOOKED_AT)
    if first.startswith(_COMPRESSED):
        return "docker-archive"
    return "oci-archive" if b"oci-layout" in first or b"oci-layout" in last else "docker-archive"


def rows(cases: dict[str, Case]) -> Iterator[str]:
    """Give a line of the table for each case."""
    yield "| archive | aims at | ociarchive | skopeo | umoci |"
    yield "|---|---|---|---|---|"
    for name, case in cases.items():
        found = []
        for program in (skopeo, umoci):
            with tempfile.TemporaryDirectory() as place:
                source = Path(place) / "source"
                case.build(source)
                found.append(str(program(source, Path(place))))
        yield f"{ours(name, case)} {' | '.join(found)} |"
        sys.stderr.write(f"{name}: {', '.join(found)}\n")


def ours(name: str, case: Case) -> str:
    """Give the part of a line that the tests hold."""
    found = f"{case.audit}, {case.convert}" + (f", `{case.rule}`" if case.rule else "")
    return f"| {name} | {case.of} | {found} |"


def main() -> None:
    """Write the page."""
    versions = ", ".join(
        subprocess.run([name, "--version"], capture_output=True, text=True, check=True).stdout.strip().splitlines()[0]
        for name in ("skopeo", "umoci")
    )
    text = HEAD.format(
        date=sys.argv[1], versions=versions, kernel=os.uname().release.partition("-")[0], processors=os.cpu_count()
    )
    sys.stdout.write(text)
    for title, module in GROUPS.items():
        sys.stdout.write(f"\n## {title}\n\n" + "\n".join(rows(module.CASES)) + "\n")


if __name__ == "__main__":
    if not (shutil.which("skopeo") and shutil.which("umoci")):
        sys.exit("needs skopeo and umoci")
    main()
