"""RandomFile: bytes that can be read and written anywhere, whether one file holds them or several do."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from ociarchive.errors import cannot

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What is copied at once through memory, in bytes.
_COPIED: Final = 512 << 10
#: What copy_file_range(2) answers where two files or their file system have no way to do it.
_NO_COPY: Final = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EPERM)


class RandomFile(Protocol):
    """Bytes with positions. Every method raises HostError where the machine cannot do it."""

    @property
    def where(self) -> str:
        """The place, for messages."""
        ...

    @property
    def size(self) -> int:
        """The number of bytes."""
        ...

    def read(self, size: int, position: int) -> bytes:
        """Return `size` bytes from `position` on, fewer only where the end comes before."""
        ...

    def write(self, data: bytes | memoryview, position: int) -> None:
        """Write all of `data` at `position`, where bytes stand up to there. It then ends there or later."""
        ...

    def stretches(self, position: int, size: int) -> Iterator[tuple[int, int, int]]:
        """Give the open files that hold these bytes, each with the position and the number of bytes in it."""
        ...

    def data_from(self, position: int) -> int:
        """Return where the next bytes stand that are no hole: `position`, or a place behind a hole (all zeros)."""
        ...

    def cut(self, size: int) -> None:
        """Make it end after `size` bytes."""
        ...

    def sync(self) -> None:
        """Write it through to the disk."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


class OpenFile:
    """One open file. `where` is what messages call it. It is closed by `close`, or by who opened it."""

    def __init__(self, fd: int, where: str) -> None:
        self._fd, self.where = fd, where

    @property
    def size(self) -> int:
        """The number of bytes."""
        try:
            return os.fstat(self._fd).st_size
        except OSError as error:
            raise cannot("read", error, self.where) from error

    def read(self, size: int, position: int) -> bytes:
        """Return bytes, all that were asked for however the file system hands them out."""
        try:
            found = piece = os.pread(self._fd, size, position)
            while piece and len(found) < size:
                piece = os.pread(self._fd, size - len(found), position + len(found))
                found += piece
        except OSError as error:
            raise cannot("read", error, self.where) from error
        return found

    def write(self, data: bytes | memoryview, position: int) -> None:
        """Write all bytes."""
        view = memoryview(data)
        try:
            while view:
                count = os.pwrite(self._fd, view, position)
                view, position = view[count:], position + count
        except OSError as error:
            raise cannot("write", error, self.where) from error

    def stretches(self, position: int, size: int) -> Iterator[tuple[int, int, int]]:
        """Give the file itself."""
        if size:
            yield self._fd, position, size

    def data_from(self, position: int) -> int:
        """Return where data stands next; where the file system knows no holes it is all data."""
        try:
            return max(position, os.lseek(self._fd, position, os.SEEK_DATA))
        except OSError as error:
            return self.size if error.errno == errno.ENXIO else position

    def cut(self, size: int) -> None:
        """Make it end there."""
        try:
            os.ftruncate(self._fd, size)
        except OSError as error:
            raise cannot("write", error, self.where) from error

    def sync(self) -> None:
        """Write it through to the disk."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise cannot("write", error, self.where) from error

    def close(self) -> None:
        """Close the file, once."""
        if self._fd >= 0:
            with suppress(OSError):  # an error then loses nothing: what was written was synced or given up
                os.close(self._fd)
            self._fd = -1


def copy(source: RandomFile, start: int, target: RandomFile, position: int, size: int) -> None:
    """Copy `size` bytes, within the kernel where the file system can. HostError: one cannot be read or written."""
    for fd, begin, length in source.stretches(start, size):
        done = _in_kernel(fd, begin, target, position, length)
        target.write(b"", position + done)
        while done < length:
            data = source.read(min(_COPIED, length - done), start + done)
            if not data:
                raise cannot("read", OSError(errno.EIO, "a temporary file lost bytes"), source.where)
            target.write(data, position + done)
            done += len(data)
        start, position = start + length, position + length


def _in_kernel(fd: int, begin: int, target: RandomFile, position: int, length: int) -> int:
    """Return how many of some bytes the kernel copied from one open file."""
    done = 0
    try:
        for out, at, room in target.stretches(position, length):
            copied = 0
            while copied < room:
                count = os.copy_file_range(fd, out, room - copied, begin + done, at + copied)
                if not count:
                    return done  # some file systems answer so where they cannot
                copied, done = copied + count, done + count
    except OSError as error:
        if error.errno not in _NO_COPY:
            raise cannot("write", error, target.where) from error
    return done
