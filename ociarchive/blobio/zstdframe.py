"""The structure of a zstd stream: frames, blocks and skippable frames, read without decompressing.

The walker cuts a stream into steps that unpack to at most 1 MiB each, so that a decoder without its own bound cannot
fill the memory. It knows where a frame ends, so that it can report a cut frame and data after the last one.
Source: RFC 8878, 3.1.1 (frames), 3.1.1.2 (blocks), 3.1.2 (skippable frames).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.errors import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC: Final = 0xFD2FB528
_SKIPPABLE: Final = range(0x184D2A50, 0x184D2A60)
#: Blocks unpack to 128 KiB at most (RFC 8878, 3.1.1.2.4): eight of them to 1 MiB.
_BLOCKS: Final = 8
_RAW, _RLE, _COMPRESSED = 0, 1, 2
_LARGEST_BLOCK: Final = 128 << 10


class FrameError(Exception):
    """What is wrong with the stream, in words."""


class WindowError(FrameError):
    """The stream wants a larger window than allowed."""


class Walker:
    """Cuts a stream, given in pieces of any size, into steps. `max_window` is in bytes."""

    def __init__(self, max_window: int) -> None:
        self._max_window = max_window
        self._held = b""
        self._skip = 0  # bytes of a skippable frame still to pass over
        self._in_frame = False
        self._checksum = 0
        self.frames = 0
        self.window = 0  # the largest so far, in bytes
        self.content: int | None = None  # the size that the current frame says it unpacks to
        self.ends = False  # whether the step that was given last ends its frame

    @property
    def at_boundary(self) -> bool:
        """Whether the stream may end here: outside of any frame, behind at least one."""
        return not self._held and not self._skip and not self._in_frame and self.frames > 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more of the stream and give, in steps of whole blocks, the frames in it without the skippable ones.

        FrameError where it is no zstd stream, or wants too much.
        """
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        data = self._held + data if self._held else data
        position = 0
        while position < len(data):
            begins = not self._in_frame
            start = position
            if begins:
                header = self._header(data, position)
                if header is None:
                    break
                position += header
                if not self._in_frame:  # a skippable frame
                    if position > len(data):
                        self._skip, position = position - len(data), len(data)
                    continue
            end, ends = self._blocks(data, position)
            if end == position and not ends:
                if begins:
                    position, self._in_frame = start, False
                break
            self.ends = ends
            yield data[start:end]
            position = end
            if ends:
                self._in_frame = False
                self.frames += 1
        self._held = data[position:]

    def _header(self, data: bytes, position: int) -> int | None:
        """Return the length of the frame header at `position`, None where more bytes are needed to know it."""
        if len(data) - position < 9:
            self._refuse_early(data[position : position + 4])
            return self._short_header(data, position)
        magic = int.from_bytes(data[position : position + 4], "little")
        if magic in _SKIPPABLE:
            return self._skippable(data, position)
        if magic != _MAGIC:
            raise FrameError(self._not_a_frame())
        return self._frame_header(data, position)

    def _short_header(self, data: bytes, position: int) -> int | None:
        rest = len(data) - position
        if rest >= 8 and int.from_bytes(data[position : position + 4], "little") in _SKIPPABLE:
            return self._skippable(data, position)
        if rest >= 5 and int.from_bytes(data[position : position + 4], "little") == _MAGIC:
            return self._frame_header(data, position)
        return None

    def _skippable(self, data: bytes, position: int) -> int:
        self.frames += 1
        return 8 + int.from_bytes(data[position + 4 : position + 8], "little")

    def _refuse_early(self, first: bytes) -> None:
        frame = _MAGIC.to_bytes(4, "little")
        skippable = len(first) == 0 or 0x50 <= first[0] <= 0x5F
        if first != frame[: len(first)] and not (skippable and first[1:] == b"\x2a\x4d\x18"[: len(first) - 1]):
            raise FrameError(self._not_a_frame())

    def _not_a_frame(self) -> str:
        if self.frames:
            return "zstd stream is followed by bytes that are not part of it"
        return "zstd stream is damaged (it does not begin with a frame)"

    def _frame_header(self, data: bytes, position: int) -> int | None:
        flags = data[position + 4]
        single = bool(flags & 0x20)
        dictionary = (0, 1, 2, 4)[flags & 3]
        content = (1 if single else 0, 2, 4, 8)[flags >> 6]
        length = 5 + (0 if single else 1) + dictionary + content
        if len(data) - position < length:
            return None
        if flags & 0x08:
            raise FrameError("zstd stream is damaged (a reserved bit of a frame header is set)")
        field = data[position + length - content : position + length]
        self.content = int.from_bytes(field, "little") + (256 if content == 2 else 0) if content else None
        if single:
            window = self.content or 0
        else:
            descriptor = data[position + 5]
            base = 1 << (10 + (descriptor >> 3))
            window = base + (base >> 3) * (descriptor & 7)
        if window > self._max_window and not (single and window <= _LARGEST_BLOCK):
            needed = plural(window, "byte")
            raise WindowError(f"zstd stream needs a window of {needed}, more than the {self._max_window} allowed")
        if any(data[position + length - content - dictionary : position + length - content]):
            raise FrameError("zstd stream needs a dictionary, which no layer comes with")
        self.window = max(self.window, window)
        self._checksum = 4 if flags & 0x04 else 0
        self._in_frame = True
        return length

    def _blocks(self, data: bytes, position: int) -> tuple[int, bool]:
        """Return where the whole blocks from `position` on end, eight at most, and whether the frame ends there."""
        for _ in range(_BLOCKS):
            if len(data) - position < 3:
                break
            header = int.from_bytes(data[position : position + 3], "little")
            kind, size = header >> 1 & 3, header >> 3
            if kind > _COMPRESSED or size > _LARGEST_BLOCK:
                raise FrameError("zstd stream is damaged (a block that cannot be)")
            last = header & 1
            end = position + 3 + (1 if kind == _RLE else size) + (self._checksum if last else 0)
            if end > len(data):
                break
            position = end
            if last:
                return position, True
        return position, False
