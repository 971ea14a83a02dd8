"""One RandomFile over many files of one size: what lies in them after one another is read and written as a whole."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.randomfile import OpenFile
from ociarchive.blobio.source import close_read
from ociarchive.errors import ContentError, cannot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Files that stay open beside those in use: a process may have far fewer files open than an archive has parts.
_KEPT: Final = 8


class LostBytesError(ContentError):
    """Bytes that nothing here holds, because the file that they lie in is lost. `rule` says what the audit calls it."""

    rule = "part-missing"


class ManyFile:
    """Files of `part_size` bytes, the last one perhaps shorter.

    `open_part` gives an open file for each part, counted from 0, and the position at which the part begins in it; this
    closes it. `size` is the number of bytes that are there at first; `closed` is called when it is closed.
    """

    def __init__(
        self,
        open_part: Callable[[int], tuple[int, int]],
        part_size: int,
        where: str,
        size: int = 0,
        closed: Callable[[], None] | None = None,
    ) -> None:
        self._open_part, self._part_size, self.where, self._size = open_part, part_size, where, size
        self._closed = closed
        self._open: dict[int, list[int]] = {}  # part: file, position in it, users
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """The number of bytes in all parts."""
        return self._size

    def read(self, size: int, position: int) -> bytes:
        """Return bytes, fewer only where the end comes before. LostBytesError: a part of them is not here."""
        pieces = [
            OpenFile(fd, self.where).read(length, at)
            for fd, at, length in self.stretches(position, max(min(size, self._size - position), 0))
        ]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def write(self, data: bytes | memoryview, position: int) -> None:
        """Write all bytes, into further parts where one is full."""
        view = memoryview(data)
        for fd, at, length in self.stretches(position, len(view)):
            OpenFile(fd, self.where).write(view[:length], at)
            view, position = view[length:], position + length
            self._size = max(self._size, position)
        self._size = max(self._size, position)  # bytes before may have come without passing here

    def stretches(self, position: int, size: int) -> Iterator[tuple[int, int, int]]:
        """Give the files that hold these bytes, each open until the next one is asked for."""
        while size > 0:
            part, at = divmod(position, self._part_size)
            length = min(size, self._part_size - at)
            with self._borrowed(part) as (fd, begin):
                yield fd, begin + at, length
            position, size = position + length, size - length

    def data_from(self, position: int) -> int:
        """Return where data stands next; a part that is lost counts as data."""
        while position < self._size:
            part, at = divmod(position, self._part_size)
            room = min(self._part_size, self._size - part * self._part_size)
            try:
                with self._borrowed(part) as (fd, begin):
                    found = max(at, os.lseek(fd, begin + at, os.SEEK_DATA) - begin)
            except LostBytesError:
                return position
            except OSError as error:
                found = room if error.errno == errno.ENXIO else at
            if found < room:
                return part * self._part_size + found
            position = part * self._part_size + room
        return self._size

    def cut(self, size: int) -> None:
        """Make it end there. Parts behind it stay, empty or not, for whoever made them to remove."""
        self._size = size
        part, at = divmod(size, self._part_size)
        if at:
            with self._borrowed(part) as (fd, begin):
                OpenFile(fd, self.where).cut(begin + at)

    def sync(self) -> None:
        """Write each part through to the disk."""
        for part in range(-(-self._size // self._part_size)):
            with self._borrowed(part) as (fd, _):
                OpenFile(fd, self.where).sync()

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            for fd, _, _ in self._open.values():
                close_read(fd)
            self._open.clear()
            closed, self._closed = self._closed, None
        if closed is not None:
            closed()

    @contextmanager
    def _borrowed(self, part: int) -> Iterator[tuple[int, int]]:
        """Give the open file of a part; nobody closes it meanwhile."""
        with self._lock:
            held = self._open.pop(part, None) or [*self._open_part(part), 0]
            held[2] += 1
            self._open[part] = held  # the last one used stands last
        try:
            yield held[0], held[1]
        finally:
            with self._lock:
                held[2] -= 1
                self._let_go()

    def _let_go(self) -> None:
        """Close those that were not used for the longest time. HostError: what was written to one is lost."""
        idle = [part for part, held in self._open.items() if not held[2]]
        for part in idle[: max(len(self._open) - _KEPT, 0)]:
            fd = self._open.pop(part)[0]
            try:
                os.close(fd)
            except OSError as error:
                raise cannot("write", error, self.where) from error
