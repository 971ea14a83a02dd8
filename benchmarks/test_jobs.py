"""How long whole jobs take, on an archive of a few MiB: `pytest -n 0 benchmarks`."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
from typing import TYPE_CHECKING

import pytest

import ociarchive

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

LAYERS, SIZE = 8, 4 << 20


def _layer(seed: int) -> bytes:
    """A tar of text that compresses about as programs do."""
    source = random.Random(seed)  # noqa: S311  test data
    words = [bytes(source.choices(b"abcdefghij", k=source.randint(3, 9))) for _ in range(3000)]
    data = b" ".join(source.choices(words, k=SIZE // 7))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(f"file{seed}")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A docker save of some layers."""
    path = tmp_path_factory.mktemp("source") / "saved.tar"
    layers = [_layer(seed) for seed in range(LAYERS)]
    diff_ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    config = json.dumps(
        {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    ).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    names = [f"{number}/layer.tar" for number in range(LAYERS)]
    entry = json.dumps([{"Config": name, "RepoTags": ["bench/app:1"], "Layers": names}]).encode()
    with tarfile.open(path, "w") as tar:
        for member, data in [*zip(names, layers, strict=True), (name, config), ("manifest.json", entry)]:
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_convert(benchmark: BenchmarkFixture, saved: Path, tmp_path: Path, compression: str) -> None:
    dest = tmp_path / "out"
    benchmark.pedantic(
        lambda: ociarchive.convert(
            saved, dest, to="oci-layout", compression=compression, force=True, sync=False, audit_result=False
        ),
        rounds=5,
        warmup_rounds=1,
    )
    benchmark.extra_info["MB/s"] = round(saved.stat().st_size / benchmark.stats["median"] / 1e6)


def test_audit(benchmark: BenchmarkFixture, saved: Path) -> None:
    report = benchmark.pedantic(lambda: ociarchive.audit(saved), rounds=5, warmup_rounds=1)
    assert not report.failed
    benchmark.extra_info["MB/s"] = round(saved.stat().st_size / benchmark.stats["median"] / 1e6)


def test_inspect(benchmark: BenchmarkFixture, saved: Path) -> None:
    benchmark(lambda: ociarchive.inspect(saved))
