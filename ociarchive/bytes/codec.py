"""Codecs as values: how to know one by its first bytes, how to decode a stream, how to encode blocks.

Decoders take a stream in pieces and give it back in pieces of bounded size, whatever the ratio; they go on across
gzip members (RFC 1952, 2.2) and zstd frames (RFC 8878, 3.1), and know a stream that is cut or followed by something
else. Encoders compress blocks of fixed size, each as a gzip member or zstd frame of its own: so the bytes depend
neither on the number of threads nor on the sizes of writes, and blocks can be compressed side by side.
"""

from __future__ import annotations

import bz2
import lzma
import threading
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import deflate
import zstandard

from ociarchive.bytes import zstdframe
from ociarchive.bytes.limits import LimitError
from ociarchive.errors import ContentError

_inflate: Any
try:
    from isal import isal_zlib as _inflate
except ImportError:  # decoding gives the same bytes with any library, only slower
    _inflate = zlib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The most that a decoder gives at once.
PIECE: Final = 1 << 20
#: What is tried first on the rest of a piece when a gzip member ended inside it: members can be tiny and many.
_FIRST_TRY: Final = 512
#: Zeros between and behind xz streams come in fours (the .xz file format, 2.2).
_XZ_PADDING: Final = 4
_GZIP_MAGIC: Final = b"\x1f\x8b"
#: A header's extra field has 64 KiB at most; names and comments have no bound, and real ones a line.
_LONGEST_HEADER: Final = 1 << 20
#: Windows up to this size are small change; of larger ones only one is open at a time, whatever the number of threads.
_SMALL_WINDOW: Final = 8 << 20
_large_window = threading.Lock()
_DAMAGE: Final[tuple[type[Exception], ...]] = (zlib.error, _inflate.error)


class StreamError(ContentError):
    """A compressed stream that is damaged, cut, or followed by something else."""


