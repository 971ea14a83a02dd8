"""Blobs that are fetched before they are read: in their order, several side by side, in bounded memory.

Who unpacks a layer then never waits for the answer to a request, and the network never waits for the unpacking, as
long as one of the two has something to do.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from ociarchive.values import Digest

#: A blob by its digest and its size in bytes.
Blob: TypeAlias = "tuple[Digest, int]"
#: Connections on which blobs are fetched side by side, as many as other programs use.
CONNECTIONS: Final = 6
#: Blobs that are begun and not read to their end, and the pieces of each that wait: 12 MiB at most with all of them.
_BEGUN: Final = 8
_PIECES: Final = 3


class Ahead:
    """Fetches blobs until all are begun, each once. Threads that read them may come in any order.

    A blob whose fetching has not begun when it is asked for is not fetched here, so nobody waits for a place.
    """

    def __init__(self, fetch: Callable[[Digest, int], Generator[bytes]], blobs: Iterable[Blob]) -> None:
        """`fetch` gives the bytes of a blob from a digest and a size; it is called in threads of its own."""
        self._fetch = fetch
        self._changed = threading.Condition()
        self._waiting: dict[Blob, None] = dict.fromkeys(blobs)
        self._begun: dict[Blob, _Stream] = {}
        self._busy = 0
        self._threads: list[threading.Thread] = []
        for number in range(min(CONNECTIONS, len(self._waiting))):
            thread = threading.Thread(target=self._work, name=f"fetch_{number}", daemon=True)
            with suppress(RuntimeError):  # no thread can be started: what is not begun is fetched where it is read
                thread.start()
                self._threads.append(thread)

    def take(self, digest: Digest, size: int) -> Generator[bytes] | None:
        """Return the bytes of a blob, once. None: it is not fetched here. Iterating raises what fetching raised."""
        blob = (digest, size)
        with self._changed:
            self._waiting.pop(blob, None)
            stream = self._begun.get(blob)
            if stream is None or stream.taken:
                return None
            stream.taken = True
        return self._read(blob, stream)

    def drop(self, digest: Digest, size: int) -> None:
        """Give a blob up that is not read, or no further. Of one that was read nothing is left to do."""
        blob = (digest, size)
        with self._changed:
            self._waiting.pop(blob, None)
            stream = self._begun.pop(blob, None)
            self._changed.notify_all()
        if stream is not None:
            stream.drop()

    def close(self, abort: Callable[[], None]) -> None:
        """Begin no blob any more and end the threads. `abort` ends what they wait for, if there is anything."""
        with self._changed:
            self._waiting.clear()
            begun, busy = list(self._begun.values()), self._busy
            self._changed.notify_all()
        for stream in begun:
            stream.drop()
        if busy:
            abort()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._waiting and len(self._begun) >= _BEGUN:
                    self._changed.wait()
                if not self._waiting:
                    return
                blob = next(iter(self._waiting))
                del self._waiting[blob]
                stream = self._begun[blob] = _Stream()
                self._busy += 1
            stream.fill(self._fetch(*blob))
            with self._changed:
                self._busy -= 1

    def _read(self, blob: Blob, stream: _Stream) -> Generator[bytes]:
        try:
            while (piece := stream.next()) is not None:
                yield piece
        finally:
            self.drop(*blob)


class _Stream:
    """One blob between the thread that fetches it and the one that reads it."""

    def __init__(self) -> None:
        self.taken = False
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._ended = self._dropped = False
        self._error: BaseException | None = None

    def fill(self, pieces: Generator[bytes]) -> None:
        """Take all pieces, no more ahead of the reader than may wait."""
        try:
            for piece in pieces:
                with self._changed:
                    while len(self._pieces) >= _PIECES and not self._dropped:
                        self._changed.wait()
                    if self._dropped:
                        return
                    self._pieces.append(piece)
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001  it is raised where the blob is read
            self._error = error
        finally:
            pieces.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def next(self) -> bytes | None:
        """Return the next piece, None at the end. Raises what fetching it raised."""
        with self._changed:
            while not self._pieces and not self._ended:
                self._changed.wait()
            if self._pieces:
                piece = self._pieces.popleft()
                self._changed.notify_all()
                return piece
        if self._error is not None:
            raise self._error
        return None

    def drop(self) -> None:
        """Read no further."""
        with self._changed:
            self._dropped = True
            self._pieces.clear()
            self._changed.notify_all()
