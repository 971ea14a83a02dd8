"""Files beside DEST: reports and receipts. This is the one place that writes them.

Nothing that the call reads or writes is overwritten, whatever its spelling: files and folders are compared by device
and inode, and nothing is put into an archive's folder. An existing file that is not recognised as ours stays, unless
`force` is given. A file appears only when it is complete: an unfinished one has a random name that nobody can guess and
no link can take. What is no regular file (a terminal, a pipe, /dev/null) is written to directly.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from ociarchive.blobio import partlist
from ociarchive.blobio.realpath import real
from ociarchive.blobio.source import close_read
from ociarchive.blobio.spool import write_all
from ociarchive.errors import NO_FOLDER, UsageError, cannot
from ociarchive.late import Late

if TYPE_CHECKING:
    import secrets
    from collections.abc import Callable, Iterable, Iterator
else:
    secrets = Late("secrets")

_SUFFIX: Final = ".ociarchive-part"
#: Bytes of the file's name in the unfinished one's, which file systems hold to 255.
_LONGEST: Final = 180
#: How many bytes of a file are read to recognise it as one of ours.
HEAD: Final = 64 << 10
_MAX_LINKS: Final = 40
#: Seconds after which a wait for a pipe's reader is reported, and between two attempts.
_PATIENCE: Final = 2.0
_PAUSE: Final = 0.05
#: What link(2) answers where a file system has no second names for a file.
_NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL)
_PERMISSIONS: Final = 0o777

_Identity = tuple[int, int]


class OverwriteError(UsageError):
    """A file beside DEST would overwrite, or stand inside of, what the call reads or writes."""


class Beside:
    """One file beside DEST. `what` is its name in messages. `ours` recognises a file of ours by its first bytes.

    `say` receives messages that are no errors.
    """

    def __init__(
        self, path: str, what: str, *, force: bool, ours: Callable[[bytes], bool], say: Callable[[str], None]
    ) -> None:
        self._path, self._what, self._force, self._ours, self._say = path, what, force, ours, say
        self._involved: dict[str, set[_Identity]] = {}

    def apart_from(self, path: str) -> None:
        """Name a file or folder that the call reads or writes.

        OverwriteError: this file would overwrite it, or stand inside of it.
        """
        self._involved.setdefault(path, set())
        self._require_apart([path])

    def no_part_of(self, dest: str) -> None:
        """Name a file that the call writes in parts. OverwriteError: this file has the name that one of them may get.

        The parts' list, sums and parity count with them.
        """
        folder, name = os.path.split(os.path.realpath(self._path))
        whole, of = os.path.split(os.path.realpath(dest))
        if folder == whole and partlist.belongs(name, of):
            raise self._overwrites()

    def require(self) -> None:
        """Refuse, before any work, what cannot or must not be written. UsageError, HostError: what `write` raises."""
        self._require_apart(self._involved)
        self._judge()

    def write(self, pieces: Iterable[str | bytes]) -> None:
        """Write the file from its pieces, texts or bytes as they are, whole or not at all.

        UsageError: it is part of what the call reads or writes, a folder, or a file that is not ours. HostError: it
        cannot be written.
        """
        with self.staged(pieces) as staged:
            staged.commit()

    def staged(self, pieces: Iterable[str | bytes]) -> Staged:
        """Write all of the file under a hidden name in its folder. It gets its own name when that is committed.

        What is no regular file is written when it is committed. Errors are those of `write`.
        """
        self._require_apart(self._involved)
        data = (piece if isinstance(piece, bytes) else piece.encode("utf-8", "backslashreplace") for piece in pieces)
        try:
            own = _own_descriptor(self._path)
            if own is not None:
                return Staged(self._path, partial(_write_into, own, data, self._path))
            before = self._judge()
            if before is not None and not stat.S_ISREG(before.st_mode):
                return Staged(self._path, partial(self._write_special, before, data))
            return self._replacing(data, before)
        except OSError as error:
            raise cannot("write", error, self._path) from error

    def _require_apart(self, others: Iterable[str]) -> None:
        path = real(self._path)
        own = _identity(path)
        above = [mark for folder in _above(path) if (mark := _identity(folder)) is not None]
        for other in others:
            marks = self._involved[other]
            now = _identity(other)
            if now is not None:
                marks.add(now)
            place = real(other)
            spelled = path == place or path.startswith(place.rstrip("/") + "/")
            if own in marks or spelled or not marks.isdisjoint(above):
                raise self._overwrites()

    def _overwrites(self) -> OverwriteError:
        what = f"the {self._what} would overwrite a file or archive of this call, or part of one"
        return OverwriteError(what, where=self._path)

    def _judge(self) -> os.stat_result | None:
        """Return what is there, None for nothing. UsageError: it stays as it is."""
        if _own_descriptor(self._path) is not None:
            return None
        try:
            status = os.stat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            self._require_place()
            return None
        except OSError as error:
            raise cannot("write", error, self._path) from error
        mode = status.st_mode
        if stat.S_ISDIR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
            kind = "folder" if stat.S_ISDIR(mode) else "block device" if stat.S_ISBLK(mode) else "socket"
            raise UsageError(f"the {self._what} cannot be written there", where=self._path, found=f"a {kind}")
        if stat.S_ISREG(mode) and status.st_size and not self._force and not self._ours(self._head()):
            raise UsageError(
                f"a file is there that ociarchive does not know as its {self._what}",
                where=self._path,
                hint="--force replaces it",
            )
        return status

    def _require_place(self) -> None:
        if os.path.islink(self._path):
            raise UsageError(
                f"the {self._what} cannot be written there", where=self._path, found="a link that leads to nothing"
            )
        require_folder(self._path, self._what)

    def _head(self) -> bytes:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            raise cannot("read", error, self._path) from error
        try:
            return os.pread(fd, HEAD, 0)
        except OSError as error:
            raise cannot("read", error, self._path) from error
        finally:
            close_read(fd)

    def _replacing(self, data: Iterable[bytes], before: os.stat_result | None) -> Staged:
        """Write an unfinished file in the same folder, which then gets the name."""
        parent, name = os.path.split(os.path.realpath(self._path))
        folder = os.open(parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        part = f".{os.fsdecode(os.fsencode(name)[:_LONGEST])}.{secrets.token_hex(6)}{_SUFFIX}"

        def commit() -> None:
            if before is None:
                self._name_new(folder, part, name)
            else:
                self._name_again(folder, part, name, before)

        def drop() -> None:
            with suppress(OSError):
                os.unlink(part, dir_fd=folder)

        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(part, flags, 0o666, dir_fd=folder)
        except BaseException:
            close_read(folder)
            raise
        staged = Staged(self._path, commit, drop, folder)  # from here on the file is ours to remove
        try:
            try:
                if before is not None:
                    self._keep(fd, before)
                for piece in data:
                    write_all(fd, piece, self._path)
                os.fsync(fd)
            finally:
                os.close(fd)
        except BaseException:
            staged.close()
            raise
        return staged

    def _keep(self, fd: int, before: os.stat_result) -> None:
        """Give the new file the owner and mode of the one that it replaces. Say so where that is not allowed."""
        now = os.fstat(fd)
        mode = before.st_mode & _PERMISSIONS
        if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
            try:
                os.fchown(fd, before.st_uid, before.st_gid)
            except OSError:
                self._say(f"the {self._what} belongs to another user or group than before ({self._path})")
        os.fchmod(fd, mode)

    def _name_new(self, folder: int, part: str, name: str) -> None:
        """Give a name that is free. UsageError: it is taken since the call began."""
        try:
            os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            raise self._appeared() from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if _exists(name, folder):
                raise self._appeared() from None
            os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
            return
        os.unlink(part, dir_fd=folder)

    def _name_again(self, folder: int, part: str, name: str, before: os.stat_result) -> None:
        now = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not os.path.samestat(now, before):
            raise self._appeared()
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)

    def _appeared(self) -> UsageError:
        return UsageError(f"another file took the place of the {self._what} in the meantime", where=self._path)

    def _write_special(self, before: os.stat_result, data: Iterable[bytes]) -> None:
        _write_and_close(self._open_special(before), data, self._path)

    def _open_special(self, before: os.stat_result) -> int:
        """Open what is no regular file, and wait for the reader of a pipe."""
        flags = os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC
        if not stat.S_ISFIFO(before.st_mode):
            return os.open(self._path, flags)
        began, told = time.monotonic(), False
        while True:
            try:
                fd = os.open(self._path, flags | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
            else:
                os.set_blocking(fd, True)
                return fd
            if not told and time.monotonic() - began > _PATIENCE:
                told = True
                self._say(f"waiting for a reader of the pipe ({self._path})")
            time.sleep(_PAUSE)


def require_folder(path: str, what: str) -> None:
    """Refuse a file, `what` it is, in a folder that does not exist. Its name is the call's, so UsageError."""
    if not os.path.isdir(os.path.dirname(os.path.realpath(path))):
        raise UsageError(
            f"the {what} cannot be written there", where=path, expected="a folder that exists", hint=NO_FOLDER
        )


