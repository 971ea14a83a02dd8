"""gzip (RFC 1952): members after one another, unpacked by igzip or zlib, packed block by block by libdeflate."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

import deflate

from ociarchive.blobio.codec import HEADER, PIECE, StreamError, together
from ociarchive.blobio.limits import LimitError
from ociarchive.errors import plural

_inflate: Any
try:
    from isal import isal_zlib as _inflate
except ImportError:  # decoding gives the same bytes with any library, only slower
    _inflate = zlib
#: The library that decodes gzip here: isal or zlib.
INFLATED_BY: Final[str] = _inflate.__name__.partition(".")[0]

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What is tried first on the rest of a piece when a gzip member ended inside it: members can be tiny and many.
_FIRST_TRY: Final = 512
_MAGIC: Final = b"\x1f\x8b"
_DAMAGE: Final[tuple[type[Exception], ...]] = (zlib.error, _inflate.error)


class GzipDecoder:
    """Members after one another; zero bytes after the last are padding, as gzip(1) takes them.

    A member's header is given to the library whole: igzip loses its place in one that comes in pieces.
    """

    def __init__(self, window: int, header: int = HEADER) -> None:
        del window
        self._longest = header
        self.header = 0
        self._member = _inflate.decompressobj(31)
        self._held = b""  # the beginning of a header
        self._fresh = True  # nothing of the current member was given to the library yet
        self._members = 0
        self.padded = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more of the stream and give what it unpacks to."""
        return together(self._fed(data))

    def _fed(self, data: bytes) -> Iterator[bytes]:
        if self._held:
            data, self._held = self._held + data, b""
        position, step = 0, len(data)
        while position < len(data):
            if self._fresh:
                if self._members and (self.padded or data[position] == 0):
                    self.padded = True
                    if data.count(0, position) != len(data) - position:
                        raise StreamError("gzip stream is followed by bytes that are not part of it")
                    return
                length = self._header(data, position)
                if length is None:
                    self._held = data[position:]
                    return
                step = max(step, length)
            piece = data[position : position + step]
            yield from self._inflated(piece)
            used = min(step, len(data) - position)
            if self._member.eof:
                used -= len(self._member.unused_data)
                self._member = _inflate.decompressobj(31)
                self._fresh = True
                self._members += 1
                step = _FIRST_TRY
            else:
                step *= 4
            position += used

    def _header(self, data: bytes, position: int) -> int | None:
        """Return the length of the header at `position` (RFC 1952, 2.3), None where it is not all there.

        LimitError: it is longer than is allowed, whether its end is there or not.
        """
        if data[position : position + 2] != _MAGIC[: len(data) - position]:
            what = "followed by bytes that are not part of it" if self._members else "damaged (no gzip header)"
            raise StreamError(f"gzip stream is {what}")
        end = position + 10
        if len(data) < end:
            return None
        flags = data[position + 3]
        if flags & 0xE0:
            raise StreamError("gzip stream is damaged (reserved flags are set)")
        if flags & 0x04:  # an extra field
            end += 2 + int.from_bytes(data[end : end + 2], "little")
        text = 0
        for flag in (0x08, 0x10):  # a name, a comment
            if flags & flag and end <= len(data):
                start, end = end, data.find(0, end) + 1 or len(data) + 1
                text = max(text, end - start)
        end += 2 if flags & 0x02 else 0
        if min(end, len(data)) - position > self._longest:
            raise LimitError(f"a gzip header has more than the {plural(self._longest, 'byte')} allowed", "gzip-header")
        if end > len(data):
            return None
        self.header = max(self.header, text)
        return end - position

    def _inflated(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            try:
                out = self._member.decompress(piece, PIECE)
            except _DAMAGE as error:
                raise StreamError(f"gzip stream is damaged ({error})") from None
            self._fresh = False
            if out:
                yield out
            if self._member.eof:
                return
            # What the library holds back with nothing left here comes with the next piece: before it gave all its
            # output no library takes the last byte of a member's trailer.
            piece = self._member.unconsumed_tail

    def finish(self) -> None:
        """Refuse a stream that is not whole."""
        if self._held:
            raise StreamError("gzip stream is cut short inside a header")
        if not self._fresh or not self._members:
            raise StreamError("gzip stream is cut short")

    def close(self) -> None:
        """Nothing is held."""


def encode(block: bytes, level: int) -> bytes:
    """Return a block as a member of its own."""
    return bytes(deflate.gzip_compress(block, level))


def unblock(data: bytes, size: int) -> bytes:
    """Return what a member unpacks to, by another library than the one that packed it; StreamError where it is none.

    What libdeflate wrote would be unpacked by itself in three quarters of the time, but readers have other libraries.
    """
    member = _inflate.decompressobj(31)
    try:
        block: bytes = member.decompress(data, size + 1)
        if not member.eof:  # the library may hold back the trailer once the size is reached
            block += member.decompress(member.unconsumed_tail, 1)
    except _DAMAGE as error:
        raise StreamError(f"gzip stream is damaged ({error})") from None
    if not member.eof:
        raise StreamError(
            "gzip stream is cut short" if len(block) <= size else f"it has more than {plural(size, 'byte')}"
        )
    if member.unused_data:
        raise StreamError("gzip stream is followed by bytes that are not part of it")
    if data[3]:
        raise StreamError("gzip member has a header with text")
    return block
