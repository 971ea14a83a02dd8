"""One pass over a blob makes the facts, whatever is wrong with it."""

import gzip
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ociarchive.blobio.limits import Limits
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.blobio.source import CHUNK, Bytes, FileRange
from ociarchive.errors import ContentError, HostError
from ociarchive.measure import FIRST, Here, Measured, agrees, measure
from ociarchive.values import Digest
from ociarchive.workers import Workers
from tests.support.build import digest, gzipped, skippable, zstded

PLAIN = b"some text, " * 200 + hashlib.shake_256(b"noise").digest(2000)
LIMITS = Limits()
WORKERS = Workers(2)


def measured(data: bytes, *algorithms: str, unpack: bool = True, limits: Limits = LIMITS) -> Measured:
    return measure(Bytes(data, "a.tar: layer"), limits=limits, unpack=unpack, algorithms=algorithms)


# name: stored bytes, codec, what they unpack to
BLOBS: dict[str, tuple[bytes, str, bytes]] = {
    "plain": (PLAIN, "none", PLAIN),
    "empty": (b"", "none", b""),
    "gzip": (gzipped(PLAIN), "gzip", PLAIN),
    "gzip-members": (gzipped(PLAIN, members=5), "gzip", PLAIN),
    "gzip-of-nothing": (gzipped(b""), "gzip", b""),
    "zstd": (zstded(PLAIN), "zstd", PLAIN),
    "zstd-skippable-first": (skippable(b"toc") + zstded(PLAIN, frames=3), "zstd", PLAIN),
    "several-chunks": (gzipped(bytes(9 << 20) + PLAIN, level=1), "gzip", bytes(9 << 20) + PLAIN),
}


@pytest.mark.parametrize("name", BLOBS)
def test_facts(name: str) -> None:
    stored, codec, plain = BLOBS[name]
    fact = measured(stored)
    assert (fact.size, fact.compression, fact.uncompressed_size) == (len(stored), codec, len(plain))
    assert str(fact.digest) == digest(stored)
    assert str(fact.diff_id) == digest(plain)
    assert (fact.damage, fact.limit, fact.padded) == (None, None, False)
    assert fact.first == plain[:FIRST]


@pytest.mark.parametrize("name", BLOBS)
def test_what_is_not_unpacked_has_no_diff_id(name: str) -> None:
    stored, codec, _ = BLOBS[name]
    fact = measured(stored, unpack=False)
    assert (str(fact.digest), fact.compression) == (digest(stored), codec)
    assert (fact.diff_id, fact.diff_ids, fact.uncompressed_size) == (None, None, None)


def test_every_algorithm_that_is_asked_for_and_known() -> None:
    fact = measured(gzipped(PLAIN), "sha512", "blake3", "md5")
    assert list(map(str, fact.digests)) == [digest(gzipped(PLAIN), name) for name in ("blake3", "sha256", "sha512")]
    assert fact.diff_ids is not None
    assert list(map(str, fact.diff_ids)) == [digest(PLAIN, name) for name in ("blake3", "sha256", "sha512")]


