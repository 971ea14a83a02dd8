"""Encode: compress again what a measurement unpacks. Blocks are compressed in parallel and written in order.

Memory: at most `BLOCKS_AHEAD` blocks per worker are in progress, each once unpacked and once compressed.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Protocol

from ociarchive.blobio.blockproof import proving
from ociarchive.blobio.hashing import Hashes
from ociarchive.workers import BLOCKS_AHEAD

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ociarchive.blobio.codec import Codec
    from ociarchive.values import Digest
    from ociarchive.workers import Workers


class Writer(Protocol):
    """Receives bytes: a slot, or a file."""

    def write(self, data: bytes) -> None:
        """Add bytes; HostError where they cannot be written."""


class Copier:
    """Writes the bytes of a blob, as they are `stored` or else unpacked."""

    waits = False

    def __init__(self, slot: Writer, *, stored: bool) -> None:
        self.stored = stored
        self.take = slot.write


class Encoder:
    """Compresses the unpacked bytes of a layer with a codec and writes them.

    Taking bytes may wait for blocks in progress, and raises what compressing or writing them raises. With `prove` every
    block is unpacked again where it was compressed. HostError: it is not what it was.
    """

    stored = False
    waits = True

    def __init__(self, slot: Writer, codec: Codec, level: int, workers: Workers, *, prove: str | None = None) -> None:
        """`prove` names, for messages, what is compressed. None: no block is proved."""
        self.codec, self.proved = codec, prove is not None
        self._slot, self._workers = slot, workers
        self._encoder = codec.encoder(level)
        if prove is not None:
            self._encoder = proving(codec, self._encoder, prove)
        self._hashes = Hashes(())
        self._held: list[memoryview] = []  # less than a block
        self._length = 0
        self._pending: deque[Future[bytes]] = deque()
        self._blocks = 0
        self.size = 0

    def take(self, data: bytes) -> None:
        """Take unpacked bytes. Whole blocks of them are compressed."""
        rest = memoryview(data)
        while rest:
            part = rest[: self.codec.block - self._length]
            rest = rest[len(part) :]
            self._held.append(part)
            self._length += len(part)
            if self._length == self.codec.block:
                self._encode()

    def finish(self) -> Digest:
        """Write the rest and return the digest of all that was written. A layer of no bytes is one empty block."""
        if self._held or not self._blocks:
            self._encode()
        while self._pending:
            self._out(self._pending.popleft().result())
        return self._hashes.digests()[0]

    def _encode(self) -> None:
        block = b"".join(self._held)
        self._held, self._length = [], 0
        self._blocks += 1
        self._pending.append(self._workers.block(partial(self._encoder, block)))
        while len(self._pending) > BLOCKS_AHEAD * self._workers.jobs:
            self._out(self._pending.popleft().result())

    def _out(self, data: bytes) -> None:
        self._hashes.update(data)
        self.size += len(data)
        self._slot.write(data)
