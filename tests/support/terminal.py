"""The command line on a terminal of its own."""

import os
import pty
import subprocess
from pathlib import Path

from tests.support.forking import shared


def on_a_terminal(*args: str | Path, **env: str) -> tuple[int, str]:
    """Run with standard output and error on a terminal; give the status and what it showed."""
    ours, theirs = pty.openpty()
    try:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", **env}
        command = [*shared().command, *map(str, args)]
        child = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment)
        os.close(theirs)
        shown = b""
        while data := _read(ours):
            shown += data
        return child.wait(), shown.decode()
    finally:
        os.close(ours)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError:  # the other side is closed
        return b""
