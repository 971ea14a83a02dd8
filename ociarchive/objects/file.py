"""An object as a file: read by ranges, ahead of who reads it on, and never more of it in memory than some pieces."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from ociarchive.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.objects.address import Address
    from ociarchive.objects.store import Store

#: Who reads on from where a piece ended gets so much at once, and a small object comes as a whole: a request takes some
#: tens of milliseconds, whatever it brings.
_AHEAD: Final = 2 << 20
#: Who reads elsewhere, as one who looks for the next header does, gets so much.
_WINDOW: Final = 128 << 10
#: Pieces that are kept: one for each layer that is read at a time, and some headers. 16 MiB at most.
_KEPT: Final = 8


class ObjectFile:
    """A RandomFile over an object. Nothing of it can be written. Its size and bytes are those of when it was opened."""

    def __init__(self, store: Store, address: Address, where: str) -> None:
        """UsageError: there is no such object. HostError: access is refused, or the storage does not answer."""
        self._store, self._address, self.where = store, address, where
        self._known = store.known(address)
        self._pieces: deque[tuple[int, bytes]] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self._known.size

    def read(self, size: int, position: int) -> bytes:
        """Return bytes, fewer only where the end comes before. ContentError: the object is another one now."""
        end = min(position + size, self.size)
        found: list[bytes] = []
        while position < end:
            start, data = self._piece(position, end - position)
            part = data[position - start : end - start]
            found.append(part)
            position += len(part)
        return found[0] if len(found) == 1 else b"".join(found)

    def _piece(self, position: int, size: int) -> tuple[int, bytes]:
        """Return a piece that holds the byte at a position."""
        with self._lock:
            before = None
            for piece in self._pieces:
                start, data = piece
                if start <= position < start + len(data):
                    return piece
                if start + len(data) == position:
                    before = piece
            if before is not None:
                self._pieces.remove(before)  # it was read to its end
        reads_on = before is not None or self.size <= _AHEAD
        start = 0 if self.size <= _AHEAD else position
        end = min(max(position + size, start + (_AHEAD if reads_on else _WINDOW)), self.size)
        made = (start, self._store.read(self._address, start, end, self._known))
        with self._lock:
            self._pieces.append(made)
        return made

    def data_from(self, position: int) -> int:
        """Return the position: an object has no holes."""
        return position

    def stretches(self, position: int, size: int) -> Iterator[tuple[int, int, int]]:
        """No file of this machine holds them."""
        del position, size
        raise self._refused()

    def write(self, data: bytes | memoryview, position: int) -> None:
        """Nothing is written to object storage."""
        del data, position
        raise self._refused()

    def cut(self, size: int) -> None:
        """Nothing is written to object storage."""
        del size
        raise self._refused()

    def sync(self) -> None:
        """Nothing was written."""

    def close(self) -> None:
        """Let go of what is kept."""
        with self._lock:
            self._pieces.clear()

    def _refused(self) -> HostError:
        return HostError("nothing is written to object storage", where=self.where)
