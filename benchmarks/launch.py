"""Run one command and print what the kernel counted of it: exit status, wall seconds, CPU seconds, peak KiB.

Started by process.py as a program of its own, isolated and without site-packages. Linux counts into a child's peak
memory what its parent held when it was started, so a child of pytest would never read below pytest's own hundred
megabytes; this program holds about ten.
"""

from __future__ import annotations

import os
import sys
import time


def main(argv: list[str]) -> None:
    """Run `argv`, its output thrown away, its errors on our stderr."""
    nowhere = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    ]
    began = time.monotonic()
    child = os.posix_spawnp(argv[0], argv, os.environ, file_actions=nowhere)
    _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - began
    print(os.waitstatus_to_exitcode(status), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


if __name__ == "__main__":
    main(sys.argv[1:])
