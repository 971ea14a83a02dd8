"""Locks of folders: who adds to one or clears it lets others wait, and who waits for long says so."""

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

#: Who hears, in a sentence and perhaps from another thread, what a person may want to know while work goes on.
Hear: TypeAlias = "Callable[[str], None]"
#: Seconds: a wait that is over sooner is not worth a word.
PATIENCE: Final = 2.0


def nobody(text: str) -> None:
    """Hear and forget."""
    del text


@contextmanager
def locked_folder(path: str, where: str, hear: Hear = nobody, *, do: str = "write") -> Iterator[None]:
    """Hold a folder's lock (flock); a run that has it keeps others waiting, and `hear` is told of a long wait.

    `where` is what messages call the folder. HostError: it cannot be opened, to `do` what is meant.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise cannot(do, error, where) from error
    try:
        with suppress(OSError):  # a file system without locks
            _take(fd, lambda: hear(f"waiting for another process, which holds the lock of {path}"))
        yield
    finally:
        close_read(fd)


def _take(fd: int, impatient: Callable[[], None]) -> None:
    """Take a lock, however long that takes; a signal that comes meanwhile raises."""
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
