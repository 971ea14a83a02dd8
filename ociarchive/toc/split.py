"""tar-split data of a layer, from which engines build its tar again: it has to build the tar that the layer has.

zstd:chunked keeps it in a skippable frame and names its digest in the table of contents (containers/storage,
pkg/chunked/compression_linux.go, readZstdChunkedManifest).
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.hashing import hasher
from ociarchive.errors import ContentError, plural
from ociarchive.stores import tarsplit
from ociarchive.toc.mismatches import TableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import Sliceable
    from ociarchive.toc.locate import Stretch

_RULE: Final = "toc-tar-split"


def verify(source: Sliceable, stretch: Stretch, told: str) -> None:
    """Compare the digest in a table with the stored bytes. TableError: they have another."""
    algorithm = told.partition(":")[0]
    hashed = hasher(algorithm)
    found = None
    if hashed:
        for chunk in source.part(stretch.offset, stretch.size).chunks():
            hashed.update(chunk)
        found = f"{algorithm}:{hashed.hexdigest()}"
    if found != told:
        raise TableError(_RULE, "the tar-split data has another digest than the table of contents says", told, found)


class Compared:
    """Compares a tar, which comes in pieces, with its tar-split data. `fault` is the first difference."""

    def __init__(self, source: Sliceable, stretch: Stretch, limits: Limits) -> None:
        self.fault: TableError | None = None
        self._entries = tarsplit.entries(source.part(stretch.offset, stretch.size), limits, self._count)
        self._stated, self._unpacked = stretch.unpacked, 0
        self._expected = b""
        self._passed = 0  # bytes of a file's data to pass over
        self._position = 0

    def through(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Pass the pieces of the tar on, and check each."""
        with closing(self._entries):
            for piece in pieces:
                if self.fault is None:
                    self._hold(piece)
                yield piece
            if self.fault is None:
                self._hold(b"", last=True)

    def _count(self, unpacked: int, lines: int) -> None:
        del lines
        self._unpacked = unpacked

    def _hold(self, piece: bytes, *, last: bool = False) -> None:
        view = memoryview(piece)
        try:
            while view or last:
                if not self._passed and not self._expected and not self._next():
                    break
                if not view:
                    raise TableError(_RULE, "the tar-split data builds a longer tar")
                step = min(self._passed or len(self._expected), len(view))
                if self._passed:
                    self._passed -= step
                elif view[:step] == self._expected[:step]:
                    self._expected = self._expected[step:]
                else:
                    raise TableError(_RULE, f"the tar-split data builds another tar, from byte {self._position} on")
                view = view[step:]
                self._position += step
            if view:
                raise TableError(_RULE, "the tar-split data builds a shorter tar")
        except TableError as error:
            self.fault = error
        except ContentError as error:
            message = f"the tar-split data cannot be read: {error.what}"
            self.fault = TableError(_RULE, message, error.expected, error.found)

    def _next(self) -> bool:
        """Take the next entry; False: there is none. TableError: all were of another size than the annotation says."""
        entry = next(self._entries, None)
        if isinstance(entry, tarsplit.Segment):
            self._expected = entry.payload
        elif entry is not None:
            self._passed = entry.size
        elif self._stated not in (None, self._unpacked):
            message = "the annotation gives the tar-split data another size"
            raise TableError("toc-annotation", message, plural(self._stated, "byte"), plural(self._unpacked, "byte"))
        return entry is not None
