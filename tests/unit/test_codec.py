"""Codecs: streams in every legal shape and chunking, damage at every byte, and blocks that are always the same."""

import bz2
import gzip
import hashlib
import lzma
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ociarchive.blobio import gzipcodec, zstdcodec
from ociarchive.blobio.codec import MAGIC, PIECE, Decoder, StreamError, by_name, sniff
from ociarchive.blobio.limits import LimitError, Limits
from tests.support.build import gzipped, skippable, zstded
from tests.support.tar import flipped

WINDOW = Limits().window
WRITERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": gzipcodec.encode,
    "zstd": zstdcodec.encode,
}
NOISE = hashlib.shake_256(b"noise").digest(3000)
PLAIN = b"some text, " * 40 + NOISE[:300]


def decoded(codec: str, chunks: Iterable[bytes], window: int = WINDOW) -> bytes:
    """Decode, and see that no piece is larger than promised."""
    return b"".join(pieces_of(codec, chunks, window))


def opened(codec: str, window: int = WINDOW) -> Decoder:
    return by_name(codec).decoder(window)


def pieces_of(codec: str, chunks: Iterable[bytes], window: int = WINDOW) -> list[bytes]:
    decoder = opened(codec, window)
    try:
        found = [piece for chunk in chunks for piece in decoder.feed(chunk)]
        decoder.finish()
    finally:
        decoder.close()
    assert all(0 < len(piece) <= PIECE for piece in found)
    return found


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


# zstd by hand, RFC 8878, 3.1.1

RAW, RLE, COMPRESSED, RESERVED = 0, 1, 2, 3


def block(data: bytes, kind: int = RAW, *, size: int | None = None, last: bool = False) -> bytes:
    header = (len(data) if size is None else size) << 3 | kind << 1 | last
    return header.to_bytes(3, "little") + data


def frame(*blocks: bytes, window: int = 0x50, flags: int = 0, middle: bytes = b"", single: bytes = b"") -> bytes:
    """Make a frame; `window` is the descriptor's byte, `middle` a dictionary id, `single` a content size instead."""
    descriptor = flags | (0x20 if single else 0)
    return (
        b"\x28\xb5\x2f\xfd"
        + bytes([descriptor])
        + (b"" if single else bytes([window]))
        + middle
        + single
        + b"".join(blocks)
    )


def with_fields(plain: bytes, flags: int, fields: bytes) -> bytes:
    """Make a gzip member whose header has further fields (RFC 1952, 2.3.1)."""
    raw = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(4) + b"\x00\xff"
    tail = zlib.crc32(plain).to_bytes(4, "little") + (len(plain) & 0xFFFFFFFF).to_bytes(4, "little")
    body = header + fields
    if flags & 2:
        body += (zlib.crc32(body) & 0xFFFF).to_bytes(2, "little")
    return body + raw.compress(plain) + raw.flush() + tail


def stored_deflate(plain: bytes) -> bytes:
    return gzip.compress(plain, 0, mtime=0)


