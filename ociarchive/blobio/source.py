"""ByteSource: a place that bytes can be read from, from the start and as often as needed, by any thread."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from ociarchive.blobio.randomfile import OpenFile
from ociarchive.errors import ContentError, UsageError, cannot, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.blobio.randomfile import RandomFile
    from ociarchive.blobio.within import Folder

#: One read: large enough that hashing and codecs release the interpreter's lock for long, small enough that a few
#: of them per worker do not count against the memory bound.
CHUNK: Final = 512 << 10


class ByteSource(Protocol):
    """Bytes somewhere. Equal sources hold equal bytes, so that what many names lead to is read once.

    The bytes may be computed each time that they are read. `where` names the place in messages.
    """

    @property
    def size(self) -> int | None:
        """The number of bytes, None where only reading all of them shows it."""
        ...

    @property
    def where(self) -> str:
        """The place, for messages."""
        ...

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Give the bytes from the start in pieces of `size`; ContentError where there are fewer than promised."""
        ...

    def head(self, size: int) -> bytes:
        """Return the first `size` bytes, fewer where there are not so many."""
        ...


@runtime_checkable
class Sliceable(ByteSource, Protocol):
    """A source of a known size that gives any part of its bytes without reading those before it."""

    @property
    def size(self) -> int:
        """The number of bytes."""
        ...

    def part(self, offset: int, size: int) -> Sliceable:
        """Return the `size` bytes from `offset` on, which lie within the source, as a source of their own."""
        ...


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes in memory: inline data and documents that were read already."""

    content: bytes
    where: str = field(compare=False)

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self.content)

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Give the bytes in pieces."""
        for start in range(0, len(self.content), size):
            yield self.content[start : start + size]

    def head(self, size: int) -> bytes:
        """Return the first bytes."""
        return self.content[:size]

    def part(self, offset: int, size: int) -> Bytes:
        """Return some of the bytes."""
        return Bytes(self.content[offset : offset + size], self.where)


@dataclass(frozen=True, slots=True)
class FileRange:
    """A stretch of a regular file: a whole file of a folder, or a member of a tar.

    With `file`, which whoever opened it closes, nothing is opened again; without, the file is opened for each reading,
    through the folder that it lies `within` where that is given, and must then still be a regular file, and of the same
    size where the range is the `whole` of it.
    """

    path: str
    offset: int
    size: int
    where: str = field(compare=False)
    file: RandomFile | None = field(default=None, compare=False)
    whole: bool = field(default=False, compare=False)
    within: Folder | None = field(default=None, compare=False)

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Give the bytes in pieces. ContentError: the file ends early. HostError: it cannot be read."""
        with self._opened() as file:
            position, end = self.offset, self.offset + self.size
            while position < end:
                piece = self._read(file, min(size, end - position), position)
                position += len(piece)
                yield piece

    def _read(self, file: RandomFile, size: int, position: int) -> bytes:
        """Return exactly so many bytes: what is sniffed in them must not depend on how a file system hands them out."""
        found = file.read(size, position)
        if len(found) < size:
            raise ContentError(
                "file is cut short or shrank while it was read",
                where=self.where,
                expected=plural(self.size, "byte"),
                found=plural(position + len(found) - self.offset, "byte"),
            )
        return found

    def head(self, size: int) -> bytes:
        """Return the first bytes."""
        return next(self.chunks(min(size, self.size)), b"") if self.size else b""

    def is_hollow(self, most: int) -> bool:
        """Whether more than `most` of its bytes lie in holes of a sparse file, where nothing is stored.

        Holes of less than a chunk may go uncounted. ContentError, HostError: as for the bytes.
        """
        with self._opened() as file:
            position, end, found = self.offset, self.offset + self.size, 0
            while position < end and found <= most:
                data = min(file.data_from(position), end)
                found += data - position
                position = data + CHUNK
        return found > most

    def part(self, offset: int, size: int) -> FileRange:
        """Return some of the bytes."""
        return FileRange(self.path, self.offset + offset, size, self.where, self.file, within=self.within)

    @contextmanager
    def _opened(self) -> Iterator[RandomFile]:
        if self.file is not None:
            yield self.file
            return
        if self.within is not None:
            fd = self.within.open_file(self.path, self.where)
        else:
            fd = open_regular(self.path, self.where)
        try:
            found = os.fstat(fd).st_size
            if found < self.offset + self.size or (self.whole and found != self.size):
                raise ContentError(
                    "file changed while the archive was read",
                    where=self.where,
                    expected=plural(self.size, "byte"),
                    found=plural(found, "byte"),
                )
            yield OpenFile(fd, self.where)
        finally:
            close_read(fd)


def counted(source: ByteSource, most: int) -> int:
    """Return the size of a source. If it is unknown, its bytes are counted, until they are more than `most`."""
    if source.size is not None:
        return source.size
    found = 0
    for piece in source.chunks():
        found += len(piece)
        if found > most:
            break
    return found


def read_all(source: ByteSource, limit: int) -> bytes:
    """Return the whole of a small source; ContentError where it is larger than `limit` bytes."""
    pieces: list[bytes] = []
    size = source.size or 0
    if size <= limit:
        size = 0
        for piece in source.chunks():
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                break
    if size > limit:
        found = plural(source.size, "byte") if source.size is not None else "more"
        raise ContentError(
            "document is too large", where=source.where, expected=f"{plural(limit, 'byte')} at most", found=found
        )
    return b"".join(pieces)


def read_named(path: str, what: str, limit: int) -> bytes:
    """Return the whole of a document that the call names; `what` is what messages call it, as `a receipt`.

    UsageError: there is none, or it is no regular file: what a pipe or a device has to say may never come.
    ContentError: it is larger than `limit` bytes. HostError: it cannot be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"not {what}", where=path, expected="a regular file")
            raw = b"".join(iter(lambda: os.read(fd, CHUNK), b"")) if status.st_size <= limit else b""
        finally:
            close_read(fd)
    except FileNotFoundError:
        raise UsageError(f"no such file to read {what} from", where=path) from None
    except OSError as error:
        raise cannot("read", error, path) from error
    if status.st_size > limit or len(raw) > limit:
        raise ContentError(f"too large for {what}", where=path, expected=f"{plural(limit, 'byte')} at most")
    return raw


def open_regular(path: str, where: str) -> int:
    """Open a regular file for reading and return its descriptor; never waits on a FIFO, never opens a device."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise cannot("open", error, where) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        close_read(fd)
        raise ContentError("not a regular file", where=where)
    return fd


def close_read(fd: int) -> None:
    """Close a file that was only read, or that nobody needs any more: an error then loses nothing."""
    with suppress(OSError):
        os.close(fd)
