"""Files of a folder or a tar, written in parallel, in slots that get their names at the end.

A blob's name is the digest of its bytes, known only when all of them were written. In a folder a slot is a file that
is renamed. A tar has one place to write to. The slot whose turn it is writes there and patches its header at the end.
Bytes of other slots wait on a shelf and are appended in their turn. So the order is that of the slots, whichever is
done first, and no slot waits for another.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Protocol

from ociarchive.blobio import tarwriter
from ociarchive.blobio.reorder import Shelf
from ociarchive.blobio.source import close_read
from ociarchive.blobio.spool import write_all
from ociarchive.errors import HostError, cannot

if TYPE_CHECKING:
    from collections.abc import Callable

    from ociarchive.blobio.randomfile import RandomFile
    from ociarchive.blobio.reorder import Stock


class Slot(Protocol):
    """A place for one blob. HostError: it cannot be written. Aborted: another slot was abandoned."""

    def write(self, data: bytes) -> None:
        """Add bytes."""
        ...

    def commit(self, name: str) -> None:
        """Give the blob its name; a second blob of a name, which holds the same bytes, is dropped."""
        ...

    def discard(self) -> None:
        """Drop the blob instead of giving it a name. The archive is completed without it."""
        ...

    def abandon(self) -> None:
        """Close what is open. The archive will not be completed."""
        ...


class Files(Protocol):
    """The files of an archive while it is written, by their names."""

    def slot(self, order: int, name: str | None = None) -> Slot:
        """Return the slot of a position; each from 0 on is committed or discarded once, or all is aborted.

        `name` is a name as long as the one that it will get.
        """
        ...

    def put(self, name: str, content: bytes) -> None:
        """Add a small file after all slots."""
        ...

    def finish(self) -> None:
        """Complete the archive."""
        ...

    def abort(self) -> None:
        """Make slots that are still in use raise Aborted. The archive will not be completed."""

    def close(self) -> None:
        """Close what is open, whatever happened to the archive."""


class Aborted(Exception):
    """Another worker failed; this one need not go on."""


class DirectorySink:
    """A folder of files. `where` is what messages call it; `sync` writes each file through to the disk."""

    def __init__(self, root: str, where: str, *, sync: bool) -> None:
        self._root, self._where, self._sync = root, where, sync
        self._made: set[str] = {root}
        self._lock = threading.Lock()

    def slot(self, order: int, name: str | None = None) -> Slot:
        """Return a file that is renamed at the end."""
        del name
        return _FileSlot(self, os.path.join(self._root, f".slot-{order}"), self._where)

    def put(self, name: str, content: bytes) -> None:
        """Write a file."""
        slot = self.slot(-1)
        try:
            slot.write(content)
        except BaseException:
            slot.abandon()
            raise
        slot.commit(name)

    def finish(self) -> None:
        """Write the folders through to the disk, the innermost first."""
        if self._sync:
            for folder in sorted(self._made, key=len, reverse=True):
                fsync_folder(folder, self._where)

    def abort(self) -> None:
        """No slot depends on another."""

    def close(self) -> None:
        """Slots close their files themselves."""

    def place(self, path: str, name: str, fd: int) -> None:
        """Move a finished file to its name, once it is on the disk and the last error of its writing was heard."""
        target = os.path.join(self._root, name)
        try:
            try:
                if self._sync:
                    os.fsync(fd)
            finally:
                os.close(fd)
            self._make_folder(os.path.dirname(target))
            os.rename(path, target)
        except OSError as error:
            raise cannot("write", error, self._where) from error

    def _make_folder(self, folder: str) -> None:
        """Make a folder and those above it, of which those that were made before are not looked at."""
        with self._lock:
            absent = []
            while folder not in self._made:
                absent.append(folder)
                folder = os.path.dirname(folder)
            for one in reversed(absent):
                try:
                    os.mkdir(one)
                except FileExistsError:
                    if not os.path.isdir(one):
                        raise
                self._made.add(one)


class _FileSlot:
    def __init__(self, sink: DirectorySink, path: str, where: str) -> None:
        self._sink, self._path, self._where = sink, path, where
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise cannot("write", error, where) from error

    def write(self, data: bytes) -> None:
        write_all(self._fd, data, self._where)

    def commit(self, name: str) -> None:
        self._sink.place(self._path, name, self._fd)

    def discard(self) -> None:
        close_read(self._fd)
        try:
            os.unlink(self._path)
        except OSError as error:
            raise cannot("write", error, self._where) from error

    def abandon(self) -> None:
        close_read(self._fd)


class TarSink:
    """A tar in a file that stays the caller's. `spool` is a folder for slots that wait.

    `final` is called with a position before which no byte will change, again and again.
    """

    def __init__(
        self, file: RandomFile, spool: str | None, where: str, *, sync: bool, final: Callable[[int], None] | None = None
    ) -> None:
        self._file, self._where, self._sync, self._final = file, where, sync, final
        self._shelf = Shelf(spool, where)
        self._position = 0
        self._turn = 0
        self._names: set[str] = set()
        self._before, self._made = 0, list[str]()  # of the member that is written now
        self._waiting: dict[int, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._aborted = False

    def slot(self, order: int, name: str | None = None) -> Slot:
        """Return a place in the tar, or on the shelf until its turn comes."""
        return _TarSlot(self, order, name)

    def put(self, name: str, content: bytes) -> None:
        """Append a member."""
        if name in self._names:
            return
        self._folders(name)
        self._write(tarwriter.header(name, len(content)) + content + tarwriter.padding(len(content)))
        self._names.add(name)

    def finish(self) -> None:
        """Write the end marker."""
        self._write(tarwriter.END)
        self._file.cut(self._position)
        if self._sync:
            self._file.sync()

    def abort(self) -> None:
        """End the work: slots that write or are committed raise Aborted."""
        with self._lock:
            self._aborted = True

    def close(self) -> None:
        """Close the shelf."""
        self._shelf.close()

    # What the slots call

    def is_turn(self, order: int) -> bool:
        """Whether it is this slot's turn to write. It stays so until the slot itself passes the turn on."""
        with self._lock:
            if self._aborted:
                raise Aborted
            return self._turn == order

    def stock(self) -> Stock:
        """Return a place on the shelf for a slot whose turn it is not."""
        return self._shelf.stock()

    def begin(self, name: str | None) -> int:
        """Leave room for the header of the slot whose turn it is; return where the member begins."""
        self._before = self._position
        self._made = self._folders(name) if name else []
        start = self._position
        self._write(bytes(len(tarwriter.header(name or "", 0))))
        return start

    def append(self, data: bytes) -> None:
        """Write bytes of the slot whose turn it is."""
        self._write(data)

    def append_stock(self, stock: Stock) -> None:
        """Write what the slot whose turn it is has on the shelf."""
        self._position = stock.copy_to(self._file, self._position)

    def end(self, start: int, room: int, name: str, size: int) -> None:
        """Complete the member of the slot whose turn it is; a second one of a name is dropped."""
        if name in self._names:
            self._position = start
            return
        head = tarwriter.header(name, size)
        if len(head) != room:
            raise HostError("a member got a name that there is no room for", where=f"{self._where}: {name}")
        self._file.write(head, start)
        self._write(tarwriter.padding(size))
        self._names.add(name)

    def drop(self) -> None:
        """Write over all that the slot whose turn it is has written, and the folders that were made for it."""
        self._position = self._before
        self._names.difference_update(self._made)

    def next_turn(self) -> None:
        """Pass the turn on. Slots that are finished and wait for it are completed here, one after another."""
        while True:
            if self._final is not None:
                self._final(self._position)
            with self._lock:
                self._turn += 1
                finish = self._waiting.pop(self._turn, None)
            if finish is None:
                return
            finish()

    def wait(self, order: int, finish: Callable[[], None]) -> bool:
        """Leave `finish` to be called in this slot's turn; False if that is now."""
        with self._lock:
            if self._aborted:
                raise Aborted
            if self._turn == order:
                return False
            self._waiting[order] = finish
            return True

    def _folders(self, name: str) -> list[str]:
        """Write the folders of a member that are not there, and return their names."""
        made = []
        parts = name.split("/")[:-1]
        for end in range(1, len(parts) + 1):
            folder = "/".join(parts[:end]) + "/"
            if folder not in self._names:
                self._names.add(folder)
                made.append(folder)
                self._write(tarwriter.header(folder, 0, folder=True))
        return made

    def _write(self, data: bytes) -> None:
        self._file.write(data, self._position)
        self._position += len(data)


