"""A layer that lies unpacked, as a source of the tar's bytes: they are rebuilt as they are read.

Segments of the tar-split and contents of files follow each other. Nothing of a file but its content is used, so owners,
modes, times and whiteouts of the folder do not matter. A measurement proves the result by the diff_id.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, TypeVar

from ociarchive.blobio.source import CHUNK, close_read
from ociarchive.blobio.within import Found
from ociarchive.errors import ContentError, bare, cannot, plural
from ociarchive.late import Late
from ociarchive.stores.bounds import listing
from ociarchive.stores.crc64 import crc64

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.blobio.limits import Guard, Limits
    from ociarchive.blobio.source import ByteSource
    from ociarchive.blobio.within import Astray, Folder
    from ociarchive.stores import tarsplit
    from ociarchive.stores.bounds import Bounds
    from ociarchive.stores.tarsplit import Content, Segment
    from ociarchive.values import Digest
else:
    tarsplit = Late("ociarchive.stores.tarsplit")

T = TypeVar("T")

#: Members of a header by which a tar describes the holes of a sparse file. The engines unpack such a file whole.
_SPARSE: Final = b"GNU.sparse."
#: Folders whose way is remembered: those of a few levels, for a tar lists what lies in one folder together.
_REMEMBERED: Final = 64
_BLOCK: Final = 512
_ASTRAY: Final = {
    "absent": "is not in the storage",
    "dangles": "lies behind a link that leads to nothing",
    "loops": "lies behind links that lead in a circle",
    "escapes": "lies behind a link that leads out of the layer",
}


class RebuildError(ContentError):
    """A layer whose tar cannot be rebuilt. `diff_id` is the layer's, `rule` the id of the audit's rule."""

    rule = "layer-not-rebuilt"

    def __init__(self, why: str, layer: Rebuilt, error: ContentError | None = None, *, at: str | None = None) -> None:
        """`why` completes `layer X of IMAGE cannot be rebuilt:`; `at` is the place, else that of `error`."""
        super().__init__(
            f"layer {layer.diff_id} of {layer.of} cannot be rebuilt: {why}",
            where=at or (error.where if error is not None and error.where else layer.where),
            expected=error.expected if error is not None else None,
            found=error.found if error is not None else None,
            hint=error.hint if error is not None else None,
        )
        self.diff_id = layer.diff_id


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """A layer in a folder and the tar-split file that goes with it.

    `of` names the images that have it, for messages. `tree` is the folder, with the name of its place. `bounds` counts
    what is read for all layers of the storage.
    """

    split: ByteSource
    tree: Folder
    place: str
    diff_id: Digest
    of: str
    limits: Limits
    bounds: Bounds | None = None

    # Two folders of one path are the same folder, which every reading makes sure of.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rebuilt) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it the same layer as another."""
        return (self.split, self.tree.path, self.diff_id)

    @property
    def where(self) -> str:
        """The place of its tar-split file, for messages."""
        return self.split.where

    @cached_property
    def size(self) -> int | None:
        """The bytes of the tar, as the tar-split lists them; None where that is damaged."""
        try:
            return sum(
                len(entry.payload) if isinstance(entry, tarsplit.Segment) else entry.size for entry in self._entries()
            )
        except ContentError:
            return None

    def head(self, size: int) -> bytes:
        """Return the first bytes of the tar, fewer where they cannot be rebuilt."""
        try:
            return next(self.chunks(size), b"")
        except RebuildError:
            return b""

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Give the bytes of the tar in pieces of `size`. RebuildError: a part of it is damaged or gone.

        HostError: a file may not be read.
        """
        held: list[bytes] = []
        length = 0
        for piece in self._pieces(size):
            held.append(piece)
            length += len(piece)
            if length >= size:
                whole = b"".join(held)
                end = length - length % size
                for start in range(0, end, size):
                    yield whole[start : start + size]
                held, length = [whole[end:]], length - end
        if length:
            yield b"".join(held)

    def proved_by(self, found: Iterable[Digest] | None) -> bool:
        """Whether the digests of the rebuilt tar are those of the layer."""
        return found is None or self.diff_id in found or all(one.algorithm != self.diff_id.algorithm for one in found)

    def explain(self, found: Iterable[Digest] | None = None) -> RebuildError:
        """Return why a tar that could be rebuilt, with the digests `found`, is not the layer's.

        It reads the layer once more, and finds the file at fault by its checksum, if there is one. HostError: a file
        may not be read.
        """
        error = self._explain()
        alike = (str(one) for one in found or () if one.algorithm == self.diff_id.algorithm)
        if error.expected is None and (other := next(alike, None)) is not None:
            error.expected, error.found = str(self.diff_id), other
        return error

    def _explain(self) -> RebuildError:
        sparse: Content | None = None
        header = bytearray()
        try:
            for entry, chunks in self._contents(CHUNK):
                if isinstance(entry, tarsplit.Segment):
                    header += entry.payload
                    if len(header) > 2 * CHUNK:
                        del header[:-CHUNK]
                    continue
                if _SPARSE in header and sparse is None:
                    sparse = entry
                header.clear()
                if entry.crc is not None and crc64(chunks) != entry.crc:
                    return self._fault(entry, "has another content than the layer had")
        except RebuildError as error:
            return bare(error)
        if sparse is not None:
            return self._fault(sparse, "is sparse in the layer's tar, and the storage has no map of its holes")
        return RebuildError("its files are as they were, so that the tar-split data was changed", self)

    def _pieces(self, size: int) -> Iterator[bytes]:
        for entry, chunks in self._contents(size):
            if isinstance(entry, tarsplit.Segment):
                yield entry.payload
            else:
                yield from chunks

    def _contents(self, size: int) -> Iterator[tuple[Segment | Content, Iterator[bytes]]]:
        """Give each entry, and the content of a file."""
        files = _Files(self, size)
        try:
            for entry in self._named(self._entries()):
                yield entry, self._named(files.read(entry)) if isinstance(entry, tarsplit.Content) else iter(())
        finally:
            files.close()

    def _entries(self) -> Iterator[Segment | Content]:
        counting = partial(self.bounds.split, self.key, self.split) if self.bounds is not None else None
        return tarsplit.entries(self.split, listing(self.limits), counting)

    def _named(self, items: Iterator[T]) -> Iterator[T]:
        """Give what an iterator gives. An error that ends it becomes one that names the layer."""
        try:
            yield from items
        except RebuildError:
            raise
        except ContentError as error:
            raise RebuildError(error.what, self, error) from error

    def _fault(self, entry: Content, why: str) -> RebuildError:
        return RebuildError(f"file {entry.shown} {why}", self, at=f"{self.place}/{entry.shown}")


class _Files:
    """One reading of the files of a layer. Its folder is closed afterwards, and its steps count for this reading."""

    def __init__(self, layer: Rebuilt, size: int) -> None:
        self._layer, self._size, self._bounds = layer, size, layer.bounds
        self._others = self._bounds.steps(layer.key) if self._bounds is not None else 0
        self._folder = layer.tree.again(layer.limits.links, self._others)
        self._ways: dict[tuple[str, ...], tuple[str, ...]] = {}
        # A small file system can hold huge holes, and one file may be listed again and again: only what a file takes
        # there counts as stored, and once.
        self.guard: Guard = replace(layer.limits, total=None).guard(layer.where)
        self.guard.stored = layer.split.size or 0
        self._taken = 0
        self._counted: set[tuple[int, int]] = set()

    def close(self) -> None:
        """Close the folder."""
        self._folder.close()
        if self._bounds is not None:
            self._bounds.walked(self._layer.key, self._folder.taken - self._others)

    def read(self, entry: Content) -> Iterator[bytes]:
        """Give the content of a file in pieces."""
        with self._opened(entry) as fd:
            status = os.fstat(fd)
            if status.st_size != entry.size:
                raise self._fault(entry, f"has {plural(status.st_size, 'byte')} instead of {entry.size}")
            self._take(fd, status, entry.size)
            if self._bounds is not None:
                self._bounds.opened(self._folder.path, len(self._counted), self._layer.where)
            position = 0
            while position < entry.size:
                piece = os.pread(fd, min(self._size, entry.size - position), position)
                if not piece:
                    raise self._fault(entry, "shrank while it was read")
                position += len(piece)
                self.guard.unpacked(len(piece))
                if self._bounds is not None:
                    self._bounds.file(self._folder.path, self._taken, len(piece), self._layer.where)
                yield piece

    def _take(self, fd: int, status: os.stat_result, size: int) -> None:
        """Count what a file takes on the disk, where it was not read before. Of very many the first are remembered."""
        key = (status.st_dev, status.st_ino)
        if key in self._counted:
            return
        if len(self._counted) < self._layer.limits.layer_paths:
            self._counted.add(key)
        taken = min(size, status.st_blocks * _BLOCK or _allocated(fd, size))
        self._taken += taken
        self.guard.stored += taken

    @contextmanager
    def _opened(self, entry: Content) -> Iterator[int]:
        fd = self._open(entry)
        try:
            yield fd
        except OSError as error:
            raise cannot("read", error, f"{self._layer.place}/{entry.shown}") from error
        finally:
            close_read(fd)

    def _open(self, entry: Content) -> int:
        try:
            *folders, name = _parts(entry.name)
        except ValueError:
            raise self._fault(entry, "has a name that leads out of the layer") from None
        try:
            way = self._way(tuple(folders))
            if isinstance(way, str):
                raise self._fault(entry, _ASTRAY[way])
            fd = self._folder.open_alone((*way, name))
        except (FileNotFoundError, NotADirectoryError):
            raise self._fault(entry, _ASTRAY["absent"]) from None
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
                raise self._fault(entry, _ASTRAY["absent"]) from None
            raise cannot("read", error, f"{self._layer.place}/{entry.shown}") from error
        if fd is None:
            raise self._fault(entry, "is no regular file in the storage")
        return fd

    def _way(self, folders: tuple[str, ...]) -> tuple[str, ...] | Astray:
        """Return the folders on the way to a file, links followed inside the layer as if it were the root of all."""
        if folders not in self._ways:
            found = self._found(folders) if folders else None
            if isinstance(found, str):
                return found
            if len(self._ways) >= _REMEMBERED:
                self._ways.clear()
            self._ways[folders] = found.parts if isinstance(found, Found) else ()
        return self._ways[folders]

    def _found(self, folders: tuple[str, ...]) -> Found | Astray:
        try:
            return self._folder.find(folders)
        finally:
            if self._bounds is not None:
                self._bounds.walked(self._layer.key, self._folder.taken - self._others)

    def _fault(self, entry: Content, why: str) -> RebuildError:
        return self._layer._fault(entry, why)  # noqa: SLF001  a part of the layer


def _allocated(fd: int, size: int) -> int:
    """Return how much of a file that takes no blocks is no hole: all of it, where a file system counts no blocks."""
    try:
        os.lseek(fd, 0, os.SEEK_DATA)
    except OSError as error:
        return 0 if error.errno == errno.ENXIO else size
    return size


def _parts(name: bytes) -> list[str]:
    """Return the parts of a path as the engines unpack it (Go, path.Clean). ValueError: it leads out, or to no file."""
    parts: list[str] = []
    for part in os.fsdecode(name).split("/"):
        if part == "..":
            if not parts and not name.startswith(b"/"):
                raise ValueError(name)
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    if not parts or b"\0" in name:
        raise ValueError(name)
    return parts
