"""Locks of folders. A run that adds to a folder or clears it makes others wait. A long wait is reported."""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeAlias

from ociarchive.blobio.source import close_read
from ociarchive.errors import cannot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Receives, in a sentence and perhaps from another thread, what a person may want to know during the work.
Hear: TypeAlias = "Callable[[str], None]"
#: Seconds: a shorter wait is not reported.
PATIENCE: Final = 2.0


def nobody(text: str) -> None:
    """Ignore the message."""
    del text


@contextmanager
def locked_folder(path: str, where: str, hear: Hear = nobody, *, do: str = "write") -> Iterator[None]:
    """Hold a folder's lock (flock). A run that has it makes others wait. `hear` reports a long wait.

    `where` is the folder's name in messages. HostError: it cannot be opened; `do` says for what.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise cannot(do, error, where) from error
    try:
        with suppress(OSError):  # a file system without locks
            wait_for(fd, lambda: hear(f"waiting for another process, which holds the lock of {path}"))
        yield
    finally:
        close_read(fd)


def wait_for(fd: int, impatient: Callable[[], None]) -> None:
    """Take the lock of an open file or folder (flock), however long that takes; a signal that comes meanwhile raises.

    `impatient` is called where it takes long. OSError: the file system has no locks.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        timer = threading.Timer(PATIENCE, impatient)
        timer.daemon = True
        timer.start()
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        finally:
            timer.cancel()
