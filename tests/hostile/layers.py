"""Hostile layers and streams: bombs, windows, members without end, damage, tables that lie."""

import bz2
import gzip
import hashlib
import lzma
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import zstandard

from tests.fuzz.layers import CHUNKED, chunked, estargz
from tests.hostile.case import Build, Case, late, raw
from tests.hostile.parts import IMAGE, LAYER, SAVED, archive, saved
from tests.support.build import Image, Layer, digest, docker_archive, gzipped, layout, packed, skippable, zstded
from tests.support.tar import flipped, tar, write_tar

_MEBIBYTE = 1 << 20
_PLAIN = LAYER.plain
_NODE = IMAGE.node().named("docker.io/library/app:1", "1")


class _Claimed(Layer):
    """A layer whose diff_id is any: of a bomb nobody computes it."""

    @property
    def diff_id(self) -> str:
        return f"sha256:{'0' * 64}"


def _of(stored: bytes, media_type: str = "", plain: bytes | None = None, **members: object) -> Build:
    """Build a layout with one layer of these stored bytes; without `plain` its diff_id is invented."""
    make = Layer if plain is not None else _Claimed
    media_type = media_type or "application/vnd.oci.image.layer.v1.tar+gzip"
    one = make(plain=plain or b"", stored=stored, media_type=media_type, members=members)
    return archive(layout(Image(layers=[one]).node().named("docker.io/library/app:1", "1")))


_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
_TAR = "application/vnd.oci.image.layer.v1.tar"


def zeros(mebibytes: int) -> bytes:
    """A gzip member of so many mebibytes of zeros, small enough to be repeated."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(_MEBIBYTE)
    return b"".join(compressor.compress(block) for _ in range(mebibytes)) + compressor.flush()


def _diff_id_of_zeros(mebibytes: int) -> str:
    hashed, block = hashlib.sha256(), bytes(_MEBIBYTE)
    for _ in range(mebibytes):
        hashed.update(block)
    return f"sha256:{hashed.hexdigest()}"


def _half_a_gibibyte(path: Path) -> None:
    """512 MiB of zeros, in one layer whose diff_id is right: an empty disk image in a tar."""
    known = _diff_id_of_zeros(512)

    class Zeros(Layer):
        @property
        def diff_id(self) -> str:
            return known

    write_tar(
        path,
        layout(
            Image(layers=[Zeros(plain=b"", stored=zeros(512), codec="gzip")])
            .node()
            .named("docker.io/library/app:1", "1")
        ),
    )


def _bomb(stored: Callable[[], bytes], media_type: str = "") -> Build:
    def build(path: Path) -> None:
        _of(stored(), media_type)(path)

    return build


def _rle_frames(count: int) -> bytes:
    """Zstd frames of 1 MiB each in 36 bytes: eight blocks that repeat one byte 131,072 times."""
    blocks = b"".join(((131072 << 3) | (1 << 1) | (number == 7)).to_bytes(3, "little") + b"\0" for number in range(8))
    return (b"\x28\xb5\x2f\xfd\x00\x58" + blocks) * count


def _window(log: int) -> bytes:
    """A zstd frame that asks for a window of 2 to the `log` bytes."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(log - 10) << 3]) + b"\x01\0\0"


def _xz_of_a_large_dictionary() -> bytes:
    """An xz stream whose block asks for a dictionary of 1.5 GiB: its size byte changed, the header's sum with it."""
    stream = bytearray(lzma.compress(_PLAIN, preset=0))
    size = (stream[12] + 1) * 4
    place = stream.index(b"\x21\x01", 12, 12 + size) + 2
    stream[place] = 39
    stream[12 + size - 4 : 12 + size] = zlib.crc32(stream[12 : 12 + size - 4]).to_bytes(4, "little")
    return bytes(stream)


def _many_bombs(path: Path) -> None:
    """Thirty layers that each stop short of what one may unpack to."""
    stored = _rle_frames(600)
    known = _diff_id_of_zeros(600)

    class Zeros(Layer):
        @property
        def diff_id(self) -> str:
            return known

    layers = [Zeros(plain=b"", stored=stored + skippable(b"%d" % number), media_type=_ZSTD) for number in range(30)]
    write_tar(path, layout(Image(layers=layers).node().named("docker.io/library/app:1", "1")))


