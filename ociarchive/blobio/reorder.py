"""A shelf: one nameless file in which the bytes of many slots wait, so that waiting costs no open file each.

The file is cut into pieces of one size. Bytes of a slot fill pieces that need not lie together; when they are taken
away their pieces are used again.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.randomfile import OpenFile, copy
from ociarchive.blobio.source import close_read
from ociarchive.blobio.spool import nameless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.blobio.randomfile import RandomFile

PIECE: Final = 1 << 20


class Shelf:
    """The file, made in `folder` when something is first put there. `where` names what it serves in messages."""

    def __init__(self, folder: str | None, where: str) -> None:
        self._folder, self._where = folder, where
        self._fd: int | None = None
        self._lock = threading.Lock()
        self._free: list[int] = []
        self._end = 0

    def stock(self) -> Stock:
        """Return a place for the bytes of one slot. HostError: the file cannot be made."""
        with self._lock:
            if self._fd is None:
                self._fd = nameless(self._folder)
        return Stock(self, OpenFile(self._fd, self._where))

    def close(self) -> None:
        """Close the file, and lose all that is in it."""
        with self._lock:
            if self._fd is not None:
                close_read(self._fd)
                self._fd = None

    def take(self) -> int:
        """Return where a piece begins that nobody uses."""
        with self._lock:
            if self._free:
                return self._free.pop()
            self._end += PIECE
            return self._end - PIECE

    def give(self, pieces: list[int]) -> None:
        """Take pieces back."""
        with self._lock:
            self._free.extend(pieces)


class Stock:
    """What one slot has on the shelf; one thread at a time uses it."""

    def __init__(self, shelf: Shelf, file: RandomFile) -> None:
        self._shelf, self._file = shelf, file
        self._pieces: list[int] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Add bytes. HostError: they cannot be written."""
        view = memoryview(data)
        while view:
            filled = self._size % PIECE
            if not filled:
                self._pieces.append(self._shelf.take())
            piece = view[: PIECE - filled]
            self._file.write(piece, self._pieces[-1] + filled)
            self._size += len(piece)
            view = view[len(piece) :]

    def copy_to(self, target: RandomFile, position: int) -> int:
        """Write all into another file from `position` on; return where it ends. HostError: it cannot be written."""
        for start, length in self._stretches():
            copy(self._file, start, target, position, length)
            position += length
        return position

    def clear(self) -> None:
        """Free the space."""
        self._shelf.give(self._pieces)
        self._pieces, self._size = [], 0

    def _stretches(self) -> Iterator[tuple[int, int]]:
        left = self._size
        for start in self._pieces:
            yield start, min(PIECE, left)
            left -= PIECE
