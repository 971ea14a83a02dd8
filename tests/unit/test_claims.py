"""What is claimed of sources: derived and merged once, and what was measured of a digest kept for the whole call."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import ociarchive
from ociarchive.auditing import audit_archives, measuring
from ociarchive.auditing.claims import claimed, claims, mentions
from ociarchive.auditing.evidence import Evidence
from ociarchive.auditing.factstore import Remembered
from ociarchive.blobio import limits as limiting
from ociarchive.blobio.codec import HEADER, NONE, Codec, Decoder
from ociarchive.blobio.limits import Limits
from ociarchive.blobio.source import ByteSource
from ociarchive.measure import Measured, measure
from ociarchive.opening import open_archive
from ociarchive.values import Digest
from ociarchive.workers import Lane, Workers
from tests.support.build import Image, layer, layout, platforms
from tests.support.call import Call, told
from tests.support.tar import tar

ARCHIVES = ["buildx-oci-attested.tar", "docker20-two-images.tar", "docker26-two-images.tar", "skopeo-dir", "umoci-oci"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_what_is_measured_is_what_is_claimed(name: str, corpus: Path) -> None:
    archive = open_archive(str(corpus / name))
    try:
        found = claimed([archive])
        judged = Evidence(archive, {}).claims
        assert judged == claims(archive)
        spoken = [one.descriptor is not None for one in judged]
        assert spoken == sorted(spoken, reverse=True)  # names of files come last
        for claim in judged:
            assert claim.source is None or claim.digest.algorithm in found[claim.source].algorithms
        layers = [one for one in mentions(archive) if one.unpacks and one.source is not None]
        assert layers
        for one in layers:
            assert one.source is not None
            how = found[one.source]
            assert how.unpack
            assert one.diff_id in how.diff_ids
            fact = measure(one.source, limits=how.limits, unpack=True, algorithms=how.algorithms)
            assert not how.contradicted_by(fact)
            assert how.contradicted_by(replace(fact, diff_ids=None))
            wrong = replace(fact, size=fact.size + 1)
            assert how.contradicted_by(wrong) == bool(one.claim)
    finally:
        archive.close()


def test_claims_of_several_archives_are_one(tmp_path: Path) -> None:
    path = tmp_path / "app.tar"
    base = layer({"etc/name": b"base"}, "gzip")
    images = [Image(layers=[base, layer({"bin/app": text})]) for text in (b"one", b"two")]
    path.write_bytes(tar(layout(*(image.node() for image in images))))
    archive = open_archive(str(path))
    try:
        halves = [replace(archive, roots=(root,), stored=()) for root in archive.roots]
        merged = claimed(halves)
        assert [*merged] == [*claimed([replace(archive, stored=())])]
        assert {*claimed(halves[:1])} | {*claimed(halves[1:])} == {*merged}
        assert all(merged[source].digests == how.digests for half in halves for source, how in claimed([half]).items())
    finally:
        archive.close()


def fact_of(number: int) -> Measured:
    return Measured(digests=(Digest.parse(f"sha256:{number:064x}"),), size=number, compression="none")


def test_the_store_keeps_those_that_were_used_last() -> None:
    store = Remembered(most=3)
    for number in range(3):
        store.put(fact_of(number))
    assert store.get(fact_of(0).digest) == fact_of(0)
    store.put(fact_of(3))
    assert store.get(fact_of(1).digest) is None
    assert [store.get(fact_of(number).digest) for number in (0, 2, 3)] == [fact_of(0), fact_of(2), fact_of(3)]


def test_the_store_takes_calls_of_several_threads() -> None:
    store = Remembered(most=8)

    def work(start: int) -> None:
        for number in range(start, start + 400):
            store.put(fact_of(number))
            store.get(fact_of(number - 3).digest) if number > start + 3 else None

    threads = [threading.Thread(target=work, args=(start * 100,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(store.get(fact_of(number).digest) is not None for number in range(800)) == 8


def test_a_conversion_unpacks_a_layer_once(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[bool] = []

    def counted(
        source: ByteSource,
        *,
        limits: Limits,
        unpack: bool,
        algorithms: set[str],
        tick: Callable[[int], None],
        lane: Callable[[], Lane],
    ) -> Measured:
        unpacked.append(unpack)
        return measure(source, limits=limits, unpack=unpack, algorithms=algorithms, tick=tick, lane=lane)

    monkeypatch.setattr(measuring, "measure", counted)
    dest = str(tmp_path / "dest")
    done = ociarchive.convert(corpus / "buildx-oci-zstd.tar", dest, to="oci-layout")
    assert done.report is not None
    assert not done.report.failed
    assert unpacked  # all of DEST was read again and hashed
    assert not any(unpacked)


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give a list that gets the number of stored bytes of each stream that is unpacked, wherever that is done."""
    sizes: list[int] = []
    plain = Codec.decoder

    def counting(codec: Codec, window: int, header: int = HEADER) -> Decoder:
        decoder = plain(codec, window, header)
        if codec is NONE:
            return decoder
        number, feed = len(sizes), decoder.feed
        sizes.append(0)

        def fed(data: bytes) -> Iterator[bytes]:
            sizes[number] += len(data)
            return feed(data)

        monkeypatch.setattr(decoder, "feed", fed)
        return decoder

    monkeypatch.setattr(Codec, "decoder", counting)
    return sizes


@pytest.mark.parametrize("receipt", [True, False], ids=["receipt", "none"])
@pytest.mark.parametrize(
    ("to", "compression"),
    [
        ("oci-layout", "keep"),
        ("oci-archive", "gzip"),
        ("oci-layout", "zstd"),
        ("docker-archive", "none"),
        ("dir", "keep"),
    ],
)
def test_a_receipt_unpacks_nothing_again(  # noqa: PLR0917  fixtures
    to: str, compression: str, receipt: bool, tmp_path: Path, corpus: Path, cli_call: Call, fed: list[int]
) -> None:
    source, dest, file = corpus / "buildx-oci-zstd.tar", tmp_path / "dest", tmp_path / "file"
    archive = open_archive(str(source))
    layers = {one.source.size for one in mentions(archive) if one.unpacks and one.source is not None}
    archive.close()
    more: list[str | Path] = ["--receipt", file] if receipt else []
    told(cli_call("convert", source, dest, "--to", to, "--compression", compression, *more))
    assert sorted(fed) == sorted(size for size in layers if size is not None)
    assert file.exists() == receipt


def test_what_is_known_counts_for_an_archives_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiting, "_TOTAL_FROM", 1)
    path = tmp_path / "app.tar"
    layers = [layer({"zeros": b"\0" * size}, "gzip") for size in (600_000, 500_000)]
    path.write_bytes(tar(layout(platforms([Image(layers=layers)]))))
    allowed = Limits(ratio=900_000 // path.stat().st_size)
    store, workers = Remembered(), Workers(1)
    rules = []
    try:
        for _ in range(2):
            archive = open_archive(str(path), limits=allowed)
            (report,) = audit_archives([archive], limits=allowed, workers=workers, known=store)
            archive.close()
            rules.append([(one.rule, one.location) for one in report.findings])
    finally:
        workers.close()
    assert "limit-unpacked" in {rule for rule, _ in rules[0]}
    assert rules[1] == rules[0]
