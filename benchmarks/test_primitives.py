"""The steps that jobs are made of, each alone on one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import primitives
from benchmarks.report import rate, rounds
from ociarchive.blobio.codec import GZIP, ZSTD

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


def test_write(benchmark: BenchmarkFixture, data: bytes, scratch: str) -> None:
    benchmark(primitives.write, scratch, primitives.pieces(data))
    rate(benchmark, len(data))


def test_read(benchmark: BenchmarkFixture, data: bytes, scratch: str) -> None:
    primitives.write(scratch, [data])
    benchmark(primitives.read, scratch)
    rate(benchmark, len(data))
