"""Sinks: many write at once, and the result is always the same."""

import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ociarchive.blobio.files import Aborted, DirectorySink, TarSink, fsync_folder
from ociarchive.blobio.randomfile import OpenFile
from ociarchive.errors import HostError

SOME = "blobs/sha256/" + "0" * 64


def name_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"blobs/{algorithm}/{hashlib.new(algorithm, data).hexdigest()}"


@dataclass(slots=True)
class Tar:
    """A tar while it is written, in memory."""

    sink: TarSink
    fd: int

    def raw(self) -> bytes:
        return os.pread(self.fd, os.fstat(self.fd).st_size, 0)

    def members(self) -> dict[str, bytes]:
        found = {}
        with tarfile.open(fileobj=io.BytesIO(self.raw())) as tar:
            for member in tar:
                reader = tar.extractfile(member) if member.isreg() else None
                assert member.name not in found
                found[member.name] = reader.read() if reader else b"a folder"
        return found


@pytest.fixture
def tar() -> Iterator[Tar]:
    fd = os.memfd_create("tar")
    yield Tar(TarSink(OpenFile(fd, "a.tar"), None, "a.tar", sync=True), fd)
    os.close(fd)


def in_order(blobs: list[bytes]) -> bytes:
    fd = os.memfd_create("tar")
    try:
        one = Tar(TarSink(OpenFile(fd, "a.tar"), None, "a.tar", sync=False), fd)
        for order, blob in enumerate(blobs):
            slot = one.sink.slot(order, SOME)
            slot.write(blob)
            slot.commit(name_of(blob))
        completed(one.sink)
        return one.raw()
    finally:
        os.close(fd)


def completed(sink: TarSink | DirectorySink) -> None:
    sink.put("oci-layout", b"{}")
    sink.put("index.json", b"[]")
    sink.finish()


BLOBS = [b"", b"one", b"two" * 1000, bytes(5000), b"x" * 512]


def test_members_in_their_order_with_folders_before_them(tar: Tar) -> None:
    for order, blob in enumerate(BLOBS):
        slot = tar.sink.slot(order, SOME)
        slot.write(blob)
        slot.commit(name_of(blob))
    completed(tar.sink)
    assert list(tar.members().items()) == [
        ("blobs", b"a folder"),
        ("blobs/sha256", b"a folder"),
        *((name_of(blob), blob) for blob in BLOBS),
        ("oci-layout", b"{}"),
        ("index.json", b"[]"),
    ]
    assert tar.raw() == in_order(BLOBS)
    assert tar.raw().endswith(bytes(1024))


@given(st.lists(st.binary(max_size=1500), min_size=1, max_size=12), st.data())
def test_the_order_of_work_does_not_show(blobs: list[bytes], data: st.DataObject) -> None:
    fd = os.memfd_create("tar")
    one = Tar(TarSink(OpenFile(fd, "a.tar"), None, "a.tar", sync=False), fd)
    try:
        slots = [one.sink.slot(order, SOME) for order in range(len(blobs))]
        begun: set[int] = set()
        for number in data.draw(st.permutations([*range(len(blobs))] * 2)):
            half = len(blobs[number]) // 2
            if number not in begun:
                slots[number].write(blobs[number][:half])
                begun.add(number)
            else:
                slots[number].write(blobs[number][half:])
                slots[number].commit(name_of(blobs[number]))
        completed(one.sink)
        assert one.raw() == in_order(blobs)
    finally:
        os.close(fd)


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_threads_give_the_same_bytes(jobs: int, tar: Tar) -> None:
    blobs = [bytes([number]) * (number * 7919 % 9000) for number in range(60)]

    def write(order: int) -> None:
        slot = tar.sink.slot(order, SOME)
        for start in range(0, len(blobs[order]), 1000):
            slot.write(blobs[order][start : start + 1000])
        slot.commit(name_of(blobs[order]))

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(write, range(len(blobs))))
    completed(tar.sink)
    assert tar.raw() == in_order(blobs)


