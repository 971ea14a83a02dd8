"""Limits against streams that unpack to more than anyone wants (decompression bombs)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ociarchive.errors import ContentError

#: Zeros compress 1,030:1 with gzip and 30,000:1 with zstd; layers of programs 2:1 to 5:1, of logs and sparse disk
#: images up to about 100:1.
MAX_RATIO: Final = 250
#: Below this size a high ratio hurts nobody: half a gigabyte is read in a second and kept nowhere.
RATIO_FROM: Final = 640 << 20
#: With a ratio that was asked for, whatever is larger than one piece counts.
RATIO_FROM_ASKED: Final = 1 << 20
#: The largest real layers hold model weights: tens of gigabytes.
MAX_LAYER_SIZE: Final = 1 << 40


class LimitError(ContentError):
    """A stream that was given up because it unpacks to too much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a stream may unpack to: `layer_size` in bytes, `ratio` unpacked to stored once `ratio_from` is passed."""

    ratio: int = MAX_RATIO
    ratio_from: int = RATIO_FROM
    layer_size: int = MAX_LAYER_SIZE

    def guard(self, where: str) -> Guard:
        """Return a new count for one stream."""
        return Guard(self, where)


class Guard:
    """Counts one stream. `stored` is the number of bytes that were put into the decoder."""

    def __init__(self, limits: Limits, where: str) -> None:
        self._limits, self._where = limits, where
        self.stored = 0
        self.size = 0

    def unpacked(self, count: int) -> None:
        """Count bytes that came out; LimitError, with the option that lifts the limit, where they are too many."""
        self.size += count
        if self.size > self._limits.layer_size:
            raise LimitError(
                f"stream unpacks to more than {self._limits.layer_size} bytes",
                where=self._where,
                hint="--max-layer-size lifts this limit",
            )
        if self.size > self._limits.ratio_from and self.size > self._limits.ratio * max(self.stored, 1):
            raise LimitError(
                f"stream unpacks to more than {self._limits.ratio} times its size",
                where=self._where,
                hint="--max-ratio lifts this limit",
            )
