"""Encode: what a measurement unpacks is compressed anew, block by block and side by side, and written in order.

Memory: at most `BLOCKS_AHEAD` blocks per worker are on their way, each once unpacked and once compressed.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from ociarchive.bytes.hashing import Hashes
from ociarchive.workers import BLOCKS_AHEAD

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ociarchive.bytes.codec import Codec
    from ociarchive.values import Digest
    from ociarchive.workers import Workers


class Writer(Protocol):
    """Who takes bytes: a slot, or a file."""

    def write(self, data: bytes) -> None:
        """Add bytes; HostError where they cannot be written."""


class Copier:
    """Writes the stored bytes of a blob as they are."""

    def __init__(self, slot: Writer) -> None:
        self._slot = slot

    def stored(self, data: bytes) -> None:
        """Write."""
        self._slot.write(data)

    def unpacked(self, data: bytes) -> None:
        """Only the measurement needs these."""


class Encoder:
    """Writes the unpacked bytes of a layer through a codec.

    Taking bytes may wait for blocks on their way, and raises what compressing or writing them raises.
    """

    def __init__(self, slot: Writer, codec: Codec, level: int, workers: Workers) -> None:
        self.codec = codec
        self._slot, self._level, self._workers = slot, level, workers
        self._hashes = Hashes(())
        self._held = bytearray()
        self._pending: deque[Future[bytes]] = deque()
        self._blocks = 0
        self.size = 0

    def stored(self, data: bytes) -> None:
        """Only the measurement needs these."""

    def unpacked(self, data: bytes) -> None:
        """Take unpacked bytes; whole blocks of them go on."""
        if self.codec.name == "none":
            self._out(data)
            return
        block = self.codec.block
        if not self._held and len(data) == block:
            self._encode(data)
            return
        self._held += data
        while len(self._held) >= block:
            self._encode(bytes(memoryview(self._held)[:block]))
            del self._held[:block]

    def finish(self) -> Digest:
        """Write what is left; return the digest of all that was written. A layer of no bytes is one empty block."""
        if self.codec.name != "none" and (self._held or not self._blocks):
            self._encode(bytes(self._held))
        while self._pending:
            self._out(self._pending.popleft().result())
        return self._hashes.digests()[0]

    def _encode(self, block: bytes) -> None:
        encode, level = self.codec.encode, self._level
        if encode is None:
            raise RuntimeError(f"nothing here writes {self.codec.name}")
        self._blocks += 1
        self._pending.append(self._workers.block(lambda: encode(block, level)))
        while len(self._pending) > BLOCKS_AHEAD * self._workers.jobs:
            self._out(self._pending.popleft().result())

    def _out(self, data: bytes) -> None:
        self._hashes.update(data)
        self.size += len(data)
        self._slot.write(data)
