"""What the machine gives: the speed of each step alone, on one thread, and the least that a job can take of them."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import time
from typing import TYPE_CHECKING, TypeAlias

from benchmarks.jobs import STORED
from ociarchive.blobio.codec import GZIP, ZSTD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.images import Facts
    from benchmarks.jobs import Job
    from ociarchive.blobio.codec import Codec, Level

#: MB of unpacked data per second, by the name of the step.
Rates: TypeAlias = "dict[str, float]"
STEPS = ("sha256", "gunzip", "unzstd", "gzip", "zstd", "read", "write")
_CHUNK = 1 << 20
_SAMPLE = 64 << 20
_ROUNDS = 3
_MEMBER = 4 << 10
_WINDOW = 128 << 20


def sample(path: str) -> bytes:
    """Return the first bytes of the largest member of a tar."""
    with tarfile.open(path) as tar:
        largest = max(tar.getmembers(), key=lambda info: info.size)
        file = tar.extractfile(largest)
        return file.read(_SAMPLE) if file else b""


def pieces(data: bytes, size: int = _CHUNK) -> list[bytes]:
    """Return the data in pieces."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def layer(members: int, length: int) -> tuple[bytes, int]:
    """Return a layer's tar and the number of its headers: so many members of 4 KiB, with names of so many bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for number in range(members):
            info = tarfile.TarInfo(f"usr/share/{number:0{length - len('usr/share/')}}")
            info.size = _MEMBER
            tar.addfile(info, io.BytesIO(bytes(_MEMBER)))
    return out.getvalue(), members * (2 if length > tarfile.LENGTH_NAME else 1)


def packed(data: bytes, codec: Codec, level: Level | None = None) -> bytes:
    """Return the data as it is stored in a layer."""
    encode = codec.encoder(codec.level(level))
    return b"".join(map(encode, pieces(data, codec.block)))


def unpack(stored: Sequence[bytes], codec: Codec) -> int:
    """Decode what is stored, in pieces; return the number of bytes."""
    decoder = codec.decoder(_WINDOW)
    count = sum(len(out) for piece in stored for out in decoder.feed(piece))
    decoder.finish()
    decoder.close()
    return count


def digest(chunks: Sequence[bytes]) -> None:
    """Hash all chunks."""
    one = hashlib.sha256()
    for chunk in chunks:
        one.update(chunk)


def write(path: str, chunks: Sequence[bytes]) -> None:
    """Write all chunks, to the page cache."""
    with open(path, "wb", buffering=0) as file:
        file.writelines(chunks)


def read(path: str) -> None:
    """Read a file, from the page cache."""
    room = bytearray(_CHUNK)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(room):
            pass


def rates(data: bytes, scratch: str) -> Rates:
    """Measure every step on some data; the best of a few rounds, for nothing makes a step faster than it is."""
    chunks, path = pieces(data), os.path.join(scratch, "primitive")
    gzip, zstd = pieces(packed(data, GZIP)), pieces(packed(data, ZSTD))
    steps: dict[str, Callable[[], object]] = {
        "sha256": lambda: digest(chunks),
        "gunzip": lambda: unpack(gzip, GZIP),
        "unzstd": lambda: unpack(zstd, ZSTD),
        "gzip": lambda: packed(data, GZIP),
        "zstd": lambda: packed(data, ZSTD),
        "write": lambda: write(path, chunks),
        "read": lambda: read(path),
    }
    try:
        return {name: len(data) / 1e6 / min(_seconds(step) for _ in range(_ROUNDS)) for name, step in steps.items()}
    finally:
        os.remove(path)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def floor(job: Job, facts: Facts, sizes: Mapping[str, int], speed: Rates, cores: int) -> float | None:
    """Return the seconds that a job takes at least; None where start-up is all there is.

    That is the sum of its steps over the processors, or the slowest step that cannot be divided (unpacking or hashing
    the largest layer), whichever is more. `sizes` are of the sources by their names.
    """
    if job.command == "inspect":
        return None
    per_byte = {name: 1 / (rate * 1e6) for name, rate in speed.items()}
    source = STORED[job.source]
    stored, raw = sizes[job.source], facts.unpacked
    each = [per_byte["sha256"]]  # the diff_id; what a byte of a layer costs where it cannot be divided
    if source != "none":
        each.append(per_byte["gunzip" if source == "gzip" else "unzstd"])
    total = raw * sum(each) + stored * per_byte["read"]
    if source != "none":
        total += stored * per_byte["sha256"]
    if job.written:
        out = next((sizes[name] for name, codec in STORED.items() if codec == job.written), raw)
        total += out * per_byte["write"]
        if job.compression != "keep" and job.written != "none":
            total += raw * per_byte[job.written] + out * per_byte["sha256"]
    return max(total / cores, facts.largest * max(each))
