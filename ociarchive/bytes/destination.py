"""DEST appears whole or not at all: written under a hidden name beside it, renamed or exchanged at the end.

A hidden name is locked (flock) as long as its process lives; what is not locked was left by a killed run and is
cleared by the next one that writes the same DEST.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import secrets
import shutil
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from ociarchive.bytes.sink import fsync_folder
from ociarchive.errors import HostError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

_AT_FDCWD: Final = -100
_NOREPLACE: Final = 1
_EXCHANGE: Final = 2
_SUFFIX: Final = ".ociarchive-part"
_PROBE: Final = ".probe"
#: Bytes of DEST's name in the hidden one, which file systems hold to 255.
_LONGEST: Final = 180
_UNSUPPORTED: Final = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)


class Destination:
    """One DEST while it is made. `path` is the hidden name to write to; leaving without `publish` removes it."""

    def __init__(self, dest: str, *, folder: bool, force: bool, sync: bool) -> None:
        """Take a hidden name beside `dest`. UsageError: it exists and may not be replaced. HostError: no place."""
        self._shown = dest
        self._dest = os.path.realpath(dest)
        self.parent = os.path.dirname(self._dest)
        self._folder, self._force, self._sync = folder, force, sync
        self._lock: int | None = None
        self._fd: int | None = None
        name = os.path.basename(self._dest)
        self._prefix = f".{os.fsdecode(os.fsencode(name)[:_LONGEST])}."
        self.path = os.path.join(self.parent, f"{self._prefix}{secrets.token_hex(6)}{_SUFFIX}")

    def __enter__(self) -> Self:
        if not os.path.isdir(self.parent):
            raise UsageError("no such folder for DEST", where=self.parent)
        self._check_free()
        try:
            with _locked_folder(self.parent):
                self._clear_leftovers()
                self._make()
            if self._force and os.path.lexists(self._dest) and (self._folder or os.path.isdir(self._dest)):
                self._require_exchange()
        except BaseException:
            self._let_go()
            raise
        return self

    def _make(self) -> None:
        try:
            if self._folder:
                os.mkdir(self.path)
            else:
                self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            self._lock = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            with suppress(OSError):  # a file system without locks: leftovers are then never cleared by others
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise HostError(f"cannot write: {error.strerror}", where=self.parent) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()

    def _let_go(self) -> None:
        for fd in (self._fd, self._lock):
            if fd is not None:
                os.close(fd)
        self._fd = self._lock = None
        _remove(self.path)

    @property
    def fd(self) -> int:
        """The open file of a DEST that is a file."""
        if self._fd is None:
            raise RuntimeError("DEST is a folder")
        return self._fd

    def publish(self) -> None:
        """Give what was written its name; with force what had the name before is removed after the exchange."""
        try:
            if self._force and os.path.lexists(self._dest):
                self._exchange()
            else:
                self._rename_new()
            if self._sync:
                fsync_folder(self.parent)
        except OSError as error:
            raise HostError(f"cannot give DEST its name: {error.strerror}", where=self._shown) from error

    def _exchange(self) -> None:
        if not self._folder and not os.path.isdir(self._dest):
            os.replace(self.path, self._dest)
            return
        if not _renameat2(self.path, self._dest, _EXCHANGE):
            raise HostError("the file system cannot exchange two names at once", where=self._shown)

    def _rename_new(self) -> None:
        try:
            if _renameat2(self.path, self._dest, _NOREPLACE):
                return
            if self._folder:
                os.rename(self.path, self._dest)  # fails where a folder with content took the name meanwhile
            else:
                os.link(self.path, self._dest)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR):
                raise _exists(self._shown) from None
            raise

    def _check_free(self) -> None:
        if os.path.lexists(self._dest) and not self._force:
            raise _exists(self._shown)

    def _require_exchange(self) -> None:
        """Say before any work that a folder cannot be exchanged here."""
        probe = self.path + _PROBE
        try:
            os.mkdir(probe)
            if not _renameat2(self.path, probe, _EXCHANGE):
                raise HostError(
                    "the file system cannot exchange two folders at once",
                    where=self._shown,
                    hint="remove DEST first, or choose another",
                )
            _renameat2(self.path, probe, _EXCHANGE)
        except OSError as error:
            raise HostError(f"cannot write: {error.strerror}", where=self.parent) from error
        finally:
            with suppress(OSError):
                os.rmdir(probe)

    def _clear_leftovers(self) -> None:
        with suppress(OSError):
            for entry in os.listdir(self.parent):
                if entry.startswith(self._prefix) and entry.endswith((_SUFFIX, _PROBE)):
                    _remove_unlocked(os.path.join(self.parent, entry))


def _exists(shown: str) -> UsageError:
    return UsageError("DEST exists, use --force to replace it", where=shown)


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
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
        os.close(fd)


@contextmanager
def _locked_folder(path: str) -> Iterator[None]:
    """Keep two runs from clearing what the other has just made and not locked yet."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(f"cannot write: {error.strerror}", where=path) from error
    try:
        with suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _renameat2(old: str, new: str, flags: int) -> bool:
    """Rename with flags (renameat2(2)); False where kernel, library or file system has no such call."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    if call(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), new)
