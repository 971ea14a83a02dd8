"""What rebuilding the layers of one storage may take. A few stored bytes can list the same file without end."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ociarchive.blobio.limits import LimitError, Limits
from ociarchive.errors import plural

if TYPE_CHECKING:
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


def listing(limits: Limits) -> Limits:
    """Return the limits of one tar-split file."""
    asked = limits.ratio != Limits().ratio
    return limits if asked else replace(limits, ratio=_RATIO, ratio_from=_RATIO_FROM)


class Bounds:
    """Counts what all readings of a storage's layers take. Threads may share it.

    What is listed counts once, however often it is read; so does what the files of a folder take on the disk.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits, self._listing = limits, listing(limits)
        self._lock = threading.Lock()
        self._splits: dict[ByteSource, tuple[int, int]] = {}
        self._folders: dict[str, int] = {}
        self._stored = self._listed = self._entries = 0
        self._taken = self._content = 0

    def split(self, source: ByteSource, unpacked: int, entries: int) -> None:
        """Note how far a tar-split file was unpacked and read. LimitError: all together hold too much."""
        with self._lock:
            if source not in self._splits:
                self._stored += source.size or 0
            before = self._splits.get(source, (0, 0))
            now = max(before[0], unpacked), max(before[1], entries)
            self._splits[source] = now
            self._listed += now[0] - before[0]
            self._entries += now[1] - before[1]
            stored, size, count = self._stored, self._listed, self._entries
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

    def file(self, folder: str, taken: int, size: int, where: str) -> None:
        """Count bytes of a file; `taken` is what the files of its folder, in this reading, take on the disk so far.

        LimitError: the files of all layers together have too many bytes for it.
        """
        with self._lock:
            before = self._folders.get(folder, 0)
            if taken > before:
                self._folders[folder] = taken
                self._taken += taken - before
            self._content += size
            content, stored = self._content, self._taken
        ratio = self._limits.ratio
        if content > _FILES_FROM and content > ratio * stored:
            what = f"the files of layers have more than {plural(ratio, 'time')} the bytes that they take"
            raise LimitError(what, "ratio", where=where)
