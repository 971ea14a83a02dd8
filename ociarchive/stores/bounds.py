"""What rebuilding the layers of one storage may take. A few stored bytes can list the same file without end."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError, Limits
from ociarchive.errors import plural

if TYPE_CHECKING:
    from collections.abc import Hashable

    from ociarchive.blobio.source import ByteSource

#: How much larger than its file tar-split data may be, where the call asks for no other ratio. An entry has a header of
#: 512 bytes or a path, and takes a tenth of that; long stretches of zeros stand at the end of a tar alone.
_RATIO: Final = 64
_RATIO_FROM: Final = 64 << 20
#: What all tar-split files together may unpack to, in bytes, whatever their size: seven seconds' work for each reading.
_LISTED_FROM: Final = 1 << 30
#: Stored bytes of them that allow no further entry, and those above that allow one. A file has two, of some tens of
#: bytes each.
_SMALL: Final = 10_000_000
_ENTRY: Final = 4
#: What all files together may have, in bytes, whatever they take on the disk: seconds' work.
_FILES_FROM: Final = 2 << 30
#: How often files are opened, whatever they are: three seconds' work.
_OPENED_FROM: Final = 100_000
#: How often each is opened beyond that. A tar has each file once, and a call reads a layer a few times.
_OPENED: Final = 16


def listing(limits: Limits) -> Limits:
    """Return the limits of one tar-split file."""
    asked = limits.ratio != Limits().ratio
    return limits if asked else replace(limits, ratio=_RATIO, ratio_from=_RATIO_FROM)


class _Sum:
    """A sum of what each of many has at most: a layer, or a folder, however often it is read."""

    def __init__(self) -> None:
        self._most: dict[Hashable, int] = {}
        self.all = 0

    def of(self, one: Hashable) -> int:
        """Return what one of them has so far."""
        return self._most.get(one, 0)

    def note(self, one: Hashable, value: int) -> None:
        """Note what one of them has."""
        before = self.of(one)
        if value > before:
            self._most[one] = value
            self.all += value - before


class Bounds:
    """Counts what all readings of a storage's layers take. Threads may share it.

    What is listed counts once for each layer, however often it is read; so do its steps over links, and what the files
    of a folder take on the disk.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits, self._listing = limits, listing(limits)
        self._lock = threading.Lock()
        self._sources: set[ByteSource] = set()
        self._stored = self._content = self._opened = 0
        self._unpacked, self._entries, self._steps = _Sum(), _Sum(), _Sum()  # by layer
        self._taken, self._files = _Sum(), _Sum()  # by folder

    def stored(self) -> int:
        """Return the bytes that tar-split files and the files of layers take, as far as they were read."""
        with self._lock:
            return self._stored + self._taken.all

    def split(self, layer: Hashable, source: ByteSource, unpacked: int, entries: int) -> None:
        """Note how far a layer's tar-split file was unpacked and read. LimitError: all together hold too much.

        Many layers may have one file, by links: it is stored once, and read for each of them.
        """
        with self._lock:
            if source not in self._sources:
                self._sources.add(source)
                self._stored += source.size or 0
            self._unpacked.note(layer, unpacked)
            self._entries.note(layer, entries)
            stored, size, count = self._stored, self._unpacked.all, self._entries.all
        ratio = self._listing.ratio
        if size > _LISTED_FROM and size > ratio * stored:
            raise LimitError(
                f"tar-split data unpacks to more than {plural(ratio, 'time')} its size", "ratio", where=source.where
            )
        most = max(2 * self._limits.headers, (stored - _SMALL) // _ENTRY)
        if count > most:
            raise LimitError(
                f"tar-split data has more than {plural(most, 'entry', 'entries')}", "headers", where=source.where
            )

    def steps(self, layer: Hashable) -> int:
        """Return how many steps over folders and links were taken for other layers than this one."""
        with self._lock:
            return self._steps.all - self._steps.of(layer)

    def walked(self, layer: Hashable, steps: int) -> None:
        """Note how many steps a reading of a layer has taken so far."""
        with self._lock:
            self._steps.note(layer, steps)

    def opened(self, folder: str, files: int, where: str) -> None:
        """Count that a file is opened; `files` is how many of its folder this reading has opened so far, each once.

        LimitError: the tar-split data lists the same files again and again.
        """
        with self._lock:
            self._files.note(folder, files)
            self._opened += 1
            opened, most = self._opened, max(_OPENED_FROM, self._limits.headers // 2, _OPENED * self._files.all)
        if opened > most:
            what = f"tar-split data lists files again and again: they are opened more than {plural(most, 'time')}"
            raise LimitError(what, "headers", where=where)

    def file(self, folder: str, taken: int, size: int, where: str) -> None:
        """Count bytes of a file; `taken` is what the files of its folder, in this reading, take on the disk so far.

        LimitError: the files of all layers together have too many bytes for it.
        """
        with self._lock:
            self._taken.note(folder, taken)
            self._content += size
            content, stored = self._content, self._taken.all
        ratio = self._limits.ratio
        if content > _FILES_FROM and content > ratio * stored:
            what = f"the files of layers have more than {plural(ratio, 'time')} the bytes that they take"
            raise LimitError(what, "ratio", where=where)