# name: stored bytes, what is said
DAMAGED: dict[str, tuple[bytes, str]] = {
    "gzip-cut": (gzipped(PLAIN)[:-1], "gzip stream is cut short"),
    "gzip-behind": (gzipped(PLAIN) + b"garbage that is long", "followed by bytes"),
    "gzip-damaged": (gzipped(PLAIN)[:40] + bytes(40) + gzipped(PLAIN)[80:], "gzip stream is damaged"),
    "zstd-cut": (zstded(PLAIN)[:-1], "zstd stream is cut short"),
    "zstd-behind": (zstded(PLAIN) + b"garbage", "followed by bytes"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_a_fact_and_the_rest_is_hashed_all_the_same(name: str) -> None:
    stored, message = DAMAGED[name]
    stored += bytes(0)
    fact = measured(stored)
    assert fact.damage is not None
    assert message in fact.damage
    assert (str(fact.digest), fact.size) == (digest(stored), len(stored))
    assert (fact.diff_ids, fact.diff_id, fact.uncompressed_size, fact.limit) == (None, None, None, None)


def test_bytes_behind_damage_are_hashed_over_many_chunks() -> None:
    stored = gzipped(PLAIN) + hashlib.shake_256(b"behind").digest(3 * CHUNK)
    fact = measured(stored)
    assert fact.damage
    assert str(fact.digest) == digest(stored)


# name: limits, stored bytes, option that lifts the limit
TOO_MUCH: dict[str, tuple[Limits, bytes, str]] = {
    "ratio": (Limits(ratio=10, ratio_from=1000), gzipped(bytes(2 << 20)), "--max-ratio"),
    "ratio-zstd": (Limits(ratio=10, ratio_from=1000), zstded(bytes(2 << 20)), "--max-ratio"),
    "size": (Limits(layer_size=1 << 20), gzipped(bytes(2 << 20)), "--max-layer-size"),
    "size-plain": (Limits(layer_size=1000), bytes(2000), "--max-layer-size"),
    "window": (Limits(window=1 << 10), zstded(bytes(200) + PLAIN * 50, sized=False), "--limit window=N"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_too_much_is_a_fact(name: str) -> None:
    limits, stored, option = TOO_MUCH[name]
    fact = measured(stored, limits=limits)
    assert fact.limit is not None
    assert option in fact.limit
    assert (str(fact.digest), fact.diff_ids, fact.damage) == (digest(stored), None, None)


def test_streams_with_large_windows_are_measured_side_by_side() -> None:
    """They share one budget of memory: each has its turn, also behind one that is damaged or given up."""
    parameters = zstandard.ZstdCompressionParameters(window_log=24, compression_level=1)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()  # which knows no size before
    stored = compressor.compress(PLAIN) + compressor.flush()
    with ThreadPoolExecutor(4) as pool:
        facts = list(pool.map(measured, [stored[:-3], stored, stored + b"x", stored, stored, stored]))
    assert [fact.damage is None for fact in facts] == [False, True, False, True, True, True]
    assert [str(fact.diff_id) for fact in facts if not fact.damage] == [digest(PLAIN)] * 4
    with pytest.raises(InterruptedError):
        measure(Bytes(stored, "here"), limits=LIMITS, unpack=True, tick=interrupt)
    assert str(measured(stored).diff_id) == digest(PLAIN)


def interrupt(_: int) -> None:
    raise InterruptedError


def test_padding_is_a_fact() -> None:
    fact = measured(gzipped(PLAIN) + bytes(512))
    assert fact.padded
    assert str(fact.diff_id) == digest(PLAIN)


class Listener:
    def __init__(self, *, stored: bool, waits: bool) -> None:
        self.stored, self.waits = stored, waits
        self.heard: list[bytes] = []
        self.threads: set[int] = set()

    def take(self, data: bytes) -> None:
        self.heard.append(data)
        self.threads.add(threading.get_ident())


@given(st.sampled_from(sorted(set(BLOBS) - {"several-chunks"})), st.booleans(), st.booleans(), st.booleans())
def test_who_listens_gets_every_byte_once(name: str, unpack: bool, stored: bool, lanes: bool) -> None:
    raw, _, plain = BLOBS[name]
    listener = Listener(stored=stored, waits=False)
    read: list[int] = []
    source = Bytes(raw, "here")
    fact = measure(
        source, limits=LIMITS, unpack=unpack, tee=listener, tick=read.append, lane=WORKERS.lane if lanes else Here
    )
    assert b"".join(listener.heard) == (raw if stored else plain if unpack else b"")
    assert sum(read) == len(raw)
    assert fact == measure(source, limits=LIMITS, unpack=unpack)


def test_a_listener_that_waits_is_only_called_by_who_measures() -> None:
    raw, _, plain = BLOBS["several-chunks"]
    for waits in (True, False):
        listener = Listener(stored=False, waits=waits)
        measure(Bytes(raw, "here"), limits=LIMITS, unpack=True, tee=listener, lane=WORKERS.lane)
        assert b"".join(listener.heard) == plain
        assert (threading.get_ident() in listener.threads) is waits


@pytest.mark.parametrize("at", [0, 3])
def test_a_listener_that_fails_in_a_lane_ends_the_measurement(at: int) -> None:
    class Failing(Listener):
        def take(self, data: bytes) -> None:
            if len(self.heard) == at:
                raise InterruptedError
            super().take(data)

    raw, _, _ = BLOBS["several-chunks"]
    listener = Failing(stored=False, waits=False)
    with pytest.raises(InterruptedError):
        measure(Bytes(raw, "here"), limits=LIMITS, unpack=True, tee=listener, lane=WORKERS.lane)
    assert len(listener.heard) == at


def test_who_hears_of_bytes_may_end_the_work() -> None:
    with pytest.raises(InterruptedError):
        measure(Bytes(PLAIN, "here"), limits=LIMITS, unpack=True, tick=interrupt)


def test_a_file_in_chunks(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    path.write_bytes(b"before" + gzip.compress(PLAIN, mtime=0) + b"behind")
    size = path.stat().st_size
    fd = FileRange(str(path), 0, size, "here")
    assert str(measure(fd, limits=LIMITS, unpack=False).digest) == digest(path.read_bytes())
    with pytest.raises(ContentError, match="changed"):
        measure(FileRange(str(path), 0, size + 1, "here"), limits=LIMITS, unpack=False)
    with pytest.raises(HostError, match="cannot open"):
        measure(FileRange(str(tmp_path / "none"), 0, 1, "here"), limits=LIMITS, unpack=False)
    with path.open("rb") as file:
        part = FileRange(str(path), 6, size - 12, "here", OpenFile(file.fileno(), "here"))
        assert str(measure(part, limits=LIMITS, unpack=True).diff_id) == digest(PLAIN)
        with pytest.raises(ContentError, match="cut short"):
            measure(FileRange(str(path), 6, size, "here", OpenFile(file.fileno(), "here")), limits=LIMITS, unpack=True)


def test_claims_and_facts() -> None:
    facts = measured(PLAIN, "sha512").digests
    assert agrees(Digest.parse(digest(PLAIN)), facts) is True
    assert agrees(Digest.parse(digest(PLAIN, "sha512")), facts) is True
    assert agrees(Digest.parse(digest(b"other")), facts) is False
    assert agrees(Digest.parse(digest(PLAIN, "blake3")), facts) is None
    assert agrees(Digest.parse("md5:abc"), facts) is None
