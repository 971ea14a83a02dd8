"""Hashes of a file in parts, found behind whoever writes it."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ociarchive.blobio.manyfile import ManyFile
from ociarchive.blobio.parthashes import PartHashes
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.errors import HostError
from ociarchive.workers import Workers
from tests.support import build
from tests.support.build import Image, layer
from tests.support.call import Call, hidden, refused, told
from tests.support.tar import write_tar

LONG = 60  # seconds, after which what was not done never will be
BOTH = pytest.mark.parametrize("jobs", [1, 2])


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    found = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield found
    os.close(found)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=6),
    size=st.integers(1, 90),
    jobs=st.sampled_from((1, 2)),
)
def test_hashes_are_those_of_the_bytes(pieces: list[bytes], size: int, jobs: int, fd: int) -> None:
    os.ftruncate(fd, 0)
    workers, file = Workers(jobs), OpenFile(fd, "file")
    hashes = PartHashes(file, size, workers)
    try:
        hashes.begin()
        for piece in pieces:
            end = file.size
            file.write(bytes(len(piece)), end)  # a place that is patched before it is final
            file.write(piece, end)
            hashes.final(file.size)
        hashes.end()
        hashes.wait()
    finally:
        hashes.close()
        workers.close()
    whole = b"".join(pieces)
    assert hashes.whole == hashlib.sha256(whole).hexdigest()
    cut = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert hashes.parts == tuple(hashlib.sha256(one).hexdigest() for one in cut)


class Counting(OpenFile):
    """A file that knows how far it was read."""

    seen = 0

    def read(self, size: int, position: int) -> bytes:
        self.seen = max(self.seen, position + size)
        return super().read(size, position)


def test_what_is_final_is_hashed_while_the_rest_is_written(fd: int) -> None:
    workers, file = Workers(2), Counting(fd, "file")
    hashes = PartHashes(file, 7, workers)
    try:
        hashes.begin()
        file.write(b"final and not final", 0)
        hashes.final(5)
        limit = time.monotonic() + LONG
        while file.seen < 5 and time.monotonic() < limit:
            time.sleep(0.001)
        assert file.seen == 5
        with pytest.raises(RuntimeError, match="bytes up to 5 were final"):
            hashes.final(4)
    finally:
        hashes.close()
        workers.close()
    assert file.seen == 5


@BOTH
def test_a_file_that_lost_bytes(jobs: int, fd: int) -> None:
    workers, file = Workers(jobs), OpenFile(fd, "file")
    hashes = PartHashes(file, 7, workers)
    try:
        hashes.begin()
        file.write(b"some bytes", 0)
        hashes.final(20)
        with pytest.raises(HostError, match="lost bytes"):
            hashes.wait()
    finally:
        hashes.close()
        workers.close()


def test_bytes_that_the_kernel_copied_count_for_the_size(tmp_path: Path) -> None:
    def part(number: int) -> tuple[int, int]:
        return os.open(tmp_path / str(number), os.O_RDWR | os.O_CREAT), 0

    many = ManyFile(part, 4, "many")
    for fd, at, _ in many.stretches(0, 6):
        os.pwrite(fd, b"four"[: 4 - at], at)
    many.write(b"", 6)
    assert (many.size, many.read(9, 0)) == (6, b"fourfo")
    many.close()


NOISE = [b"".join(hashlib.sha256(b"%d %d" % (one, n)).digest() for n in range(20_000)) for one in range(2)]


@BOTH
@pytest.mark.parametrize("outer", ["none", "zstd"])
def test_each_byte_of_dest_is_read_twice(
    jobs: int, outer: str, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for the list, however many hashes that has, and once by the audit."""
    image = Image(layers=[layer({"noise": data}) for data in NOISE])
    source = write_tar(tmp_path / "source", build.layout(image.node().named("docker.io/corpus/app:1", "1")))
    read = 0

    def counted(self: ManyFile, size: int, position: int) -> bytes:
        nonlocal read
        found = kept(self, size, position)
        read += len(found)
        return found

    kept = ManyFile.read
    monkeypatch.setattr(ManyFile, "read", counted)
    how = ("--to", "oci-archive", "--no-sync", "--outer", outer, "--jobs", str(jobs))
    told(cli_call("convert", source, tmp_path / "app.tar", *how, "--split", "300k"))
    size = sum(one.stat().st_size for one in tmp_path.glob("app.tar.[0-9]*"))
    assert size > 1_200_000
    assert 1.9 * size < read < 2.3 * size


@BOTH
def test_what_fails_meanwhile_ends_all(jobs: int, tmp_path: Path, cli_call: Call) -> None:
    image = Image(layers=[layer({"noise": data}) for data in NOISE])
    members = build.layout(image.node().named("docker.io/corpus/app:1", "1"))
    source = write_tar(tmp_path / "source", members)
    raw = bytearray(source.read_bytes())
    raw[raw.index(NOISE[1][-32:])] ^= 1
    source.write_bytes(raw)
    folder = tmp_path / "folder"
    folder.mkdir()
    how = ("--to", "oci-archive", "--jobs", str(jobs), "--split", "300k")
    refused(cli_call("convert", source, folder / "app.tar", *how), 1)
    assert hidden(folder) == []
    assert list(folder.iterdir()) == []
