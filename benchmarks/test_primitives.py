"""The steps that jobs are made of, each alone on one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import primitives
from benchmarks.report import rate, rounds
from ociarchive.blobio.codec import GZIP, ZSTD
from ociarchive.blobio.limits import Limits
from ociarchive.container.walk import Walk

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from ociarchive.blobio.codec import Codec, Level

_CODECS = pytest.mark.parametrize("codec", [GZIP, ZSTD], ids=lambda codec: codec.name)


def test_sha256(benchmark: BenchmarkFixture, data: bytes) -> None:
    benchmark(primitives.digest, primitives.pieces(data))
    rate(benchmark, len(data))


@_CODECS
def test_unpack(benchmark: BenchmarkFixture, data: bytes, codec: Codec) -> None:
    stored = primitives.pieces(primitives.packed(data, codec))
    assert benchmark(primitives.unpack, stored, codec) == len(data)
    rate(benchmark, len(data))


@pytest.mark.parametrize("level", ["fast", None, "small"], ids=["fast", "default", "small"])
@_CODECS
def test_pack(benchmark: BenchmarkFixture, data: bytes, codec: Codec, level: Level | None) -> None:
    stored = rounds(benchmark, lambda: primitives.packed(data, codec, level))
    rate(benchmark, len(data))
    benchmark.extra_info["ratio"] = round(len(data) / len(stored), 2)


@pytest.mark.parametrize("length", [60, 140], ids=["plain", "long"])
def test_walk_over_a_layer(benchmark: BenchmarkFixture, length: int) -> None:
    """Headers a second of the walk over a layer's tar; a name of more than 100 bytes has two of them."""
    layer, headers = primitives.layer(10_000, length)
    pieces = primitives.pieces(layer)

    def walk() -> bool | None:
        walk = Walk(Limits())
        for piece in pieces:
            walk.take(piece)
        return walk.finish().whole

    assert rounds(benchmark, walk)
    if benchmark.stats is not None:
        benchmark.extra_info["headers/s"] = round(headers / benchmark.stats["median"])


def test_write(benchmark: BenchmarkFixture, data: bytes, scratch: str) -> None:
    benchmark(primitives.write, scratch, primitives.pieces(data))
    rate(benchmark, len(data))


def test_read(benchmark: BenchmarkFixture, data: bytes, scratch: str) -> None:
    primitives.write(scratch, [data])
    benchmark(primitives.read, scratch)
    rate(benchmark, len(data))
