"""Archives that are small and unpack to much: up to the ratio that is allowed, by each codec, once or twice over.

Streams are one unit repeated, as members, frames or streams behind one another, so that they are made in no time.
"""

import bz2
import gzip
import hashlib
import lzma
import random
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, repeat
from pathlib import Path

import zstandard

from tests.hostile import raw
from tests.hostile.parts import IMAGE
from tests.support.build import Image, Layer, layout
from tests.support.tar import file, hardlink, header, tar, write_tar

_MEBIBYTE = 1 << 20
_LARGEST = 9_900_000
_NAME = "docker.io/library/app:1"
_TYPE = "application/vnd.oci.image.layer.v1.tar"
_CHANCE = random.Random(1)
#: What bzip2 sorts slowest of what it packs well: its inverse jumps all over a block.
_JUMPING = (_CHANCE.randbytes(1000) * 1049)[:_MEBIBYTE]
#: Three filters, each of which looks at every byte, below the slowest check of xz.
_DELTAS = [{"id": lzma.FILTER_DELTA, "dist": 1}] * 3


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(data)


def _xz(data: bytes) -> bytes:
    filters = [*_DELTAS, {"id": lzma.FILTER_LZMA2, "preset": 1}]
    return lzma.compress(data, check=lzma.CHECK_SHA256, filters=filters)


Pack = Callable[[bytes], bytes]
Pieces = Callable[[], Iterable[bytes]]


def _noisy(count: int) -> bytes:
    """Return a mebibyte of zeros behind `count` random bytes, which do not pack."""
    return _CHANCE.randbytes(count) + bytes(_MEBIBYTE - count)


def _known(stored: bytes, pieces: Pieces, media_type: str = _TYPE) -> Layer:
    """Return a layer that is not held unpacked."""

    class Known(Layer):
        @property
        def diff_id(self) -> str:
            hashed = hashlib.sha256()
            for piece in pieces():
                hashed.update(piece)
            return f"sha256:{hashed.hexdigest()}"

    return Known(plain=b"", stored=stored, media_type=media_type)


def repeated(pack: Pack, unit: bytes, count: int, *, before: bytes = b"") -> tuple[bytes, Pieces]:
    """Return a tar with one large file, which is a unit so many times, packed, and what gives its pieces."""
    first = before + header(file("large", b""), len(unit) * count, base256=True)
    last = bytes(-len(unit) * count % 512 + 1024)

    def pieces() -> Iterator[bytes]:
        yield first
        for _ in range(count):
            yield unit
        yield last

    return pack(first) + pack(unit) * count + pack(last), pieces


