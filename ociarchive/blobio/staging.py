"""What a run keeps beside DEST under a hidden name, and how it is removed, however the run ends.

A hidden name is locked (flock) as long as its process lives. What is not locked was left by a killed run. The next run
that writes the same DEST removes it.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.removing import remove
from ociarchive.blobio.source import close_read
from ociarchive.blobio.spool import SPOOL
from ociarchive.late import Late

if TYPE_CHECKING:
    import secrets
    from collections.abc import Callable
else:
    secrets = Late("secrets")

_SUFFIX: Final = ".ociarchive-part"
_PROBE: Final = ".probe"
#: Bytes of DEST's name in the hidden one, which file systems hold to 255.
_LONGEST: Final = 180
_DIGITS: Final = 12
#: What stands between DEST's name and the end of the hidden one.
_HIDDEN: Final = re.compile(rf"[0-9a-f]{{{_DIGITS}}}{re.escape(_SUFFIX)}(?:{re.escape(_PROBE)})?")


def part_of(name: str) -> str:
    """Return a name for the unfinished part of a file, which nobody can know before; `is_part_of` knows it again."""
    return f"{name}.{secrets.token_hex(_DIGITS // 2)}{_SUFFIX}"


def is_part_of(entry: str, name: str) -> bool:
    """Whether a name is one that `part_of` made for `name`."""
    return entry.startswith(f"{name}.") and _HIDDEN.fullmatch(entry.removeprefix(f"{name}.")) is not None


def hidden_name(name: str) -> str:
    """Return what the hidden names of a DEST begin with, in front of the last dot."""
    return f".{os.fsdecode(os.fsencode(name)[:_LONGEST])}"


class Hidden:
    """A hidden name beside a DEST, and the files that are open while it is used."""

    def __init__(self, folder: str, name: str) -> None:
        self.folder = folder
        self._name = hidden_name(name)
        self.path = os.path.join(folder, part_of(self._name))
        self.probe = self.path + _PROBE
        self._open: list[int] = []
        #: Whether `clear` has to leave what is there, for it is not all this run's own.
        self.keep = False

    def hold(self, fd: int) -> int:
        """Keep an open file until `clear`; return it."""
        self._open.append(fd)
        return fd

    def make_folder(self) -> None:
        """Make a locked folder. What is in it gets its rights when it is moved. OSError: that is not possible."""
        os.mkdir(self.path, 0o700)
        self.lock(self.path)

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
        for path in () if self.keep else (self.path, self.probe):
            remove(path)
        while self._open:
            close_read(self._open.pop())

    def clear_leftovers(self, is_left: Callable[[str], bool]) -> None:
        """Remove what killed runs left that wrote the same DEST, and spools that had no time to lose their name.

        `is_left` says of a folder whether it holds nothing but what a run leaves.
        """
        with suppress(OSError):
            for entry in os.listdir(self.folder):
                path = os.path.join(self.folder, entry)
                if is_part_of(entry, self._name):
                    _remove_unlocked(path, is_left)
                elif entry.startswith(SPOOL):
                    _remove_unlocked(path, lambda _: False)  # no folder is a spool


def _remove_unlocked(path: str, is_left: Callable[[str], bool]) -> None:
    """Remove what a killed run left, unless its process lives; what is neither file nor folder is not ours."""
    try:
        fd = _opened(path, os.lstat(path))
    except OSError:
        return
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if stat.S_ISREG(mode) or is_left(path):
                remove(path)
    except OSError:
        return  # locked: its process lives
    finally:
        close_read(fd)


def _opened(path: str, status: os.stat_result) -> int:
    """Open what a killed run left; one that its umask let nobody open is locked by no process that lives."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        if status.st_uid == os.geteuid():
            (os.rmdir if stat.S_ISDIR(status.st_mode) else os.unlink)(path)
        raise