def _outer_of(*codecs: Callable[[bytes], bytes]) -> Build:
    def build(path: Path) -> None:
        data = tar(saved())
        for codec in codecs:
            data = codec(data)
        path.write_bytes(data)

    return build


def _outer_bomb(path: Path) -> None:
    """16 GiB of zeros behind two compressions, in a few KiB: each stage is held to its own ratio."""
    inner = zeros(64) * 256
    path.write_bytes(zstandard.ZstdCompressor(level=19).compress(gzip.compress(inner, 9)))


def _empty_members(count: int) -> bytes:
    return gzip.compress(b"", 1, mtime=0) * count


def _table(make: Callable[[bytes, bytes], tuple[bytes, dict[str, str]]], table: bytes, **told: str) -> Build:
    stored, annotations = make(table, _PLAIN)
    media_type = _ZSTD if make is chunked else ""
    return _of(stored, media_type, _table_plain(make, table, stored), annotations={**annotations, **told})


def _table_plain(make: object, table: bytes, stored: bytes) -> bytes:
    del table
    if make is chunked:
        return _PLAIN
    return gzip.decompress(stored)


_SOUND_TABLE = b'{"version":1,"entries":[]}'
_BOMB = "CVE-2017-14992"
CASES: dict[str, Case] = {
    # Bombs
    "zeros-512-mib": Case(build=_half_a_gibibyte, audit=0, convert=0, of=_BOMB),
    "zeros-512-mib-at-a-ratio-of-100": Case(
        build=_bomb(lambda: zeros(512)),
        rule="limit-unpacked",
        words="--max-ratio",
        options=("--max-ratio", "100"),
        of=_BOMB,
    ),
    "zeros-16-gib": Case(
        build=_bomb(lambda: zeros(64) * 256),
        rule="limit-unpacked",
        words="--max-ratio",
        of=_BOMB,
    ),
    "zeros-16-gib-in-zstd": Case(
        build=_bomb(lambda: _rle_frames(16 << 10), _ZSTD),
        rule="limit-unpacked",
        words="--max-ratio",
        of=_BOMB,
    ),
    "zeros-16-gib-in-bzip2": Case(
        build=_bomb(lambda: bz2.compress(bytes(64 * _MEBIBYTE)) * 256),
        rule="limit-unpacked",
        words="--max-ratio",
        of=_BOMB,
    ),
    "zeros-in-xz": Case(
        build=_bomb(lambda: lzma.compress(bytes(64 * _MEBIBYTE), preset=0) * 32),
        rule="limit-unpacked",
        words="--max-ratio",
        of=_BOMB,
    ),
    "bombs-in-many-layers": Case(build=_many_bombs, rule="limit-unpacked", words="--max-ratio", of=_BOMB),
    "larger-than-asked": Case(
        build=_of(gzipped(_PLAIN), plain=_PLAIN),
        rule="limit-unpacked",
        words="--max-layer-size",
        options=("--max-layer-size", "1000"),
        of="limit layer-size",
    ),
    # Streams without end
    "gzip-members-a-million": Case(
        build=_bomb(lambda: _empty_members(1_000_000)),
        rule="diff-id-mismatch",
        of="gzip of 10^6 members",
    ),
    "gzip-header-without-end": Case(
        build=_of(b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * (4 * _MEBIBYTE)),
        rule="limit-unpacked",
        words="--limit gzip-header=N",
    ),
    "gzip-extra-field": Case(
        build=_of(
            b"\x1f\x8b\x08\x04" + bytes(6) + b"\xff\xff" + b"n" * 0xFFFF + gzip.compress(_PLAIN)[10:], plain=_PLAIN
        ),
        audit=0,
        convert=0,
    ),
    "zstd-frames-a-million": Case(
        build=_bomb(lambda: b"\x28\xb5\x2f\xfd\x20\0\x01\0\0" * 1_000_000, _ZSTD),
        rule="diff-id-mismatch",
        of="zstd of 10^6 frames",
    ),
    "bzip2-streams-700-000": Case(
        build=_bomb(lambda: bz2.compress(b"") * 700_000),
        rule="diff-id-mismatch",
        of="bzip2 of 700,000 streams",
    ),
    "xz-streams-300-000": Case(
        build=_bomb(lambda: lzma.compress(b"") * 300_000),
        rule="diff-id-mismatch",
        of="xz of 300,000 streams",
    ),
    "zstd-frames-of-one-byte": Case(
        build=_bomb(lambda: b"\x28\xb5\x2f\xfd\x20\x01\x09\0\0x" * 950_000, _ZSTD),
        rule="diff-id-mismatch",
        of="zstd of 950,000 frames",
    ),
    "zstd-skippable-frames-alone": Case(
        build=_bomb(lambda: b"\x50\x2a\x4d\x18\0\0\0\0" * 100_000, _ZSTD),
        rule="diff-id-mismatch",
    ),
    "zstd-skippable-frame-of-4-gib": Case(
        build=_of(b"\x50\x2a\x4d\x18\xff\xff\xff\xff" + bytes(100), _ZSTD),
        rule="layer-damaged",
        words="cut short",
    ),
    # Windows
    "zstd-window-of-2-gib": Case(
        build=_of(_window(31), _ZSTD),
        rule="limit-unpacked",
        words="--limit window=N",
        of="zstd frame with a window of 2 GiB",
    ),
    "zstd-window-of-2-tib": Case(build=_of(_window(41), _ZSTD), rule="limit-unpacked", words="--limit window=N"),
    "zstd-window-of-128-mib": Case(
        build=_of(
            zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27)).compress(
                _PLAIN
            ),
            _ZSTD,
            _PLAIN,
        ),
        audit=0,
        convert=0,
        of="limit window",
    ),
    "zstd-content-size-of-exbibytes": Case(
        build=_of(b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 7 + b"\x0f\x01\0\0", _ZSTD),
        rule="limit-unpacked",
        words="--limit window=N",
    ),
    "xz-dictionary-of-1-5-gib": Case(
        build=_of(_xz_of_a_large_dictionary()),
        rule="limit-unpacked",
        words="--limit window=N",
        of="limit window",
    ),
    "xz-cut": Case(build=_of(lzma.compress(_PLAIN)[:-1]), rule="layer-damaged", words="cut short"),
    # Damage
    "gzip-checksum": Case(
        build=_of(flipped(gzipped(_PLAIN), -6 % len(gzipped(_PLAIN)))), rule="layer-damaged", words="damaged"
    ),
    "gzip-cut": Case(build=_of(gzipped(_PLAIN)[:-3]), rule="layer-damaged", words="cut short"),
    "gzip-followed-by-a-tar": Case(
        build=_of(gzipped(_PLAIN) + tar(saved())),
        rule="layer-damaged",
        words="followed by",
        of="two readers, two layers",
    ),
    "gzip-padded": Case(
        build=_of(gzipped(_PLAIN) + bytes(1000), plain=_PLAIN), audit=0, convert=0, rule="layer-padded"
    ),
    "gzip-reserved-flags": Case(
        build=_of(gzipped(_PLAIN)[:3] + b"\xe0" + gzipped(_PLAIN)[4:]),
        rule="layer-damaged",
        words="reserved flags",
    ),
    "gzip-of-another-method": Case(
        build=_of(b"\x1f\x8b\x07" + gzipped(_PLAIN)[3:]),
        rule="layer-damaged",
        words="damaged",
    ),
    "zstd-cut": Case(build=_of(zstded(_PLAIN)[:-3], _ZSTD), rule="layer-damaged", words="cut short"),
    "zstd-followed-by-a-tar": Case(
        build=_of(zstded(_PLAIN) + tar(saved()), _ZSTD),
        rule="layer-damaged",
        words="followed by",
    ),
    "zstd-with-a-dictionary": Case(
        build=_of(b"\x28\xb5\x2f\xfd\x01\x58\x07\x01\0\0", _ZSTD),
        rule="layer-damaged",
        words="dictionary",
    ),
    "zstd-reserved-block": Case(
        build=_of(b"\x28\xb5\x2f\xfd\x00\x58\x07\0\0", _ZSTD),
        rule="layer-damaged",
        words="block that cannot be",
    ),
    "xz-followed-by-an-lzma-stream": Case(
        build=_of(lzma.compress(_PLAIN) + lzma.compress(b"more", lzma.FORMAT_ALONE)),
        rule="layer-damaged",
        words="followed by",
        of="two readers, two layers",
    ),
    "no-tar": Case(
        build=_of(gzipped(b"no tar at all" * 100), plain=b"no tar at all" * 100),
        rule="layer-not-tar",
        audit=0,
        convert=0,
    ),
    "empty": Case(build=_of(b"", _TAR, b""), audit=0, convert=0),
    "another-diff-id": Case(build=_of(gzipped(_PLAIN)), rule="diff-id-mismatch", words="something else"),
    "another-digest": Case(
        build=archive(layout(replace(_NODE, blobs={**_NODE.blobs, LAYER.digest: LAYER.stored[::-1]}))),
        rule="digest-mismatch",
        words="digest",
    ),
    # Compression of the whole
    "outer-four-times": Case(
        build=_outer_of(*[gzip.compress] * 4),
        rule="limit-outer",
        words="--limit outer=N",
        of="limit outer",
    ),
    "outer-of-every-kind": Case(build=_outer_of(bz2.compress, lzma.compress, gzip.compress), audit=0, convert=0),
    "outer-bomb": Case(build=_outer_bomb, rule="limit-ratio", words="--max-ratio", of="nested outer compression"),
    "outer-zstd-bomb": Case(
        build=late(lambda: _rle_frames(16 << 10)),
        rule="limit-ratio",
        words="--max-ratio",
        of="nested outer compression",
    ),
    "outer-window-of-2-gib": Case(
        build=raw(_window(31)),
        rule="limit-unpacked",
        words="--limit window=N",
        of="nested outer compression",
    ),
    "outer-cut": Case(build=raw(gzip.compress(tar(saved()))[:-40]), rule="outer-damaged", words="cut short"),
    "outer-followed-by-a-tar": Case(
        build=raw(gzip.compress(tar(saved())) + tar(saved())),
        rule="outer-damaged",
        words="followed by",
    ),
    "outer-of-nothing": Case(build=raw(gzip.compress(b"")), rule="not-an-archive", words="not an image archive"),
    "gzip-members-a-million-around": Case(
        build=late(lambda: gzip.compress(tar(saved())) + _empty_members(1_000_000)),
        audit=0,
        convert=0,
        of="gzip of 10^6 members",
    ),
    # Tables of contents
    "table-behind-the-end": Case(
        build=_of(
            gzipped(_PLAIN)
            + b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0SG\x16\0ffffffffffffffffSTARGZ\x01\0\0\xff\xff"
            + bytes(8),
            plain=_PLAIN,
            annotations={"containerd.io/snapshot/stargz/toc.digest": digest(b"x")},
        ),
        rule="toc-annotation",
        words="behind the end",
    ),
    "table-position-of-exbibytes": Case(
        build=_table(chunked, _SOUND_TABLE, **{CHUNKED + "manifest-position": f"{'9' * 18}:{'9' * 18}:{'9' * 18}:1"}),
        rule="toc-annotation",
        words="behind the end",
    ),
    "table-of-64-mib": Case(
        build=_table(chunked, b'{"x":"' + b"x" * (64 * _MEBIBYTE) + b'"}'),
        rule="toc-annotation",
        words="too large",
    ),
    "table-of-64-mib-in-an-estargz": Case(
        build=_table(estargz, b'{"x":"' + b"x" * (64 * _MEBIBYTE) + b'"}'),
        rule="toc-annotation",
        words="too large",
    ),
    "table-100-000-deep": Case(
        build=_table(chunked, b"[" * 100_000),
        rule="toc-entry",
        words="--limit depth=N",
    ),
    "table-that-leaves-a-file-out": Case(
        build=_table(chunked, _SOUND_TABLE),
        rule="toc-entry",
        words="leaves out",
        of="two readers, two layers",
    ),
    "layer-of-too-few-bytes": Case(
        build=archive(docker_archive(replace(SAVED, image=Image(layers=[packed(b"x" * 100, "none")])))),
        rule="layer-not-tar",
        audit=0,
        convert=0,
    ),
}
