"""What names a whole archive: the digest of its file, or of a folder's sorted names and digests.

A file has its SHA-256, as it lies there. A folder has the directory hash of Go modules (in-toto attestation,
digest_set.md, dirHash): the SHA-256 of what `sha256sum` prints of all its files, sorted by their names as bytes, each
named by its path inside of the folder.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from ociarchive.blobio.manyfile import LostBytesError
from ociarchive.blobio.partlist import sum_line
from ociarchive.blobio.source import FileRange
from ociarchive.container import DirectoryContainer, PrefixedContainer, TarContainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ociarchive.blobio.partlist import Part
    from ociarchive.blobio.source import ByteSource
    from ociarchive.measure import Measured
    from ociarchive.model import Archive
    from ociarchive.origin import Origin
    from ociarchive.workers import Workers

#: With more bytes than these in holes of a sparse file an archive gets no digest: that would be work without bound.
_HOLLOW: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Identity:
    """The digest of an archive: `sha256` of a file, `dirHash` of a folder, in hexadecimal digits."""

    algorithm: Literal["sha256", "dirHash"]
    value: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


class Identifying:
    """Finds what names some archives. Files are hashed by `calls`, side by side with whatever else reads them."""

    def __init__(self, archives: Iterable[Archive], workers: Workers) -> None:
        self._workers = workers
        self._files: dict[int, str] = {}
        self.calls: list[Callable[[], None]] = []
        for archive in archives:
            origin = _whole(archive)
            if isinstance(origin, TarContainer):
                if origin.sha256 is not None:
                    self._files[id(origin)] = origin.sha256
                elif origin.outermost:
                    self.calls.append(partial(self._hash, origin))

    def _hash(self, origin: TarContainer) -> None:
        if origin.is_hollow(_HOLLOW):
            return
        found = hashlib.sha256()
        with suppress(LostBytesError):  # what is not whole has no digest of its own
            for chunk in origin.chunks():
                self._workers.check()
                found.update(chunk)
            self._files[id(origin)] = found.hexdigest()

    def of(self, archive: Archive, facts: Mapping[ByteSource, Measured]) -> Identity | None:
        """Return what names an archive, None for a registry and an engine's storage. `facts` are those of its blobs.

        HostError: a file of a folder cannot be read. ContentError: it changes meanwhile.
        """
        origin = _whole(archive)
        if isinstance(origin, DirectoryContainer):
            found = _of_folder(origin, facts, self._workers.check)
            return Identity("dirHash", found) if found is not None else None
        return self.of_file(archive)

    def of_file(self, archive: Archive) -> Identity | None:
        """Return what names an archive in a file, None where it lies in none."""
        file = self._files.get(id(_whole(archive)))
        return Identity("sha256", file) if file is not None else None


def parts_of(archive: Archive) -> tuple[Part, ...]:
    """Return the parts in which an archive was read, none where it is whole."""
    origin = _whole(archive)
    return origin.parts if isinstance(origin, TarContainer) else ()


def identity_of_file(path: str) -> Identity | None:
    """Return what names a file that cannot be read as an archive. ContentError, HostError: it cannot be read at all."""
    file = FileRange(path, 0, os.path.getsize(path), path)
    return Identity("sha256", hashed(file, lambda _: None)) if not file.is_hollow(_HOLLOW) else None


def _whole(archive: Archive) -> Origin:
    """Return what an archive lies in, whole: it may have been packed with a folder around it."""
    origin = archive.origin
    while isinstance(origin, PrefixedContainer):
        origin = origin.whole
    return origin


def _of_folder(
    folder: DirectoryContainer, facts: Mapping[ByteSource, Measured], tick: Callable[[int], object]
) -> str | None:
    """Return the digest of a folder's sorted names and digests. Blobs that were measured are not read again."""
    found = hashlib.sha256()
    for name in sorted(folder.names(), key=lambda one: one.encode("utf-8", "surrogateescape")):
        source = folder.get(name)
        if source is not None:
            fact = facts.get(source)
            if fact is None and source.is_hollow(_HOLLOW):
                return None
            found.update(sum_line(name, fact.digest.hex if fact is not None else hashed(source, tick)))
    return found.hexdigest()


def hashed(source: ByteSource, tick: Callable[[int], object]) -> str:
    """Return the SHA-256 of a source in hexadecimal digits. `tick` is called with the size of each chunk."""
    found = hashlib.sha256()
    for chunk in source.chunks():
        tick(len(chunk))
        found.update(chunk)
    return found.hexdigest()
