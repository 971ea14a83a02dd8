"""Text that is complete before any of it is shown, in a nameless file where it is long."""

from __future__ import annotations

import codecs
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Final

from ociarchive.blobio.spool import nameless
from ociarchive.errors import cannot
from ociarchive.origin import Closing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Bytes of a text that are held in memory, and that are read at a time where there are more.
_IN_MEMORY: Final = 1 << 18
_CHUNK: Final = 1 << 16


class Held(Closing):
    """Text that is complete before any of it is shown. It is in memory while it is short, then in a nameless file.

    What a call shows on standard output stands there whole or not at all, and not between the lines of its progress.
    """

    def __init__(self) -> None:
        self._file: BinaryIO = BytesIO()

    def close(self) -> None:
        """Let go of the text."""
        self._file.close()

    def take(self, pieces: Iterable[str]) -> None:
        """Take all pieces of a text. HostError: there is no space for them."""
        for piece in pieces:
            data = piece.encode("utf-8", "surrogatepass")
            try:
                self._file.write(data)
                if isinstance(self._file, BytesIO) and self._file.tell() > _IN_MEMORY:
                    self._to_file(self._file)
            except OSError as error:
                raise cannot("write", error, "a temporary file") from error

    def _to_file(self, held: BytesIO) -> None:
        self._file = open(nameless(None), "w+b")  # noqa: SIM115  lives as long as this
        self._file.write(held.getbuffer())

    def pieces(self) -> Iterator[str]:
        """Give the text again."""
        decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
        self._file.seek(0)
        while data := self._file.read(_CHUNK):
            yield decoder.decode(data)

    def lines(self) -> Iterator[str]:
        """Give the text again, line by line."""
        self._file.seek(0)
        for line in self._file:
            yield line.decode("utf-8", "surrogatepass")
