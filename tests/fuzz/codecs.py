"""Decoders held against the libraries of others: the same bytes, or neither takes the stream."""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

import zstandard

from ociarchive.blobio.codec import BZIP2, GZIP, XZ, ZSTD, Codec, StreamError
from ociarchive.blobio.limits import LimitError

#: More than this is given up on both sides: what a bomb does is tested elsewhere.
MOST = 8 << 20
_WINDOW = 8 << 20
_CODECS = (GZIP, ZSTD, XZ, BZIP2)


class TooMuch(Exception):
    """The stream unpacks to more than is worth the time."""


def ours(codec: Codec, data: bytes, step: int) -> tuple[bytes, str | None, bool]:
    """Return what our decoder gives of a stream in pieces of `step`, why it stopped, and whether zeros follow."""
    assert codec.decoder is not None
    decoder = codec.decoder(_WINDOW)
    out = bytearray()
    try:
        for start in range(0, len(data), step):
            for piece in decoder.feed(data[start : start + step]):
                assert len(piece) <= 1 << 20, f"a piece of {len(piece)} bytes"
                out += piece
                if len(out) > MOST:
                    raise TooMuch
        decoder.finish()
    except StreamError as error:
        return bytes(out), error.what, False
    except LimitError as error:
        return bytes(out), f"limit: {error.what}", False
    finally:
        decoder.close()
    return bytes(out), None, decoder.padded


def target(data: bytes) -> None:
    """The first byte chooses the codec, the second the size of pieces; the rest is the stream."""
    if len(data) < 3:
        return
    codec = _CODECS[data[0] % len(_CODECS)]
    stream = data[2:]
    try:
        whole = ours(codec, stream, len(stream))
        pieces = ours(codec, stream, data[1] + 1)
        theirs = _REFERENCES[codec.name](stream)
    except TooMuch:
        return
    assert (whole[1] is None) == (pieces[1] is None), f"{whole[1]} whole, {pieces[1]} in pieces"
    if whole[1] is None:
        assert whole == pieces, f"{codec.name} pieces of {data[1] + 1} give other bytes"
        assert theirs is not None, f"{codec.name} taken here, refused by the library of others"
        assert whole[0] == theirs, f"{codec.name} gives others: {len(whole[0])} bytes here, {len(theirs)} there"
    elif theirs is not None:
        lawful = any(words in whole[1] for words in _STRICTER[codec.name])
        assert lawful, f"{whole[1]}, but the library of others takes it"


def _members(make: Callable[[], Any], data: bytes, padding: Callable[[bytes], bool]) -> bytes | None:
    """Decode streams after one another with a library's own object; None where it refuses."""
    out = bytearray()
    first = True
    while data:
        if not first and padding(data):
            return bytes(out)
        stream = make()
        try:
            out += stream.decompress(data, MOST + 1)
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError):
            return None
        if len(out) > MOST:
            raise TooMuch
        if not stream.eof:
            return None
        data, first = stream.unused_data, False
    return None if first else bytes(out)


def _gzip(data: bytes) -> bytes | None:
    return _members(lambda: zlib.decompressobj(31), data, lambda rest: not rest.strip(b"\0"))


def _xz(data: bytes) -> bytes | None:
    """Decode streams, with padding in fours between and behind them."""
    out = bytearray()
    streams = 0
    while data:
        if streams and data[:4] == bytes(4):
            data = data[4:]
            continue
        stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_WINDOW)
        try:
            out += stream.decompress(data, MOST + 1)
        except (lzma.LZMAError, MemoryError):
            return None
        if len(out) > MOST:
            raise TooMuch
        if not stream.eof:
            return None
        data = stream.unused_data
        streams += 1
    return bytes(out) if streams else None


def _bzip2(data: bytes) -> bytes | None:
    return _members(bz2.BZ2Decompressor, data, lambda rest: not rest.strip(b"\0"))


def _zstd(data: bytes) -> bytes | None:
    """Decode frame by frame; a frame that does not end is refused, as is what is no frame."""
    out = bytearray()
    frames = 0
    while data:
        if data[1:4] == b"\x2a\x4d\x18" and 0x50 <= data[0] <= 0x5F and len(data) >= 8:
            length = 8 + int.from_bytes(data[4:8], "little")
            if length > len(data):
                return None
            data = data[length:]
            frames += 1
            continue
        stream = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
        try:
            out += stream.decompress(data)
        except zstandard.ZstdError:
            return None
        if len(out) > MOST:
            raise TooMuch
        if not stream.eof:
            return None
        data = stream.unused_data
        frames += 1
    return bytes(out) if frames else None


_REFERENCES: dict[str, Callable[[bytes], bytes | None]] = {"gzip": _gzip, "zstd": _zstd, "xz": _xz, "bzip2": _bzip2}
#: What is refused here on purpose although a library takes it.
_STRICTER: dict[str, tuple[str, ...]] = {
    "gzip": (),
    "zstd": ("dictionary",),
    "xz": (),
    "bzip2": ("followed by",),  # zeros behind a stream: bzip2(1) takes them with a warning
}
