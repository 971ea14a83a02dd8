"""zstd (RFC 8878): frames after one another, skippable ones between them; packed block by block."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import zstandard

from ociarchive.blobio import zstdframe
from ociarchive.blobio.codec import HEADER, PIECE, StreamError, together
from ociarchive.blobio.limits import LimitError
from ociarchive.errors import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Windows up to this size cost little. Of larger ones only one is open at a time, whatever the number of threads.
_SMALL_WINDOW: Final = 8 << 20
_large_window = threading.Lock()


class ZstdDecoder:
    """Frames after one another, skippable ones between them."""

    def __init__(self, window: int, header: int = HEADER) -> None:
        del header  # a frame's has 18 bytes at most
        self.padded, self.header = False, 0
        self._holds = False
        self._size = 0  # of what the current frame unpacked to so far
        self._frames = zstdframe.Walker(window)
        context = zstandard.ZstdDecompressor(max_window_size=max(window, 1 << 10))
        self._stream = context.decompressobj(write_size=PIECE, read_across_frames=True)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more of the stream and give what it unpacks to."""
        return together(self._fed(data))

    def _fed(self, data: bytes) -> Iterator[bytes]:
        try:
            for blocks in self._frames.feed(data):
                if self._frames.window > _SMALL_WINDOW and not self._holds:
                    self._holds = _large_window.acquire()
                out = self._stream.decompress(blocks)
                self._size += len(out)
                if self._frames.ends:
                    # The library looks at this too, but not behind a last block that is empty.
                    if self._frames.content not in (None, self._size):
                        raise StreamError("zstd stream is damaged (a frame unpacks to another size than it says)")
                    self._size = 0
                if out:
                    yield out
        except zstdframe.WindowError as error:
            raise LimitError(str(error), "window") from None
        except zstdframe.FrameError as error:
            raise StreamError(str(error)) from None
        except zstandard.ZstdError as error:
            raise StreamError(f"zstd stream is damaged ({error})") from None

    def finish(self) -> None:
        """Refuse a stream that is not whole."""
        if not self._frames.at_boundary:
            raise StreamError("zstd stream is cut short")

    def close(self) -> None:
        """Release what is held."""
        if self._holds:
            _large_window.release()
            self._holds = False


class _Contexts(threading.local):
    """A zstd context may serve one thread only, and making one costs more than a small block."""

    def __init__(self) -> None:
        self.by_level: dict[int, zstandard.ZstdCompressor] = {}
        self.unpacking = zstandard.ZstdDecompressor()


_contexts = _Contexts()


def encode(block: bytes, level: int) -> bytes:
    """Return a block as a frame of its own."""
    context = _contexts.by_level.get(level)
    if context is None:
        context = _contexts.by_level[level] = zstandard.ZstdCompressor(level=level, write_checksum=True)
    return context.compress(block)


def unblock(data: bytes, size: int) -> bytes:
    """Return what a frame unpacks to; StreamError where it is none, or one that not every decoder takes."""
    if not size:  # the library looks at no more than the header then
        decoder = ZstdDecoder(_SMALL_WINDOW)
        block = b"".join(decoder.feed(data))
        decoder.finish()
        return block
    try:
        frame = zstandard.get_frame_parameters(data)
        if frame.window_size > _SMALL_WINDOW:
            raise StreamError(f"zstd frame has a window of {plural(frame.window_size, 'byte')}")
        return _contexts.unpacking.decompress(data, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise StreamError(f"zstd stream is damaged ({error})") from None