NOTHING = zstandard.ZstdCompressor().compress(b"")
# name: codec, stream, what it unpacks to
STREAMS: dict[str, tuple[str, bytes, bytes]] = {
    "gzip": ("gzip", gzipped(PLAIN), PLAIN),
    "gzip-of-nothing": ("gzip", gzipped(b""), b""),
    "gzip-stored": ("gzip", stored_deflate(PLAIN), PLAIN),
    "gzip-members": ("gzip", gzipped(PLAIN, members=7), PLAIN),
    "gzip-members-of-one-byte": ("gzip", gzipped(NOISE[:300], members=300), NOISE[:300]),
    "gzip-empty-members-around": ("gzip", gzipped(b"") * 3 + gzipped(PLAIN) + gzipped(b"") * 3, PLAIN),
    "gzip-name": ("gzip", gzipped(PLAIN, name=b"layer.tar"), PLAIN),
    "gzip-long-name": ("gzip", gzipped(PLAIN, name=b"n" * 5000), PLAIN),
    "gzip-extra-field": ("gzip", with_fields(PLAIN, 0x04, b"\x04\x00abcd"), PLAIN),
    "gzip-comment": ("gzip", with_fields(PLAIN, 0x10, b"comment\0"), PLAIN),
    "gzip-padded": ("gzip", gzipped(PLAIN) + bytes(700), PLAIN),
    "gzip-padded-by-one": ("gzip", gzipped(PLAIN) + b"\0", PLAIN),
    "zstd": ("zstd", zstded(PLAIN), PLAIN),
    "zstd-of-nothing": ("zstd", NOTHING, b""),
    "zstd-without-size": ("zstd", zstded(PLAIN, sized=False), PLAIN),
    "zstd-checksum": ("zstd", zstandard.ZstdCompressor(write_checksum=True).compress(PLAIN), PLAIN),
    "zstd-frames": ("zstd", zstded(PLAIN, frames=7), PLAIN),
    "zstd-empty-frames-around": ("zstd", NOTHING * 3 + zstded(PLAIN) + NOTHING * 3, PLAIN),
    "zstd-skippable-first": ("zstd", skippable(b"estargz") + zstded(PLAIN), PLAIN),
    "zstd-skippable-last": ("zstd", zstded(PLAIN) + skippable(b"table of contents" * 40), PLAIN),
    "zstd-skippable-between": ("zstd", zstded(PLAIN) + skippable(b"x") + zstded(PLAIN), PLAIN * 2),
    "zstd-skippable-twice": ("zstd", skippable(b"") * 2 + zstded(PLAIN) + skippable(b"") * 2, PLAIN),
    "zstd-skippable-alone": ("zstd", skippable(b"nothing"), b""),
    "zstd-skippable-holds-a-frame": ("zstd", skippable(zstded(b"no")) + zstded(PLAIN), PLAIN),
    "zstd-raw-blocks": ("zstd", frame(block(b"one "), block(b"two", last=True)), b"one two"),
    "zstd-empty-last-block": ("zstd", frame(block(b"one"), block(b"", last=True)), b"one"),
    "zstd-rle-block": ("zstd", frame(block(b"z", RLE, size=1000, last=True), window=0x0), b"z" * 1000),
    "zstd-rle-of-nothing": ("zstd", frame(block(b"z", RLE, size=0, last=True)), b""),
    "zstd-twenty-rle-blocks": (
        "zstd",
        frame(*[block(b"z", RLE, size=100) for _ in range(19)], block(b"z", RLE, size=100, last=True)),
        b"z" * 2000,
    ),
    "zstd-single-segment": ("zstd", frame(block(b"abc", last=True), single=b"\x03"), b"abc"),
    "zstd-single-segment-two-bytes": (
        "zstd",
        frame(block(b"a", RLE, size=256, last=True), flags=0x40, single=b"\0\0"),
        b"a" * 256,
    ),
    "zstd-dictionary-zero": ("zstd", frame(block(b"abc", last=True), flags=3, middle=bytes(4)), b"abc"),
    "zstd-unused-bit": ("zstd", frame(block(b"abc", last=True), flags=0x10), b"abc"),
    "xz": ("xz", lzma.compress(PLAIN), PLAIN),
    "xz-of-nothing": ("xz", lzma.compress(b""), b""),
    "xz-streams": ("xz", lzma.compress(PLAIN) * 3, PLAIN * 3),
    "xz-padded": ("xz", lzma.compress(PLAIN) + bytes(8), PLAIN),
    "bzip2": ("bzip2", bz2.compress(PLAIN), PLAIN),
    "bzip2-of-nothing": ("bzip2", bz2.compress(b""), b""),
    "bzip2-streams": ("bzip2", bz2.compress(PLAIN) * 3, PLAIN * 3),
    "bzip2-padded": ("bzip2", bz2.compress(PLAIN) + bytes(9), PLAIN),
}
for number in range(16):
    one = bytes([0x50 + number]) + skippable(b"any of sixteen")[1:]
    STREAMS[f"zstd-skippable-{number:x}"] = ("zstd", one + zstded(b"x"), b"x")


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 511, 1 << 20])
def test_decodes_however_it_is_cut(name: str, size: int) -> None:
    codec, stream, plain = STREAMS[name]
    assert sniff(stream[:MAGIC]).name == codec
    assert decoded(codec, cut(stream, size)) == plain


@pytest.mark.parametrize("flags", range(0x20))
def test_every_set_of_header_fields(flags: int) -> None:
    fields = b"\x04\x00abcd" * bool(flags & 4) + b"name\0" * bool(flags & 8) + b"comment\0" * bool(flags & 16)
    assert decoded("gzip", [with_fields(PLAIN, flags, fields)]) == PLAIN


def named(size: int) -> bytes:
    """Make a gzip stream whose header has `size` bytes of a name, the zero behind it aside."""
    return with_fields(PLAIN, 8, b"n" * size + b"\0")


@pytest.mark.parametrize("size", [1, 511, 4096, 1 << 20])
def test_the_longest_text_of_a_gzip_header_is_a_fact(size: int) -> None:
    decoder = opened("gzip")
    stream = named(20) + named(700) + with_fields(PLAIN, 16, b"c" * 60 + b"\0")
    assert b"".join(piece for chunk in cut(stream, size) for piece in decoder.feed(chunk)) == PLAIN * 3
    decoder.finish()
    assert decoder.header == 701


