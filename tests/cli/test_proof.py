"""What a conversion proves where it happens: each compressed block, so that DEST need not be unpacked again."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

import pytest
import zstandard

import ociarchive
from ociarchive.auditing import measuring
from ociarchive.blobio import gzipcodec, zstdcodec
from ociarchive.blobio.blockproof import proving
from ociarchive.blobio.codec import GZIP, ZSTD, Codec
from ociarchive.blobio.source import ByteSource
from ociarchive.errors import HostError
from ociarchive.formats import FormatName
from ociarchive.measure import Measured, measure
from ociarchive.transform.plan import Compression
from ociarchive.transform.sink import LayoutSink
from ociarchive.workers import Lane
from tests.support.build import Image, layer, layout
from tests.support.call import Call, refused
from tests.support.tar import tar

CODECS = [GZIP, ZSTD]
MODULES = {"gzip": gzipcodec, "zstd": zstdcodec}
ENCODE = {"gzip": gzipcodec.encode, "zstd": zstdcodec.encode}
Stored = Literal["none", "gzip", "zstd"]
Lie = Callable[[bytes, Callable[[bytes], bytes]], bytes]
#: What a compressor may give that is not its block, by what it makes of the block and of what compresses it truly.
LIES: dict[str, Lie] = {
    "other-bytes": lambda block, true: true(block[:-1] + bytes([block[-1] ^ 1])),
    "one-byte-less": lambda block, true: true(block[:-1]),
    "one-byte-more": lambda block, true: true(block + b"\0"),
    "nothing": lambda block, true: true(block)[:0],
    "the-block-itself": lambda block, true: block + true(block)[:0],
    "cut": lambda block, true: true(block)[:-1],
    "followed-by-a-byte": lambda block, true: true(block) + b"\0",
    "followed-by-zeros": lambda block, true: true(block) + bytes(512),
    "followed-by-another": lambda block, true: true(block) + true(b"more"),
    "behind-another": lambda block, true: true(b"more") + true(block),
    "wrong-sum": lambda block, true: _flipped(true(block), -1),
    "wrong-data": lambda block, true: _flipped(true(block), 40),
    "wrong-magic": lambda block, true: _flipped(true(block), 0),
}
#: What only one of them can do.
OF_GZIP: dict[str, Lie] = {
    "wrong-crc": lambda block, true: _flipped(true(block), -5),
    "a-name": lambda block, true: true(block)[:3] + b"\x08" + true(block)[4:10] + b"name\0" + true(block)[10:],
}
OF_ZSTD: dict[str, Lie] = {
    "window-of-64-mib": lambda block, true: _wide(block) + true(block)[:0],
    "skippable-behind": lambda block, true: true(block) + b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"text",
}
ALL_LIES = [
    *(pytest.param(codec, lie, id=f"{codec.name}-{name}") for codec in CODECS for name, lie in LIES.items()),
    *(pytest.param(GZIP, lie, id=f"gzip-{name}") for name, lie in OF_GZIP.items()),
    *(pytest.param(ZSTD, lie, id=f"zstd-{name}") for name, lie in OF_ZSTD.items()),
]
TEXT = b"".join(b"line %d of a text\n" % number for number in range(40_000))


def _wide(block: bytes) -> bytes:
    """Compress with a window that not every decoder has to take."""
    writer = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=26)
    ).compressobj()
    return writer.compress(block) + writer.flush()


def _flipped(data: bytes, at: int) -> bytes:
    out = bytearray(data)
    out[at] ^= 1
    return bytes(out)


def source(tmp_path: Path, compression: Stored = "none") -> Path:
    """Make a docker-archive or layout with a small layer and one of more blocks than one."""
    path = tmp_path / "source.tar"
    large = {"large": os.urandom(1 << 20) + TEXT * 5, "zeros": bytes(3 << 20)}
    layers = [layer({"small": b"text"}, compression), layer(large, compression)]
    path.write_bytes(tar(layout(Image(layers=layers).node())))
    return path


@pytest.mark.parametrize(("codec", "lie"), ALL_LIES)
def test_a_lie_about_a_block_is_found(codec: Codec, lie: Lie) -> None:
    true = codec.encoder(codec.default_level)
    assert proving(codec, true, "here")(TEXT) == true(TEXT)
    with pytest.raises(HostError, match="does not unpack to what it was made of"):
        proving(codec, lambda block: lie(block, true), "here")(TEXT)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_every_block_that_is_proved_is_part_of_a_stream(codec: Codec) -> None:
    """Blocks of all sizes that matter, joined: other readers find what was compressed."""
    edges = [0, 1, 100, (1 << 16) - 1, 1 << 16, (1 << 17) + 1, codec.block - 1, codec.block]
    blocks = [kind(size) for size in edges for kind in (os.urandom, bytes, lambda size: TEXT[:size])]
    for level in (codec.fast, codec.default_level):
        encode = proving(codec, codec.encoder(level), "here")
        stream = b"".join(map(encode, blocks))
        if codec is GZIP:
            assert gzip.decompress(stream) == b"".join(blocks)
        else:
            reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
            assert reader.read() == b"".join(blocks)


@pytest.mark.parametrize("jobs", ["1", "4"])
@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("which", ["first", "last"])
def test_a_compressor_that_lies_ends_a_conversion(
    which: str, codec: Codec, jobs: str, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, true = source(tmp_path), ENCODE[codec.name]
    seen: list[int] = []

    def lying(block: bytes, level: int) -> bytes:
        seen.append(len(block))
        wrong = len(seen) == 1 if which == "first" else len(block) < codec.block and len(block) > (1 << 16)
        return true(_flipped(block, len(block) // 2) if wrong else block, level)

    monkeypatch.setattr(MODULES[codec.name], "encode", lying)
    dest = tmp_path / "out" / "dest"
    dest.parent.mkdir()
    arguments = ("convert", path, dest, "--to", "oci-layout", "--compression", codec.name, "--jobs", jobs)
    error = refused(cli_call(*arguments), 3, dest)
    assert f"a block that was compressed with {codec.name} does not unpack to what it was made of" in error
    assert list(dest.parent.iterdir()) == []


@pytest.mark.parametrize("compression", ["gzip", "zstd", "keep", "none"])
def test_a_blob_that_changes_before_the_audit_is_found(
    compression: str, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of DEST's blobs is known of their digests: other bytes are none of it."""
    complete = LayoutSink.complete
    dest = tmp_path / "out" / "dest"
    dest.parent.mkdir()

    def spoiled(self: LayoutSink, *args: object) -> None:
        complete(self, *args)  # type: ignore[arg-type]  # whatever it takes
        (hidden,) = dest.parent.iterdir()
        largest = max((one for one in hidden.rglob("*") if one.is_file()), key=lambda one: one.stat().st_size)
        with largest.open("r+b") as file:
            file.seek(5000)
            file.write(b"!")

    monkeypatch.setattr(LayoutSink, "complete", spoiled)
    path = source(tmp_path, "gzip")
    result = cli_call("convert", path, dest, "--to", "oci-layout", "--compression", compression)
    assert "what was written fails its audit" in refused(result, 3, dest)
    assert list(dest.parent.iterdir()) == []


