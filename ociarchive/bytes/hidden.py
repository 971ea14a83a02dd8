"""What a run keeps beside DEST under a hidden name, and how that goes away, however the run ends.

A hidden name is locked (flock) as long as its process lives; what is not locked was left by a killed run, and the next
one that writes the same DEST removes it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from ociarchive.bytes.source import close_read
from ociarchive.bytes.spool import SPOOL
from ociarchive.errors import cannot

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIX: Final = ".ociarchive-part"
_PROBE: Final = ".probe"
#: Bytes of DEST's name in the hidden one, which file systems hold to 255.
_LONGEST: Final = 180


class Hidden:
    """A hidden name beside a DEST, and the files that are open while it is used."""

    def __init__(self, folder: str, name: str) -> None:
        self.folder = folder
        self._prefix = f".{os.fsdecode(os.fsencode(name)[:_LONGEST])}."
        self.path = os.path.join(folder, f"{self._prefix}{secrets.token_hex(6)}{_SUFFIX}")
        self.probe = self.path + _PROBE
        self._open: list[int] = []

    def hold(self, fd: int) -> int:
        """Keep an open file until `clear`; return it."""
        self._open.append(fd)
        return fd

    def lock(self, path: str) -> None:
        """Hold a file or folder that the next run must not take for a leftover. OSError: it cannot be opened."""
        fd = self.hold(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
        with suppress(OSError):  # a file system without locks: leftovers are then never cleared by others
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def clear(self) -> None:
        """Remove what has the hidden name, and close what is open; may be called again.

        A signal that comes in between raises, as anywhere; the rest is then done before that goes on.
        """
        try:
            self._clear()
        except BaseException:
            self._clear()
            raise

    def _clear(self) -> None:
        for path in (self.path, self.probe):
            _remove(path)
        while self._open:
            close_read(self._open.pop())

    def clear_leftovers(self) -> None:
        """Remove what killed runs left that wrote the same DEST, and spools that had no time to lose their name."""
        with suppress(OSError):
            for entry in os.listdir(self.folder):
                ours = entry.startswith(self._prefix) and entry.endswith((_SUFFIX, _PROBE))
                if ours or entry.startswith(SPOOL):
                    _remove_unlocked(os.path.join(self.folder, entry))


def _remove(path: str) -> None:
    """Remove a file or folder as far as that can be done: what stays is for the next run."""
    with suppress(OSError):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


def _remove_unlocked(path: str) -> None:
    """Remove what a killed run left, unless its process lives; what is neither file nor folder is not ours."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)
    except OSError:
        return  # locked: its process lives
    finally:
        close_read(fd)


@contextmanager
def locked_folder(path: str, where: str) -> Iterator[None]:
    """Keep two runs from clearing what the other has just made and not locked yet."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise cannot("write", error, where) from error
    try:
        with suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        close_read(fd)