def test_a_second_blob_of_a_name_is_dropped(tar: Tar) -> None:
    blobs = [b"one", b"two" * 500, b"one", b"two" * 500, b"three"]
    for order in (1, 3, 0, 4, 2):
        slot = tar.sink.slot(order, SOME)
        slot.write(blobs[order])
        slot.commit(name_of(blobs[order]))
    tar.sink.put(name_of(b"one"), b"one")
    tar.sink.put("index.json", b"{}")
    tar.sink.put("index.json", b"{}")
    tar.sink.finish()
    names = [name for name in tar.members() if name.startswith("blobs/sha256/")]
    assert names == [name_of(b"one"), name_of(b"two" * 500), name_of(b"three")]
    assert list(tar.members())[-1] == "index.json"


def test_a_dropped_blob_at_the_end_leaves_nothing_behind(tar: Tar) -> None:
    for order, blob in enumerate([b"one", b"one"]):
        slot = tar.sink.slot(order, SOME)
        slot.write(blob * 3000)
        slot.commit(SOME)
    tar.sink.finish()
    members = tar.members()
    assert members[SOME] == b"one" * 3000
    assert len(tar.raw()) == 3 * 512 + 18 * 512 + 1024


@given(st.lists(st.tuples(st.binary(max_size=1500), st.booleans()), min_size=1, max_size=10), st.data())
@settings(deadline=None)
def test_what_is_discarded_leaves_nothing_behind(blobs: list[tuple[bytes, bool]], data: st.DataObject) -> None:
    fd = os.memfd_create("tar")
    try:
        one = Tar(TarSink(OpenFile(fd, "a.tar"), None, "a.tar", sync=False), fd)
        slots = [one.sink.slot(order, SOME) for order in range(len(blobs))]
        begun: set[int] = set()
        for number in data.draw(st.permutations([*range(len(blobs))] * 2)):
            blob, kept = blobs[number]
            slots[number].write(blob)
            if number not in begun:
                begun.add(number)
            elif kept:
                slots[number].commit(name_of(blob * 2))
            else:
                slots[number].discard()
        completed(one.sink)
        assert one.raw() == in_order([blob * 2 for blob, kept in blobs if kept])
    finally:
        one.sink.close()
        os.close(fd)


def test_a_discarded_file_of_a_folder_is_removed(tmp_path: Path) -> None:
    sink = DirectorySink(str(tmp_path), "a", sync=False)
    kept, gone = sink.slot(0), sink.slot(1)
    kept.write(b"one")
    gone.write(b"two")
    gone.discard()
    kept.commit(name_of(b"one"))
    sink.finish()
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == [name_of(b"one")]


def test_names_that_need_an_extended_header(tar: Tar) -> None:
    blobs = [b"one", b"two"]
    for order in (1, 0):
        slot = tar.sink.slot(order, name_of(b"", "sha512"))
        slot.write(blobs[order])
        slot.commit(name_of(blobs[order], "sha512"))
    tar.sink.finish()
    assert [name for name in tar.members() if name.count("/") == 2] == [name_of(blob, "sha512") for blob in blobs]


def test_a_name_that_there_is_no_room_for_is_told(tar: Tar) -> None:
    slot = tar.sink.slot(0, SOME)
    slot.write(b"x")
    with pytest.raises(HostError, match="no room"):
        slot.commit(name_of(b"x", "sha512"))


def test_slots_that_are_done_early_wait_without_a_thread_or_a_file_each(tar: Tar) -> None:
    blobs = [b"%d" % number * 400_000 for number in range(100)]
    slots = [tar.sink.slot(order, SOME) for order in range(len(blobs))]
    before = open_files()
    for order in reversed(range(len(blobs))):
        slots[order].write(blobs[order])
        slots[order].commit(name_of(blobs[order]))
        assert open_files() <= before + 1
    tar.sink.finish()
    tar.sink.close()
    assert open_files() == before
    names = [name for name in tar.members() if name.count("/") == 2]
    assert names == [name_of(data) for data in blobs]


def test_abort_stops_who_comes_later(tar: Tar) -> None:
    ahead = tar.sink.slot(5, SOME)
    ahead.write(b"x")
    tar.sink.abort()
    for slot in (ahead, tar.sink.slot(0, SOME)):
        with pytest.raises(Aborted):
            slot.write(b"x")
        with pytest.raises(Aborted):
            slot.commit(SOME)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_abandoned_slots_leave_no_file_open(tar: Tar, tmp_path: Path) -> None:
    before = open_files()
    sinks: list[TarSink | DirectorySink] = [tar.sink, DirectorySink(str(tmp_path), "dest", sync=False)]
    for sink in sinks:
        for order in (1, 2):
            slot = sink.slot(order, SOME)
            slot.write(b"x")
            slot.abandon()
    unused = tar.sink.slot(3, SOME)
    unused.abandon()
    for sink in sinks:
        sink.close()
    assert open_files() == before