class Counted:
    """Counts how the audit of DEST reads: what it only hashes, and what it unpacks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hashed: list[str] = []
        self.unpacked: list[str] = []
        monkeypatch.setattr(measuring, "measure", self)

    def __call__(
        self,
        source: ByteSource,
        *,
        limits: ociarchive.Limits,
        unpack: bool,
        algorithms: set[str],
        tick: Callable[[int], None],
        lane: Callable[[], Lane],
    ) -> Measured:
        (self.unpacked if unpack else self.hashed).append(source.where)
        return measure(source, limits=limits, unpack=unpack, algorithms=algorithms, tick=tick, lane=lane)


@pytest.mark.parametrize("to", ["oci-layout", "docker-archive", "registry-storage"])
@pytest.mark.parametrize("compression", ["gzip", "zstd", "keep", "none"])
@pytest.mark.parametrize("stored", get_args(Stored))
def test_dest_is_hashed_and_nothing_in_it_unpacked(
    stored: Stored, compression: Compression, to: FormatName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (compression, to) == ("zstd", "docker-archive"):
        pytest.skip("no docker-archive has zstd layers")
    path, counted = source(tmp_path, stored), Counted(monkeypatch)
    done = ociarchive.convert(path, tmp_path / "dest", to=to, compression=compression, tag="example.com/app:1")
    assert done.report is not None
    assert not done.report.findings
    assert len(counted.hashed) >= 2
    assert not counted.unpacked


def test_without_an_audit_no_block_is_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(data: bytes, size: int) -> bytes:
        raise AssertionError(len(data), size)

    monkeypatch.setattr(gzipcodec, "unblock", never)
    ociarchive.convert(source(tmp_path), tmp_path / "dest", to="oci-layout", compression="gzip", audit_result=False)
    with pytest.raises(AssertionError):
        ociarchive.convert(source(tmp_path), tmp_path / "other", to="oci-layout", compression="gzip")


def test_merges_deltas_and_parts_are_proved_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was proved serves each way to write DEST: into a store, from a delta and its base, in parts."""
    base = layer({"base": TEXT}, "gzip")
    paths = [tmp_path / "old.tar", tmp_path / "new.tar"]
    for path, layers in zip(paths, ([base], [base, layer({"app": TEXT[::-1]}, "gzip")]), strict=True):
        path.write_bytes(tar(layout(Image(layers=layers).node())))
    old, new = paths
    counted = Counted(monkeypatch)
    store, delta = tmp_path / "store", tmp_path / "delta.tar"
    results = [
        ociarchive.convert(old, store, to="oci-layout", compression="zstd", tag="example.com/app:1"),
        ociarchive.convert(new, store, to="oci-layout", compression="zstd", tag="example.com/app:2", merge=True),
        ociarchive.convert(new, delta, to="oci-archive", have=old),
        ociarchive.convert(delta, tmp_path / "whole", to="oci-layout", compression="zstd", base=old),
        ociarchive.convert(new, tmp_path / "parts.tar", to="oci-archive", compression="zstd", split="64KiB"),
    ]
    assert all(one.report is not None and not one.report.count("error") for one in results)
    assert counted.hashed
    assert not counted.unpacked
