"""Tables of contents whose entries mean much work: places that overlap, one name again and again, lines in crumbs."""

import hashlib
import random
from pathlib import Path

import zstandard

from ociarchive.toc.annotations import CHUNKED
from tests.hostile.process import MEMORY, run
from tests.support.build import Image, Json, Layer, digest, dumped, layout
from tests.support.tar import Member, file, tar, write_tar

_MAGIC = b"\x50\x2a\x4d\x18"
_ONE = digest(b"a")
#: A frame of one byte (RFC 8878, 3.1.1): a single segment, its size, and a last block as it is.
_FRAME = b"\x28\xb5\x2f\xfd\x20\x01\x09\0\0x"


def _layer(members: list[Member], entries: list[Json], split: bytes = b"", unpacked: int = 0) -> Layer:
    """A layer of zstd:chunked with a table of these entries, and tar-split data."""
    pack = zstandard.ZstdCompressor(level=1).compress
    plain = tar(members)
    table = dumped({"version": 1, "entries": entries, **({"tarSplitDigest": digest(split)} if split else {})})
    body, packed = pack(plain), pack(table)
    stored = body + _MAGIC + len(packed).to_bytes(4, "little") + packed
    notes = {
        f"{CHUNKED}manifest-position": f"{len(body) + 8}:{len(packed)}:{len(table)}:1",
        f"{CHUNKED}manifest-checksum": digest(packed),
    }
    if split:
        notes[f"{CHUNKED}tarsplit-position"] = f"{len(stored) + 8}:{len(split)}:{unpacked}"
        stored += _MAGIC + len(split).to_bytes(4, "little") + split
    media_type = "application/vnd.oci.image.layer.v1.tar+zstd"
    return Layer(plain=plain, stored=stored, media_type=media_type, members={"annotations": notes})


def _bounded(one: Layer, tmp_path: Path, rule: str = "") -> None:
    source = write_tar(tmp_path / "source", layout(Image(layers=[one]).node().named("docker.io/library/app:1", "1")))
    assert source.stat().st_size < 10_500_000
    ended = run("audit", source, "--jobs", "2", "--format", "json", place=tmp_path)
    assert ended.status in (0, 1), ended.stderr[-500:]
    assert ended.peak < MEMORY, f"{ended.peak >> 20} MiB"
    assert "Traceback" not in ended.stderr
    assert f'"rule": "{rule}"'.encode() in ended.stdout or not rule


def _entry(name: str, **more: object) -> Json:
    return {"type": "reg", "name": name, "size": 1, "mode": 420, "digest": _ONE, **more}


def test_places_that_overlap(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(9_000_000)
    members = [file("noise", noise), *(file(f"f{number}", b"a") for number in range(40_000))]
    far: Json = {"innerOffset": 1 << 40, "endOffset": 9_000_000}
    entries = [
        {"type": "reg", "name": "noise", "size": len(noise), "mode": 420, "digest": digest(noise)},
        *(_entry(f"f{number}", offset=number + 5, **far) for number in range(40_000)),
    ]
    _bounded(_layer(members, entries), tmp_path, "toc-annotation")


def test_one_name_a_hundred_thousand_times(tmp_path: Path) -> None:
    count = 100_000
    _bounded(_layer([file("a", b"a")] * count, [_entry("a", offset=0, innerOffset=512)] * count), tmp_path)


def test_tar_split_data_that_unpacks_byte_by_byte(tmp_path: Path) -> None:
    members = [file("a", b"a")]
    split = _FRAME * 900_000
    assert hashlib.sha256(split).hexdigest() in digest(split)
    _bounded(_layer(members, [_entry("a", offset=0, innerOffset=512)], split, 900_000), tmp_path, "toc-tar-split")