class _TarSlot:
    def __init__(self, sink: TarSink, order: int, name: str | None) -> None:
        self._sink, self._order, self._hint = sink, order, name
        self._stock: Stock | None = None
        self._start: int | None = None
        self._room = len(tarwriter.header(name or "", 0))
        self._size = 0

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._sink.is_turn(self._order):
            self._take_over()
            self._sink.append(data)
            return
        if self._stock is None:
            self._stock = self._sink.stock()
        self._stock.write(data)

    def commit(self, name: str) -> None:
        def finish() -> None:
            self._take_over()
            self._sink.end(self._start or 0, self._room, name, self._size)

        self._in_turn(finish)

    def discard(self) -> None:
        def finish() -> None:
            if self._start is not None:
                self._sink.drop()

        self.abandon()
        self._in_turn(finish)

    def abandon(self) -> None:
        if self._stock is not None:
            self._stock.clear()
        self._stock = None

    def _in_turn(self, finish: Callable[[], None]) -> None:
        if not self._sink.is_turn(self._order) and self._sink.wait(self._order, finish):
            return
        finish()
        self._sink.next_turn()

    def _take_over(self) -> None:
        """Begin the member in the tar, with what was written while it was another's turn."""
        if self._start is not None:
            return
        self._start = self._sink.begin(self._hint)
        if self._stock is not None:
            self._sink.append_stock(self._stock)
            self._stock.clear()
            self._stock = None


def fsync_folder(path: str, where: str) -> None:
    """Write a folder's entries through to the disk; `where` is what messages call it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            close_read(fd)
    except OSError as error:
        raise cannot("write", error, where) from error
