"""Text that is complete before any of it is shown, in a nameless file where it is long."""

from __future__ import annotations

import codecs
import tempfile
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.spool import temporary_folder
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
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=temporary_folder())  # noqa: SIM115  lives as long as this

    def close(self) -> None:
        """Let go of the text."""
        self._file.close()

    def take(self, pieces: Iterable[str]) -> None:
        """Take all pieces of a text. HostError: there is no space for them."""
        for piece in pieces:
            data = piece.encode("utf-8", "surrogatepass")
            try:
                self._file.write(data)
            except OSError as error:
                raise cannot("write", error, "a temporary file") from error

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
