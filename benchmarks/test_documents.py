"""Reading what is no layer: strict documents, and the headers of a tar with many members."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from benchmarks import images, report
from ociarchive import documents, schema
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.container.tar import TarContainer

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from ociarchive.values import JSON

_LAYERS, _ENTRIES, _MEMBERS = 2_000, 5_000, 100_000
_LIMIT = 4 << 20
_OCI = "application/vnd.oci.image"


def _descriptor(media_type: str, number: int) -> dict[str, JSON]:
    return {"mediaType": f"{_OCI}.{media_type}", "digest": f"sha256:{number:064x}", "size": number}


def test_manifest_of_2000_layers(benchmark: BenchmarkFixture) -> None:
    layers: list[JSON] = [_descriptor("layer.v1.tar+gzip", number) for number in range(_LAYERS)]
    raw = documents.dump({"schemaVersion": 2, "config": _descriptor("config.v1+json", 1), "layers": layers})
    problems = benchmark(lambda: list(schema.manifest_problems(documents.parse(raw, "manifest", limit=_LIMIT).members)))
    assert not problems
    report.rate(benchmark, len(raw))


def test_index_of_5000_manifests(benchmark: BenchmarkFixture) -> None:
    platform: JSON = {"os": "linux", "architecture": "amd64"}
    entries: list[JSON] = [
        _descriptor("manifest.v1+json", number) | {"platform": platform} for number in range(_ENTRIES)
    ]
    raw = documents.dump({"schemaVersion": 2, "manifests": entries})
    problems = benchmark(lambda: list(schema.index_problems(documents.parse(raw, "index", limit=_LIMIT).members)))
    assert not problems
    report.rate(benchmark, len(raw))


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("tar") / "crowded.tar")
    images.of_noise(path, [1 << 20], strays=_MEMBERS)
    return path


def test_walk_of_100000_members(benchmark: BenchmarkFixture, crowded: str) -> None:
    def walk() -> int:
        tar = TarContainer(OpenFile(os.open(crowded, os.O_RDONLY), "crowded.tar"), "crowded.tar", crowded)
        try:
            return sum(1 for _ in tar.names())
        finally:
            tar.close()

    assert report.rounds(benchmark, walk) >= _MEMBERS
    report.child(benchmark, ["inspect", crowded, "--format", "json"])
