"""xz and bzip2 by the standard library, read only: no layer is written with them."""

from __future__ import annotations

import bz2
import lzma
import re
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.codec import PIECE, StreamError, together
from ociarchive.blobio.limits import LimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What is tried first on the rest of a piece when a stream ended inside it: what a library leaves is copied.
_FIRST_TRY: Final = 512
_ZEROS: Final = re.compile(rb"\0*")
#: Zeros between and behind xz streams come in fours (the .xz file format, 2.2).
_XZ_PADDING: Final = 4


def xz(window: int, _: int = 0) -> StandardDecoder:
    """Return a decoder that takes `window` bytes of memory at most."""
    return StandardDecoder("xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=window))


def bzip2(_: int, __: int = 0) -> StandardDecoder:
    """Return a decoder."""
    return StandardDecoder("bzip2", bz2.BZ2Decompressor)


class StandardDecoder:
    """Streams after one another; the library has one shape for both."""

    def __init__(self, name: str, make: Callable[[], lzma.LZMADecompressor | bz2.BZ2Decompressor]) -> None:
        self.padded, self.header = False, 0
        self._zeros = 0  # padding behind the last stream
        self._name, self._make = name, make
        self._stream = make()
        self._fresh = True
        self._streams = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more of the stream and give what it unpacks to."""
        return together(self._fed(data))

    def _fed(self, data: bytes) -> Iterator[bytes]:
        position, step = 0, len(data)
        while position < len(data):
            if self._fresh and self._streams:
                zeros = _zeros(data, position)
                self._zeros += zeros
                position += zeros
                if position == len(data):
                    self.padded = True
                    return
                if self._zeros % _XZ_PADDING or (self._zeros and self._name != "xz"):
                    raise StreamError(f"{self._name} stream is followed by bytes that are not part of it")
                self._zeros, self.padded = 0, False
            piece = data[position : position + step]
            yield from self._unpacked(piece)
            position += len(piece)
            step *= 4
            if self._stream.eof:
                position -= len(self._stream.unused_data)
                self._stream, self._fresh = self._make(), True
                self._streams += 1
                step = _FIRST_TRY

    def _unpacked(self, piece: bytes) -> Iterator[bytes]:
        try:
            out = self._stream.decompress(piece, PIECE)
            self._fresh = False
            while not self._stream.eof and (out or not self._stream.needs_input):
                if out:
                    yield out
                out = b"" if self._stream.needs_input else self._stream.decompress(b"", PIECE)
        except (lzma.LZMAError, OSError, EOFError) as error:
            if "emory usage limit" in str(error):
                raise LimitError(f"{self._name} stream needs more memory than allowed", "window") from None
            what = "followed by bytes that are not part of it" if self._fresh and self._streams else "damaged"
            raise StreamError(f"{self._name} stream is {what} ({error})") from None
        if out:
            yield out

    def finish(self) -> None:
        """Refuse a stream that is not whole."""
        if not self._fresh or not self._streams:
            raise StreamError(f"{self._name} stream is cut short")
        if self._name == "xz" and self._zeros % _XZ_PADDING:
            raise StreamError("xz stream is followed by bytes that are not part of it")

    def close(self) -> None:
        """Nothing is held."""


def _zeros(data: bytes, position: int) -> int:
    """Return how many zeros stand at a position."""
    found = _ZEROS.match(data, position)
    return found.end() - position if found is not None else 0