def layered(pack: Pack, unit: bytes, mebibytes: int, *, kind: str = "") -> Callable[[Path], None]:
    """Build a layout with one layer: a unit until it unpacks to so much, or is as large as may be."""

    def build(path: Path) -> None:
        count = min(mebibytes * _MEBIBYTE // len(unit), _LARGEST // len(pack(unit)))
        stored, pieces = repeated(pack, unit, count)
        _image(path, [_known(stored, pieces, _TYPE + kind)])

    return build


def _image(path: Path, layers: list[Layer]) -> None:
    write_tar(path, layout(Image(layers=layers).node().named(_NAME, "1")))


def whole(pack: Pack, unit: bytes, mebibytes: int) -> Callable[[Path], None]:
    """Build a sound archive with a large stray file, packed as a whole."""

    def build(path: Path) -> None:
        count = min(mebibytes * _MEBIBYTE // len(unit), _LARGEST // len(pack(unit)))
        sound = tar(layout(IMAGE.node().named(_NAME, "1")))[:-1024]
        data, _ = repeated(pack, unit, count, before=sound)
        path.write_bytes(data)

    return build


def twice(path: Path) -> None:
    """200 GiB behind two compressions, each of which stays below the ratio: 218 times and 240 times."""
    unit = _gzip(_noisy(3300))
    count = 200_000
    data, _ = repeated(_stored_members(unit, count), b"", 0)
    packed = _zstd(data)
    path.write_bytes(_padding(len(data) // 240 - len(packed)) + packed)


def _stored_members(unit: bytes, count: int) -> Pack:
    """Pack the first call's data, and behind it so many units that are packed already."""
    sound = tar(layout(IMAGE.node().named(_NAME, "1")))[:-1024]
    packed = [gzip.compress(sound + header(file("large", b""), count * _MEBIBYTE, base256=True)) + unit * count]
    return lambda _: packed.pop() if packed else b""


def _padding(size: int) -> bytes:
    """A skippable frame (RFC 8878, 3.1.2)."""
    return b"\x50\x2a\x4d\x18" + max(size, 0).to_bytes(4, "little") + bytes(max(size, 0))


# Headers


def _hard(number: int) -> bytes:
    return header(hardlink(f"{number:07}", f"z{number:07}"), 0)


def headers(make: Callable[[int], bytes], count: int) -> Callable[[Path], None]:
    """Build a layout with one layer of so many empty members."""

    def pieces() -> Iterator[bytes]:
        for start in range(0, count, 4096):
            yield b"".join(map(make, range(start, min(start + 4096, count))))
        yield bytes(1024)

    def build(path: Path) -> None:
        packer = zstandard.ZstdCompressor(level=3).compressobj()
        stored = b"".join([*map(packer.compress, pieces()), packer.flush()])
        _image(path, [_known(stored, pieces, f"{_TYPE}+zstd")])

    return build


def stacks(count: int, mebibytes: int) -> Callable[[Path], None]:
    """Layers that each have a hard link to what none has, so that each is held against all below it."""

    def build(path: Path) -> None:
        layers: list[Layer] = []
        for number in range(count):
            link = header(hardlink("a", f"nowhere{number}"), 0)
            first, rest = link + header(file("b", b""), mebibytes * _MEBIBYTE), bytes(mebibytes * _MEBIBYTE + 1024)
            layers.append(_known(_zstd(first) + _zstd(rest), partial(iter, (first, rest)), f"{_TYPE}+zstd"))
        _image(path, layers)

    return build


# Extended headers


def units(unit: bytes, mebibytes: int) -> Callable[[Path], None]:
    """Build a layout with one layer: members again and again, until it unpacks to so much."""

    def build(path: Path) -> None:
        packed, last = _zstd(unit), bytes(1024)
        count = min(mebibytes * _MEBIBYTE // len(unit), _LARGEST // len(packed))
        stored = packed * count + _zstd(last)
        _image(path, [_known(stored, lambda: chain(repeat(unit, count), (last,)), f"{_TYPE}+zstd")])

    return build


def whole_units(unit: bytes, mebibytes: int) -> Callable[[Path], None]:
    """Build a sound archive with strays again and again, packed as a whole."""

    def build(path: Path) -> None:
        sound, packed = _zstd(tar(layout(IMAGE.node().named(_NAME, "1")))[:-1024]), _zstd(unit)
        count = min(mebibytes * _MEBIBYTE // len(unit), _LARGEST // len(packed))
        path.write_bytes(sound + packed * count + _zstd(bytes(1024)))

    return build


def _noise() -> bytes:
    """A member that does not pack, so that what stands before it may pack well."""
    return raw.whole(b"noise", _CHANCE.randbytes(4250))


def _records() -> bytes:
    """Records of five bytes, as many as an extended header may have."""
    return raw.pax(raw.record(b"a", b"") * 205_000) + _noise()


def _named_by_slashes(count: int, length: int) -> bytes:
    """Members whose names are nearly all slashes."""
    one = raw.pax(raw.record(b"path", b"/" * length + b"a")) + raw.head(b"a")
    return one * count + _noise()


def _maps() -> bytes:
    """A sparse file with a map that goes on for 2,000 blocks."""
    block = bytearray(raw.head(b"sparse", 512, b"S", odd=raw.Odd(magic=b"ustar  \0")))
    block[386:482] = b"00000000000\0" * 8
    block[482] = 1
    more = b"00000000000\0" * 42
    maps = (more + b"\1" + bytes(7)) * 2000 + more + bytes(8)
    return raw.resealed(bytes(block)) + maps + bytes(512) + _noise()


def keys(path: Path) -> None:
    """Extended headers one after another before one member, each with other keys."""

    def pieces() -> Iterator[bytes]:
        for number in range(36):
            first = number * 60_000
            yield raw.pax(
                *(raw.record(b"%x" % (one * 2_654_435_761 % 2**40), b"") for one in range(first, first + 60_000))
            )
        yield raw.head(b"a") + bytes(1024)

    packer = zstandard.ZstdCompressor(level=3).compressobj()
    stored = b"".join([*map(packer.compress, pieces()), packer.flush()])
    _image(path, [_known(stored, pieces, f"{_TYPE}+zstd")])


#: By name: how it is built, and the rule that refuses it; empty where it stays below what is allowed.
BUILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "bzip2-500-mib": (layered(bz2.compress, _JUMPING * 10, 500), ""),
    "bzip2-2-gib": (layered(bz2.compress, _JUMPING * 10, 2400), "limit-unpacked"),
    "xz-500-mib": (layered(_xz, _noisy(4000), 500), ""),
    "xz-2-gib": (layered(_xz, _noisy(4000), 2400), "limit-unpacked"),
    "zstd-2-gib": (layered(_zstd, _noisy(4250), 2380, kind="+zstd"), ""),
    "gzip-2-gib": (layered(_gzip, _noisy(3000), 2380, kind="+gzip"), ""),
    "whole-bzip2-500-mib": (whole(bz2.compress, _JUMPING * 10, 500), ""),
    "whole-bzip2-2-gib": (whole(bz2.compress, _JUMPING * 10, 2400), "limit-ratio"),
    "whole-xz-500-mib": (whole(_xz, _noisy(4000), 500), ""),
    "whole-zstd-2-gib": (whole(_zstd, _noisy(4250), 2380), ""),
    "whole-gzip-2-gib": (whole(_gzip, _noisy(3000), 2380), ""),
    "whole-twice-200-gib": (twice, "limit-ratio"),
    "headers-400-000": (headers(_hard, 400_000), ""),
    "stacks-of-80-layers": (stacks(80, 24), ""),
    "records-of-5-bytes": (units(_records(), 2380), ""),
    "whole-records-of-5-bytes": (whole_units(_records(), 2380), "limit-members"),
    "names-of-slashes": (units(_named_by_slashes(1, 1_000_000), 2380), ""),
    "whole-names-of-slashes": (whole_units(_named_by_slashes(200, 4_000), 2380), "limit-members"),
    "sparse-maps": (units(_maps(), 2380), ""),
    "whole-sparse-maps": (whole_units(_maps(), 2380), "limit-members"),
    "keys-of-one-member": (keys, ""),
}
