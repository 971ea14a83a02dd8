"""gzip streams that come in pieces: headers with a checksum, and output that the library holds back."""

import gzip
import zlib
from types import ModuleType

import pytest
from isal import isal_zlib

from ociarchive.blobio import gzipcodec
from ociarchive.blobio.codec import StreamError
from ociarchive.blobio.gzipcodec import GzipDecoder

PLAIN = b"some text, " * 40


def with_fields(flags: int) -> tuple[bytes, int]:
    """Make a member with these header fields (RFC 1952, 2.3.1); give the length of its header too."""
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(4) + b"\x00\xff"
    for flag, field in ((4, b"\x04\x00abcd"), (8, b"name\0"), (16, b"comment\0")):
        header += field if flags & flag else b""
    if flags & 2:
        header += (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little")
    raw = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    tail = zlib.crc32(PLAIN).to_bytes(4, "little") + len(PLAIN).to_bytes(4, "little")
    return header + raw.compress(PLAIN) + raw.flush() + tail, len(header)


def fed(decoder: GzipDecoder, *pieces: bytes) -> bytes:
    return b"".join(out for piece in pieces for out in decoder.feed(piece))


@pytest.mark.parametrize("flags", range(0x20))
def test_a_header_is_whole_only_with_all_its_fields(flags: int) -> None:
    """FHCRC is two bytes of the header: without them nothing of the member goes to the library."""
    stream, length = with_fields(flags)
    for cut in range(1, length):
        decoder = GzipDecoder(0)
        assert fed(decoder, stream[:cut]) == b""
        with pytest.raises(StreamError, match="cut short inside a header"):
            decoder.finish()
        assert fed(decoder, stream[cut:]) == PLAIN
        decoder.finish()
    whole = GzipDecoder(0)
    fed(whole, stream[:length])
    with pytest.raises(StreamError, match=r"cut short$"):
        whole.finish()


@pytest.mark.parametrize("library", [isal_zlib, zlib], ids=["isal", "zlib"])
@pytest.mark.parametrize("kept", [*range(1, 12), 40])
def test_no_output_is_held_back_for_good(kept: int, library: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that took all input may have more output than was asked for: it comes with what follows.

    Something always follows: while there is output left, at least one byte of the trailer was not taken.
    """
    monkeypatch.setattr(gzipcodec, "_inflate", library)
    monkeypatch.setattr(gzipcodec, "PIECE", 1000)
    for size in (999, 1000, 1001, 1258, 1300, 2000, 2258, 9000):
        stream = gzip.compress(bytes(size), 9, mtime=0)
        decoder = GzipDecoder(0)
        assert fed(decoder, stream[:-kept], stream[-kept:], stream) == bytes(2 * size)
        decoder.finish()