class Staged:
    """A file that is written and has no name yet. As a context it is gone where it was not committed."""

    def __init__(
        self, path: str, commit: Callable[[], None], drop: Callable[[], None] = lambda: None, folder: int | None = None
    ) -> None:
        self._path, self._commit, self._drop, self._folder = path, commit, drop, folder
        self._done = False

    @property
    def direct(self) -> bool:
        """Whether nothing is written before it is committed, so that only then it can fail for want of space."""
        return self._folder is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def commit(self) -> None:
        """Give the file its name. UsageError: another took it meanwhile. HostError: it cannot be written."""
        try:
            self._commit()
        except OSError as error:
            raise cannot("write", error, self._path) from error
        self._done = True

    def close(self) -> None:
        """Remove what was not committed."""
        if not self._done:
            self._drop()
        if self._folder is not None:
            close_read(self._folder)
            self._folder = None


def _identity(path: str) -> _Identity | None:
    """Return device and inode of what can be overwritten; None for a device, and where there is nothing."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return None if stat.S_ISCHR(status.st_mode) else (status.st_dev, status.st_ino)


def _above(path: str) -> Iterator[str]:
    """Give the folders that a path lies in, the innermost first."""
    folder = os.path.dirname(path)
    while folder != path:
        yield folder
        path, folder = folder, os.path.dirname(folder)


def _own_descriptor(path: str) -> int | None:
    """Return the descriptor of this process that a path names (/dev/stdout, /dev/fd/3), None where it names none.

    Its file is written from the current position on, as its opener wants, and never replaced.
    """
    own = f"/proc/{os.getpid()}/fd"
    for _ in range(_MAX_LINKS):
        folder, name = os.path.split(path)
        if name.isdecimal() and os.path.realpath(folder) == own:
            return int(name)
        try:
            path = os.path.join(folder, os.readlink(path))
        except (OSError, ValueError):
            return None
    return None


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _write_into(fd: int, data: Iterable[bytes], where: str) -> None:
    """Write into a descriptor that stays open."""
    _write_and_close(os.dup(fd), data, where)


def _write_and_close(fd: int, data: Iterable[bytes], where: str) -> None:
    """Write all; some devices say only as they are closed that they could not."""
    try:
        for piece in data:
            write_all(fd, piece, where)
    finally:
        os.close(fd)
