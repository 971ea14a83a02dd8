"""What a conversion surely needs is asked for before it begins, and nothing that is not sure."""

import os
import resource
import zlib
from pathlib import Path

import pytest

from ociarchive.blobio.codec import by_name
from ociarchive.blobio.source import Bytes
from ociarchive.errors import HostError
from ociarchive.transform import preflight
from ociarchive.transform.plan import Move
from ociarchive.values import Digest

NOISE = os.urandom(5000)
PACKED = zlib.compress(NOISE, wbits=31)


def move(content: bytes, number: int = 0, *, recompressed: bool = False) -> Move:
    digest = Digest("sha256", f"{number:064x}") if number else None
    return Move(Bytes(content, f"blob {number}"), by_name("gzip") if recompressed else None, digest)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> "Disk":
    return Disk(monkeypatch)


class Disk:
    """A disk of any kind with any room on it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def has(self, size: int | None, kind: str | None = "ext4") -> None:
        """Say what is free, and on which file system."""
        self._patch.setattr(preflight, "_free", lambda _: size)
        self._patch.setattr(preflight, "_filesystem", lambda _: kind)


def refused(moves: list[Move], *, one_file: bool = True) -> str:
    with pytest.raises(HostError) as caught:
        preflight.require(moves, "/", "dest", one_file=one_file)
    return str(caught.value)


def allowed(moves: list[Move], *, one_file: bool = True) -> None:
    preflight.require(moves, "/", "dest", one_file=one_file)


def test_what_is_kept_has_to_fit(free: Disk) -> None:
    free.has(9999)
    assert refused([move(NOISE, 1), move(NOISE, 2)]) == (
        "not enough space for DEST: expected 10000 bytes at least for what is kept as it is, found 9999 bytes; "
        "free some space there, or choose another place (dest)"
    )
    free.has(10000)
    allowed([move(NOISE, 1), move(NOISE, 2)])


def test_only_what_is_sure_counts(free: Disk) -> None:
    free.has(5000)
    allowed([move(NOISE, 1), move(NOISE, 1)])  # one content
    allowed([move(NOISE, 1), move(NOISE)])  # perhaps one content: nothing names the second
    allowed([move(NOISE), move(NOISE)])
    allowed([move(NOISE, 1), move(NOISE, 2, recompressed=True)])
    refused([move(NOISE, 1), move(NOISE[:-1])])
    free.has(None)
    allowed([move(NOISE, number) for number in range(1, 100)])
    allowed([])


@pytest.mark.parametrize("kind", ["btrfs", "zfs", "overlay", "fuse", None])
def test_a_file_system_may_compress(kind: str | None, free: Disk) -> None:
    free.has(len(PACKED) - 1, kind)
    allowed([move(NOISE, 1), move(bytes(10000), 2)])
    refused([move(PACKED, 1)])
    free.has(len(PACKED), kind)
    allowed([move(PACKED, 1), move(NOISE, 2)])


def test_files_may_be_limited(free: Disk) -> None:
    free.has(None)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        allowed([move(NOISE, 1), move(NOISE, 2)], one_file=False)
        assert "ulimit -f" in refused([move(NOISE, 1), move(NOISE, 2)])
        assert "expected 5001 bytes" in refused([move(NOISE + b"x", 1)], one_file=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_the_machine_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.statvfs(tmp_path)
    free = preflight._free(str(tmp_path))
    assert free is not None
    assert 0 < free <= status.f_bfree * status.f_frsize * 2
    assert preflight._filesystem("/proc") == "proc"
    monkeypatch.setattr(preflight, "_MOUNTS", "/nonexistent")
    assert preflight._filesystem("/proc") is None
    monkeypatch.setattr(preflight, "_MOUNTS", os.devnull)
    assert preflight._filesystem("/proc") is None
    assert preflight._free("/proc") is None  # it says that it has no blocks at all
