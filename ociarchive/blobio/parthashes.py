"""The SHA-256 of a file in parts, and of each part, found behind whoever writes it: each byte is read once for both.

What was just written is read from the system's cache, so an archive that is larger than memory is not read from the
disk for this. Where the disk is slower than hashing it costs no time.
"""

from __future__ import annotations

import errno
import hashlib
import threading
from typing import TYPE_CHECKING

from ociarchive.blobio.source import CHUNK
from ociarchive.errors import cannot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from ociarchive.blobio.randomfile import RandomFile
    from ociarchive.workers import Workers


class PartHashes:
    """Hashes of a file and of its parts of `size` bytes. Who writes it says with `final` and `end` what stays so.

    With more than one worker two threads of its own hash meanwhile, one the whole and one the parts; else `wait` does.
    """

    def __init__(self, file: RandomFile, size: int, workers: Workers) -> None:
        """`file` stays the caller's, and open until this is closed."""
        self._file, self._size, self._workers = file, size, workers
        self._changed = threading.Condition()
        self._final = 0
        self._ended = self._stopped = False
        self._running: Future[None] | None = None
        self._whole = hashlib.sha256()
        self._parts: list[str] = []

    @property
    def whole(self) -> str:
        """The hash of the whole in hexadecimal digits, once `wait` has returned."""
        return self._whole.hexdigest()

    @property
    def parts(self) -> tuple[str, ...]:
        """The hash of each part in hexadecimal digits, once `wait` has returned."""
        return tuple(self._parts)

    def begin(self) -> None:
        """Follow from now on. HostError: no thread can be started."""
        if self._workers.jobs > 1:
            self._running = self._workers.aside(self._follow_in_threads)

    def final(self, position: int) -> None:
        """Say that the bytes before `position` are written and stay as they are. RuntimeError: more was said before."""
        with self._changed:
            if position < self._final:
                raise RuntimeError(f"bytes up to {self._final} were final, now they are up to {position}")
            self._final = position
            self._changed.notify_all()

    def end(self) -> None:
        """Say that all bytes of the file are final."""
        self.final(self._file.size)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait(self) -> None:
        """Return when all is hashed, after `end`. HostError: the file cannot be read. Cancelled: other work failed."""
        if self._running is not None:
            self._running.result()
        else:
            self._follow(lambda call, data: call(data))

    def close(self) -> None:
        """Hash no more, and return when no thread does. What other threads wait for ends."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._running is not None:
            self._running.exception()

    def _follow_in_threads(self) -> None:
        lane = self._workers.lane(own=True)
        try:
            self._follow(lane.do)
            lane.end()
        finally:
            lane.drop()

    def _follow(self, do: Callable[[Callable[[bytes], object], bytes], object]) -> None:
        """Hash all. `do` calls what hashes the whole, in order, at once or later."""
        part, position = hashlib.sha256(), 0
        for data in self._written():
            for piece in self._cut(data, position):
                do(self._whole.update, piece)
                position += len(piece)
                ends = position % self._size == 0
                if position > self._size:
                    part.update(piece)
                    if ends:
                        self._parts.append(part.hexdigest())
                        part = hashlib.sha256()
                elif ends:  # the hash of the first part is that of the beginning
                    do(self._end_first, b"")
        if position < self._size:
            do(self._end_first, b"")
        elif position % self._size:
            self._parts.append(part.hexdigest())

    def _end_first(self, _: bytes) -> None:
        self._parts.insert(0, self.whole)

    def _cut(self, data: bytes, position: int) -> Iterator[bytes]:
        """Give the pieces of some bytes that lie in one part each."""
        start = 0
        while start < len(data):
            end = start + self._size - (position + start) % self._size
            yield data[start:end]
            start = end

    def _written(self) -> Iterator[bytes]:
        """Give the bytes of the file as they become final. Nothing comes after a stop."""
        position = 0
        while True:
            with self._changed:
                while position == self._final and not (self._ended or self._stopped):
                    self._changed.wait()
                length = min(self._final - position, CHUNK)
                if self._stopped or not length:
                    return
            self._workers.check()
            data = self._file.read(length, position)
            if len(data) < length:
                raise cannot("read", OSError(errno.EIO, "it lost bytes"), self._file.where)
            position += length
            yield data