class Decoder(Protocol):
    """One decompression of one stream. `padded` tells that zeros follow its end."""

    padded: bool

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more of the stream and give what it unpacks to; StreamError where it is damaged."""
        ...

    def finish(self) -> None:
        """End the stream, all of which has been given; StreamError where it is not whole."""

    def close(self) -> None:
        """Let go of what the decoder holds."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to store bytes.

    `decoder` makes one for windows of so many bytes at most. `encode` compresses one block at a level; None where
    nothing here writes this codec.
    """

    name: str
    decoder: Callable[[int], Decoder] | None
    encode: Callable[[bytes, int], bytes] | None = None
    block: int = 1 << 20
    default_level: int = 0
    levels: range = range(0)


class _Plain:
    def __init__(self, window: int) -> None:
        del window
        self.padded = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Gzip:
    """Members after one another; zero bytes after the last are padding, as gzip(1) takes them.

    A member's header is given to the library whole: igzip loses its place in one that comes in pieces.
    """

    def __init__(self, window: int) -> None:
        del window
        self._member = _inflate.decompressobj(31)
        self._held = b""  # the beginning of a header
        self._fresh = True  # nothing of the current member was given to the library yet
        self._members = 0
        self.padded = False

    def feed(self, data: bytes) -> Iterator[bytes]:
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
        """Return the length of the header at `position` (RFC 1952, 2.3), None where it is not all there."""
        if data[position : position + 2] != _GZIP_MAGIC[: len(data) - position]:
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
        for flag in (0x08, 0x10):  # a name, a comment
            if flags & flag and end <= len(data):
                end = data.find(0, end) + 1 or len(data) + 1
        end += 2 if flags & 0x02 else 0
        if end > len(data):
            if len(data) - position > _LONGEST_HEADER:
                raise StreamError("gzip stream is damaged (a header without end)")
            return None
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
            piece = self._member.unconsumed_tail
            if not piece and len(out) == PIECE:
                yield from self._drain()

    def _drain(self) -> Iterator[bytes]:
        """Give what the library still holds back although it took all input."""
        while not self._member.eof and (out := self._member.decompress(b"", PIECE)):
            yield out

    def finish(self) -> None:
        if self._held or not self._fresh or not self._members:
            raise StreamError("gzip stream is cut short")

    def close(self) -> None:
        pass


class _Zstd:
    """Frames after one another, skippable ones between them."""

    def __init__(self, window: int) -> None:
        self.padded = False
        self._holds = False
        self._frames = zstdframe.Walker(window)
        context = zstandard.ZstdDecompressor(max_window_size=max(window, 1 << 10))
        self._stream = context.decompressobj(write_size=PIECE, read_across_frames=True)

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            for blocks in self._frames.feed(data):
                if self._frames.window > _SMALL_WINDOW and not self._holds:
                    self._holds = _large_window.acquire()
                if out := self._stream.decompress(blocks):
                    yield out
        except zstdframe.WindowError as error:
            raise LimitError(str(error), "window") from None
        except zstdframe.FrameError as error:
            raise StreamError(str(error)) from None
        except zstandard.ZstdError as error:
            raise StreamError(f"zstd stream is damaged ({error})") from None

    def finish(self) -> None:
        if not self._frames.at_boundary:
            raise StreamError("zstd stream is cut short")

    def close(self) -> None:
        if self._holds:
            _large_window.release()
            self._holds = False


class _Standard:
    """xz and bzip2 by the standard library, which shares one shape for both."""

    def __init__(self, name: str, make: Callable[[], lzma.LZMADecompressor | bz2.BZ2Decompressor]) -> None:
        self.padded = False
        self._zeros = 0  # padding behind the last stream
        self._name, self._make = name, make
        self._stream = make()
        self._fresh = True
        self._streams = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._fresh and self._streams:
                stripped = data.lstrip(b"\0")
                self._zeros += len(data) - len(stripped)
                data = stripped
                if not data:
                    self.padded = True
                    return
                if self._zeros % _XZ_PADDING or (self._zeros and self._name != "xz"):
                    raise StreamError(f"{self._name} stream is followed by bytes that are not part of it")
                self._zeros, self.padded = 0, False
            try:
                out = self._stream.decompress(data, PIECE)
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
            if not self._stream.eof:
                return
            data = self._stream.unused_data
            self._stream, self._fresh = self._make(), True
            self._streams += 1

    def finish(self) -> None:
        if not self._fresh or not self._streams:
            raise StreamError(f"{self._name} stream is cut short")
        if self._name == "xz" and self._zeros % _XZ_PADDING:
            raise StreamError("xz stream is followed by bytes that are not part of it")

    def close(self) -> None:
        pass


def _gzip_block(block: bytes, level: int) -> bytes:
    return bytes(deflate.gzip_compress(block, level))


class _Contexts(threading.local):
    """A zstd context may serve one thread only, and making one costs more than a small block."""

    def __init__(self) -> None:
        self.by_level: dict[int, zstandard.ZstdCompressor] = {}


_contexts = _Contexts()


def _zstd_block(block: bytes, level: int) -> bytes:
    context = _contexts.by_level.get(level)
    if context is None:
        context = _contexts.by_level[level] = zstandard.ZstdCompressor(level=level, write_checksum=True)
    return context.compress(block)


NONE: Final = Codec("none", _Plain, lambda block, _: block)
GZIP: Final = Codec("gzip", _Gzip, _gzip_block, 1 << 20, 3, range(1, 13))
ZSTD: Final = Codec("zstd", _Zstd, _zstd_block, 2 << 20, 3, range(1, 23))
XZ: Final = Codec("xz", lambda window: _Standard("xz", lambda: lzma.LZMADecompressor(memlimit=window)))
BZIP2: Final = Codec("bzip2", lambda _: _Standard("bzip2", bz2.BZ2Decompressor))
CODECS: Final = (NONE, GZIP, ZSTD, XZ, BZIP2)
#: How many first bytes `sniff` needs.
MAGIC: Final = 8


def by_name(name: str) -> Codec:
    """Return the codec of a name that is known to be one."""
    return next(codec for codec in CODECS if codec.name == name)


def sniff(head: bytes) -> Codec:
    """Return the codec that the first bytes of a stream tell; NONE where they tell none."""
    if head.startswith(b"\x1f\x8b"):
        return GZIP
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F):
        return ZSTD
    if head.startswith(b"\xfd7zXZ\0"):
        return XZ
    if head.startswith(b"BZh") and head[3:4].isdigit():
        return BZIP2
    return NONE