def test_committed_slots_leave_no_file_open(tar: Tar) -> None:
    before = open_files()
    slots = [tar.sink.slot(order, SOME) for order in range(5)]
    for slot in reversed(slots):
        slot.write(b"x")
        slot.commit(SOME)
    tar.sink.close()
    tar.sink.close()
    assert open_files() == before


# What a full disk is to a sink


def full_slot(sink: TarSink) -> None:
    slot = sink.slot(0, SOME)
    slot.write(bytes(100_000))


FULL: dict[str, Callable[[TarSink], None]] = {
    "slot": full_slot,
    "put": lambda sink: sink.put("a", b"x"),
    "finish": lambda sink: sink.finish(),
}


@pytest.mark.parametrize("name", FULL)
def test_a_full_disk_is_the_hosts_fault(name: str) -> None:
    fd = os.open("/dev/full", os.O_RDWR)
    try:
        with pytest.raises(HostError, match=r"cannot write: No space left on device, free some space.* \(a.tar\)"):
            FULL[name](TarSink(OpenFile(fd, "a.tar"), None, "a.tar", sync=False))
    finally:
        os.close(fd)


def test_what_cannot_be_cut_to_length_is_told() -> None:
    reading, writing = os.pipe()
    try:
        with pytest.raises(HostError, match="cannot write"):
            TarSink(OpenFile(writing, "a.tar"), None, "a.tar", sync=False).finish()
    finally:
        os.close(reading)
        os.close(writing)


def test_a_spool_needs_its_folder(tar: Tar, tmp_path: Path) -> None:
    slot = TarSink(OpenFile(tar.fd, "a.tar"), str(tmp_path / "none"), "a.tar", sync=False).slot(1, SOME)
    with pytest.raises(HostError, match="cannot make a temporary file"):
        slot.write(b"x")


def test_spools_have_no_names(tar: Tar, tmp_path: Path) -> None:
    slot = TarSink(OpenFile(tar.fd, "a.tar"), str(tmp_path), "a.tar", sync=False).slot(1, SOME)
    slot.write(b"x")
    assert list(tmp_path.iterdir()) == []
    slot.abandon()


@pytest.mark.parametrize("sync", [True, False])
def test_directory(sync: bool, tmp_path: Path) -> None:
    sink = DirectorySink(str(tmp_path), "dest", sync=sync)

    def write(order: int) -> None:
        slot = sink.slot(order)
        slot.write(BLOBS[order][:1])
        slot.write(BLOBS[order][1:])
        slot.commit(name_of(BLOBS[order]))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, reversed(range(len(BLOBS)))))
    sink.abort()  # which nobody here waits for
    completed(sink)
    found = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {**{name_of(blob): blob for blob in BLOBS}, "oci-layout": b"{}", "index.json": b"[]"}


def test_directory_drops_a_second_blob_of_a_name(tmp_path: Path) -> None:
    sink = DirectorySink(str(tmp_path), "dest", sync=False)
    for order in (1, 0):
        slot = sink.slot(order)
        slot.write(b"same")
        slot.commit("blobs/same")
    assert [path.name for path in tmp_path.iterdir()] == ["blobs"]
    assert (tmp_path / "blobs" / "same").read_bytes() == b"same"


def test_directory_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        sink = DirectorySink(str(tmp_path), "dest", sync=False)
        sink.put("d/a", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "d" / "a").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o750


def test_directory_tells_what_it_cannot_write(tmp_path: Path) -> None:
    sink = DirectorySink(str(tmp_path), "dest", sync=True)
    sink.put("a", b"x")
    with pytest.raises(HostError, match=r"cannot write: File exists \(dest\)"):
        sink.put("a/b", b"x")
    with pytest.raises(HostError, match=r"cannot write: No such file or directory \(dest\)"):
        DirectorySink(str(tmp_path / "none"), "dest", sync=True).slot(0)
    with pytest.raises(HostError, match=r"cannot write: No such file or directory \(dest\)"):
        fsync_folder(str(tmp_path / "none"), "dest")