@pytest.mark.parametrize("size", [1, 7, 99, 100, 101, 1 << 20])
def test_a_gzip_header_is_as_long_as_allowed_however_it_is_cut(size: int) -> None:
    """A header has 10 bytes, then the name and a zero."""
    allowed = by_name("gzip").decoder(WINDOW, 100)
    assert b"".join(piece for chunk in cut(named(89), size) for piece in allowed.feed(chunk)) == PLAIN
    refusing = by_name("gzip").decoder(WINDOW, 100)
    pieces = (piece for chunk in cut(named(90), size) for piece in refusing.feed(chunk))
    with pytest.raises(LimitError, match="more than the 100 bytes allowed, --limit gzip-header=N lifts"):
        deque(pieces, maxlen=0)


def test_a_stream_that_ends_in_a_gzip_header_is_cut_there() -> None:
    with pytest.raises(StreamError, match="cut short inside a header"):
        decoded("gzip", [named(40)[:30]])


@pytest.mark.parametrize("flags", [0x20, 0x40, 0x80, 0xE0])
def test_header_flags_that_mean_nothing_yet_are_refused(flags: int) -> None:
    """RFC 1952, 2.3.1.2: a bit that is set could tell of a field that an old reader would take for data."""
    with pytest.raises(StreamError):
        decoded("gzip", [with_fields(PLAIN, flags, b"")])


@given(st.sampled_from(list(STREAMS)), st.data())
def test_decodes_in_any_chunks(name: str, data: st.DataObject) -> None:
    codec, stream, plain = STREAMS[name]
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    bounds = [0, *sorted(places), len(stream)]
    assert decoded(codec, [stream[a:b] for a, b in pairwise(bounds)]) == plain


@pytest.mark.parametrize("name", ["gzip-padded", "gzip-padded-by-one", "xz-padded", "bzip2-padded"])
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_padding_is_told(name: str, size: int) -> None:
    codec, stream, _ = STREAMS[name]
    for data, padded in ((stream, True), (stream.rstrip(b"\0"), False)):
        decoder = opened(codec)
        for chunk in cut(data, size):
            for _ in decoder.feed(chunk):
                pass
        assert decoder.padded is padded


