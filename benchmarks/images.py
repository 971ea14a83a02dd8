"""Docker archives to measure on, the same bytes each time: of this machine's own files, or of noise."""

from __future__ import annotations

import hashlib
import json
import os
import random
import stat
import sysconfig
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

NAME = "bench.example/app:1"
_TIME = 1_600_000_000
_MB = 1_000_000
_CHUNK = 1 << 20
_BLOCK = 512
_END = bytes(2 * _BLOCK)

#: Sizes of layers in MB. In "full" one holds more than half; in "single" nothing can be parallel over layers.
SIZES: dict[str, tuple[float, ...]] = {
    "full": (380, 120, 40, 20, *(0.7,) * 58),
    "single": (380,),
    "small": (60, 20, 10, *(0.5,) * 9),
    "single-small": (60,),
    "tiny": (1, 0.2, 0.1),
}

#: A member of a tar: its header, and what gives its bytes.
Entry: TypeAlias = "tuple[tarfile.TarInfo, Callable[[], Iterable[bytes]]]"
#: A file of this machine: its name in a layer, its path, its size.
_File: TypeAlias = "tuple[str, str, int]"


@dataclass(frozen=True, slots=True)
class Facts:
    """What an image is: sizes in bytes, of layers before compression."""

    layers: int
    unpacked: int
    largest: int
    image_id: str


def default_trees() -> list[str]:
    """Return folders of programs, libraries and data, as images hold them."""
    return ["/usr/lib", "/usr/share", sysconfig.get_path("stdlib")]


def of_files(dest: str, sizes: Sequence[float], trees: Sequence[str]) -> Facts:
    """Write a docker-archive with layers of these MB, of files below some folders. ValueError: there are too few."""

    def layers() -> Iterator[list[Entry]]:
        files = _files(trees)
        for number, megabytes in enumerate(sizes):
            chosen, files = _choose(files, int(megabytes * _MB))
            yield [_of_file(f"{number}/{name}", path, size) for name, path, size in sorted(chosen)]

    return save(dest, layers())


def of_noise(dest: str, sizes: Iterable[int], seed: int = 0, *, strays: int = 0, name: str = NAME) -> Facts:
    """Write a docker-archive with layers of these bytes, each one file that no codec shrinks, made as it is written."""

    def noise(number: int, size: int) -> Entry:
        def chunks() -> Iterator[bytes]:
            source = random.Random(f"{seed} {number}")  # noqa: S311  test data
            for start in range(0, size, _CHUNK):
                yield source.randbytes(min(_CHUNK, size - start))

        return _header("noise", size), chunks

    return save(dest, ([noise(number, size)] for number, size in enumerate(sizes)), strays, name)


def save(dest: str, layers: Iterable[list[Entry]], strays: int = 0, name: str = NAME) -> Facts:
    """Write a docker-archive as `docker save` does; `strays` is a number of members that nothing leads to."""
    diff_ids: list[str] = []
    sizes: list[int] = []
    names: list[str] = []
    with open(dest, "wb") as out:
        for number, entries in enumerate(layers):
            sizes.append(sum(len(_head(info)) + _padded(info.size) for info, _ in entries) + len(_END))
            names.append(f"{number}/layer.tar")
            diff_id = hashlib.sha256()
            out.write(_head(_header(names[-1], sizes[-1])))
            for chunk in _tar(entries):
                diff_id.update(chunk)
                out.write(chunk)
            diff_ids.append(f"sha256:{diff_id.hexdigest()}")
        config = _config(diff_ids)
        image_id = hashlib.sha256(config).hexdigest()
        entry = [{"Config": f"{image_id}.json", "RepoTags": [name], "Layers": names}]
        _plain(out, f"{image_id}.json", config)
        for number in range(strays):
            _plain(out, f"stray/{number}", b"stray")
        _plain(out, "manifest.json", json.dumps(entry).encode())
        out.write(_END)
    return Facts(len(sizes), sum(sizes), max(sizes), image_id)


def _config(diff_ids: Sequence[str]) -> bytes:
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2020-09-13T12:26:40Z",
            "config": {"Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
    ).encode()


# Tars


def _header(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, _TIME, 0o644
    return info


def _head(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(tarfile.PAX_FORMAT)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _tar(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Give the bytes of a tar: the size of it is known from the headers alone."""
    for info, chunks in entries:
        yield _head(info)
        yield from chunks()
        yield bytes(_padded(info.size) - info.size)
    yield _END


def _plain(out: BinaryIO, name: str, data: bytes) -> None:
    out.write(_head(_header(name, len(data))) + data + bytes(_padded(len(data)) - len(data)))


# This machine's files


def _files(trees: Sequence[str]) -> list[_File]:
    """Return the regular files below some folders, in an order that mixes them and is the same each time."""
    roots = sorted({os.path.realpath(tree) for tree in trees})
    found: list[_File] = []
    for root in roots:
        if any(root.startswith(f"{other}/") for other in roots):
            continue  # it is below another one
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                if stat.S_ISREG(status.st_mode) and os.access(path, os.R_OK):
                    found.append((path.lstrip("/"), path, status.st_size))
    return sorted(found, key=lambda file: hashlib.sha256(os.fsencode(file[0])).digest())


def _choose(files: Sequence[_File], room: int) -> tuple[list[_File], list[_File]]:
    """Return files that fill a layer, none of them more than a third, and those that are left. ValueError: too few."""
    chosen: list[_File] = []
    left: list[_File] = []
    free = room
    for number, file in enumerate(files):
        if free < room / 50:
            return chosen, [*left, *files[number:]]
        if file[2] <= min(free, room / 3):
            chosen.append(file)
            free -= file[2]
        else:
            left.append(file)
    if free < room / 10:
        return chosen, left
    raise ValueError(f"the files of this machine do not fill a layer of {room / _MB:g} MB")


def _of_file(name: str, path: str, size: int) -> Entry:
    def chunks() -> Iterator[bytes]:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    return _header(name, size), chunks
