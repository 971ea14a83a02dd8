"""tar-split data: what of a tar is not the content of its files, from which engines build the tar again.

Lines of JSON: type 2 has bytes of the tar in base64, type 1 stands for the data of a file (vbatts/tar-split,
tar/storage). zstd:chunked keeps it in a skippable frame and names its digest in the table of contents.
"""

from __future__ import annotations

import base64
import binascii
from contextlib import closing
from typing import TYPE_CHECKING, Final

from ociarchive import documents
from ociarchive.blobio.hashing import hasher
from ociarchive.blobio.spool import unpack
from ociarchive.errors import ContentError, plural
from ociarchive.toc.mismatches import TableError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from ociarchive.blobio.limits import Limits
    from ociarchive.blobio.source import Sliceable
    from ociarchive.toc.locate import Stretch

_FILE, _SEGMENT = 1, 2
#: A line has the headers of one member, extended ones with them, which Go bounds at 1 MiB each.
_LINE: Final = 8 << 20
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


class Rebuilt:
    """Compares a tar, which comes in pieces, with its tar-split data. `fault` is the first difference."""

    def __init__(self, source: Sliceable, stretch: Stretch, limits: Limits) -> None:
        self.fault: TableError | None = None
        self._lines = self._read(source, stretch, limits)
        self._expected = b""
        self._passed = 0  # bytes of a file's data to pass over
        self._ended = False
        self._position = 0

    def through(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Pass the pieces of the tar on, and check each."""
        with closing(self._lines):
            for piece in pieces:
                if self.fault is None:
                    self._hold(piece)
                yield piece
            if self.fault is None:
                self._hold(b"", last=True)

    def _hold(self, piece: bytes, *, last: bool = False) -> None:
        view = memoryview(piece)
        try:
            while view or last:
                if self._passed:
                    step = min(self._passed, len(view))
                    self._passed -= step
                elif self._expected:
                    step = min(len(self._expected), len(view))
                    if view[:step] != self._expected[:step]:
                        raise TableError(_RULE, f"the tar-split data builds another tar, from byte {self._position} on")
                    self._expected = self._expected[step:]
                else:
                    step = 0
                    self._next()
                    if self._ended:
                        break
                if last and (self._passed or self._expected):
                    raise TableError(_RULE, "the tar-split data builds a longer tar")
                view = view[step:]
                self._position += step
            if view:
                raise TableError(_RULE, "the tar-split data builds a shorter tar")
        except TableError as error:
            self.fault = error
        except ContentError as error:
            self.fault = TableError(_RULE, f"the tar-split data cannot be read: {error.what}")

    def _next(self) -> None:
        """Take the next line."""
        line = next(self._lines, None)
        if line is None:
            self._ended = True
            return
        members = documents.parse(line, "", limit=_LINE, surrogates=True).members
        kind, payload, size = members.get("type"), members.get("payload"), members.get("size", 0)
        if kind == _FILE and isinstance(size, int) and size >= 0:
            self._passed = size
        elif kind == _SEGMENT and isinstance(payload, str):
            try:
                self._expected = base64.b64decode(payload, validate=True)
            except binascii.Error:
                raise TableError(_RULE, "the tar-split data is no base64") from None
        elif payload is not None or kind not in (_FILE, _SEGMENT):
            raise TableError(_RULE, "the tar-split data has a line of no known type")

    @staticmethod
    def _read(source: Sliceable, stretch: Stretch, limits: Limits) -> Generator[bytes]:
        """Give the lines. TableError: the number of bytes differs from the stated one."""
        _, pieces = unpack(source.part(stretch.offset, stretch.size).chunks(), limits, source.where)
        held, size = bytearray(), 0
        with closing(pieces):
            for piece in pieces:
                size += len(piece)
                held += piece
                if b"\n" in piece:
                    *lines, rest = bytes(held).split(b"\n")
                    held = bytearray(rest)
                    yield from filter(None, lines)
                if len(held) > _LINE:
                    raise TableError(_RULE, "the tar-split data has a line that is too long")
        if held.strip():
            yield bytes(held)
        if stretch.unpacked is not None and size != stretch.unpacked:
            message = "the annotation gives the tar-split data another size"
            raise TableError("toc-annotation", message, plural(stretch.unpacked, "byte"), plural(size, "byte"))