# name: the parts of a stream; it may end between any two of them and nowhere else
WHOLE: dict[str, tuple[str, list[bytes]]] = {
    "gzip": ("gzip", [gzipped(b"first"), gzipped(b""), gzipped(b"last")]),
    "gzip-fields": ("gzip", [with_fields(b"first", 0x04, b"\x01\x00a"), gzipped(b"last", name=b"last.tar")]),
    "zstd": ("zstd", [zstded(b"first"), skippable(b"skipped"), zstded(b"last", sized=False), skippable(b"")]),
    "zstd-skippable-first": ("zstd", [skippable(b"skipped"), NOTHING]),
    "zstd-checksum": ("zstd", [zstandard.ZstdCompressor(write_checksum=True).compress(b"first")]),
    "zstd-blocks": ("zstd", [frame(block(b"a"), block(b"b", RLE, size=9), block(b"c", last=True))]),
    "xz": ("xz", [lzma.compress(b"first"), lzma.compress(b"last")]),
    "bzip2": ("bzip2", [bz2.compress(b"first"), bz2.compress(b"last")]),
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_stream_cut_at_any_byte_is_refused(name: str, size: int) -> None:
    codec, parts = WHOLE[name]
    stream = b"".join(parts)
    ends = {len(b"".join(parts[:count])) for count in range(1, len(parts) + 1)}
    for length in range(len(stream) + 1):
        chunks = cut(stream[:length], size)
        if length in ends:
            decoded(codec, chunks)
        else:
            with pytest.raises(StreamError, match="cut short"):
                decoded(codec, chunks)


@pytest.mark.parametrize("name", ["gzip", "zstd-checksum", "xz", "bzip2"])
def test_a_changed_byte_is_found_or_changes_nothing(name: str) -> None:
    codec, parts = WHOLE[name]
    stream = b"".join(parts)
    plain, found = decoded(codec, [stream]), 0
    for offset in range(len(stream)):
        for mask in (0x01, 0x80, 0xFF):
            try:
                after = decoded(codec, [flipped(stream, offset, mask)])
            except (StreamError, LimitError):
                found += 1
            else:
                assert after == plain
    assert found > len(stream)


FOLLOWED = "followed by bytes that are not part of it"
# name: codec, stream, what is said of it
DAMAGED: dict[str, tuple[str, bytes, str]] = {
    "gzip-garbage-behind": ("gzip", gzipped(PLAIN) + b"garbage that is long enough", FOLLOWED),
    "gzip-garbage-behind-padding": ("gzip", gzipped(PLAIN) + bytes(20) + b"x", FOLLOWED),
    "gzip-member-behind-padding": ("gzip", gzipped(PLAIN) + bytes(20) + gzipped(b"more"), FOLLOWED),
    "gzip-zstd-behind": ("gzip", gzipped(PLAIN) + zstded(PLAIN), FOLLOWED),
    "gzip-checksum": ("gzip", flipped(gzipped(PLAIN), len(gzipped(PLAIN)) - 8), "damaged"),
    "gzip-length": ("gzip", flipped(gzipped(PLAIN), len(gzipped(PLAIN)) - 1), "damaged"),
    "gzip-unknown-method": ("gzip", flipped(gzipped(PLAIN), 2, 0x0F), "damaged"),
    "gzip-data": ("gzip", gzipped(PLAIN)[:10] + b"\x07" + gzipped(PLAIN)[11:], "damaged"),
    "zstd-garbage-behind": ("zstd", zstded(PLAIN) + b"garbage", FOLLOWED),
    "zstd-one-byte-behind": ("zstd", zstded(PLAIN) + b"x", FOLLOWED),
    "zstd-zeros-behind": ("zstd", zstded(PLAIN) + bytes(512), FOLLOWED),
    "zstd-gzip-behind": ("zstd", zstded(PLAIN) + gzipped(PLAIN), FOLLOWED),
    "zstd-garbage-behind-skippable": ("zstd", skippable(b"x") + b"garbage", FOLLOWED),
    "zstd-no-frame": ("zstd", b"\x28\xb5\x2f\xfe garbage", "does not begin with a frame"),
    "zstd-reserved-bit": ("zstd", frame(block(b"abc", last=True), flags=0x08), "reserved bit"),
    "zstd-reserved-block": ("zstd", frame(block(b"abc", RESERVED, last=True)), "block that cannot be"),
    "zstd-block-too-large": (
        "zstd",
        frame(block(b"a", RLE, size=(128 << 10) + 1, last=True), window=0x80),
        "cannot be",
    ),
    "zstd-block-damaged": ("zstd", frame(block(b"\xff" * 40, COMPRESSED, last=True)), "damaged"),
    "zstd-checksum": ("zstd", frame(block(b"abc", last=True), b"\0\0\0\0", flags=0x04), "damaged"),
    "zstd-more-than-its-size": ("zstd", frame(block(b"abcd", last=True), single=b"\x03"), "damaged"),
    "zstd-less-than-its-size": ("zstd", frame(block(b"ab", last=True), single=b"\x03"), "damaged"),
    "zstd-dictionary": ("zstd", frame(block(b"abc", last=True), flags=1, middle=b"\x07"), "dictionary"),
    "zstd-large-dictionary": (
        "zstd",
        frame(block(b"a", last=True), flags=3, middle=b"\0\0\0\x01"),
        "dictionary",
    ),
    "xz-garbage-behind": ("xz", lzma.compress(PLAIN) + b"garbage that is long enough", FOLLOWED),
    "xz-data": ("xz", flipped(lzma.compress(PLAIN), 30), "damaged"),
    "bzip2-garbage-behind": ("bzip2", bz2.compress(PLAIN) + b"garbage that is long enough", FOLLOWED),
    "bzip2-data": ("bzip2", flipped(bz2.compress(PLAIN), 30), "damaged"),
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_damage_is_told_however_the_stream_is_cut(name: str, size: int) -> None:
    codec, stream, message = DAMAGED[name]
    with pytest.raises(StreamError, match=message if size > len(stream) else codec):
        decoded(codec, cut(stream, size))


# name: window descriptor, content size, window allowed, whether it fits
WINDOWS: dict[str, tuple[bytes, int, bool]] = {
    "8-mib": (frame(block(b"a", last=True), window=13 << 3), 8 << 20, True),
    "9-mib": (frame(block(b"a", last=True), window=13 << 3 | 1), 8 << 20, False),
    "128-mib": (frame(block(b"a", last=True), window=17 << 3), WINDOW, True),
    "more-than-128-mib": (frame(block(b"a", last=True), window=17 << 3 | 1), WINDOW, False),
    "largest": (frame(block(b"a", last=True), window=0xFF), WINDOW, False),
    "large-content": (frame(block(b"a"), flags=0x80, single=(200 << 20).to_bytes(4, "little")), WINDOW, False),
    "largest-content": (frame(block(b"a"), flags=0xC0, single=b"\xff" * 8), WINDOW, False),
    "small-content-under-a-smaller-limit": (frame(block(b"abc", last=True), single=b"\x03"), 1 << 10, True),
}


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_window(name: str, size: int) -> None:
    stream, allowed, fits = WINDOWS[name]
    if fits:
        assert decoded("zstd", cut(stream, size), allowed) in {b"a", b"abc"}
        return
    with pytest.raises(LimitError, match=r"needs a window .*--limit window=N") as caught:
        decoded("zstd", cut(stream, size), allowed)
    assert caught.value.name == "window"


# Streams that unpack to much more than one piece, from chunks that hold all of it.
ZEROS = bytes(5 * PIECE + 17)
BOMBS: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzipped(ZEROS, level=9)),
    "gzip-many-members": ("gzip", gzipped(ZEROS, members=300)),
    "zstd": ("zstd", zstded(ZEROS, level=19)),
    "zstd-frames": ("zstd", zstded(ZEROS, frames=40)),
    "zstd-rle": (
        "zstd",
        frame(
            *[block(b"\0", RLE, size=128 << 10)] * (5 * PIECE >> 17), block(b"\0", RLE, size=17, last=True), window=0x80
        ),
    ),
    "xz": ("xz", lzma.compress(ZEROS, preset=1)),
    "bzip2": ("bzip2", bz2.compress(ZEROS)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_pieces_stay_small_whatever_the_ratio(name: str) -> None:
    codec, stream = BOMBS[name]
    found = pieces_of(codec, [stream])
    assert b"".join(found) == ZEROS
    assert len(found) >= len(ZEROS) // PIECE


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_many_tiny_members_are_decoded_from_one_chunk(codec: str) -> None:
    one = WRITERS[codec](b"x", 3)
    assert decoded(codec, [one * 20_000]) == b"x" * 20_000


def test_what_is_stored_plain_passes() -> None:
    assert decoded("none", [b"one", b"two"]) == b"onetwo"


READERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read(),
}
BLOCKS = {"empty": b"", "byte": b"x", "text": PLAIN, "noise": NOISE, "zeros": bytes(300_000)}


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("codec", READERS)
def test_blocks_are_read_by_others_at_every_level(codec: str, name: str) -> None:
    plain, levels = BLOCKS[name], by_name(codec).levels
    for level in levels if len(plain) < 10_000 else [levels[0], levels[len(levels) // 2]]:
        block = WRITERS[codec](plain, level)
        assert READERS[codec](block) == plain
        assert sniff(block).name == codec
        assert decoded(codec, [block] if block else []) == plain


@pytest.mark.parametrize("codec", WRITERS)
def test_blocks_do_not_depend_on_threads_or_on_what_came_before(codec: str) -> None:
    encode = WRITERS[codec]
    level = by_name(codec).default_level
    plain = [NOISE[:number] + PLAIN for number in range(0, 3000, 97)]
    alone = [encode(one, level) for one in plain]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda one: encode(one, level), plain)) == alone
    assert [encode(one, level) for one in reversed(plain)] == alone[::-1]
    assert decoded(codec, alone) == b"".join(plain)


def test_gzip_blocks_carry_no_clock_and_no_name() -> None:
    block = WRITERS["gzip"](PLAIN, 3)
    assert block[3] == 0
    assert block[4:8] == bytes(4)


SNIFFED = {
    "nothing": (b"", "none"),
    "gzip": (b"\x1f\x8b\x08\x00", "gzip"),
    "half-of-gzip": (b"\x1f", "none"),
    "zstd": (b"\x28\xb5\x2f\xfd\x00", "zstd"),
    "skippable-first": (b"\x50\x2a\x4d\x18\x00", "zstd"),
    "skippable-last": (b"\x5f\x2a\x4d\x18\x00", "zstd"),
    "not-skippable": (b"\x60\x2a\x4d\x18\x00", "none"),
    "xz": (b"\xfd7zXZ\0\0\0", "xz"),
    "bzip2": (b"BZh9\x31", "bzip2"),
    "text-like-bzip2": (b"BZhello", "none"),
    "tar": (b"layer/ab", "none"),
    "json": (b'{"a":1}', "none"),
}


@pytest.mark.parametrize("name", SNIFFED)
def test_sniff(name: str) -> None:
    head, codec = SNIFFED[name]
    assert sniff(head).name == codec
    assert by_name(codec) is sniff(head)
