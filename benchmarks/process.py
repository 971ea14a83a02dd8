"""Whole processes, measured from outside: what a person waits for, and what the kernel counted."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.py")


class FailedError(Exception):
    """A command that was to be measured did not end well."""


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds and peak MiB of one process; CPU seconds and peak are those of its children too."""

    wall: float
    cpu: float
    memory: float

    def as_json(self) -> dict[str, float]:
        """Return the figures, rounded to what they can bear."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


def ociarchive() -> list[str]:
    """Return the command that is installed beside this interpreter."""
    script = os.path.join(os.path.dirname(sys.executable), "ociarchive")
    return [script] if os.path.exists(script) else [sys.executable, "-m", "ociarchive"]


def run(argv: Sequence[str]) -> Run:
    """Run a command to its end. FailedError, with its last line, where its status is not 0."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", _LAUNCHER, *argv], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    words = done.stdout.split()
    if not words or words[0] != b"0":
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        status = words[0].decode() if words else "none"
        raise FailedError(f"{os.path.basename(argv[0])}: status {status}: {' '.join(last)}")
    _, wall, cpu, kib = map(float, words)
    return Run(wall, cpu, kib / 1024)


def median(runs: Sequence[Run]) -> Run:
    """Return the median of each figure for itself."""
    return Run(
        statistics.median(one.wall for one in runs),
        statistics.median(one.cpu for one in runs),
        statistics.median(one.memory for one in runs),
    )


def clear(path: str) -> None:
    """Remove a file or folder, if it is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def settle(path: str) -> None:
    """Bring what was built below a folder to the disk, so that no run waits for it."""
    for at, _, names in os.walk(path):
        for name in names:
            with open(os.path.join(at, name), "rb") as file:
                os.fsync(file.fileno())


def size(path: str) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    if not os.path.isdir(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(path) for name in names)
